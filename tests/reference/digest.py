"""Comparing tables: the digest of their rows, the rows of a database, and what differs (I1 in the promises)."""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.sql import SQL, Identifier

Row = dict[str, Any]

UNCOMPARED_FLAGS = frozenset(["markup_ill_formed"])
"""Flags that say how the product read a content, and not what is in it: neither side of a comparison has them."""

TIMESTAMPTZ = 1184  # PostgreSQL's number for the type
SHOWN = 5
MISSING = object()


def digest(rows: Sequence[Row], key: Sequence[str], columns: Sequence[str]) -> tuple[int, str]:
    """The number of rows, and the SHA-256 over them in canonical form, ordered by key."""
    sha256 = hashlib.sha256()
    for row in _sorted(rows, key):
        values = [canonical(row[column]) for column in columns]
        sha256.update(json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return len(rows), sha256.hexdigest()


def canonical(value: Any) -> Any:
    """The value as the digest takes it: strings, booleans, integers and null; everything else as text."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict | list):
        return json.dumps(_numbers(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return value


def rows_from_database(connection: Connection, table: str, key: Sequence[str], columns: Sequence[str]) -> list[Row]:
    """The rows of a table of schema ``skype``, ordered by key, with the same types as the reference's rows.

    Flags are without those that are not compared.

    Instants are read without a zone, in UTC: in another zone the last hours of year 9999 would not be a ``datetime``.
    """
    names = [Identifier(column) for column in columns]
    source = Identifier("skype", table)
    with connection.cursor() as cursor:
        cursor.execute(SQL("SELECT {} FROM {} LIMIT 0").format(SQL(", ").join(names), source))
        instants = [column.type_code == TIMESTAMPTZ for column in cursor.description or ()]
        values = [
            SQL("{} AT TIME ZONE 'UTC'").format(name) if is_instant else name
            for name, is_instant in zip(names, instants, strict=True)
        ]
        cursor.execute(SQL("SELECT {} FROM {}").format(SQL(", ").join(values), source))
        rows = [dict(zip(columns, map(_python, values), strict=True)) for values in cursor.fetchall()]
    if "flags" in columns:
        rows = [{**row, "flags": _compared(row["flags"])} for row in rows]
    return _sorted(rows, key)


def difference(expected: Sequence[Row], actual: Sequence[Row], key: Sequence[str]) -> str:
    """The first few differences between two tables, one a line; empty if there are none."""
    lines = list(_differences(expected, actual, key))
    more = [f"... and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "\n".join(lines[:SHOWN] + more)


def _differences(expected: Sequence[Row], actual: Sequence[Row], key: Sequence[str]) -> Iterator[str]:
    expected_rows, actual_rows = _by_key(expected, key), _by_key(actual, key)
    for count, rows, name in ((len(expected), expected_rows, "expected"), (len(actual), actual_rows, "actual")):
        if count != len(rows):
            yield f"{count} {name} rows have only {len(rows)} different keys"
    for identity in sorted({*expected_rows, *actual_rows}):
        place = ", ".join(f"{name}={value!r}" for name, value in zip(key, identity, strict=True))
        if identity not in actual_rows:
            yield f"missing: {place}"
            continue
        if identity not in expected_rows:
            yield f"not expected: {place}"
            continue
        wanted, found = expected_rows[identity], actual_rows[identity]
        for column in dict.fromkeys([*wanted, *found]):
            left, right = wanted.get(column, MISSING), found.get(column, MISSING)
            if left is MISSING or right is MISSING:
                yield f"{place}: column {column} is only {'expected' if right is MISSING else 'actual'}"
            elif canonical(left) != canonical(right):
                yield f"{place}: {column} should be {left!r}, is {right!r}"


def _by_key(rows: Sequence[Row], key: Sequence[str]) -> dict[tuple[Any, ...], Row]:
    return {tuple(row[name] for name in key): row for row in rows}


def _compared(flags: list[str] | None) -> list[str] | None:
    return None if flags is None else [flag for flag in flags if flag not in UNCOMPARED_FLAGS]


def _sorted(rows: Sequence[Row], key: Sequence[str]) -> list[Row]:
    return sorted(rows, key=lambda row: [row[name] for name in key])


def _python(value: Any) -> Any:
    if isinstance(value, memoryview):
        return value.tobytes()
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def _numbers(value: Any) -> Any:
    """The value with every whole number as an integer: 1.0 and 1 are one number, in PostgreSQL's jsonb as well."""
    if isinstance(value, dict):
        return {key: _numbers(element) for key, element in value.items()}
    if isinstance(value, list):
        return [_numbers(element) for element in value]
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(Decimal(repr(value)))
    return value
