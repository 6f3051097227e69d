"""The plain text of the rich text family (4.6)."""

import html
import re
from collections.abc import Mapping, Sequence

from tests.reference.markup import Tag, end_tag, known_tags
from tests.reference.values import cleaned

CODE_POINTS = re.compile(r"([0-9a-f]{2,6}(?:-[0-9a-f]{2,6})*)_", re.IGNORECASE)


def plain_text(markup: str, emoticons: Mapping[str, str]) -> str:
    """What a person wrote; ``emoticons`` gives the emoji of a type."""
    pieces: list[str | Tag] = []
    end = 0
    for tag in known_tags(markup):
        pieces += [markup[end : tag.start], tag]
        end = tag.end
    pieces.append(markup[end:])
    return trimmed(html.unescape(_plain(pieces, emoticons)))


def trimmed(text: str) -> str:
    """Text without entities as it stands in a column (4.6, last step)."""
    return cleaned(text.replace("\r\n", "\n").strip())


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
        elif not piece.closes and (piece.name in ("ss", "at", "a") or piece.is_dropped):
            end = index - 1 if piece.empty else end_tag(pieces, index - 1, piece.name)
            if end is None:
                continue  # no end tag: only the tag itself goes
            inner = _plain(pieces[index:end], emoticons)
            text.append("" if piece.is_dropped else _replacement(piece, inner, emoticons))
            index = end + 1
    return "".join(text)


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
