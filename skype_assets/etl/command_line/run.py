"""``skype-assets run``: an export, through all phases, into the database."""

from dataclasses import replace
from pathlib import Path

import click

from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug, resumable, resumable_from


@click.command()
@click.argument("file", type=options.Export())
@click.option("--task-id", help="Name of the task.  [default: made from the export's name and content]")
@options.output_dir
@click.option("--reset", "is_reset", is_flag=True, help="Start again; what is there is moved aside, not removed.")
@click.option("--max-workers", type=int, help="Processes that work at the same time.  [default: one per core]")
@click.option("--chunk-size", type=int, help="Messages in a part, at most.  [default: 100000]")
@click.option("--user-display-name", help="Name of the export's owner, where the export does not tell.")
@click.option(
    "--media-only", is_flag=True, help="Load it although it holds no message; SKYPE_MEDIA_ONLY=on does so as well."
)
@options.salvage
@click.option(
    "--defer-constraints",
    is_flag=True,
    help="Leave foreign keys to `db complete`, after many loads into a new database; so does "
    "SKYPE_DEFER_CONSTRAINTS=on.",
)
@click.option(
    "--no-media", is_flag=True, help="Do not keep the bytes of media, only their hashes; so does SKYPE_KEEP_MEDIA=off."
)
@click.option(
    "--names",
    "names_file",
    type=options.Named(),
    help="CSV of ids and names, such as Skype's contacts, for people whom the export does not name.",
)
@options.executor
@options.as_json
@options.no_report
@debug
@click.pass_context
@options.placed
def run(
    context: click.Context,
    file: Path,
    task_id: str | None,
    output_dir: Path,
    is_reset: bool,
    max_workers: int | None,
    chunk_size: int | None,
    user_display_name: str | None,
    media_only: bool,
    defer_constraints: bool,
    no_media: bool,
    salvage: bool,
    names_file: Path | None,
    executor: str | None,
    as_json: bool,
    no_report: bool,
) -> None:
    """Load an export into the database.

    FILE is what Skype delivered: a .tar, or what became of it (.tar.gz, .zip, messages.json, an unpacked folder). Of
    one in a bucket, give the address (s3://bucket/export.tar): it is got for as long as the command runs.

    Interrupted at any point, by anything, the same command goes on where it stopped. Doing what is done already
    changes nothing. The database is SKYPE_DATABASE_URL, else that of libpq's variables, else the embedded server.

    Where FILE is not there any more, its task goes on without it, if extract is complete: after an upgrade of this
    program, its rows are made anew from the checkpoints.

    Media are kept as they are, once each, under their SHA-256 in media/ of the folder of checkpoints; `media extract`
    gives them back. With --no-media keep FILE: their bytes are nowhere else.
    """
    resumable(context, "--reset")

    from skype_assets.etl.checkpoints.working_copy import refresh
    from skype_assets.etl.command_line.display import display
    from skype_assets.etl.command_line.running import check_database, conclude, fingerprint_shown, run_phases
    from skype_assets.etl.phases import given_names
    from skype_assets.etl.postgres.url import creates_server
    from skype_assets.etl.task import Settings, Task, task_id_for, with_environment
    from skype_assets.etl.tasks.beginning import check_beginning
    from skype_assets.etl.tasks.layout import manifest_name
    from skype_assets.etl.tasks.reset import reset
    from skype_assets.etl.tasks.resuming import without_export

    settings = with_environment(
        Settings(
            max_workers=max_workers,
            user_display_name=user_display_name,
            media_only=media_only,
            keep_media=not no_media,
            salvage=salvage,
            defer_constraints=defer_constraints,
        )
    )
    if chunk_size is not None:
        settings = replace(settings, chunk_size=chunk_size)
    names = given_names.read(names_file) if names_file is not None else None
    if not file.exists():
        refresh(output_dir, task_id)
    record = None if file.exists() or is_reset else without_export(output_dir, file, task_id)
    with display(terminal.err()) as shown:
        if record is not None and record.task_id is not None:
            terminal.say(f"{file} is not there: task {record.task_id} goes on with its checkpoints")
            name = record.task_id
            named = user_display_name or record.settings.user_display_name
            task = Task(name, output_dir, settings=replace(record.settings, user_display_name=named))
        else:
            source = fingerprint_shown(file, shown, salvage=settings.salvage)
            name = task_id_for(source) if task_id is None else task_id
            task = Task(name, output_dir, file, settings=settings, fingerprint=source)
            refresh(output_dir, name)
            if creates_server():
                check_beginning(file, media_only=settings.media_only, salvage=settings.salvage)
        check_database()
        if is_reset and (aside := reset(task)):
            terminal.say(f"moved aside: {aside}")
        if names is not None:
            given_names.keep(task.folder, names)
        resumable_from(context, output_dir / manifest_name(name))
        phases = run_phases(task, shown, executor=executor)
    conclude(task, phases, as_json=as_json, no_report=no_report)
