"""Tables in partitions, by a hash of the account: chosen when they are created, or not at all.

Of 15 tables of rows those are partitioned whose keys begin with the account; an account is in one partition of each.
What is asked of one account looks at one partition; what is dropped, indexed or vacuumed is one part of many. Nothing
else changes: rows, keys, foreign keys and digests are those of plain tables.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.schema.tables import TABLES

PARTITIONED: Final = tuple(table.name for table in TABLES.values() if table.key[0] == "owner_id")
"""The tables that are partitioned, where any is."""

_LEAST_VERSION: Final = 180_000
_VERSION: Final = "SELECT current_setting('server_version_num')::integer, current_setting('server_version')"

_COUNT: Final = """
SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent
WHERE c.relkind = 'p' AND c.oid = to_regclass($1)"""

_OF: Final = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
WHERE p.relkind = 'p' AND p.oid = to_regclass($1) ORDER BY length(c.relname), c.relname"""


def check(session: Session, count: int) -> None:
    """Refuse a server that cannot have them.

    Raises:
        DatabaseError: its version is too old.
    """
    version, said = session.rows(_VERSION)[0]
    if version < _LEAST_VERSION:
        raise DatabaseError(
            f"this server is PostgreSQL {said}; tables in {count} partitions take PostgreSQL 18, as older ones refuse "
            "foreign keys of partitioned tables that are checked later (NOT VALID). Leave the tables to the first load"
        )


def count(session: Session, schema: str) -> int:
    """Into how many partitions tables are divided; 0 if they are not, or not there."""
    return session.rows(_COUNT, f"{schema}.{PARTITIONED[0]}")[0][0]


def of(session: Session, table: str) -> list[str]:
    """Names of the partitions of a table, which is given with its schema, in order; none of a plain one."""
    return [name for (name,) in session.rows(_OF, table)]


def statements(schema: str, table: str, definitions: Sequence[str], count: int) -> Iterator[str]:
    """The DDL of a table: in so many partitions, if it is one of those that may have them, and they are not 0."""
    plain = f"CREATE TABLE {schema}.{table} ({', '.join(definitions)})"
    if not count or table not in PARTITIONED:
        yield plain
        return
    yield f"{plain} PARTITION BY HASH (owner_id)"
    for number in range(count):
        yield (
            f"CREATE TABLE {schema}.{table}_{number} PARTITION OF {schema}.{table} "
            f"FOR VALUES WITH (MODULUS {count}, REMAINDER {number})"
        )
