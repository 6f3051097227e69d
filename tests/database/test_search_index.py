"""The search index: built beside loads, kept by them, complete after each."""

from pathlib import Path

import pytest

from skype_assets.etl import engine
from skype_assets.etl.database import completion, ddl, planner, search_index
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.reading.find import find
from skype_assets.etl.reading.query import parse
from skype_assets.etl.sample import write_overlapping, write_sample
from skype_assets.etl.task import Task
from skype_assets.etl.tasks.unloading import unload


def totals(session: Session) -> list[int]:
    queries = ("otters", "駅", "shelf next", "example.org", ".jpg")
    return [find(session, parse(query), limit=1_000).total for query in queries]


def without_index(session: Session, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    with monkeypatch.context() as patch:
        patch.setattr(search_index, "is_built", lambda session: False)
        return totals(session)


def test_later_loads_and_unloads_keep_it_and_it_finds_what_they_brought(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = write_overlapping(tmp_path, messages=600)[:2]
    engine.run(Task("first", tmp_path / "output", first, postgres_url))
    with Session(postgres_url) as session:
        built = ["messages_newest", "messages_grams", "attachments_grams", "links_grams"]
        assert list(search_index.build(session)) == built
        one = totals(session)
        assert one == without_index(session, monkeypatch)
    task = Task("second", tmp_path / "output", second, postgres_url)
    engine.run(task)
    with Session(postgres_url) as session:
        assert search_index.is_built(session)
        assert completion.is_complete(session)
        with session.transaction():
            ddl.compare(session)
        assert totals(session) == without_index(session, monkeypatch) != one
    unload(task)
    with Session(postgres_url) as session:
        assert search_index.is_built(session)
        assert totals(session) == one


def test_what_an_interrupted_build_left_is_made_anew(postgres_url: str) -> None:
    with Session(postgres_url) as session:
        ddl.create(session)
        list(search_index.build(session))
        with session.transaction():
            session.execute(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'skype.messages_grams'::regclass"
            )
        assert not search_index.is_built(session)
        assert list(search_index.build(session)) == ["messages_grams"]
        assert search_index.is_built(session)


def test_two_do_not_build_it_at_once(postgres_url: str) -> None:
    with Session(postgres_url) as one, Session(postgres_url) as two:
        ddl.create(one)
        building = search_index.build(one)
        next(building)
        with pytest.raises(DatabaseError, match="another process"):
            next(search_index.build(two))
        assert list(building)
        assert search_index.is_built(two)


def test_it_is_for_postgresql_without_extensions_and_of_another_version(tcp_postgres_url: str) -> None:
    with Session(tcp_postgres_url) as session:
        ddl.create(session)
        assert list(search_index.build(session))
        [(version, pieces)] = session.rows("SELECT current_setting('server_version_num')::bigint, skype.grams('ÄBCД')")
        assert version < 180_000
        assert len(pieces) == 2
        [(same,)] = session.rows("SELECT skype.grams('ÄBCД') = skype.grams('äbcд')")
        assert same, search_index.collation(session)


def test_a_load_goes_on_while_it_is_built(postgres_url: str) -> None:
    with Session(postgres_url) as building, Session(postgres_url) as loading:
        ddl.create(building)
        for name in search_index.build(building):
            # Between its parts, a load has a transaction of its own: nothing waits for it, and it waits for nothing.
            with loading.transaction():
                loading.execute("SET LOCAL lock_timeout = '2s'")
                loading.execute("LOCK TABLE skype.messages IN ROW EXCLUSIVE MODE")
            assert name


def test_of_new_tables_the_planner_is_informed_once(postgres_url: str, tmp_path: Path) -> None:
    engine.run(Task("t", tmp_path / "output", write_sample(tmp_path / "a.tar", messages=200).path, postgres_url))
    with Session(postgres_url) as session:
        assert "messages" in planner.inform(session)
        assert "messages" not in planner.inform(session)
        [(rows,)] = session.rows("SELECT reltuples::bigint FROM pg_class WHERE oid = 'skype.messages'::regclass")
        assert rows > 0
