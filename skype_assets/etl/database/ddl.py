"""Schema ``skype`` in PostgreSQL, made from the table list: types, keys, foreign keys, indexes, the view ``calls``.

Primary keys are there from the beginning: they decide what is a conflict. Foreign keys and the other indexes come when
the first load has its rows in (``complete``): checking and sorting once is a fraction of doing so for every row. From
then on they stay, and later loads meet them.
"""

from collections.abc import Callable, Container, Iterator
from concurrent.futures import as_completed
from functools import partial
from typing import Final

import pyarrow as pa

from skype_assets.etl import crash_points
from skype_assets.etl.database.calls import CALLS_VIEW
from skype_assets.etl.database.session import Session
from skype_assets.etl.database.side_by_side import SideBySide
from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.schema.tables import CALLS, TABLES, Table
from skype_assets.etl.version import SCHEMA as VERSION

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
    "messages": {
        # Not with owner_id before it: without statistics, as in a first load, the planner would take it for as good as
        # the primary key, and look up every parent of a foreign key by going through its whole conversation.
        "messages_by_time": "conversation_id, sent_at",
        "messages_by_sender": "sender_id, sent_at",
    },
    "participants": {"participants_by_user": "user_id"},
    "attachments": {"attachments_by_document": "document_id"},
}

_ATTEMPTS: Final = f"""
CREATE TABLE IF NOT EXISTS {SCHEMA}.attempts (
    export_id text COLLATE "C" PRIMARY KEY,
    attempt bigint NOT NULL
)"""

_UNLOADS: Final = f"""
CREATE TABLE IF NOT EXISTS {SCHEMA}.unloads (
    export_id text COLLATE "C" NOT NULL,
    owner_id text COLLATE "C" NOT NULL,
    task_id text NOT NULL,
    loaded_at timestamp with time zone,
    unloaded_at timestamp with time zone NOT NULL,
    PRIMARY KEY (export_id, unloaded_at)
)"""
"""What was taken out again, and when: of it nothing else is left."""

_REPLACEMENTS: Final = f"""
CREATE TABLE IF NOT EXISTS {SCHEMA}.replacements (
    export_id text COLLATE "C" NOT NULL,
    code_version text COLLATE "C" NOT NULL,
    table_name text COLLATE "C" NOT NULL,
    added bigint NOT NULL,
    changed bigint NOT NULL,
    removed bigint NOT NULL,
    PRIMARY KEY (export_id, code_version, table_name)
)"""
"""How many rows became others when newer code, of that version, made an export's rows anew."""

VERSION_TABLE: Final = "schema_version"
"""Alembic's table of the version; ``upgrading`` reads it."""

_DESCRIBED_BESIDE: Final = {
    "attempts": "Number of the attempt that may load or unload an export: an earlier one commits nothing any more.",
    "unloads": "Exports that were taken out again, and when.",
    "replacements": "How many rows became others when newer code made the rows of an export anew, by table.",
    VERSION_TABLE: "The version of this schema; `skype-assets db upgrade` raises it.",
}
"""What the tables mean that are no tables of rows."""

_VERSION_TABLE: Final = f"""
CREATE TABLE IF NOT EXISTS {SCHEMA}.{VERSION_TABLE} (
    version_num character varying(32) NOT NULL,
    CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num)
)"""

_COLUMNS: Final = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum"""

_RELATIONS: Final = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1"""

_FOREIGN_KEYS: Final = """
SELECT conname, convalidated FROM pg_constraint WHERE contype = 'f' AND connamespace = to_regnamespace($1)"""

# Any numbers: they only have to be the same in every process.
CREATION_LOCK: Final = 7_359_274_101
_COMPLETION_LOCK: Final = 7_359_274_102
TABLE_LOCKS: Final = {name: number for number, name in enumerate(TABLES, start=7_359_274_201)}
"""Held by whoever completes a table."""


