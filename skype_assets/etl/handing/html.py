"""The reader as files: its own pages, which open without a server or a network, and search themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from math import inf
from typing import Any, Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from skype_assets.etl.handing.addresses import Here, Site
from skype_assets.etl.handing.handover import Format, HandOver
from skype_assets.etl.handing.selection import MANY, Chapter
from skype_assets.etl.handing.shards import Shards
from skype_assets.etl.pages.beside import Beside
from skype_assets.etl.pages.environment import HERE, environment, feed
from skype_assets.etl.pages.message import Renderer, Shown
from skype_assets.etl.pages.words import WORDS
from skype_assets.etl.reading import accounts, conversations, messages, people, query
from skype_assets.etl.reading.accounts import Account
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.reading.keys import key, slug
from skype_assets.etl.reading.messages import Message, Page, Place

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; form-action 'none'; "
    "base-uri 'none'"
)
UNDATED: Final = "undated"

_HEAD: Final = Markup(
    '<meta http-equiv="Content-Security-Policy" content="{policy}">\n<meta name="outlet" content="files">\n'
    '<meta name="referrer" content="no-referrer">\n<script src="/static/files.js" defer></script>'
).format(policy=POLICY)

_SEARCH_HEAD: Final = _HEAD + Markup('\n<script src="/static/search.js" defer></script>')


class _Everything:
    """Whatever is asked for is in it: whether a file is there, is known only when it was looked for."""

    def __contains__(self, _: object) -> bool:
        return True


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
        self._templates = environment(self._zone)
        self._pages = {chapter.of.key: _Pages.of(chapter) for chapter in hand.selection.chapters}
        self._exports = hand.selection.exports(hand.session)
        self._accounts = self._of_selection(accounts.accounts(hand.session))
        several = len(self._accounts) > 1
        self._site = Site(
            {chat: pages.names for chat, pages in self._pages.items()},
            has_people=hand.selection.is_whole,
            accounts=frozenset(account.key for account in self._accounts) if several else frozenset(),
        )
        self._shards = Shards(hand.output, self._zone)

    def write(self) -> None:
        """All pages, and what they need."""
        self._static()
        self._lists()
        flat = ((message, names) for _, found, names in self._hand.read() for message in found)
        for pages in self._pages.values():
            of = pages.chapter.of
            self._shards.chat(of, pages.names)
            everybody = people.participants(self._hand.session, of.owner_id, of.conversation_id)
            shown_people = everybody if self._hand.selection.has_whole_conversations else []
            known: dict[str, str] = {}
            beside = Beside(of, pages.months, shown_people, Here(f"c/{of.key}/", self._site, known=known).placed)
            for number, count in enumerate(pages.counts):
                some = list(islice(flat, count))
                several = {id(names): names for _, names in some}  # those that were read at once have the same
                names = {user_id: name for one in several.values() for user_id, name in one.items()}
                self._chat_page(pages, number, [message for message, _ in some], names, beside, known)
        assert next(flat, None) is None, "every message is on a page"
        if self._site.has_people:
            self._people()
        self._shards.finish(self._names_of_senders(), WORDS)
        self._hand.figures = {
            "pages": sum(len(pages.names) for pages in self._pages.values()),
            "search_scripts": self._shards.count,
        }

    def _of_selection(self, known: list[Account]) -> list[Account]:
        """The accounts that messages are of; of a part of them, what is told is of that part."""
        owners = set(self._hand.selection.owners)
        found = [account for account in known if account.owner_id in owners]
        if self._hand.selection.is_whole:
            return found
        of_owner = {
            owner: [chapter for chapter in self._hand.selection.chapters if chapter.of.owner_id == owner]
            for owner in owners
        }
        return [
            replace(
                account,
                exports=tuple(
                    replace(export, messages=self._exports[export.export_id])
                    for export in account.exports
                    if export.export_id in self._exports
                ),
                messages=sum(chapter.messages for chapter in of_owner[account.owner_id]),
                conversations=len(of_owner[account.owner_id]),
                first=None,
                last=None,
            )
            for account in found
        ]

    def _render(self, template: str, here: Here, values: dict[str, Any], head: Markup = _HEAD) -> None:
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

    def _chat_page(
        self,
        pages: _Pages,
        number: int,
        found: list[Message],
        names: dict[str, str],
        beside: Beside,
        known: dict[str, str],
    ) -> None:
        of = pages.chapter.of
        slugs = {slug(one.message_id) for one in found}
        here = Here(f"c/{of.key}/{pages.names[number]}", self._site, slugs, known=known)
        here.elsewhere = self._linked(of, found, here.slugs)
        shown = Renderer(of, names, self._zone, _Everything()).shown(found)
        self._place_files(of, found, here)
        for one in shown:
            for file in one.files:
                if file.address is not None and here.target(file.address) is None:
                    file.address = None
        self._search_rows(of, found, shown, number)
        page = Page(found, number > 0, number + 1 < len(pages.names))
        account = next(account for account in self._accounts if account.owner_id == of.owner_id)
        about = feed(of, page, shown, beside, names)
        self._render("conversation.html", here, {"account": account, **about})

    def _place_files(self, of: Conversation, found: Sequence[Message], here: Here) -> None:
        for message in found:
            for attachment, kept in self._hand.media.of(of, message):
                if kept is not None:
                    here.files[slug(message.message_id), str(attachment.ordinal)] = kept.name

    def _search_rows(self, of: Conversation, found: Sequence[Message], shown: Sequence[Shown], number: int) -> None:
        who = {id(one.message): one.who for one in shown}
        said = ""
        for message in found:  # those of an album are shown with its first one
            said = who.get(id(message), said)
            self._shards.add(of, message, said, number)

    def _linked(self, of: Conversation, found: Sequence[Message], here: set[str]) -> dict[tuple[str, str], str]:
        """The pages of quoted messages that are on others, if all of their conversation was selected."""
        if not self._hand.selection.has_whole_conversations:
            return {}
        wanted = {
            (quote.quoted_conversation_id or of.conversation_id, quote.quoted_message_id)
            for message in found
            for quote in message.quotes
            if quote.quoted_message_id and slug(quote.quoted_message_id) not in here
        }
        result: dict[tuple[str, str], str] = {}
        for chat, message_id, place, month in messages.places(self._hand.session, of.owner_id, sorted(wanted)):
            pages = self._pages.get(chat_key := key(of.owner_id, chat))
            if pages is not None and month in pages.chapter.months:
                page = pages.page_of(place, month)
                result[chat_key, slug(message_id)] = f"c/{chat_key}/{page}#m-{slug(place.message_id)}"
        return result

    def _people(self) -> None:
        for owner_id in self._hand.selection.owners:
            account = next(account for account in self._accounts if account.owner_id == owner_id)
            for user_id in people.everybody(self._hand.session, owner_id):
                person = people.person(self._hand.session, owner_id, user_id)
                assert person is not None, "they take part in a conversation"
                of_person = key(owner_id, user_id)
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
