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
from skype_assets.etl.reading.conversations import Conversation

_COLUMNS: Final = (
    "message_id, sent_at, sender_id, sender_name, message_type, kind, text, edited_at, deleted_at, edit_of, album_id, "
    "is_forwarded, details, flags, version"
)

_OF: Final = f"SELECT {_COLUMNS} FROM skype.messages WHERE owner_id = $1 AND conversation_id = $2"

_CHILDREN: Final = {
    "attachments": "ordinal, document_id, kind, file_name, file_size, mime_type, width, height, duration_seconds, "
    "present, media_export_id",
    "call_events": "event, duration_seconds",
    "call_participants": "user_id, display_name, duration_seconds",
    "reactions": "emotion, user_id",
    "mentions": "user_id, label",
    "links": "url, label, title, description",
    "quotes": "author_id, author_name, quoted_message_id, quoted_conversation_id, quoted_at, text",
    "thread_events": "event, initiator_id, target_id, value, initiator_name, target_name",
}
"""Tables of what belongs to messages, and the columns that are read."""

_NAMES: Final = """
SELECT user_id, display_name FROM skype.participants
WHERE owner_id = $1 AND conversation_id = $2 AND user_id = ANY ($3) AND display_name IS NOT NULL"""

_NAMES_ELSEWHERE: Final = """
SELECT DISTINCT ON (user_id) user_id, display_name FROM skype.participants
WHERE owner_id = $1 AND user_id = ANY ($2) AND display_name IS NOT NULL
  AND ($3::text[] IS NULL OR conversation_id = ANY ($3))
ORDER BY user_id, last_seen DESC NULLS LAST"""


_PLACES: Final = f"""
SELECT m.conversation_id, m.message_id, m.sent_at, coalesce(m.edit_of, m.message_id), {instants.month("m.sent_at")}
FROM skype.messages m JOIN unnest($2::text[], $3::text[]) AS w(conversation_id, message_id)
USING (conversation_id, message_id) WHERE m.owner_id = $1"""


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


def places(session: Session, owner_id: str, wanted: Sequence[tuple[str, str]]) -> list[tuple[str, str, Place, str]]:
    """Where messages stand: conversation and id as asked for, place (a copy's is its original's), month in the zone."""
    if not wanted:
        return []
    chats, ids = [chat for chat, _ in wanted], [id for _, id in wanted]
    return [
        (chat, id, Place(sent_at, original), month or "")
        for chat, id, sent_at, original, month in session.rows(_PLACES, owner_id, chats, ids)
    ]


def quoted(of: Conversation, messages: Iterable[Message]) -> Iterator[tuple[str, str]]:
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


def of_ids(session: Session, of: Conversation, ids: Sequence[str]) -> list[Message]:
    """Messages of these ids, in their order."""
    rows = {
        row[0]: row
        for row in session.rows(f"{_OF} AND message_id = ANY ($3)", of.owner_id, of.conversation_id, list(ids))
    }
    return _whole(session, of, [rows[id] for id in ids if id in rows])


def names(
    session: Session, of: Conversation, messages: Sequence[Message], within: Sequence[str] | None = None
) -> dict[str, str]:
    """What the people are called whom these messages name by id: here, else elsewhere in the account.

    Args:
        session: with the database.
        of: the conversation of the messages.
        messages: what names people.
        within: the conversations of the account that elsewhere is; None = all.
    """
    wanted = {id for message in messages for id in people(message) if id}
    found = dict(session.rows(_NAMES, of.owner_id, of.conversation_id, sorted(wanted))) if wanted else {}
    if missing := sorted(wanted - found.keys()):
        found |= dict(
            session.rows(_NAMES_ELSEWHERE, of.owner_id, missing, list(within) if within is not None else None)
        )
    return found


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
    messages = {row[0]: _message(row) for row in rows}
    if not messages:
        return []
    _add_copies(session, of, messages)
    ids = list(messages)
    for table, columns in _CHILDREN.items():
        statement = (
            f"SELECT message_id, {columns} FROM skype.{table} WHERE owner_id = $1 AND conversation_id = $2 "
            f"AND message_id = ANY ($3) ORDER BY message_id{', ordinal' if table not in _UNORDERED else ''}"
        )
        for message_id, *values in session.rows(statement, of.owner_id, of.conversation_id, ids):
            getattr(messages[message_id], table).append(_KINDS[table](*values))
    return list(messages.values())


_UNORDERED: Final = ("call_events", "reactions")


_COPIES: Final = f"{_OF} AND edit_of = ANY ($3) ORDER BY version NULLS FIRST, message_id"

_SUPERSEDED: Final = """
SELECT message_id, version, text FROM skype.superseded_copies
WHERE owner_id = $1 AND conversation_id = $2 AND message_id = ANY ($3) AND text <> ''
ORDER BY version NULLS FIRST, export_id, source_offset"""


class _Wording(NamedTuple):
    """What a copy says; only a row of ``messages`` can be what the message says now."""

    version: int
    text: str
    is_row: bool


def _add_copies(session: Session, of: Conversation, messages: dict[str, Message]) -> None:
    """Put what copies say otherwise to their originals: rows that edits left, copies that better ones superseded."""
    edited = [message.message_id for message in messages.values() if message.edited_at is not None]
    rows = session.rows(_COPIES, of.owner_id, of.conversation_id, edited) if edited else []
    copies = [copy for copy in map(_message, rows) if copy.edit_of in messages]
    original = messages | {copy.message_id: messages[copy.edit_of or ""] for copy in copies}
    worded: dict[str, list[_Wording]] = {}
    for copy in copies:
        wording = _Wording(copy.version or 0, copy.text, is_row=True)
        worded.setdefault(original[copy.message_id].message_id, []).append(wording)
    for id, version, text in session.rows(_SUPERSEDED, of.owner_id, of.conversation_id, list(original)):
        worded.setdefault(original[id].message_id, []).append(_Wording(version or 0, text, is_row=False))
    for id, wordings in worded.items():
        _reword(messages[id], wordings)


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


def people(message: Message) -> Iterable[str | None]:
    """The ids of all whom a message names by id, some of them more than once."""
    yield message.sender_id
    yield from (person.user_id for person in message.call_participants)
    yield from (reaction.user_id for reaction in message.reactions)
    yield from (mention.user_id for mention in message.mentions)
    yield from (quote.author_id for quote in message.quotes)
    for event in message.thread_events:
        yield from (event.initiator_id, event.target_id)
    for name in ("votes", "contacts"):
        listed = message.details.get(name)
        yield from (one.get("user_id") for one in listed if isinstance(one, dict)) if isinstance(listed, list) else ()
