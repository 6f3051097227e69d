"""What the messages of an export become, and what their rows have in common, however they are read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa

from skype_assets.etl.rows.arrays import table_from_rows
from skype_assets.etl.rows.media import Stored
from skype_assets.etl.schema.tables import TABLES

EDIT_MARKS: Final = pa.schema(
    [
        pa.field("conversation_id", pa.string(), False),
        pa.field("message_id", pa.string(), False),
        pa.field("sender_id", pa.string()),
        pa.field("original_sent_at", pa.int64(), False),
        pa.field("arrived_at", pa.int64()),
        pa.field("edited_at", pa.int64()),
    ]
)
"""Messages with an edit marker that says when the original was sent; instants in microseconds since 1970."""

MESSAGE_TABLES: Final = tuple(t.name for t in TABLES.values() if t.name == "messages" or t.parent == "messages")
"""``messages`` and the tables whose key begins with a message's."""


_STORED: Final = pa.schema(
    [(name, pa.string()) for name in ("document_id", "member", "file_name", "mime_type")]
    + [(name, pa.binary()) for name in ("sha256", "preview_sha256")]
)


@dataclass(frozen=True)
class Export:
    """What the rows of one export have in common. ``stored`` is what its archive holds."""

    export_id: str
    owner_id: str
    member: str
    stored: Stored

    @cached_property
    def stored_table(self) -> pa.Table:
        """What it holds for ids in lower case, as all are that compiled code reads."""
        rows = [
            (id_, one.member, one.file_name, one.mime_type, one.sha256, one.preview_sha256)
            for id_, one in self.stored.in_lower_case()
        ]
        return table_from_rows(_STORED, rows)


RAW_COLUMNS: Final = ("conversation_index", "conversation_id", "ordinal", "offset", "length", "sha256", "raw")
"""What ``message_rows`` needs of the raw ``messages`` table."""


@dataclass(frozen=True)
class MessageRows:
    """What some raw messages became.

    Args:
        tables: by name.
        rows: by name, for each row of ``messages`` and of what hangs on it the number of its raw message among them.
    """

    tables: Mapping[str, pa.Table]
    rows: Mapping[str, np.ndarray]

    def kept(self, keep: Callable[[pa.Table], pa.Table]) -> "MessageRows":
        """The same with what somebody makes of each table."""
        return MessageRows({name: keep(table) for name, table in self.tables.items()}, self.rows)

    def without(self, source_offsets: pa.Array) -> "MessageRows":
        """The same without some messages and what hangs on them."""
        messages = self.tables["messages"]
        kept = ~np.isin(messages["source_offset"].to_numpy(), source_offsets.to_numpy(zero_copy_only=False))
        if kept.all():
            return self
        left_out = self.rows["messages"][~kept]
        kept_of = {name: ~np.isin(rows, left_out) for name, rows in self.rows.items()}
        tables = {name: self.tables[name].filter(pa.array(mask)) for name, mask in kept_of.items()}
        return MessageRows({**self.tables, **tables}, {name: self.rows[name][mask] for name, mask in kept_of.items()})
