"""What was altered in a loaded database becomes again what the checkpoints say; each row is named, and nothing else is.

What was altered is told by an oracle of its own, as where it is found (``test_forger``).
"""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skype_assets.etl import crash_points, engine
from skype_assets.etl.checkpoints.attempt import Attempt
from skype_assets.etl.crash_points import OF_REPAIRS, CrashPointError, fail_at
from skype_assets.etl.database.loading import Loader
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import DatabaseDiffers, Fenced, TaskBusy
from skype_assets.etl.phases import FOLDERS
from skype_assets.etl.sample import write_sample
from skype_assets.etl.schema.tables import TABLES
from skype_assets.etl.task import Task
from skype_assets.etl.tasks.proving import prove_all
from skype_assets.etl.tasks.repairing import Repairs, repair
from tests.conftest import NewDatabase
from tests.engine.database_content import digests, query, row_versions
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
)
from tests.engine.runs import Interruption, at, interrupt, task

Key = tuple[str, tuple[str, ...]]

RUN = (*UNKNOWABLE, ("load_parts", "attempt"))
"""Columns that no checkpoint knows: they only have to be possible."""


@contextmanager
def failing(point: str) -> Generator[None]:
    crash_points.listener = fail_at(point, "exception", 1)
    try:
        yield
    finally:
        crash_points.listener = None


def _altered(whole: Whole, url: str) -> set[Key]:
    now = rows_of(url)
    return {key for key in whole.rows.keys() | now.keys() if whole.rows.get(key) != now.get(key)}


def _named(repairs: Repairs) -> set[Key]:
    return {(one.table, one.key) for one in repairs.repaired}


def _must_be_put_right(whole: Whole, new_database: NewDatabase, *statements: str) -> None:
    url = new_database(whole.url)
    for statement in statements:
        query(url, AS_REPLICA + statement)
    altered = _altered(whole, url)
    assert altered
    repairs = repair([whole.output_dir], url)
    assert repairs.left == []
    assert digests(url) == digests(whole.url)
    findings = prove_all([whole.output_dir], url)
    assert [check for check in findings.checks if check.status != "ok"] == []
    named = _named(repairs)
    messages = {key for table, key in named if table == "messages"}
    assert {(table, key) for table, key in altered - named if key[:3] not in messages} == set()
    # Conversations and people are made anew of what was altered, and are named if it shows.
    assert {(table, key) for table, key in named - altered if table in ("messages", "reactions", "exports")} == set()


def _forgeries(table: str) -> list[str]:
    """Values of all columns of five rows, a row that is removed, and one that is added."""
    columns = [c for c in TABLES[table].columns if (table, c.name) not in RUN and c.name not in TABLES[table].key]
    ordered = f"SELECT ctid FROM skype.{table} ORDER BY {', '.join(TABLES[table].key)}"
    altered = [
        f"UPDATE skype.{table} SET {', '.join(f'{c.name} = {forged(c)}' for c in columns[number::5])} "
        f"WHERE ctid = ({ordered} OFFSET {number} LIMIT 1)"
        for number in range(5)
        if columns[number::5]
    ]
    if table == "exports":  # an export that is added has no checkpoint, and one that is gone no rows
        return altered
    last = TABLES[table].key[-1]
    values = ", ".join(forged(c) if c.name == last else c.name for c in TABLES[table].columns)
    names = ", ".join(TABLES[table].schema.names)
    return [
        *altered,
        f"INSERT INTO skype.{table} ({names}) SELECT {values} FROM skype.{table} WHERE ctid = ({ordered} DESC LIMIT 1)",
        f"DELETE FROM skype.{table} WHERE ctid = ({ordered} DESC LIMIT 1)",
    ]


@both
@pytest.mark.parametrize("table", TABLES)
def test_rows_of_any_table_that_are_altered_removed_or_added_are_put_right(
    table: str, whole: Whole, new_database: NewDatabase
) -> None:
    _must_be_put_right(whole, new_database, *_forgeries(table))


@both
@pytest.mark.parametrize("move", MOVES)
def test_what_is_moved_swapped_or_made_to_fit_is_put_right(move: str, whole: Whole, new_database: NewDatabase) -> None:
    _must_be_put_right(whole, new_database, MOVES[move])


