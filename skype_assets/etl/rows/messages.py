"""Rows of ``messages`` and of the tables below it, from raw message objects.

Nearly all messages are spelled as Skype's own clients spell them and are read the short way, by a compiled reader
(``usual``); what it leaves is read the general way. Both make the same rows of the same message.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import pyarrow as pa

from skype_assets.etl.rows.any_messages import any_rows
from skype_assets.etl.rows.compiled_messages import compiled_rows
from skype_assets.etl.rows.message_tables import Export, MessageRows

_COMPILED_BYTES: Final = 8 << 20
_GENERAL_BYTES: Final = 1 << 20
"""Bytes of objects that are read at a time: what is decoded can be a hundred times as large."""


def message_rows(batches: Iterable[pa.RecordBatch], export: Export, at_a_time: int) -> Iterator[MessageRows]:
    """Rows of every table fed by batches of the raw ``messages`` table, with ``rejects``.

    Every raw object becomes one row of ``messages`` or one of ``rejects``. The few objects that the compiled reader
    leaves are collected, and read when there are ``at_a_time`` of them: tables of a few rows would cost more than the
    reading.
    """
    left: list[pa.RecordBatch] = []
    for batch in (piece for one in batches for piece in in_pieces(one, _COMPILED_BYTES)):
        usual = compiled_rows(batch, export)
        yield usual
        left.append(batch.take(pa.array(np.delete(np.arange(batch.num_rows), usual.rows["messages"]))))
        if sum(one.num_rows for one in left) >= at_a_time or sum(map(_raw_bytes, left)) >= _GENERAL_BYTES:
            yield from _general(left, export)
            left.clear()
    if any(one.num_rows for one in left):
        yield from _general(left, export)


def _general(left: list[pa.RecordBatch], export: Export) -> Iterator[MessageRows]:
    for piece in in_pieces(pa.concat_batches(left), _GENERAL_BYTES):
        yield any_rows(piece, export)


def in_pieces(raw: pa.RecordBatch, most: int) -> Iterator[pa.RecordBatch]:
    """A batch of raw messages in pieces of at most so many bytes, or of one message."""
    ends = np.cumsum(raw["length"].to_numpy(), dtype=np.int64)
    begin = 0
    while begin < raw.num_rows:
        before = int(ends[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, before + most, "right")))
        yield raw.slice(begin, end - begin)
        begin = end


def _raw_bytes(raw: pa.RecordBatch) -> int:
    return int(raw["length"].to_numpy().sum())
