"""What is in the database, as numbers to compare: rows and SHA-256 per table (promise I1).

The digest of a table is the SHA-256 over the SHA-256 of each row's text form, ordered by key, without the columns
that depend on the run. The server hashes rows, so that 32 bytes a row travel.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.session import Session
from skype_assets.etl.tables import TABLES, Table

DIGESTED: Final = tuple(name for name in TABLES if name != "load_parts")
"""The tables that a digest is about; the ledger is about parts, whose sizes are free to differ."""


@dataclass(frozen=True)
class TableDigest:
    """Rows of a table and their digest (hex)."""

    table: str
    rows: int
    sha256: str


def digests(session: Session, tables: Iterable[str] = DIGESTED) -> list[TableDigest]:
    """Digests of whole tables."""
    return [_digest(session, TABLES[name], "") for name in tables]


def digests_of_load(
    session: Session, owner_id: str, export_id: str, conversation_ids: Sequence[str] | None = None
) -> list[TableDigest]:
    """Digests of the rows that a load was about: the export's own, and its conversations'.

    Without ``conversation_ids``, these are the conversations that ``merging.touch`` named.
    """
    parameters: list[Any] = [owner_id]
    touched = "owner_id = $1 AND conversation_id IN (SELECT conversation_id FROM touched)"
    if conversation_ids is not None:
        parameters.append(list(conversation_ids))
        touched = "owner_id = $1 AND conversation_id = ANY($2)"
    found = []
    for name in DIGESTED:
        table = TABLES[name]
        if table.key[0] == "export_id":
            found.append(_digest(session, table, "export_id = $1", export_id))
        elif "conversation_id" in table.key:
            found.append(_digest(session, table, touched, *parameters))
        else:
            found.append(_digest(session, table, "owner_id = $1", owner_id))
    return found


def _digest(session: Session, table: Table, condition: str, *parameters: Any) -> TableDigest:
    query = (
        f"SELECT sha256(convert_to(ROW({', '.join(table.digest_columns)})::text, 'UTF8')) FROM {SCHEMA}.{table.name}"
        f"{f' WHERE {condition}' if condition else ''} ORDER BY {', '.join(table.key)}"
    )
    digest, rows = hashlib.sha256(), 0
    with session.transaction():
        for batch in session.batches(query, *parameters):
            rows += batch.num_rows
            for row in batch.column(0).to_pylist():
                digest.update(row)
    return TableDigest(table.name, rows, digest.hexdigest())
