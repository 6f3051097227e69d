"""Instants that PostgreSQL can hold and nothing says: infinity, and those before the year 1 or after 9999.

No export is loaded with such, and no clock shows one: somebody has put it there. Python has no object for it. Whoever
compares takes the number, which is another for each; whoever wants an object gets the nearest that there is.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyarrow as pa

_FIRST, _LAST = "0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00"
_FROM: Final = -62_135_596_800_000_000
_TO: Final = 253_402_300_799_999_999
"""The same in microseconds since 1970."""

# PostgreSQL counts from 2000 on. What the driver makes of the last ones, infinity too, is too large for its number, and
# comes out at the other end, before what it makes of minus infinity.
_AFTER_LAST: Final = -(2**63) + 946_684_800_000_000


def is_possible(instant: str) -> str:
    """SQL: whether an instant is one that an export or a clock can say."""
    return f"coalesce({instant} BETWEEN '{_FIRST}' AND '{_LAST}', false)"


def nearest(instant: str) -> str:
    """SQL: the nearest possible instant; null if there is none."""
    return f"CASE WHEN {instant} IS NOT NULL THEN least(greatest({instant}, '{_FIRST}'), '{_LAST}') END"


def month(instant: str) -> str:
    """SQL: the month of the nearest possible instant in the session's time zone, as ``2019-03``; null if there is none.

    Where a zone leaves the calendar, it is the first or the last month of it.
    """
    local = f"least(greatest(({nearest(instant)})::timestamp, '0001-01-01'), '9999-12-31')"
    return f"CASE WHEN {instant} IS NOT NULL THEN to_char({local}, 'YYYY-MM') END"


def numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of instants as numbers, each another one."""
    return column.cast(pa.int64())


def objects(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """The Python objects of a column, of instants the nearest."""
    if not pa.types.is_timestamp(column.type):
        return column.to_pylist()
    # Not Arrow's objects: it looks up the time zone for each, which makes them several times as dear.
    zero = datetime(1970, 1, 1, tzinfo=UTC if column.type.tz else None)
    counted: list[int | None] = column.cast(pa.int64()).to_pylist()
    return [
        None if number is None else zero + timedelta(0, 0, number if _FROM <= number <= _TO else _nearest(number))
        for number in counted
    ]


def rows(table: pa.Table) -> list[tuple[Any, ...]]:
    """The rows of a table, as Python objects."""
    return list(zip(*map(objects, table.columns), strict=True))


def _nearest(number: int) -> int:
    """The first or the last instant, for a number that is beyond either."""
    return _FROM if _AFTER_LAST <= number < _FROM else _TO