def create(session: Session) -> None:
    """Create what is missing of the schema, and compare what is there with the table list.

    A schema of an earlier version is not for this: ``upgrading.bring_up_to_date`` comes before it.

    Raises:
        DatabaseError: a table was changed by somebody else; the message names it.
    """
    with session.transaction():
        session.execute("SELECT pg_advisory_xact_lock($1)", CREATION_LOCK)
        for statement in statements():
            session.execute(statement)
        compare(session)
        if not session.rows(f"SELECT version_num FROM {SCHEMA}.{VERSION_TABLE}"):
            for statement in (*version_table(VERSION), *descriptions()):
                session.execute(statement)


def compare(session: Session) -> None:
    """Within a transaction: compare what is there with the table list.

    Raises:
        DatabaseError: a table is missing, or was changed by somebody else; the message names it.
    """
    found = columns(session)
    for table in TABLES.values():
        expected, there = {(field.name, POSTGRES_TYPES[field.type]) for field in table.schema}, found.get(table.name)
        # In whatever order: a column that came with an upgrade is the last one.
        if expected != set(there or ()):
            different = sorted({name for name, _ in expected ^ set(there or ())})
            raise DatabaseError(
                f"table {SCHEMA}.{table.name} is not as this program made it ({', '.join(different)}); an earlier "
                "version made it otherwise, or somebody changed it: restore it, or load into another database"
            )


def columns(session: Session) -> dict[str, list[tuple[str, str]]]:
    """The columns of the tables that are there, with their types, by table."""
    found: dict[str, list[tuple[str, str]]] = {}
    for table, column, type_ in session.rows(_COLUMNS, SCHEMA):
        found.setdefault(table, []).append((column, type_))
    return found


def complete(session: Session, sessions: int = 1, completed: Callable[[str], None] = lambda table: None) -> None:
    """Add the foreign keys and indexes that are missing; called when the rows of a load are in.

    First all foreign keys are there for what comes; then each table, in a transaction of its own, gets its indexes, and
    its foreign keys are checked against the rows that were there before. A load that was interrupted before or within
    this does the rest when it is resumed, or the next load does.

    Args:
        session: with the database.
        sessions: how many take tables side by side.
        completed: called with the name of each table when that is done.

    Raises:
        DatabaseError: rows refer to what is not there; they were not loaded by this program.
    """
    if is_complete(session):
        return
    with session.transaction():
        session.execute("SELECT pg_advisory_xact_lock($1)", _COMPLETION_LOCK)
        for statement in foreign_keys(_there(session)[0]):
            session.execute(statement)
    crash_points.reached("foreign keys added")
    # The largest first, so that the sessions end at about the same time.
    names = sorted(TABLES, key=lambda name: name != "messages")
    with SideBySide.opened(session, sessions) as beside:
        under_way = {beside.submit(partial(_complete_table, name=name)): name for name in names}
        for done in as_completed(under_way):
            done.result()
            completed(under_way[done])


def _complete_table(session: Session, name: str) -> None:
    with session.transaction():
        # An attempt that was killed within this has sessions that are still at work.
        session.execute("SELECT pg_advisory_xact_lock($1)", TABLE_LOCKS[name])
        for statement in _completion_of(name, *_there(session)):
            session.execute(statement)
    crash_points.reached("table completed")


def is_complete(session: Session) -> bool:
    """Whether all indexes and foreign keys are there, and each of these was checked against all rows."""
    with session.transaction():
        return not list(completion(*_there(session)))


def hold_off_completion(session: Session) -> None:
    """Within a transaction that changes rows, before its first lock: ``complete`` adds no foreign keys before its end.

    Without this the two would take locks on the tables in different orders, which can be a deadlock.
    """
    session.execute("SELECT pg_advisory_xact_lock_shared($1)", _COMPLETION_LOCK)


def statements() -> Iterator[str]:
    """The DDL of what a load needs, in an order in which it runs."""
    yield f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"
    for table in TABLES.values():
        yield f"CREATE TABLE IF NOT EXISTS {SCHEMA}.{table.name} ({', '.join(_definitions(table))})"
    yield _ATTEMPTS
    yield _UNLOADS
    yield _REPLACEMENTS
    yield _VERSION_TABLE
    yield CALLS_VIEW


