"""Arrow schemas of the raw checkpoint: the export verbatim, with positions, hashes and a few typed columns.

Positions are byte offsets within ``member`` of the export; for every object the bytes there equal the stored ones.
"""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa

_SPANS = pa.list_(pa.struct([pa.field("offset", pa.int64(), False), pa.field("length", pa.int64(), False)]))

MESSAGES: Final = pa.schema(
    [
        pa.field("conversation_index", pa.int64(), False),
        pa.field("conversation_id", pa.string()),
        pa.field("ordinal", pa.int64(), False),
        pa.field("offset", pa.int64(), False),
        pa.field("length", pa.int32(), False),
        pa.field("sha256", pa.binary(32), False),
        pa.field("id", pa.string()),
        pa.field("messagetype", pa.string()),
        pa.field("raw", pa.large_binary(), False),
    ]
)
"""One row per element of a MessageList, in file order."""

CONVERSATIONS: Final = pa.schema(
    [
        pa.field("conversation_index", pa.int64(), False),
        pa.field("conversation_id", pa.string()),
        pa.field("ordinal", pa.int64(), False),
        pa.field("offset", pa.int64(), False),
        pa.field("length", pa.int64(), False),
        pa.field("sha256", pa.binary(32), False),
        pa.field("spans", _SPANS, False),
        pa.field("message_count", pa.int64(), False),
        pa.field("raw", pa.large_binary(), False),
    ]
)
"""One row per conversation without its messages: ``raw`` is the bytes of ``spans`` joined, with empty MessageLists.

Of one that is cut short (``unreadable``), it is closed, and opened, by bytes that stand in no span.
"""

REJECTS: Final = pa.schema(
    [
        pa.field("ordinal", pa.int64(), False),
        pa.field("offset", pa.int64(), False),
        pa.field("length", pa.int64(), False),
        pa.field("conversation_index", pa.int64(), False),
        pa.field("conversation_id", pa.string()),
        pa.field("reason", pa.string(), False),
        pa.field("raw", pa.large_binary(), False),
    ]
)
"""What stands where a conversation or a MessageList should and is none."""

MEDIA: Final = pa.schema(
    [
        pa.field("member", pa.string(), False),
        pa.field("size", pa.int64(), False),
        pa.field("document_id", pa.string(), False),
        pa.field("media_index", pa.int32()),
        pa.field("is_side_file", pa.bool_(), False),
        pa.field("sha256", pa.binary(32)),
        pa.field("raw", pa.large_binary()),
    ]
)
"""Members of media/; side files with their bytes."""

OBJECTS: Final = pa.schema(
    [
        pa.field("ordinal", pa.int64(), False),
        pa.field("member", pa.string(), False),
        pa.field("size", pa.int64(), False),
        pa.field("sha256", pa.binary(32)),
        pa.field("offset", pa.int64()),
        pa.field("kept", pa.bool_(), False),
        pa.field("problem", pa.string()),
        pa.field("head", pa.binary()),
    ]
)
"""Media objects, whose row in ``media`` is the ``ordinal``-th.

``offset`` is that of the first byte in the export, or in a folder in the file; null if it is compressed. ``kept`` says
that the bytes are in the store of media, ``problem`` why they cannot be read, ``head`` has the first ones.
"""

MEMBERS: Final = pa.schema(
    [
        pa.field("kind", pa.string(), False),
        pa.field("members", pa.int64(), False),
        pa.field("bytes", pa.int64(), False),
    ]
)
"""How many members of the export there are of each kind, and their bytes: together, all that were seen."""

ENDPOINTS: Final = pa.schema(
    [
        pa.field("member", pa.string(), False),
        pa.field("size", pa.int64(), False),
        pa.field("sha256", pa.binary(32), False),
        pa.field("raw", pa.large_binary(), False),
    ]
)
"""``endpoints.json``: the owner's devices."""

HEADER: Final = pa.schema(
    [
        pa.field("member", pa.string()),
        pa.field("size", pa.int64(), False),
        pa.field("format", pa.string(), False),
        pa.field("spans", _SPANS, False),
        pa.field("raw", pa.large_binary(), False),
    ]
)
"""One row: the top-level object without its conversations, and the member it stands in (null if files-only)."""

UNREADABLE: Final = pa.schema(
    [
        pa.field("member", pa.string(), False),
        pa.field("offset", pa.int64(), False),
        pa.field("length", pa.int64(), False),
        pa.field("reason", pa.string(), False),
        pa.field("conversation_index", pa.int64()),
        pa.field("conversation_id", pa.string()),
    ]
)
"""What could not be read of a damaged export: bytes of a member, or of the archive itself, and why.

A length of 0 says where something is missing. The conversation, if there is one, is the one that is cut short by it.
"""

RAW_TABLES: Final[Mapping[str, pa.Schema]] = {
    "messages": MESSAGES,
    "conversations": CONVERSATIONS,
    "rejects": REJECTS,
    "media": MEDIA,
    "objects": OBJECTS,
    "members": MEMBERS,
    "endpoints": ENDPOINTS,
    "header": HEADER,
    "unreadable": UNREADABLE,
}
