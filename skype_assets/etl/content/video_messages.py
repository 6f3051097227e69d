"""Old video messages, whose bytes were never in an archive (section 3.7 of the format reference)."""

from collections.abc import Mapping
from typing import Any

from skype_assets.etl.content.content import Content
from skype_assets.etl.content.elements import elements, first_value


def video_message(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse ``Event/SkypeVideoMessage``."""
    found = elements(content, {"videomessage"})
    if not found:
        return Content()
    public_link = first_value(found, "videomessage", "publiclink")
    return Content(details={"sid": first_value(found, "videomessage", "sid"), "public_link": public_link})
