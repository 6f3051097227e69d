"""Telling Dagster what happened elsewhere: an export that lies elsewhere, phases that the plain library finished.

Importing Dagster takes seconds, and the plain library must not need it: the command line runs this module as a process
of its own, ``python -m skype_assets.registration``.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import dagster as dg

from skype_assets.etl import engine
from skype_assets.etl.engine.journal import PhaseResult
from skype_assets.etl.errors import EtlError, UsageError
from skype_assets.etl.export.source import fingerprint, is_folder
from skype_assets.etl.task import ENDINGS, Task, check_task_id, task_id_for
from skype_assets.instance.configured import configured_instance
from skype_assets.io_managers.parquet import DATA_VERSION_TAG, location, recorded_version
from skype_assets.partitions import EXPORTS
from skype_assets.resources.checkpoints import PHASES
from skype_assets.resources.exports import Exports
from skype_assets.shown import metadata

_ASSETS = {phase: asset for asset, phase in PHASES.items()}


def register(path: Path, task_id: str | None = None, instance: dg.DagsterInstance | None = None) -> str:
    """Make an export known to Dagster: a link in the exports folder, and a partition. Doing it again changes nothing.

    Args:
        path: the export, a file or a folder.
        task_id: partition key; made from the export's name and content if not given.
        instance: where to register; by default the one that Dagster's commands use here.

    Returns:
        The task id.

    Raises:
        UsageError: the task id is none, or has another export already; or no instance is configured.
        InvalidExport: the file cannot be read.
    """
    task_id = check_task_id(task_id) if task_id is not None else task_id_for(fingerprint(path))
    with nullcontext(instance) if instance else configured_instance() as where:
        if where is None:
            raise UsageError(
                "Dagster is not configured here; set DAGSTER_HOME, or go to the folder that has dagster.yaml"
            )
        link(path.absolute(), task_id)
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
    where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
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
    """Report a complete phase as a materialization without a run; False if it is the one materialized last."""
    asset_key, state = dg.AssetKey(_ASSETS[result.phase]), result.state
    if recorded_version(instance, asset_key, task.task_id) == state.fingerprint:
        return False
    _add_partition(instance, task.task_id)
    # Not the code version: with it, Dagster would look for the run's inputs, find none, and call the asset out of date.
    tags = {DATA_VERSION_TAG: state.fingerprint, "dagster/data_version_is_user_provided": "true"}
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            asset_key,
            partition=task.task_id,
            metadata={**metadata.of_result(result), **location(result.tables)},
            tags=tags,
        )
    )
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Register an export and print its task id, or report a task and print the assets that were news.

    Returns:
        The exit code: 0, or that of the error, which is written to stderr.
    """
    parser = argparse.ArgumentParser(prog="python -m skype_assets.registration", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="register an export")
    add.add_argument("file", type=Path)
    add.add_argument("--task-id")
    done = commands.add_parser("report", help="report what is complete of a task")
    done.add_argument("--task-id", required=True)
    done.add_argument("--output-dir", type=Path, required=True)
    done.add_argument("--source", type=Path)
    given = parser.parse_args(arguments)
    try:
        if given.command == "add":
            print(register(given.file, given.task_id))
        else:
            print(*report_task(Task(given.task_id, given.output_dir.absolute(), given.source)), sep="\n")
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
