"""Messages of a conversation in the order of time, with everything that belongs to them.

A page begins behind a place in that order and is found by it, not by its number: the index leads there, however far
down it is. Messages without a time come before all others. Of an edited message only the original is listed; what its
copies say otherwise, in this export or in others, stands in ``earlier``.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from skype_assets.etl.database import instants
from skype_assets.etl.database.session import Session
from skype_assets.etl.reading import by_key
from skype_assets.etl.reading.by_key import Key
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.schema.tables import TABLES

_COLUMNS: Final = (
    "message_id, sent_at, sender_id, sender_name, message_type, kind, text, edited_at, deleted_at, edit_of, album_id, "
    "is_forwarded, details, flags, version"
)

_OF: Final = f"SELECT {_COLUMNS} FROM skype.messages WHERE owner_id = $1 AND conversation_id = $2"

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


@dataclass(frozen=True)
class Page:
    """Messages that follow each other, the oldest first, and whether there are others before and behind them."""

    messages: list[Message]
    has_older: bool
    has_newer: bool


def place_of(session: Session, of: Conversation, message_id: str) -> Place | None:
    """Where a message stands; a copy that an edit left stands where its original does."""
    for _ in range(2):
        found = session.rows(f"{_OF} AND message_id = $3", of.owner_id, of.conversation_id, message_id)
        if not found:
            return None
        message = _message(found[0])
        if message.edit_of is None:
            return message.place
        message_id = message.edit_of
    return None


def places(session: Session, owner_id: str, wanted: Sequence[Key]) -> list[tuple[str, str, Place, str]]:
    """Where messages stand: conversation and id as asked for, place (a copy's is its original's), month in the zone."""
    return [
        (chat, id, Place(sent_at, original), month or "")
        for chat, id, sent_at, original, month in by_key.rows(session, _PLACES, owner_id, wanted)
    ]


def quoted(of: Conversation, messages: Iterable[Message]) -> Iterator[Key]:
    """The messages that messages of a conversation quote, by conversation and id; whether they are there or not."""
    for message in messages:
        for quote in message.quotes:
            if quote.quoted_message_id:
                yield quote.quoted_conversation_id or of.conversation_id, quote.quoted_message_id


def newest(session: Session, of: Conversation, limit: int) -> Page:
    """The end of a conversation."""
    return older(session, of, None, limit)


def oldest(session: Session, of: Conversation, limit: int) -> Page:
    """The beginning of a conversation."""
    return newer(session, of, None, limit)


def older(session: Session, of: Conversation, place: Place | None, limit: int) -> Page:
    """What comes before a place; before none is the end of the conversation."""
    rows = _walk(session, of, place, limit + 1, newest_first=True)
    return Page(_whole(session, of, rows[:limit][::-1]), len(rows) > limit, place is not None)


def newer(session: Session, of: Conversation, place: Place | None, limit: int) -> Page:
    """What comes behind a place; behind none is the beginning of the conversation."""
    rows = _walk(session, of, place, limit + 1, newest_first=False)
    return Page(_whole(session, of, rows[:limit]), place is not None, len(rows) > limit)


def since(session: Session, of: Conversation, instant: datetime, limit: int) -> Page:
    """What was written from an instant on; if that is nothing, the end of the conversation."""
    place = Place(instant, "")
    page = newer(session, of, place, limit)
    if not page.messages:
        return newest(session, of, limit)
    return Page(page.messages, bool(_walk(session, of, place, 1, newest_first=True)), page.has_newer)


def around(session: Session, of: Conversation, place: Place, limit: int) -> Page:
    """A message and up to ``limit`` before and behind it."""
    before = _walk(session, of, place, limit + 1, newest_first=True)
    at = session.rows(f"{_OF} AND message_id = $3", of.owner_id, of.conversation_id, place.message_id)
    behind = _walk(session, of, place, limit + 1, newest_first=False)
    rows = [*before[:limit][::-1], *at, *behind[:limit]]
    return Page(_whole(session, of, rows), len(before) > limit, len(behind) > limit)


def of_keys(session: Session, owner_id: str, keys: Sequence[Key]) -> list[Message]:
    """Messages of an account by conversation and id, in the order of these; those that are not there are left out."""
    rows = {(row[0], row[1]): row[1:] for row in by_key.rows(session, _MESSAGES, owner_id, keys)}
    return _completed(session, owner_id, {key: _message(rows[key]) for key in keys if key in rows})


def _walk(
    session: Session, of: Conversation, place: Place | None, limit: int, *, newest_first: bool
) -> list[tuple[Any, ...]]:
    """Rows from a place on. Those without a time are a zone of their own, before the others."""
    order, beyond = ("DESC", "<") if newest_first else ("ASC", ">")
    timed, untimed = "sent_at IS NOT NULL", "sent_at IS NULL"
    zones: list[tuple[str, list[Any]]] = [(timed, []), (untimed, [])] if newest_first else [(untimed, []), (timed, [])]
    if place is not None:
        within = (untimed, []) if place.sent_at is None else (timed, [])
        zones = zones[zones.index(within) :]
        zones[0] = (
            (f"{untimed} AND message_id {beyond} $4", [place.message_id])
            if place.sent_at is None
            else (f"(sent_at, message_id) {beyond} ($4, $5)", [place.sent_at, place.message_id])
        )
    rows: list[tuple[Any, ...]] = []
    for condition, values in zones:
        if len(rows) < limit:
            rows += session.rows(
                f"{_OF} AND edit_of IS NULL AND {condition} ORDER BY sent_at {order}, message_id {order} LIMIT $3",
                of.owner_id,
                of.conversation_id,
                limit - len(rows),
                *values,
            )
    return rows


def _whole(session: Session, of: Conversation, rows: Sequence[tuple[Any, ...]]) -> list[Message]:
    return _completed(session, of.owner_id, {(of.conversation_id, row[0]): _message(row) for row in rows})


def _completed(session: Session, owner_id: str, messages: dict[Key, Message]) -> list[Message]:
    """Messages with what belongs to them."""
    _add_copies(session, owner_id, messages)
    keys = list(messages)
    for table, statement in _BELONGING.items():
        for chat, id, *values in by_key.rows(session, statement, owner_id, keys):
            getattr(messages[chat, id], table).append(_KINDS[table](*values))
    return list(messages.values())


class _Wording(NamedTuple):
    """What a copy says; only a row of ``messages`` can be what the message says now."""

    version: int
    text: str
    is_row: bool


def _add_copies(session: Session, owner_id: str, messages: dict[Key, Message]) -> None:
    """Put what copies say otherwise to their originals: rows that edits left, copies that better ones superseded."""
    edited = [key for key, message in messages.items() if message.edited_at is not None]
    originals = {key: key for key in messages}
    worded: dict[Key, list[_Wording]] = {}
    for chat, *row in by_key.rows(session, _COPIES, owner_id, edited):
        copy = _message(row)
        original = (chat, copy.edit_of or "")
        originals[chat, copy.message_id] = original
        worded.setdefault(original, []).append(_Wording(copy.version or 0, copy.text, is_row=True))
    for chat, id, version, text in by_key.rows(session, _SUPERSEDED, owner_id, list(originals)):
        worded.setdefault(originals[chat, id], []).append(_Wording(version or 0, text, is_row=False))
    for key, wordings in worded.items():
        _reword(messages[key], wordings)


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
    details: Any = message.details
    message.details = json.loads(details) if isinstance(details, str) else details or {}
    return message
