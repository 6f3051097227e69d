"""Which message it was that PostgreSQL refused, or that ended the server: an error of a part is no use to anybody.

What the tables take is known (``content.bounds``), so this is for what nobody thought of, and for servers that are set
up otherwise.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Callable, Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.session import Database, Rejected, Session
from skype_assets.etl.errors import PoisonPart
from skype_assets.etl.rows.duplicates import KEY, only
from skype_assets.etl.schema.tables import TABLES

DEADLY: Final = 2
"""How often a server may be gone in the middle of one part before the part is blamed."""

_OF_DATA: Final = ("22", "54", "XX000", "53200")
"""Beginnings of SQLSTATE: data exceptions, limits of the program, allocations that are too large."""

_CRASHED: Final = "57P02"


class _Undone(Exception):
    """Rolls a try back."""


def committed(database: Database, tables: Mapping[str, pa.Table], commit: Callable[[Session], None]) -> None:
    """Commit a part, again after transient errors as ``Database.repeatedly``.

    Args:
        database: the database.
        tables: of the part.
        commit: commits it.

    Raises:
        Rejected: PostgreSQL refuses a value: the error names the message.
        PoisonPart: the server was gone twice meanwhile: the error names the messages.
    """
    deaths = 0

    def watched(session: Session) -> None:
        nonlocal deaths
        try:
            commit(session)
        except Rejected as error:
            deaths += error.is_transient and error.sqlstate in (None, _CRASHED)
            if deaths == DEADLY:
                raise PoisonPart(
                    f"{error}; it was gone {deaths} times in the middle of the same part ({_place(tables)}). Of that "
                    "nothing is committed, what came before is kept. Look into the server's log: if it was killed for "
                    "lack of memory, give it more and resume; else report this line"
                ) from None
            raise

    try:
        database.repeatedly(watched)
    except Rejected as error:
        if not _is_of_data(error):
            raise
        with database.session() as session:
            name, refused = _find(session, tables)
        raise Rejected(
            f"{error}; it refuses a row of table {SCHEMA}.{name} ({_place(refused)}). The part of that message is not "
            "committed, what came before is kept; please report this line. Without this message the export can be "
            "loaded, from a copy of its messages.json",
            error.sqlstate,
        ) from None


def _is_of_data(error: Rejected) -> bool:
    return error.sqlstate is not None and error.sqlstate.startswith(_OF_DATA)


def _find(session: Session, tables: Mapping[str, pa.Table]) -> tuple[str, Mapping[str, pa.Table]]:
    """The table that has a row that is refused, and of the part's tables only the message that has it."""
    for name in TABLES:
        rows = tables.get(name)
        if rows is None or not _is_refused(session, name, rows):
            continue
        while rows.num_rows > 1:
            half = rows[: rows.num_rows // 2]
            rows = half if _is_refused(session, name, half) else rows[rows.num_rows // 2 :]
        if "message_id" in rows.column_names and "source_offset" not in rows.column_names:
            return name, {"messages": only(tables["messages"], rows.select(KEY))}
        return name, {name: rows}
    return "of those of the part", tables  # refused together, or not any more


def _is_refused(session: Session, name: str, rows: pa.Table) -> bool:
    try:
        with session.transaction():
            session.copy(name, rows, schema=SCHEMA)
            raise _Undone
    except _Undone:
        return False
    except Rejected as error:
        if error.is_transient:
            raise
        return _is_of_data(error)  # a key that is there, or one that is not yet, tells nothing of the values


def _place(tables: Mapping[str, pa.Table]) -> str:
    """Where in the export some messages stand, or what else it is about."""
    messages = next((tables[name] for name in ("messages", "superseded_copies", "rejects") if name in tables), None)
    if messages is None or not messages.num_rows:
        rows = next((rows for rows in tables.values() if rows.num_rows), None)
        key = [name for name in ("conversation_id", "document_id") if rows is not None and name in rows.column_names]
        return ", ".join(f"{name} {rows[name][0].as_py()}" for name in key) if rows is not None else "no rows"
    member, offset = messages["source_member"][0].as_py(), pc.min(messages["source_offset"]).as_py()
    if messages.num_rows == 1:
        return f"member {member}, offset {offset}, length {messages['source_length'][0].as_py()}"
    ends = pc.add(messages["source_offset"], messages["source_length"])
    return f"member {member}, offset {offset} to {pc.max(ends).as_py()}, {messages.num_rows:,} messages"
