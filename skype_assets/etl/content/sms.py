"""Text messages to and from phones (section 3.3.14 of the format reference)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from skype_assets.etl.content.content import Content
from skype_assets.etl.content.elements import Element, elements, first, first_texts
from skype_assets.etl.content.integers import integer
from skype_assets.etl.content.plain_text import plain_text
from skype_assets.etl.content.times import iso_text, milliseconds_or_seconds

_NAMES: Final = frozenset(
    {"sms", "type", "status", "failurereason", "target", "chunk", "encoded_body", "sendtimestamp"}
)
_DETAILS: Final = frozenset({"type", "status", "failurereason", "sendtimestamp"})


def sms_message(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse ``RichText/Sms``: an ``sms`` element, or nothing but its text."""
    found = elements(content, _NAMES)
    sms = first(found, "sms")
    if sms is None:
        return Content(text=plain_text(content))
    return Content(text=_body(sms, found), details=_details(found))


def _body(sms: Element, found: Sequence[Element]) -> str:
    encoded = plain_text("".join([element.markup for element in found if element.name == "encoded_body"]))
    if encoded:
        return encoded
    chunks = [(integer(element.get("id")) or 0, element.markup) for element in found if element.name == "chunk"]
    chunks.sort(key=lambda chunk: chunk[0])
    return plain_text("".join(markup for _, markup in chunks)) or sms.get("alt") or ""


def _details(found: Sequence[Element]) -> dict[str, Any]:
    targets = [
        {"phone": element.text, "status": integer(element.get("status"))}
        for element in found
        if element.name == "target"
    ]
    texts = first_texts([element for element in found if element.name in _DETAILS])
    return {
        "status": integer(texts.get("status")),
        "type": integer(texts.get("type")),
        "failure_reason": texts.get("failurereason"),
        "targets": targets,
        "sent_at": iso_text(milliseconds_or_seconds(texts.get("sendtimestamp"))),
    }
