"""Whatever is altered in a loaded database is found by proving it, named by table and key; and nothing else is.

What was altered is told by an oracle of its own: the rows of the forged database against those of the whole one.
"""

import os
import shutil
import subprocess
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skype_assets.etl import engine
from skype_assets.etl.postgres.embedded import binaries
from skype_assets.etl.sample import write_overlapping
from skype_assets.etl.schema.tables import TABLES
from skype_assets.etl.task import Task
from skype_assets.etl.tasks.outcomes import Findings
from skype_assets.etl.tasks.proving import prove_all
from skype_assets.etl.tasks.unloading import unload
from tests.conftest import NewDatabase
from tests.engine.database_content import query
from tests.engine.forging import (
    AS_REPLICA,
    IMPOSSIBLE_INSTANTS,
    MOVES,
    UNKNOWABLE,
    Whole,
    both,
    forged,
    forged_instants,
    rows_of,
    run_all,
)
from tests.engine.runs import Interruption, at, interrupt, task

FEW = 5
LOADS = int(os.environ.get("SKYPE_TEST_LOADS", "6"))
"""How many databases are made that nobody alters."""

FUNCTION = "CREATE FUNCTION {0}.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"
TRIGGER = (
    f"{FUNCTION.format('public')}; "
    "CREATE TRIGGER t BEFORE INSERT ON skype.links FOR EACH ROW EXECUTE FUNCTION public.f()"
)
SCHEMA = {
    "a trigger": (TRIGGER, "links"),
    "a trigger that sleeps": (TRIGGER + "; ALTER TABLE skype.links DISABLE TRIGGER t", "links"),
    "an event trigger": ("CREATE FUNCTION public.f() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$; "
                         "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION public.f()", "e"),
    "an event trigger that sleeps":
        ("CREATE FUNCTION public.f() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$; CREATE EVENT TRIGGER e "
         "ON ddl_command_end EXECUTE FUNCTION public.f(); ALTER EVENT TRIGGER e DISABLE", "e"),
    "a function": (FUNCTION.format("skype"), "f"),
    "a rule": ("CREATE RULE r AS ON DELETE TO skype.links DO INSTEAD NOTHING", "links"),
    "foreign keys that sleep": ("ALTER TABLE skype.links DISABLE TRIGGER ALL", "links"),
    "a table": ("CREATE TABLE skype.more (a int)", "more"),
    "a view": ("CREATE VIEW skype.more AS SELECT 1", "more"),
    "rows of another table": ("CREATE TABLE public.more () INHERITS (skype.links)", "links"),
    "a column": ("ALTER TABLE skype.links ADD COLUMN more text", "links"),
    "a default": ("ALTER TABLE skype.links ALTER COLUMN url SET DEFAULT 'x'", "links"),
    "a column that may be null": ("ALTER TABLE skype.messages ALTER COLUMN text DROP NOT NULL", "messages"),
    "a type": ("ALTER TABLE skype.links ALTER COLUMN url TYPE varchar", "links"),
    "a constraint": ("ALTER TABLE skype.links ADD CONSTRAINT c CHECK (ordinal >= 0)", "links"),
    "no foreign key": ("ALTER TABLE skype.links DROP CONSTRAINT "
                       "links_owner_id_conversation_id_message_id_fkey", "links"),
    "no primary key": ("ALTER TABLE skype.links DROP CONSTRAINT links_pkey", "links"),
    "an index": ("CREATE UNIQUE INDEX i ON skype.rejects (export_id, ordinal)", "rejects"),
    "no index": ("DROP INDEX skype.messages_by_time", "messages"),
    "row-level security": ("ALTER TABLE skype.links ENABLE ROW LEVEL SECURITY", "links"),
    "a policy": ("CREATE POLICY p ON skype.links USING (ordinal = 0)", "links"),
    "a table that a crash empties": ("ALTER TABLE skype.links SET UNLOGGED", "links"),
    "another view": ("CREATE OR REPLACE VIEW skype.calls AS SELECT owner_id, conversation_id, call_id, "
                     "now() AS started_at, now() AS ended_at, duration_seconds, '' AS initiator_id, '' AS status "
                     "FROM skype.call_events", "calls"),
}  # fmt: skip


