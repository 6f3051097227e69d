"""Who is in a conversation and what they are called (2.2, 2.4, 2.6, 3.4.1, 3.5, 4.1, 4.2, 10).

A name belongs to a person. What a conversation itself tells comes first, by the kind of what tells it; then what any
other conversation of the account tells; then what was given beside the exports.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.reference.messages import Message
from tests.reference.values import EARLIEST

Row = dict[str, Any]
Named = tuple[str, int, datetime, str]  # who, how credible, when, what

SOURCES = ("message", "call", "conversation", "event", "quote", "mention")
OF_TWO = ("direct", "bot", "phone")


@dataclass
class Chat:
    """A conversation over all exports: its merged row, its messages, who is listed, and who was by any copy."""

    row: Row
    messages: list[Message]
    listed: list[str]
    members: set[str]
    people: set[str] = field(default_factory=set[str])
    named: list[Named] = field(default_factory=list[Named])

    def __post_init__(self) -> None:
        self.people = self._people()
        self.named = list(self._named())

    def _people(self) -> set[str]:
        found: set[str | None] = {*self.members}
        for message in self.messages:
            found.add(message.row["sender_id"])
            found |= {part["user_id"] for part in message.call_participants}
            found |= {event[who] for event in message.thread_events for who in ("initiator_id", "target_id")}
        if self.row["kind"] in OF_TWO:
            found |= {self.row["owner_id"], self.row["conversation_id"]}
        return {person for person in found if person and not person.startswith(("19:", "48:", "unknown:", "ALL", "#"))}

    @property
    def partner(self) -> str | None:
        """The other one in a conversation of two."""
        if self.row["kind"] not in OF_TWO:
            return None
        others = self.people - {self.row["owner_id"]}
        if self.row["conversation_id"] in self.people:
            return self.row["conversation_id"]
        return others.pop() if len(others) == 1 else None

    def _named(self) -> Iterator[Named]:
        if self.partner is not None and self.row["display_name"] is not None:
            yield self.partner, SOURCES.index("conversation"), EARLIEST, self.row["display_name"]
        for message in self.messages:
            for source, rows, who, name in (
                ("message", [message.row], "sender_id", "sender_name"),
                ("call", message.call_participants, "user_id", "display_name"),
                ("event", message.thread_events, "initiator_id", "initiator_name"),
                ("event", message.thread_events, "target_id", "target_name"),
                ("quote", message.quotes, "author_id", "author_name"),
                ("mention", message.mentions, "user_id", "label"),
            ):
                for row in rows:
                    if row[who] not in (None, "*") and is_name(row[name], row[who]):
                        yield row[who], SOURCES.index(source), message.row["sent_at"] or EARLIEST, row[name]


def is_name(name: str | None, user_id: str | None) -> bool:
    """What only repeats the id is no name (10)."""
    if not name:
        return False
    return _shown(name) != _shown(user_id or "")


def _shown(text: str) -> str:
    """An id in the shortest form in which a client shows it for a name."""
    number, _, rest = text.partition(":")
    text = rest if number.isdecimal() and number.isascii() and rest else text
    return text.removeprefix("orgid:").removeprefix("live:" if text.startswith("live:.cid.") else "")


def best_names(named: Iterable[Named]) -> dict[str, tuple[str, str]]:
    """Name and source of each person: the most credible, then the latest, then the greatest."""
    best: dict[str, tuple[int, datetime, str]] = {}
    for who, source, when, name in named:
        candidate = (-source, when, name)
        best[who] = max(best.get(who, candidate), candidate)
    return {who: (name, SOURCES[-source]) for who, (source, _, name) in best.items()}


def account_names(chats: Sequence[Chat], given: Mapping[str, str]) -> dict[str, str]:
    """What people are called in the account, wherever that is said."""
    told = best_names(name for chat in chats for name in chat.named)
    return {**given, **{who: name for who, (name, _) in told.items()}}


def owner_name(owner_id: str, chats: Sequence[Chat], given: Mapping[str, str]) -> str | None:
    """The owner's own messages have no names (2.6): one that is there all the same is believed least of all."""
    named = [name for chat in chats for name in chat.named if name[0] == owner_id]
    others = [name for name in named if SOURCES[name[1]] != "message"]
    return best_names(others or named).get(owner_id, (given.get(owner_id), ""))[0]


def participants(chat: Chat, account: Mapping[str, str]) -> list[Row]:
    here = best_names(chat.named)
    sent: dict[str, list[Row]] = defaultdict(list)
    for message in chat.messages:
        sent[message.row["sender_id"]].append(message.row)
    rows: list[Row] = []
    for user_id in sorted(chat.people):
        name, source = here.get(user_id) or (account.get(user_id), "account" if user_id in account else None)
        written = [row for row in sent.get(user_id, []) if is_written(row)]
        instants = [row["sent_at"] for row in written if row["sent_at"] is not None]
        rows.append(
            {
                "owner_id": chat.row["owner_id"],
                "conversation_id": chat.row["conversation_id"],
                "user_id": user_id,
                "display_name": name,
                "name_source": source,
                "is_owner": user_id == chat.row["owner_id"],
                "is_member": user_id in chat.listed,
                "message_count": counted(written),
                "first_seen": min(instants, default=None),
                "last_seen": max(instants, default=None),
            }
        )
    return rows


def title(chat: Chat, people: Sequence[Row]) -> str:
    conversation_id = chat.row["conversation_id"]
    if chat.row["display_name"] or chat.row["topic"]:
        return chat.row["display_name"] or chat.row["topic"]
    if chat.row["kind"] == "special":
        return conversation_id
    itself = [row for row in people if row["user_id"] == conversation_id]
    others = [row for row in people if not row["is_owner"]]
    shown = itself or [row for row in others if row["is_member"]] or others
    return ", ".join(row["display_name"] or row["user_id"] for row in shown[:8]) or conversation_id


def is_written(row: Row) -> bool:
    """Whether somebody wrote it, or did what it tells of (5.4)."""
    return "server_generated" not in row["flags"]


def counted(written: Sequence[Row]) -> int:
    """An edited message counts once."""
    return sum(row["edit_of"] is None for row in written)
