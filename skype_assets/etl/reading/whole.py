"""A message as the tables have it: its row, whatever belongs to it, the copies that edits left, the calls."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from skype_assets.etl.database.session import Session
from skype_assets.etl.schema.tables import JSON, TABLES, Table
from skype_assets.etl.schema.views import CALLS

Row = Mapping[str, Any]
"""A row by the names of its columns; JSON is decoded."""

_KEY: Final = TABLES["messages"].key
_CHILDREN: Final = tuple(table for table in TABLES.values() if table.parent == "messages")


@dataclass(frozen=True)
class Whole:
    """What the tables have of a message.

    Attributes:
        message: its row.
        children: rows of the tables that have its key, by table; only those that have some.
        edits: rows of ``messages``: of the copies that edits left of it, or of the original, if it is such a copy.
        calls: rows of the view ``calls`` that its call events belong to.
    """

    message: Row
    children: Mapping[str, Sequence[Row]]
    edits: Sequence[Row]
    calls: Sequence[Row]


def whole(session: Session, owner_id: str, conversation_id: str, message_id: str) -> Whole | None:
    """What the tables have of a message; None if there is no such message."""
    key = (owner_id, conversation_id, message_id)
    found = rows_of(session, TABLES["messages"], OF_KEY, *key)
    if not found:
        return None
    children = {table.name: rows_of(session, table, OF_KEY, *key) for table in _CHILDREN}
    edits = rows_of(session, TABLES["messages"], _EDITS, *key, found[0]["edit_of"])
    calls = [
        row
        for event in children["call_events"]
        if event["call_id"] is not None
        for row in rows_of(session, CALLS, _CALLS, owner_id, conversation_id, event["call_id"])
    ]
    return Whole(found[0], {name: rows for name, rows in children.items() if rows}, edits, calls)


OF_KEY: Final = " AND ".join(f"{name} = ${number}" for number, name in enumerate(_KEY, start=1))
"""The condition that rows are about the message of which ids are given: account, conversation, message."""

_EDITS: Final = "owner_id = $1 AND conversation_id = $2 AND (edit_of = $3 OR message_id = $4::text)"
_CALLS: Final = "owner_id = $1 AND conversation_id = $2 AND call_id = $3"


def rows_of(session: Session, table: Table, condition: str, *values: str | None) -> list[Row]:
    """Rows of a table, in the order of its key, or of a view, for which the condition may say the order."""
    names = [column.name for column in table.columns]
    decoded = {column.name for column in table.columns if column.type == JSON}
    order = f" ORDER BY {', '.join(table.key)}" if table.key else ""
    rows = session.rows(f"SELECT {', '.join(names)} FROM skype.{table.name} WHERE {condition}{order}", *values)
    return [
        {
            name: json.loads(value) if name in decoded and isinstance(value, str) else value
            for name, value in zip(names, row, strict=True)
        }
        for row in rows
    ]
