"""Copies of a message in one export: that with the greatest (version, hash) is loaded, of equals the first (5.3).

Copies within a part are resolved when the part is made. Copies in different parts are found afterwards, in memory that
does not grow with the export: keys are compared by a 64-bit hash, one slice of the hashes at a time, and only the few
keys whose hashes meet are looked at themselves.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

DUPLICATES: Final = pa.schema(
    [
        pa.field("part", pa.int32(), False),
        pa.field("conversation_id", pa.string(), False),
        pa.field("message_id", pa.string(), False),
    ]
)
"""Messages of a part that another part holds in a better copy."""

KEY: Final = ["conversation_id", "message_id"]
"""Columns that name a message within an export."""

_COPY: Final = [*KEY, "version", "raw_sha256"]
_SLICE: Final = 4_000_000
_LONGEST_NUMBER: Final = 19
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)

Part = Callable[[list[str]], pa.Table]
"""Reads some columns of a part's messages."""


def lesser_copies(messages: pa.Table) -> pa.Table:
    """The messages of a part of which the same part holds a better copy: conversation_id and source_offset."""
    hashes = _hashes(messages)
    repeated = _repeated(hashes)
    candidates = messages.select([*_COPY, "source_offset"])
    found = candidates.filter(pa.array(np.isin(hashes, repeated))) if len(repeated) else candidates[:0]
    copies: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row, key in enumerate(zip(*(found[name].to_pylist() for name in KEY), strict=True)):
        copies[key].append(row)
    ranks, offsets = _ranks(found), found["source_offset"].to_pylist()
    lesser = [row for rows in copies.values() for row in sorted(rows, key=lambda row: (ranks[row], -offsets[row]))[:-1]]
    return found.select(["conversation_id", "source_offset"]).take(pa.array(lesser, pa.int64()))


def copies_in_other_parts(parts: Mapping[int, Part], total: int) -> tuple[pa.Table, Counter[str]]:
    """The ``DUPLICATES`` of an export, and how many messages its parts have in each conversation, these included.

    Args:
        parts: readers of the parts' messages.
        total: how many these are.
    """
    counted: Counter[str] = Counter()
    slices = max(1, -(-total // _SLICE))
    best: dict[tuple[str, str], list[tuple[tuple[int, bytes], int]]] = defaultdict(list)
    for number in range(slices):
        repeated = _repeated_hashes(parts, number, slices, counted)
        if len(repeated):
            for part, read in parts.items():
                for key, rank in _with_hash(read(_COPY), repeated):
                    best[key].append((rank, -part))
    losers = [(-part, *key) for key, copies in best.items() for _, part in sorted(copies)[:-1]]
    columns = zip(*sorted(losers), strict=True) if losers else ([], [], [])
    found = pa.table([pa.array(c, f.type) for c, f in zip(columns, DUPLICATES, strict=True)], schema=DUPLICATES)
    return found, counted


def without(rows: pa.Table, keys: pa.Table) -> pa.Table:
    """The rows whose message is not among ``keys`` (its columns ``KEY``)."""
    if keys.num_rows == 0 or rows.num_rows == 0:
        return rows
    kept = np.ones(rows.num_rows, np.bool_)
    kept[places_of(rows, keys)] = False
    return rows.filter(pa.array(kept))


def only(rows: pa.Table, keys: pa.Table) -> pa.Table:
    """The rows whose message is among ``keys`` (its columns ``KEY``)."""
    if keys.num_rows == 0 or rows.num_rows == 0:
        return rows[:0]
    return rows.take(pa.array(places_of(rows, keys)))


def places_of(rows: pa.Table, keys: pa.Table) -> np.ndarray:
    """Where the rows are whose message is among ``keys`` (its columns ``KEY``)."""
    wanted = set(message_keys(keys))
    # Few rows have one of these ids; only of them Python objects are made.
    near = np.flatnonzero(pc.is_in(rows["message_id"], value_set=keys["message_id"].combine_chunks()).to_numpy())
    found = message_keys(rows.select(KEY).take(near))
    return near[[key in wanted for key in found]]


def message_keys(rows: pa.Table) -> Iterator[tuple[str, str]]:
    """The message that each row is about."""
    return zip(rows["conversation_id"].to_pylist(), rows["message_id"].to_pylist(), strict=True)


def _repeated_hashes(parts: Mapping[int, Part], number: int, slices: int, counted: Counter[str]) -> np.ndarray:
    """Hashes of one slice that occur more than once in the export; the first time messages are counted as well."""
    found = []
    for read in parts.values():
        keys = read(KEY)
        if number == 0:
            counted.update(occurrences(keys["conversation_id"]))
        hashes = _hashes(keys)
        found.append(hashes[hashes % np.uint64(slices) == number] if slices > 1 else hashes)
    return _repeated(np.concatenate(found) if found else np.empty(0, np.uint64))


def occurrences(values: pa.ChunkedArray) -> Counter[str]:
    """How often each text occurs."""
    return Counter({row["values"]: row["counts"] for row in values.value_counts().to_pylist()})


def _repeated(hashes: np.ndarray) -> np.ndarray:
    hashes = np.sort(hashes)
    return np.unique(hashes[1:][hashes[1:] == hashes[:-1]])


def _with_hash(messages: pa.Table, wanted: np.ndarray) -> Iterator[tuple[tuple[str, str], tuple[int, bytes]]]:
    found = messages.filter(pa.array(np.isin(_hashes(messages), wanted)))
    return zip(zip(*(found[name].to_pylist() for name in KEY), strict=True), _ranks(found), strict=True)


def _ranks(messages: pa.Table) -> list[tuple[int, bytes]]:
    versions = pc.fill_null(messages["version"], -1).to_pylist()
    return list(zip(versions, messages["raw_sha256"].to_pylist(), strict=True))


def _hashes(messages: pa.Table) -> np.ndarray:
    """A 64-bit hash per message, the same in every process; its id is nearly always a number."""
    conversations = messages["conversation_id"].combine_chunks().dictionary_encode()
    if isinstance(conversations, pa.ChunkedArray):
        conversations = conversations.combine_chunks()
    by_conversation = np.array([_hash(c) for c in conversations.dictionary.to_pylist()], np.uint64)
    ids = messages["message_id"].combine_chunks()
    numeric = pc.and_(pc.ascii_is_decimal(ids), pc.less(pc.binary_length(ids), _LONGEST_NUMBER))
    numbers = pc.if_else(numeric, ids, "0").cast(pa.int64()).to_numpy(zero_copy_only=False).astype(np.uint64)
    for row in np.flatnonzero(~numeric.to_numpy(zero_copy_only=False)):
        numbers[row] = _hash(ids[row].as_py())
    mixed = (by_conversation[conversations.indices.to_numpy(zero_copy_only=False)] ^ numbers) * _GOLDEN
    return mixed ^ (mixed >> np.uint64(29))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
