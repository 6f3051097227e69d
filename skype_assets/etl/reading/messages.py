"""Messages with everything that belongs to them, by their keys.

What copies of an edited message say otherwise, in this export or in others, stands in ``earlier`` of the original.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

import pyarrow as pa

from skype_assets.etl.database import instants
from skype_assets.etl.database.session import Session
from skype_assets.etl.reading import by_key
from skype_assets.etl.reading.by_key import Key
from skype_assets.etl.schema.tables import TABLES

_COLUMNS: Final = (
    "message_id, sent_at, sender_id, sender_name, message_type, kind, text, edited_at, deleted_at, edit_of, album_id, "
    "is_forwarded, details, flags, version"
)

_MESSAGES: Final = by_key.statement("messages", _COLUMNS)

_COPIES: Final = by_key.statement("messages", _COLUMNS, "edit_of", "ORDER BY version NULLS FIRST, message_id")

_SUPERSEDED: Final = by_key.statement(
    "superseded_copies",
    "message_id, version, text",
    rest="AND text <> '' ORDER BY version NULLS FIRST, export_id, source_offset",
)

_CHILDREN: Final = {
    "attachments": "ordinal, document_id, kind, file_name, file_size, mime_type, width, height, duration_seconds, "
    "present, media_export_id, media_sha256",
    "call_events": "event, duration_seconds",
    "call_participants": "user_id, display_name, duration_seconds",
    "reactions": "emotion, user_id",
    "mentions": "user_id, label",
    "links": "url, label, title, description",
    "quotes": "author_id, author_name, quoted_message_id, quoted_conversation_id, quoted_at, text",
    "thread_events": "event, initiator_id, target_id, value, initiator_name, target_name",
}
"""Tables of what belongs to messages, and the columns that are read."""

_BELONGING: Final = {
    table: by_key.statement(table, f"message_id, {columns}", rest=f"ORDER BY {', '.join(TABLES[table].key[2:])}")
    for table, columns in _CHILDREN.items()
}

_PLACES: Final = by_key.statement(
    "messages", f"message_id, sent_at, coalesce(edit_of, message_id) AS original, {instants.month('sent_at')} AS month"
)


class Place(NamedTuple):
    """A place in the order of a conversation: that of a message, or the one before all messages of an instant."""

    sent_at: datetime | None
    message_id: str


class Attachment(NamedTuple):
    """A row of ``attachments``."""

    ordinal: int
    document_id: str | None
    kind: str
    file_name: str | None
    file_size: int | None
    mime_type: str | None
    width: int | None
    height: int | None
    duration_seconds: float | None
    present: bool
    media_export_id: str | None
    media_sha256: bytes | None

    @property
    def is_file(self) -> bool:
        """Whether it is a file, were it exported or not; what there is of a card stands in the message."""
        return self.present or self.kind != "card"


class CallEvent(NamedTuple):
    """A row of ``call_events``."""

    event: str
    duration_seconds: float | None


class CallParticipant(NamedTuple):
    """A row of ``call_participants``."""

    user_id: str | None
    display_name: str | None
    duration_seconds: float | None


class Reaction(NamedTuple):
    """A row of ``reactions``."""

    emotion: str
    user_id: str


class Mention(NamedTuple):
    """A row of ``mentions``."""

    user_id: str | None
    label: str | None


class Link(NamedTuple):
    """A row of ``links``."""

    url: str | None
    label: str | None
    title: str | None
    description: str | None


class Quote(NamedTuple):
    """A row of ``quotes``."""

    author_id: str | None
    author_name: str | None
    quoted_message_id: str | None
    quoted_conversation_id: str | None
    quoted_at: datetime | None
    text: str | None


class ThreadEvent(NamedTuple):
    """A row of ``thread_events``."""

    event: str
    initiator_id: str | None
    target_id: str | None
    value: str | None
    initiator_name: str | None
    target_name: str | None


_KINDS: Final[dict[str, Any]] = {
    "attachments": Attachment,
    "call_events": CallEvent,
    "call_participants": CallParticipant,
    "reactions": Reaction,
    "mentions": Mention,
    "links": Link,
    "quotes": Quote,
    "thread_events": ThreadEvent,
}


NAMING: Final = {
    "messages": ("sender_id",),
    "call_participants": ("user_id",),
    "reactions": ("user_id",),
    "mentions": ("user_id",),
    "quotes": ("author_id",),
    "thread_events": ("initiator_id", "target_id"),
}
"""Columns that name people by id, of messages and of what belongs to them."""


@dataclass
class Message:
    """A message and the rows that belong to it.

    ``earlier`` are texts that edits replaced, the oldest first; ``superseded`` those of them that stand in no row of
    ``messages``, in which a search looks, but in copies that other exports, or better ones of the same, superseded.
    """

    message_id: str
    sent_at: datetime | None
    sender_id: str | None
    sender_name: str | None
    message_type: str | None
    kind: str
    text: str
    edited_at: datetime | None
    deleted_at: datetime | None
    edit_of: str | None
    album_id: str | None
    is_forwarded: bool
    details: dict[str, Any]
    flags: list[str]
    version: int | None
    earlier: list[str] = field(default_factory=list[str])
    superseded: list[str] = field(default_factory=list[str])
    attachments: list[Attachment] = field(default_factory=list[Attachment])
    call_events: list[CallEvent] = field(default_factory=list[CallEvent])
    call_participants: list[CallParticipant] = field(default_factory=list[CallParticipant])
    reactions: list[Reaction] = field(default_factory=list[Reaction])
    mentions: list[Mention] = field(default_factory=list[Mention])
    links: list[Link] = field(default_factory=list[Link])
    quotes: list[Quote] = field(default_factory=list[Quote])
    thread_events: list[ThreadEvent] = field(default_factory=list[ThreadEvent])

    @property
    def place(self) -> Place:
        """Where it stands in its conversation."""
        return Place(self.sent_at, self.message_id)


def places(session: Session, owner_id: str, wanted: Sequence[Key]) -> list[tuple[str, str, Place, str]]:
    """Where messages stand: conversation and id as asked for, place (a copy's is its original's), month in the zone."""
    return [
        (chat, id, Place(sent_at, original), month or "")
        for chat, id, sent_at, original, month in by_key.rows(session, _PLACES, owner_id, wanted)
    ]


def quoted(chat: str, quote: Quote) -> Key | None:
    """What is quoted in a conversation, by conversation and id, be it there or not; None if that is not known."""
    return (quote.quoted_conversation_id or chat, quote.quoted_message_id) if quote.quoted_message_id else None


def named_by(message: Message) -> Iterator[str]:
    """The ids of all whom a message names by id, some of them more than once."""
    for table, columns in NAMING.items():
        for one in [message] if table == "messages" else getattr(message, table):
            yield from filter(None, (getattr(one, column) for column in columns))
    yield from _named_in(message.details)


def _named_in(details: dict[str, Any]) -> Iterator[str]:
    for name in ("votes", "contacts"):
        listed = details.get(name)
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, dict) and isinstance(user_id := one.get("user_id"), str):
                yield user_id


def of_keys(session: Session, owner_id: str, keys: Sequence[Key]) -> list[Message]:
    """Messages of an account by conversation and id, in the order of these; those that are not there are left out."""
    return fetched(session, owner_id, keys).messages()


def fetched(session: Session, owner_id: str, keys: Sequence[Key]) -> "Fetched":
    """The rows of these messages, and all that belong to them."""
    rows = by_key.table(session, _MESSAGES, owner_id, keys)
    there, edited = _keys_of(rows), _keys_of(rows.filter(rows["edited_at"].is_valid()) if keys else rows)
    copies = by_key.table(session, _COPIES, owner_id, edited)
    superseded = by_key.table(session, _SUPERSEDED, owner_id, [*there, *_keys_of(copies)])
    belonging = {table: by_key.table(session, statement, owner_id, there) for table, statement in _BELONGING.items()}
    return Fetched(list(keys), {"messages": rows, **belonging}, copies, superseded)


def _keys_of(rows: pa.Table) -> list[Key]:
    """Conversation and id, which are the first columns."""
    return list(zip(*(column.to_pylist() for column in rows.columns[:2]), strict=True))


@dataclass(frozen=True)
class Fetched:
    """Messages of an account as the database gives them: rows, of which another process can make messages.

    To hand these to it costs a twentieth of what it costs to hand it the messages.

    Attributes:
        keys: those of the messages, in their order.
        tables: rows of ``messages``, and of the tables of what belongs to them.
        copies: rows of ``messages`` that edits left.
        superseded: rows of ``superseded_copies``.
    """

    keys: list[Key]
    tables: dict[str, pa.Table]
    copies: pa.Table
    superseded: pa.Table

    def messages(self) -> list[Message]:
        """Those that are there, in the order of the keys."""
        rows = {(row[0], row[1]): row[1:] for row in instants.rows(self.tables["messages"])}
        messages = {key: _message(rows[key]) for key in self.keys if key in rows}
        for key, wordings in self._worded(messages).items():
            _reword(messages[key], wordings)
        for table in _BELONGING:
            for key, child in self.belonging(table):
                getattr(messages[key], table).append(child)
        return list(messages.values())

    def belonging(self, table: str) -> Iterator[tuple[Key, Any]]:
        """The rows of one of the tables of what belongs to messages, each with the key of its message."""
        kind = _KINDS[table]
        return (((chat, id), kind(*values)) for chat, id, *values in instants.rows(self.tables[table]))

    def named(self) -> dict[str, set[str]]:
        """The ids of all whom the messages name by id, by conversation."""
        named: dict[str, set[str]] = {chat: set() for chat, _ in self.keys}
        for table, columns in NAMING.items():
            for column in columns:
                for chat, user_id in _of_chats(self.tables[table], column):
                    named[chat].add(user_id)
        for chat, details in _of_chats(self.tables["messages"], "details"):
            if '"user_id"' in details:
                named[chat].update(_named_in(_read(details)))
        return named

    def _worded(self, messages: dict[Key, Message]) -> "dict[Key, list[_Wording]]":
        """What copies say, by their originals: rows that edits left, copies that better ones superseded."""
        originals = {key: key for key in messages}
        worded: dict[Key, list[_Wording]] = {}
        for chat, *row in instants.rows(self.copies):
            copy = _message(row)
            original = (chat, copy.edit_of or "")
            originals[chat, copy.message_id] = original
            worded.setdefault(original, []).append(_Wording(copy.version or 0, copy.text, is_row=True))
        for chat, id, version, text in instants.rows(self.superseded):
            worded.setdefault(originals[chat, id], []).append(_Wording(version or 0, text, is_row=False))
        return worded


def _of_chats(rows: pa.Table, column: str) -> Iterator[tuple[str, str]]:
    """The conversation of each row, and what stands in a column of texts, if something does."""
    if rows.num_rows:
        pairs = zip(rows["conversation_id"].to_pylist(), rows[column].to_pylist(), strict=True)
        yield from ((chat, value) for chat, value in pairs if value)


class _Wording(NamedTuple):
    """What a copy says; only a row of ``messages`` can be what the message says now."""

    version: int
    text: str
    is_row: bool


def _reword(message: Message, copies: list[_Wording]) -> None:
    """The latest version is what a message says, unless it is deleted; what else copies say stands in ``earlier``."""
    own = _Wording(message.version or 0, message.text, is_row=True)
    in_time = sorted([*copies, own], key=lambda wording: wording.version)
    later = [copy for copy in copies if copy.is_row and copy.version > own.version and message.deleted_at is None]
    if later:
        message.version, message.text, _ = max(later, key=lambda copy: copy.version)
    message.earlier = list(dict.fromkeys(wording.text for wording in in_time if wording.text != message.text))
    of_rows = {wording.text for wording in in_time if wording.is_row}
    message.superseded = [text for text in message.earlier if text not in of_rows]


def _message(row: Sequence[Any]) -> Message:
    message = Message(*row)
    message.details = _read(message.details)
    return message


def _read(details: Any) -> dict[str, Any]:
    return json.loads(details) if isinstance(details, str) else details or {}
