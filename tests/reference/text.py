"""The plain text of the rich text family (4.6, 10)."""

import html
import re
from collections.abc import Mapping, Sequence

from tests.reference.markup import COMMENT, Tag, end_tag, known_tags
from tests.reference.values import cleaned

LINE = "\0"
"""An end of a block; it cannot stand in a text."""
CODE_POINTS = re.compile(r"([0-9a-f]{2,6}(?:-[0-9a-f]{2,6})*)_", re.IGNORECASE)


def plain_text(markup: str, emoticons: Mapping[str, str]) -> str:
    """What a person wrote; ``emoticons`` gives the emoji of a type."""
    markup = COMMENT.sub("", cleaned(markup))
    pieces: list[str | Tag] = []
    end = 0
    for tag in known_tags(markup):
        pieces += [markup[end : tag.start], tag]
        end = tag.end
    pieces.append(markup[end:])
    text = _plain(pieces, emoticons)
    if LINE in text:
        lines = (line.strip(" \t\r\n") for line in text.split(LINE))
        text = "\n".join(line for line in lines if line)
    return trimmed(html.unescape(text))


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
        elif piece.name in ("td", "th") and not piece.closes:
            text.append("\t")
        elif piece.name == "img" and not piece.closes:
            text.append(_symbol(piece, emoticons) if piece.stands_for == "emoji" else "")
        elif not piece.closes and (_is_replaced(piece) or piece.is_dropped):
            end = index - 1 if piece.empty else end_tag(pieces, index - 1, piece.name)
            if end is None:
                text.append(LINE if piece.is_block else _symbol(piece, emoticons) if piece.name == "emoji" else "")
                continue  # no end tag: only the tag itself goes
            inner = _plain(pieces[index:end], emoticons)
            if piece.name == "span" and piece.stands_for == "emoji" and not inner.strip():
                images = [tag for tag in pieces[index:end] if isinstance(tag, Tag) and tag.name == "img"]
                inner = next((_symbol(tag, emoticons) for tag in [*images, piece] if _symbol(tag, emoticons)), "")
            text.append("" if piece.is_dropped else _replacement(piece, inner, emoticons))
            text.append(LINE if piece.is_block else "")
            index = end + 1
        elif piece.is_block:
            text.append(LINE)
    return "".join(text)


def _is_replaced(tag: Tag) -> bool:
    is_item = tag.name == "span" and tag.stands_for in ("mention", "emoji")
    return is_item or tag.name in ("ss", "at", "a", "emoji", "attribution", "pre")


def _symbol(tag: Tag, emoticons: Mapping[str, str]) -> str:
    """The text of an emoji of the Teams era."""
    kinds = [tag.attributes.get(name, "").strip("()") for name in ("itemid", "id", "type")]
    known = [emoticons.get(kind, "") or _code_points(kind) for kind in kinds]
    return next((text for text in [tag.attributes.get("alt"), *known, tag.attributes.get("title")] if text), "")


def _replacement(tag: Tag, inner: str, emoticons: Mapping[str, str]) -> str:
    if tag.name == "ss":
        kind = tag.attributes.get("type", "")
        return tag.attributes.get("alt", "") or emoticons.get(kind, "") or _code_points(kind) or inner
    if tag.name == "emoji":
        return _symbol(tag, emoticons) or inner
    if tag.name == "attribution":
        return ""
    if tag.name == "pre":
        return (LINE if tag.is_block else "") + inner
    if tag.name == "span" and tag.stands_for == "emoji":
        return inner
    if tag.is_mention:
        return inner if inner.startswith("@") else "@" + inner
    href, label = html.unescape(tag.attributes.get("href", "")), html.unescape(inner.strip(LINE))
    same = {"", label, label + "/", *(prefix + label for prefix in ("mailto:", "tel:", "http://", "https://"))}
    return inner if href in same else f"{inner} ({tag.attributes['href']})"


def _code_points(kind: str) -> str:
    """The emoji of a type such as ``1f440_eyes``."""
    match = CODE_POINTS.match(kind)
    points = [int(point, 16) for point in match[1].split("-")] if match else []
    valid = all(0 < point < 0x110000 and not 0xD800 <= point < 0xE000 for point in points)
    return "".join(map(chr, points)) if valid else ""
