"""``skype-assets resume``: go on with a task from its manifest alone."""

from dataclasses import replace
from pathlib import Path

import click

from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug, resumable, resumable_from


@click.command()
@click.argument("checkpoints", metavar="CHECKPOINT...", nargs=-1, required=True)
@click.option("-f", "--file", type=options.Export(), help="The export.  [default: where it was]")
@click.option("--max-workers", type=int, help="Processes that work at the same time.  [default: the task's setting]")
@options.salvage
@options.executor
@options.as_json
@options.no_report
@debug
@click.pass_context
@options.placed
def resume(
    context: click.Context,
    checkpoints: tuple[str, ...],
    file: Path | None,
    max_workers: int | None,
    salvage: bool,
    executor: str | None,
    as_json: bool,
    no_report: bool,
) -> None:
    """Go on with the task of a checkpoint, where it stopped.

    CHECKPOINT is a manifest (output/etl_checkpoint_<task id>.json) or a quoted glob ('output/etl_checkpoint_*.json').
    Of several, that of the export FILE is taken: it is known by its content or, if it is not there, by its name.

    The task goes on with its own settings. Once extract is complete, it goes on without the export as well. The
    database is SKYPE_DATABASE_URL, else that of libpq's variables, else that of the checkpoint (which has no password:
    libpq finds it in PGPASSWORD or its password file), else the embedded server.
    """
    resumable(context)

    from skype_assets.etl.command_line.display import display
    from skype_assets.etl.command_line.running import check_database, conclude, fingerprint_shown, run_phases
    from skype_assets.etl.task import with_environment
    from skype_assets.etl.tasks import resuming
    from skype_assets.etl.tasks.record import TaskRecord

    paths = resuming.find_manifests(checkpoints)
    path, manifest = resuming.choose_manifest(paths, file)
    if len(paths) > 1:
        terminal.say(f"taken of {len(paths)}: {path}, written {terminal.when(manifest.serialized_at)}")
    state = TaskRecord.load(path)
    state.settings = with_environment(replace(state.settings, salvage=salvage or state.settings.salvage))
    if max_workers is not None:
        state.settings = replace(state.settings, max_workers=max_workers)
    with display(terminal.err()) as shown:
        source = resuming.source_at_hand(state, file)
        if source is not None:
            state.set_file_source(source, fingerprint_shown(source, shown, salvage=state.settings.salvage))
        task = replace(state.task, source=source, database=resuming.database(state))
        check_database(task.database)
        resumable_from(context, path)
        phases = run_phases(task, shown, state, executor=executor)
    conclude(task, phases, as_json=as_json, no_report=no_report)
