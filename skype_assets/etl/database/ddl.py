"""Schema ``skype`` in PostgreSQL, made from the table list: types, keys, foreign keys, indexes, views.

Primary keys are there from the beginning: they decide what is a conflict. Foreign keys and the other indexes come when
rows are in (``completion``).
"""

import logging
from collections.abc import Container, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import pyarrow as pa

from skype_assets.etl.database import partitions as divided
from skype_assets.etl.database.calls import CALLS_QUERY
from skype_assets.etl.database.message_history import MESSAGE_HISTORY_QUERY
from skype_assets.etl.database.session import NO_PRIVILEGE, Rejected, Session
from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.schema.tables import TABLES, Table
from skype_assets.etl.schema.views import VIEWS
from skype_assets.etl.version import SCHEMA as VERSION

logger = logging.getLogger(__name__)

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

_MESSAGE: Final = frozenset(TABLES["messages"].key)

# What readers look for: a conversation in time, what a person wrote, where somebody takes part, a stored object.
_INDEXES: Final = {
    "messages": {
        # Not with owner_id before it: without statistics, as in a first load, the planner would take it for as good as
        # the primary key, and look up every parent of a foreign key by going through its whole conversation.
        "messages_by_time": "(conversation_id, sent_at)",
        "messages_by_sender": "(sender_id, sent_at)",
        "messages_by_original": "(conversation_id, edit_of) WHERE (edit_of IS NOT NULL)",
    },
    "superseded_copies": {"superseded_copies_by_message": "(conversation_id, message_id)"},
    "participants": {"participants_by_user": "(user_id)"},
    # Attachments and objects find each other by ids without their case (``refreshing.folded``).
    "attachments": {"attachments_by_document": '(lower((document_id COLLATE "C")))'},
    "media_files": {"media_files_by_document": '(lower((document_id COLLATE "C")))'},
}

VERSION_TABLE: Final = "schema_version"
"""Alembic's table of the version; ``upgrading`` reads it."""

_OWN_TABLES: Final[Mapping[str, tuple[Mapping[str, str], tuple[str, ...]]]] = {
    # Which attempt may commit. ``nonce`` is drawn by each: a number may come again, when an older database is restored.
    # ``epochs`` are of tasks that several machines share: by log, the greatest that has registered (``Tenure``).
    "attempts": (
        {"export_id": 'text COLLATE "C" NOT NULL', "attempt": "bigint NOT NULL", "nonce": "text", "epochs": "jsonb"},
        ("export_id",),
    ),
    # What was taken out again, and when: of it nothing else is left.
    "unloads": (
        {
            "export_id": 'text COLLATE "C" NOT NULL',
            "owner_id": 'text COLLATE "C" NOT NULL',
            "task_id": "text NOT NULL",
            "loaded_at": "timestamp with time zone",
            "unloaded_at": "timestamp with time zone NOT NULL",
        },
        ("export_id", "unloaded_at"),
    ),
    # How many rows became others when newer code, of that version, made an export's rows anew.
    "replacements": (
        {
            "export_id": 'text COLLATE "C" NOT NULL',
            "code_version": 'text COLLATE "C" NOT NULL',
            "table_name": 'text COLLATE "C" NOT NULL',
            "added": "bigint NOT NULL",
            "changed": "bigint NOT NULL",
            "removed": "bigint NOT NULL",
        },
        ("export_id", "code_version", "table_name"),
    ),
    # What must be kept, and what was released again; rows are only added (``holds``).
    "holds": (
        {
            "hold_id": "bigint NOT NULL",
            "action": 'text COLLATE "C" NOT NULL',
            "owner_id": 'text COLLATE "C" NOT NULL',
            "conversation_id": 'text COLLATE "C"',
            "export_id": 'text COLLATE "C"',
            "reason": "text NOT NULL",
            "said_by": "text NOT NULL",
            "said_at": "timestamp with time zone NOT NULL",
        },
        ("hold_id", "action"),
    ),
    VERSION_TABLE: ({"version_num": "character varying(32) NOT NULL"}, ("version_num",)),
}
"""Tables that hold no rows of exports: their columns and keys."""

_COLUMNS_OF_ATTEMPTS: Final = (
    f"ALTER TABLE {SCHEMA}.attempts ADD COLUMN IF NOT EXISTS nonce text, ADD COLUMN IF NOT EXISTS epochs jsonb"
)
"""Of tables that no release has made, which have no version yet."""

