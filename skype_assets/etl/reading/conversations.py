"""Conversations: all of an account, one of them, when something was written in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import UsageError
from skype_assets.etl.reading.keys import key

_COLUMNS: Final = (
    "owner_id, conversation_id, title, kind, topic, member_count, message_count, first_message_at, last_message_at"
)

_ALL: Final = f"""
SELECT {_COLUMNS} FROM skype.conversations WHERE owner_id = $1
ORDER BY last_message_at DESC NULLS LAST, message_count DESC, conversation_id"""

_IS_PARTIAL: Final = """
(SELECT coalesce(bool_and(p.is_partial), false) FROM skype.conversation_copies p JOIN skype.exports e USING (export_id)
 WHERE e.owner_id = c.owner_id AND p.conversation_id = c.conversation_id)"""

_KNOWN: Final = f"""
SELECT {_COLUMNS}, {_IS_PARTIAL} AS is_partial FROM skype.conversations c
WHERE (owner_id, conversation_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))"""

_NAMED: Final = f"SELECT {_COLUMNS} FROM skype.conversations"

_SHOWN: Final = 5

_KEYS: Final = "SELECT owner_id, conversation_id FROM skype.conversations"

# From each month straight to the next one in which something was written, by the index.
_MONTHS: Final = """
WITH RECURSIVE months(month) AS (
    SELECT (SELECT date_trunc('month', sent_at) FROM skype.messages
            WHERE owner_id = $1 AND conversation_id = $2 AND sent_at IS NOT NULL AND edit_of IS NULL
            ORDER BY sent_at LIMIT 1)
    UNION ALL
    SELECT (SELECT date_trunc('month', sent_at) FROM skype.messages
            WHERE owner_id = $1 AND conversation_id = $2 AND sent_at >= month + interval '1 month' AND edit_of IS NULL
            ORDER BY sent_at LIMIT 1)
    FROM months WHERE month IS NOT NULL
)
SELECT month FROM months WHERE month IS NOT NULL LIMIT 1200"""


@dataclass(frozen=True)
class Conversation:
    """A conversation of an account; counts and times are those of the table."""

    owner_id: str
    conversation_id: str
    title: str
    kind: str
    topic: str | None
    member_count: int | None
    message_count: int
    first: datetime | None
    last: datetime | None
    is_partial: bool = False
    """Whether every export that has it is damaged, and has not all of it; told of one that is asked for alone."""

    @property
    def key(self) -> str:
        """What stands for it in addresses."""
        return key(self.owner_id, self.conversation_id)


def conversations(session: Session, owner_id: str) -> list[Conversation]:
    """All conversations of an account, the newest first."""
    return [Conversation(*row) for row in session.rows(_ALL, owner_id)]


def conversation(session: Session, owner_id: str, conversation_id: str) -> Conversation | None:
    """One of them; None if there is none of that id."""
    return known(session, [(owner_id, conversation_id)]).get((owner_id, conversation_id))


def known(session: Session, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Conversation]:
    """Those of account and id that there are."""
    owners, ids = [owner_id for owner_id, _ in wanted], [id for _, id in wanted]
    found = (Conversation(*row) for row in session.rows(_KNOWN, owners, ids))
    return {(of.owner_id, of.conversation_id): of for of in found}


def chosen(session: Session, owner_id: str | None, named: str) -> Conversation:
    """The conversation that somebody means by its id, its key, or its title or a part of it.

    Raises:
        UsageError: none or several are meant.
    """
    known = [Conversation(*row) for row in session.rows(_NAMED) if owner_id in (None, row[0])]
    exact = [one for one in known if named in (one.conversation_id, one.key)]
    titled = [one for one in known if one.title.casefold() == named.casefold()]
    part = [one for one in known if named.casefold() in one.title.casefold()]
    meant = exact or titled or part
    if len(meant) == 1:
        return meant[0]
    if not meant:
        raise UsageError(f"--conversation {named} is no conversation's id, nor part of a title")
    shown = ", ".join(one.conversation_id for one in meant[:_SHOWN]) + (", ..." if len(meant) > _SHOWN else "")
    of_accounts = "" if len({one.owner_id for one in meant}) == 1 else "; name the account, with --owner"
    raise UsageError(f"--conversation {named} could be any of {len(meant)}: {shown}; give an id{of_accounts}")


def months(session: Session, of: Conversation) -> list[datetime]:
    """The beginnings of the months in which something was written, in the session's time zone."""
    return [month for month, *_ in session.rows(_MONTHS, of.owner_id, of.conversation_id)]


class Directory:
    """Which conversation or person a key in an address stands for.

    Keys are hashes: they are computed once, and again when one is asked for that a later load may have brought.

    Args:
        statement: gives account and id of all that have a key.
    """

    def __init__(self, statement: str) -> None:
        self._statement = statement
        self._known: dict[str, tuple[str, str]] = {}

    def find(self, session: Session, wanted: str) -> tuple[str, str] | None:
        """Account and id; None if there is nothing of that key."""
        if wanted not in self._known:
            rows: list[tuple[Any, ...]] = session.rows(self._statement)
            self._known = {key(owner_id, id): (owner_id, id) for owner_id, id in rows}
        return self._known.get(wanted)


def directory() -> Directory:
    """That of conversations."""
    return Directory(_KEYS)
