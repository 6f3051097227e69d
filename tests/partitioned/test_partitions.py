"""What is promised of tables in partitions alone: how they come about, and that nothing else tells them from others."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from skype_assets.etl import engine
from skype_assets.etl.database import catalogue, completion, ddl, holds, partitions, planner, search_index, upgrading
from skype_assets.etl.database.digests import RECIPE
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.sample import write_overlapping, write_sample
from skype_assets.etl.task import Task
from skype_assets.etl.tasks.proving import prove_all
from tests.conftest import NewDatabase
from tests.database.small_loads import OWNER, head, messages, query, register
from tests.database.test_search_index import totals, without_index
from tests.engine.database_content import digests
from tests.handing.conftest import psql
from tests.partitioned.conftest import PARTITIONS

KINDS = "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'skype'::regnamespace AND relkind IN ('r', 'p')"


@pytest.fixture
def session(postgres_url: str) -> Iterator[Session]:
    with Session(postgres_url) as opened:
        yield opened


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two exports of an account, and one of each of some others, half of them with media."""
    folder = tmp_path_factory.mktemp("exports")
    paths = write_overlapping(folder, exports=2, messages=200)
    for number in range(4):
        paths.append(folder / f"{number}.tar")
        write_sample(paths[-1], messages=60, owner=f"8:live:{number}", media=number % 2 == 0)
    return paths


def load(exports: list[Path], output: Path, url: str) -> None:
    for path in exports:
        engine.run(Task(path.stem, output, path, url))


def test_rows_and_digests_are_those_of_plain_tables_and_proven(
    exports: list[Path], postgres_url: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    plain = new_database(is_plain=True)
    load(exports, tmp_path / "plain", plain)
    load(exports, tmp_path / "output", postgres_url)
    assert digests(postgres_url) == digests(plain)
    assert psql(postgres_url, RECIPE, "-q") == psql(plain, RECIPE, "-q")
    proven = prove_all([tmp_path / "output"], postgres_url)
    assert (proven.failed, proven.missing) == ([], [])
    in_partitions = "SELECT count(DISTINCT tableoid), count(*) FROM skype.messages GROUP BY owner_id"
    assert [row[0] for row in query(postgres_url, in_partitions)] == [1] * 5
    assert len(query(postgres_url, "SELECT DISTINCT tableoid FROM skype.messages")) > 1


def test_what_is_asked_of_an_account_looks_at_one_partition(postgres_url: str) -> None:
    asked = "EXPLAIN SELECT FROM skype.messages WHERE owner_id = '8:live:a' AND conversation_id = '19:c'"
    plan = "\n".join(line for (line,) in query(postgres_url, asked))
    assert sum(f"messages_{number} " in plan for number in range(PARTITIONS)) == 1


def test_an_older_server_is_refused_by_name_and_nothing_is_created(tcp_postgres_url: str) -> None:
    refused = pytest.raises(DatabaseError, match=r"is PostgreSQL 1[0-7]\..* take PostgreSQL 18")
    with Session(tcp_postgres_url) as session, refused:
        ddl.create(session, PARTITIONS)
    assert query(tcp_postgres_url, "SELECT to_regnamespace('skype') IS NULL") == [(True,)]


@pytest.mark.parametrize("kept", ["everything", "one table"])
def test_tables_that_are_there_are_not_divided(kept: str, new_database: NewDatabase) -> None:
    plain = new_database(is_plain=True)
    with Session(plain) as session:
        ddl.create(session)
        if kept == "one table":
            query(plain, "DROP TABLE skype.links")
        before = query(plain, KINDS)
        with pytest.raises(DatabaseError, match="the tables are there already"):
            ddl.create(session, PARTITIONS)
    assert query(plain, KINDS) == before


def test_a_table_that_is_missing_comes_in_as_many_partitions_as_the_others(session: Session, postgres_url: str) -> None:
    before = sorted(query(postgres_url, KINDS))
    query(postgres_url, "DROP TABLE skype.links")
    ddl.create(session)
    assert sorted(query(postgres_url, KINDS)) == before
    assert partitions.of(session, "skype.links") == [f"links_{number}" for number in range(PARTITIONS)]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("ALTER TABLE skype.links DETACH PARTITION skype.links_1", r"skype\.links_1 was changed"),
        ("CREATE INDEX another ON skype.links_1 (url)", r"skype\.links_1 \(index another\) was added"),
        ("ALTER TABLE skype.links_1 ADD CHECK (url <> '')", r"skype\.links_1 \(constraint .*\) was added"),
        ("DROP INDEX skype.messages_by_time", r"skype\.messages \(index messages_by_time\) is missing"),
        ("ALTER TABLE skype.links_1 DISABLE TRIGGER ALL", r"skype\.links_1 does not check its foreign keys"),
        (
            "CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$; "
            "CREATE TRIGGER audited BEFORE INSERT ON skype.links_1 FOR EACH ROW EXECUTE FUNCTION audit()",
            r"skype\.links_1 has a trigger, audited",
        ),
    ],
)
def test_what_somebody_changes_of_a_partition_is_named(
    change: str, named: str, session: Session, postgres_url: str
) -> None:
    completion.complete(session)
    assert catalogue.differences(session) == []
    query(postgres_url, change)
    assert re.search(named, "\n".join(map(str, catalogue.differences(session))))


