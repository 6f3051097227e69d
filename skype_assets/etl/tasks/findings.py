"""What can be found of a task by comparing: each comparison once, for ``verify`` and for Dagster's checks.

Nothing is changed by any of it, and memory is bounded by one part. What was recorded is handed in; what is compared
with it - files, tables, the database - is read again.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow.compute as pc

from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.phase_checkpoint import is_damaged
from skype_assets.etl.checkpoints.state import FileRecord
from skype_assets.etl.database import completion, holds
from skype_assets.etl.database.integrity import dangling
from skype_assets.etl.database.loading import counts_as
from skype_assets.etl.database.matching import Comparison, Difference
from skype_assets.etl.database.registered import Registered
from skype_assets.etl.database.session import Session
from skype_assets.etl.phases import UNREADABLE
from skype_assets.etl.phases.proof import prove

_CONSERVED = ("seen", "loaded", "duplicate", "rejected")


@dataclass(frozen=True)
class Found:
    """What a comparison found.

    Attributes:
        passed: whether all is as it must be; None if it cannot be told.
        detail: that, for people, or why it cannot be told.
        figures: the same in numbers and names.
        named: what differs, as far as it is named.
    """

    passed: bool | None
    detail: str
    figures: Mapping[str, int | str | None] = field(default_factory=dict[str, int | str | None])
    named: Sequence[Difference] = ()


def is_partial(transform: PhaseTables) -> bool:
    """Whether an export is damaged, and not all of it could be read."""
    return UNREADABLE in transform.state.counts()


def whole(transform: PhaseTables) -> Found:
    """Whether the export could be read to its end; of one that could not, nothing tells what is missing."""
    if not is_partial(transform):
        return Found(True, "all of it could be read")
    places = transform.state.counts()[UNREADABLE]
    unreadable = transform.summary("exports")["unreadable_bytes"][0].as_py()
    cut = pc.sum(transform.summary("conversation_copies")["is_partial"], min_count=0).as_py()
    figures = {"unreadable_places": places, "unreadable_bytes": unreadable, "conversations_cut_short": cut}
    said = f"partial: {unreadable:,} bytes in {places:,} places could not be read, {cut:,} conversations are cut short"
    return Found(None, said, figures)


def files(folder: Directory, records: Sequence[FileRecord], total: int) -> Found:
    """Files of a phase against the bytes and SHA-256 that they were written with; ``total`` is how many there are."""
    damaged = [record.name for record in records if is_damaged(folder, record)]
    figures = {"files": len(records), "damaged": ", ".join(damaged[:10])}
    if damaged:
        more = ", ..." if len(damaged) > 1 else ""
        first = folder.file(damaged[0])
        wrong = f"{len(damaged)} of {len(records)} files are missing or not what was written: {first}{more}"
        return Found(False, wrong, figures)
    drawn = f"{total:,}" if len(records) == total else f"{len(records):,} of {total:,}"
    return Found(True, f"{drawn} files, {sum(record.bytes for record in records):,} bytes", figures)


def conservation(transform: PhaseTables, extract: PhaseTables | None, load: PhaseTables | None) -> Found:
    """The account of messages: it balances in every conversation, and says what the tables hold (promise I7)."""
    export, table = transform.summary("exports").to_pylist()[0], transform.summary("conservation")
    totals: dict[str, int] = {name: pc.sum(table[name], min_count=0).as_py() for name in _CONSERVED}
    unbalanced = [
        [row[name] for name in _CONSERVED]
        for row in table.to_pylist()
        if row["seen"] != row["loaded"] + row["duplicate"] + row["rejected"]
    ]
    counted = {
        "seen": [export["messages_seen"], *([extract["messages"].num_rows] if extract is not None else [])],
        "loaded": [
            export["messages_loaded"],
            transform["messages"].num_rows - transform["duplicates"].num_rows,
            *([loaded_rows(load, "messages")] if load is not None else []),
        ],
        "duplicate": [export["messages_duplicate"]],
        "rejected": [export["messages_rejected"]],
    }
    wrong = [f"a conversation does not balance: {row}" for row in unbalanced[:1]] + [
        f"{name}: {totals[name]} by conversation, but {counts} elsewhere"
        for name, counts in counted.items()
        if set(counts) != {totals[name]}
    ]
    figures = {
        "seen": totals["seen"],
        "extracted": extract["messages"].num_rows if extract is not None else None,
        "conversations_that_do_not_balance": len(unbalanced),
    }
    if wrong:
        return Found(False, wrong[0], figures)
    seen, loaded, duplicate, rejected = totals.values()
    balance = f"{seen:,} seen = {loaded:,} loaded + {duplicate:,} duplicate + {rejected:,} rejected"
    return Found(True, f"{balance}, in {table.num_rows:,} conversations", figures)


def loaded_rows(load: PhaseTables, table: str) -> int:
    """Rows of a table that the load recorded."""
    return sum(row["rows"] for row in load["loaded_parts"].to_table().to_pylist() if row["table"] == table)


def references(session: Session, export: Registered, *, defers_keys: bool = False) -> Found:
    """Whether what rows of an export refer to is in the database.

    The database may lack foreign keys, if a campaign that is under way ``defers_keys``.
    """
    missing = dangling(session, export.owner_id, export.export_id)
    lacking = [] if completion.is_complete(session) else [completion.INCOMPLETE]
    said = "; ".join([*(f"{count} {what}" for what, count in missing.items()), *lacking])
    is_right = not missing and (defers_keys or not lacking)
    return Found(is_right, said or "everything that rows refer to is there", {"dangling": said})


def holds_on(session: Session) -> str:
    """What is held."""
    active = [hold for hold in holds.listed(session) if hold.is_active]
    return "; ".join(f"hold {hold.number} on {hold.on}: {hold.reason}" for hold in active) or "nothing is held"


def rows_in_database(session: Session, transform: PhaseTables) -> Found:
    """Whether every row is in the database as the checkpoint says, or in a better copy, whatever was loaded since."""
    total = prove(session, transform).total
    figures = {
        "rows_as_exported": total.rows,
        "messages_in_this_copy": total.messages,
        "messages_in_a_better_copy": total.better,
        "rows_missing": total.missing,
        "rows_that_differ": total.wrong,
        "first_of_these": "; ".join(map(str, total.named[:10])),
    }
    found = replace(compared(total), figures=figures)
    if found.passed and not counts_as(session, transform.summary("exports")):
        return Found(False, "skype.exports does not count what the export has; run the task again", figures)
    return found


def compared(total: Comparison) -> Found:
    """What came of comparing rows, for people."""
    if not total.is_equal:
        return Found(False, str(total), named=total.named)
    winners = ", ".join(f"{count:,} of export {export_id}" for export_id, count in sorted(total.better_of.items()))
    better = f", {total.better:,} messages in a better copy: {winners}" if winners else ""
    return Found(True, f"{total.rows:,} rows are there as the checkpoint says{better}")
