"""Readers of a sample and of a hostile export; both for all tests of the session, as they change nothing."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from skype_assets.etl import engine
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Settings, Task
from tests.conftest import NewDatabase
from tests.pages import hostile
from tests.pages.reader import Reader, reading

MESSAGES = int(os.environ.get("SKYPE_TEST_MESSAGES") or 2_000)
"""Messages of the sample; with a million, `pytest tests/browser/test_reader.py` takes some minutes."""


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with a sample that is loaded into ``database``."""
    folder = tmp_path_factory.mktemp("place")
    write_sample(folder / "sample.tar", messages=MESSAGES)
    return folder


@pytest.fixture(scope="session")
def database(place: Path, new_database: NewDatabase) -> str:
    url = new_database()
    # What is kept of media has tests of its own: here files are read from the export.
    engine.run(Task("sample", place / "output", place / "sample.tar", url, Settings(keep_media=False)))
    return url


@pytest.fixture(scope="session")
def reader(place: Path, database: str) -> Iterator[Reader]:
    with reading(place, database, "--time-zone", "Europe/Berlin") as running:
        yield running


@pytest.fixture(scope="session")
def attacked(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Iterator[Reader]:
    """A reader of the hostile export."""
    folder, url = tmp_path_factory.mktemp("attacked"), new_database()
    engine.run(Task("hostile", folder / "output", hostile.write(folder / "hostile.tar"), url))
    with reading(folder, url) as running:
        yield running
