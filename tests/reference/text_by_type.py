"""The plain text of a message by its type (3.1, 4.6)."""

from collections.abc import Mapping
from typing import Any

from tests.reference.announcements import announcement_text, card_text, popcard_text
from tests.reference.markup import Element, elements
from tests.reference.message_types import RICH_TEXT
from tests.reference.polls import poll_title
from tests.reference.text import plain_text, trimmed
from tests.reference.threads import thread_events
from tests.reference.values import whole_number

Row = dict[str, Any]


def message_text(row: Row, emoticons: Mapping[str, str]) -> str:
    content: str = row["content"] or ""
    if row["message_type"] == "Text":
        return content
    if row["message_type"] in RICH_TEXT:
        return plain_text(content, emoticons)
    return trimmed(_text(row["message_type"], content, emoticons))


def _text(message_type: str | None, content: str, emoticons: Mapping[str, str]) -> str:
    match message_type:
        case "RichText/Media_Card":
            return card_text(content, emoticons)
        case "RichText/Contacts":
            names = [contact.get("f") or contact.get("s") or contact.get("p") for contact in elements(content, "c")]
            return ", ".join(name for name in names if name)
        case "RichText/Location":
            return next((_address(location) for location in elements(content, "location")), "")
        case "RichText/ScheduledCallInvite":
            return next((call.get("subject") or "" for call in elements(content, "URIObject")), "")
        case "RichText/Sms":
            sms = elements(content, "sms")
            return _sms(sms[0]) if sms else plain_text(content, emoticons)
        case "Poll":
            return poll_title(content)
        case "PopCard":
            return popcard_text(content, emoticons)
        case "Notice":
            return announcement_text(content, emoticons)
        case "ThreadActivity/TopicUpdate":
            return thread_events(message_type, content)[0]["value"] or ""
        case _:
            return ""


def _address(location: Element) -> str:
    names = [location.get(name) for name in ("address", "addressFriendlyName", "shortAddress")]
    links = [link.text for link in location.children("a")]
    return next((name for name in [*names, *links] if name), "")


def _sms(sms: Element) -> str:
    encoded = [body.text for body in sms.children("encoded_body")]
    chunks = [(whole_number(chunk.get("id")), chunk.text) for chunk in sms.children("chunk")]
    in_order = sorted(chunks, key=lambda chunk: (chunk[0] is None, chunk[0] or 0))
    bodies = [*encoded[:1], "".join(text for _, text in in_order), sms.get("alt") or ""]
    return next((body for body in bodies if body), "")
