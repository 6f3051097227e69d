"""People: what they are called, and where they take part."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from skype_assets.etl.database.session import Session
from skype_assets.etl.reading.conversations import Directory
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
WHERE owner_id = $1 AND conversation_id = $2 ORDER BY message_count DESC, display_name, user_id LIMIT 500"""


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
    messages: int
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
        return sum(part.messages for part in self.parts)


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


def participants(session: Session, owner_id: str, conversation_id: str) -> list[Participant]:
    """Those in a conversation who wrote most."""
    return [Participant(*row) for row in session.rows(_OF_CONVERSATION, owner_id, conversation_id)]


def directory() -> Directory:
    """Whom a key in an address stands for."""
    return Directory(_KEYS)