def version_table(version: str) -> Iterator[str]:
    """The DDL that says of a schema which version it is, where nothing says so yet."""
    yield _VERSION_TABLE
    yield (
        f"INSERT INTO {SCHEMA}.{VERSION_TABLE} (version_num) SELECT '{version}' "
        f"WHERE NOT EXISTS (SELECT FROM {SCHEMA}.{VERSION_TABLE})"
    )


def descriptions() -> Iterator[str]:
    """The DDL of what has no rows, for a schema that has all tables: the view, and what everything means.

    The comments are one statement, which costs one question to the server instead of two hundred.
    """
    yield CALLS_VIEW
    comments = [
        f"COMMENT ON {'VIEW' if table is CALLS else 'TABLE'} {SCHEMA}.{table.name} IS {_quoted(table.meaning)}"
        for table in (*TABLES.values(), CALLS)
    ]
    comments += [
        f"COMMENT ON COLUMN {SCHEMA}.{table.name}.{column.name} IS {_quoted(column.meaning)}"
        for table in (*TABLES.values(), CALLS)
        for column in table.columns
    ]
    comments += [f"COMMENT ON TABLE {SCHEMA}.{name} IS {_quoted(text)}" for name, text in _DESCRIBED_BESIDE.items()]
    yield "DO $comments$ BEGIN\n" + "".join(f"    {comment};\n" for comment in comments) + "END $comments$"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def foreign_keys(there: Container[str] = ()) -> Iterator[str]:
    """The DDL of the foreign keys that are not there: from then on they are enforced, older rows are not checked."""
    for table in TABLES.values():
        for name, columns, parent in _references(table):
            if name not in there:
                key = ", ".join(columns)
                yield (
                    f"ALTER TABLE {SCHEMA}.{table.name} ADD CONSTRAINT {name} "
                    f"FOREIGN KEY ({key}) REFERENCES {SCHEMA}.{parent} ({key}) NOT VALID"
                )


def completion(there: Container[str] = (), checked: Container[str] = ()) -> Iterator[str]:
    """The DDL of the rest, for a schema that has some relations and foreign keys, some of these checked, already."""
    yield from foreign_keys(there)
    for name in TABLES:
        yield from _completion_of(name, there, checked)


def _completion_of(table: str, there: Container[str], checked: Container[str]) -> Iterator[str]:
    """The DDL of what a table lacks: indexes, and that its foreign keys are checked against older rows."""
    for name, columns in _INDEXES.get(table, {}).items():
        if name not in there:  # IF NOT EXISTS would wait for every load under way
            yield f"CREATE INDEX {name} ON {SCHEMA}.{table} ({columns})"
    for name, _, _ in _references(TABLES[table]):
        if name not in checked:
            yield f"ALTER TABLE {SCHEMA}.{table} VALIDATE CONSTRAINT {name}"


def _there(session: Session) -> tuple[set[str], set[str]]:
    """Names of the relations and foreign keys in the schema, and of the foreign keys that hold for all rows."""
    relations, keys = (session.rows(query, SCHEMA) for query in (_RELATIONS, _FOREIGN_KEYS))
    return {name for name, *_ in (*relations, *keys)}, {name for name, is_checked in keys if is_checked}


def _definitions(table: Table) -> Iterator[str]:
    for field in table.schema:
        # "C" collation: keys sort by code point on every server, and comparing them is cheap.
        collation = ' COLLATE "C"' if field.name in table.key and field.type == pa.string() else ""
        yield f"{field.name} {POSTGRES_TYPES[field.type]}{collation}{'' if field.nullable else ' NOT NULL'}"
    yield f"PRIMARY KEY ({', '.join(table.key)})"


def _references(table: Table) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """The foreign keys of a table: name, columns, which are those of the other table's key, and that table."""
    parents = [(TABLES[table.parent].key, table.parent)] if table.parent else []
    if "export_id" in table.schema.names and "export_id" not in table.key:
        parents.append((("export_id",), "exports"))
    for columns, parent in parents:
        yield f"{table.name}_{'_'.join(columns)}_fkey", columns, parent
