"""A message that is left out of a batch takes along all that hangs on it, and nothing else."""

import json
from typing import Any

import pyarrow as pa
import pytest

from skype_assets.etl.rows.media import NOTHING
from skype_assets.etl.rows.message_tables import Export, MessageRows
from skype_assets.etl.rows.messages import message_rows
from tests.compiled.test_same_rows import batch_of

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


def _rows(*objects: Any) -> list[MessageRows]:
    raw = [json.dumps(found).encode() for found in objects]
    batch = batch_of(raw, [(0, "8:tbrannock")] * len(raw))
    return list(message_rows([batch], Export("e", "8:live:mara.ostrow", "m", NOTHING), 100))


def _joined(rows: list[MessageRows], name: str) -> pa.Table:
    return pa.concat_tables([one.tables[name] for one in rows])


@pytest.mark.parametrize("left_out", [[0], [20_000], [0, 20_000], [0, 10_000, 20_000]])
def test_what_hangs_on_a_message_goes_with_it(left_out: list[int]) -> None:
    rows = _rows(MESSAGE, {**MESSAGE, "id": "2", "content": "plain", "properties": None}, MESSAGE, None)
    kept = [one.without(pa.array(left_out, pa.int64())) for one in rows]
    copies = 2 - len({0, 20_000}.intersection(left_out))
    offsets = _joined(kept, "messages")["source_offset"].to_pylist()
    assert sorted(offsets) == [n for n in (0, 10_000, 20_000) if n not in left_out]
    fed = ("links", "mentions", "reactions", "edit_marks")
    assert [_joined(kept, name).num_rows for name in fed] == [copies] * 4
    assert _joined(kept, "attachments").num_rows == copies + (10_000 not in left_out)
    assert _joined(kept, "rejects").num_rows == 1


def test_nothing_is_left_out_of_a_batch_that_has_none_of_the_messages() -> None:
    rows = _rows(MESSAGE, MESSAGE)
    assert [_joined(rows, name).num_rows for name in FED] == [2] * len(FED)
    assert all(one.without(pa.array([7], pa.int64())) is one for one in rows)
