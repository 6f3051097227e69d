"""Addresses of the reader as places in a folder: the same pages, with every link leading to a file or nowhere.

The pages are those that the reader serves, letter by letter; then the addresses in their own markup are replaced. What
stands in an archive cannot look like one: its quotation marks are escaped.
"""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final
from urllib.parse import parse_qs

_LINKED: Final = re.compile(r' (href|src|cite|action)="(/[^"]*)"')

# Every message has these, and none leads anywhere: its evidence, and its day.
_LED_NOWHERE: Final = re.compile(r' href="/c/[^"/]*/(?:evidence/[^"]*|\?at=\d{4}-\d\d-\d\d)"')

# Every message has one, and it leads to the message itself.
_PERMALINK: Final = re.compile(r' href="/c/[^"/]*/m/([^"/]*)" id="t-\1"')

_OF_PAGE: Final = ("/m/", "/file/", "?before=", "?after=")
"""What is in addresses that lead elsewhere from each page; others do so from each depth alone."""


@dataclass
class Site:
    """What pages there are.

    Attributes:
        chats: the pages of each conversation by its key, in the order of time.
        has_people: whether people have pages.
        accounts: keys of the accounts that have a page of their own.
    """

    chats: dict[str, list[str]]
    has_people: bool
    accounts: frozenset[str]


@dataclass
class Here:
    """A page, and what is known where it stands.

    Attributes:
        path: of its file.
        site: what other pages there are.
        slugs: of the messages on it.
        elsewhere: pages of messages that are linked from it, by key of the conversation and slug.
        files: where files are, by conversation's key, slug and ordinal.
        known: what became of addresses; pages as deep as this one may share it.
    """

    path: str
    site: Site
    slugs: set[str] = field(default_factory=set[str])
    elsewhere: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    files: dict[tuple[str, str, str], str] = field(default_factory=dict[tuple[str, str, str], str])
    known: dict[str, str] = field(default_factory=dict[str, str], repr=False)

    @cached_property
    def _own(self) -> str:
        """How addresses of messages of the conversation begin whose page this is; empty if it is none."""
        return f"/{self.path.rpartition('/')[0]}/m/" if self.path.startswith("c/") else ""

    def placed(self, page: str) -> str:
        """A page of the reader as it stands here."""
        page = _LED_NOWHERE.sub("", page)
        page = _PERMALINK.sub(r' href="#m-\1" id="t-\1"', page)
        return _LINKED.sub(self._replaced, page)

    def _replaced(self, found: re.Match[str]) -> str:
        linked = found[0]
        replaced = self.known.get(linked)
        if replaced is None:
            target = self.target(html.unescape(found[2]))
            replaced = f' {found[1]}="{html.escape(target)}"' if target is not None else ""
            if not any(part in linked for part in _OF_PAGE):
                self.known[linked] = replaced
        return replaced

    def target(self, address: str) -> str | None:
        """Where an address of the reader leads from here; None if there is no such file."""
        if self._own and address.startswith(self._own) and (at := address[len(self._own) :]) in self.slugs:
            return f"#m-{at}"
        path, _, query = address.partition("?")
        steps = path.strip("/").split("/")
        asked = {name: values[-1] for name, values in parse_qs(query).items()} if query else {}
        target = _TARGETS.get(steps[0], _nowhere)(self, steps, asked, query)
        if target is None or target.startswith("#"):
            return target
        return "../" * self.path.count("/") + target


_Asked = dict[str, str]


def _nowhere(_here: Here, _steps: list[str], _asked: _Asked, _query: str) -> str | None:
    return None


def _start(here: Here, _steps: list[str], asked: _Asked, _query: str) -> str | None:
    return f"account-{asked['a']}.html" if asked.get("a") in here.site.accounts else "index.html"


def _static(_here: Here, steps: list[str], _asked: _Asked, _query: str) -> str | None:
    return "/".join(steps)


def _report(_here: Here, _steps: list[str], _asked: _Asked, _query: str) -> str | None:
    return "report.html"


def _search(_here: Here, _steps: list[str], _asked: _Asked, query: str) -> str | None:
    return f"search.html?{query}" if query else "search.html"


def _person(here: Here, steps: list[str], _asked: _Asked, _query: str) -> str | None:
    return f"p/{steps[1]}.html" if here.site.has_people else None


def _chat(here: Here, steps: list[str], asked: _Asked, _query: str) -> str | None:
    chat, rest = steps[1], steps[2:]
    pages = here.site.chats.get(chat)
    if pages is None:
        return None
    if not rest:
        page = _page(here, chat, pages, asked)
        return f"c/{chat}/{page}" if page is not None else None
    if rest[0] == "m" and len(rest) == 2:
        return here.elsewhere.get((chat, rest[1]))
    if rest[0] == "file" and len(rest) == 3:
        return here.files.get((chat, rest[1], rest[2]))
    return None


def _page(here: Here, chat: str, pages: list[str], asked: _Asked) -> str | None:
    """The page of a conversation: its end, its beginning, a month, the one before or behind this one."""
    if "at" in asked:
        page = f"{asked['at']}.html"
        return f"{page}#content" if page in pages else None
    if "first" in asked:
        return f"{pages[0]}#content"
    if "before" in asked or "after" in asked:
        at = pages.index(here.path.removeprefix(f"c/{chat}/")) + (-1 if "before" in asked else 1)
        if not 0 <= at < len(pages):  # a link that is hidden, as nothing is there
            return None
        return f"{pages[at]}#end" if "before" in asked else f"{pages[at]}#content"
    return pages[-1]


_TARGETS: Final[dict[str, Callable[[Here, list[str], _Asked, str], str | None]]] = {
    "": _start,
    "static": _static,
    "report": _report,
    "search": _search,
    "c": _chat,
    "p": _person,
}
