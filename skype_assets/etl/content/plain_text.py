"""What a person wrote, without markup (section 4.6 of the format reference, steps 3 to 7).

One pass over the tags writes pieces of text. An element that means more than its inner text stays open until its end
tag and then rewrites the pieces written since: a quote removes them, an emoticon replaces them, a link adds its
address. An element without an end tag, or whose end tag comes after that of one around it, rewrites nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from skype_assets.etl.content.emoticons import emoji
from skype_assets.etl.content.markup import Tag, tags, unescape

_IMPLIED_SCHEMES: Final = ("", "mailto:", "tel:", "http://", "https://")


def plain_text(markup: str) -> str:
    r"""Return the text of a ``RichText`` content; clean (see ``cleaning``) if the markup is.

    ``plain_text(s) == s`` for every ``s`` without ``<``, ``&`` and ``\r\n`` that neither begins nor ends with a blank
    (``s == s.strip()``): the caller need not call it for those.
    """
    text = unescape(_without_tags(markup) if "<" in markup else markup)
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    return text.strip()


class _Element(msgspec.Struct):
    """An open element: its start tag, its first piece, and whether an element of its name has been opened within it."""

    tag: Tag
    first: int
    nests: bool = False


def _without_tags(markup: str) -> str:
    pieces: list[str] = []
    elements: list[_Element] = []
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
        elif tag.is_empty:
            rewrite(tag, pieces, len(pieces))
        elif not tag.is_end:
            element = _Element(tag, len(pieces))
            namesakes = by_name[tag.name]
            if namesakes:
                namesakes[-1].nests = True
            namesakes.append(element)
            elements.append(element)
        elif by_name[tag.name]:
            element = _closed(tag.name, elements, by_name)
            if not (element.nests and tag.name in _INNERMOST_ONLY):
                rewrite(element.tag, pieces, element.first)
    pieces.append(markup[written:])
    return "".join(pieces)


def _closed(name: str, elements: list[_Element], by_name: Mapping[str, list[_Element]]) -> _Element:
    """Take the innermost element of that name, and those left open within it, off the open ones."""
    while True:
        element = elements.pop()
        by_name[element.tag.name].pop()
        if element.tag.name == name:
            return element


def _remove(tag: Tag, pieces: list[str], first: int) -> None:
    del pieces[first:]


def _remove_reply(tag: Tag, pieces: list[str], first: int) -> None:
    if tag.attributes().get("itemtype", "").endswith("/Reply"):
        del pieces[first:]


def _show_emoticon(tag: Tag, pieces: list[str], first: int) -> None:
    attributes = tag.attributes()
    shown = attributes.get("alt") or emoji(attributes.get("type", ""))
    if shown:
        pieces[first:] = [shown]


def _show_mention(tag: Tag, pieces: list[str], first: int) -> None:
    label = "".join(pieces[first:])
    pieces[first:] = ["@" + label.removeprefix("@")]


def _show_link(tag: Tag, pieces: list[str], first: int) -> None:
    href = tag.attributes().get("href", "")
    if href and not _says_the_same(unescape("".join(pieces[first:])), unescape(href)):
        pieces.append(f" ({href})")


def _says_the_same(label: str, href: str) -> bool:
    return href == label + "/" or (href.endswith(label) and href.removesuffix(label) in _IMPLIED_SCHEMES)


_REWRITES: Final[Mapping[str, Callable[[Tag, list[str], int], None]]] = {
    "a": _show_link,
    "at": _show_mention,
    "ss": _show_emoticon,
    "blockquote": _remove_reply,
    **dict.fromkeys(("quote", "legacyquote", "e_m", "systemmessage"), _remove),
    **dict.fromkeys(("uriobject", "partlist", "files", "contacts", "location", "sms"), _remove),
}
# Of a link within a link the inner one counts; else a label could be read once for every link around it.
_INNERMOST_ONLY: Final = frozenset({"a", "at", "ss"})
_STYLES: Final = {"b", "i", "u", "s", "em", "strong", "strike", "del", "sub", "sup", "font", "blink", "span"}
_BLOCKS: Final = {"p", "div", "center", "pre", "code", "br", "hr", "img", "h1", "h2", "h3", "h4", "h5", "h6"}
_LISTS: Final = {"ul", "ol", "li", "table", "tbody", "tr", "td", "th"}
_OF_SKYPE: Final = {"flag", "c_i", "e", "context", "roster"}
_KNOWN: Final = frozenset({*_REWRITES, *_STYLES, *_BLOCKS, *_LISTS, *_OF_SKYPE})
