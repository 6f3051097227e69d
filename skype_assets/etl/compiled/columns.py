"""What the compiled reader makes of message objects: Arrow columns, from their bytes in one pass."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa

from skype_assets.etl import compiled
from skype_assets.etl.compiled.arrow import array_of
from skype_assets.etl.content.call_messages import call_message
from skype_assets.etl.content.cards import card_message
from skype_assets.etl.content.content import literal, nothing
from skype_assets.etl.content.emoticons import emoji
from skype_assets.etl.content.message_types import MESSAGE_TYPES, MessageType
from skype_assets.etl.content.rich_message import rich_message
from skype_assets.etl.content.sms import sms_message
from skype_assets.etl.content.thread_activity import WITH_VALUE, event_of
from skype_assets.etl.schema.tables import TABLES

Columns = Mapping[str, pa.Array]

_BY_PARSER: Final[Mapping[Any, str]] = {
    literal: "literal",
    rich_message: "rich_text",
    card_message: "card",
    call_message: "call",
    sms_message: "sms",
}


def _reader(type_: MessageType) -> str | None:
    """Which of the compiled readers does for a type what its parser does; of thread activity the event."""
    if type_.parse is nothing and type_.feeds == ("attachments",):
        return "media"
    if type_.feeds == ("thread_events",) and type_.form == "markup":
        event = event_of(type_.parse)
        return None if event in WITH_VALUE else event
    return _BY_PARSER.get(type_.parse)


_READERS: Final = {name: reader for name, type_ in MESSAGE_TYPES.items() if (reader := _reader(type_))}

_ROW: Final = {"row": pa.int32()}
"""Where the raw message stands, in every table."""

_COLUMNS: Final[Mapping[str, Mapping[str, pa.DataType]]] = {
    "messages": {"display_name": pa.string(), "from": pa.string()},
    "edit_marks": dict.fromkeys(("original_sent_at", "arrived_at", "edited_at"), pa.int64()),
}
"""Columns that are not those of ``tables``."""


def read(raw: pa.LargeBinaryArray, excluded: np.ndarray, key_length: int) -> Mapping[str, Columns]:
    """Read the usual ones among message objects.

    Args:
        raw: the objects.
        excluded: a boolean for each; where it is true, the object is left.
        key_length: of the keys of the messages, the most characters before their ids.

    Returns:
        By table, some of its columns; ``row`` is the place of the object in ``raw``, ascending. Of ``messages`` also
        ``display_name`` and ``from`` as they are exported; ``edit_marks`` has instants in microseconds. A message is in
        no table, or in all that it feeds.
    """
    assert compiled.reader is not None, "whoever calls this has looked"
    _, offsets, data = raw.buffers()
    borders = np.frombuffer(offsets, np.int64)[raw.offset : raw.offset + len(raw) + 1] if len(raw) else np.zeros(1, int)
    found = compiled.reader.read(
        np.ascontiguousarray(borders).data,
        data or b"",
        excluded.astype(np.uint8).tobytes(),
        _READERS,
        emoji,
        key_length,
    )
    return {
        table: {name: array_of(_type(table, name), memory) for name, memory in columns.items()}
        for table, columns in found.items()
    }


def _type(table: str, column: str) -> pa.DataType:
    type_ = (_ROW | _COLUMNS.get(table, {})).get(column) or TABLES[table].schema.field(column).type
    return type_.storage_type if isinstance(type_, pa.JsonType) else type_
