"""What a forger does to a loaded database, and the databases that he gets: one export, and six that overlap."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from skype_assets.etl import engine
from skype_assets.etl.phases import given_names
from skype_assets.etl.schema.tables import INSTANT, JSON, TABLES, WORDING, Column
from skype_assets.etl.task import Task
from tests.engine.database_content import query

Keys = Mapping[tuple[str, tuple[str, ...]], str]

# When, and for the last load of an export, no checkpoint can tell.
UNKNOWABLE = {("exports", "started_at"), ("exports", "loaded_at"), ("load_parts", "committed_at")}
AS_REPLICA = "SET session_replication_role = replica; "
OF_MESSAGES = ("messages", *(name for name, table in TABLES.items() if table.parent == "messages"))

FORGED = {
    pa.string(): "coalesce({0}, '') || 'x'",
    pa.int32(): "coalesce({0}, 0) + 1",
    pa.int64(): "coalesce({0}, 0) + 1",
    pa.float64(): "coalesce({0}, 0) + 0.001",
    pa.bool_(): "NOT {0}",
    pa.binary(): "{0} || '\\x00'",
    INSTANT: "coalesce({0}, '2020-01-01') + interval '1 microsecond'",
    JSON: "coalesce({0}, '{{}}') || '{{\"forged\": 1.0}}'",
    pa.list_(pa.string()): "coalesce({0}, '{{}}') || 'x'::text",
}

IMPOSSIBLE_INSTANTS = ("infinity", "-infinity", "294276-12-31", "10000-01-01", "0044-03-15 BC")

FIRST = "ctid = (SELECT min(ctid) FROM skype.{0})"
LAST = "ctid = (SELECT max(ctid) FROM skype.{0})"
OF_CONVERSATION = "conversation_id = (SELECT min(conversation_id) FROM skype.conversations)"
WITH_REACTIONS = "message_id = (SELECT max(message_id) FROM skype.reactions)"
PRESENT = "ctid = (SELECT min(ctid) FROM skype.attachments WHERE {0} present)"
MOVES = {
    "a message to another conversation":
        "UPDATE skype.messages m SET conversation_id = (SELECT max(conversation_id) FROM skype.conversations v "
        f"WHERE v.conversation_id <> m.conversation_id) WHERE {FIRST.format('messages')}",
    "a message to another owner":
        f"UPDATE skype.messages SET owner_id = '8:somebody' WHERE {FIRST.format('messages')}",
    "a message with its children":
        "; ".join(f"UPDATE skype.{name} SET owner_id = '8:somebody' WHERE {WITH_REACTIONS}" for name in OF_MESSAGES),
    "a message to an export of nobody":
        f"UPDATE skype.messages SET export_id = 'ffff' WHERE {FIRST.format('messages')}",
    "a child to another message":
        "UPDATE skype.reactions r SET (conversation_id, message_id) = (SELECT conversation_id, message_id "
        "FROM skype.messages m WHERE m.message_id <> r.message_id ORDER BY ctid LIMIT 1) "
        f"WHERE {FIRST.format('reactions')}",
    "values of two children swapped":
        "UPDATE skype.reactions r SET reacted_at = s.reacted_at + interval '1 day' FROM skype.reactions s "
        f"WHERE r.{FIRST.format('reactions')} AND s.{LAST.format('reactions')}",
    "a child without a message":
        "INSERT INTO skype.mentions VALUES ('8:nobody', '8:x', '1', 0, '8:x', 'x')",
    "the text of another message":
        "UPDATE skype.messages m SET text = (SELECT o.text FROM skype.messages o WHERE o.text <> m.text "
        f"ORDER BY o.ctid DESC LIMIT 1) WHERE {FIRST.format('messages')}",
    "a conversation with its people":
        f"DELETE FROM skype.participants WHERE {OF_CONVERSATION}; "
        f"DELETE FROM skype.conversations WHERE {OF_CONVERSATION}",
    "a person of nobody":
        "INSERT INTO skype.participants VALUES ('8:nobody', '8:x', '8:x', NULL, NULL, false, false, 0)",
    "an object of another owner":
        "INSERT INTO skype.media_files SELECT '8:nobody', document_id, media_index, member, file_name, mime_type, "
        "size_bytes, export_id, sha256, source_offset, content_type, flags, kept FROM skype.media_files LIMIT 1",
    "an object from another member":
        f"UPDATE skype.attachments SET media_member = 'other' WHERE {PRESENT.format('')}",
    "an object that is hidden":
        f"UPDATE skype.attachments SET present = false WHERE {PRESENT.format('')}",
    "an object that is said to be there":
        "UPDATE skype.attachments SET (present, media_member, media_export_id) = ROW(true, 'x', 'x') "
        f"WHERE {PRESENT.format('NOT')}",
    "a duplicate that is said to be another export's loss":
        f"UPDATE skype.superseded_copies SET is_duplicate = NOT is_duplicate WHERE {FIRST.format('superseded_copies')}",
    "a superseded copy of another message":
        "UPDATE skype.superseded_copies s SET (conversation_id, message_id) = (SELECT conversation_id, message_id "
        "FROM skype.messages m WHERE m.message_id <> s.message_id ORDER BY ctid LIMIT 1) "
        f"WHERE {FIRST.format('superseded_copies')}",
    "a superseded copy of another export":
        f"UPDATE skype.superseded_copies SET export_id = 'ffff' WHERE {FIRST.format('superseded_copies')}",
    "a superseded copy that nobody exported":
        "INSERT INTO skype.superseded_copies (export_id, source_offset, owner_id, conversation_id, message_id, "
        "is_duplicate, source_member, source_length, raw_sha256, text) SELECT export_id, 1, owner_id, "
        "conversation_id, message_id, false, source_member, 1, '', 'never said' FROM skype.messages LIMIT 1",
    "a message that is a superseded copy as well":
        "INSERT INTO skype.superseded_copies (export_id, source_offset, owner_id, conversation_id, message_id, "
        "is_duplicate, source_member, source_length, raw_sha256) SELECT export_id, source_offset, owner_id, "
        "conversation_id, message_id, false, source_member, source_length, raw_sha256 FROM skype.messages LIMIT 1",
    "wordings of a message and a superseded copy swapped":
        "WITH pair AS (SELECT m.owner_id, m.conversation_id, m.message_id, m.text, s.export_id, s.source_offset, "
        "s.text AS former FROM skype.messages m JOIN skype.superseded_copies s "
        "USING (owner_id, conversation_id, message_id) WHERE s.text <> m.text LIMIT 1), "
        "message AS (UPDATE skype.messages m SET text = former FROM pair WHERE (m.owner_id, m.conversation_id, "
        "m.message_id) = (pair.owner_id, pair.conversation_id, pair.message_id)) "
        "UPDATE skype.superseded_copies s SET text = pair.text FROM pair "
        "WHERE (s.export_id, s.source_offset) = (pair.export_id, pair.source_offset)",
    "all that a superseded copy says":
        f"UPDATE skype.superseded_copies SET {', '.join(f'{name} = NULL' for name in WORDING)} "
        "WHERE ctid = (SELECT min(ctid) FROM skype.superseded_copies WHERE text IS NOT NULL)",
    "a property that was not exported":
        "UPDATE skype.messages SET properties = properties || '{\"n\": 1.00}' "
        "WHERE ctid = (SELECT min(ctid) FROM skype.messages WHERE properties IS NOT NULL)",
    "figures, ledger and digests that fit":
        f"WITH gone AS (DELETE FROM skype.messages WHERE {LAST.format('messages')} RETURNING *), "
        "less AS (UPDATE skype.conversations v SET message_count = v.message_count - 1 FROM gone "
        "WHERE v.conversation_id = gone.conversation_id), "
        "export AS (UPDATE skype.exports e SET (messages_loaded, messages_seen) = ROW(messages_loaded - 1, "
        "messages_seen - 1) FROM gone WHERE e.export_id = gone.export_id) "
        "UPDATE skype.load_parts l SET (rows, checksum) = ROW(l.rows - 1, "
        "encode(sha256(convert_to(l.checksum, 'UTF8')), 'hex')) "
        "FROM gone WHERE l.export_id = gone.export_id AND l.part = 1",
}  # fmt: skip


@dataclass(frozen=True)
class Whole:
    """A database that nobody has altered, and the folder of its checkpoints."""

    output_dir: Path
    url: str
    rows: Keys


both = pytest.mark.parametrize("whole", ["one", "six"], indirect=True)


def run_all(tasks: list[Task]) -> list[Task]:
    for each in tasks:
        given_names.keep(each.folder, {"8:live:somebody.else": "Somebody Else", "8:another": "Another"})
        engine.run(each)
    return tasks


def whole_of(tasks: list[Task]) -> Whole:
    url = tasks[0].database
    assert url
    return Whole(tasks[0].output_dir, url, rows_of(url))


def rows_of(url: str) -> Keys:
    found: dict[tuple[str, tuple[str, ...]], str] = {}
    for name, table in TABLES.items():
        key = ", ".join(f"{column}::text" for column in table.key)
        for *values, row in query(url, f"SELECT {key}, t::text FROM skype.{name} t"):
            found[name, tuple(values)] = row
    return found


def forged_instants(instant: str, tables: Collection[str]) -> str:
    """Every column of instants has it, each in another row, as far as there are so many."""
    return "; ".join(
        f"UPDATE skype.{name} SET {column.name} = '{instant}' WHERE ctid = (SELECT ctid FROM skype.{name} "
        f"ORDER BY {', '.join(table.key)} OFFSET {number} % (SELECT count(*) FROM skype.{name}) LIMIT 1)"
        for name, table in TABLES.items()
        if name in tables
        for number, column in enumerate(c for c in table.columns if c.type == INSTANT)
    )


def forged(column: Column) -> str:
    return FORGED[column.type].format(column.name)
