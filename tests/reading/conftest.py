"""Databases to read from: one with the sample, which no test changes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from skype_assets.etl import engine
from skype_assets.etl.reading.snapshots import Snapshots
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Task
from tests.conftest import NewDatabase


@pytest.fixture(scope="session")
def output_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reading") / "output"


@pytest.fixture(scope="session")
def sample_url(output_dir: Path, new_database: NewDatabase) -> str:
    sample = write_sample(output_dir.parent / "sample.tar", messages=3_000).path
    url = new_database()
    engine.run(Task("sample", output_dir, sample, url))
    return url


@pytest.fixture
def sample(sample_url: str) -> Iterator[Snapshots]:
    snapshots = Snapshots(lambda: sample_url, "Europe/Berlin")
    yield snapshots
    snapshots.close()
