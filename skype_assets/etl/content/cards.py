"""Cards: GIFs and what bots send, JSON in the base64 of a ``Swift`` element (sections 3.3.7 and 10)."""

import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final

from skype_assets.etl.content.content import Content
from skype_assets.etl.content.elements import elements, first_text
from skype_assets.etl.content.embedded_json import decoded, objects, string
from skype_assets.etl.content.plain_text import plain_text

_TEXTS: Final = ("title", "subtitle", "text")
_KNOWN: Final = frozenset({*_TEXTS, "images", "buttons", "content_type"})


def card_message(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse ``RichText/Media_Card``."""
    found: list[dict[str, Any]] = []
    texts: list[str | None] = []
    for element in elements(content, {"swift"}):
        for message in objects(_decoded(element.get("b64") or "")):
            attachments = objects(message.get("attachments"))
            if not attachments and "content" in message:
                attachments, message = [message], {}
            cards = [_card(attachment) for attachment in attachments]
            texts += [string(message.get("text")), *(card[name] for card in cards for name in _TEXTS)]
            found += cards
    if not any(texts) and not found:
        return Content(text=object_title(content))
    lines = (plain_text(text or "") for text in texts)
    return Content(text="\n".join(filter(None, lines)), details={"cards": found} if found else None)


def object_title(content: str) -> str:
    """Return what an object says of itself that has no card, or one that cannot be read."""
    found = elements(content, {"title", "description"})
    texts = (first_text(found, name) for name in ("title", "description"))
    return "\n".join(filter(None, texts))


def _decoded(b64: str) -> object:
    b64 = b64.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        text = binascii.a2b_base64(b64 + "=" * (-len(b64) % 4)).decode("utf-8-sig", "replace")
    except ValueError:
        return None
    return decoded(text)


def _card(attachment: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that a card shows: fields that most kinds have under one name each, and every other one as it is."""
    content = next(iter(objects(attachment.get("content"))), {})
    return {
        "content_type": string(attachment.get("contentType")),
        **{name: string(content.get(name)) for name in _TEXTS},
        "images": _listed(content.get("images"), ("url", "alt")),
        "buttons": _listed(content.get("buttons"), ("type", "title", "value")),
        **{name: value for name, value in content.items() if name not in _KNOWN},
        **{name: value for name, value in attachment.items() if name not in ("contentType", "content")},
    }


def _listed(value: object, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return objects of a list with some texts, and whatever else they have; what is a text alone is the first one."""
    listed = value if isinstance(value, list) else [value]
    found = [{names[0]: element} if isinstance(element, str) else element for element in listed]
    return [
        {**{name: string(element.get(name)) for name in names}, **{k: v for k, v in element.items() if k not in names}}
        for element in found
        if isinstance(element, dict)
    ]
