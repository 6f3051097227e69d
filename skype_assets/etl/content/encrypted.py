"""Messages of private conversations: an export cannot decrypt them (section 3.7 of the format reference)."""

from collections.abc import Mapping
from typing import Any

from skype_assets.etl.content.content import Content


def encrypted(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse ``EndToEndEncryption/*``."""
    return Content(details={"encrypted": True})
