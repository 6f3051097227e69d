"""Messages of a conversation in the order of time, a page at once.

A page begins behind a place in that order and is found by it, not by its number: the index leads there, however far
down it is. Messages without a time come before all others. Of an edited message only the original is listed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from skype_assets.etl.database.session import Session
from skype_assets.etl.reading import messages
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.reading.messages import Message, Place

_OF: Final = "SELECT message_id, sent_at, edit_of FROM skype.messages WHERE owner_id = $1 AND conversation_id = $2"


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
        [(id, sent_at, edit_of)] = found
        if edit_of is None:
            return Place(sent_at, id)
        message_id = edit_of
    return None


def newest(session: Session, of: Conversation, limit: int) -> Page:
    """The end of a conversation."""
    return older(session, of, None, limit)


def oldest(session: Session, of: Conversation, limit: int) -> Page:
    """The beginning of a conversation."""
    return newer(session, of, None, limit)


def older(session: Session, of: Conversation, place: Place | None, limit: int) -> Page:
    """What comes before a place; before none is the end of the conversation."""
    ids = _walk(session, of, place, limit + 1, newest_first=True)
    return Page(_read(session, of, ids[:limit][::-1]), len(ids) > limit, place is not None)


def newer(session: Session, of: Conversation, place: Place | None, limit: int) -> Page:
    """What comes behind a place; behind none is the beginning of the conversation."""
    ids = _walk(session, of, place, limit + 1, newest_first=False)
    return Page(_read(session, of, ids[:limit]), place is not None, len(ids) > limit)


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
    behind = _walk(session, of, place, limit + 1, newest_first=False)
    ids = [*before[:limit][::-1], place.message_id, *behind[:limit]]
    return Page(_read(session, of, ids), len(before) > limit, len(behind) > limit)


def _read(session: Session, of: Conversation, ids: Sequence[str]) -> list[Message]:
    return messages.of_keys(session, of.owner_id, [(of.conversation_id, id) for id in ids])


def _walk(session: Session, of: Conversation, place: Place | None, limit: int, *, newest_first: bool) -> list[str]:
    """Ids of messages from a place on. Those without a time are a zone of their own, before the others."""
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
    ids: list[str] = []
    for condition, values in zones:
        if len(ids) < limit:
            found = session.rows(
                f"{_OF} AND edit_of IS NULL AND {condition} ORDER BY sent_at {order}, message_id {order} LIMIT $3",
                of.owner_id,
                of.conversation_id,
                limit - len(ids),
                *values,
            )
            ids += [id for id, *_ in found]
    return ids
