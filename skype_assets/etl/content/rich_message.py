"""Messages that people type, as their clients send them: markup, link previews, and objects put into it.

Sections 3.3.15, 4 and 2.7 of the format reference.
"""

from collections.abc import Mapping
from typing import Any

from skype_assets.etl.content.content import Content
from skype_assets.etl.content.edit_markers import without_edit_words
from skype_assets.etl.content.elements import elements, first_value
from skype_assets.etl.content.links import previewed
from skype_assets.etl.content.mentions import addressed
from skype_assets.etl.content.money import amount
from skype_assets.etl.content.polls import poll
from skype_assets.etl.content.rich_text import RichText, rich_text


def rich_message(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse the ``RichText`` family."""
    rich = rich_text(content, addressed(properties.get("mentions")))
    links, flags = previewed(rich.links, properties.get("urlpreviews"))
    return Content(
        text=rich.text if rich.edit_marker is None else without_edit_words(rich.text),
        details=_details(rich, properties),
        mentions=rich.mentions,
        links=links,
        quotes=rich.quotes,
        edit_marker=rich.edit_marker,
        flags=flags,
    )


def _details(rich: RichText, properties: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the first poll or gift of an old client, and what a client says on its own."""
    found = (_poll_or_gift(source, properties) for source in rich.objects)
    details = next(filter(None, found), None) or {}
    if rich.system_message is not None:
        details["system_message"] = {"type": rich.system_message.type, "users": list(rich.system_message.users)}
    return details or None


def _poll_or_gift(source: str, properties: Mapping[str, Any]) -> dict[str, Any] | None:
    type_ = (first_value(elements(source, {"uriobject"}), "uriobject", "type") or "").lower()
    if type_.startswith("poll"):
        return poll(source, properties)
    return amount(source) if type_.startswith("credit") else None