_DESCRIBED_BESIDE: Final = {
    "attempts": "Number of the attempt that may load or unload an export: an earlier one commits nothing any more.",
    "unloads": "Exports that were taken out again, and when.",
    "replacements": "How many rows became others when newer code made the rows of an export anew, by table.",
    "holds": "What must be kept, by whom and why, and what was released; only `skype-assets hold` adds rows.",
    VERSION_TABLE: "The version of this schema; `skype-assets db upgrade` raises it.",
}
"""What the tables mean that are no tables of rows."""

_COLUMNS: Final = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum"""

_SCHEMA_IS_THERE: Final = "SELECT to_regnamespace($1) IS NOT NULL"

_RELATIONS: Final = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1"""

_FOREIGN_KEYS: Final = """
SELECT conname, convalidated FROM pg_constraint 
WHERE contype = 'f' AND conparentid = 0 AND connamespace = to_regnamespace($1)"""

_QUERIES: Final = {"calls": CALLS_QUERY, "message_history": MESSAGE_HISTORY_QUERY}
VIEWS_DDL: Final = {name: f"CREATE OR REPLACE VIEW {SCHEMA}.{name} AS {query}" for name, query in _QUERIES.items()}
"""By name of the view."""
_VIEW_PATIENCE: Final = "3s"
"""While it is waited for whoever reads a view, nobody else can begin to."""

# As the server spells it: made once more beside it, which nobody waits for. It was no view, if there is no answer.
_VIEW_AS_IT_SHOULD_BE: Final = "CREATE TEMPORARY VIEW as_it_should_be AS {}"
_VIEW_DIFFERS: Final = f"""
SELECT pg_get_viewdef('{SCHEMA}.{{}}'::regclass) IS DISTINCT FROM
       pg_get_viewdef('pg_temp.as_it_should_be'::regclass)"""

