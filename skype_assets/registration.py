"""Telling Dagster what happened elsewhere: an export that lies elsewhere, phases that the plain library finished.

Importing Dagster takes seconds, and the plain library must not need it: the command line runs this module as a process
of its own, ``python -m skype_assets.registration``.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import dagster as dg

from skype_assets import checks
from skype_assets.etl import engine
from skype_assets.etl.api.reporting import WARNING
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.engine.journal import PhaseResult
from skype_assets.etl.errors import EtlError, UsageError
from skype_assets.etl.export.source import fingerprint, is_folder, size_of
from skype_assets.etl.phases import LOAD
from skype_assets.etl.places import named_path
from skype_assets.etl.task import ENDINGS, Task, check_task_id, salvage_by_environment, task_id_for
from skype_assets.etl.tasks import retention
from skype_assets.instance.configured import configured_instance
from skype_assets.io_managers.parquet import DATA_VERSION_TAG, location, recorded_version
from skype_assets.partitions import EXPORTS, asset_key
from skype_assets.resources.checkpoints import PHASE_OF_ASSET
from skype_assets.resources.exports import Exports
from skype_assets.shown import metadata
from skype_assets.shown.statistics import figures_of

UNLOADED_TAG: Final = "skype_assets/unloaded"

_ASSETS = {phase: asset for asset, phase in PHASE_OF_ASSET.items()}
_OBSERVATIONS: Final = 1_000
"""How many are looked through; those of a load's progress come before its materialization."""


def register(path: Path, task_id: str | None = None, instance: dg.DagsterInstance | None = None) -> str:
    """Make an export known to Dagster: a link in the exports folder, and a partition. Doing it again changes nothing.

    Args:
        path: the export, a file or a folder.
        task_id: partition key; made from the export's name and content if not given.
        instance: where to register; by default the one that Dagster's commands use here.

    Returns:
        The task id.

    Raises:
        UsageError: the task id is not allowed, or has another export already; or no instance is configured.
        InvalidExport: the path is not that of an export, or cannot be read.
    """
    salvage = salvage_by_environment()
    size_of(path, salvage=salvage)  # what is no export gets no partition
    task_id = check_task_id(task_id) if task_id is not None else task_id_for(fingerprint(path, salvage=salvage))
    with nullcontext(instance) if instance else configured_instance() as where:
        if where is None:
            raise UsageError(
                "Dagster is not configured here; set DAGSTER_HOME, go to the folder that has dagster.yaml, or make one "
                "with `skype-assets init`"
            )
        link(Path(os.path.abspath(path)), task_id)  # noqa: PTH100 - a link that is given may lead elsewhere tomorrow
        _add_partition(where, task_id)
    return task_id


def link(target: Path, task_id: str) -> None:
    """Put a link to an export into the folder of exports, under its task id; nothing if it is there already.

    Raises:
        UsageError: the task has another export.
    """
    exports = Exports()
    found = exports.find(task_id)
    if found is not None:
        if found == target or found.samefile(target):
            return
        raise UsageError(f"task {task_id} has another export already: {found}; remove it, or use another task id")
    where = exports.folder() / (task_id + _ending(target))
    if not where.parent.is_dir():
        Directory(where.parent).make()
    if where.is_symlink():  # to a file that is gone, or it would have been found
        where.unlink()
    # Within the folder by name alone, so that the folder can be moved.
    where.symlink_to(target.name if target.parent == where.parent else target)


def report_task(task: Task) -> list[str]:
    """Report what is complete of a task; gives the assets that were news. Nothing is if Dagster is not configured."""
    with configured_instance() as instance:
        if instance is None:
            return []
        complete = [(phase, engine.open_phase(task, phase)) for phase in engine.PHASES]
        results = [PhaseResult(phase, tables, True, 0.0) for phase, tables in complete if tables is not None]
        return [_ASSETS[result.phase] for result in results if report(task, result, instance)]


def report(task: Task, result: PhaseResult, instance: dg.DagsterInstance) -> bool:
    """Report a complete phase as a materialization without a run, with its checks.

    Returns:
        False if it is the one materialized last: nothing was reported.

    Raises:
        DatabaseError: the database of a load cannot be asked.
    """
    asset, state = _ASSETS[result.phase], result.state
    key = asset_key(asset)
    is_recorded = recorded_version(instance, key, task.task_id) == state.fingerprint
    if is_recorded and not (asset == LOAD.asset and is_unloaded(instance, task.task_id)):
        return False
    figures = figures_of(result)
    found = list(checks.of_result(task, result, figures))
    _add_partition(instance, task.task_id)
    # Not the code version: with it, Dagster would look for the run's inputs, find none, and call the asset out of date.
    tags = {DATA_VERSION_TAG: state.fingerprint, "dagster/data_version_is_user_provided": "true"}
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            key,
            partition=task.task_id,
            metadata={**metadata.of_result(result, figures), **location(result.tables)},
            tags=tags,
        )
    )
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[task.task_id])
    materialization = instance.fetch_materializations(wanted, limit=1).records[0]
    for each in found:
        instance.report_runless_asset_event(checks.evaluation(key, each, materialization))
    return True


