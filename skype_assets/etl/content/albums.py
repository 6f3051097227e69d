"""Headers of photo albums (sections 3.3.6 and 10 of the format reference)."""

from collections.abc import Mapping
from typing import Any

from skype_assets.etl.content.content import Content
from skype_assets.etl.content.elements import elements, first_value


def album_message(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse ``RichText/Media_Album``."""
    return Content(album_id=first_value(elements(content, {"mediaalbum"}), "mediaalbum", "albumid"))
