"""What the messages of an export are, in figures: for metadata, the picture and the checks of ``transformed_tables``.

One look at three columns of the messages, batch by batch. No text, but the types that Skype's own program gave: a type
that is not known yet is what somebody has to be told. And no names, unless somebody asked for those of the largest
conversations: Dagster keeps what it is told for ever, and shows it to whoever reaches it.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.content.message_types import UNKNOWN
from skype_assets.etl.engine.journal import PhaseResult
from skype_assets.etl.export.members import printable
from skype_assets.etl.phases import TRANSFORM

NAMES_SWITCH: Final = "SKYPE_PICTURE_NAMES"
"""Environment variable of the process that runs the step, which names the largest conversations in the picture: ``on``.

Run configuration cannot set it, for the reason given at ``Database``.
"""

_TYPE_CHARACTERS: Final = 60


@dataclass(frozen=True)
class Statistics:
    """Figures of one export; further copies of a message in other parts are counted, too.

    Attributes:
        by_month: messages per month, as ``(year, month)``.
        unknown_types: messages of each type that is not known, by the type's name.
        people: who took part, the owner included.
        largest: message counts and kinds of the largest conversations, in descending order.
        names: their titles, if they are to be shown.
    """

    by_month: dict[tuple[int, int], int] = field(default_factory=dict[tuple[int, int], int])
    unknown_types: dict[str, int] = field(default_factory=dict[str, int])
    people: int = 0
    largest: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    names: list[str] | None = None


def figures_of(result: PhaseResult) -> Statistics | None:
    """The figures of a phase; None of all but transform."""
    return statistics(result.tables) if result.phase == TRANSFORM.name else None


def statistics(tables: PhaseTables, conversations: int = 10) -> Statistics:
    """The figures of a complete transform checkpoint, with so many of the largest conversations."""
    months: Counter[tuple[int, int]] = Counter()
    unknown: Counter[str] = Counter()
    for batch in tables["messages"].batches(["sent_at", "message_type", "kind"]):
        months.update(_by_month(batch["sent_at"]))
        types = batch["message_type"].filter(pc.equal(batch["kind"], UNKNOWN))
        unknown.update(printable((name or "")[:_TYPE_CHARACTERS]) for name in types.to_pylist())
    ordered = tables.summary("conversations").select(["message_count", "kind", "title"])
    rows = ordered.sort_by([("message_count", "descending")]).slice(0, conversations).to_pylist()
    largest = [(row["message_count"], row["kind"]) for row in rows]
    names = [row["title"] for row in rows] if os.environ.get(NAMES_SWITCH) == "on" else None
    people = pc.count_distinct(tables.summary("participants")["user_id"]).as_py()
    return Statistics(dict(sorted(months.items())), dict(unknown.most_common()), people, largest, names)


def _by_month(instants: pa.Array) -> dict[tuple[int, int], int]:
    known = instants.drop_null()
    number = pc.add(pc.multiply(pc.year(known), 12), pc.subtract(pc.month(known), 1))
    counts = pc.value_counts(number).to_pylist()
    return {(each["values"] // 12, each["values"] % 12 + 1): each["counts"] for each in counts}
