"""Schema ``skype`` is what the table list says, can be made again at any time, and is not loaded into if it is not."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg2
import pytest

from skype_assets.etl.database import completion, ddl
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.schema.tables import TABLES

_CONSTRAINTS = "SELECT contype FROM pg_constraint WHERE connamespace = 'skype'::regnamespace AND contype IN ('p', 'f')"

_REJECT = "VALUES ('e', 1, 'messages.json', 0, 1, '19:c', 'not an object')"


def _create(url: str) -> None:
    with Session(url) as session:
        ddl.create(session)
        completion.complete(session)


def _query(url: str, statement: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def test_every_table_has_its_columns_key_and_parent(postgres_url: str) -> None:
    _create(postgres_url)
    for table in TABLES.values():
        columns = _query(
            postgres_url,
            "SELECT column_name, is_nullable = 'YES' FROM information_schema.columns "
            f"WHERE table_schema = 'skype' AND table_name = '{table.name}' ORDER BY ordinal_position",
        )
        assert columns == [(field.name, field.nullable) for field in table.schema]
        constraints = _query(
            postgres_url,
            f"SET search_path TO ''; SELECT pg_get_constraintdef(oid) FROM pg_constraint "
            f"WHERE conrelid = 'skype.{table.name}'::regclass "
            "AND contype IN ('p', 'f')",
        )
        expected = [f"PRIMARY KEY ({', '.join(table.key)})"]
        if table.parent:
            key = ", ".join(TABLES[table.parent].key)
            expected.append(f"FOREIGN KEY ({key}) REFERENCES skype.{table.parent}({key})")
        if "export_id" in table.schema.names and table.parent != "exports" and table.key[0] != "export_id":
            expected.append("FOREIGN KEY (export_id) REFERENCES skype.exports(export_id)")
        assert sorted(text for (text,) in constraints) == sorted(expected)


def test_keys_sort_by_code_point_on_every_server(postgres_url: str) -> None:
    _create(postgres_url)
    collations = _query(
        postgres_url,
        "SELECT DISTINCT collation_name FROM information_schema.key_column_usage JOIN information_schema.columns "
        "USING (table_schema, table_name, column_name) WHERE table_schema = 'skype' AND data_type = 'text' "
        "AND constraint_name LIKE '%_pkey'",
    )
    assert collations == [("C",)]


def test_a_first_load_meets_primary_keys_alone(postgres_url: str) -> None:
    with Session(postgres_url) as session:
        ddl.create(session)
    assert _query(postgres_url, f"SELECT count(*), every(contype = 'p') FROM ({_CONSTRAINTS}) c") == [
        (len(TABLES) + 5, True)  # five more: attempts, unloads, replacements, holds, the version: no tables of rows
    ]
    _create(postgres_url)
    assert _query(postgres_url, f"SELECT every(contype = 'p') FROM ({_CONSTRAINTS}) c") == [(False,)]


@pytest.mark.parametrize("sessions", [1, 3])
def test_a_completion_that_is_cut_short_is_not_taken_for_one_and_is_done_again(
    sessions: int, postgres_url: str
) -> None:
    """A row that was there before and fits nowhere: its table's foreign key is there, but holds for new rows only."""
    unchecked = "SELECT conname FROM pg_constraint WHERE contype = 'f' AND NOT convalidated"
    with Session(postgres_url) as session:
        ddl.create(session)
        _query(postgres_url, f"INSERT INTO skype.rejects {_REJECT}")
        with pytest.raises(DatabaseError, match="rejects_export_id_fkey"):
            completion.complete(session, sessions)
    with Session(postgres_url) as session:
        assert not completion.is_complete(session)
        assert ("rejects_export_id_fkey",) in _query(postgres_url, unchecked)
        with pytest.raises(psycopg2.IntegrityError, match="rejects_export_id_fkey"):
            _query(postgres_url, f"INSERT INTO skype.rejects {_REJECT.replace('1', '2')}")
        _query(postgres_url, "DELETE FROM skype.rejects")
        completion.complete(session, sessions)
        assert completion.is_complete(session)
    assert _query(postgres_url, unchecked) == []


