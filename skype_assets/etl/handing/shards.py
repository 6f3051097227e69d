"""What the search in files looks at: scripts with texts and figures, of so many messages each.

A page that lies as a file may load scripts, but read no files. Each script calls a function with its data. A row is a
message, or a text that an edit replaced; the rows of a conversation follow each other in the order of time.
"""

import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from skype_assets.etl.handing.output import Output
from skype_assets.etl.pages import formats
from skype_assets.etl.reading.conditions import KIND_OF_FILE
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.reading.keys import key, slug
from skype_assets.etl.reading.messages import Link, Message
from skype_assets.etl.reading.query import HAS, IS
from skype_assets.etl.schema.flags import DELETED_BY_EDIT_MARKER

FOLDER: Final = "search"
ROWS: Final = 20_000
"""Rows of a shard."""

_BIT: Final = {name: 1 << place for place, name in enumerate((*HAS, *IS))}
_OF_KIND: Final = {
    kind: sum(_BIT[name] for name, kinds in KIND_OF_FILE.items() if kind in kinds)
    for kind in {kind for kinds in KIND_OF_FILE.values() for kind in kinds}
}
"""Bits of what files are, by the kind of an attachment."""

_ROW_END, _FILE, _LINK = "\0", "\x01", "\x02"
_NOBODY: Final = -1


class Row(NamedTuple):
    """A message as it is searched: its text and those that edits replaced, in bits what it has and is, milliseconds.

    ``offset`` is that of its local time, in seconds.
    """

    texts: list[str]
    slug: str
    sender: str | None
    who: str
    kind: str
    bits: int
    at: int | None
    offset: int | None


def row(of: Conversation, message: Message, who: str, zone: tzinfo) -> Row:
    """The row of a message, sent by somebody who is called so."""
    at = formats.local(message.sent_at, zone) if message.sent_at else None
    beside = "".join(
        [
            *(f"{_FILE}{one.file_name}" for one in message.attachments if one.file_name),
            *(f"{_LINK}{_link(one)}" for one in message.links),
        ]
    )
    return Row(
        [message.text + beside, *(one for one in message.earlier if one not in message.superseded)],
        slug(message.message_id),
        message.sender_id or None,
        who,
        message.kind,
        _bits(of, message),
        _milliseconds(at),
        round((at.utcoffset() or timedelta()).total_seconds()) if at else None,
    )


@dataclass
class Shards:
    """Collects what can be searched, and writes it shard by shard."""

    output: Output
    count: int = 0
    texts: list[str] = field(default_factory=list[str])
    slugs: list[str] = field(default_factory=list[str])
    numbers: list[int] = field(default_factory=list[int])
    times: list[float] = field(default_factory=list[float])
    chats: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    senders: dict[str, int] = field(default_factory=dict[str, int])
    names: dict[str, int] = field(default_factory=dict[str, int])
    kinds: dict[str, int] = field(default_factory=dict[str, int])

    def chat(self, of: Conversation, pages: Sequence[str]) -> None:
        """One more conversation, and its pages."""
        named = {"key": of.key, "account": key(of.owner_id, ""), "id": of.conversation_id, "title": of.title}
        self.chats.append({**named, "pages": list(pages)})

    def add(self, row: Row, chat: int, page: int) -> None:
        """A message of a conversation, on one of its pages, given by number."""
        numbers = [
            chat,
            page,
            self.senders.setdefault(row.sender, len(self.senders)) if row.sender else _NOBODY,
            self.names.setdefault(row.who, len(self.names)),
            self.kinds.setdefault(row.kind, len(self.kinds)),
            row.bits,
            row.offset or 0,
        ]
        for text in row.texts:
            self.texts.append(text)
            self.slugs.append(row.slug)
            self.numbers += numbers
            self.times.append(math.nan if row.at is None else row.at)
        if len(self.texts) >= ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what was collected, if anything was."""
        if not self.texts:
            return
        data = {
            "texts": _ROW_END.join(self.texts),
            "slugs": " ".join(self.slugs),
            "numbers": b64encode(np.array(self.numbers, "<i4").tobytes()).decode(),
            "times": b64encode(np.array(self.times, "<f8").tobytes()).decode(),
        }
        self._write(f"{self.count:03}", b"skypeShard(%d, %b);\n" % (self.count, msgspec.json.encode(data)))
        self.count += 1
        self.texts, self.slugs, self.numbers, self.times = [], [], [], []

    def finish(self, people: dict[str, list[str]], texts: dict[str, str]) -> None:
        """Write the rest, and the script that says what there is.

        Args:
            people: all names of those who sent something, by id.
            texts: those of the page.
        """
        self.flush()
        senders = [[id, sorted(people.get(id, []))] for id in self.senders]
        data = {
            "shards": self.count,
            "chats": self.chats,
            "senders": senders,
            "names": list(self.names),
            "kinds": list(self.kinds),
            "has": HAS,
            "is": IS,
            "texts": texts,
        }
        self._write("index", b"skypeIndex(%b);\n" % msgspec.json.encode(data))

    def _write(self, name: str, script: bytes) -> None:
        self.output.put(f"{FOLDER}/{name}.js", script)


def _milliseconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1_000)


def _bits(of: Conversation, message: Message) -> int:
    """What ``has:`` and ``is:`` ask for, a bit each in the order of their values."""
    is_deleted = message.deleted_at is not None or DELETED_BY_EDIT_MARKER in message.flags
    bits = (
        (_BIT["link"] if message.links else 0)
        | (_BIT["call"] if message.kind in ("call", "call_log") else 0)
        | (_BIT["reaction"] if message.reactions else 0)
        | (_BIT["quote"] if message.quotes else 0)
        | (_BIT["edited"] if message.edited_at is not None else 0)
        | (_BIT["deleted"] if is_deleted else 0)
        | (_BIT["mine"] if message.sender_id == of.owner_id else 0)
        | (_BIT["file"] if message.kind == "file_transfer" else 0)
    )
    for attachment in message.attachments:
        bits |= _OF_KIND.get(attachment.kind, 0)
    return bits


def _link(link: Link) -> str:
    return "\n".join(part or "" for part in (link.url, link.label, link.title, link.description))
