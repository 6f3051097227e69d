"""Announcements and promotions by Skype, as JSON: ``Notice`` and ``PopCard`` (section 3.6 of the format reference)."""

from collections.abc import Mapping, Sequence
from typing import Any

from skype_assets.etl.content.cards import card_message, object_title
from skype_assets.etl.content.content import Content
from skype_assets.etl.content.embedded_json import identifier, objects, string
from skype_assets.etl.content.integers import integer
from skype_assets.etl.content.plain_text import plain_text
from skype_assets.etl.content.times import iso_microseconds, iso_text


def notice_message(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse ``Notice``: every attachment is an item."""
    return _announcement(
        content,
        [
            _item(notice, attachment)
            for notice in objects(content)
            for attachment in objects(notice.get("attachments")) or [notice]
        ],
    )


def popcard_message(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse ``PopCard``: every card is an item; or a card of its own, or HTML (10)."""
    items = [_popcard(card) for card in objects(content)]
    if items:
        return _announcement(content, items)
    card = card_message(content, properties)
    return card if card.details else Content(text=plain_text(content) or object_title(content))


def _announcement(content: str, items: Sequence[Mapping[str, Any]]) -> Content:
    if not items:
        return Content(text=plain_text(content))
    texts = (plain_text(items[0][name] or "") for name in ("title", "text"))
    return Content(text="\n".join(filter(None, texts)), details={"items": items})


def _popcard(card: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_item(card, card),
        "card_type": integer(card.get("cardType")),
        "campaign": identifier(card.get("campaignGuid")),
    }


def _item(card: Mapping[str, Any], attachment: Mapping[str, Any]) -> dict[str, Any]:
    content = _content(attachment)
    valid_until = string(card.get("validUntilTimestamp"))
    return {
        "title": string(content.get("title")) or string(content.get("modalTitle")),
        "text": string(content.get("text")),
        "uri": string(content.get("mainActionUri")),
        "buttons": [
            {"title": string(button.get("title")), "uri": string(button.get("actionUri"))}
            for button in objects(content.get("buttons"))
        ],
        "valid_until": iso_text(iso_microseconds(valid_until)) if valid_until else None,
    }


def _content(attachment: Mapping[str, Any]) -> dict[str, Any]:
    return next(iter(objects(attachment.get("content"))), {})
