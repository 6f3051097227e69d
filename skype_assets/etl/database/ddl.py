"""Schema ``skype`` in PostgreSQL, made from the table list: types, keys, foreign keys, indexes, the view ``calls``."""

from collections.abc import Container, Iterator
from typing import Final

import pyarrow as pa

from skype_assets.etl.database.calls import CALLS_VIEW
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.tables import TABLES, Table

SCHEMA: Final = "skype"

POSTGRES_TYPES: Final = {
    pa.string(): "text",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float64(): "double precision",
    pa.bool_(): "boolean",
    pa.binary(): "bytea",
    pa.timestamp("us", tz="UTC"): "timestamp with time zone",
    pa.json_(): "jsonb",
    pa.list_(pa.string()): "text[]",
}

# What readers look for: a conversation in time, what a person wrote, where somebody takes part, a stored object.
_INDEXES: Final = {
    # Not with owner_id before it: without statistics, as in a first load, the planner would take it for as good as the
    # primary key, and look up every parent of a foreign key by going through its whole conversation.
    "messages_by_time": "messages (conversation_id, sent_at)",
    "messages_by_sender": "messages (sender_id, sent_at)",
    "participants_by_user": "participants (user_id)",
    "attachments_by_document": "attachments (document_id)",
}

_ATTEMPTS: Final = f"""
CREATE TABLE IF NOT EXISTS {SCHEMA}.attempts (
    export_id text COLLATE "C" PRIMARY KEY,
    attempt bigint NOT NULL
)"""

_COLUMNS: Final = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum"""

_RELATIONS: Final = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1"""

# Any number: it only has to be the same in every process that creates the schema.
_CREATION_LOCK: Final = 7_359_274_101


def create(session: Session) -> None:
    """Create what is missing of the schema, and compare what is there with the table list.

    Raises:
        DatabaseError: a table was changed by somebody else; the message names it.
    """
    with session.transaction():
        session.execute("SELECT pg_advisory_xact_lock($1)", _CREATION_LOCK)
        for statement in statements(there={name for (name,) in session.rows(_RELATIONS, SCHEMA)}):
            session.execute(statement)
        found: dict[str, list[tuple[str, str]]] = {}
        for table, column, type_ in session.rows(_COLUMNS, SCHEMA):
            found.setdefault(table, []).append((column, type_))
        for table in TABLES.values():
            expected = [(field.name, POSTGRES_TYPES[field.type]) for field in table.schema]
            if found[table.name] != expected:
                different = sorted({name for name, _ in set(expected) ^ set(found[table.name])}) or ["order of columns"]
                raise DatabaseError(
                    f"table {SCHEMA}.{table.name} is not as this program made it ({', '.join(different)}); "
                    "restore it, or load into another database"
                )


def statements(there: Container[str] = ()) -> Iterator[str]:
    """The DDL, in an order in which it runs, for a schema that has the relations ``there`` already."""
    yield f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"
    for table in TABLES.values():
        yield f"CREATE TABLE IF NOT EXISTS {SCHEMA}.{table.name} ({', '.join(_definitions(table))})"
    for name, on in _INDEXES.items():
        if name not in there:  # IF NOT EXISTS would wait for every load under way, and can deadlock with it
            yield f"CREATE INDEX {name} ON {SCHEMA}.{on}"
    yield _ATTEMPTS
    yield CALLS_VIEW


def _definitions(table: Table) -> Iterator[str]:
    for field in table.schema:
        # "C" collation: keys sort by code point on every server, and comparing them is cheap.
        collation = ' COLLATE "C"' if field.name in table.key and field.type == pa.string() else ""
        yield f"{field.name} {POSTGRES_TYPES[field.type]}{collation}{'' if field.nullable else ' NOT NULL'}"
    yield f"PRIMARY KEY ({', '.join(table.key)})"
    if table.parent:
        key = ", ".join(TABLES[table.parent].key)
        yield f"FOREIGN KEY ({key}) REFERENCES {SCHEMA}.{table.parent} ({key})"
    if "export_id" in table.schema.names and "export_id" not in table.key:
        yield f"FOREIGN KEY (export_id) REFERENCES {SCHEMA}.exports (export_id)"
