"""A place to work in, for the tests of the Dagster layer."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from skype_assets.etl.sample import write_sample

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def sample_tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of 300 messages, outside of any exports folder."""
    path = tmp_path_factory.mktemp("downloads") / "ann.tar"
    write_sample(path, messages=300, seed=7)
    return path


@pytest.fixture
def workspace(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with this project's configuration; tables and Dagster's storage are in a fresh database."""
    for name in ("DAGSTER_HOME", "SKYPE_EXPORTS_DIR", "SKYPE_OUTPUT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SKYPE_DATABASE_URL", postgres_url)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", postgres_url)
    monkeypatch.setenv("SKYPE_MAX_WORKERS", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(ROOT / name, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance that is as fast as can be; the tests that need a lasting one make it."""
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral
