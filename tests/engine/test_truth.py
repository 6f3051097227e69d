"""What must be in the database is told by the checkpoint: a load that ends well has every row there, as it was sent."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from skype_assets.etl import engine
from skype_assets.etl.errors import DatabaseDiffers
from skype_assets.etl.sample.overlapping import write_overlapping
from skype_assets.etl.task import Task
from skype_assets.etl.tasks.reset import reset
from tests.conftest import NewDatabase
from tests.engine.database_content import digests, query, row_versions
from tests.engine.runs import Interruption, at, interrupt, task

CANARY = "canary-7f3a"
TRIGGER = """
CREATE FUNCTION skype.meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {what}; END $$;
CREATE TRIGGER meddle BEFORE INSERT ON skype.{table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION skype.meddle()"""
LOST = {
    "every message": "TRUNCATE skype.messages CASCADE",
    "every row of a conversation": "SET session_replication_role = replica; DELETE FROM skype.messages "
    "WHERE conversation_id = (SELECT max(conversation_id) FROM skype.messages)",
    "one child": "DELETE FROM skype.reactions WHERE ctid = (SELECT max(ctid) FROM skype.reactions)",
    "what messages refer to": "SET session_replication_role = replica; DELETE FROM skype.conversations; "
    "DELETE FROM skype.participants",
    "what messages refer to, and they with it": "TRUNCATE skype.conversations CASCADE",
    "these, and the ledger of a part": "DELETE FROM skype.load_parts WHERE part = 2; "
    "TRUNCATE skype.conversations CASCADE",
    "what an export says of conversations": "DELETE FROM skype.conversation_copies",
    "objects": "DELETE FROM skype.media_files WHERE media_index = 1",
    "rejects": "DELETE FROM skype.rejects",
}
GONE_BACK = {
    "before it said complete": "UPDATE skype.exports SET status = 'loading', loaded_at = NULL",
    "with figures of before": "UPDATE skype.exports SET messages_loaded = 1",
    "before its foreign keys": "ALTER TABLE skype.reactions DROP CONSTRAINT "
    "reactions_owner_id_conversation_id_message_id_fkey",
    "before its indexes": "DROP INDEX skype.messages_by_time",
    "before a part": "DELETE FROM skype.load_parts WHERE part = 2; "
    "DELETE FROM skype.messages WHERE source_offset > 90000",
}


def _same_folder(of: Task) -> Task:
    return of


def _after_reset(of: Task) -> Task:
    reset(of)
    return of


def _fresh_folder(of: Task) -> Task:
    shutil.rmtree(of.output_dir)
    return of


DOORS: dict[str, Callable[[Task], Task]] = {
    "same folder": _same_folder, "reset": _after_reset, "fresh folder": _fresh_folder,
}  # fmt: skip


@pytest.fixture
def half_loaded(fresh: Task) -> Task:
    """Its tables are made, and its head is loaded."""
    with pytest.raises(Interruption):
        engine.run(fresh, at("load", 1, interrupt))
    return fresh


@pytest.mark.parametrize(
    ("table", "when", "what", "said"),
    [
        ("messages", "new.kind = 'text'", "new.text := upper(new.text); RETURN new", "text is not what"),
        ("messages", "true", "new.flags := new.flags || ''::text; RETURN new", "flags is not what"),
        ("messages", "new.properties IS NOT NULL", "new.properties := '{}'; RETURN new", "properties is not what"),
        ("reactions", "true", "new.reacted_at := now(); RETURN new", "reacted_at is not what"),
        ("messages", "new.kind = 'text'", "RETURN NULL", "is missing"),
        ("links", "new.ordinal = 0", "RETURN NULL", "is missing"),
    ],
)
def test_what_a_trigger_changes_or_swallows_is_named_and_never_called_complete(
    table: str, when: str, what: str, said: str, half_loaded: Task
) -> None:
    query(half_loaded.database, TRIGGER.format(table=table, when=when, what=what))
    with pytest.raises(DatabaseDiffers) as refused:
        engine.run(half_loaded)
    assert f"skype.{table} (8:" in str(refused.value)
    assert said in str(refused.value)
    assert "unload t" in str(refused.value)
    assert query(half_loaded.database, "SELECT status FROM skype.exports") == [("loading",)]


def test_an_error_about_a_row_names_it_and_does_not_quote_it(half_loaded: Task) -> None:
    query(
        half_loaded.database, TRIGGER.format(table="messages", when="true", what=f"new.text := '{CANARY}'; RETURN new")
    )
    with pytest.raises(DatabaseDiffers) as refused:
        engine.run(half_loaded)
    assert CANARY not in str(refused.value)
    texts = query(half_loaded.database, "SELECT content FROM skype.messages WHERE length(content) > 12")
    assert texts
    assert not any(text in str(refused.value) for (text,) in texts)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("lost", LOST)
def test_rows_that_have_gone_under_the_ledger_are_loaded_again(
    lost: str, door: str, copied: Task, finished: Task, caplog: pytest.LogCaptureFixture
) -> None:
    query(copied.database, LOST[lost])
    caplog.set_level(logging.WARNING)
    *_, load = engine.run(DOORS[door](copied))
    assert not load.from_checkpoint
    assert digests(copied.database) == digests(finished.database)
    before = row_versions(copied.database)
    assert [phase.from_checkpoint for phase in engine.run(copied)] == [True, True, True]
    assert row_versions(copied.database) == before


@pytest.mark.parametrize("since", GONE_BACK)
def test_a_database_that_went_back_gets_what_it_lacks(since: str, copied: Task, finished: Task) -> None:
    query(copied.database, "SET session_replication_role = replica; " + GONE_BACK[since])
    *_, load = engine.run(copied)
    assert not load.from_checkpoint
    assert digests(copied.database) == digests(finished.database)
    assert query(copied.database, "SELECT status, loaded_at IS NOT NULL FROM skype.exports") == [("complete", True)]
    constraints = "SELECT conname FROM pg_constraint WHERE contype = 'f' AND convalidated ORDER BY 1"
    assert query(copied.database, constraints) == query(finished.database, constraints)
    assert [phase.from_checkpoint for phase in engine.run(copied)] == [True, True, True]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE skype.messages SET text = 'other' WHERE message_id = (SELECT min(message_id) FROM skype.messages)",
         r"skype\.messages \(8:\S+, \S+, \d+\) text is not what the export says"),
        ("INSERT INTO skype.reactions SELECT owner_id, conversation_id, message_id, 'x', 'y', NULL "
         "FROM skype.messages LIMIT 1", r"skype\.reactions \(.*, x, y\) is not in the export"),
        ("UPDATE skype.messages SET message_id = message_id || '0' WHERE kind = 'text' AND NOT EXISTS "
         "(SELECT FROM skype.reactions r WHERE r.message_id = messages.message_id) AND message_id = "
         "(SELECT min(message_id) FROM skype.messages WHERE kind = 'text')", "is not in the export"),
        ("UPDATE skype.conversations SET title = title || '.'", r"skype\.conversations \(.*\) title is not what"),
        ("UPDATE skype.rejects SET reason = ''", r"skype\.rejects \(\S+, \d+\) reason is not what"),
        ("UPDATE skype.rejects SET reason = ''; DELETE FROM skype.given_names; DELETE FROM skype.conversation_copies",
         r"missing and \d+ rows? not as they must be"),
        ("UPDATE skype.messages SET text = 'other' WHERE message_id = (SELECT min(message_id) FROM skype.messages); "
         "DELETE FROM skype.messages WHERE message_id = (SELECT max(message_id) FROM skype.messages)",
         r"text is not what the export says"),
    ],
)  # fmt: skip
def test_rows_that_somebody_has_changed_are_named_and_neither_blessed_nor_replaced(
    change: str, said: str, door: str, copied: Task
) -> None:
    query(copied.database, "SET session_replication_role = replica; " + change)
    changed = digests(copied.database)
    with pytest.raises(DatabaseDiffers, match=said):
        engine.run(DOORS[door](copied))
    assert digests(copied.database) == changed


def test_what_cannot_be_loaded_again_is_called_complete_nowhere(copied: Task) -> None:
    query(copied.database, TRIGGER.format(table="links", when="new.ordinal = 0", what="RETURN NULL"))
    query(copied.database, "DELETE FROM skype.links")
    with pytest.raises(DatabaseDiffers, match="is missing"):
        engine.run(copied)
    assert query(copied.database, "SELECT status, loaded_at FROM skype.exports") == [("loading", None)]
    query(copied.database, "DROP TRIGGER meddle ON skype.links")
    engine.run(copied)
    assert query(copied.database, "SELECT status, loaded_at IS NOT NULL FROM skype.exports") == [("complete", True)]


def test_overlapping_exports_lose_rows_and_get_them_again(new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database()
    tasks = [
        task(path.stem, tmp_path / "out", path, database)
        for path in write_overlapping(tmp_path, exports=3, messages=200)
    ]
    for each in tasks:
        engine.run(each)
    expected = digests(database)
    assert all(phase.from_checkpoint for each in tasks for phase in engine.run(each))
    query(database, "TRUNCATE skype.messages CASCADE")
    for each in tasks:
        engine.run(each)
    assert digests(database) == expected


def test_what_a_later_export_has_changed_rightly_does_not_stop_an_earlier_one(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database()
    paths = write_overlapping(tmp_path, exports=4, messages=200)
    for path in reversed(paths):
        engine.run(task(path.stem, tmp_path / "out", path, database))
    for path in paths:
        fresh = task(path.stem, tmp_path / "other", path, database)
        rows = row_versions(database)
        engine.run(fresh)
        changed = {name for name, version in row_versions(database).items() if version != rows[name]}
        assert changed <= {"attempts", "exports"}
