"""Cards: GIFs and what bots send, JSON in the base64 of a ``Swift`` element (section 3.3.7 of the format reference)."""

import binascii
from collections.abc import Mapping
from typing import Any, Final

from skype_assets.etl.content.content import Content
from skype_assets.etl.content.elements import elements
from skype_assets.etl.content.embedded_json import LONGEST, decoded, objects, string
from skype_assets.etl.content.plain_text import plain_text

_TEXTS: Final = ("title", "subtitle", "text")


def card_message(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse ``RichText/Media_Card``."""
    cards = [
        _card(attachment)
        for element in elements(content, {"swift"})
        for message in objects(_decoded(element.get("b64") or ""))
        for attachment in objects(message.get("attachments"))
    ]
    texts = (plain_text(card[name] or "") for card in cards for name in _TEXTS)
    return Content(text="\n".join(filter(None, texts)), details={"cards": cards} if cards else None)


def _decoded(b64: str) -> object:
    if len(b64) > LONGEST:
        return None
    b64 = b64.rstrip("=")
    try:
        text = binascii.a2b_base64(b64 + "=" * (-len(b64) % 4)).decode("utf-8-sig", "replace")
    except ValueError:
        return None
    return decoded(text)


def _card(attachment: Mapping[str, Any]) -> dict[str, Any]:
    content = next(iter(objects(attachment.get("content"))), {})
    return {
        "content_type": string(attachment.get("contentType")),
        **{name: string(content.get(name)) for name in _TEXTS},
        "images": [
            {"url": string(image.get("url")), "alt": string(image.get("alt"))}
            for image in objects(content.get("images"))
        ],
        "buttons": [
            {name: string(button.get(name)) for name in ("type", "title", "value")}
            for button in objects(content.get("buttons"))
        ],
    }
