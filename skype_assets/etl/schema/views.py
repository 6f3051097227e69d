"""The views beside the tables: every column's name, type and meaning; ``database.ddl`` has their SQL."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from skype_assets.etl.schema.tables import (
    BIGINT,
    BOOLEAN,
    COPY,
    DOUBLE,
    INSTANT,
    INTEGER,
    MESSAGE_KEY,
    MESSAGES,
    TEXT,
    WORDING,
    Column,
    Table,
)

CALLS: Final = Table(
    "calls",
    (),
    (
        Column("owner_id", TEXT, "account that made the export, as MRI", "messages"),
        Column("conversation_id", TEXT, "conversation, as MRI", "messages"),
        Column("call_id", TEXT, "ties started and ended", "call_events"),
        Column("started_at", INSTANT, "sent_at of the `started` event", "messages"),
        Column("ended_at", INSTANT, "sent_at of the `ended`, `cancelled` or `missed` event", "messages"),
        Column("duration_seconds", DOUBLE, "longest part, seconds", "call_events"),
        Column("initiator_id", TEXT, "sender of the `started` event, else of the other", "messages"),
        Column(
            "status",
            TEXT,
            "`ended`, `missed`, `cancelled`, `not answered` (ended without a duration), `no end` (started only)",
        ),
    ),
    "A view: the events of a call side by side, paired by call_id within a conversation, else by nearest.",
)

MESSAGE_HISTORY: Final = Table(
    "message_history",
    (),
    (
        *MESSAGE_KEY,
        Column("place", INTEGER, "of the copy among those of the message, from 1: in the order of exports, in time"),
        Column("exported_at", INSTANT, "when the copy's export was made", "exports"),
        Column("export_id", TEXT, "export that the copy is in"),
        Column(
            "change",
            TEXT,
            "since the export before that has the message: `first` (there is none), `none`, `deleted`, `text`, or "
            "`other` (reactions, a name, a date of edit, ...); `duplicate` says nothing of time",
        ),
        Column("is_current", BOOLEAN, "it is the row of messages"),
        Column("is_duplicate", BOOLEAN, "the same export has a better copy"),
        Column("superseded_by", TEXT, "export of the copy that won; null of that one", "messages"),
        Column(
            "decided_by",
            TEXT,
            "why: in what it was greater, `version`, `exported_at`, `raw_sha256` or `export_id`, the first that "
            "differs; `source_offset`: it is the first of equal ones in one export",
        ),
        *(replace(column, required=False) for column in MESSAGES.columns if column.name in WORDING),
        Column("source_offset", BIGINT, "first byte of the object within the member"),
        *(replace(column, required=False) for column in MESSAGES.columns if column.name in COPY),
    ),
    "A view: every copy of a message, what it said, and which one won. Ask for one message, or for a conversation.",
)

VIEWS: Final[Mapping[str, Table]] = {view.name: view for view in (CALLS, MESSAGE_HISTORY)}
"""By name."""
