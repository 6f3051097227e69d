"""Photo albums: which one a message belongs to (sections 3.3.6 and 10 of the format reference)."""

from skype_assets.etl.content.elements import elements, first_value

_ELEMENT = "mediaalbum"


def album_id(content: str) -> str | None:
    """Return the album that a content names; most messages of one say it in their properties."""
    if _ELEMENT not in content.lower():
        return None
    return first_value(elements(content, {_ELEMENT}), _ELEMENT, "albumid")