_HIDING: Final = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND row_security_active(c.oid) ORDER BY 1"""

_INHERITING: Final = """
SELECT c.relname, h.inhrelid::regclass::text FROM pg_inherits h
JOIN pg_class c ON c.oid = h.inhparent JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind = 'r' ORDER BY 1, 2"""

_RULES: Final = """
SELECT c.relname, r.rulename FROM pg_rewrite r
JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND r.ev_enabled <> 'D' ORDER BY 1, 2"""

_TRIGGERS: Final = """
SELECT c.relname, t.tgname FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_proc f ON f.oid = t.tgfoid
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT t.tgisinternal AND t.tgenabled <> 'D'
  AND (f.pronamespace <> n.oid OR f.proname <> ALL ($2)) ORDER BY 1, 2"""

TRIGGER_FUNCTIONS: Final = ("keep_held_row", "keep_held_copy", "keep_held_table", "keep_hold_history")
"""Those of our own triggers (``holds``)."""

# Any number: it only has to be the same in every process.
CREATION_LOCK: Final = 7_359_274_101


def create(session: Session, partitions: int = 0) -> None:
    """Create what is missing of the schema, and compare what is there with the table list.

    Where everything is there, it needs no right to create anything, and no lock: neither one that a reader could be in
    the way of, nor that of creation, at which loads of different accounts would meet. A schema of an earlier version is
    not for this: ``upgrading.bring_up_to_date`` comes before it.

    Args:
        session: with the database.
        partitions: into how many partitions tables are divided that are created now; 0 = as those that are there.

    Raises:
        DatabaseError: a table was changed by somebody else, or the role may not create what is missing; the message
            names it. Or partitions are asked for, and there are tables, or the server cannot have them.
    """
    if partitions:
        divided.check(session, partitions)
    with session.transaction(), by_their_owner():
        is_all_there = _is_all_there(session)
    if not is_all_there:  # in another transaction: one that has looked is in the way of whoever changes what it saw
        with session.transaction(), by_their_owner():
            session.execute("SELECT pg_advisory_xact_lock($1)", CREATION_LOCK)
            _create_missing(session, partitions)
    elif partitions:
        raise _are_there()
    for table, name in session.rows(_TRIGGERS, SCHEMA, list(TRIGGER_FUNCTIONS)):
        logger.warning("table %s.%s has a trigger of somebody else's: %s", SCHEMA, table, name)


def _is_all_there(session: Session) -> bool:
    """Whether nothing is to be created. No, too, if what is there is wrong, or was while somebody else created it."""
    if not _schema_is_there(session) or next(statements(present(session)[0]), None) is not None:
        return False
    try:
        compare(session)
    except DatabaseError:
        return False
    return _has_version(session) and not _wrong_views(session)


def _create_missing(session: Session, partitions: int) -> None:
    """With the lock of creation: whoever had it has created what was missing."""
    there = present(session)[0] if _schema_is_there(session) else None
    if partitions and not TABLES.keys().isdisjoint(there or ()):
        raise _are_there()
    for statement in statements(there, partitions or divided.count(session, SCHEMA)):
        session.execute(statement)
    compare(session)
    for name in _wrong_views(session):  # at the end, as they may have to be waited for
        session.execute(f"SET LOCAL lock_timeout = '{_VIEW_PATIENCE}'")
        session.execute(VIEWS_DDL[name])
    if not _has_version(session):
        for statement in (_COLUMNS_OF_ATTEMPTS, *version_table(VERSION), *comments()):
            session.execute(statement)


def _are_there() -> DatabaseError:
    return DatabaseError(
        "the tables are there already; into partitions they are divided when they are created, or not at all. "
        "Nothing was changed: name another database, or load into this one as it is"
    )


def _has_version(session: Session) -> bool:
    return bool(session.rows(f"SELECT version_num FROM {SCHEMA}.{VERSION_TABLE}"))


def _wrong_views(session: Session) -> list[str]:
    """Within a transaction: the views that are missing, or not what they should be."""
    there = present(session)[0]
    return [name for name in VIEWS_DDL if name not in there or not is_view_as_it_should_be(session, name)]


def is_view_as_it_should_be(session: Session, name: str) -> bool:
    """Within a transaction that may make temporary views: whether a view, which is there, is ours."""
    session.execute(_VIEW_AS_IT_SHOULD_BE.format(_QUERIES[name]))
    differs = session.rows(_VIEW_DIFFERS.format(name))[0][0]
    session.execute("DROP VIEW pg_temp.as_it_should_be")
    return not differs


@contextmanager
def by_their_owner() -> Generator[None]:
    """What is done here, only the owner of the tables may do, or who may create them."""
    try:
        yield
    except Rejected as refused:
        if refused.sqlstate != NO_PRIVILEGE:
            raise
        raise DatabaseError(
            f"{refused}. The tables are made, and made complete by the first load, by their owner; what another role "
            "needs besides to load into them, docs/database.md says"
        ) from None


def compare(session: Session) -> None:
    """Within a transaction: compare what is there with the table list.

    Raises:
        DatabaseError: a table is missing, was changed by somebody else, has rules or heirs, or hides rows; the message
            names it.
    """
    found = columns(session)
    for table in TABLES.values():
        # In whatever order: a column that came with an upgrade is the last one.
        if different := sorted({name for name, _ in set(expected(table)) ^ set(found.get(table.name, ()))}):
            raise DatabaseError(
                f"table {SCHEMA}.{table.name} is not as this program made it ({', '.join(different)}); an earlier "
                "version made it otherwise, or somebody changed it: restore it, or load into another database"
            )
    for table, *_ in session.rows(_HIDING, SCHEMA):
        raise DatabaseError(
            f"table {SCHEMA}.{table} has row-level security, which hides rows from this role; these can neither be "
            "compared nor merged. Use one to which it does not apply: with BYPASSRLS, or the owner, unless it is forced"
        )
    for table, child in session.rows(_INHERITING, SCHEMA):
        raise DatabaseError(
            f"table {child} inherits from {SCHEMA}.{table}, so that its rows are read, changed and deleted with those "
            f"of that: ALTER TABLE {child} NO INHERIT {SCHEMA}.{table}, or load into another database"
        )
    for table, rule in session.rows(_RULES, SCHEMA):
        raise DatabaseError(
            f"table {SCHEMA}.{table} has a rule of somebody else's, {rule}, which changes what statements do: "
            f"DROP RULE {rule} ON {SCHEMA}.{table}, or load into another database"
        )


def expected(table: Table) -> list[tuple[str, str]]:
    """The columns that a table should have, with their types."""
    return [(field.name, POSTGRES_TYPES[field.type]) for field in table.schema]


def columns(session: Session) -> dict[str, list[tuple[str, str]]]:
    """The columns of the tables that are there, with their types, by table."""
    found: dict[str, list[tuple[str, str]]] = {}
    for table, column, type_ in session.rows(_COLUMNS, SCHEMA):
        found.setdefault(table, []).append((column, type_))
    return found


def statements(there: Container[str] | None = None, partitions: int = 0) -> Iterator[str]:
    """The DDL of the tables that are not there, in an order in which it runs; without the schema, of that as well.

    Tables that may have partitions get so many; 0 = none.
    """
    if there is None:
        yield f"CREATE SCHEMA {SCHEMA}"
    for name, columns, constraints in layout():
        if name not in (there or ()):
            definitions = (*(" ".join(column) for column in columns.items()), constraints[f"{name}_pkey"])
            yield from divided.statements(SCHEMA, name, definitions, partitions)


def version_table(version: str) -> Iterator[str]:
    """The DDL that says of a schema which version it is, where nothing says so yet."""
    yield f"CREATE TABLE IF NOT EXISTS {SCHEMA}.{VERSION_TABLE} (version_num character varying(32) PRIMARY KEY)"
    yield (
        f"INSERT INTO {SCHEMA}.{VERSION_TABLE} (version_num) SELECT '{version}' "
        f"WHERE NOT EXISTS (SELECT FROM {SCHEMA}.{VERSION_TABLE})"
    )


def comments() -> Iterator[str]:
    """The DDL of what everything means, for a schema that has all tables and views.

    It is one statement, which costs one question to the server instead of two hundred.
    """
    found = [
        f"COMMENT ON {'VIEW' if table.name in VIEWS else 'TABLE'} {SCHEMA}.{table.name} IS {_quoted(table.meaning)}"
        for table in (*TABLES.values(), *VIEWS.values())
    ]
    found += [
        f"COMMENT ON COLUMN {SCHEMA}.{table.name}.{column.name} IS {_quoted(column.meaning)}"
        for table in (*TABLES.values(), *VIEWS.values())
        for column in table.columns
    ]
    found += [f"COMMENT ON TABLE {SCHEMA}.{name} IS {_quoted(text)}" for name, text in _DESCRIBED_BESIDE.items()]
    yield "DO $comments$ BEGIN\n" + "".join(f"    {comment};\n" for comment in found) + "END $comments$"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def indexes() -> Iterator[tuple[str, str, str]]:
    """Table, name and definition of the indexes that belong to no constraint."""
    for table, named in _INDEXES.items():
        for name, definition in named.items():
            yield table, name, definition


def layout() -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
    """Every table with its columns and constraints, each with its definition as PostgreSQL spells it."""
    for table in TABLES.values():
        columns = {field.name: _column(table, field) for field in table.schema}
        keys = {
            name: f"FOREIGN KEY ({', '.join(key)}) REFERENCES {SCHEMA}.{parent}({', '.join(key)})"
            for name, key, parent in references(table)
        }
        yield table.name, columns, {f"{table.name}_pkey": f"PRIMARY KEY ({', '.join(table.key)})", **keys}
    for name, (columns, key) in _OWN_TABLES.items():
        yield name, dict(columns), {f"{name}_pkey": f"PRIMARY KEY ({', '.join(key)})"}


def _schema_is_there(session: Session) -> bool:
    return session.rows(_SCHEMA_IS_THERE, SCHEMA)[0][0]


def present(session: Session) -> tuple[set[str], set[str]]:
    """Names of the relations and foreign keys in the schema, and of the foreign keys that hold for all rows."""
    relations, keys = (session.rows(query, SCHEMA) for query in (_RELATIONS, _FOREIGN_KEYS))
    return {name for name, *_ in (*relations, *keys)}, {name for name, is_checked in keys if is_checked}


def _column(table: Table, field: pa.Field) -> str:
    # "C" collation: keys sort by code point on every server, and comparing them is cheap. So do those of other tables.
    keys = {*table.key, *_MESSAGE} if set(table.schema.names) >= _MESSAGE else table.key
    collation = ' COLLATE "C"' if field.name in keys and field.type == pa.string() else ""
    return f"{POSTGRES_TYPES[field.type]}{collation}{'' if field.nullable else ' NOT NULL'}"


def references(table: Table) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """The foreign keys of a table: name, columns, which are those of the other table's key, and that table."""
    parents = [(TABLES[table.parent].key, table.parent)] if table.parent else []
    if "export_id" in table.schema.names and "export_id" not in table.key:
        parents.append((("export_id",), "exports"))
    for columns, parent in parents:
        yield f"{table.name}_{'_'.join(columns)}_fkey", columns, parent
