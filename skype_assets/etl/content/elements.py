"""Elements of structured content, one after the other: their attributes and the text that follows (section 3.2).

Depth does not matter in these contents, for an element is known by its name alone; so what is not nested as it should
be is read like what is.
"""

from collections.abc import Container, Sequence

import msgspec

from skype_assets.etl.content.markup import attributes, tags_with_text, unescape
from skype_assets.etl.content.names import plain_name


class Element(msgspec.Struct, gc=False):
    """A start tag, and the markup from there to the next tag; ``source`` is that of its attributes."""

    name: str
    markup: str
    source: str
    _attributes: dict[str, str] | None = None

    @property
    def text(self) -> str | None:
        """Its text without tags and entities, trimmed; None if nothing is left."""
        return plain_name(self.markup)

    def attributes(self) -> dict[str, str]:
        """Its attributes, as ``Tag.attributes``."""
        if self._attributes is None:
            self._attributes = attributes(self.source)
        return self._attributes

    def get(self, attribute: str) -> str | None:
        """Return an attribute, unescaped and trimmed; None if it is missing or empty."""
        value = self.attributes().get(attribute)
        return unescape(value).strip() or None if value else None


def elements(content: str, names: Container[str]) -> list[Element]:
    """Return every element whose lower-case name is in ``names``; its markup ends where the next of them begins."""
    return [
        Element(tag.name, "" if tag.is_empty else text, tag.source)
        for tag, text in tags_with_text(content, names)
        if not tag.is_end
    ]


def first(found: Sequence[Element], name: str) -> Element | None:
    """Return the first element of a name."""
    for element in found:
        if element.name == name:
            return element
    return None


def first_value(found: Sequence[Element], name: str, attribute: str = "value") -> str | None:
    """Return the first value that is not empty of an attribute of the elements of a name."""
    values = (element.get(attribute) for element in found if element.name == name)
    return next(filter(None, values), None)


def first_texts(found: Sequence[Element]) -> dict[str, str]:
    """Return the ``first_text`` of every name."""
    texts: dict[str, str] = {}
    for element in found:
        if element.name not in texts and (text := element.text):
            texts[element.name] = text
    return texts


def first_text(found: Sequence[Element], name: str) -> str | None:
    """Return the first text that is not empty of the elements of a name."""
    return next(filter(None, (element.text for element in found if element.name == name)), None)