def test_what_is_held_is_kept_in_each_partition(session: Session, postgres_url: str) -> None:
    loader = register(session)
    loader.commit_head(0, "h", head())
    loader.commit_part(1, "p", messages("1", "2"))
    number = holds.add(session, OWNER, "a case", "somebody")
    for statement in ("DELETE FROM skype.reactions", "UPDATE skype.messages SET text = ''"):
        with pytest.raises(psycopg2.Error, match="is held"):
            query(postgres_url, statement)
    for partition in ("messages", *partitions.of(session, "skype.messages")):
        with pytest.raises(psycopg2.Error, match=f"{partition} has rows that are held"):
            query(postgres_url, f"TRUNCATE skype.{partition} CASCADE")
    assert holds.problems(session) == []
    query(postgres_url, "ALTER TABLE skype.messages_1 DISABLE TRIGGER keep_held_row")
    assert [problem.table for problem in holds.problems(session)] == ["messages_1"]
    query(postgres_url, "ALTER TABLE skype.messages_1 ENABLE TRIGGER keep_held_row")
    holds.release(session, number, "closed", "somebody")
    query(postgres_url, "TRUNCATE skype.messages_0 CASCADE")


def test_the_search_index_is_built_by_partitions_goes_on_where_it_stopped_and_goes(
    exports: list[Path], session: Session, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(exports[:2], tmp_path / "output", postgres_url)
    assert list(search_index.build(session)) == list(search_index.INDEXES)
    query(postgres_url, "DROP INDEX skype.messages_grams, skype.links_grams")
    query(postgres_url, "CREATE INDEX messages_grams ON ONLY skype.messages USING gin (skype.grams(text))")
    query(postgres_url, "CREATE INDEX messages_1_messages_grams ON skype.messages_1 USING gin (skype.grams(text))")
    invalid = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'skype.messages_1_messages_grams'::regclass"
    query(postgres_url, invalid)
    assert not search_index.is_built(session)
    assert list(search_index.build(session)) == ["messages_grams", "links_grams"]
    assert search_index.is_built(session)
    assert search_index.size(session) > 0
    assert totals(session) == without_index(session, monkeypatch)
    assert catalogue.differences(session) == []
    load(exports[2:3], tmp_path / "output", postgres_url)
    assert totals(session) == without_index(session, monkeypatch)
    assert search_index.remove(session)
    assert not search_index.remove(session)


def test_sizes_and_counts_are_those_of_all_partitions(
    exports: list[Path], session: Session, postgres_url: str, tmp_path: Path
) -> None:
    load(exports[:1], tmp_path / "output", postgres_url)
    names = ("messages", *partitions.of(session, "skype.messages"))
    whole, *parts = (upgrading.estimate(session, upgrading.Upgrade("1", [], [name])) for name in names)
    assert whole == pytest.approx(sum(parts))
    assert whole > 0
    assert "messages" in planner.inform(session)
    assert "messages" not in planner.inform(session)
