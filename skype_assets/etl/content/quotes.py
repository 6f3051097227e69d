"""Quoted messages: ``quote`` elements, and the replies of the Teams era (sections 4.1 and 4.2)."""

from collections.abc import Mapping
from typing import Final

import msgspec

from skype_assets.etl.content.integers import integer
from skype_assets.etl.content.markup import Tag, item_type, tags_with_text, unescape
from skype_assets.etl.content.names import mri, plain_name
from skype_assets.etl.content.times import milliseconds

# The seconds of a quote are rounded from the milliseconds of the message it names; farther apart they contradict.
_ROUNDED: Final = 2_000_000
_REPLY_HEAD: Final = frozenset({"strong", "blockquote"})
_REPLY_TIME: Final = frozenset({"span", "blockquote"})
_REPLY_HEAD_LENGTH: Final = 1000


class Quote(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Another message, cited; an old client did not say which."""

    author_id: str | None = None
    author_name: str | None = None
    quoted_message_id: str | None = None
    quoted_conversation_id: str | None = None
    quoted_at: int | None = None
    text: str = ""


def is_reply(tag: Tag) -> bool:
    """Whether a ``blockquote`` cites a message, and not just anything."""
    return item_type(tag.attributes()) == "reply"


def quote(attributes: Mapping[str, str], text: str) -> Quote:
    """Return what a ``quote`` element says; ``text`` is the plain text of its body."""
    own = {name: unescape(value).strip() for name, value in attributes.items()}
    message_id = own.get("messageid") or None
    return Quote(
        author_id=mri(own.get("author")),
        author_name=own.get("authorname") or None,
        quoted_message_id=message_id,
        quoted_conversation_id=mri(own.get("conversation")),
        quoted_at=_quoted_at(message_id, own.get("timestamp")),
        text=text,
    )


def reply(tag: Tag, markup: str, text: str) -> Quote:
    """Return what a reply's ``blockquote`` says; ``markup`` is the message's, ``text`` the body's plain text."""
    head = markup[tag.end : tag.end + _REPLY_HEAD_LENGTH]
    message_id = unescape(tag.attributes().get("itemid", "") or _reply_time(head)).strip()
    author_id, author_name = _reply_author(head)
    return Quote(
        author_id=author_id,
        author_name=author_name,
        quoted_message_id=message_id if message_id.isascii() and message_id.isdigit() else None,
        quoted_at=milliseconds(message_id),
        text=text if author_name is None else text.removeprefix(author_name).lstrip(),
    )


def _quoted_at(message_id: str | None, timestamp: str | None) -> int | None:
    by_id = milliseconds(message_id)
    seconds = integer(timestamp)
    by_timestamp = None if seconds is None else milliseconds(seconds * 1000)
    if by_id is not None and (by_timestamp is None or abs(by_id - by_timestamp) <= _ROUNDED):
        return by_id
    return by_timestamp


def _reply_time(body: str) -> str:
    """Return the id of ``<span itemprop="time" itemid="1730829852101">``, which repeats that of the reply."""
    for tag, _ in tags_with_text(body, _REPLY_TIME):
        own = tag.attributes()
        if tag.name != "span" or own.get("itemprop") == "time":
            return own.get("itemid", "")
    return ""


def _reply_author(body: str) -> tuple[str | None, str | None]:
    """Return id and name from ``<strong itemprop="mri" itemid="8:...">name</strong>``, if the body begins with it."""
    for tag, text in tags_with_text(body, _REPLY_HEAD):
        own = tag.attributes()
        if tag.name != "strong" or tag.is_end or own.get("itemprop") != "mri":
            break
        return mri(unescape(own.get("itemid", ""))), plain_name(text)
    return None, None
