"""The asset checks: what must be right of each export, looked at again after the phase has said that it is done.

They belong to the steps of their assets (``check_specs``), so that they cost no process and no second look-up of the
partition. After a blocking one nothing may be built on the asset. The others are for a person to know.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Iterator
from typing import Any, Final

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl import engine
from skype_assets.etl.checkpoints import parts
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.phase import damaged_file
from skype_assets.etl.database import comparison
from skype_assets.etl.database.comparison import Copies
from skype_assets.etl.database.digests import digests_of_load
from skype_assets.etl.database.integrity import dangling
from skype_assets.etl.database.session import Session
from skype_assets.etl.rows.duplicates import without
from skype_assets.etl.task import Task
from skype_assets.statistics import Statistics

CHECKPOINT: Final = "checkpoint_intact"
CONSERVATION: Final = "messages_conserved"
KNOWN_TYPES: Final = "message_types_known"
MEDIA: Final = "media_present"
REFERENCES: Final = "references_resolve"
DATABASE: Final = "database_equals_checkpoint"

_INTACT: Final = "Every file of the checkpoint has the SHA-256 that it was written with."
_CHECKS: Final = {
    "raw_export": {CHECKPOINT: _INTACT},
    "transformed_tables": {
        CHECKPOINT: _INTACT,
        CONSERVATION: "In every conversation: seen = loaded + duplicate + rejected, and as many as were extracted.",
        KNOWN_TYPES: "No message is of a type that this program does not know; those are kept verbatim.",
        MEDIA: "The files that messages carry are in the archive; Skype exports most archives without some.",
    },
    "loaded_database": {
        CHECKPOINT: _INTACT,
        REFERENCES: "What rows refer to exists: foreign keys, edited messages, stored objects.",
        DATABASE: "Every message of the checkpoint is in the database, in this copy or a better one, "
        "and no table was changed since the load but by other loads.",
    },
}
# A damaged file is none of these: whoever reads it compares its checksum, and makes it again if that can be done.
_BLOCKING: Final = frozenset({CONSERVATION, REFERENCES, DATABASE})


def specs(asset: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The checks of an asset."""
    return [
        dg.AssetCheckSpec(name, asset=asset, description=description, blocking=name in _BLOCKING)
        for name, description in _CHECKS[asset.path[-1]].items()
    ]


def of_raw_export(tables: PhaseTables) -> Iterator[dg.AssetCheckResult]:
    """What can be wrong with the raw checkpoint."""
    yield _intact(tables)


def of_transformed_tables(task: Task, tables: PhaseTables, figures: Statistics) -> Iterator[dg.AssetCheckResult]:
    """What can be wrong with the tables, and what a person should know of them."""
    yield _intact(tables)
    yield _conserved(task, tables)
    unknown = sum(figures.unknown_types.values())
    yield _told(
        tables,
        KNOWN_TYPES,
        unknown,
        {"messages_of_unknown_types": unknown, "unknown_types": len(figures.unknown_types)},
    )
    attachments = tables["attachments"].to_table(["present"])["present"]
    missing = len(attachments) - (pc.sum(attachments).as_py() or 0)
    yield _told(tables, MEDIA, missing, {"attachments": len(attachments), "missing": missing})


def of_loaded_database(
    task: Task, tables: PhaseTables, url: str, *, loaded_before: bool
) -> Iterator[dg.AssetCheckResult]:
    """What can be wrong in the database; its digests were taken a moment ago, unless it was ``loaded_before``."""
    yield _intact(tables)
    transformed = engine.open_phase(task, "transform")
    assert transformed is not None, "what was loaded is complete"
    export = transformed.summary("exports").to_pylist()[0]
    with Session(url) as session:
        comparison.make_read_only(session)
        missing = dangling(session, export["owner_id"], export["export_id"])
        yield _required(
            tables, REFERENCES, not missing, {"dangling": "; ".join(f"{n} {what}" for what, n in missing.items())}
        )
        yield _equal(session, export, transformed, tables if loaded_before else None)


