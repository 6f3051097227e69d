"""Contents that are JSON: cards, notices, pop-ups, translations and call logs (3.3.7, 3.4.2, 3.6)."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from tests.reference.markup import elements
from tests.reference.text import plain_text
from tests.reference.values import is_integer, iso_instant, iso_text, json_object, json_value, text_of

Row = dict[str, Any]

CARD_FIELDS = ("content_type", "title", "subtitle", "text", "images", "buttons")


def card(content: str) -> Row | None:
    """The cards of every ``<Swift>`` in the content."""
    found: list[Row] = []
    for attachment in (one for document in _card_messages(content) for one in _attached(document)):
        body = _object(attachment.get("content"))
        found.append(
            {
                "content_type": text(attachment.get("contentType")),
                "title": text(body.get("title")),
                "subtitle": text(body.get("subtitle")),
                "text": text(body.get("text")),
                "images": _shown(body.get("images"), "url", "alt"),
                "buttons": _shown(body.get("buttons"), "type", "title", "value"),
                **{name: body[name] for name in body if name not in CARD_FIELDS},
                **{name: attachment[name] for name in attachment if name not in ("contentType", "content")},
            }
        )
    return {"cards": found} if found else None


def _shown(value: Any, *names: str) -> list[Row]:
    """Pictures or buttons of a card, with all that they have (10)."""
    found = value if isinstance(value, list) else [value]
    listed = [{names[0]: one} if isinstance(one, str) else one for one in found]
    return [{**one, **{name: text(one.get(name)) for name in names}} for one in listed if isinstance(one, dict)]


def card_text(content: str, emoticons: Mapping[str, str]) -> str:
    """What the messages around the cards say, and the cards; else what the object says of itself (10)."""
    lines: list[str | None] = []
    for document in _card_messages(content):
        if _attached(document) != [document]:
            lines.append(text(document.get("text")))
        for attachment in _attached(document):
            body = _object(attachment.get("content"))
            own = {**body, **{name: attachment[name] for name in attachment if name not in ("contentType", "content")}}
            lines += [text(own.get(name)) for name in ("title", "subtitle", "text")]
    return _lines(lines, emoticons) if any(lines) or card(content) else object_title(content)


def object_title(content: str) -> str:
    named = [elements(content, name) for name in ("Title", "Description")]
    return "\n".join(line for line in (found[0].text.strip() for found in named if found) if line)


def notice(content: str) -> Row | None:
    found = [_item(element, body) for element, body in _announcements(content)]
    return {"items": found} if found else None


def popcard(content: str) -> Row | None:
    found = [
        {
            **_item(element, body),
            "card_type": element.get("cardType") if is_integer(element.get("cardType")) else None,
            "campaign": text(element.get("campaignGuid")),
        }
        for element, body in _announcements(content)
    ]
    return {"items": found} if found else card(content)


def popcard_text(content: str, emoticons: Mapping[str, str]) -> str:
    """Of JSON as of other announcements; else of a card, of HTML, or of an object (10)."""
    if isinstance(json_value(content), list | dict):
        return announcement_text(content, emoticons)
    return card_text(content, emoticons) if card(content) else plain_text(content, emoticons) or object_title(content)


def announcement_text(content: str, emoticons: Mapping[str, str]) -> str:
    if not isinstance(json_value(content), list | dict):
        return plain_text(content, emoticons)
    _, body = next(_announcements(content), ({}, {}))
    return _lines([text(body.get("title")), text(body.get("text"))], emoticons)


def translation(content: str) -> Row | None:
    document = json_object(content)
    if document is None:
        return None
    return {
        "original_message_id": text(document.get("oid")),
        "original_locale": text(document.get("oloc")),
        "translations": [
            {"locale": text(one.get("loc")), "text": text(one.get("translation"))}
            for one in _objects(document.get("translations"))
        ],
    }


def translation_settings(content: str) -> Row | None:
    document = json_object(content)
    return None if document is None else {"settings": document}


def call_log(content: str, properties: Any) -> Row | None:
    """The log in the properties, under either name, else in the content."""
    properties = _object(properties)
    for value in (properties.get("call-log"), properties.get("callLog"), content):
        log = json_object(value) if isinstance(value, str) else value
        if isinstance(log, dict):
            return {"call_log": log}
    return None


def text(value: Any) -> str | None:
    """A string or number of a document as details hold it: without blanks around it, null if empty."""
    return (text_of(value) or "").strip() or None


def _announcements(content: str) -> Iterator[tuple[Row, Row]]:
    """Each announcement with its body, which stands in its attachments (Notice) or in itself (PopCard)."""
    document = json_value(content)
    for element in _objects([document] if isinstance(document, dict) else document):
        attachments = element.get("attachments")
        for holder in _objects(attachments) if isinstance(attachments, list) else [element]:
            yield element, _object(holder.get("content"))


def _item(element: Row, body: Row) -> Row:
    return {
        "title": text(body.get("title")),
        "text": text(body.get("text")),
        "uri": text(body.get("mainActionUri")),
        "buttons": [
            {"title": text(button.get("title")), "uri": text(button.get("actionUri"))}
            for button in _objects(body.get("buttons"))
        ],
        "valid_until": iso_text(iso_instant(element.get("validUntilTimestamp"))),
    }


def _card_messages(content: str) -> Iterator[Row]:
    for swift in elements(content, "Swift"):
        encoded = "".join((swift.get("b64") or "").split()).replace("-", "+").replace("_", "/")
        try:
            decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except binascii.Error:
            continue
        yield json_object(decoded.decode("utf-8", errors="replace")) or {}


def _attached(document: Row) -> list[Row]:
    return _objects(document.get("attachments")) or ([document] if "content" in document else [])


def _lines(markups: list[str | None], emoticons: Mapping[str, str]) -> str:
    lines = [plain_text(markup, emoticons) for markup in markups if markup]
    return "\n".join(line for line in lines if line)


def _object(value: Any) -> Row:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[Row]:
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []
