"""A row is found among what PostgreSQL sends exactly if every value of it is there, byte by byte."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skype_assets.etl import compiled
from skype_assets.etl.compiled.records import Sought
from skype_assets.etl.database.ddl import POSTGRES_TYPES
from skype_assets.etl.database.session import Session
from skype_assets.etl.rows.arrays import table_from_rows

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
VALUES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.string(): TEXT,
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.floats(allow_nan=False),
    pa.bool_(): st.booleans(),
    pa.binary(): st.binary(max_size=40),
    pa.timestamp("us", tz="UTC"): st.datetimes(timezones=st.just(UTC)),
    pa.json_(): st.sampled_from(['{"a": 1, "bb": [true, null, "é"]}', "[]", '"x"', "-12.50"]),
    pa.list_(pa.string()): st.lists(TEXT, max_size=3),
}
SCHEMA = pa.schema([("key", pa.int32()), *((f"c{place}", type_) for place, type_ in enumerate(VALUES))])
ROW = st.tuples(*(st.none() | values for values in VALUES.values()))
CREATE = "CREATE TEMPORARY TABLE kept ({}) ON COMMIT DROP".format(
    ", ".join(f"{field.name} {POSTGRES_TYPES[field.type]}" for field in SCHEMA)
)


def table(rows: list[tuple[Any, ...]]) -> pa.Table:
    return table_from_rows(SCHEMA, [(key, *row) for key, row in enumerate(rows)])


def sent(url: str, rows: pa.Table) -> pa.BinaryArray:
    """The records that the server sends of rows that it was sent."""
    with Session(url) as session, session.transaction():
        session.execute(CREATE)
        session.copy("kept", rows)
        batches = list(session.batches("SELECT record_send(t) FROM pg_temp.kept t ORDER BY key"))
    return pa.concat_arrays([batch.column(0) for batch in batches])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, min_size=1, max_size=8), st.data())
def test_what_the_server_has_is_found_once_and_what_differs_is_not(
    postgres_url: str, rows: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    kept = table(rows)
    records = sent(postgres_url, kept)
    half = len(rows) // 2
    pieces = pa.concat_tables([kept.slice(half), kept.slice(0, half)])  # in any order, wherever a column begins
    sought = Sought(pieces, 1)
    assert sought.find(records.slice(half))
    assert sought.find(records.slice(0, half))
    assert sought.left == 0
    assert not sought.find(records.slice(0, 1))

    row = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, len(VALUES) - 1))
    other = data.draw(st.none() | list(VALUES.values())[column])
    altered = [list(one) for one in rows]
    altered[row][column] = other
    sought = Sought(table([tuple(one) for one in altered]), 1)
    is_same = _is_same(other, rows[row][column])
    assert sought.find(records) == is_same
    assert sought.left == (0 if is_same else 1)


def _is_same(one: Any, other: Any) -> bool:
    return one == other and str(one) == str(other)  # 0.0 is another number than -0.0


def assert_found_where_equal(record: bytes) -> None:
    """Whatever is sent is no row, unless it says what the row says."""
    sought = Sought(table([("", 1, 1, 1.0, True, b"", None, "[]", ["a"])]), 1)
    assert not sought.find(pa.array([record], pa.binary()))
    assert sought.left == 1


def test_no_rows_are_all_there() -> None:
    sought = Sought(SCHEMA.empty_table(), 1)
    assert sought.left == 0
    assert sought.find(pa.array([], pa.binary()))
    assert not sought.find(pa.array([b""], pa.binary()))


def test_an_element_that_is_null_is_no_row_of_the_server(postgres_url: str) -> None:
    rows = [("", 1, 1, 1.0, True, b"", datetime(2020, 1, 1, tzinfo=UTC), "[]", value) for value in (["a"], ["a", None])]
    sought = Sought(table(rows[1:]), 1)
    assert not sought.find(sent(postgres_url, table(rows[:1])))
    assert sought.left == 1


@given(st.binary(max_size=60))
def test_whatever_is_sent_is_found_where_it_is_a_row(record: bytes) -> None:
    assert_found_where_equal(record)


@pytest.mark.parametrize(
    ("type_", "offset", "rows", "buffers"),
    [
        (23, 0, 2, (None, None, b"\0" * 7)),
        (20, 1, 1, (None, None, b"\0" * 8)),
        (16, 0, 9, (None, None, b"\0")),
        (25, 0, 1, (None, b"\0" * 4, b"")),
        (25, 0, 1, (None, (1).to_bytes(4, "little") + bytes(4), b"a")),
        (25, 0, 1, (None, bytes(4) + (2).to_bytes(4, "little"), b"a")),
        (23, 0, 9, (b"\0", None, b"\0" * 36)),
        (1043, 0, 1, (None, bytes(8), b"")),
        (1009, 0, 1, (None, bytes(8), None)),
    ],
)
def test_memory_that_is_not_there_is_not_read(
    type_: int, offset: int, rows: int, buffers: tuple[bytes | None, ...]
) -> None:
    assert compiled.reader is not None
    with pytest.raises(ValueError, match="rows"):
        compiled.reader.sought(((((type_, offset, rows, *buffers, None),), rows),), 1)


def test_records_are_within_their_data() -> None:
    assert compiled.reader is not None
    sought = compiled.reader.sought((), 0)
    for borders in ((0, 5), (3, 2), (-1, 1)):
        ends = b"".join(border.to_bytes(4, "little", signed=True) for border in borders)
        with pytest.raises(ValueError, match="beyond"):
            compiled.reader.find(sought, ends, b"abcd")
