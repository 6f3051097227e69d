"""Skype's markup as a flat sequence of tags (sections 3.2 and 4.1 of the format reference).

Content is HTML-like and not always well-formed: raw ``&`` in addresses, unclosed elements, attributes in any order and
case, people who type ``a<b && c>d``. So there is no tree and no XML parser here: one regular expression finds what is
surely a tag, everything else is text, and whoever reads the tags decides which belong together.

The expression never looks twice for a way through: every repeat of a character is possessive, and behind an attribute
that is given up nothing else can match, so that giving up all of them passes over each character once more (repeats of
a group cannot be possessive: before 3.11.5, CPython may match too much then, gh-106052). A failed attempt ends at the
next ``<`` outside a quoted value; that bounds the attempts that can pass over one character to three (outside, in
``"``, in ``'``), so any string is scanned in linear time.
"""

import html
import re
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping
from typing import Final

import msgspec

_ATTRIBUTE_NAME: Final = r"[A-Za-z_:][-A-Za-z0-9_:.]*+"
_NAME: Final = r"[A-Za-z][-A-Za-z0-9_:.]*+"
_TAG: Final = re.compile(
    rf"""<(/?)({_NAME})"""
    rf"""((?:\s*+{_ATTRIBUTE_NAME}(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'<>]++))?)*)\s*+(/?)>"""
)
_ATTRIBUTE: Final = re.compile(rf"""({_ATTRIBUTE_NAME})(?:\s*+=\s*+(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+)))?""")
# int() refuses so many digits; no such number is a character.
_ENDLESS_REFERENCE: Final = re.compile(r"&#[0-9]{4000,}+;?")


class _AnyName(Container[str]):
    def __contains__(self, name: object) -> bool:
        return True


_ANY_NAME: Final = _AnyName()


class Tag(msgspec.Struct, frozen=True, gc=False):
    """One tag: ``content[start:end]``; ``name`` in lower case, ``source`` its attributes as they stand there."""

    name: str
    start: int
    end: int
    is_end: bool
    is_empty: bool
    source: str

    def attributes(self) -> dict[str, str]:
        """Return its ``attributes``."""
        return attributes(self.source)


def attributes(source: str) -> dict[str, str]:
    """Return attributes by lower-case name, values still escaped, ``""`` where there is none; the first one wins."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(source):
        found.setdefault(name.lower(), double or single or bare)
    return found


def attributes_as_written(source: str) -> dict[str, str]:
    """Return the attributes of a tag by name in the letter case it is written in."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(source):
        found.setdefault(name, double or single or bare)
    return found


def tags(content: str, names: Container[str]) -> list[Tag]:
    """Return the tags of ``content`` whose lower-case name is in ``names``; whatever else looks like one is text."""
    found: list[Tag] = []
    for match in _TAG.finditer(content):
        end_mark, name, source, empty_mark = match.groups()
        name = name.lower()
        if name in names:
            start, end = match.span()
            found.append(Tag(name, start, end, end_mark != "", empty_mark != "", source))
    return found


def markup_tags(content: str, names: Container[str]) -> list[Tag]:
    """Return the tags that are markup: those of ``names``, and those of any other element that is complete.

    Clients escape a ``<`` that somebody types: an element with its end is no text, whoever invented it (10).
    """
    found: list[Tag] = []
    begun: defaultdict[str, list[int]] = defaultdict(list)
    for tag in tags(content, _ANY_NAME):
        if tag.name not in names and not tag.is_empty:
            if not tag.is_end:
                begun[tag.name].append(len(found))
            elif begun[tag.name]:
                begun[tag.name].pop()
            else:
                continue
        found.append(tag)
    incomplete = {place for places in begun.values() for place in places}
    return [tag for place, tag in enumerate(found) if place not in incomplete]


def without_comments(content: str) -> str:
    """Return markup without comments; one that does not end is text."""
    kept: list[str] = []
    begin = 0
    while (comment := content.find("<!--", begin)) >= 0 and (end := content.find("-->", comment + 4)) >= 0:
        kept.append(content[begin:comment])
        begin = end + 3
    return "".join([*kept, content[begin:]])


def item_type(attributes: Mapping[str, str]) -> str:
    """Return what an element of the Teams era stands for, in lower case: ``emoji``, ``mention``, ``reply`` (10)."""
    return attributes.get("itemtype", "").rpartition("/")[2].strip().lower()


def tags_with_text(content: str, names: Container[str]) -> Iterator[tuple[Tag, str]]:
    """Yield the same tags, each with what stands between it and the next."""
    found = tags(content, names)
    ends = [tag.start for tag in found]
    ends.append(len(content))
    return ((tag, content[tag.end : end]) for tag, end in zip(found, ends[1:], strict=True))


def unescape(text: str) -> str:
    """Replace entities and character references, once (4.4)."""
    if "&" not in text:
        return text
    return html.unescape(_ENDLESS_REFERENCE.sub("\ufffd", text))
