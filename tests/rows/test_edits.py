"""Edited messages are found whatever rows are looked at together."""

import pyarrow as pa
import pytest

from skype_assets.etl.rows import edits
from skype_assets.etl.rows.arrays import table_from_rows
from skype_assets.etl.rows.message_tables import EDIT_MARKS

_MARKS = {
    3: [("19:c", "101", "8:a", 5, 6, 60), ("19:c", "102", "8:a", 5, 7, None), ("19:d", "7", None, 5, 5, None)],
    1: [("19:c", "99", "8:a", 5, 5, 50), ("19:c", "98", None, 5, 5, None), ("19:c", "103", "8:b", 5, 5, None)],
    2: [("19:c", "97", None, 5, 9, None)],
}


@pytest.mark.parametrize("rows_at_a_time", [1, 2, 3, 10_000])
def test_the_smallest_id_is_the_original_wherever_its_copies_are(
    rows_at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edits, "_ROWS_AT_A_TIME", rows_at_a_time)
    found = edits.edits({part: table_from_rows(EDIT_MARKS, rows) for part, rows in _MARKS.items()})
    instants = found["edited_at"].cast(pa.int64()).to_pylist()
    columns = (found[name].to_pylist() for name in ("part", "conversation_id", "message_id", "sender_id", "edit_of"))
    assert list(zip(*columns, instants, strict=True)) == [
        (1, "19:c", "103", "8:b", None, 5),
        (1, "19:c", "98", None, "97", 9),
        (1, "19:c", "99", "8:a", None, 60),
        (2, "19:c", "97", None, None, 9),
        (3, "19:c", "101", "8:a", "99", 60),
        (3, "19:c", "102", "8:a", "99", 60),
        (3, "19:d", "7", None, None, 5),
    ]


def test_an_edit_in_the_first_instant_of_1970_is_one_with_a_time() -> None:
    found = edits.edits(
        {0: table_from_rows(EDIT_MARKS, [("19:c", "1", "8:a", 5, 5, 0), ("19:c", "2", "8:a", 5, 7, None)])}
    )
    assert found["edited_at"].cast(pa.int64()).to_pylist() == [0, 0]


def test_without_marks_there_are_no_edits() -> None:
    assert edits.edits({}) == edits.EDITS.empty_table()
