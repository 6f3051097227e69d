"""Holds: rows that must be kept are neither deleted nor replaced by a lesser copy, whoever tries it by SQL.

What was held and released, by whom, when and why, is in ``holds``, to which rows are only added. While anything is
held, triggers keep its rows (``held_rows``).

A superuser, the owner of the tables and the file system are stronger than a trigger (docs/handing-over.md).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from skype_assets.etl.database import held_rows
from skype_assets.etl.database.completion import hold_off_loads
from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.held_rows import ACTIVE
from skype_assets.etl.database.matching import Difference
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import OnHold, UsageError

_LISTED: Final = f"""
SELECT h.hold_id, h.owner_id, h.conversation_id, h.export_id, h.reason, h.said_by, h.said_at,
       r.reason, r.said_by, r.said_at
FROM {SCHEMA}.holds h LEFT JOIN {SCHEMA}.holds r ON r.hold_id = h.hold_id AND r.action = 'release'
WHERE h.action = 'hold' ORDER BY h.hold_id"""

_ON_EXPORT: Final = f"""
SELECT a.hold_id, a.reason FROM ({ACTIVE}) AS a JOIN {SCHEMA}.exports e ON e.export_id = $1
WHERE a.export_id = e.export_id OR a.export_id IS NULL AND a.owner_id = e.owner_id AND (
    a.conversation_id IS NULL OR a.conversation_id IN (
        SELECT c.conversation_id FROM {SCHEMA}.conversation_copies c WHERE c.export_id = e.export_id))
ORDER BY a.hold_id LIMIT 1"""


@dataclass(frozen=True)
class Hold:
    """What is held - an account, a conversation of it, or an export -, why, by whom and since when; and its release."""

    number: int
    owner_id: str
    conversation_id: str | None
    export_id: str | None
    reason: str
    held_by: str
    held_at: datetime
    release_reason: str | None = None
    released_by: str | None = None
    released_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether it was not released."""
        return self.released_at is None

    @property
    def on(self) -> str:
        """What is held, in words."""
        if self.export_id is not None:
            return f"export {self.export_id}"
        if self.conversation_id is not None:
            return f"conversation {self.conversation_id} of {self.owner_id}"
        return f"account {self.owner_id}"


def add(
    session: Session, owner_id: str, reason: str, who: str, *, conversation_id: str | None = None,
    export_id: str | None = None,
) -> int:  # fmt: skip
    """Hold all rows of an account, of a conversation of it, or of an export; the number of the hold.

    What is held already, by the same person for the same reason, is not held once more: the command was repeated.
    """
    with session.transaction():
        _alone(session)
        for one in listed(session):
            said = (one.owner_id, one.conversation_id, one.export_id, one.reason, one.held_by)
            if one.is_active and said == (owner_id, conversation_id, export_id, reason, who):
                return one.number
        [(number,)] = session.rows(f"SELECT coalesce(max(hold_id), 0) + 1 FROM {SCHEMA}.holds")
        _note(session, number, "hold", owner_id, conversation_id, export_id, reason, who)
        held_rows.keep(session)
    return number


def release(session: Session, number: int, reason: str, who: str) -> None:
    """Release a hold; with the last one the triggers go.

    One that the same person has released for the same reason stays as it is: the command was repeated.

    Raises:
        UsageError: there is no such hold, or it was released.
    """
    with session.transaction():
        _alone(session)
        if any((one.number, one.release_reason, one.released_by) == (number, reason, who) for one in listed(session)):
            return
        active = {row[0]: row[1:4] for row in session.rows(ACTIVE)}
        if number not in active:
            raise UsageError(f"there is no hold {number} that is not released; see skype-assets hold list")
        owner_id, conversation_id, export_id = active.pop(number)
        _note(session, number, "release", owner_id, conversation_id, export_id, reason, who)
        if not active:
            held_rows.keep_no_more(session)


def listed(session: Session) -> list[Hold]:
    """All holds that ever were, in their order."""
    if not session.rows("SELECT to_regclass($1) IS NOT NULL", f"{SCHEMA}.holds")[0][0]:
        return []
    return [Hold(*row) for row in session.rows(_LISTED)]


def on_export(session: Session, export_id: str) -> tuple[int, str] | None:
    """Number and reason of the first hold on an export, or on anything in it; None if there is none."""
    if not any(hold.is_active for hold in listed(session)):
        return None
    return next(iter(session.rows(_ON_EXPORT, export_id)), None)


def refuse_if_held(session: Session, export_id: str) -> None:
    """Within a transaction or not: whether an export, or anything in it, is held.

    Raises:
        OnHold: it is.
    """
    if (held := on_export(session, export_id)) is not None:
        raise OnHold(
            f"export {export_id} has what is held (hold {held[0]}: {held[1]}); nothing was changed. Whoever may "
            f"release it: skype-assets hold release {held[0]}"
        )


def held_exports(session: Session) -> dict[str, Hold]:
    """The exports that are held, or have what is held, each with its first hold."""
    active = {hold.number: hold for hold in listed(session) if hold.is_active}
    if not active:
        return {}
    found: dict[str, Hold] = {}
    for export_id, *_ in session.rows(f"SELECT export_id FROM {SCHEMA}.exports ORDER BY export_id"):
        for number, _ in session.rows(_ON_EXPORT, export_id):
            found[export_id] = active[number]
    return found


def problems(session: Session) -> list[Difference]:
    """What is wrong with the triggers that keep what is held."""
    holds = listed(session)
    return held_rows.problems(session, is_held=any(hold.is_active for hold in holds)) if holds else []


def _alone(session: Session) -> None:
    hold_off_loads(session)  # triggers are made, and removed, under locks on the tables
    session.execute(f"LOCK TABLE {SCHEMA}.holds IN EXCLUSIVE MODE")


def _note(
    session: Session, number: int, action: str, owner_id: str, conversation_id: str | None, export_id: str | None,
    reason: str, who: str,
) -> None:  # fmt: skip
    session.execute(
        f"INSERT INTO {SCHEMA}.holds (hold_id, action, owner_id, conversation_id, export_id, reason, said_by, said_at) "
        "VALUES ($1, $2, $3, nullif($4, ''), nullif($5, ''), $6, $7, clock_timestamp())",
        *(number, action, owner_id, conversation_id or "", export_id or "", reason, who),
    )