@pytest.mark.parametrize("instant", IMPOSSIBLE_INSTANTS)
def test_an_instant_that_cannot_be_is_put_right_wherever_it_stands(
    instant: str, six: Whole, new_database: NewDatabase
) -> None:
    _must_be_put_right(six, new_database, forged_instants(instant, TABLES))


ANY = [*MOVES.values(), *(statement for table in TABLES for statement in _forgeries(table))]


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(forgeries=st.lists(st.sampled_from(ANY), min_size=2, max_size=8))
def test_whatever_is_altered_together_is_put_right(forgeries: list[str], six: Whole, new_database: NewDatabase) -> None:
    url = new_database(six.url)
    for statement in forgeries:
        try:
            query(url, AS_REPLICA + statement)
        except psycopg2.Error:  # what it was about is gone already
            continue
    assert repair([six.output_dir], url).left == []
    assert digests(url) == digests(six.url)
    assert not prove_all([six.output_dir], url).failed


def test_a_database_that_nobody_altered_is_not_written_to(six: Whole, new_database: NewDatabase) -> None:
    url = new_database(six.url)
    versions = row_versions(url)
    assert repair([six.output_dir], url) == Repairs()
    assert row_versions(url) == versions


def test_every_message_of_an_account_comes_back(six: Whole, new_database: NewDatabase) -> None:
    _must_be_put_right(six, new_database, "TRUNCATE skype.messages, skype.participants, skype.conversations CASCADE")


def test_what_has_no_checkpoint_is_left_as_it_is_and_named(
    six: Whole, new_database: NewDatabase, tmp_path: Path
) -> None:
    url, folder = new_database(six.url), tmp_path / "out"
    shutil.copytree(six.output_dir, folder)
    [(gone, task_id), (other, _), *_] = query(
        url, "SELECT export_id, e.task_id FROM skype.messages JOIN skype.exports e USING (export_id) "
        "GROUP BY 1, 2 ORDER BY count(*) DESC",
    )  # fmt: skip
    shutil.rmtree(folder / task_id)
    of = "SET text = text || 'x' WHERE message_id = (SELECT min(message_id) FROM skype.messages WHERE export_id = "
    query(url, f"UPDATE skype.messages {of}'{gone}') AND export_id = '{gone}'")
    kept = rows_of(url)
    query(url, f"UPDATE skype.messages {of}'{other}') AND export_id = '{other}'")
    query(url, AS_REPLICA + "INSERT INTO skype.messages SELECT owner_id, conversation_id, message_id || '9', sent_at, "
          "sender_id, sender_name, message_type, kind, text, content, edited_at, deleted_at, edit_of, album_id, "
          "is_forwarded, version, details, properties, flags, source_member, source_offset, source_length, raw_sha256, "
          f"export_id FROM skype.messages WHERE export_id = '{other}' LIMIT 1")  # fmt: skip
    added = {key for key in rows_of(url).keys() - kept.keys() if key[0] == "messages"}
    repairs = repair([folder], url)
    assert len([one for one in repairs.repaired if one.table == "messages"]) == 1
    assert any(gone in left and "no checkpoint" in left for left in repairs.left)
    assert any(next(iter(added))[1][2] in left for left in repairs.left)
    now = rows_of(url)
    assert {key for key in kept.keys() | now.keys() if key[0] == "messages" and kept.get(key) != now.get(key)} == added


def test_copies_of_an_export_that_has_no_checkpoint_stay_while_others_of_the_same_messages_are_put_right(
    six: Whole, new_database: NewDatabase, tmp_path: Path
) -> None:
    url, folder = new_database(six.url), tmp_path / "out"
    shutil.copytree(six.output_dir, folder)
    shared = "JOIN skype.superseded_copies s USING (owner_id, conversation_id, message_id) WHERE NOT s.is_duplicate AND"
    [(gone, task_id)] = query(
        url, "SELECT export_id, task_id FROM skype.exports e "
        f"WHERE EXISTS (SELECT FROM skype.messages m {shared} m.export_id = e.export_id) "
        f"AND EXISTS (SELECT FROM skype.messages m {shared} s.export_id = e.export_id AND s.text IS NULL) "
        f"AND EXISTS (SELECT FROM skype.messages m {shared} s.export_id = e.export_id AND s.text IS NOT NULL) "
        "ORDER BY exported_at LIMIT 1",
    )  # fmt: skip
    shutil.rmtree(folder / task_id)
    for table in ("messages", "superseded_copies"):
        query(url, f"UPDATE skype.{table} SET (text, edited_at) = ROW('other', '2020-01-01') "
                   f"WHERE export_id <> '{gone}'")  # fmt: skip
    query(url, f"DELETE FROM skype.superseded_copies WHERE export_id <> '{gone}' AND source_offset % 3 = 0")
    assert repair([folder], url).repaired
    assert _altered(six, url) == set()


