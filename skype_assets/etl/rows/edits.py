"""Edited messages: the rows that an edit left of one message, wherever parts end (format reference, 5.3).

Their markers name the same original: conversation, sender and time. The row with the smallest id is the original,
the others are its copies; all are kept, and one is counted.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.rows.arrays import table_from_rows
from skype_assets.etl.rows.duplicates import KEY, message_keys, places_of
from skype_assets.etl.rows.message_tables import EDIT_MARKS
from skype_assets.etl.tables import INSTANT

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
"""The rows of messages that stand more than once: ``edit_of`` is null on the original."""


class _Copy(NamedTuple):
    """One of the rows of a message: its part and id, when it was sent and edited."""

    part: int
    message_id: str
    sent_at: int | None
    edited_at: int | None


def edits(marks: Mapping[int, pa.Table]) -> pa.Table:
    """Find the ``EDITS`` of an export in the ``EDIT_MARKS`` of its parts."""
    groups: dict[tuple[str, str | None, int], list[_Copy]] = defaultdict(list)
    for part, table in marks.items():
        columns = (table[name].to_pylist() for name in EDIT_MARKS.names)
        for conversation_id, message_id, sender_id, original_sent_at, sent_at, edited_at in zip(*columns, strict=True):
            groups[conversation_id, sender_id, original_sent_at].append(_Copy(part, message_id, sent_at, edited_at))
    rows: list[tuple[Any, ...]] = []
    for (conversation_id, sender_id, _), copies in groups.items():
        if len(copies) == 1:
            continue
        original = _smallest([copy.message_id for copy in copies])
        edited_at = _latest(copy.edited_at for copy in copies) or _latest(copy.sent_at for copy in copies)
        for copy in copies:
            edit_of = None if copy.message_id == original else original
            rows.append((copy.part, conversation_id, copy.message_id, sender_id, edit_of, edited_at))
    return table_from_rows(EDITS, sorted(rows, key=lambda row: row[:3]))


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
