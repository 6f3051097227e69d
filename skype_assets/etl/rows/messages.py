"""Rows of ``messages`` and of the tables below it, from a batch of raw message objects."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import pyarrow as pa

from skype_assets.etl.content.cleaning import clean_json
from skype_assets.etl.content.content import Content
from skype_assets.etl.content.integers import integer
from skype_assets.etl.content.message_types import message_type, parse
from skype_assets.etl.content.names import bounded, conversation_key, plain_name, sender
from skype_assets.etl.content.reactions import reactions
from skype_assets.etl.content.rich_text import needs_parsing
from skype_assets.etl.content.times import iso_instants, milliseconds
from skype_assets.etl.content.uri_object import attachments
from skype_assets.etl.flags import (
    CONTENT_MISSING,
    ID_MISSING,
    SENT_AT_FROM_ID,
    SENT_AT_FROM_VERSION,
    SENT_AT_MISSING,
)
from skype_assets.etl.rows.decode import Decoded, Message, decode, json_text, json_value
from skype_assets.etl.rows.media import StoredObject
from skype_assets.etl.tables import REJECTS, TABLES

EDIT_MARKS: Final = pa.schema(
    [
        pa.field("conversation_id", pa.string(), False),
        pa.field("message_id", pa.string(), False),
        pa.field("sender_id", pa.string()),
        pa.field("original_sent_at", pa.int64(), False),
        pa.field("sent_at", pa.int64()),
        pa.field("edited_at", pa.int64()),
    ]
)
"""Messages with an edit marker that says when the original was sent; instants in microseconds since 1970."""

MESSAGE_TABLES: Final = tuple(t.name for t in TABLES.values() if t.name == "messages" or t.parent == "messages")
"""``messages`` and the tables whose key begins with a message's."""

_NULL: Final = msgspec.Raw(b"null")


@dataclass(frozen=True)
class Export:
    """What the rows of one export have in common. ``stored`` is what its archive holds, by document id."""

    export_id: str
    owner_id: str
    member: str
    stored: Mapping[str, StoredObject]


def message_rows(raw: pa.RecordBatch, export: Export) -> dict[str, pa.Table]:
    """Rows of every table fed by a batch of the raw ``messages`` table, with ``rejects``.

    Every raw object becomes one row of ``messages`` or one of ``rejects``.
    """
    objects: list[bytes] = raw["raw"].to_pylist()
    decoded = decode(objects)
    kept = [row for row, message in enumerate(decoded.messages) if message is not None]
    rows = _Rows(raw if len(kept) == len(objects) else raw.take(pa.array(kept, pa.int64())), kept, decoded, export)
    tables = rows.children()
    tables["messages"] = rows.messages()
    tables["edit_marks"] = rows.edit_marks()
    tables["rejects"] = _rejects(raw, decoded, export)
    return tables


