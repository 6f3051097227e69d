"""A pooler in transaction mode may stand between, with the smallest of pools."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import pytest

from skype_assets.etl import engine
from skype_assets.etl.database.session import Session
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Settings, Task
from skype_assets.etl.tasks.unloading import unload
from skype_assets.etl.tasks.verification import verify
from tests.conftest import NewDatabase
from tests.engine.database_content import Digests, digests
from tests.poolers import POOLERS, pooled

each_pooler = pytest.mark.parametrize("pooler", POOLERS, ids=lambda path: Path(path).stem)


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("exports")
    return [write_sample(folder / f"{name}.tar", messages=60 + number).path for number, name in enumerate("ab")]


@pytest.fixture(scope="module")
def without_pooler(exports: list[Path], new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Digests:
    """What a database holds into which they were loaded."""
    url = new_database()
    load(tasks(exports, tmp_path_factory.mktemp("direct"), url))
    return digests(url)


@each_pooler
@pytest.mark.parametrize("size", [1, 2])
def test_loads_side_by_side_through_a_pooler_are_right(
    size: int, pooler: str, exports: list[Path], without_pooler: Digests, postgres_url: str, tmp_path: Path
) -> None:
    with pooled(postgres_url, size, pooler) as url:
        through = tasks(exports, tmp_path, url)
        load(through)
        assert digests(postgres_url) == without_pooler
        for task in through:
            assert not verify(task).failed
        assert unload(through[0], checkpoints=[through[1].output_dir]).status == "unloaded"


def tasks(exports: list[Path], folder: Path, url: str) -> list[Task]:
    settings = Settings(chunk_size=30, max_workers=2)
    return [Task(path.stem, folder / path.stem, path, url, settings) for path in exports]


def load(tasks: list[Task]) -> None:
    """Load several tasks at a time."""
    with ThreadPoolExecutor(len(tasks)) as threads:
        for done in [threads.submit(engine.run, task) for task in tasks]:
            done.result()


@each_pooler
def test_transactions_of_two_busy_sessions_do_not_meet(pooler: str, postgres_url: str) -> None:
    """Nor do they depend on what a third one has left behind in the connection that they share."""

    def work(session: Session, name: str) -> None:
        for _ in range(100):
            with session.transaction():
                session.execute("CREATE TEMPORARY TABLE pg_temp.own (name text) ON COMMIT DROP")
                session.execute("INSERT INTO pg_temp.own VALUES ($1)", name)
                assert session.rows("SELECT name, current_setting('timezone') FROM pg_temp.own") == [(name, "UTC")]

    with pooled(postgres_url, 1, pooler) as url:
        third = psycopg2.connect(url)
        third.autocommit = True
        with third.cursor() as cursor:
            for setting in ("timezone = 'Asia/Kathmandu'", "search_path = ''", "client_encoding = 'LATIN1'"):
                cursor.execute(f"SET {setting}")
        with Session(url) as one, Session(url) as other, ThreadPoolExecutor(2) as threads:
            for done in [threads.submit(work, session, name) for session, name in ((one, "ä"), (other, "ö"))]:
                done.result()
        third.close()
