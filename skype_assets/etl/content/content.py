"""Everything one message says, whatever its type: the record that every parser returns.

All strings are clean (see ``cleaning``) if the content and the properties are; instants are microseconds since 1970.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from skype_assets.etl.content.call import Call
from skype_assets.etl.content.edit_markers import EditMarker
from skype_assets.etl.content.links import Link
from skype_assets.etl.content.mentions import Mention
from skype_assets.etl.content.quotes import Quote


class ThreadEvent(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One change to a conversation, whom it concerns (3.5), and what they are called (10)."""

    event: str
    initiator_id: str | None = None
    target_id: str | None = None
    value: str | None = None
    occurred_at: int | None = None
    initiator_name: str | None = None
    target_name: str | None = None


class Content(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What a message says.

    Args:
        text: ``messages.text``.
        details: ``messages.details``: a JSON object, None where there is nothing to say.
        mentions: rows of ``mentions``, in order.
        links: rows of ``links``, in order.
        quotes: rows of ``quotes``, in order.
        thread_events: rows of ``thread_events``, in order.
        call: the row of ``call_events``, with its participants.
        edit_marker: ties the copies of an edited message together (5.3).
        album_id: ``messages.album_id``, where the properties do not say.
        flags: for ``messages.flags``.
    """

    text: str = ""
    details: dict[str, Any] | None = None
    mentions: tuple[Mention, ...] = ()
    links: tuple[Link, ...] = ()
    quotes: tuple[Quote, ...] = ()
    thread_events: tuple[ThreadEvent, ...] = ()
    call: Call | None = None
    edit_marker: EditMarker | None = None
    album_id: str | None = None
    flags: tuple[str, ...] = ()


Parser = Callable[[str, Mapping[str, Any]], Content]
"""From a content (``""`` for none) and the properties (empty for none) to what they say; never raises."""

NOTHING = Content()


def nothing(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse a type that says nothing to a reader, or nothing beyond its attachments."""
    return NOTHING


def literal(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse content that is neither markup nor JSON."""
    return Content(text=content)


def with_flags(content: Content, *flags: str) -> Content:
    """Return the same content with further flags."""
    return msgspec.structs.replace(content, flags=(*content.flags, *flags)) if flags else content
