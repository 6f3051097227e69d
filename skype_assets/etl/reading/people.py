"""People: what they are called, and where they take part."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from skype_assets.etl.database.session import Session
from skype_assets.etl.reading import by_key
from skype_assets.etl.reading.conversations import Conversation, Directory
from skype_assets.etl.reading.keys import key

_KEYS: Final = "SELECT DISTINCT owner_id, user_id FROM skype.participants"

_OF_PERSONS: Final = """
SELECT p.user_id, c.conversation_id, c.title, c.kind, p.display_name, p.name_source, p.is_owner, p.is_member,
       p.message_count, p.first_seen, p.last_seen
FROM skype.participants p JOIN skype.conversations c USING (owner_id, conversation_id)
WHERE p.owner_id = $1 AND p.user_id = ANY ($2)
ORDER BY p.last_seen DESC NULLS LAST, c.last_message_at DESC NULLS LAST, c.conversation_id"""

_OF_CONVERSATIONS: Final = """
SELECT p.* FROM unnest($2::text[]) AS w(conversation_id) CROSS JOIN LATERAL (
    SELECT conversation_id, user_id, display_name, is_owner, is_member, message_count FROM skype.participants
    WHERE owner_id = $1 AND conversation_id = w.conversation_id
    ORDER BY message_count DESC, display_name, user_id LIMIT {most}
) AS p"""

_SHOWN: Final = 500


_EVERYBODY: Final = "SELECT DISTINCT user_id FROM skype.participants WHERE owner_id = $1 ORDER BY 1"

_ALL_NAMES: Final = """
SELECT DISTINCT user_id, display_name FROM skype.participants
WHERE user_id = ANY ($1) AND (owner_id, conversation_id) IN (SELECT * FROM unnest($2::text[], $3::text[]))
  AND display_name IS NOT NULL ORDER BY 1, 2"""

_NAMES: Final = by_key.statement("participants", "user_id, display_name", "user_id", "AND display_name IS NOT NULL")

_NAMES_ELSEWHERE: Final = """
SELECT DISTINCT ON (user_id) user_id, display_name FROM skype.participants
WHERE owner_id = $1 AND user_id = ANY ($2) AND display_name IS NOT NULL
  AND ($3::text[] IS NULL OR conversation_id = ANY ($3))
ORDER BY user_id, last_seen DESC NULLS LAST, conversation_id"""

_CHANGES: Final = """
SELECT t.conversation_id, t.target_id, m.sent_at, t.event = 'member_added'
FROM skype.thread_events t JOIN skype.messages m USING (owner_id, conversation_id, message_id)
WHERE owner_id = $1 AND conversation_id = ANY ($2) AND t.event IN ('member_added', 'member_removed')
  AND t.target_id IS NOT NULL AND m.sent_at IS NOT NULL
ORDER BY m.sent_at, m.message_id, t.ordinal"""


@dataclass(frozen=True)
class Part:
    """A person's part in a conversation."""

    owner_id: str
    conversation_id: str
    title: str
    kind: str
    name: str | None
    name_source: str | None
    is_owner: bool
    is_member: bool
    message_count: int
    first: datetime | None
    last: datetime | None

    @property
    def key(self) -> str:
        """What stands for the conversation in addresses."""
        return key(self.owner_id, self.conversation_id)


@dataclass(frozen=True)
class Person:
    """Somebody who takes part in conversations of an account; the name is the one known last."""

    owner_id: str
    user_id: str
    parts: tuple[Part, ...]

    @property
    def names(self) -> list[str]:
        """All names, that of the newest message first."""
        return list(dict.fromkeys(part.name for part in self.parts if part.name))

    @property
    def name(self) -> str:
        """What to call them."""
        return next(iter(self.names), self.user_id)

    @property
    def messages(self) -> int:
        """Messages in all conversations."""
        return sum(part.message_count for part in self.parts)


@dataclass(frozen=True)
class Participant:
    """Somebody in a conversation."""

    user_id: str
    name: str | None
    is_owner: bool
    is_member: bool
    messages: int


def person(session: Session, owner_id: str, user_id: str) -> Person | None:
    """Somebody, with all conversations; None if they take part in none."""
    return next(iter(persons(session, owner_id, [user_id])), None)


def persons(session: Session, owner_id: str, user_ids: Sequence[str]) -> list[Person]:
    """People, each with all conversations; who takes part in none is left out."""
    parts: dict[str, list[Part]] = {user_id: [] for user_id in user_ids}
    for user_id, *row in session.rows(_OF_PERSONS, owner_id, list(user_ids)):
        parts[user_id].append(Part(owner_id, *row))
    return [Person(owner_id, user_id, tuple(of_them)) for user_id, of_them in parts.items() if of_them]


def participants(
    session: Session, owner_id: str, chats: Sequence[str], most: int | None = _SHOWN
) -> dict[str, list[Participant]]:
    """Those in each of some conversations who wrote most; None = all."""
    found: dict[str, list[Participant]] = {chat: [] for chat in chats}
    statement = _OF_CONVERSATIONS.format(most="ALL" if most is None else most)
    for chat, *person in session.rows(statement, owner_id, list(found)):
        found[chat].append(Participant(*person))
    return found


def everybody(session: Session, owner_id: str) -> list[str]:
    """The ids of all who take part in conversations of an account."""
    return [user_id for user_id, *_ in session.rows(_EVERYBODY, owner_id)]


def names_of(session: Session, chats: Sequence[Conversation], user_ids: Sequence[str]) -> dict[str, list[str]]:
    """All names of people in some conversations, by id."""
    found: dict[str, list[str]] = {}
    owners, ids = [of.owner_id for of in chats], [of.conversation_id for of in chats]
    for user_id, name in session.rows(_ALL_NAMES, list(user_ids), owners, ids) if user_ids else ():
        found.setdefault(user_id, []).append(name)
    return found


def names(
    session: Session, owner_id: str, wanted: Mapping[str, Collection[str]], within: Sequence[str] | None = None
) -> dict[str, dict[str, str]]:
    """What people are called, in each conversation: there, else elsewhere in the account.

    Args:
        session: with the database.
        owner_id: the account.
        wanted: ids of people, by conversation.
        within: the conversations of the account that elsewhere is; None = all.
    """
    found: dict[str, dict[str, str]] = {chat: {} for chat in wanted}
    keys = [(chat, id) for chat, ids in wanted.items() for id in sorted(ids)]
    for chat, id, name in by_key.rows(session, _NAMES, owner_id, keys):
        found[chat][id] = name
    missing = sorted({id for chat, id in keys if id not in found[chat]})
    if missing:
        rows = session.rows(_NAMES_ELSEWHERE, owner_id, missing, list(within) if within is not None else None)
        for id, name in rows:
            for chat in found:
                if id in wanted[chat]:
                    found[chat].setdefault(id, name)
    return found


def comings_and_goings(
    session: Session, owner_id: str, chats: Sequence[str]
) -> dict[str, list[tuple[str, datetime, bool]]]:
    """Who was added to each of some conversations (True) or left it, and when, in the order of time."""
    found: dict[str, list[tuple[str, datetime, bool]]] = {chat: [] for chat in chats}
    for chat, user_id, at, came in session.rows(_CHANGES, owner_id, list(found)):
        found[chat].append((user_id, at, came))
    return found


def directory() -> Directory:
    """Whom a key in an address stands for."""
    return Directory(_KEYS)
