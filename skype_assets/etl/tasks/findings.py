"""What can be found of a task by comparing: each comparison once, for ``verify`` and for Dagster's checks.

Nothing is changed by any of it, and memory is bounded by one part. What was recorded is handed in; what is compared
with it - files, tables, the database - is read again.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.checkpoints import parts
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.phase_checkpoint import is_damaged
from skype_assets.etl.checkpoints.state import FileRecord
from skype_assets.etl.database import comparison
from skype_assets.etl.database.comparison import Copies, LoadedExport
from skype_assets.etl.database.digests import DIGESTED, TableDigest, digests_of_load
from skype_assets.etl.database.integrity import dangling
from skype_assets.etl.database.session import Session
from skype_assets.etl.phases.part_tables import OfOtherParts
from skype_assets.etl.rows.duplicates import without
from skype_assets.etl.schema.tables import TABLES

_CONSERVED = ("seen", "loaded", "duplicate", "rejected")


@dataclass(frozen=True)
class Found:
    """What a comparison found.

    Attributes:
        passed: whether all is as it must be; None if it cannot be told.
        detail: that, for people, or why it cannot be told.
        figures: the same in numbers and names.
    """

    passed: bool | None
    detail: str
    figures: Mapping[str, int | str | None] = field(default_factory=dict[str, int | str | None])


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


def references(session: Session, export: LoadedExport) -> Found:
    """Whether what rows of an export refer to is in the database."""
    missing = dangling(session, export.owner_id, export.export_id)
    said = "; ".join(f"{count} {what}" for what, count in missing.items())
    return Found(not missing, said or "everything that rows refer to is there", {"dangling": said})


@dataclass(frozen=True)
class Digests:
    """Digests of the tables when they were loaded, and of the same rows now."""

    recorded: list[TableDigest]
    now: list[TableDigest]

    @property
    def changed(self) -> list[str]:
        """Names of the tables that differ."""
        now = {digest.table: digest for digest in self.now}
        return [digest.table for digest in self.recorded if now.get(digest.table) != digest]


def digests(session: Session, export: LoadedExport, transform: PhaseTables, load: PhaseTables) -> Digests:
    """Compute the digests of an export's conversations again."""
    conversations = transform.summary("conversations")["conversation_id"].to_pylist()
    recorded = load.summary("database_state").to_pylist()
    return Digests(
        [TableDigest(row["table"], row["rows"], row["sha256"]) for row in recorded],
        digests_of_load(session, export.owner_id, export.export_id, conversations),
    )


def unchanged(compared: Digests, export: LoadedExport, task_id: str) -> Found:
    """Whether the tables are what the load left there; ``task_id`` is the task whose load recorded it."""
    changed = compared.changed
    figures = {"tables_that_changed_since_the_load": ", ".join(changed)}
    unexplained = [table for table in changed if not _may_differ(table, export, task_id)]
    if unexplained:
        return Found(False, f"not what was loaded any more: {', '.join(unexplained)}", figures)
    if changed:
        since = f"{_others(export, task_id)} since, so that these may rightly differ"
        return Found(None, f"{since}: {', '.join(changed)}", figures)
    rows = sum(digest.rows for digest in compared.now)
    return Found(True, f"{len(DIGESTED)} tables, {rows:,} rows, are what was loaded", figures)


def messages_in_database(session: Session, export: LoadedExport, transform: PhaseTables) -> Found:
    """Whether every message is in the database, in this copy or in a better one, whatever was loaded since."""
    total, dropped = Copies(), OfOtherParts.read(transform)
    for part in transform.state.parts:
        if "messages" not in part.files:
            continue
        lesser = dropped.of(part).dropped
        file = parts.read(transform.folder, part.files["messages"])
        for batch in file.iter_batches(parts.BATCH_ROWS, columns=comparison.COPY_COLUMNS, use_threads=False):
            messages = without(pa.Table.from_batches([batch]), lesser)
            total += comparison.copies(session, export.export_id, export.owner_id, messages)
    figures = {
        "messages_in_this_copy": total.this,
        "messages_in_a_better_copy": total.better,
        "messages_in_a_lesser_copy": total.lesser,
        "messages_missing": total.missing,
    }
    if total.missing or total.lesser:
        wrong = f"{total.missing:,} messages are missing, {total.lesser:,} are in a lesser copy"
        return Found(False, wrong, figures)
    return Found(True, f"{total.this:,} messages are there in this copy, {total.better:,} in a better one", figures)


def _may_differ(table: str, export: LoadedExport, task_id: str) -> bool:
    """Whether other exports may have changed an export's rows of a table since; its own record they may not."""
    if export.task_id != task_id:
        return True
    if TABLES[table].key[0] == "export_id":
        return False
    return export.since > 0 or (table == "attachments" and export.since_elsewhere > 0)


def _others(export: LoadedExport, task_id: str) -> str:
    """What happened to the account, or to archives that hold its objects."""
    if export.task_id != task_id:
        return f"the same export was loaded by task {export.task_id}"
    all_of_them = export.since + export.since_elsewhere
    happened = {"loaded": all_of_them - export.unloaded_since, "unloaded": export.unloaded_since}
    return " and ".join(
        f"{number} other {'export was' if number == 1 else 'exports were'} {what}"
        for what, number in happened.items()
        if number
    )
