"""Shared contacts (section 3.3.10 of the format reference)."""

from collections.abc import Mapping
from typing import Any

from skype_assets.etl.content.content import Content
from skype_assets.etl.content.elements import Element, elements
from skype_assets.etl.content.names import mri


def contacts_message(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse ``RichText/Contacts``."""
    shared = elements(content, {"c"})
    names = (element.get("f") or element.get("s") or element.get("p") for element in shared)
    return Content(
        text=", ".join(filter(None, names)),
        details={"contacts": [_contact(element) for element in shared]} if shared else None,
    )


def _contact(element: Element) -> dict[str, Any]:
    user, phone = element.get("s"), element.get("p")
    kind = {"s": "skype", "p": "phone"}.get(element.get("t") or "", "phone" if phone and not user else "skype")
    return {"kind": kind, "user_id": mri(user), "phone": phone, "name": element.get("f")}
