"""What a person wrote, and whom and what they wrote of (sections 4.1 to 4.6 of the format reference).

One pass over the tags writes pieces of text. An element that means more than its inner text stays open until its end
tag and then rewrites the pieces written since: a quote removes them, an emoticon replaces them, a link adds its
address. An element without an end tag, or whose end tag comes after that of one around it, rewrites nothing.

Mentions, links and the like are noted when their element opens, and forgotten when an element around it, such as a
quote, turns out to be none of the writer's own words.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, Final

import msgspec

from skype_assets.etl.content.edit_markers import EditMarker, edit_marker
from skype_assets.etl.content.emoticons import emoji
from skype_assets.etl.content.links import Link, link
from skype_assets.etl.content.markup import Tag, tags, unescape
from skype_assets.etl.content.mentions import Mention, mention
from skype_assets.etl.content.quotes import Quote, is_reply, quote, reply

_IMPLIED_SCHEMES: Final = ("", "mailto:", "tel:", "http://", "https://")


class SystemMessage(msgspec.Struct, frozen=True, gc=False):
    """What a client, and not a person, says in a message (3.3.15)."""

    type: str | None
    users: tuple[str, ...]


class RichText(msgspec.Struct, frozen=True, gc=False):
    """A ``RichText`` content in its parts; what stands in a quote is part of the quote only.

    ``objects`` has the source of every ``URIObject``.
    """

    text: str
    mentions: tuple[Mention, ...] = ()
    links: tuple[Link, ...] = ()
    quotes: tuple[Quote, ...] = ()
    objects: tuple[str, ...] = ()
    edit_marker: EditMarker | None = None
    system_message: SystemMessage | None = None


def rich_text(markup: str) -> RichText:
    """Read a ``RichText`` content; all strings are clean (see ``cleaning``) if the markup is."""
    reading = _Reading()
    text = finished(_read(markup, reading))
    by_type: defaultdict[type, list[Any]] = defaultdict(list)
    for element in reading.noted:
        by_type[type(element.found)].append(element.found)
    return RichText(
        text,
        tuple(by_type[Mention]),
        tuple(by_type[Link]),
        tuple([_quote(element, markup) for element in reading.quotes]),
        tuple([markup[source] for source in by_type[slice]]),
        next(iter(by_type[EditMarker]), None),
        next(iter(by_type[SystemMessage]), None),
    )


class _Element(msgspec.Struct):
    """An element: its start tag, and how many pieces had been written when it opened.

    Of those that are not the writer's own words also how much had been noted by then. What an element says it
    ``found`` at once or when it closes; ``nests`` tells that one of its name is within it.
    """

    tag: Tag
    first: int
    noted: int = 0
    quotes: int = 0
    found: Mention | Link | EditMarker | SystemMessage | slice | str | None = None
    nests: bool = False


class _Reading(msgspec.Struct):
    """How far the reading is: the pieces of text that stand, and the elements that mean something, in order."""

    pieces: list[str] = []
    noted: list[_Element] = []
    quotes: list[_Element] = []


def _read(markup: str, reading: _Reading) -> str:
    pieces = reading.pieces
    open_elements: list[_Element] = []
    by_name: defaultdict[str, list[_Element]] = defaultdict(list)
    written = 0
    for tag in tags(markup, _KNOWN):
        if written < tag.start:
            pieces.append(markup[written : tag.start])
        written = tag.end
        rewrite = _REWRITES.get(tag.name)
        if rewrite is None:
            if tag.name == "br" and not tag.is_end:
                pieces.append("\n")
        elif not tag.is_end:
            element = _Element(tag, len(pieces))
            note = _NOTES.get(tag.name)
            if note is not None:
                note(reading, element)
            if tag.is_empty:
                rewrite(reading, element, tag.end)
                continue
            namesakes = by_name[tag.name]
            if namesakes:
                namesakes[-1].nests = True
            namesakes.append(element)
            open_elements.append(element)
        elif by_name[tag.name]:
            element = _closed(tag.name, open_elements, by_name)
            if not (element.nests and tag.name in _INNERMOST_ONLY):
                rewrite(reading, element, tag.end)
    pieces.append(markup[written:])
    return "".join(pieces)


def _closed(name: str, elements: list[_Element], by_name: Mapping[str, list[_Element]]) -> _Element:
    """Take the innermost element of that name, and those left open within it, off the open ones."""
    while True:
        element = elements.pop()
        by_name[element.tag.name].pop()
        if element.tag.name == name:
            return element


def _note_mention(reading: _Reading, element: _Element) -> None:
    element.found = mention(element.tag.attributes())
    reading.noted.append(element)


def _note_link(reading: _Reading, element: _Element) -> None:
    element.found = link(element.tag.attributes())
    reading.noted.append(element)


def _note_edit_marker(reading: _Reading, element: _Element) -> None:
    element.found = edit_marker(element.tag.attributes())
    _note(reading, element)


def _note_system_message(reading: _Reading, element: _Element) -> None:
    own = element.tag.attributes()
    users = (name.strip() for name in unescape(own.get("users", "")).split("##~~"))
    element.found = SystemMessage(unescape(own.get("type", "")) or None, tuple(filter(None, users)))
    _note(reading, element)


def _note(reading: _Reading, element: _Element) -> None:
    reading.noted.append(element)
    _begin(reading, element)


def _note_quote(reading: _Reading, element: _Element) -> None:
    if element.tag.name == "quote" or is_reply(element.tag):
        reading.quotes.append(element)
    _begin(reading, element)


def _begin(reading: _Reading, element: _Element) -> None:
    """Remember what has been noted before the element, for it may turn out that what is within it does not count."""
    element.noted, element.quotes = len(reading.noted), len(reading.quotes)


def _remove(reading: _Reading, element: _Element, end: int) -> None:
    del reading.pieces[element.first :]
    del reading.noted[element.noted :]
    del reading.quotes[element.quotes :]


def _cut_object(reading: _Reading, element: _Element, end: int) -> None:
    _remove(reading, element, end)
    element.found = slice(element.tag.start, end)


def _cut_quote(reading: _Reading, element: _Element, end: int) -> None:
    # A quote within it has cut itself out, and remains a quote.
    element.found = "".join(reading.pieces[element.first :])
    del reading.pieces[element.first :]
    del reading.noted[element.noted :]


def _cut_reply(reading: _Reading, element: _Element, end: int) -> None:
    if is_reply(element.tag):
        _cut_quote(reading, element, end)


def _show_emoticon(reading: _Reading, element: _Element, end: int) -> None:
    own = element.tag.attributes()
    shown = own.get("alt") or emoji(own.get("type", ""))
    if shown:
        reading.pieces[element.first :] = [shown]


def _show_mention(reading: _Reading, element: _Element, end: int) -> None:
    label = "".join(reading.pieces[element.first :])
    if isinstance(element.found, Mention):
        element.found = Mention(element.found.user_id, finished(label).removeprefix("@").strip() or None)
    reading.pieces[element.first :] = ["@" + label.removeprefix("@")]


def _show_link(reading: _Reading, element: _Element, end: int) -> None:
    if not isinstance(element.found, Link):
        return
    url, label = element.found.url, "".join(reading.pieces[element.first :])
    element.found = Link(url, finished(label) or None)
    # The address is unescaped already, the text around it not yet.
    shown = label if _says_the_same(unescape(label), url) else f"{label} ({escape(url)})"
    reading.pieces[element.first :] = [shown]


def _says_the_same(label: str, href: str) -> bool:
    return href == label + "/" or (href.endswith(label) and href.removesuffix(label) in _IMPLIED_SCHEMES)


def _quote(element: _Element, markup: str) -> Quote:
    text = finished(element.found) if isinstance(element.found, str) else ""
    return quote(element.tag.attributes(), text) if element.tag.name == "quote" else reply(element.tag, markup, text)


def finished(text: str) -> str:
    """Return markup without tags as a reader sees it."""
    text = unescape(text)
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    return text.strip()


_REWRITES: Final[Mapping[str, Callable[[_Reading, _Element, int], None]]] = {
    "a": _show_link,
    "at": _show_mention,
    "ss": _show_emoticon,
    "quote": _cut_quote,
    "blockquote": _cut_reply,
    **dict.fromkeys(("legacyquote", "e_m", "systemmessage"), _remove),
    **dict.fromkeys(("partlist", "files", "contacts", "location", "sms"), _remove),
    "uriobject": _cut_object,
}
_NOTES: Final[Mapping[str, Callable[[_Reading, _Element], None]]] = {
    "a": _note_link,
    "at": _note_mention,
    "quote": _note_quote,
    "blockquote": _note_quote,
    "e_m": _note_edit_marker,
    "systemmessage": _note_system_message,
    "uriobject": _note,
    **dict.fromkeys(("legacyquote", "partlist", "files", "contacts", "location", "sms"), _begin),
}
# Of a link within a link the inner one counts; else a label could be read once for every link around it.
_INNERMOST_ONLY: Final = frozenset({"a", "at", "ss"})
_STYLES: Final = {"b", "i", "u", "s", "em", "strong", "strike", "del", "sub", "sup", "font", "blink", "span"}
_BLOCKS: Final = {"p", "div", "center", "pre", "code", "br", "hr", "img", "h1", "h2", "h3", "h4", "h5", "h6"}
_LISTS: Final = {"ul", "ol", "li", "table", "tbody", "tr", "td", "th"}
_OF_SKYPE: Final = {"flag", "c_i", "e", "context", "roster"}
_KNOWN: Final = frozenset({*_REWRITES, *_STYLES, *_BLOCKS, *_LISTS, *_OF_SKYPE})
