"""What a database holds, read by plain SQL: digests, row versions, and the comparison with the reference."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from skype_assets.etl.content.emoticons import EMOJI
from skype_assets.etl.schema.tables import TABLES
from skype_assets.etl.schema.views import CALLS
from tests.reference import calls, difference, digest, merged_tables, rows_from_database

# What the first bytes of a file say has tests of its own.
BY_FIRST_BYTES = {("media_files", "content_type"), ("media_files", "flags")}
DIGESTED = tuple(table for table in TABLES.values() if table.name != "load_parts")

Digests = dict[str, tuple[int, str]]


@contextmanager
def connected(url: str | None) -> Generator[Connection]:
    assert url, "the task has a database"
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        yield connection
    finally:
        connection.close()


def query(url: str | None, statement: str) -> list[tuple[Any, ...]]:
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def digests(url: str | None) -> Digests:
    """Rows and digest of every table, without the columns that depend on the run."""
    found: Digests = {}
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
        for table in DIGESTED:
            columns, key = ", ".join(table.digest_columns), ", ".join(table.key)
            cursor.execute(
                f"SELECT count(*), md5(string_agg(md5(ROW({columns})::text), '' ORDER BY {key})) "
                f"FROM skype.{table.name}"
            )
            found[table.name] = cursor.fetchall()[0]
    return found


def row_versions(url: str | None) -> dict[str, tuple[int, int]]:
    """Rows of every table and the sum of the transactions that wrote them: a row written again shows."""
    with connected(url) as connection, connection.cursor() as cursor:
        found: dict[str, tuple[int, int]] = {}
        for name in (*TABLES, "attempts"):
            cursor.execute(f"SELECT count(*), coalesce(sum(xmin::text::bigint), 0)::bigint FROM skype.{name}")
            found[name] = cursor.fetchall()[0]
        return found


def differences_from_reference(
    url: str | None, exports: Sequence[Path], given: Mapping[str, Mapping[str, str]] | None = None
) -> list[str]:
    """Of every table whose row count and digest are not the reference's, what differs; empty if none does."""
    expected = merged_tables(exports, emoticons=EMOJI, given=given)
    found: list[str] = []
    with connected(url) as connection:
        for table in DIGESTED:
            columns = [name for name in table.digest_columns if (table.name, name) not in BY_FIRST_BYTES]
            rows = rows_from_database(connection, table.name, table.key, columns)
            if digest(expected[table.name], table.key, columns) != digest(rows, table.key, columns):
                found.append(f"{table.name}: {difference(expected[table.name], rows, table.key)}")
        view = set(map(repr, rows_from_database(connection, CALLS.name, (), CALLS.digest_columns)))
        found += [f"calls: {row}" for row in view ^ set(map(repr, calls(expected)))]
    return found
