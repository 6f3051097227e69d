"""What is in the database, as numbers to compare: rows and SHA-256 per table (promise I1).

The digest of some rows is the SHA-256 over the SHA-256 of each row's text form, ordered by key, without the columns
that depend on the run. The server hashes rows, so that 32 bytes a row travel. ``docs/proof.md`` has the same for psql.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal

from skype_assets.etl.database.counting import COUNTED
from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.session import Session
from skype_assets.etl.schema.tables import TABLES, Table

Depth = Literal["table", "conversation", "row"]
"""Of what there are digests: of whole tables, of their conversations, too, or of every row, too."""

DEPTHS: Final[tuple[Depth, ...]] = ("table", "conversation", "row")

RECIPE: Final = r"""SET client_encoding = 'UTF8';
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET bytea_output = 'hex';
SET extra_float_digits = 1;
SELECT format(
    'SELECT encode(sha256(coalesce(string_agg(sha256(convert_to(ROW(%s)::text, ''UTF8'')), ''\x''::bytea ORDER BY %s), '
    '''\x''::bytea)), ''hex''), count(*), %L FROM skype.%I',
    (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       AND (c.relname, a.attname) NOT IN (
           ('exports', 'task_id'), ('exports', 'source_name'), ('exports', 'code_version'),
           ('exports', 'started_at'), ('exports', 'loaded_at'), ('exports', 'status'), ('media_files', 'kept'))),
    (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY array_position(i.indkey::int2[], a.attnum))
     FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
     WHERE i.indrelid = c.oid AND i.indisprimary),
    c.relname, c.relname)
FROM pg_class c
WHERE c.relnamespace = 'skype'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relname NOT IN ('load_parts', 'attempts', 'unloads', 'replacements', 'holds', 'schema_version')
ORDER BY c.relname
\gexec
"""
"""The digests of all tables for psql alone: ``psql -XqAt -f`` with this in a file prints the same numbers."""

Key = tuple[str, ...]


@dataclass(frozen=True)
class Digest:
    """How many rows, and their digest (hex)."""

    rows: int
    sha256: str


@dataclass(frozen=True)
class TableDigest:
    """Rows of a table and their digest (hex).

    Attributes:
        conversations: of each conversation, by the part of the key that names it; of tables that have them.
        keys: hash of every row (hex), by key.
    """

    table: str
    rows: int
    sha256: str
    conversations: Mapping[Key, Digest] | None = None
    keys: Mapping[Key, str] | None = None


def digests(
    session: Session, tables: Iterable[str] = COUNTED, owner_id: str | None = None, depth: Depth = "table"
) -> list[TableDigest]:
    """Digests of tables, of all accounts or of one."""
    return [_digest(session, TABLES[name], owner_id, depth) for name in tables]


def query(table: Table, owner_id: str | None = None, *, with_keys: bool = False) -> str:
    """The hash of each row of a table, in the order of keys, after the key as texts; ``$1`` is the account."""
    keys = "".join(f"t.{name}::text, " for name in table.key) if with_keys else ""
    return (
        f"SELECT {keys}sha256(convert_to(ROW({', '.join(table.digest_columns)})::text, 'UTF8')) "
        f"FROM {SCHEMA}.{table.name} t{_of_account(table) if owner_id is not None else ''} ORDER BY "
        f"{', '.join(f't.{name}' for name in table.key)}"
    )


def _of_account(table: Table) -> str:
    if "owner_id" in table.schema.names:
        return " WHERE t.owner_id = $1"
    return f" WHERE t.export_id IN (SELECT e.export_id FROM {SCHEMA}.exports e WHERE e.owner_id = $1)"


def digests_in(session: Session, tables: Iterable[str] = COUNTED) -> list[TableDigest]:
    """Digests of whole tables, within the caller's transaction."""
    return [_of_table(session, TABLES[name], None) for name in tables]


def _of_table(session: Session, table: Table, owner_id: str | None) -> TableDigest:
    total, rows = hashlib.sha256(), 0
    for batch in session.batches(query(table, owner_id), *([] if owner_id is None else [owner_id])):
        total.update(b"".join(batch.column(0).to_pylist()))
        rows += batch.num_rows
    return TableDigest(table.name, rows, total.hexdigest())


def _digest(session: Session, table: Table, owner_id: str | None, depth: Depth) -> TableDigest:
    total, rows = hashlib.sha256(), 0
    conversations: dict[Key, Digest] = {}
    keys: dict[Key, str] = {}
    parameters = [] if owner_id is None else [owner_id]
    with session.transaction(snapshot=True):
        if depth == "table":
            return _of_table(session, table, owner_id)
        hashed = _hashed(session, query(table, owner_id, with_keys=True), parameters)
        for conversation, of_it in groupby(hashed, lambda row: row[0][: _depth_of_conversation(table)]):
            part, count = hashlib.sha256(), 0
            for key, row in of_it:
                total.update(row)
                part.update(row)
                count += 1
                if depth == "row":
                    keys[key] = row.hex()
            rows += count
            if conversation:
                conversations[conversation] = Digest(count, part.hexdigest())
    return TableDigest(
        table.name,
        rows,
        total.hexdigest(),
        conversations if _depth_of_conversation(table) else None,
        keys if depth == "row" else None,
    )


def _hashed(session: Session, query: str, parameters: list[str]) -> Iterator[tuple[Key, bytes]]:
    for batch in session.batches(query, *parameters):
        *keys, rows = (column.to_pylist() for column in batch.columns)
        yield from zip(zip(*keys, strict=True), rows, strict=True)


def _depth_of_conversation(table: Table) -> int:
    return table.key.index("conversation_id") + 1 if "conversation_id" in table.key else 0