def test_what_a_killed_completion_is_still_at_is_waited_for(postgres_url: str) -> None:
    """The server ends the statement of a client that is gone; whoever completes the schema then finds it done."""
    with Session(postgres_url) as session:
        ddl.create(session)
        with session.transaction():
            for statement in completion.foreign_keys():
                session.execute(statement)
    with ThreadPoolExecutor(1) as threads, psycopg2.connect(postgres_url) as at_work, at_work.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [completion.TABLE_LOCKS["messages"]])
        cursor.execute("CREATE INDEX messages_by_time ON skype.messages (conversation_id, sent_at)")
        completed = threads.submit(_create, postgres_url)
        give_up = time.monotonic() + 30
        while not _query(postgres_url, "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            assert not completed.done()
            assert time.monotonic() < give_up
        at_work.commit()
        completed.result(timeout=30)
    at_work.close()
    with Session(postgres_url) as session:
        assert completion.is_complete(session)


def test_several_loads_may_complete_the_schema_while_others_commit_rows(postgres_url: str) -> None:
    """Each committing transaction takes the tables in an order of its own; it and the completion do not deadlock."""
    with Session(postgres_url) as session:
        ddl.create(session)

    def commit(tables: tuple[str, ...]) -> None:
        with Session(postgres_url) as session, session.transaction():
            completion.hold_off_completion(session)
            for table in tables:
                session.execute(f"LOCK TABLE skype.{table} IN ROW EXCLUSIVE MODE")

    with ThreadPoolExecutor(6) as threads:
        orders = [tuple(TABLES), tuple(TABLES)[::-1]] * 4
        commits = [threads.submit(commit, tables) for tables in orders]
        completions = [threads.submit(_create, postgres_url) for _ in range(3)]
        assert [future.result(timeout=60) for future in (*commits, *completions)] == [None] * 11


def test_making_the_schema_again_changes_nothing(postgres_url: str) -> None:
    _create(postgres_url)
    catalogue = "SELECT oid, relname FROM pg_class WHERE relnamespace = 'skype'::regnamespace ORDER BY oid"
    before = _query(postgres_url, catalogue)
    _create(postgres_url)
    assert _query(postgres_url, catalogue) == before


def test_a_schema_that_is_there_is_checked_without_waiting_for_a_load(postgres_url: str) -> None:
    """Else a task that begins while another one ends can deadlock with it."""
    _create(postgres_url)
    loading = psycopg2.connect(postgres_url)
    with loading.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"LOCK TABLE skype.{table} IN ROW EXCLUSIVE MODE")
        with ThreadPoolExecutor(1) as threads:
            checked = threads.submit(_create, postgres_url)
            try:
                checked.result(timeout=10)
            finally:
                loading.close()


def test_several_processes_may_make_the_schema_at_once(postgres_url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(_create, [postgres_url] * 4)) == [None] * 4
    assert _query(postgres_url, "SELECT count(*) FROM skype.messages") == [(0,)]


@pytest.mark.parametrize(
    ("change", "table", "named"),
    [
        ("ALTER TABLE skype.messages ADD COLUMN mood text", "messages", "mood"),
        ("ALTER TABLE skype.links DROP COLUMN title", "links", "title"),
        ("ALTER TABLE skype.exports ALTER COLUMN messages_seen TYPE integer", "exports", "messages_seen"),
        ("ALTER TABLE skype.reactions RENAME COLUMN reacted_at TO at", "reactions", "reacted_at"),
    ],
)
def test_a_table_that_somebody_changed_is_refused_by_table_and_column(
    change: str, table: str, named: str, postgres_url: str
) -> None:
    _create(postgres_url)
    _query(postgres_url, change)
    with pytest.raises(DatabaseError, match=rf"skype\.{table} .*{named}") as refused:
        _create(postgres_url)
    assert refused.value.exit_code == 5


def test_columns_may_stand_in_another_order(postgres_url: str) -> None:
    """As after an upgrade: what was added comes last."""
    _create(postgres_url)
    _query(postgres_url, "ALTER TABLE skype.mentions DROP COLUMN user_id; ALTER TABLE skype.mentions ADD user_id text")
    _create(postgres_url)


def test_a_foreign_table_of_the_same_name_is_not_taken_for_ours(postgres_url: str) -> None:
    _query(postgres_url, "CREATE SCHEMA skype; CREATE TABLE skype.quotes (id integer)")
    with pytest.raises(DatabaseError, match=r"skype\.quotes"):
        _create(postgres_url)
    assert _query(postgres_url, "SELECT to_regclass('skype.messages') IS NULL") == [(True,)]


def test_without_statistics_the_parent_of_a_row_is_found_by_its_key(postgres_url: str) -> None:
    """As in a first load; by another index each look-up would go through a whole conversation."""
    _create(postgres_url)
    _query(
        postgres_url,
        "ALTER TABLE skype.messages SET (autovacuum_enabled = false); ALTER TABLE skype.messages DISABLE TRIGGER ALL; "
        "INSERT INTO skype.messages (owner_id, conversation_id, message_id, sent_at, kind, text, is_forwarded, flags, "
        "source_member, source_offset, source_length, raw_sha256, export_id) SELECT '8:o', '19:c', n::text, now(), "
        "'text', repeat('x', 50), false, '{}', 'messages.json', n, 1, '', 'e' FROM generate_series(1, 5000) n",
    )
    for table in (table for table in TABLES.values() if table.parent in ("messages", "conversations")):
        key = TABLES[table.parent or ""].key
        condition = " AND ".join(f"{column} = ${number}" for number, column in enumerate(key, 1))
        plan = _query(
            postgres_url,
            f"SET plan_cache_mode = force_generic_plan; PREPARE parent ({', '.join(['text'] * len(key))}) AS "
            f"SELECT 1 FROM ONLY skype.{table.parent} x WHERE {condition} FOR KEY SHARE OF x; "
            f"EXPLAIN EXECUTE parent ({', '.join(['NULL'] * len(key))})",
        )
        assert f"using {table.parent}_pkey" in str(plan), plan
