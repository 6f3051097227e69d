"""What is in the database, as numbers to compare: rows and SHA-256 per table (promise I1).

The digest of a table is the SHA-256 over the SHA-256 of each row's text form, ordered by key, without the columns
that depend on the run. The server hashes rows, so that 32 bytes a row travel.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

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


def digests(
    session: Session, tables: Iterable[str] = DIGESTED, *, owner_id: str | None = None, export_id: str | None = None
) -> list[TableDigest]:
    """Digests of tables: of everything, or of one account's rows (and one export's in ``exports`` and ``rejects``)."""
    return [_digest(session, TABLES[name], owner_id, export_id) for name in tables]


def _digest(session: Session, table: Table, owner_id: str | None, export_id: str | None) -> TableDigest:
    column, value = ("owner_id", owner_id) if table.key[0] == "owner_id" else ("export_id", export_id)
    where, parameters = (f" WHERE {column} = $1", (value,)) if value is not None else ("", ())
    query = (
        f"SELECT sha256(convert_to(ROW({', '.join(table.digest_columns)})::text, 'UTF8')) "
        f"FROM {SCHEMA}.{table.name}{where} ORDER BY {', '.join(table.key)}"
    )
    digest, rows = hashlib.sha256(), 0
    with session.transaction():
        for batch in session.batches(query, *parameters):
            rows += batch.num_rows
            for row in batch.column(0).to_pylist():
                digest.update(row)
    return TableDigest(table.name, rows, digest.hexdigest())
