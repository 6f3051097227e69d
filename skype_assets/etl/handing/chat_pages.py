"""Pages of conversations as files: from what was read to bytes, without a database, in whichever process.

They are most of the work of a hand-over, so several processes do it; whoever has the database writes what they made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import groupby, islice
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from markupsafe import Markup

from skype_assets.etl.handing.addresses import Here, Site
from skype_assets.etl.handing.shards import Row, row
from skype_assets.etl.pages.beside import Beside
from skype_assets.etl.pages.environment import environment, feed
from skype_assets.etl.pages.message import Renderer
from skype_assets.etl.reading.accounts import Account
from skype_assets.etl.reading.by_key import Key
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.reading.keys import slug
from skype_assets.etl.reading.messages import Fetched, Message
from skype_assets.etl.reading.people import Participant
from skype_assets.etl.reading.walk import Page

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
    """A page before it is made: its number, and the ids of its messages."""

    chat: Chat
    number: int
    ids: list[str]

    @property
    def keys(self) -> list[Key]:
        """Those of its messages."""
        return [(self.chat.of.conversation_id, id) for id in self.ids]


@dataclass(frozen=True)
class Material:
    """What pages of an account are made of.

    Attributes:
        rows: of their messages.
        names: of people, by conversation and id.
        files: where files are, by conversation's key, slug and ordinal.
        elsewhere: pages of quoted messages, if these are not on the page that quotes them, by conversation's key and
            slug.
    """

    rows: Fetched
    names: dict[str, dict[str, str]]
    files: dict[tuple[str, str, str], str]
    elsewhere: dict[tuple[str, str], str]


class Made(NamedTuple):
    """A page: of which conversation, its number, name of the file, bytes, what is searched in it."""

    chat: int
    number: int
    path: str
    page: bytes
    rows: list[Row]


def make(folder: Folder, leaves: Sequence[Leaf], material: Material) -> list[Made]:
    """Make pages of an account.

    Args:
        folder: where they will be.
        leaves: which.
        material: what is on them.
    """
    found = material.rows.messages()
    assert len(found) == len(material.rows.keys), "every message is on a page"
    in_order, made = iter(found), list[Made]()
    for _, of_chat in groupby(leaves, lambda leaf: leaf.chat.number):
        first, *others = of_chat
        maker = _Maker(folder, first.chat, material)
        made += [maker.made(leaf, list(islice(in_order, len(leaf.ids)))) for leaf in (first, *others)]
    return made


class _Maker:
    """Makes the pages of a conversation."""

    def __init__(self, folder: Folder, chat: Chat, material: Material) -> None:
        self._folder, self._chat, self._material = folder, chat, material
        self._names = material.names[chat.of.conversation_id]
        self._site = Site({chat.of.key: chat.pages}, folder.has_people, folder.own)
        self._known: dict[str, str] = {}
        self._beside = Beside(chat.of, chat.months, chat.people, self._here("", set()).placed)

    def _here(self, name: str, slugs: set[str]) -> Here:
        path = f"c/{self._chat.of.key}/{name}"
        return Here(path, self._site, slugs, self._material.elsewhere, self._material.files, self._known)

    def made(self, leaf: Leaf, found: list[Message]) -> Made:
        of = self._chat.of
        here = self._here(self._chat.pages[leaf.number], {slug(one.message_id) for one in found})
        shown = Renderer(of, self._names, self._folder.zone, _Everything(), _Everything()).shown(found)
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
            **feed(of, page, shown, self._beside, self._names),
        }
        rendered = templates(self._folder.zone).get_template("conversation.html").render(values)
        return Made(self._chat.number, leaf.number, here.path, here.placed(rendered).encode(), rows)
