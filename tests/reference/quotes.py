"""Quotes in a message (4.2), and the messages that old ones without an id quote."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tests.reference.markup import Element, own_elements
from tests.reference.text import plain_text
from tests.reference.values import digits, millisecond_instant, mri, whole_number

Row = dict[str, Any]

ROUNDED = 2000  # milliseconds by which a quote's seconds may differ from its message id
NEAR = timedelta(seconds=1)


def quotes(markup: str, emoticons: Mapping[str, str]) -> list[Row]:
    """Every quote, one within another after it."""
    found: list[Row] = []
    for element in own_elements(markup, lambda tag: tag.is_quote):
        is_reply = element.name == "blockquote"
        row = _reply(element) if is_reply else _quote(element)
        said = _without_author(element.inner) if is_reply else element.inner
        found.append({**row, "text": plain_text(said, emoticons)})
        found += quotes(element.inner, emoticons)
    return found


def match_old_quotes(quoting: Sequence[Row], messages: Sequence[Row]) -> None:
    """Fills in the quoted message of each quote row that names none; all rows are of one export."""
    for quote in quoting:
        if quote["quoted_message_id"] is not None or quote["quoted_at"] is None or quote["author_id"] is None:
            continue
        conversation_id = quote["quoted_conversation_id"] or quote["conversation_id"]
        if conversation_id.startswith("#"):  # an old name for a chat, which may be this one
            conversation_id = quote["conversation_id"]
        itself = (quote["conversation_id"], quote["message_id"])
        candidates = [
            (abs(message["sent_at"] - quote["quoted_at"]), message["message_id"])
            for message in messages
            if message["conversation_id"] == conversation_id
            and message["sender_id"] == quote["author_id"]
            and message["sent_at"] is not None
            and abs(message["sent_at"] - quote["quoted_at"]) <= NEAR
            and (message["conversation_id"], message["message_id"]) != itself
        ]
        if candidates:
            quote["quoted_message_id"] = min(candidates)[1]


def _quote(element: Element) -> Row:
    message_id = (element.get("messageid") or "").strip() or None
    return {
        "author_id": mri(element.get("author")),
        "author_name": (element.get("authorname") or "").strip() or None,
        "quoted_message_id": message_id,
        "quoted_conversation_id": mri(element.get("conversation")),
        "quoted_at": _quoted_at(message_id, element.get("timestamp")),
    }


def _reply(element: Element) -> Row:
    """The form of the Teams era, which names the author in its body."""
    strong = own_elements(element.inner, lambda tag: tag.name == "strong" and tag.attributes.get("itemprop") == "mri")
    times = own_elements(element.inner, lambda tag: tag.attributes.get("itemprop") == "time")
    repeated = times[0].get("itemid") if times else None
    message_id = (element.get("itemid") or repeated or "").strip()
    known = message_id if digits(message_id, 10**1000) is not None else None
    return {
        "author_id": mri(strong[0].get("itemid")) if strong else None,
        "author_name": plain_text(strong[0].inner, {}) or None if strong else None,
        "quoted_message_id": known,
        "quoted_conversation_id": None,
        "quoted_at": millisecond_instant(known),
    }


def _without_author(markup: str) -> str:
    """The body of a reply without the name that it begins with."""
    author = re.search(r"<strong[^<>]*itemprop=.mri.[^<>]*>.*?</strong>", markup, re.DOTALL)
    return markup if author is None else markup[: author.start()] + markup[author.end() :]


def _quoted_at(message_id: str | None, timestamp: str | None) -> datetime | None:
    """The id counts milliseconds, the timestamp whole seconds: the id is better where both say the same."""
    seconds = whole_number(timestamp)
    stamped = None if seconds is None else millisecond_instant(seconds * 1000)
    by_id = millisecond_instant(message_id)
    if by_id is None or stamped is None:
        return by_id or stamped
    return by_id if abs(by_id - stamped) <= timedelta(milliseconds=ROUNDED) else stamped
