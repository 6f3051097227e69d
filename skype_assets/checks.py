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
import pyarrow.compute as pc

from skype_assets.etl import engine
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.database.registered import registered_as
from skype_assets.etl.database.session import Session
from skype_assets.etl.engine.journal import PhaseResult
from skype_assets.etl.phases import EXTRACT
from skype_assets.etl.postgres.url import reachable_url
from skype_assets.etl.task import Task
from skype_assets.etl.tasks import findings
from skype_assets.etl.tasks.doubts import chats, doubts
from skype_assets.etl.tasks.findings import Found
from skype_assets.instance.materialization import about
from skype_assets.shown.statistics import Statistics

CHECKPOINT: Final = "checkpoint_intact"
CONSERVATION: Final = "messages_conserved"
MESSAGES: Final = "conversations_have_messages"
WHOLE: Final = "export_is_whole"
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
        MESSAGES: "How many conversations have messages. A warning if none has, or if most lack the list of messages: "
        "then this may not be the file that has them.",
        WHOLE: "Whether the export could be read to its end. A warning if it is damaged, and was read as far as it is "
        "whole because that was asked for (SKYPE_SALVAGE).",
        KNOWN_TYPES: "How many messages are of types that this program does not know; those are kept verbatim. "
        "A warning if most are: then it does not understand the export.",
        MEDIA: "How many of the files that messages carry are in the archive: Skype exports most archives without "
        "some, or all. A warning if most of those that are there are empty.",
    },
    "loaded_database": {
        CHECKPOINT: _INTACT,
        REFERENCES: "What rows refer to exists: foreign keys, edited messages, stored objects.",
        DATABASE: "Every row of the checkpoint is in the database, column by column as it was sent, but for messages "
        "of which another export has a better copy; and the database has no other row of this export.",
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
    if result.phase == EXTRACT.name:
        yield from of_raw_export(result.tables)
    elif figures is not None:
        yield from of_transformed_tables(task, result.tables, figures)
    else:
        yield from of_loaded_database(task, result.tables)


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
    yield _with_messages(tables)
    yield _whole(tables)
    yield _known(tables, figures)
    yield _present(tables)


def of_loaded_database(task: Task, tables: PhaseTables) -> Iterator[dg.AssetCheckResult]:
    """What can be wrong in the database."""
    yield _intact(tables)
    transformed = engine.open_phase(task, "transform")
    assert transformed is not None, "what was loaded is complete"
    export_id = transformed.summary("exports")["export_id"][0].as_py()
    with Session(reachable_url(task.database), read_only=True) as session:
        export = next(iter(registered_as(session, "export_id", export_id)), None)
        if export is None or not export.is_loaded:
            status = "not there" if export is None else export.status
            yield _required(tables, REFERENCES, False, {"export_in_the_database": status})
            yield _required(tables, DATABASE, False, {"export_in_the_database": status})
            return
        defers_keys = task.settings.defer_constraints
        yield _of_finding(tables, REFERENCES, findings.references(session, export, defers_keys=defers_keys))
        yield _of_finding(tables, DATABASE, findings.rows_in_database(session, transformed))


def _intact(tables: PhaseTables) -> dg.AssetCheckResult:
    recorded = [file for record in tables.state.records for file in record.files.values()]
    return _of_finding(tables, CHECKPOINT, findings.files(Directory(tables.folder), recorded, len(recorded)))


def _conserved(task: Task, tables: PhaseTables) -> dg.AssetCheckResult:
    return _of_finding(tables, CONSERVATION, findings.conservation(tables, engine.open_phase(task, "extract"), None))


def _with_messages(tables: PhaseTables) -> dg.AssetCheckResult:
    found, odd = chats(tables), doubts(tables)
    said = f"{found.with_messages:,} of {found.total:,} conversations have messages."
    if found.without_list:
        said += f" Without a list of messages: {found.without_list:,}."
    return _told(
        tables,
        MESSAGES,
        said,
        {
            "conversations": found.total,
            "with_messages": found.with_messages,
            "without_a_list": found.without_list,
            "warnings": "; ".join(odd),
        },
        deserves_a_look=bool(odd),
    )


def _whole(tables: PhaseTables) -> dg.AssetCheckResult:
    found = findings.whole(tables)
    return _told(tables, WHOLE, found.detail, dict(found.figures), deserves_a_look=not found.passed)


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


def _of_finding(tables: PhaseTables, name: str, found: Found) -> dg.AssetCheckResult:
    return _required(tables, name, found.passed is not False, dict(found.figures))


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
