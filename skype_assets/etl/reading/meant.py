"""Which message somebody means: by the address that the reader has for it, by its ids, or by its own id alone."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import unquote

from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import UsageError
from skype_assets.etl.reading.conversations import directory
from skype_assets.etl.reading.keys import message_id

_ADDRESS: Final = re.compile(r"(?:.*/c/)?(?P<key>[0-9a-f]{16})(?:/(?:m|evidence)/|[./])(?P<slug>[^/?#]+)(?:[?#].*)?")
_MOST_SLASHES: Final = 12
_MOST: Final = 100

_COLUMNS: Final = "m.owner_id, m.conversation_id, m.message_id, v.title, m.sent_at, m.sender_id, m.kind"

# From each conversation by the key to its message: nothing else has an index of message ids.
_OF_ID: Final = f"""
SELECT {_COLUMNS} FROM skype.conversations v CROSS JOIN LATERAL (
    SELECT * FROM skype.messages o
    WHERE o.owner_id = v.owner_id AND o.conversation_id = v.conversation_id AND o.message_id = $1 LIMIT 1) m
WHERE $2::text IS NULL OR v.owner_id = $2::text ORDER BY 1, 2 LIMIT {_MOST}"""

_OF_IDS: Final = f"""
SELECT {_COLUMNS} FROM skype.messages m LEFT JOIN skype.conversations v USING (owner_id, conversation_id)
WHERE m.owner_id = $1 AND m.conversation_id = $2 AND m.message_id = $3
  AND ($4::text IS NULL OR m.owner_id = $4::text)"""


@dataclass(frozen=True)
class Candidate:
    """A message that may be meant, with what tells it from others."""

    owner_id: str
    conversation_id: str
    message_id: str
    title: str | None
    sent_at: datetime | None
    sender_id: str | None
    kind: str

    def __str__(self) -> str:
        return f"{self.owner_id}/{self.conversation_id}/{self.message_id}"


def meant(session: Session, named: Sequence[str], owner_id: str | None = None) -> list[Candidate]:
    """The messages that may be meant; none, if there is no such message.

    Args:
        session: with the database.
        named: one text: an address of the reader, whole or from the key of the conversation on; the ids of account,
            conversation and message with slashes between; or a message's id. Or these three ids.
        owner_id: the account, if it was chosen.

    Raises:
        UsageError: it is neither one text nor three.
    """
    if len(named) not in (1, 3):
        raise UsageError(
            "name a message by its address in the reader, by its id, or by the ids of account, conversation and message"
        )
    if any("\0" in text for text in named):
        return []
    if len(named) == 3:
        return _of_ids(session, named, owner_id)
    return (
        _of_address(session, named[0], owner_id)
        or [Candidate(*row) for row in session.rows(_OF_ID, named[0], owner_id)]
        or [found for ids in _split(named[0]) for found in _of_ids(session, ids, owner_id)]
    )


def _of_address(session: Session, address: str, owner_id: str | None) -> list[Candidate]:
    found = _ADDRESS.fullmatch(address)
    id = message_id(unquote(found["slug"])) if found else None
    of = directory().find(session, found["key"]) if found and id else None
    return _of_ids(session, (*of, id), owner_id) if of and id else []


def _of_ids(session: Session, ids: Sequence[str], owner_id: str | None) -> list[Candidate]:
    return [Candidate(*row) for row in session.rows(_OF_IDS, *ids, owner_id)]


def _split(text: str) -> Iterator[tuple[str, str, str]]:
    """A text as three ids; an id of an export may have slashes itself."""
    parts = text.split("/")
    if len(parts) > _MOST_SLASHES:
        return
    for first in range(1, len(parts) - 1):
        for second in range(first + 1, len(parts)):
            yield "/".join(parts[:first]), "/".join(parts[first:second]), "/".join(parts[second:])