def _intact(tables: PhaseTables) -> dg.AssetCheckResult:
    folder, records = Directory(tables.folder), tables.state.records
    damaged = [path.name for record in records if (path := damaged_file(folder, record)) is not None]
    files = sum(len(record.files) for record in records)
    return _required(tables, CHECKPOINT, not damaged, {"files": files, "damaged": ", ".join(damaged[:10])})


def _conserved(task: Task, tables: PhaseTables) -> dg.AssetCheckResult:
    account = tables.summary("conservation")
    seen, loaded, duplicate, rejected = (account[name] for name in ("seen", "loaded", "duplicate", "rejected"))
    differing = (
        pc.sum(pc.cast(pc.not_equal(seen, pc.add(pc.add(loaded, duplicate), rejected)), pa.int64())).as_py() or 0
    )
    total = pc.sum(seen).as_py() or 0
    raw = engine.open_phase(task, "extract")
    extracted = raw["messages"].num_rows if raw is not None else None
    figures = {"seen": total, "extracted": extracted, "conversations_that_do_not_balance": differing}
    return _required(tables, CONSERVATION, not differing and extracted in (None, total), figures)


def _equal(
    session: Session, export: dict[str, Any], transformed: PhaseTables, loaded: PhaseTables | None
) -> dg.AssetCheckResult:
    found = comparison.loaded_export(session, export["export_id"])
    copies = _copies(session, export, transformed)
    changed = _changed(session, export, transformed, loaded) if loaded is not None else []
    # Whoever loads another export of the account changes tables rightly: then only the messages can be compared.
    is_alone = found is not None and not found.since and not found.since_elsewhere
    is_there = found is not None and found.status == "complete" and not copies.missing and not copies.lesser
    figures = {
        "messages_in_this_copy": copies.this,
        "messages_in_a_better_copy": copies.better,
        "messages_in_a_lesser_copy": copies.lesser,
        "messages_missing": copies.missing,
        "tables_that_changed_since_the_load": ", ".join(changed),
    }
    return _required(transformed, DATABASE, is_there and not (changed and is_alone), figures)


def _changed(session: Session, export: dict[str, Any], transformed: PhaseTables, loaded: PhaseTables) -> list[str]:
    """The tables whose rows or digest are not those that the load recorded."""
    recorded = {row["table"]: (row["rows"], row["sha256"]) for row in loaded.summary("database_state").to_pylist()}
    conversations = transformed.summary("conversations")["conversation_id"].to_pylist()
    digests = digests_of_load(session, export["owner_id"], export["export_id"], conversations)
    return [digest.table for digest in digests if recorded.get(digest.table) != (digest.rows, digest.sha256)]


def _copies(session: Session, export: dict[str, Any], transformed: PhaseTables) -> Copies:
    total, duplicates = Copies(), transformed.summary("duplicates")
    for part in transformed.state.parts:
        if "messages" not in part.files:
            continue
        dropped = duplicates.filter(pc.equal(duplicates["part"], part.number))
        file = parts.read(transformed.folder, part.files["messages"])
        for batch in file.iter_batches(parts.BATCH_ROWS, columns=comparison.COPY_COLUMNS, use_threads=False):
            messages = without(pa.Table.from_batches([batch]), dropped)
            total += comparison.copies(session, export["export_id"], export["owner_id"], messages)
    return total


def _required(tables: PhaseTables, name: str, passed: bool, figures: dict[str, Any]) -> dg.AssetCheckResult:
    return _result(tables, name, passed, dg.AssetCheckSeverity.ERROR, figures)


def _told(tables: PhaseTables, name: str, count: int, figures: dict[str, Any]) -> dg.AssetCheckResult:
    return _result(tables, name, count == 0, dg.AssetCheckSeverity.WARN, figures)


def _result(
    tables: PhaseTables, name: str, passed: bool, severity: dg.AssetCheckSeverity, figures: dict[str, Any]
) -> dg.AssetCheckResult:
    # The UI shows checks by asset, not by partition: so each says which export it is about.
    shown = {"export": tables.state.task_id, **figures}
    metadata = {key: value for key, value in shown.items() if value not in (None, "")}
    return dg.AssetCheckResult(passed=passed, check_name=name, severity=severity, metadata=metadata)
