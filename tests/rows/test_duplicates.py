"""Of the copies of a message in one export the one with the greatest (version, hash) stays, of equal ones the first."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skype_assets.etl.rows import duplicates
from skype_assets.etl.rows.duplicates import DUPLICATES, copies_in_other_parts, lesser_copies, without

Copy = tuple[str, str, int | None, bytes]

# Few values, so that keys, versions and hashes meet; ids with and without the short cut for numbers.
copies = st.tuples(
    st.sampled_from(["8:a", "8:b", "19:c@thread.skype"]),
    st.sampled_from(["1", "2", "01", "1.0", "", "é", "99999999999999999999", "unknown:ab"]),
    st.none() | st.integers(0, 2),
    st.sampled_from([b"a", b"b"]),
)


def _messages(rows: Sequence[Copy], first_offset: int = 0) -> pa.Table:
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[]] * 4
    offsets = list(range(first_offset, first_offset + len(rows)))
    types = [pa.string(), pa.string(), pa.int64(), pa.binary(), pa.int64()]
    names = ["conversation_id", "message_id", "version", "raw_sha256", "source_offset"]
    return pa.table([pa.array(c, t) for c, t in zip([*columns, offsets], types, strict=True)], names=names)


def _reader(table: pa.Table) -> Callable[[list[str]], pa.Table]:
    return lambda columns: table.select(columns)


def _best(rows: Sequence[tuple[int, Copy]]) -> set[int]:
    """Places of the copies that stay, found the plain way."""
    ordered = sorted(rows, key=lambda row: row[1][:2])
    groups = (list(group) for _, group in groupby(ordered, key=lambda row: row[1][:2]))
    return {
        max(group, key=lambda row: (-1 if row[1][2] is None else row[1][2], row[1][3], -row[0]))[0] for group in groups
    }


@given(st.lists(copies, max_size=30))
def test_in_one_part_the_best_copy_of_each_message_stays(rows: list[Copy]) -> None:
    dropped = lesser_copies(_messages(rows))["source_offset"].to_pylist()
    assert len(set(dropped)) == len(dropped)
    assert set(range(len(rows))) - set(dropped) == _best(list(enumerate(rows)))


@given(st.lists(st.lists(copies, max_size=12, unique_by=lambda row: row[:2]), max_size=5), st.sampled_from([3, 10_000]))
def test_over_parts_the_best_copy_of_each_message_stays_whatever_the_slices(
    parts: list[list[Copy]], slice_size: int
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(duplicates, "_SLICE", slice_size)
        readers = {number: _reader(_messages(rows)) for number, rows in enumerate(parts)}
        found, counted = copies_in_other_parts(readers, sum(map(len, parts)))
    assert counted == Counter(row[0] for rows in parts for row in rows)
    assert found.schema == DUPLICATES
    dropped = {(row["part"], row["conversation_id"], row["message_id"]) for row in found.to_pylist()}
    assert len(dropped) == found.num_rows
    places = [(number, row) for number, rows in enumerate(parts) for row in rows]
    stay = {places[place] for place in _best([(place, row) for place, (_, row) in enumerate(places)])}
    assert {(number, *row[:2]) for number, row in places} - dropped == {(number, *row[:2]) for number, row in stay}


def test_different_messages_with_one_hash_are_no_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_hash", lambda text: 0)
    parts = {
        0: _reader(_messages([("8:a", "x", 1, b"a"), ("8:b", "y", 1, b"a")])),
        1: _reader(_messages([("8:a", "y", 1, b"a"), ("8:b", "y", 2, b"a")])),
    }
    assert copies_in_other_parts(parts, 4)[0].to_pylist() == [{"part": 0, "conversation_id": "8:b", "message_id": "y"}]


def test_parts_without_copies_are_read_by_their_keys_alone() -> None:
    read: list[list[str]] = []

    def reader(columns: list[str]) -> pa.Table:
        read.append(columns)
        return _messages([("8:a", str(number), 1, b"a") for number in range(5)]).select(columns)

    assert copies_in_other_parts({0: reader}, 5)[0].num_rows == 0
    assert {column for columns in read for column in columns} == {"conversation_id", "message_id"}


def test_rows_of_dropped_messages_go_with_them() -> None:
    rows = _messages([("8:a", "1", 1, b"a"), ("8:a", "2", 1, b"a"), ("8:b", "1", 1, b"a")])
    dropped = pa.table({"part": [0], "conversation_id": ["8:a"], "message_id": ["1"]})
    kept = without(rows, dropped)
    assert list(zip(kept["conversation_id"].to_pylist(), kept["message_id"].to_pylist(), strict=True)) == [
        ("8:a", "2"),
        ("8:b", "1"),
    ]
    assert without(rows, DUPLICATES.empty_table()) is rows
    assert without(rows.slice(0, 0), dropped).num_rows == 0
