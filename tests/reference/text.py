"""Markup: its tags, its elements, and the plain text of the rich text family (4.6)."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.reference.values import cleaned

KNOWN = re.compile(
    "e_m|quote|legacyquote|ss|at|a|br|b|i|u|s|pre|code|font|center|blink|span|div|p|flag|c_i|e|context|roster"
    "|blockquote|uriobject|partlist|files|contacts|location|sms|systemmessage|em|strong|strike|del|sub|sup|ul|ol|li"
    "|table|tbody|tr|td|th|h[1-6]|img|hr"
)
DROPPED = re.compile("e_m|quote|legacyquote|uriobject|partlist|files|contacts|location|sms|systemmessage")
ATTRIBUTE = r"""[A-Za-z_:][-A-Za-z0-9_:.]*(?:=(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+))?"""
TAG = re.compile(rf"<(/?)([A-Za-z][A-Za-z0-9_]*)((?:\s+{ATTRIBUTE})*)\s*(/?)>")
CODE_POINTS = re.compile(r"([0-9a-f]{2,6}(?:-[0-9a-f]{2,6})*)_", re.IGNORECASE)


@dataclass(frozen=True)
class Tag:
    """A tag with its lower-case name; attribute values still have their entities."""

    name: str
    attributes: dict[str, str]
    closes: bool
    empty: bool


@dataclass(frozen=True)
class Element:
    """An element of the markup and what stands between its tags."""

    attributes: dict[str, str]
    inner: str

    def get(self, name: str) -> str | None:
        """An attribute, unescaped; None if missing or empty."""
        return html.unescape(self.attributes.get(name.lower(), "")) or None

    def children(self, name: str) -> list["Element"]:
        return elements(self.inner, name)

    @property
    def text(self) -> str:
        return html.unescape(TAG.sub("", self.inner))


def plain_text(markup: str, emoticons: Mapping[str, str]) -> str:
    """What a person wrote; ``emoticons`` gives the emoji of a type."""
    pieces: list[str | Tag] = []
    end = 0
    for match in TAG.finditer(markup):
        tag = _tag(match)
        if KNOWN.fullmatch(tag.name):
            pieces += [markup[end : match.start()], tag]
            end = match.end()
    pieces.append(markup[end:])
    return cleaned(html.unescape(_plain(pieces, emoticons)).replace("\r\n", "\n").strip())


def elements(markup: str, name: str) -> list[Element]:
    """Every element of that name, in order of their start tags.

    One without an end tag ends before the next of that name, or with the markup.
    """
    matches = [match for match in TAG.finditer(markup) if match[2].lower() == name.lower()]
    tags = [_tag(match) for match in matches]
    found: list[Element] = []
    for index, tag in enumerate(tags):
        if tag.closes:
            continue
        inner = ""
        if not tag.empty:
            last = _end(tags, index, tag.name) or index + 1
            inner = markup[matches[index].end() : matches[last].start() if last < len(matches) else len(markup)]
        found.append(Element(tag.attributes, inner))
    return found


def _tag(match: re.Match[str]) -> Tag:
    attributes: dict[str, str] = {}
    for attribute in re.findall(ATTRIBUTE, match[3]):
        name, _, value = attribute.partition("=")
        quoted = value[:1] in ("'", '"')
        attributes.setdefault(name.lower(), value[1:-1] if quoted else value)
    return Tag(match[2].lower(), attributes, bool(match[1]), bool(match[4]))


def _end(pieces: Sequence[str | Tag], start: int, name: str) -> int | None:
    """The index of the end tag that belongs to the start tag at ``start``; elements of the same name nest."""
    depth = 0
    for index in range(start, len(pieces)):
        tag = pieces[index]
        if isinstance(tag, Tag) and tag.name == name and not tag.empty:
            depth += -1 if tag.closes else 1
            if depth == 0:
                return index
    return None


def _plain(pieces: Sequence[str | Tag], emoticons: Mapping[str, str]) -> str:
    """The pieces as text that still has its entities."""
    text: list[str] = []
    index = 0
    while index < len(pieces):
        piece = pieces[index]
        index += 1
        if isinstance(piece, str):
            text.append(piece)
        elif piece.name == "br" and not piece.closes:
            text.append("\n")
        elif not piece.closes and (piece.name in ("ss", "at", "a") or _is_dropped(piece)):
            end = index - 1 if piece.empty else _end(pieces, index - 1, piece.name)
            if end is None:
                continue  # no end tag: only the tag itself goes
            inner = _plain(pieces[index:end], emoticons)
            text.append("" if _is_dropped(piece) else _replacement(piece, inner, emoticons))
            index = end + 1
    return "".join(text)


def _is_dropped(tag: Tag) -> bool:
    is_reply = tag.name == "blockquote" and tag.attributes.get("itemtype", "").endswith("/Reply")
    return DROPPED.fullmatch(tag.name) is not None or is_reply


def _replacement(tag: Tag, inner: str, emoticons: Mapping[str, str]) -> str:
    if tag.name == "ss":
        kind = tag.attributes.get("type", "")
        return tag.attributes.get("alt", "") or emoticons.get(kind, "") or _code_points(kind) or inner
    if tag.name == "at":
        return inner if inner.startswith("@") else "@" + inner
    href, label = html.unescape(tag.attributes.get("href", "")), html.unescape(inner)
    same = {"", label, label + "/", *(prefix + label for prefix in ("mailto:", "tel:", "http://", "https://"))}
    return inner if href in same else f"{inner} ({tag.attributes['href']})"


def _code_points(kind: str) -> str:
    """The emoji of a type such as ``1f440_eyes``."""
    match = CODE_POINTS.match(kind)
    points = [int(point, 16) for point in match[1].split("-")] if match else []
    valid = all(0 < point < 0x110000 and not 0xD800 <= point < 0xE000 for point in points)
    return "".join(map(chr, points)) if valid else ""
