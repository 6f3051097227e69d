"""Small exports as the tables that are loaded, for the tests of loading and merging."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pyarrow as pa

from skype_assets.etl.database import ddl
from skype_assets.etl.database.loading import Loader
from skype_assets.etl.database.session import Session
from skype_assets.etl.rows.message_tables import MESSAGE_TABLES
from skype_assets.etl.schema.tables import TABLES

OWNER, CONVERSATION = "8:live:mara.ostrow", "8:tbrannock"
DAY = datetime(2025, 5, 20, tzinfo=UTC)

Row = dict[str, Any]
Tables = dict[str, pa.Table]


def export(export_id: str = "e1", *, days: int = 0, code_version: str = "1") -> pa.Table:
    """The row of ``exports`` of an export made so many days after the first."""
    row = {
        "export_id": export_id, "task_id": "t", "owner_id": OWNER, "exported_at": DAY + timedelta(days=days),
        "source_name": f"{export_id}.tar", "source_size": 1, "source_sha256": b"s", "messages_seen": 1,
        "messages_loaded": 1, "messages_duplicate": 0, "messages_rejected": 0, "conversation_count": 1,
        "code_version": code_version, "status": "loading",
    }  # fmt: skip
    return _table("exports", [row])


def head(export_id: str = "e1", **changes: Any) -> Tables:
    """One conversation with its two people."""
    conversation = {
        "owner_id": OWNER, "conversation_id": CONVERSATION, "display_name": "Theo", "title": "Theo", "kind": "direct",
        "message_count": 0, "version": 1, "export_id": export_id, "is_partial": False, **changes,
    }  # fmt: skip
    people = [
        {"owner_id": OWNER, "conversation_id": CONVERSATION, "user_id": user_id, "is_owner": user_id == OWNER,
         "is_member": False, "message_count": 0}
        for user_id in (OWNER, CONVERSATION)
    ]  # fmt: skip
    return {
        "conversations": _table("conversations", [conversation]),
        "conversation_copies": _table("conversation_copies", [conversation]),
        "participants": _table("participants", people),
        "given_names": _table("given_names", []),
        "media_files": _table("media_files", []),
        "rejects": _table("rejects", []),
    }


def messages(*ids: str, export_id: str = "e1", reactions: int = 1, **changes: Any) -> Tables:
    """A part of messages, each with some reactions."""
    key = {"owner_id": OWNER, "conversation_id": CONVERSATION}
    plain = {
        "sender_id": CONVERSATION, "sender_name": "Theo", "kind": "text", "text": "hello", "is_forwarded": False,
        "version": 1, "flags": [], "source_member": "messages.json", "source_offset": 0, "source_length": 2,
        "raw_sha256": b"a", "sent_at": DAY, "export_id": export_id, **changes,
    }  # fmt: skip
    tables = {name: _table(name, []) for name in (*MESSAGE_TABLES, "rejects")}
    tables["messages"] = _table("messages", [{**key, "message_id": identity, **plain} for identity in ids])
    emotions = [
        {**key, "message_id": identity, "emotion": f"{export_id}-{number}", "user_id": OWNER}
        for identity in ids
        for number in range(reactions)
    ]
    return tables | {"reactions": _table("reactions", emotions)}


def register(session: Session, row: pa.Table | None = None) -> Loader:
    ddl.create(session)
    return Loader.register(session, export() if row is None else row)


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def _table(name: str, rows: list[Row]) -> pa.Table:
    schema = TABLES[name].schema
    return pa.Table.from_pylist([{field.name: row.get(field.name) for field in schema} for row in rows], schema)
