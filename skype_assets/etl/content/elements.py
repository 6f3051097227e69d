"""Elements of structured content, one after the other: their attributes and the text that follows (section 3.2).

Depth does not matter in these contents, for an element is known by its name alone; so what is not nested as it should
be is read like what is.
"""

from collections.abc import Container, Sequence

import msgspec

from skype_assets.etl.content.markup import Tag, tags_with_text, unescape
from skype_assets.etl.content.names import plain_name


class Element(msgspec.Struct):
    """A start tag, and the markup from there to the next tag."""

    tag: Tag
    markup: str
    _attributes: dict[str, str] | None = None

    @property
    def name(self) -> str:
        """Its name in lower case."""
        return self.tag.name

    @property
    def text(self) -> str | None:
        """Its text without tags and entities, trimmed; None if nothing is left."""
        return plain_name(self.markup)

    def get(self, attribute: str) -> str | None:
        """Return an attribute, unescaped and trimmed; None if it is missing or empty."""
        if self._attributes is None:
            self._attributes = self.tag.attributes()
        value = self._attributes.get(attribute)
        return unescape(value).strip() or None if value else None


def elements(content: str, names: Container[str]) -> list[Element]:
    """Return every element whose lower-case name is in ``names``; its markup ends where the next of them begins."""
    return [
        Element(tag, "" if tag.is_empty else text) for tag, text in tags_with_text(content, names) if not tag.is_end
    ]


def first(found: Sequence[Element], name: str) -> Element | None:
    """Return the first element of a name."""
    return next((element for element in found if element.name == name), None)


def first_value(found: Sequence[Element], name: str, attribute: str = "value") -> str | None:
    """Return the first value that is not empty of an attribute of the elements of a name."""
    values = (element.get(attribute) for element in found if element.name == name)
    return next(filter(None, values), None)


def first_text(found: Sequence[Element], name: str) -> str | None:
    """Return the first text that is not empty of the elements of a name."""
    return next(filter(None, (element.text for element in found if element.name == name)), None)
