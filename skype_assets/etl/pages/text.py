"""Foreign text as HTML: everything is escaped, and only what is a link to the web or a mail address becomes a link."""

import html
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from markupsafe import Markup, escape

_LINKED: Final = re.compile(r"(?:https?://|mailto:)[^\s<>\"\x00-\x1f\x7f]+", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"(?:https?://[^\s/?#]|mailto:[^\s])[^\x00-\x20\x7f]*", re.IGNORECASE)
_ANCHOR: Final = re.compile(r'<a href="([^"]*)"[^>]*>([^<]*)</a>')
_TAG: Final = re.compile(r"<[^<>]*>")
_LAST: Final = ".,;:!?'\"»”’…"
_CLOSING: Final = {")": "(", "]": "[", "}": "{"}


def href(url: str | None) -> str | None:
    """A foreign address that may be a link; None of any other scheme, such as ``javascript:``."""
    url = (url or "").strip()
    return url if _ADDRESS.fullmatch(url) else None


def link(url: str, label: str) -> Markup:
    """A link to a foreign address that ``href`` let through; it takes along no word of where it was."""
    return Markup('<a href="{}" rel="noreferrer noopener" target="_blank">{}</a>').format(url, label)


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """A text in pieces, with whether each is an address that may be a link."""
    position = 0
    for found in _LINKED.finditer(text):
        url = _without_punctuation(found[0])
        if href(url) is not None:
            yield text[position : found.start()], False
            yield url, True
            position = found.start() + len(url)
    yield text[position:], False


def plain(markup: Markup) -> str:
    """What this module and its callers made of foreign text, as text again; of a link also where it leads."""
    if "<" not in markup:
        return html.unescape(str(markup))
    linked = _ANCHOR.sub(lambda found: found[2] if found[1] == found[2] else f"{found[2]} ({found[1]})", str(markup))
    return html.unescape(_TAG.sub("", linked.replace("<br>", "\n")))


def body(text: str, marked: Collection[str] = ()) -> Markup:
    """A text with its links, and ``marked`` labels, such as mentions, as what they are."""
    if not marked and (":" not in text or _LINKED.search(text) is None):
        return escape(text)
    return Markup("").join(
        link(piece, piece) if is_link else _marked(piece, marked, "mention") for piece, is_link in pieces(text)
    )


def highlighted(text: str, terms: Iterable[str]) -> Markup:
    """A text in which terms are marked, whatever their case."""
    return _marked(text, terms, None)


def excerpt(text: str, terms: Iterable[str], length: int = 280) -> str:
    """So much of a text that the first of the terms is in it."""
    if len(text) <= length:
        return text
    pattern = _pattern(terms)
    found = pattern.search(text) if pattern is not None else None
    begin = max(0, found.start() - length // 3) if found else 0
    end = begin + length
    return f"{'…' if begin else ''}{text[begin:end]}{'…' if end < len(text) else ''}"


def _marked(text: str, labels: Iterable[str], css: str | None) -> Markup:
    pattern = _pattern(labels)
    if pattern is None:
        return escape(text)
    opening = Markup('<span class="{}">').format(css) if css else Markup("<mark>")
    closing = Markup("</span>") if css else Markup("</mark>")
    pieces: list[Markup] = []
    position = 0
    for found in pattern.finditer(text):
        begin, end = found.span()
        pieces += [escape(text[position:begin]), opening, escape(text[begin:end]), closing]
        position = end
    pieces.append(escape(text[position:]))
    return Markup("").join(pieces)


def _pattern(labels: Iterable[str]) -> re.Pattern[str] | None:
    alternatives = sorted({label for label in labels if label.strip()}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, alternatives)), re.IGNORECASE) if alternatives else None


def _without_punctuation(url: str) -> str:
    """An address in a text, without what ends the sentence or the bracket that it stands in."""
    unopened = {closing: url.count(closing) - url.count(opening) for closing, opening in _CLOSING.items()}
    end = len(url)
    while end and (url[end - 1] in _LAST or unopened.get(url[end - 1], 0) > 0):
        end -= 1
        if url[end] in unopened:
            unopened[url[end]] -= 1
    return url[:end]
