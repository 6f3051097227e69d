"""Databases for the tests of whole runs, and one finished run from copies of which they begin."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from skype_assets.etl import engine
from skype_assets.etl.database import ddl
from skype_assets.etl.database.session import Session
from skype_assets.etl.sample import write_overlapping, write_sample
from skype_assets.etl.task import Task
from tests.conftest import NewDatabase
from tests.engine.forging import Whole, run_all, whole_of
from tests.engine.runs import task


@pytest.fixture(scope="session")
def tables(new_database: NewDatabase) -> str:
    """A database that has the tables and no row: a copy is there sooner than tables that a first load creates."""
    url = new_database()
    with Session(url) as session:
        ddl.create(session)
    return url


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small export with everything in it; in parts of 150 messages it has four of them, and one of media."""
    return write_sample(tmp_path_factory.mktemp("sample") / "export.tar", messages=600).path


@pytest.fixture(scope="session")
def finished(sample: Path, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Task:
    """A task that ran without interruption. Not to be changed: see ``copied``."""
    uninterrupted = task("t", tmp_path_factory.mktemp("finished"), sample, new_database(), chunk_size=150)
    engine.run(uninterrupted)
    return uninterrupted


@pytest.fixture
def copied(finished: Task, new_database: NewDatabase, tmp_path: Path) -> Task:
    """The finished task with folder and database of the test's own."""
    shutil.copytree(finished.output_dir, tmp_path / "out")
    return replace(finished, output_dir=tmp_path / "out", database=new_database(finished.database))


@pytest.fixture
def fresh(finished: Task, new_database: NewDatabase, tmp_path: Path) -> Task:
    """The same task, not yet begun."""
    return replace(finished, output_dir=tmp_path / "out", database=new_database())


@pytest.fixture(scope="session")
def one(sample: Path, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """One export, with everything in it."""
    loaded = task("t", tmp_path_factory.mktemp("one"), sample, new_database(), chunk_size=10_000)
    return whole_of(run_all([loaded]))


@pytest.fixture
def whole(request: pytest.FixtureRequest) -> Whole:
    """``one`` or ``six``, for tests with both."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def six(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Six exports of one account that overlap."""
    folder, url = tmp_path_factory.mktemp("six"), new_database()
    exports = write_overlapping(folder, exports=6, messages=300)
    return whole_of(run_all([task(path.stem, folder / "out", path, url, chunk_size=10_000) for path in exports]))
