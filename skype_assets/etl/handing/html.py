"""The reader as files: its own pages, which open without a server or a network, and search themselves."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import groupby, islice
from math import inf
from typing import Any, Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from skype_assets.etl.handing.addresses import Here, Site
from skype_assets.etl.handing.chat_pages import HEAD, Chat, Folder, Leaf, Made, Material, make, templates
from skype_assets.etl.handing.handover import Format, HandOver
from skype_assets.etl.handing.selection import MANY, Chapter
from skype_assets.etl.handing.shards import Shards
from skype_assets.etl.pages.environment import HERE
from skype_assets.etl.pages.words import WORDS
from skype_assets.etl.reading import accounts, conversations, messages, people, query
from skype_assets.etl.reading.accounts import Account
from skype_assets.etl.reading.keys import key, slug
from skype_assets.etl.reading.messages import Fetched, Place

UNDATED: Final = "undated"

SOME: Final = 500
"""Messages from which on their pages are made by another process."""

_PEOPLE: Final = 100
"""People of whom everything is read at once."""

_SEARCH_HEAD: Final = HEAD + Markup('\n<script src="/static/search.js" defer></script>')


@dataclass(frozen=True)
class _Pages:
    """The pages of a conversation, in the order of time: name of the file, messages."""

    chapter: Chapter
    names: list[str]
    counts: list[int]
    starts: list[Place | None]
    months: list[datetime]

    @classmethod
    def of(cls, chapter: Chapter) -> "_Pages":
        """Cut the months of a conversation into pages; what has no time comes first."""
        names, counts, starts = list[str](), list[int](), list[Place | None]()
        for month in sorted(chapter.months):
            left = chapter.months[month]
            for number, start in enumerate([None, *chapter.marks.get(month, ())], start=1):
                names.append(f"{month or UNDATED}{f'-part{number}' if number > 1 else ''}.html")
                counts.append(min(left, MANY))
                starts.append(start)
                left -= MANY
        months = [datetime.strptime(month, "%Y-%m") for month in sorted(chapter.months) if month]  # noqa: DTZ007
        return cls(chapter, names, counts, starts, months)

    def page_of(self, place: Place, month: str) -> str:
        """The page that a message is on."""
        first = self.names.index(f"{month or UNDATED}.html")
        found = first
        for number in range(first + 1, len(self.names)):
            start = self.starts[number]
            if start is None or (start.sent_at or place.sent_at, start.message_id) > (place.sent_at, place.message_id):
                break
            found = number
        return self.names[found]


class _Writer:
    """Writes the pages of a hand-over."""

    def __init__(self, hand: HandOver) -> None:
        self._hand = hand
        self._wanted = hand.selection.wanted
        self._zone = ZoneInfo(self._wanted.time_zone)
        self._templates = templates(self._zone)
        self._pages = {chapter.of.key: _Pages.of(chapter) for chapter in hand.selection.chapters}
        self._accounts = self._of_selection(accounts.accounts(hand.session))
        several = len(self._accounts) > 1
        self._site = Site(
            {chat: pages.names for chat, pages in self._pages.items()},
            has_people=hand.selection.is_whole,
            accounts=frozenset(account.key for account in self._accounts) if several else frozenset(),
        )
        self._shards = Shards(hand.output)

    def write(self) -> None:
        """All pages, and what they need."""
        self._static()
        self._lists()
        for pages in self._pages.values():
            self._shards.chat(pages.chapter.of, pages.names)
        for some in self._hand.made(self._work()):
            for made in some:
                self._hand.output.put(made.path, made.page)
                for row in made.rows:
                    self._shards.add(row, made.chat, made.number)
                self._hand.have_done(len(made.rows))
        if self._site.has_people:
            self._people()
        self._shards.finish(self._names_of_senders(), WORDS)
        self._hand.figures = {
            "pages": sum(len(pages.names) for pages in self._pages.values()),
            "search_scripts": self._shards.count,
        }

    def _work(self) -> Iterator[Callable[[], list[Made]]]:
        """The pages of conversations, some at once, each time with all that they are made of."""
        folder = Folder(self._zone, self._accounts, self._site.accounts, self._site.has_people)
        for owner_id, of_owner in groupby(self._leaves(), lambda leaf: leaf.chat.of.owner_id):
            leaves: list[Leaf] = []
            for leaf in of_owner:
                leaves.append(leaf)
                if sum(len(one.ids) for one in leaves) >= SOME:
                    yield partial(make, folder, leaves, self._material(owner_id, leaves))
                    leaves = []
            if leaves:
                yield partial(make, folder, leaves, self._material(owner_id, leaves))

    def _leaves(self) -> Iterator[Leaf]:
        keys = self._hand.selection.keys()
        everybody = self._hand.of_each(people.participants)
        for place, (pages, in_it) in enumerate(zip(self._pages.values(), everybody, strict=True)):
            of = pages.chapter.of
            account = next(account for account in self._accounts if account.owner_id == of.owner_id)
            shown_people = in_it if self._hand.selection.has_whole_conversations else []
            chat = Chat(place, of, account, pages.names, pages.months, shown_people)
            for number, count in enumerate(pages.counts):
                yield Leaf(chat, number, [message_id for _, message_id in islice(keys, count)])
        assert next(keys, None) is None, "every message is on a page"

    def _material(self, owner_id: str, leaves: Sequence[Leaf]) -> Material:
        """What pages of an account are made of."""
        rows = messages.fetched(self._hand.session, owner_id, [key for leaf in leaves for key in leaf.keys])
        names = self._hand.selection.names(self._hand.session, owner_id, rows)
        return Material(rows, names, self._files(leaves, rows), self._linked(owner_id, leaves, rows))

    def _of_selection(self, known: list[Account]) -> list[Account]:
        """The accounts that messages are of; of a part of them, what is told is of that part."""
        owners = set(self._hand.selection.owners)
        found = [account for account in known if account.owner_id in owners]
        if self._hand.selection.is_whole:
            return found
        exports = self._hand.selection.exports(self._hand.session)
        of_owner = {
            owner: [chapter for chapter in self._hand.selection.chapters if chapter.of.owner_id == owner]
            for owner in owners
        }
        return [
            replace(
                account,
                exports=tuple(
                    replace(export, messages=exports[export.export_id])
                    for export in account.exports
                    if export.export_id in exports
                ),
                messages=sum(chapter.messages for chapter in of_owner[account.owner_id]),
                conversations=len(of_owner[account.owner_id]),
                first=None,
                last=None,
            )
            for account in found
        ]

    def _render(self, template: str, here: Here, values: dict[str, Any], head: Markup = HEAD) -> None:
        shown = {"account": None, "accounts": self._accounts, "here": "", "head": head, **values}
        page = here.placed(self._templates.get_template(template).render(shown))
        self._hand.output.put(here.path, page.encode())

    def _static(self) -> None:
        for path in sorted((HERE / "static").iterdir()):
            self._hand.output.put(f"static/{path.name}", path.read_bytes())

    def _lists(self) -> None:
        """The conversations of each account; with several, the list of these comes first."""
        several = len(self._accounts) > 1
        if several:
            self._render("accounts.html", Here("index.html", self._site), {"here": "conversations"})
        for account in self._accounts:
            chats = [one.of for one in self._hand.selection.chapters if one.of.owner_id == account.owner_id]
            newest = sorted(chats, key=lambda of: of.last.timestamp() if of.last else -inf, reverse=True)
            path = f"account-{account.key}.html" if several else "index.html"
            values = {
                "here": "conversations",
                "account": account,
                "conversations": newest,
                "selection": self._hand.selection.document(),
            }
            self._render("conversations.html", Here(path, self._site), values)
        values = {
            "here": "search",
            "account": self._accounts[0] if not several else None,
            "conversation": None,
            "q": "",
            "number": 1,
            "operators": query.OPERATORS,
            "found": None,
            "problem": None,
            "hint": False,
        }
        self._render("search.html", Here("search.html", self._site), values, _SEARCH_HEAD)

    def _files(self, leaves: Sequence[Leaf], rows: Fetched) -> dict[tuple[str, str, str], str]:
        """Where the files of messages are, by conversation's key, slug and ordinal."""
        chats = {leaf.chat.of.conversation_id: leaf.chat.of for leaf in leaves}
        return {
            (chats[chat].key, slug(message_id), str(attachment.ordinal)): kept.name
            for (chat, message_id), attachment in rows.belonging("attachments")
            if attachment.is_file and (kept := self._hand.media.file(chats[chat], message_id, attachment)) is not None
        }

    def _linked(self, owner_id: str, leaves: Sequence[Leaf], rows: Fetched) -> dict[tuple[str, str], str]:
        """The pages of quoted messages that are on others, if all of their conversation was selected."""
        if not self._hand.selection.has_whole_conversations:
            return {}
        on = {key: leaf for leaf in leaves for key in leaf.keys} if rows.tables["quotes"].num_rows else {}
        wanted = {
            quoted
            for at, quote in rows.belonging("quotes")
            if (quoted := messages.quoted(at[0], quote)) is not None and on.get(quoted) is not on[at]
        }
        result: dict[tuple[str, str], str] = {}
        for chat, message_id, place, month in messages.places(self._hand.session, owner_id, sorted(wanted)):
            pages = self._pages.get(chat_key := key(owner_id, chat))
            if pages is not None and month in pages.chapter.months:
                page = pages.page_of(place, month)
                result[chat_key, slug(message_id)] = f"c/{chat_key}/{page}#m-{slug(place.message_id)}"
        return result

    def _people(self) -> None:
        for owner_id in self._hand.selection.owners:
            account = next(account for account in self._accounts if account.owner_id == owner_id)
            everybody = iter(people.everybody(self._hand.session, owner_id))
            while some := list(islice(everybody, _PEOPLE)):
                for person in people.persons(self._hand.session, owner_id, some):
                    of_person = key(owner_id, person.user_id)
                    values = {"here": "conversations", "account": account, "person": person, "person_key": of_person}
                    self._render("person.html", Here(f"p/{of_person}.html", self._site), values)

    def _names_of_senders(self) -> dict[str, list[str]]:
        session, selection = self._hand.session, self._hand.selection
        chats = [chapter.of for chapter in selection.chapters]
        if selection.is_whole:  # in conversations without messages, too
            chats = [of for owner_id in selection.owners for of in conversations.conversations(session, owner_id)]
        return people.names_of(session, chats, list(self._shards.senders))


def _write(hand: HandOver) -> None:
    _Writer(hand).write()


HTML: Final = Format("html", _write, 1_500)