@pytest.mark.parametrize("point", OF_REPAIRS)
def test_a_repair_that_is_killed_is_done_again(point: str, copied: Task, finished: Task) -> None:
    query(copied.database, "UPDATE skype.messages SET text = 'other'")
    before = digests(copied.database)
    with failing(point), pytest.raises(CrashPointError):
        repair([copied.output_dir], copied.database)
    expected = finished.database if point == "repair committed" else None
    assert digests(copied.database) == (digests(expected) if expected else before)
    repair([copied.output_dir], copied.database)
    assert digests(copied.database) == digests(finished.database)


def test_a_task_that_somebody_works_on_is_not_disturbed(copied: Task) -> None:
    query(copied.database, "UPDATE skype.messages SET text = 'other'")
    before = row_versions(copied.database)
    attempt = Attempt.take(copied.folder)
    try:
        with pytest.raises(TaskBusy):
            repair([copied.output_dir], copied.database)
    finally:
        attempt.release()
    assert row_versions(copied.database) == before


def test_an_earlier_load_commits_nothing_after_a_repair(copied: Task) -> None:
    assert copied.database
    tables = engine.open_phase(copied, "transform")
    assert tables is not None
    with Session(copied.database) as session:
        loader = Loader.register(session, tables.summary("exports"))
        query(copied.database, "DELETE FROM skype.rejects")
        assert repair([copied.output_dir], copied.database).repaired
        with pytest.raises(Fenced), loader.transaction():
            pass


def test_rows_of_a_load_that_was_interrupted_are_put_right_and_it_goes_on(fresh: Task, finished: Task) -> None:
    with pytest.raises(Interruption):
        engine.run(fresh, at("load", 3, interrupt))
    query(fresh.database, "UPDATE skype.messages SET text = 'other'")
    query(fresh.database, "UPDATE skype.conversations SET title = 'other'")
    query(fresh.database, "UPDATE skype.participants SET is_owner = NOT is_owner")
    with pytest.raises(DatabaseDiffers, match="verify t --repair"):
        engine.run(fresh)
    assert repair([fresh.output_dir], fresh.database).repaired
    engine.run(fresh)
    assert digests(fresh.database) == digests(finished.database)


def test_what_a_trigger_changes_again_is_refused_and_nothing_is_changed(copied: Task) -> None:
    query(copied.database, "UPDATE skype.messages SET text = 'other'")
    query(copied.database, "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.text := 'x'; "
          "RETURN new; END $$; CREATE TRIGGER t BEFORE INSERT ON skype.messages FOR EACH ROW "
          "EXECUTE FUNCTION public.f()")  # fmt: skip
    before = digests(copied.database)
    with pytest.raises(DatabaseDiffers, match="changed again"):
        repair([copied.output_dir], copied.database)
    assert digests(copied.database) == before


def test_a_checkpoint_that_was_made_anew_since_is_not_what_was_loaded(copied: Task) -> None:
    query(copied.database, "UPDATE skype.messages SET text = 'other'")
    shutil.rmtree(copied.folder.path / FOLDERS["load"])
    query(copied.database, "UPDATE skype.load_parts SET checksum = 'other'")
    repairs = repair([copied.output_dir], copied.database)
    assert repairs.repaired == []
    assert any("made anew since" in left for left in repairs.left)


def test_only_the_account_that_is_asked_for_is_put_right(new_database: NewDatabase, tmp_path: Path) -> None:
    url = new_database()
    for owner in ("8:one", "8:two"):
        path = write_sample(tmp_path / f"{owner[2:]}.tar", messages=200, owner=owner, seed=len(owner)).path
        engine.run(task(owner[2:], tmp_path / "out", path, url))
    query(url, "UPDATE skype.messages SET text = 'other'")
    [(export_id,)] = query(url, "SELECT export_id FROM skype.exports WHERE owner_id = '8:one'")
    repair([tmp_path / "out"], url, export_id)
    left = query(url, "SELECT DISTINCT owner_id FROM skype.messages WHERE text = 'other'")
    assert ("8:two",) in left
    assert ("8:one",) not in left
