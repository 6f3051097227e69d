"""Rows of ``messages`` and of the tables below it, from raw message objects of any shape: the general reader."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from skype_assets.etl.content.bounds import LONGEST_CONTENT, Allowance, Flag, fits, shortened, storable_json
from skype_assets.etl.content.cleaning import clean_json
from skype_assets.etl.content.content import Content
from skype_assets.etl.content.integers import integer
from skype_assets.etl.content.message_types import MessageType, message_type, parse
from skype_assets.etl.content.names import bounded, conversation_key, plain_name, sender
from skype_assets.etl.content.reactions import reactions
from skype_assets.etl.content.times import iso_instants, milliseconds, milliseconds_or_iso
from skype_assets.etl.content.uri_object import attachments
from skype_assets.etl.rows.arrays import array, each, table_from_columns, table_from_rows
from skype_assets.etl.rows.decode import Decoded, Message, decode, json_text, lenient
from skype_assets.etl.rows.message_tables import EDIT_MARKS, MESSAGE_TABLES, Export, MessageRows
from skype_assets.etl.rows.proper_names import with_proper_names
from skype_assets.etl.schema.flags import (
    CONTENT_MISSING,
    ID_MISSING,
    JSON_TOO_LARGE,
    SENT_AT_FROM_ID,
    SENT_AT_FROM_VERSION,
    SENT_AT_MISSING,
)
from skype_assets.etl.schema.tables import REJECTS, TABLES

_NULL: Final = msgspec.Raw(b"null")


def any_rows(raw: pa.RecordBatch, export: Export) -> MessageRows:
    """Rows of every table fed by a batch of the raw ``messages`` table, with ``rejects``, whatever it holds.

    Every raw object becomes one row of ``messages`` or one of ``rejects``.
    """
    objects: list[bytes] = raw["raw"].to_pylist()
    decoded = decode(objects)
    kept = [row for row, message in enumerate(decoded.messages) if message is not None]
    rows = _Rows(raw if len(kept) == len(objects) else raw.take(pa.array(kept, pa.int64())), kept, decoded, export)
    tables = {**rows.children(), "messages": rows.messages(), "edit_marks": rows.edit_marks()}
    made_from = {name: np.array(kept, np.int64)[hanging_on] for name, hanging_on in rows.hanging_on.items()}
    return MessageRows(with_proper_names({**tables, "rejects": _rejects(raw, decoded, export)}), made_from)


class _Rows:
    """Columns of a batch, computed once; ``flags`` collects what had to be guessed."""

    def __init__(self, raw: pa.RecordBatch, kept: Sequence[int], decoded: Decoded, export: Export) -> None:
        self._raw = raw
        self._lengths: list[int] = raw["length"].to_pylist()
        self._export = export
        self._messages: list[Message] = [m for m in decoded.messages if m is not None]
        self._flags: dict[int, set[str]] = {
            row: decoded.flags[original] for row, original in enumerate(kept) if original in decoded.flags
        }
        places = zip(raw["conversation_id"].to_pylist(), raw["conversation_index"].to_pylist(), strict=True)
        self._conversation_ids: list[str] = each(lambda place: conversation_key(*place), list(places))
        self._ids = [self._message_id(row, message) for row, message in enumerate(self._messages)]
        self._properties: dict[int, Any] = {}
        self._properties_text: list[str | None] = [None] * len(self._messages)
        for row, message in enumerate(self._messages):
            flag = self._flag_of(row)
            message.content = shortened(message.content, flag, LONGEST_CONTENT)
            message.display_name = shortened(message.display_name, flag)
            message.messagetype = shortened(message.messagetype, flag)
            if message.properties != _NULL:
                self._read_properties(row, bytes(message.properties), flag)
        kinds = zip([m.messagetype for m in self._messages], self._conversation_ids, strict=True)
        self._types: list[MessageType] = each(lambda kind: message_type(*kind), list(kinds))
        self._parsed = self._parse()
        self._arrived_at = self._arrivals()
        self.hanging_on: dict[str, np.ndarray] = {"messages": np.arange(len(self._messages))}
        self._sender_ids: list[str | None] = each(sender, [m.from_ for m in self._messages])

    def messages(self) -> pa.Table:
        """The rows of ``messages``."""
        messages, count = self._messages, len(self._messages)
        columns: dict[str, Any] = {
            "owner_id": pa.repeat(self._export.owner_id, count),
            "conversation_id": self._conversation_ids,
            "message_id": self._ids,
            "sent_at": self._sent_at(),
            "sender_id": self._sender_ids,
            "sender_name": each(plain_name, [m.display_name for m in messages]),
            "message_type": [m.messagetype for m in messages],
            "kind": [type_.kind for type_ in self._types],
            "text": [parsed.text for parsed in self._parsed],
            "content": [m.content for m in messages],
            "edited_at": self._instants("edittime"),
            "deleted_at": self._instants("deletetime"),
            "edit_of": None,
            "album_id": self._albums(),
            "is_forwarded": self._forwarded(),
            "version": [integer(m.version) for m in messages],
            "details": self._details(),
            "properties": self._properties_text,
            "source_member": pa.repeat(self._export.member, count),
            "source_offset": self._raw["offset"],
            "source_length": self._raw["length"],
            "raw_sha256": self._raw["sha256"].cast(pa.binary()),
            "export_id": pa.repeat(self._export.export_id, count),
        }
        for row in [row for row, message in enumerate(messages) if message.content is None]:
            self._flag(row, CONTENT_MISSING)
        columns["flags"] = self._sorted_flags()
        return table_from_columns(TABLES["messages"].schema, columns, count)

    def children(self) -> dict[str, pa.Table]:
        """The rows of the tables below ``messages``."""
        rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in MESSAGE_TABLES if name != "messages"}
        for row in range(len(self._messages)):
            allowance: Allowance | None = None
            for table, values in self._hanging_on(row):
                if allowance is None:
                    key_length = len(self._export.owner_id) + len(self._conversation_ids[row]) + len(self._ids[row])
                    allowance = Allowance(self._lengths[row], key_length, self._flag_of(row))
                if (taken := allowance.take(values)) is None:
                    break
                rows[table].append((row, *(self._with_stored(*taken) if table == "attachments" else taken)))
        return {name: self._child_table(name, found) for name, found in rows.items()}

    def edit_marks(self) -> pa.Table:
        """What tells the copies of an edited message: see ``edits``."""
        marks = [
            (row, parsed.edit_marker.original_sent_at)
            for row, parsed in enumerate(self._parsed)
            if parsed.edit_marker is not None and parsed.edit_marker.original_sent_at is not None
        ]
        if not marks:
            return EDIT_MARKS.empty_table()
        edited_at = self._property(milliseconds_or_iso, "edittime")
        self.hanging_on["edit_marks"] = np.array([row for row, _ in marks])
        rows = [
            (
                self._conversation_ids[row],
                self._ids[row],
                self._sender_ids[row],
                original,
                self._arrived_at[row],
                edited_at[row],
            )
            for row, original in marks
        ]
        return table_from_rows(EDIT_MARKS, rows)

    def _hanging_on(self, row: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """The rows of a message below it: their tables, and their values behind its key."""
        message, parsed, properties = self._messages[row], self._parsed[row], self._properties.get(row)
        found = attachments(message.content or "", message.messagetype, message.amsreferences, properties)
        for ordinal, a in enumerate(found):
            sizes = a.file_size, a.width, a.height, a.duration_seconds
            yield "attachments", (ordinal, a.document_id, a.kind, a.file_name, *sizes, a.uri)
        yield from _said(parsed)
        if isinstance(properties, dict) and properties.get("emotions"):
            for reaction in reactions(properties["emotions"]):
                yield "reactions", (reaction.emotion, reaction.user_id, reaction.reacted_at)

    def _parse(self) -> list[Content]:
        """What the messages say."""
        found = [
            parse(type_, message.content, self._properties.get(row))
            for row, (type_, message) in enumerate(zip(self._types, self._messages, strict=True))
        ]
        for row, parsed in enumerate(found):
            for flag in parsed.flags:
                self._flag(row, flag)
        return found

    def _child_table(self, name: str, found: Sequence[tuple[Any, ...]]) -> pa.Table:
        """A table below ``messages`` from tuples that have the message's row in place of its key."""
        schema = TABLES[name].schema
        if not found:
            return schema.empty_table()
        rows, *columns = zip(*found, strict=True)
        self.hanging_on[name] = np.array(rows)
        conversation_ids, ids = [self._conversation_ids[row] for row in rows], [self._ids[row] for row in rows]
        keys = (pa.repeat(self._export.owner_id, len(rows)), conversation_ids, ids)
        arrays = [array(c, f.type, len(rows)) for c, f in zip((*keys, *columns), schema, strict=True)]
        return pa.table(arrays, schema=schema)

    def _sorted_flags(self) -> pa.Array:
        counts = np.zeros(len(self._messages) + 1, np.int32)
        values: list[str] = []
        for row in sorted(self._flags):
            counts[row + 1] = len(self._flags[row])
            values += sorted(self._flags[row])
        offsets = pa.array(np.cumsum(counts, dtype=np.int32))
        return pa.ListArray.from_arrays(offsets, pa.array(values, pa.string()))

    def _read_properties(self, row: int, text: bytes, flag: Flag) -> None:
        if not fits(text):
            flag(JSON_TOO_LARGE)
            return
        try:
            self._properties[row] = msgspec.json.decode(text)
            self._properties_text[row] = storable_json(text.decode(), flag)
        except msgspec.MsgspecError:  # a number that jsonb would not take, either
            self._properties[row], flags = clean_json(lenient(text))
            self._properties_text[row] = storable_json(json_text(self._properties[row]), flag)
            for one in flags:
                flag(one)

    def _with_stored(
        self, ordinal: int, document_id: str | None, kind: str, file_name: str | None, size: int | None,
        width: int | None, height: int | None, seconds: float | None, uri: str | None,
    ) -> tuple[Any, ...]:  # fmt: skip
        """An attachment with what the archive holds of it."""
        stored = self._export.stored.get(document_id or "")
        return (
            ordinal, document_id, kind, file_name or stored.file_name, size, stored.mime_type, width, height, seconds,
            uri, stored.member, stored.member is not None,
            None if stored.member is None else self._export.export_id, stored.sha256, stored.preview_sha256,
        )  # fmt: skip

    def _details(self) -> list[str | None]:
        return [
            None if found.details is None else storable_json(json_text(found.details), self._flag_of(row))
            for row, found in enumerate(self._parsed)
        ]

    def _message_id(self, row: int, message: Message) -> str:
        identity = message.id.strip() if message.id else ""
        if identity:
            return bounded(identity)
        self._flag(row, ID_MISSING)
        return f"unknown:{self._raw['sha256'][row].as_py().hex()[:16]}"

    def _arrivals(self) -> list[int | None]:
        """When the messages arrived, in microseconds; of an edit, when it was made."""
        instants = iso_instants(pa.array([m.originalarrivaltime for m in self._messages], pa.string()))
        values: list[int | None] = instants.cast(pa.int64()).to_pylist()
        for row, value in enumerate(values):
            if value is None:
                values[row], flag = self._guessed_time(self._messages[row])
                self._flag(row, flag)
        return values

    def _sent_at(self) -> pa.Array:
        """When they were sent: an edited message when its original was, which its marker says."""
        values = list(self._arrived_at)
        for row, parsed in enumerate(self._parsed):
            if parsed.edit_marker is not None and (original := parsed.edit_marker.original_sent_at) is not None:
                arrived_at = values[row]
                values[row] = original if arrived_at is None else min(arrived_at, original)
        return pa.array(values, pa.int64())

    def _guessed_time(self, message: Message) -> tuple[int | None, str]:
        for value, flag in ((message.id, SENT_AT_FROM_ID), (message.version, SENT_AT_FROM_VERSION)):
            instant = milliseconds(value)
            if instant is not None:
                return instant, flag
        return None, SENT_AT_MISSING

    def _instants(self, name: str) -> pa.Array:
        return pa.array(self._property(milliseconds_or_iso, name), pa.int64())

    def _property(self, read: Callable[[Any], Any], name: str) -> list[Any]:
        column: list[Any] = [None] * len(self._messages)
        for row, properties in self._properties.items():
            if isinstance(properties, dict) and properties.get(name) is not None:
                column[row] = read(properties[name])
        return column

    def _albums(self) -> list[str | None]:
        by_property: list[str | None] = self._property(_identifier, "albumId")
        found = enumerate(zip(by_property, self._parsed, strict=True))
        return [shortened(album or parsed.album_id, self._flag_of(row)) for row, (album, parsed) in found]

    def _forwarded(self) -> list[bool]:
        return [found is not None for found in self._property(lambda value: value, "forwardMetadata")]

    def _flag(self, row: int, flag: str) -> None:
        self._flags.setdefault(row, set()).add(flag)

    def _flag_of(self, row: int) -> Flag:
        return partial(self._flag, row)


def _identifier(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value or None if isinstance(value, str) else None


def _said(parsed: Content) -> Iterator[tuple[str, tuple[Any, ...]]]:
    if parsed.call is not None:
        call = parsed.call
        yield "call_events", (call.event, call.call_id, call.duration_seconds)
        for ordinal, part in enumerate(call.parts):
            yield "call_participants", (ordinal, part.user_id, part.display_name, part.duration_seconds)
    for table, records in (
        ("mentions", parsed.mentions),
        ("links", parsed.links),
        ("quotes", parsed.quotes),
        ("thread_events", parsed.thread_events),
    ):
        for ordinal, record in enumerate(records):
            yield table, (ordinal, *msgspec.structs.astuple(record))


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
