"""A message that is left out of a batch takes along all that hangs on it, and nothing else."""

import hashlib
import json
from typing import Any

import pyarrow as pa
import pytest

from skype_assets.etl.raw_tables import MESSAGES
from skype_assets.etl.rows.messages import Export, MessageRows, message_rows

MESSAGE = {
    "id": "1730829901774",
    "messagetype": "RichText",
    "originalarrivaltime": "2024-11-05T18:05:01.774Z",
    "content": '<a href="https://example.org">there</a> <at id="8:tbrannock">Theo</at>'
    '<e_m a="tbrannock" ts_ms="1730829852101" ts="1730829852" t="61"></e_m>',
    "properties": {"emotions": [{"key": "heart", "users": [{"mri": "8:tbrannock", "time": 1730829911774}]}]},
    "amsreferences": ["0-weu-d4-f08fdde142b15a71193dfd6abe4c0174"],
}
FED = ("messages", "attachments", "links", "mentions", "reactions", "edit_marks")


def _rows(*objects: Any) -> MessageRows:
    raw = [json.dumps(found).encode() for found in objects]
    columns: dict[str, list[Any]] = {
        "conversation_index": [0] * len(raw),
        "conversation_id": ["8:tbrannock"] * len(raw),
        "ordinal": list(range(len(raw))),
        "offset": [1_000 * number for number in range(len(raw))],
        "length": [len(found) for found in raw],
        "sha256": [hashlib.sha256(found).digest() for found in raw],
        "id": [None] * len(raw),
        "messagetype": [None] * len(raw),
        "raw": raw,
    }
    return message_rows(pa.RecordBatch.from_pydict(columns, MESSAGES), Export("e", "8:live:mara.ostrow", "m", {}))


@pytest.mark.parametrize("left_out", [[0], [2_000], [0, 2_000], [0, 1_000, 2_000]])
def test_what_hangs_on_a_message_goes_with_it(left_out: list[int]) -> None:
    rows = _rows(MESSAGE, {**MESSAGE, "id": "2", "content": "plain", "properties": None}, MESSAGE, None)
    kept = rows.without(pa.array(left_out, pa.int64())).tables
    copies = 2 - len({0, 2_000}.intersection(left_out))
    assert kept["messages"]["source_offset"].to_pylist() == [n for n in (0, 1_000, 2_000) if n not in left_out]
    assert [kept[name].num_rows for name in ("links", "mentions", "reactions", "edit_marks")] == [copies] * 4
    assert kept["attachments"].num_rows == copies + (1_000 not in left_out)
    assert kept["rejects"].num_rows == 1


def test_nothing_is_left_out_of_a_batch_that_has_none_of_the_messages() -> None:
    rows = _rows(MESSAGE, MESSAGE)
    assert [rows.tables[name].num_rows for name in FED] == [2] * len(FED)
    assert rows.without(pa.array([7], pa.int64())) is rows
