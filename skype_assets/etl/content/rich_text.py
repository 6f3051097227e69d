"""What a person wrote, and whom and what they wrote of (sections 4.1 to 4.6 and 10 of the format reference).

One pass over the tags writes pieces of text. An element that means more than its inner text stays open until its end
tag and then rewrites the pieces written since: a quote removes them, an emoticon replaces them, a link adds its
address. An element without an end tag, or whose end tag comes after that of one around it, rewrites nothing.

Mentions, links and the like are noted when their element opens, and forgotten when an element around it, such as a
quote, turns out to be none of the writer's own words.

Since Teams wrote into Skype's chats, content can be HTML: blocks are lines of their own, and what Skype has elements
for are ``span`` and ``img`` elements of some type. Both spellings are read the same, wherever they stand.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, Final

import msgspec

from skype_assets.etl.content.edit_markers import EditMarker, edit_marker
from skype_assets.etl.content.emoticons import emoji
from skype_assets.etl.content.links import Link, link
from skype_assets.etl.content.markup import Tag, item_type, markup_tags, unescape, without_comments
from skype_assets.etl.content.mentions import Addressed, Mention, item_mention, mention
from skype_assets.etl.content.quotes import Quote, is_reply, quote, reply

_IMPLIED_SCHEMES: Final = ("", "mailto:", "tel:", "http://", "https://")
_LINE: Final = "\0"
"""Where a block begins or ends: blanks around it are as good as none. Clean text has no such character."""
_BLANKS: Final = " \t\r\n"


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


def rich_text(markup: str, people: Addressed | None = None) -> RichText:
    """Read a ``RichText`` content; all strings are clean (see ``cleaning``) if the markup is.

    Args:
        markup: the content.
        people: whom the numbers of the Teams era stand for.
    """
    if "<" not in markup:
        return RichText(finished(markup))
    markup = without_comments(markup)
    reading = _Reading(people or {})
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
    ``found`` at once or when it closes; ``nests`` tells that one of its name is within it. Of a ``span`` also how many
    ``images`` there had been.
    """

    tag: Tag
    first: int
    noted: int = 0
    quotes: int = 0
    found: Mention | Link | EditMarker | SystemMessage | slice | str | None = None
    nests: bool = False
    images: int = 0


class _Reading(msgspec.Struct):
    """How far the reading is: the pieces of text that stand, and the elements that mean something, in order.

    ``images`` has what stands for each image so far that is not known to be an emoji. ``items`` has, by the type of
    ``span`` elements, where the last one began that has ended: one that began before it and ends later is around it.
    """

    people: Addressed
    pieces: list[str] = []
    noted: list[_Element] = []
    quotes: list[_Element] = []
    images: list[str] = []
    items: dict[str, int] = {}


def _read(markup: str, reading: _Reading) -> str:
    pieces = reading.pieces
    open_elements: list[_Element] = []
    by_name: defaultdict[str, list[_Element]] = defaultdict(list)
    written = 0
    for tag in markup_tags(markup, _KNOWN):
        if written < tag.start:
            pieces.append(markup[written : tag.start])
        written = tag.end
        if tag.name in _BLOCKS:
            pieces.append(_LINE)
        rewrite = _REWRITES.get(tag.name)
        if rewrite is None:
            if not tag.is_end and (show := _SINGLE.get(tag.name)) is not None:
                show(reading, tag)
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
    element.found = mention(element.tag.attributes(), reading.people)
    reading.noted.append(element)


def _note_item(reading: _Reading, element: _Element) -> None:
    own = element.tag.attributes()
    element.images = len(reading.images)
    if item_type(own) == "mention":
        element.found = item_mention(own, reading.people)
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


def _hide(reading: _Reading, element: _Element, end: int) -> None:
    del reading.pieces[element.first :]


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
        reading.pieces.append(_LINE)


def _show_emoticon(reading: _Reading, element: _Element, end: int) -> None:
    own = element.tag.attributes()
    shown = own.get("alt") or emoji(own.get("type", ""))
    if shown:
        reading.pieces[element.first :] = [shown]


def _show_image(reading: _Reading, tag: Tag) -> None:
    own = tag.attributes()
    shown = own.get("alt") or emoji(own.get("itemid", "")) or own.get("title", "")
    if item_type(own) == "emoji":
        reading.pieces.append(shown)
    else:
        reading.images.append(shown)


