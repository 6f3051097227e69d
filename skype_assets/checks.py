"""The asset checks: what must be right of each export, looked at again after the phase has said that it is done.

They belong to the steps of their assets (``check_specs``), so that they cost no process and no second look-up of the
partition; of what was loaded without Dagster, ``registration`` reports them. After a blocking one nothing may be built
on the asset. Dagster calls a warning "failed", too: so what every ordinary export has is said by a check that passes,
and only what deserves a look is a warning.
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
from skype_assets.etl.checkpoints.phase_checkpoint import damaged_file
from skype_assets.etl.database import comparison
from skype_assets.etl.database.comparison import Copies
from skype_assets.etl.database.digests import digests_of_load
from skype_assets.etl.database.integrity import dangling
from skype_assets.etl.database.session import Session
from skype_assets.etl.engine.journal import PhaseResult
from skype_assets.etl.phases.extract import Extract
from skype_assets.etl.postgres.url import database_url
from skype_assets.etl.rows.duplicates import without
from skype_assets.etl.task import Task
from skype_assets.instance.materialization import about
from skype_assets.shown.statistics import Statistics

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
        KNOWN_TYPES: "How many messages are of types that this program does not know; those are kept verbatim. "
        "A warning if most are: then it does not understand the export.",
        MEDIA: "How many of the files that messages carry are in the archive: Skype exports most archives without "
        "some, or all. A warning if most of those that are there are empty.",
    },
    "loaded_database": {
        CHECKPOINT: _INTACT,
        REFERENCES: "What rows refer to exists: foreign keys, edited messages, stored objects.",
        DATABASE: "Every message of the checkpoint is in the database, in this copy or a better one, "
        "and no table was changed since the load but by loads of other exports, or by unloading them.",
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


def of_result(task: Task, result: PhaseResult, figures: Statistics | None) -> Iterator[dg.AssetCheckResult]:
    """All checks of a phase; the ``figures`` are those of ``figures_of``."""
    if result.phase == Extract.name:
        yield from of_raw_export(result.tables)
    elif figures is not None:
        yield from of_transformed_tables(task, result.tables, figures)
    else:
        yield from of_loaded_database(task, result.tables, loaded_before=result.from_checkpoint)


def evaluation(
    asset_key: dg.AssetKey, found: dg.AssetCheckResult, materialization: dg.EventLogRecord
) -> dg.AssetCheckEvaluation:
    """What Dagster makes of a result in a run, about a materialization that none has made."""
    assert found.check_name is not None, "all results here have one"
    return dg.AssetCheckEvaluation(
        asset_key=asset_key,
        check_name=found.check_name,
        passed=found.passed,
        metadata=found.metadata,
        target_materialization_data=about(materialization),
        severity=found.severity,
        description=found.description,
        blocking=found.check_name in _BLOCKING,
    )


def of_raw_export(tables: PhaseTables) -> Iterator[dg.AssetCheckResult]:
    """What can be wrong with the raw checkpoint."""
    yield _intact(tables)


def of_transformed_tables(task: Task, tables: PhaseTables, figures: Statistics) -> Iterator[dg.AssetCheckResult]:
    """What can be wrong with the tables, and what a person should know of them."""
    yield _intact(tables)
    yield _conserved(task, tables)
    yield _known(tables, figures)
    yield _present(tables)


def of_loaded_database(task: Task, tables: PhaseTables, *, loaded_before: bool) -> Iterator[dg.AssetCheckResult]:
    """What can be wrong in the database; its digests were taken a moment ago, unless it was ``loaded_before``."""
    yield _intact(tables)
    transformed = engine.open_phase(task, "transform")
    assert transformed is not None, "what was loaded is complete"
    export = transformed.summary("exports").to_pylist()[0]
    with Session(database_url(task.database)) as session:
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


def _known(tables: PhaseTables, figures: Statistics) -> dg.AssetCheckResult:
    unknown, types, total = sum(figures.unknown_types.values()), len(figures.unknown_types), tables.rows()["messages"]
    return _told(
        tables,
        KNOWN_TYPES,
        f"{unknown:,} of {total:,} messages are of {types:,} types that this program does not know. They are loaded, "
        "with their content as it was exported."
        if unknown
        else "All types of messages are known.",
        {"messages_of_unknown_types": unknown, "unknown_types": types},
        deserves_a_look=2 * unknown > total,
    )


def _present(tables: PhaseTables) -> dg.AssetCheckResult:
    # What has no id, such as a card or a Moji, is in no archive.
    attachments = tables["attachments"].to_table(["document_id", "file_size", "media_member", "present"])
    attachments = attachments.filter(attachments["document_id"].is_valid())
    stored = tables["media_files"].to_table(["member", "size_bytes"])
    hollow = stored.filter(pc.equal(stored["size_bytes"], 0))["member"]
    wanted = attachments.filter(pc.not_equal(pc.fill_null(attachments["file_size"], 1), 0))["media_member"]
    empty = pc.sum(pc.is_in(wanted, value_set=hollow.combine_chunks())).as_py() or 0
    total, present = attachments.num_rows, pc.sum(attachments["present"]).as_py() or 0
    said = f"{present:,} of the {total:,} photos and files of messages are in this archive."
    if present < total:
        said += " The others were not exported; if Skype gave a second archive, with files, load that, too."
    if empty:
        said += f" Of those that are, {empty:,} are empty."
    return _told(
        tables,
        MEDIA,
        said,
        {"attachments": total, "in_the_archive": present, "not_exported": total - present, "empty": empty},
        deserves_a_look=2 * empty > present,
    )


def _equal(
    session: Session, export: dict[str, Any], transformed: PhaseTables, loaded: PhaseTables | None
) -> dg.AssetCheckResult:
    found = comparison.loaded_export(session, export["export_id"])
    copies = _copies(session, export, transformed)
    changed = _changed(session, export, transformed, loaded) if loaded is not None else []
    # Whoever loads or unloads another export of the account changes tables rightly: then only messages can be compared.
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


def _told(
    tables: PhaseTables, name: str, said: str, figures: dict[str, Any], *, deserves_a_look: bool
) -> dg.AssetCheckResult:
    return _result(tables, name, not deserves_a_look, dg.AssetCheckSeverity.WARN, figures, said)


def _result(
    tables: PhaseTables,
    name: str,
    passed: bool,
    severity: dg.AssetCheckSeverity,
    figures: dict[str, Any],
    said: str | None = None,
) -> dg.AssetCheckResult:
    # The UI shows checks by asset, not by partition: so each says which export it is about.
    shown = {"export": tables.state.task_id, **figures}
    metadata = {key: value for key, value in shown.items() if value not in (None, "")}
    return dg.AssetCheckResult(passed=passed, check_name=name, severity=severity, metadata=metadata, description=said)
