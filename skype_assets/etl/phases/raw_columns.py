"""What extract keeps of each message: its bytes, their SHA-256, and what it can be found by, as Arrow columns.

Compiled code makes them in one pass over the bytes. What it has noted nothing of is read here, and everything where
there is none.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from operator import add
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl import compiled
from skype_assets.etl.compiled.arrow import array_of, buffer_of
from skype_assets.etl.export.raw_part import Elements, Run

Columns = Mapping[str, pa.Array]


def of(data: memoryview, first: int, messages: Elements, runs: Sequence[Run]) -> Columns:
    """The columns ``raw``, ``sha256``, ``id`` and ``messagetype``.

    Args:
        data: what the messages stand in.
        first: the offset of its first byte.
        messages: one behind the other.
        runs: which of them stand behind each other in one array.
    """
    return _read(data, first, messages, runs) if compiled.reader is None else _compiled(data, first, messages)


def _compiled(data: memoryview, first: int, messages: Elements) -> Columns:
    assert compiled.reader is not None, "else there is nothing to ask"
    offsets, lengths = messages.offsets, messages.lengths
    (ends, raw), digests, id_, messagetype, left = compiled.reader.raw_columns(
        data, first, offsets, lengths, messages.places
    )
    ids, types = array_of(pa.string(), id_), array_of(pa.string(), messagetype)
    rest = np.frombuffer(buffer_of(left), bool)
    if rest.any():
        found = [_typed_field(data[offsets[row] - first :][: lengths[row]]) for row in np.flatnonzero(rest).tolist()]
        ids, types = (
            pc.replace_with_mask(column, rest, pa.array([getattr(one, name) for one in found], pa.string()))
            for name, column in (("id", ids), ("messagetype", types))
        )
    count = len(offsets)
    hashes = buffer_of(digests) if digests[1] == 32 * count else _hashes(data, first, messages)
    return {
        "sha256": pa.Array.from_buffers(pa.binary(32), count, [None, hashes]),
        "id": ids,
        "messagetype": types,
        "raw": pa.Array.from_buffers(pa.large_binary(), count, [None, buffer_of(ends), buffer_of(raw)]),
    }


def _read(data: memoryview, first: int, messages: Elements, runs: Sequence[Run]) -> Columns:
    begins = [offset - first for offset in messages.offsets]
    ends = list(map(add, begins, messages.lengths))
    fields = [fields for run in runs for fields in _typed_fields(data, begins, ends, run)]
    return {
        "sha256": pa.Array.from_buffers(pa.binary(32), len(begins), [None, _hashes(data, first, messages)]),
        "id": pa.array([f.id for f in fields], pa.string()),
        "messagetype": pa.array([f.messagetype for f in fields], pa.string()),
        "raw": _slices(data, begins, ends),
    }


def _hashes(data: memoryview, first: int, messages: Elements) -> pa.Buffer:
    places = zip(messages.offsets, messages.lengths, strict=True)
    return pa.py_buffer(b"".join(hashlib.sha256(data[offset - first :][:length]).digest() for offset, length in places))


class _TypedFields(msgspec.Struct, gc=False):
    """What messages can be found by in the raw checkpoint; nothing depends on it."""

    id: str | None = None
    messagetype: str | None = None


_typed = msgspec.json.Decoder(_TypedFields)
_all_typed = msgspec.json.Decoder(list[_TypedFields])


def _typed_fields(data: memoryview, begins: Sequence[int], ends: Sequence[int], run: Run) -> list[_TypedFields]:
    """Of the messages of a run: all at once, as they stand behind each other, or where that fails one by one."""
    first, last = run.first, run.first + run.count
    with suppress(*_UNTYPED):
        found = _all_typed.decode(b"[%b]" % data[begins[first] : ends[last - 1]])
        if len(found) == run.count:
            return found
    return [_typed_field(data[begin:end]) for begin, end in zip(begins[first:last], ends[first:last], strict=True)]


def _typed_field(raw: memoryview) -> _TypedFields:
    try:
        return _typed.decode(raw)
    except _UNTYPED:
        return _TypedFields()


_UNTYPED: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def _slices(data: memoryview, begins: Sequence[int], ends: Sequence[int]) -> pa.Array:
    """Slices of a buffer that stand one behind the other, with something between them, as an array."""
    count = len(begins)
    borders = np.empty(2 * count, np.int64)
    borders[0::2], borders[1::2] = begins, ends
    slices_and_gaps = pa.Array.from_buffers(
        pa.large_binary(), max(2 * count - 1, 0), [None, pa.py_buffer(borders), pa.py_buffer(data)]
    )
    return slices_and_gaps.take(pa.array(np.arange(0, 2 * count, 2)))