@both
def test_a_database_that_nobody_altered_is_proven(whole: Whole) -> None:
    assert _named(prove_all([whole.output_dir], whole.url)) == set()


@both
@pytest.mark.parametrize("table", TABLES)
def test_a_value_of_any_column_that_is_altered_is_named(table: str, whole: Whole, new_database: NewDatabase) -> None:
    columns = [
        c for c in TABLES[table].columns if (table, c.name) not in UNKNOWABLE and c.name not in TABLES[table].key
    ]
    statements = [
        f"UPDATE skype.{table} SET {', '.join(f'{c.name} = {forged(c)}' for c in columns[number::FEW])} WHERE ctid = "
        f"(SELECT ctid FROM skype.{table} ORDER BY {', '.join(TABLES[table].key)} OFFSET {number} LIMIT 1)"
        for number in range(FEW)
        if columns[number::FEW]
    ]
    _must_be_found(whole, new_database, "; ".join(statements))


@both
@pytest.mark.parametrize("table", TABLES)
def test_a_row_of_any_table_that_is_removed_or_added_is_named(
    table: str, whole: Whole, new_database: NewDatabase
) -> None:
    key = TABLES[table].key[-1]
    names = TABLES[table].schema.names
    values = ", ".join(forged(c) if c.name == key else c.name for c in TABLES[table].columns)
    ordered = f"SELECT ctid FROM skype.{table} ORDER BY {', '.join(TABLES[table].key)} DESC"
    _must_be_found(
        whole,
        new_database,
        f"INSERT INTO skype.{table} ({', '.join(names)}) SELECT {values} FROM skype.{table} "
        f"WHERE ctid = ({ordered} LIMIT 1)",
    )
    _must_be_found(whole, new_database, f"DELETE FROM skype.{table} WHERE ctid = ({ordered} LIMIT 1)")


@both
@pytest.mark.parametrize("move", MOVES)
def test_what_is_moved_swapped_or_made_to_fit_is_named(move: str, whole: Whole, new_database: NewDatabase) -> None:
    _must_be_found(whole, new_database, MOVES[move])


@both
@pytest.mark.parametrize("instant", IMPOSSIBLE_INSTANTS)
def test_an_instant_that_cannot_be_is_named_wherever_it_stands(
    instant: str, whole: Whole, new_database: NewDatabase
) -> None:
    _must_be_found(whole, new_database, forged_instants(instant, ["exports"]))
    # Another time of export makes other copies the better ones, and so many rows differ that not all are named.
    _must_be_found(whole, new_database, forged_instants(instant, TABLES.keys() - {"exports"}))


@pytest.mark.parametrize("change", SCHEMA)
def test_what_is_changed_in_the_schema_is_named(change: str, one: Whole, new_database: NewDatabase) -> None:
    statement, name = SCHEMA[change]
    url = new_database(one.url)
    query(url, statement)
    findings = prove_all([one.output_dir], url)
    assert findings.checks[0].status == "FAILED"
    assert name in {difference.table for difference in findings.checks[0].named}


def test_an_export_that_no_file_can_be_is_named(one: Whole, new_database: NewDatabase) -> None:
    url, names = new_database(one.url), ", ".join(TABLES["exports"].schema.names)
    values = names.replace("export_id", "'ffffffffffffffff'", 1)
    query(url, f"INSERT INTO skype.exports ({names}) SELECT {values} FROM skype.exports")
    failed = prove_all([one.output_dir], url).failed
    named = {(difference.table, difference.key) for check in failed for difference in check.named}
    assert ("exports", ("ffffffffffffffff",)) in named


