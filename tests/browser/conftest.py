"""Readers of a sample, of a long conversation, and of a hostile export."""

from collections.abc import Iterator

import pytest

from skype_assets.etl import engine
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Task
from tests.engine.conftest import NewDatabase
from tests.pages.conftest import attacked, database, new_database, place, reader
from tests.pages.reader import Reader, reading

__all__ = ["attacked", "database", "new_database", "place", "reader"]


@pytest.fixture(scope="session")
def long(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Iterator[Reader]:
    """A reader of one conversation of 3,000 messages."""
    folder, url = tmp_path_factory.mktemp("long"), new_database()
    write_sample(folder / "long.tar", messages=3_000, conversations=1, oddities=False)
    engine.run(Task("long", folder / "output", folder / "long.tar", url))
    with reading(folder, url, "--time-zone", "UTC") as running:
        yield running