class _Rows:
    """Columns of a batch, computed once; ``flags`` collects what had to be guessed."""

    def __init__(self, raw: pa.RecordBatch, kept: Sequence[int], decoded: Decoded, export: Export) -> None:
        self._raw = raw
        self._export = export
        self._messages: list[Message] = [m for m in decoded.messages if m is not None]
        self._flags: dict[int, set[str]] = {
            row: decoded.flags[original] for row, original in enumerate(kept) if original in decoded.flags
        }
        self._conversation_ids = [
            conversation_key(found, index)
            for found, index in zip(
                raw["conversation_id"].to_pylist(), raw["conversation_index"].to_pylist(), strict=True
            )
        ]
        self._ids = [self._message_id(row, message) for row, message in enumerate(self._messages)]
        self._versions = [integer(message.version) for message in self._messages]
        self._properties: dict[int, Any] = {}
        self._properties_text: list[str | None] = [None] * len(self._messages)
        for row, message in enumerate(self._messages):
            if message.properties != _NULL:
                self._read_properties(row, bytes(message.properties))
        self._kinds: list[str] = []
        self._contents: list[Content | None] = [
            self._parsed(row, message) for row, message in enumerate(self._messages)
        ]
        self._sent_at = self._times()
        self._sender_ids: list[str | None] = _each(sender, (m.from_ for m in self._messages))

    def messages(self) -> pa.Table:
        """The rows of ``messages``."""
        messages, count = self._messages, len(self._messages)
        schema = TABLES["messages"].schema
        columns: dict[str, Any] = {
            "owner_id": pa.repeat(self._export.owner_id, count),
            "conversation_id": self._conversation_ids,
            "message_id": self._ids,
            "sent_at": self._sent_at,
            "sender_id": self._sender_ids,
            "sender_name": _each(plain_name, (m.display_name for m in messages)),
            "message_type": [m.messagetype for m in messages],
            "kind": self._kinds,
            "text": [_text(m, c) for m, c in zip(messages, self._contents, strict=True)],
            "content": [m.content for m in messages],
            "edited_at": self._instants("edittime"),
            "deleted_at": self._instants("deletetime"),
            "album_id": self._property(_identifier, "albumId"),
            "is_forwarded": self._forwarded(),
            "version": self._versions,
            "details": [None if c is None or c.details is None else json_text(c.details) for c in self._contents],
            "properties": self._properties_text,
            "source_member": pa.repeat(self._export.member, count),
            "source_offset": self._raw["offset"],
            "source_length": self._raw["length"],
            "raw_sha256": self._raw["sha256"].cast(pa.binary()),
            "export_id": pa.repeat(self._export.export_id, count),
        }
        for row, message in enumerate(messages):
            if message.content is None:
                self._flag(row, CONTENT_MISSING)
        columns["flags"] = [sorted(self._flags[row]) if row in self._flags else [] for row in range(count)]
        return pa.table([_array(columns.get(f.name), f.type, count) for f in schema], schema=schema)

    def children(self) -> dict[str, pa.Table]:
        """The rows of the tables below ``messages``."""
        rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in MESSAGE_TABLES if name != "messages"}
        for row, message in enumerate(self._messages):
            content = message.content
            key = (self._export.owner_id, self._conversation_ids[row], self._ids[row])
            if message.amsreferences or (content and _may_hold_attachments(content)):
                rows["attachments"].extend(self._attachments(key, message))
            if (parsed := self._contents[row]) is not None:
                _add_parsed(rows, key, parsed)
        for row, properties in self._properties.items():
            if isinstance(properties, dict) and properties.get("emotions"):
                key = (self._export.owner_id, self._conversation_ids[row], self._ids[row])
                rows["reactions"].extend(
                    (*key, r.emotion, r.user_id, r.reacted_at) for r in reactions(properties["emotions"])
                )
        return {name: table_from_rows(TABLES[name].schema, found) for name, found in rows.items()}

    def edit_marks(self) -> pa.Table:
        """What tells the copies of an edited message: see ``edits``."""
        edited_at, sent_at = self._property(milliseconds, "edittime"), self._sent_at.cast(pa.int64()).to_pylist()
        rows = [
            (
                self._conversation_ids[row],
                self._ids[row],
                self._sender_ids[row],
                marker.original_sent_at,
                sent_at[row],
                edited_at[row],
            )
            for row, content in enumerate(self._contents)
            if content is not None
            and (marker := content.edit_marker) is not None
            and marker.original_sent_at is not None
        ]
        return table_from_rows(EDIT_MARKS, rows)

    def _parsed(self, row: int, message: Message) -> Content | None:
        """What the message says; None if that is its content as it is."""
        type_ = message_type(message.messagetype, self._conversation_ids[row])
        self._kinds.append(type_.kind)
        if row not in self._properties and type_.text == "markup" and not needs_parsing(message.content or ""):
            return None
        parsed = parse(type_, message.content, self._properties.get(row))
        for flag in parsed.flags:
            self._flag(row, flag)
        return parsed

    def _read_properties(self, row: int, text: bytes) -> None:
        try:
            self._properties[row] = msgspec.json.decode(text)
            self._properties_text[row] = text.decode()
        except msgspec.MsgspecError:  # a number that jsonb would not take, either
            self._properties[row], flags = clean_json(json_value(text))
            self._properties_text[row] = json_text(self._properties[row])
            for flag in flags:
                self._flag(row, flag)

    def _attachments(self, key: tuple[str, str, str], message: Message) -> Iterable[tuple[Any, ...]]:
        found = attachments(message.content or "", message.messagetype, message.amsreferences)
        for ordinal, a in enumerate(found):
            stored = self._export.stored.get(a.document_id or "", _NOTHING)
            yield (
                *key, ordinal, a.document_id, a.kind, a.file_name or stored.file_name, a.file_size, stored.mime_type,
                a.width, a.height, a.duration_seconds, a.uri, stored.member, stored.member is not None,
            )  # fmt: skip

    def _message_id(self, row: int, message: Message) -> str:
        identity = message.id.strip() if message.id else ""
        if identity:
            return bounded(identity)
        self._flag(row, ID_MISSING)
        return f"unknown:{self._raw['sha256'][row].as_py().hex()[:16]}"

    def _times(self) -> pa.Array:
        instants = iso_instants(pa.array([m.originalarrivaltime for m in self._messages], pa.string()))
        if not instants.null_count:
            return instants
        values: list[int | None] = instants.cast(pa.int64()).to_pylist()
        for row, value in enumerate(values):
            if value is None:
                values[row], flag = self._guessed_time(self._messages[row])
                self._flag(row, flag)
        return pa.array(values, pa.int64()).cast(TABLES["messages"].schema.field("sent_at").type)

    def _guessed_time(self, message: Message) -> tuple[int | None, str]:
        for value, flag in ((message.id, SENT_AT_FROM_ID), (message.version, SENT_AT_FROM_VERSION)):
            instant = milliseconds(value)
            if instant is not None:
                return instant, flag
        return None, SENT_AT_MISSING

    def _instants(self, name: str) -> pa.Array:
        return pa.array(self._property(milliseconds, name), pa.int64())

    def _property(self, read: Callable[[Any], Any], name: str) -> list[Any]:
        column: list[Any] = [None] * len(self._messages)
        for row, properties in self._properties.items():
            if isinstance(properties, dict) and properties.get(name) is not None:
                column[row] = read(properties[name])
        return column

    def _forwarded(self) -> list[bool]:
        return [found is not None for found in self._property(lambda value: value, "forwardMetadata")]

    def _flag(self, row: int, flag: str) -> None:
        self._flags.setdefault(row, set()).add(flag)


