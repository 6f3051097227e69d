"""What is in the database, as numbers to compare: rows and SHA-256 per table (promise I1).

The digest of a table is the SHA-256 over the SHA-256 of each row's text form, ordered by key, without the columns
that depend on the run. The server hashes rows, so that 32 bytes a row travel.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from skype_assets.etl.database.counting import COUNTED
from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.session import Session
from skype_assets.etl.schema.tables import TABLES


@dataclass(frozen=True)
class TableDigest:
    """Rows of a table and their digest (hex)."""

    table: str
    rows: int
    sha256: str


def digests(session: Session, tables: Iterable[str] = COUNTED) -> list[TableDigest]:
    """Digests of whole tables."""
    return [_digest(session, name) for name in tables]


def _digest(session: Session, name: str) -> TableDigest:
    table, digest, rows = TABLES[name], hashlib.sha256(), 0
    query = (
        f"SELECT sha256(convert_to(ROW({', '.join(table.digest_columns)})::text, 'UTF8')) FROM {SCHEMA}.{table.name} "
        f"ORDER BY {', '.join(table.key)}"
    )
    with session.transaction():
        for batch in session.batches(query):
            digest.update(b"".join(batch.column(0).to_pylist()))
            rows += batch.num_rows
    return TableDigest(name, rows, digest.hexdigest())
