"""People: what they are called, and where they take part."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from skype_assets.etl.database.session import Session
from skype_assets.etl.reading.conversations import Conversation, Directory
from skype_assets.etl.reading.keys import key

_KEYS: Final = "SELECT DISTINCT owner_id, user_id FROM skype.participants"

_OF_PERSON: Final = """
SELECT c.conversation_id, c.title, c.kind, p.display_name, p.name_source, p.is_owner, p.is_member, p.message_count,
       p.first_seen, p.last_seen
FROM skype.participants p JOIN skype.conversations c USING (owner_id, conversation_id)
WHERE p.owner_id = $1 AND p.user_id = $2
ORDER BY p.last_seen DESC NULLS LAST, c.last_message_at DESC NULLS LAST, c.conversation_id"""

_OF_CONVERSATION: Final = """
SELECT user_id, display_name, is_owner, is_member, message_count FROM skype.participants
WHERE owner_id = $1 AND conversation_id = $2 ORDER BY message_count DESC, display_name, user_id LIMIT {most}"""

_SHOWN: Final = 500


_EVERYBODY: Final = "SELECT DISTINCT user_id FROM skype.participants WHERE owner_id = $1 ORDER BY 1"

_ALL_NAMES: Final = """
SELECT DISTINCT user_id, display_name FROM skype.participants
WHERE user_id = ANY ($1) AND (owner_id, conversation_id) IN (SELECT * FROM unnest($2::text[], $3::text[]))
  AND display_name IS NOT NULL ORDER BY 1, 2"""

_CHANGES: Final = """
SELECT t.target_id, m.sent_at, t.event = 'member_added'
FROM skype.thread_events t JOIN skype.messages m USING (owner_id, conversation_id, message_id)
WHERE owner_id = $1 AND conversation_id = $2 AND t.event IN ('member_added', 'member_removed')
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
    parts = tuple(Part(owner_id, *row) for row in session.rows(_OF_PERSON, owner_id, user_id))
    return Person(owner_id, user_id, parts) if parts else None


def participants(session: Session, owner_id: str, conversation_id: str, most: int | None = _SHOWN) -> list[Participant]:
    """Those in a conversation who wrote most; None = all."""
    statement = _OF_CONVERSATION.format(most="ALL" if most is None else most)
    return [Participant(*row) for row in session.rows(statement, owner_id, conversation_id)]


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


def comings_and_goings(session: Session, owner_id: str, conversation_id: str) -> list[tuple[str, datetime, bool]]:
    """Who was added to a conversation (True) or left it, and when, in the order of time."""
    return [(user_id, at, came) for user_id, at, came in session.rows(_CHANGES, owner_id, conversation_id)]


def directory() -> Directory:
    """Whom a key in an address stands for."""
    return Directory(_KEYS)