def report_unload(task_id: str) -> list[str]:
    """Report that a task's rows were taken out of the database; gives the assets for which that was news.

    Dagster's storage cannot wipe single partitions, so that the materialization stays. An observation follows it, which
    the asset's page shows for the partition, until the export is loaded again.
    """
    with configured_instance() as instance:
        key = asset_key(LOAD.asset)
        if instance is None or recorded_version(instance, key, task_id) is None or is_unloaded(instance, task_id):
            return []
        instance.report_runless_asset_event(
            dg.AssetObservation(
                key,
                partition=task_id,
                description="Unloaded: its rows are no longer in the database. Materialize it to load them again.",
                tags={UNLOADED_TAG: "true"},
            )
        )
        return [LOAD.asset]


def is_unloaded(instance: dg.DagsterInstance, task_id: str) -> bool:
    """Whether what was reported last of a task's load is that it was unloaded."""
    key = asset_key(LOAD.asset)
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[task_id])
    loaded = instance.fetch_materializations(wanted, limit=1).records
    after = loaded[0].storage_id if loaded else None
    since = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[task_id], after_storage_id=after)
    return any(
        record.asset_observation is not None and UNLOADED_TAG in (record.asset_observation.tags or {})
        for record in instance.fetch_observations(since, limit=_OBSERVATIONS).records
    )


def outdated_storage(instance: dg.DagsterInstance) -> str | None:
    """What to do about Dagster's own storage, if an earlier version of Dagster made it; None if it is up to date."""
    storages = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
    versions = [version for storage in storages if storage and (version := storage.alembic_version()) is not None]
    if all(current == newest for current, newest in versions):
        return None
    return "an earlier version of Dagster made its storage here; stop Dagster, then: dagster instance migrate"


def _warn_of_storage() -> None:
    with configured_instance() as instance:
        if instance is not None and (remedy := outdated_storage(instance)):
            print(f"{WARNING}{remedy}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Register an export and print its task id, or report a task or its unload and print the assets that were news.

    Whatever it does, it says if Dagster's own storage has to be migrated.

    Returns:
        The exit code: 0, or that of the error, which is written to stderr.
    """
    parser = argparse.ArgumentParser(prog="python -m skype_assets.registration", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="register an export")
    add.add_argument("file")
    add.add_argument("--task-id")
    for command, does in (("report", "report what is complete of a task"), ("unloaded", "report that it was unloaded")):
        about = commands.add_parser(command, help=does)
        about.add_argument("--task-id", required=command == "unloaded", help="by default all tasks")
        about.add_argument("--output-dir", required=True)
        about.add_argument("--source")
    commands.add_parser("storage", help="say whether Dagster's own storage has to be migrated")
    given = parser.parse_args(arguments)
    try:
        if given.command == "add":
            print(register(named_path(given.file, "export"), given.task_id))
        elif given.command == "unloaded":
            print(
                *report_unload(check_task_id(given.task_id)),
                sep="\n",
            )
        elif given.command == "report":
            folder = named_path(given.output_dir, "--output-dir").absolute()
            source = named_path(given.source, "--source") if given.source is not None else None
            tasks = [entry.name for entry in retention.entries(folder) if entry.kind == "task"]
            for task_id in tasks if given.task_id is None else [given.task_id]:
                print(*report_task(Task(task_id, folder, source)), sep="\n")
        _warn_of_storage()
    except EtlError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _ending(path: Path) -> str:
    if is_folder(path):
        return ""
    # Longest first; a file that is called otherwise is told by its content, whatever the link is called.
    endings = sorted(ENDINGS, key=len, reverse=True)
    return next((ending for ending in endings if path.name.lower().endswith(ending)), ENDINGS[0])


def _add_partition(instance: dg.DagsterInstance, task_id: str) -> None:
    instance.add_dynamic_partitions(str(EXPORTS.name), [task_id])


if __name__ == "__main__":
    sys.exit(main())
