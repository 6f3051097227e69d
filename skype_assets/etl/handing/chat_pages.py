"""Pages of conversations as files: from what was read to bytes, without a database, in whichever process.

They are most of the work of a hand-over, so several processes do it; whoever has the database writes what they made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from markupsafe import Markup

from skype_assets.etl.handing.addresses import Here, Site
from skype_assets.etl.handing.shards import Row, row
from skype_assets.etl.pages.beside import Beside
from skype_assets.etl.pages.environment import environment, feed
from skype_assets.etl.pages.message import Renderer
from skype_assets.etl.reading.accounts import Account
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.reading.keys import slug
from skype_assets.etl.reading.messages import Message, Page
from skype_assets.etl.reading.people import Participant

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; form-action 'none'; "
    "base-uri 'none'"
)

HEAD: Final = Markup(
    '<meta http-equiv="Content-Security-Policy" content="{policy}">\n<meta name="outlet" content="files">\n'
    '<meta name="referrer" content="no-referrer">\n<script src="/static/files.js" defer></script>'
).format(policy=POLICY)
"""What the pages have in their head, beside what the reader's have."""

templates: Final = lru_cache(environment)


class _Everything:
    """Whatever is asked for is in it: whether it is in the folder, is known when its address is replaced."""

    def __contains__(self, _: object) -> bool:
        return True


@dataclass(frozen=True)
class Folder:
    """What all pages of a hand-over have in common: zone of times, accounts, keys of those that have an own page.

    ``has_people`` says whether people have pages.
    """

    zone: ZoneInfo
    accounts: list[Account]
    own: frozenset[str]
    has_people: bool


@dataclass(frozen=True)
class Chat:
    """What all pages of a conversation have in common: the names of their files, months, who is in it."""

    number: int
    of: Conversation
    account: Account
    pages: list[str]
    months: list[datetime]
    people: list[Participant]


@dataclass(frozen=True)
class Leaf:
    """A page before it is made: its number, its messages, names of people, files by slug and ordinal."""

    chat: Chat
    number: int
    messages: list[Message]
    names: dict[str, str]
    files: dict[tuple[str, str], str]


class Made(NamedTuple):
    """A page: of which conversation, its number, name of the file, bytes, what is searched in it."""

    chat: int
    number: int
    path: str
    page: bytes
    rows: list[Row]


def make(folder: Folder, leaves: Sequence[Leaf], elsewhere: dict[tuple[str, str], str]) -> list[Made]:
    """Make pages.

    Args:
        folder: where they will be.
        leaves: what is on them.
        elsewhere: pages of quoted messages that are not on the page that quotes them, by key of conversation and slug.
    """
    made: list[Made] = []
    for _, of_chat in groupby(leaves, lambda leaf: leaf.chat.number):
        first, *others = of_chat
        maker = _Maker(folder, first.chat, elsewhere)
        made += map(maker.made, [first, *others])
    return made


class _Maker:
    """Makes the pages of a conversation."""

    def __init__(self, folder: Folder, chat: Chat, elsewhere: dict[tuple[str, str], str]) -> None:
        self._folder, self._chat, self._elsewhere = folder, chat, elsewhere
        self._site = Site({chat.of.key: chat.pages}, folder.has_people, folder.own)
        self._known: dict[str, str] = {}
        self._beside = Beside(chat.of, chat.months, chat.people, self._here("", set()).placed)

    def _here(self, name: str, slugs: set[str]) -> Here:
        path = f"c/{self._chat.of.key}/{name}"
        return Here(path, self._site, slugs, self._elsewhere, known=self._known)

    def made(self, leaf: Leaf) -> Made:
        of, found = self._chat.of, leaf.messages
        here = self._here(self._chat.pages[leaf.number], {slug(one.message_id) for one in found})
        here.files = leaf.files
        shown = Renderer(of, leaf.names, self._folder.zone, _Everything(), _Everything()).shown(found)
        for one in shown:
            for file in one.files:
                if file.address is not None and here.target(file.address) is None:
                    file.address = None
        who = {id(one.message): one.who for one in shown}
        rows: list[Row] = []
        said = ""
        for message in found:  # those of an album are shown with its first one
            said = who.get(id(message), said)
            rows.append(row(of, message, said, self._folder.zone))
        page = Page(found, leaf.number > 0, leaf.number + 1 < len(self._chat.pages))
        values = {
            "account": self._chat.account,
            "accounts": self._folder.accounts,
            "head": HEAD,
            **feed(of, page, shown, self._beside, leaf.names),
        }
        rendered = templates(self._folder.zone).get_template("conversation.html").render(values)
        return Made(self._chat.number, leaf.number, here.path, here.placed(rendered).encode(), rows)
