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
from tests.engine.database_content import Digests, digests, query
from tests.poolers import POOLERS, pooled

each_pooler = pytest.mark.parametrize("pooler", POOLERS, ids=lambda path: Path(path).stem)


@each_pooler
@pytest.mark.parametrize("size", [1, 2])
def test_loads_side_by_side_through_a_pooler_are_right(
    size: int, pooler: str, postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tasks: list[Task] = []
    for number, name in enumerate(("a", "b")):
        folder = tmp_path_factory.mktemp(name)
        export = write_sample(folder / "export.tar", messages=60 + number).path
        tasks.append(Task(name, folder / "out", export, postgres_url, Settings(chunk_size=30, max_workers=2)))
    expected = loaded(tasks, postgres_url)
    query(postgres_url, "DROP SCHEMA skype CASCADE")
    with pooled(postgres_url, size, pooler) as url:
        through = [Task(f"{task.task_id}2", task.output_dir, task.source, url, task.settings) for task in tasks]
        assert loaded(through, postgres_url) == expected
        for task in through:
            assert not verify(task).failed
        assert unload(through[0], checkpoints=[through[1].output_dir]).status == "unloaded"


def loaded(tasks: list[Task], url: str) -> Digests:
    """Load several tasks at a time; what the database holds then."""
    with ThreadPoolExecutor(len(tasks)) as threads:
        for done in [threads.submit(engine.run, task) for task in tasks]:
            done.result()
    found = digests(url)
    del found["exports"]  # which names the task
    return found


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
