"""Skype's markup as a flat sequence of tags (sections 3.2 and 4.1 of the format reference).

Content is HTML-like and not always well-formed: raw ``&`` in addresses, unclosed elements, attributes in any order and
case, people who type ``a<b && c>d``. So there is no tree and no XML parser here: one regular expression finds what is
surely a tag, everything else is text, and whoever reads the tags decides which belong together.

The expression never backtracks (every repetition is possessive), and a failed attempt ends at the next ``<`` outside a
quoted value; that bounds the attempts that can pass over one character to three (outside, in ``"``, in ``'``), so any
string is scanned in linear time.
"""

import html
import re
from collections.abc import Container, Iterator
from typing import Final

import msgspec

_ATTRIBUTE_NAME: Final = r"[A-Za-z_:][-A-Za-z0-9_:.]*+"
_TAG: Final = re.compile(
    rf"""<(/?)([A-Za-z][-A-Za-z0-9_:.]*+)"""
    rf"""((?:\s*+{_ATTRIBUTE_NAME}(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'<>]++))?+)*+)\s*+(/?)>"""
)
_ATTRIBUTE: Final = re.compile(rf"""({_ATTRIBUTE_NAME})(?:\s*+=\s*+(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+)))?""")
# int() refuses so many digits; no such number is a character.
_ENDLESS_REFERENCE: Final = re.compile(r"&#[0-9]{4000,}+;?")


class Tag(msgspec.Struct, frozen=True, gc=False):
    """One tag: ``content[start:end]``; ``name`` in lower case, ``source`` its attributes as they stand there."""

    name: str
    start: int
    end: int
    is_end: bool
    is_empty: bool
    source: str

    def attributes(self) -> dict[str, str]:
        """Attributes by lower-case name, values still escaped, ``""`` where there is none; the first of a name wins."""
        found: dict[str, str] = {}
        for name, double, single, bare in _ATTRIBUTE.findall(self.source):
            found.setdefault(name.lower(), double or single or bare)
        return found

    def attributes_as_written(self) -> dict[str, str]:
        """Attributes by name in the letter case it is written in."""
        found: dict[str, str] = {}
        for name, double, single, bare in _ATTRIBUTE.findall(self.source):
            found.setdefault(name, double or single or bare)
        return found


def tags(content: str, names: Container[str]) -> Iterator[Tag]:
    """Yield the tags of ``content`` whose lower-case name is in ``names``; whatever else looks like one is text."""
    for match in _TAG.finditer(content):
        end_mark, name, source, empty_mark = match.groups()
        name = name.lower()
        if name in names:
            start, end = match.span()
            yield Tag(name, start, end, end_mark != "", empty_mark != "", source)


def tags_with_text(content: str, names: Container[str]) -> Iterator[tuple[Tag, str]]:
    """Yield the same tags, each with what stands between it and the next."""
    tag: Tag | None = None
    for following in tags(content, names):
        if tag is not None:
            yield tag, content[tag.end : following.start]
        tag = following
    if tag is not None:
        yield tag, content[tag.end :]


def unescape(text: str) -> str:
    """Replace entities and character references, once (4.4)."""
    if "&" not in text:
        return text
    # The five that Skype writes; html.unescape takes several times as long.
    common = text.replace("&apos;", "'").replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">")
    if common.count("&") == common.count("&amp;"):
        return common.replace("&amp;", "&")
    if "&#" in text:
        text = _ENDLESS_REFERENCE.sub("\ufffd", text)
    return html.unescape(text)
