"""Translations of messages, and the switching of the translator (section 3.6 of the format reference)."""

from collections.abc import Mapping
from typing import Any

from skype_assets.etl.content.content import Content
from skype_assets.etl.content.embedded_json import decoded, identifier, objects, string


def translation_message(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse ``Translation``; the message it translates can be missing from the export."""
    found = decoded(content)
    if not isinstance(found, dict):
        return Content()
    translations = [
        {"locale": string(translation.get("loc")), "text": string(translation.get("translation"))}
        for translation in objects(found.get("translations"))
    ]
    return Content(
        details={
            "original_message_id": identifier(found.get("oid")),
            "original_locale": string(found.get("oloc")),
            "translations": translations,
        }
    )


def translation_settings_message(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse ``TranslationSettings``: kept as it is."""
    settings = decoded(content)
    return Content(details=None if settings is None else {"settings": settings})
