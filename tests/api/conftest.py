"""Pipelines with a database and a folder of their own, and one finished run from copies of which tests begin."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from skype_assets import ETLPipeline
from skype_assets.etl.engine.journal import Observer
from skype_assets.etl.sample import write_sample
from tests.conftest import NewDatabase

MESSAGES = 600
CHUNK_SIZE = 150


@dataclass(frozen=True)
class Place:
    """Where a pipeline works: its folder, its database, and the export."""

    output_dir: Path
    url: str
    export: Path

    def pipeline(self, observer: Observer | None = None, **arguments: Any) -> ETLPipeline:
        """A pipeline in small parts, all in this process; a context that is given brings its own database."""
        database = self.url if "context" not in arguments else None
        settings: dict[str, Any] = {"chunk_size": CHUNK_SIZE, "max_workers": 1, **arguments}
        return ETLPipeline(database, self.output_dir, observer=observer, **settings)

    @property
    def manifest(self) -> Path:
        """The one manifest in the folder."""
        [found] = self.output_dir.glob("etl_checkpoint_*.json")
        return found


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither Dagster nor a database but those that a test names."""
    for name in os.environ:
        if name in ("DAGSTER_HOME", "SKYPE_DATABASE_URL") or name.startswith("PG"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small export; in parts of 150 messages it has four of them, and one of media."""
    return write_sample(tmp_path_factory.mktemp("export") / "skype_export.tar", messages=MESSAGES).path


@pytest.fixture
def place(tmp_path: Path, postgres_url: str, export: Path) -> Place:
    """A place where nothing has happened yet, with an export of its own."""
    return Place(tmp_path / "output", postgres_url, Path(shutil.copy2(export, tmp_path)))


@pytest.fixture(scope="session")
def finished(export: Path, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """An uninterrupted run. Not to be changed: see ``copied``."""
    done = Place(tmp_path_factory.mktemp("finished") / "output", new_database(), export)
    done.pipeline(task_id="t").run_pipeline(done.export)
    return done


@pytest.fixture
def copied(finished: Place, new_database: NewDatabase, tmp_path: Path) -> Place:
    """The finished run with folder, database and export of the test's own."""
    shutil.copytree(finished.output_dir, tmp_path / "output")
    return Place(tmp_path / "output", new_database(finished.url), Path(shutil.copy2(finished.export, tmp_path)))
