"""Markup: its tags and its elements (3.2, 4.1, 10)."""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

KNOWN = re.compile(
    "e_m|quote|legacyquote|ss|at|a|br|b|i|u|s|pre|code|font|center|blink|span|div|p|flag|c_i|e|context|roster"
    "|blockquote|uriobject|partlist|files|contacts|location|sms|systemmessage|em|strong|strike|del|sub|sup|ul|ol|li"
    "|table|tbody|tr|td|th|h[1-6]|img|hr|ins|mark|small|body|bing-response|attribution|codeblock|emoji|script|style|head"
    "|dl|dt|dd|caption|thead|tfoot|address|article|aside|section|header|footer|main|nav|figure|figcaption|details"
    "|summary"
)
BLOCKS = re.compile(
    "p|div|h[1-6]|hr|blockquote|codeblock|address|ul|ol|li|dl|dt|dd|table|caption|thead|tbody|tfoot|tr|article|aside"
    "|section|header|footer|main|nav|figure|figcaption|details|summary"
)
DROPPED = re.compile(
    "e_m|quote|legacyquote|uriobject|partlist|files|contacts|location|sms|systemmessage|script|style|head"
)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
ATTRIBUTE = r"""[A-Za-z_:][-A-Za-z0-9_:.]*(?:=(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+))?"""
TAG = re.compile(rf"<(/?)([A-Za-z][-A-Za-z0-9_:.]*)((?:\s+{ATTRIBUTE})*)\s*(/?)>")


@dataclass(frozen=True)
class Tag:
    """A tag with its lower-case name and where it stands; attribute values still have their entities."""

    name: str
    attributes: dict[str, str]
    spelled: dict[str, str]  # the same with the attributes' names as they were written
    closes: bool
    empty: bool
    start: int
    end: int

    @property
    def stands_for(self) -> str:
        """What an element of the Teams era is (10)."""
        return self.attributes.get("itemtype", "").split("/")[-1].strip().lower()

    @property
    def is_quote(self) -> bool:
        return self.name == "quote" or (self.name == "blockquote" and self.stands_for == "reply")

    @property
    def is_mention(self) -> bool:
        return self.name == "at" or (self.name == "span" and self.stands_for == "mention")

    @property
    def is_block(self) -> bool:
        """It stands on lines of its own; so does ``pre``, if nobody typed what makes it one."""
        return BLOCKS.fullmatch(self.name) is not None or (self.name == "pre" and "raw_pre" not in self.attributes)

    @property
    def is_dropped(self) -> bool:
        """No text within it is the writer's own."""
        return DROPPED.fullmatch(self.name) is not None or self.is_quote


@dataclass(frozen=True)
class Element:
    """An element of the markup and what stands between its tags."""

    attributes: dict[str, str]
    inner: str
    name: str = ""
    spelled: dict[str, str] | None = None

    def get(self, name: str) -> str | None:
        """An attribute, unescaped; None if missing or empty."""
        return html.unescape(self.attributes.get(name.lower(), "")) or None

    def children(self, name: str) -> list["Element"]:
        return elements(self.inner, name)

    @property
    def text(self) -> str:
        return html.unescape(TAG.sub("", self.inner))


def known_tags(markup: str) -> list[Tag]:
    """The tags that count as such: of known elements, and of all that are complete; anything else is text."""
    tags = [_tag(match) for match in TAG.finditer(markup)]
    complete: set[int] = set()
    open_tags: dict[str, list[int]] = {}
    for index, tag in enumerate(tags):
        if KNOWN.fullmatch(tag.name) or tag.empty:
            complete.add(index)
        elif not tag.closes:
            open_tags.setdefault(tag.name, []).append(index)
        elif open_tags.get(tag.name):
            complete |= {index, open_tags[tag.name].pop()}
    return [tag for index, tag in enumerate(tags) if index in complete]


def elements(markup: str, name: str) -> list[Element]:
    """Every element of that name, in order of their start tags.

    One without an end tag ends before the next of that name, or with the markup.
    """
    tags = [tag for tag in map(_tag, TAG.finditer(markup)) if tag.name == name.lower()]
    found: list[Element] = []
    for index, tag in enumerate(tags):
        if tag.closes:
            continue
        inner = ""
        if not tag.empty:
            last = end_tag(tags, index, tag.name) or index + 1
            inner = markup[tag.end : tags[last].start if last < len(tags) else len(markup)]
        found.append(Element(tag.attributes, inner, tag.name, tag.spelled))
    return found


def in_order(markup: str, names: Sequence[str]) -> list[Element]:
    """The elements of several names as they stand, by their start tags."""
    waiting = {name: iter(elements(markup, name)) for name in names}
    tags = [tag for tag in map(_tag, TAG.finditer(markup)) if tag.name in names and not tag.closes]
    return [next(waiting[tag.name]) for tag in tags]


def own_elements(markup: str, wanted: Callable[[Tag], bool]) -> list[Element]:
    """The wanted elements that stand outside quotes and other dropped elements, in order of their start tags.

    Where there is no end tag the attributes count, and the element has nothing in it.
    """
    tags = known_tags(markup)
    found: list[Element] = []
    position = 0
    for index, tag in enumerate(tags):
        if tag.closes or tag.start < position:
            continue
        last = None if tag.empty else end_tag(tags, index, tag.name)
        if wanted(tag):
            inner = "" if last is None else markup[tag.end : tags[last].start]
            found.append(Element(tag.attributes, inner, tag.name, tag.spelled))
        if tag.is_dropped and last is not None:
            position = tags[last].end
    return found


def without_elements(markup: str, name: str) -> str:
    """The markup without these elements; where there is no end tag, without the tag."""
    rest = ""
    position = 0
    tags = known_tags(markup)
    for index, tag in enumerate(tags):
        if tag.name != name or tag.closes or tag.start < position:
            continue
        last = None if tag.empty else end_tag(tags, index, name)
        rest += markup[position : tag.start]
        position = tag.end if last is None else tags[last].end
    return rest + markup[position:]


def end_tag(pieces: Sequence[str | Tag], start: int, name: str) -> int | None:
    """The index of the end tag that belongs to the start tag at ``start``; elements of the same name nest."""
    depth = 0
    for index in range(start, len(pieces)):
        tag = pieces[index]
        if isinstance(tag, Tag) and tag.name == name and not tag.empty:
            depth += -1 if tag.closes else 1
            if depth == 0:
                return index
    return None


def _tag(match: re.Match[str]) -> Tag:
    attributes: dict[str, str] = {}
    spelled: dict[str, str] = {}
    for attribute in re.findall(ATTRIBUTE, match[3]):
        name, _, value = attribute.partition("=")
        quoted = value[:1] in ("'", '"')
        if name.lower() not in attributes:
            attributes[name.lower()] = spelled[name] = value[1:-1] if quoted else value
    return Tag(match[2].lower(), attributes, spelled, bool(match[1]), bool(match[4]), match.start(), match.end())