_NOTHING = StoredObject(None, None, None)


def table_from_rows(schema: pa.Schema, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    """An Arrow table from tuples in the order of the schema; instants as microseconds or datetimes."""
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.table([_array(list(c), f.type, len(rows)) for c, f in zip(columns, schema, strict=True)], schema=schema)


def _array(values: Any, type_: pa.DataType, count: int) -> pa.Array:
    """A column from values or an array; None is a column of nulls; instants may come as microseconds."""
    if values is None:
        return pa.nulls(count, type_)
    storage = type_.storage_type if isinstance(type_, pa.JsonType) else type_
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.cast(storage) if values.type != storage else values
    array = pa.array(values, storage)
    return pa.ExtensionArray.from_storage(type_, array) if storage is not type_ else array


def _each(function: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
    """The function of each value, computed once per distinct value: senders, names and types repeat."""
    known: dict[Any, Any] = {}
    column: list[Any] = []
    for value in values:
        if value not in known:
            known[value] = function(value)
        column.append(known[value])
    return column


def _text(message: Message, parsed: Content | None) -> str:
    return (message.content or "").strip() if parsed is None else parsed.text


def _may_hold_attachments(content: str) -> bool:
    """A cheap look, for most messages hold none: whether an element that makes one can be there at all."""
    return "<" in content and ("uriobject" in (lowered := content.lower()) or "<file" in lowered)


def _identifier(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value or None if isinstance(value, str) else None


def _add_parsed(rows: dict[str, list[tuple[Any, ...]]], key: tuple[str, str, str], parsed: Content) -> None:
    if parsed.call is not None:
        found = parsed.call
        rows["call_events"].append((*key, found.event, found.call_id, found.duration_seconds))
        rows["call_participants"].extend(
            (*key, ordinal, part.user_id, part.display_name, part.duration_seconds)
            for ordinal, part in enumerate(found.parts)
        )
    for table, records in (
        ("mentions", parsed.mentions),
        ("links", parsed.links),
        ("quotes", parsed.quotes),
        ("thread_events", parsed.thread_events),
    ):
        if records:
            rows[table].extend((*key, n, *msgspec.structs.astuple(record)) for n, record in enumerate(records))


def _rejects(raw: pa.RecordBatch, decoded: Decoded, export: Export) -> pa.Table:
    rows = [
        (
            export.export_id, raw["ordinal"][row].as_py(), export.member, raw["offset"][row].as_py(),
            raw["length"][row].as_py(),
            conversation_key(raw["conversation_id"][row].as_py(), raw["conversation_index"][row].as_py()), reason,
        )
        for row, reason in decoded.rejects.items()
    ]  # fmt: skip
    return table_from_rows(REJECTS.schema, rows)