def _show_item(reading: _Reading, element: _Element, end: int) -> None:
    own = element.tag.attributes()
    type_ = item_type(own)
    if type_ not in ("mention", "emoji") or reading.items.get(type_, 0) > element.tag.start:
        return
    reading.items[type_] = element.tag.start
    if type_ == "mention":
        _show_mention(reading, element, end)
    elif not "".join(reading.pieces[element.first :]).strip():
        images = reading.images[element.images : element.images + 1]
        names = (emoji(own.get(name, "").strip("()")) for name in ("itemid", "type"))
        shown = next(filter(None, (*images, own.get("alt"), *names, own.get("title"))), "")
        reading.pieces[element.first :] = [shown]


def _note_emoji(reading: _Reading, element: _Element) -> None:
    own = element.tag.attributes()
    # It need not have an end.
    reading.pieces.append(own.get("alt") or emoji(own.get("id", "")) or own.get("title", ""))


def _show_emoji(reading: _Reading, element: _Element, end: int) -> None:
    shown = reading.pieces[element.first]
    if shown:
        reading.pieces[element.first :] = [shown]


def _frame(reading: _Reading, element: _Element, end: int) -> None:
    if "raw_pre" not in element.tag.attributes():
        reading.pieces.append(_LINE)


def _note_frame(reading: _Reading, element: _Element) -> None:
    _frame(reading, element, element.tag.end)


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
    shown = label if _says_the_same(unescape(label.strip(_LINE)), url) else f"{label} ({escape(url)})"
    reading.pieces[element.first :] = [shown]


def _says_the_same(label: str, href: str) -> bool:
    return href == label + "/" or (href.endswith(label) and href.removesuffix(label) in _IMPLIED_SCHEMES)


def _quote(element: _Element, markup: str) -> Quote:
    text = finished(element.found) if isinstance(element.found, str) else ""
    return quote(element.tag.attributes(), text) if element.tag.name == "quote" else reply(element.tag, markup, text)


def finished(text: str) -> str:
    """Return markup without tags as a reader sees it."""
    if _LINE in text:
        text = "\n".join(filter(None, (line.strip(_BLANKS) for line in text.split(_LINE))))
    text = unescape(text)
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    return text.strip()


_REWRITES: Final[Mapping[str, Callable[[_Reading, _Element, int], None]]] = {
    "a": _show_link,
    "at": _show_mention,
    "ss": _show_emoticon,
    "emoji": _show_emoji,
    "span": _show_item,
    "quote": _cut_quote,
    "blockquote": _cut_reply,
    "pre": _frame,
    "attribution": _hide,
    **dict.fromkeys(("legacyquote", "e_m", "systemmessage", "script", "style", "head"), _remove),
    **dict.fromkeys(("partlist", "files", "contacts", "location", "sms"), _remove),
    "uriobject": _cut_object,
}
_NOTES: Final[Mapping[str, Callable[[_Reading, _Element], None]]] = {
    "a": _note_link,
    "at": _note_mention,
    "emoji": _note_emoji,
    "span": _note_item,
    "quote": _note_quote,
    "blockquote": _note_quote,
    "pre": _note_frame,
    "e_m": _note_edit_marker,
    "systemmessage": _note_system_message,
    "uriobject": _note,
    **dict.fromkeys(
        ("legacyquote", "script", "style", "head", "partlist", "files", "contacts", "location", "sms"), _begin
    ),
}
# Of a link within a link the inner one counts; else a label could be read once for every link around it.
_INNERMOST_ONLY: Final = frozenset({"a", "at", "ss", "emoji"})
_SINGLE: Final[Mapping[str, Callable[[_Reading, Tag], None]]] = {
    "br": lambda reading, tag: reading.pieces.append("\n"),
    "td": lambda reading, tag: reading.pieces.append("\t"),
    "th": lambda reading, tag: reading.pieces.append("\t"),
    "img": _show_image,
}
_BLOCKS: Final = frozenset(
    {"p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "blockquote", "codeblock", "address"}
    | {"ul", "ol", "li", "dl", "dt", "dd", "table", "caption", "thead", "tbody", "tfoot", "tr"}
    | {"article", "aside", "section", "header", "footer", "main", "nav", "figure", "figcaption", "details", "summary"}
)
_INLINE: Final = frozenset(
    {"b", "i", "u", "s", "em", "strong", "strike", "del", "ins", "sub", "sup", "mark", "small", "font", "blink", "code"}
    | {"center", "flag", "c_i", "e", "context", "roster", "body", "bing-response"}
)
_KNOWN: Final = frozenset({*_REWRITES, *_SINGLE, *_BLOCKS, *_INLINE})
