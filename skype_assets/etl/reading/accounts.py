"""Accounts, their exports and totals."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import UsageError
from skype_assets.etl.reading.keys import key

_EXPORTS: Final = """
SELECT owner_id, owner_name, export_id, source_name, exported_at, loaded_at, status, messages_loaded, task_id
FROM skype.exports ORDER BY owner_id, exported_at NULLS FIRST, export_id"""

_TOTALS: Final = """
SELECT owner_id, count(*), coalesce(sum(message_count), 0)::bigint, min(first_message_at), max(last_message_at)
FROM skype.conversations GROUP BY owner_id"""


@dataclass(frozen=True)
class Export:
    """A loaded export, or one that is being loaded."""

    export_id: str
    source_name: str
    exported_at: datetime | None
    loaded_at: datetime | None
    status: str
    messages: int
    task_id: str


@dataclass(frozen=True)
class Account:
    """An account, what was exported of it, and how much there is."""

    owner_id: str
    name: str
    exports: tuple[Export, ...]
    conversations: int
    messages: int
    first: datetime | None
    last: datetime | None

    @property
    def key(self) -> str:
        """What stands for it in addresses."""
        return key(self.owner_id, "")


def accounts(session: Session) -> list[Account]:
    """All accounts of the database, that with most messages first."""
    exports: dict[str, list[Export]] = {}
    names: dict[str, str] = {}
    for owner_id, name, export_id, source, exported_at, loaded_at, status, messages, task_id in session.rows(_EXPORTS):
        export = Export(export_id, source, exported_at, loaded_at, status, messages, task_id)
        exports.setdefault(owner_id, []).append(export)
        if name:
            names[owner_id] = name
    nothing: tuple[Any, ...] = (0, 0, None, None)
    totals: dict[str, tuple[Any, ...]] = {row[0]: row[1:] for row in session.rows(_TOTALS)}
    found = [
        Account(owner_id, names.get(owner_id, owner_id), tuple(of_owner), *totals.get(owner_id, nothing))
        for owner_id, of_owner in exports.items()
    ]
    return sorted(found, key=lambda account: (-account.messages, account.owner_id))


def chosen(session: Session, owner: str) -> Account:
    """The account that somebody means by its id, or its name or a part of either.

    Raises:
        UsageError: none or several are meant.
    """
    known = accounts(session)
    exact = [account for account in known if owner in (account.owner_id, account.name, account.key)]
    part = [a for a in known if owner.lower() in a.owner_id.lower() or owner.lower() in a.name.lower()]
    meant = exact or part
    if len(meant) == 1:
        return meant[0]
    names = ", ".join(account.owner_id for account in meant or known)
    problem = "is part of several accounts" if meant else "is none of the accounts"
    raise UsageError(f"--owner {owner} {problem}: {names}")
