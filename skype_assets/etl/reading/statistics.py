"""Figures: when people wrote, who, and what; of an account, a conversation or a person."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from skype_assets.etl.database.session import Session

# One scan for all. Counted is what the totals count: an edited message once, empty rows of the server not at all.
_COUNTED: Final = """
SELECT GROUPING(month, weekday, sender_id, kind)::bigint, month, weekday, hour, sender_id, kind, count(*)
FROM (
    SELECT date_trunc('month', sent_at) AS month, extract(isodow FROM sent_at)::bigint AS weekday,
           extract(hour FROM sent_at)::bigint AS hour, sender_id, kind
    FROM skype.messages
    WHERE {conditions} AND edit_of IS NULL AND NOT 'server_generated' = ANY (flags)
) AS m
GROUP BY GROUPING SETS ((month), (weekday, hour), (sender_id), (kind))"""

_BY: Final = {0b0111: "month", 0b1011: "weekday", 0b1101: "sender", 0b1110: "kind"}
"""Of each grouping, the bits of what it is not by."""

_NAMES: Final = """
SELECT DISTINCT ON (user_id) user_id, display_name FROM skype.participants
WHERE owner_id = $1 AND user_id = ANY ($2) AND display_name IS NOT NULL ORDER BY user_id, last_seen DESC NULLS LAST"""

_STATE: Final = """
SELECT (SELECT count(*) FROM skype.load_parts), (SELECT max(committed_at) FROM skype.load_parts),
       (SELECT count(*) FROM skype.unloads), (SELECT max(loaded_at) FROM skype.exports)"""

_MOST_PEOPLE: Final = 50


@dataclass
class Figures:
    """Counts of messages. ``hours`` are by weekday (1 = Monday) and hour; ``people`` have the most messages first."""

    total: int = 0
    months: list[tuple[datetime, int]] = field(default_factory=list[tuple[datetime, int]])
    untimed: int = 0
    hours: Counter[tuple[int, int]] = field(default_factory=Counter[tuple[int, int]])
    people: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    other_people: int = 0
    kinds: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])


def state(session: Session) -> tuple[Any, ...]:
    """What changes whenever a load or an unload may have changed the figures."""
    return session.rows(_STATE)[0]


def figures(
    session: Session, owner_id: str, *, conversation_id: str | None = None, user_id: str | None = None
) -> Figures:
    """The figures of an account, of a conversation of it, or of somebody's messages; in the session's time zone."""
    conditions, values = ["owner_id = $1"], [owner_id]
    for column, value in (("conversation_id", conversation_id), ("sender_id", user_id)):
        if value is not None:
            values.append(value)
            conditions.append(f"{column} = ${len(values)}")
    found, people = Figures(), Counter[str]()
    for grouping, month, weekday, hour, sender_id, kind, count in session.rows(
        _COUNTED.format(conditions=" AND ".join(conditions)), *values
    ):
        match _BY[grouping]:
            case "month" if month is None:
                found.untimed = count
            case "month":
                found.months.append((month, count))
            case "weekday" if weekday is not None:
                found.hours[weekday, hour] = count
            case "sender" if sender_id is not None:
                people[sender_id] = count
            case "kind":
                found.kinds.append((kind, count))
                found.total += count
            case _:
                pass
    found.months.sort()
    found.kinds.sort(key=lambda item: (-item[1], item[0]))
    most = people.most_common(_MOST_PEOPLE)
    names = dict(session.rows(_NAMES, owner_id, [id for id, _ in most])) if most else {}
    found.people = [(id, names.get(id, id), count) for id, count in most]
    found.other_people = len(people) - len(most)
    return found
