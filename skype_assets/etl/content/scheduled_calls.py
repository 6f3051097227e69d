"""Invitations to a call (section 3.3.12 of the format reference).

No source shows where start and duration stand, so every attribute is kept under its own name.
"""

from collections.abc import Mapping
from typing import Any

from skype_assets.etl.content.content import Content
from skype_assets.etl.content.elements import elements, first
from skype_assets.etl.content.markup import attributes_as_written, unescape


def scheduled_call_message(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse ``RichText/ScheduledCallInvite``."""
    found = elements(content, {"uriobject", "a"})
    invitation = first(found, "uriobject")
    if invitation is None:
        return Content()
    subject = invitation.get("subject")
    attributes = attributes_as_written(invitation.source)
    details = {
        "subject": subject,
        "attributes": {name: unescape(text) for name, text in attributes.items() if name.lower() != "subject"},
        "links": [url for element in found if element.name == "a" and (url := element.get("href"))],
    }
    return Content(text=subject or "", details=details)
