"""Edited messages: the rows that an edit left of one message, wherever parts end (format reference, 5.3).

Their markers name the same original: conversation, sender and time. The row with the smallest id is the original,
the others are its copies; all are kept, and one is counted. One row can be all that is left: its marker says that it
was edited, and it arrived when it was.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.rows.arrays import table_from_rows
from skype_assets.etl.rows.duplicates import KEY, message_keys, places_of
from skype_assets.etl.schema.tables import INSTANT

EDITS: Final = pa.schema(
    [
        pa.field("part", pa.int32(), False),
        pa.field("conversation_id", pa.string(), False),
        pa.field("message_id", pa.string(), False),
        pa.field("sender_id", pa.string()),
        pa.field("edit_of", pa.string()),
        pa.field("edited_at", INSTANT),
    ]
)
"""The rows of edited messages: ``edit_of`` is null on the original."""


def copies(found: pa.Table) -> int:
    """How many of the ``EDITS`` are copies: rows of messages that an edit left beside the original."""
    return found.num_rows - found["edit_of"].null_count


_ROWS_AT_A_TIME: Final = 10_000
"""Rows that are Python objects at a time: all of a large export would not fit into memory."""


class _Copy(NamedTuple):
    """One of the rows of a message: its ``EDIT_MARKS``, and its part."""

    conversation_id: str
    message_id: str
    sender_id: str | None
    original_sent_at: int
    arrived_at: int | None
    edited_at: int | None
    part: int


def edits(marks: Mapping[int, pa.Table]) -> pa.Table:
    """Find the ``EDITS`` of an export in the ``EDIT_MARKS`` of its parts."""
    rows = (row for copies in _by_message(marks) for row in _edited(copies))
    found = [EDITS.empty_table()]
    while some := list(islice(rows, _ROWS_AT_A_TIME)):
        found.append(table_from_rows(EDITS, some))
    return pa.concat_tables(found).sort_by([(name, "ascending") for name in ("part", "conversation_id", "message_id")])


def _by_message(marks: Mapping[int, pa.Table]) -> Iterator[list[_Copy]]:
    """All copies of a message that are marked, one message after the other."""
    if not marks:
        return
    table = pa.concat_tables(
        [
            rows.append_column("part", pa.repeat(pa.scalar(part, pa.int32()), rows.num_rows))
            for part, rows in marks.items()
        ]
    )
    message = ["conversation_id", "sender_id", "original_sent_at"]
    table = table.take(pc.sort_indices(table, sort_keys=[(name, "ascending") for name in message]))
    batches = table.to_batches(max_chunksize=_ROWS_AT_A_TIME)
    copies = (_Copy(*row) for batch in batches for row in zip(*(c.to_pylist() for c in batch.columns), strict=True))
    for _, some in groupby(copies, key=attrgetter(*message)):
        yield list(some)


def _edited(copies: list[_Copy]) -> Iterator[tuple[Any, ...]]:
    original = _smallest([copy.message_id for copy in copies])
    edited_at = _latest(copy.edited_at for copy in copies)
    if edited_at is None:
        edited_at = _latest(copy.arrived_at for copy in copies)
    for copy in copies:
        edit_of = None if copy.message_id == original else original
        yield copy.part, copy.conversation_id, copy.message_id, copy.sender_id, edit_of, edited_at


def with_edits(messages: pa.Table, found: pa.Table) -> pa.Table:
    """A part's messages with what is known of their edits: ``found`` are the part's rows of ``EDITS``."""
    if found.num_rows == 0:
        return messages
    known = {(row["conversation_id"], row["message_id"]): row for row in found.to_pylist()}
    places = places_of(messages, found)
    rows = [known[key] for key in message_keys(messages.select(KEY).take(places))]
    mask = np.zeros(messages.num_rows, np.bool_)
    mask[places] = True
    for name in ("edit_of", "edited_at"):
        place = messages.schema.get_field_index(name)
        field = messages.schema.field(place)
        values = pa.array([row[name] for row in rows], field.type)
        column = pc.replace_with_mask(messages[name].combine_chunks(), pa.array(mask), values)
        messages = messages.set_column(place, field, column)
    return messages


def _smallest(message_ids: list[str]) -> str:
    numeric = all(message_id.isascii() and message_id.isdigit() for message_id in message_ids)
    return min(message_ids, key=int) if numeric else min(message_ids)


def _latest(instants: Iterable[int | None]) -> int | None:
    return max((instant for instant in instants if instant is not None), default=None)