def test_rows_that_were_altered_before_a_newer_load_are_named_after_it(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    url = new_database()
    *earlier, last = (
        task(path.stem, tmp_path / "out", path, url, chunk_size=10_000)
        for path in write_overlapping(tmp_path, exports=4, messages=120)
    )
    run_all(earlier)
    query(url, "UPDATE skype.messages SET text = 'tampered'")
    query(url, "DELETE FROM skype.rejects")
    run_all([last])
    tampered = query(url, "SELECT owner_id, conversation_id, message_id FROM skype.messages WHERE text = 'tampered'")
    assert tampered
    findings = prove_all([tmp_path / "out"], url)
    named = {key for table, key in _named(findings) if table == "messages"}
    assert len(named) >= min(len(tampered), 20)
    assert named <= {tuple(row) for row in tampered}


@pytest.fixture(scope="module")
def transformed(tmp_path_factory: pytest.TempPathFactory) -> list[Task]:
    """Overlapping exports, ready to be loaded from copies of their folder."""
    folder = tmp_path_factory.mktemp("transformed")
    exports = write_overlapping(folder, exports=4, messages=60)
    tasks = [task(path.stem, folder / "out", path, None, 40 * number) for number, path in enumerate(exports, start=1)]
    for each in tasks:
        engine.run_phase(each, "extract")
        engine.run_phase(each, "transform")
    return tasks


def test_a_database_that_was_dumped_and_restored_is_proven(one: Whole, new_database: NewDatabase) -> None:
    url = new_database()
    dump = subprocess.run([binaries() / "pg_dump", one.url], capture_output=True, check=True).stdout
    subprocess.run([binaries() / "psql", "--no-psqlrc", "--quiet", url], input=dump, check=True, capture_output=True)
    findings = prove_all([one.output_dir], url)
    assert [check for check in findings.checks if check.status != "ok"] == []


def test_a_first_load_that_was_interrupted_is_no_alarm_but_not_proven(fresh: Task) -> None:
    with pytest.raises(Interruption):
        engine.run(fresh, at("load", 1, interrupt))
    findings = prove_all([fresh.output_dir], fresh.database)
    assert not findings.failed
    assert {"schema", "archives"} <= {check.name for check in findings.missing}
    assert all(fresh.task_id in check.detail for check in findings.missing)


def test_a_table_that_is_gone_is_named_even_if_a_load_was_interrupted(one: Whole, new_database: NewDatabase) -> None:
    url = new_database(one.url)
    query(url, "UPDATE skype.exports SET status = 'loading'; DROP INDEX skype.messages_by_time; DROP TABLE skype.links")
    named = {difference.key for check in prove_all([one.output_dir], url).failed for difference in check.named}
    assert ("index messages_by_time",) in named


@settings(max_examples=LOADS, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_there_are_no_false_alarms_whatever_was_loaded_interrupted_and_taken_out(
    data: st.DataObject, transformed: list[Task], new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, url = tmp_path_factory.mktemp("loads"), new_database()
    shutil.copytree(transformed[0].output_dir, folder / "out")
    tasks = [replace(each, output_dir=folder / "out", database=url) for each in transformed]
    steps = st.tuples(st.integers(0, len(tasks) - 1), st.sampled_from(["load", "interrupted", "unload"]))
    loaded: set[int] = set()
    half: set[int] = set()
    for number, step in data.draw(st.lists(steps, min_size=1, max_size=6)):
        if step == "unload" and number in loaded and not half:
            unload(tasks[number])
            loaded.discard(number)
        elif step == "interrupted" and number not in loaded:
            with pytest.raises(Interruption):
                engine.run_phase(tasks[number], "load", at("load", 1, interrupt))
            half.add(number)
        elif step == "load":
            engine.run_phase(tasks[number], "load")
            loaded.add(number)
            half.discard(number)
    if loaded or half:
        findings = prove_all([folder / "out"], url)
        assert not findings.failed
        unknown = {check.name.split()[0] for check in findings.missing}
        assert unknown <= ({"schema", "export", "account", "archives"} if half else set())


def _must_be_found(whole: Whole, new_database: NewDatabase, statement: str) -> None:
    url = new_database(whole.url)
    query(url, AS_REPLICA + statement)
    altered_rows = rows_of(url)
    altered = {key for key in whole.rows.keys() | altered_rows.keys() if whole.rows.get(key) != altered_rows.get(key)}
    assert altered, "the forger has altered nothing"
    named = _named(prove_all([whole.output_dir], url))
    messages = {key for table, key in named if table == "messages"}
    unnamed = {(table, key) for table, key in altered - named if key[:3] not in messages}
    assert not unnamed


def _named(findings: Findings) -> set[tuple[str, tuple[str, ...]]]:
    """What is named of a table; an export without a checkpoint is one of its own name."""
    named = ((one.table, one.key) for one in chain.from_iterable(check.named for check in findings.checks))
    unknown = (check.name.split() for check in findings.checks if check.status != "ok")
    return {*named, *(("exports", (name[1],)) for name in unknown if name[0] == "export")}
