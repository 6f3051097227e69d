"""``skype-assets media``: what is kept of photos, voice messages and files, and getting them out again."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from skype_assets.etl import quantities
from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug, resumable
from skype_assets.etl.errors import UsageError, VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skype_assets.etl.checkpoints.media_store import MediaStore
    from skype_assets.etl.export.source import Source
    from skype_assets.etl.task import Task
    from skype_assets.etl.tasks.media import KeptMedia
    from skype_assets.etl.tasks.media_files import Written

_NAMED: Final = 10


@click.group()
def media() -> None:
    """Photos, voice messages, files: what is kept of them, and getting them out.

    The bytes of every object lie once in media/ of the folder of checkpoints, under their SHA-256.
    """


@media.command()
@click.argument("task_id", metavar="[TASK]", required=False)
@options.output_dir
@click.option("--quick", is_flag=True, help="Look whether the objects are there; do not read them.")
@options.as_json
@debug
@options.placed
def status(task_id: str | None, output_dir: Path, quick: bool, as_json: bool) -> None:
    """Say of every task, or of TASK, how many media objects are kept, missing or damaged.

    All of them are read, unless --quick. Exit code 11 if any is missing or damaged, or could not be read in the export.
    """
    from skype_assets.etl.checkpoints.directory import Directory
    from skype_assets.etl.checkpoints.media_store import MediaStore
    from skype_assets.etl.tasks.layout import tasks
    from skype_assets.etl.tasks.media import kept_media, objects

    store = MediaStore(output_dir)
    folders = [output_dir / task_id] if task_id else list(tasks(output_dir))
    if task_id and not folders[0].is_dir():
        raise UsageError(f"there is no task {task_id} in {output_dir}; see {terminal.command('status')}")
    found = {folder.name: kept_media(objects(Directory(folder)), store, quick=quick) for folder in folders}
    if as_json:
        terminal.write_json({"tasks": {name: _as_json(one) for name, one in found.items()}, "store": _store(store)})
    else:
        for name, one in found.items():
            _show(name, one)
        total = _store(store)
        print(f"in the store: {total['objects']:,} objects, {quantities.size(total['bytes'])}")
    lost = sum(len(one.missing) + len(one.damaged) for one in found.values())
    _require_all(lost, sum(len(one.unreadable) for one in found.values()))


@media.command()
@click.argument("file", type=options.Export(exists=True))
@click.option("--task-id", help="Which task, if several are about this export.")
@options.output_dir
@options.no_report
@debug
@click.pass_context
@options.placed
def keep(context: click.Context, file: Path, task_id: str | None, output_dir: Path, no_report: bool) -> None:
    """Keep the media of an export that was loaded without them, or whose objects are missing or damaged.

    FILE is the export. What is there and whole is not written again. Tables in the database say afterwards what is
    kept, if the export is loaded there. Interrupted, the same command goes on.
    """
    resumable(context)

    from skype_assets.etl.checkpoints.media_store import MediaStore
    from skype_assets.etl.command_line.display import display
    from skype_assets.etl.command_line.running import check_database, fingerprint_shown, report, run_phases
    from skype_assets.etl.tasks.media import remove_damaged

    with display(terminal.err()) as shown:
        source = fingerprint_shown(file, shown, salvage=True)  # it may be that of a task that read a damaged one
        task, phases = _task_about(file, source, task_id, output_dir)
        remove_damaged(task.folder, MediaStore(output_dir))
        if "load" in phases:
            check_database(task.database)
        run_phases(task, shown, phases=phases)
    if "load" in phases and not no_report:
        report("report", task, "the media are kept")
    print(f"kept: the media of {terminal.printable(file.name)} (task {task.task_id})")


@media.command()
@click.argument("task_id", metavar="TASK")
@click.argument("folder", metavar="DIR", type=options.Named("folder", file_okay=False))
@options.output_dir
@options.as_json
@debug
@click.pass_context
@options.placed
def extract(context: click.Context, task_id: str, folder: Path, output_dir: Path, as_json: bool) -> None:
    """Write the media of TASK that are kept to DIR, as files with their own names.

    A file is called as its sender called it, as far as that is a file name; two that are called the same have numbers.
    Its time is that of the first message that carries it. Nothing in DIR is overwritten; the same command again writes
    what is not there. The export is not needed. Exit code 11 if any object of TASK is not written: it is not kept, is
    missing or damaged, or could not be read in the export. The others are there.
    """
    resumable(context)

    from skype_assets.etl.command_line.verify import saved
    from skype_assets.etl.tasks.media_files import write_files

    task = saved(task_id, output_dir)
    if not task.folder.path.is_dir():
        raise UsageError(f"there is no task {task_id} in {output_dir}; see {terminal.command('status')}")
    with terminal.err().status("writing"):
        written = write_files(task, folder)
    if as_json:
        terminal.write_json(_written(written))
    else:
        print(f"{written.files:,} files, {quantities.size(written.bytes)}, in {terminal.printable(folder)}")
        for what, members in (("missing or damaged", written.lost), ("not readable in the export", written.unreadable)):
            if members:
                print(f"  {what}: {_named(members)}")
    _require_all(len(written.lost), len(written.unreadable), written.not_kept)


def _require_all(lost: int, unreadable: int, not_kept: int = 0) -> None:
    """Refuse, with what to do, that of some objects the bytes cannot be had.

    Raises:
        VerificationFailed: so it is.
    """
    keep = terminal.command("media", "keep", "EXPORT")
    said = [
        *([f"{lost:,} media objects are missing or damaged: {keep} writes them again from the export"] if lost else []),
        *([f"{not_kept:,} media objects are not kept: {keep} keeps them, from the export"] if not_kept else []),
        *(
            [f"{unreadable:,} media objects could not be read in the export: another copy of it may have them"]
            if unreadable
            else []
        ),
    ]
    if said:
        raise VerificationFailed("; ".join(said))


def _task_about(file: Path, source: "Source", task_id: str | None, output_dir: Path) -> "tuple[Task, tuple[str, ...]]":
    """The task of an export, with its settings; and which of its phases are to be brought up to date."""
    from dataclasses import replace

    from skype_assets.etl.checkpoints import state as states
    from skype_assets.etl.phases import FOLDERS, PHASES
    from skype_assets.etl.task import export_id_for, keep_media_by_environment
    from skype_assets.etl.tasks import layout, resuming
    from skype_assets.etl.tasks.finding import Tasks
    from skype_assets.etl.tasks.record import TaskRecord

    if not keep_media_by_environment():
        raise UsageError("SKYPE_KEEP_MEDIA is off: media must not be kept here")
    tasks = {folder for folder, kind in layout.folders(output_dir) if kind == "task"}
    about = [task for task in Tasks([output_dir]).tasks_about(export_id_for(source.sha256)) if task.path in tasks]
    named = [task for task in about if task_id in (None, task.path.name)]
    if len(named) != 1:
        names = ", ".join(task.path.name for task in about)
        raise UsageError(
            f"several tasks are about {file.name}; say which with --task-id: {names}"
            if len(named) > 1
            else f"no task in {output_dir} is about {file.name}; {terminal.command('run', str(file))} loads it"
        )
    (folder,) = named
    record = TaskRecord.load(output_dir / layout.manifest_name(folder.path.name))
    record.settings = replace(record.settings, keep_media=True)
    record.set_file_source(file, source)
    task = replace(record.task, database=resuming.database(record))
    known = [states.read(folder.folder(asset)) for asset in FOLDERS.values()]
    # One that is begun, too: this command itself may have been interrupted in it.
    done = [n for n, state in enumerate(known, 1) if state is not None and state.status in ("complete", "running")]
    return task, PHASES[: max([1, *done])]


def _store(store: "MediaStore") -> dict[str, int]:
    sizes = [size for _, size in store.objects()]
    return {"objects": len(sizes), "bytes": sum(sizes)}


def _as_json(found: "KeptMedia") -> dict[str, Any]:
    return {
        "objects": found.objects,
        "bytes": found.bytes,
        "kept": found.kept,
        "kept_bytes": found.kept_bytes,
        "not_kept": found.not_kept,
        "elsewhere": found.elsewhere,
        "unreadable": list(found.unreadable),
        "missing": list(found.missing),
        "damaged": list(found.damaged),
    }


def _show(name: str, found: "KeptMedia") -> None:
    print(
        f"{terminal.printable(name)}: {found.objects:,} objects, {quantities.size(found.bytes)}; kept {found.kept:,} "
        f"({quantities.size(found.kept_bytes)}), missing {len(found.missing):,}, damaged {len(found.damaged):,}, "
        f"not kept {found.not_kept:,}, not readable in the export {len(found.unreadable):,}"
    )
    if found.elsewhere:
        print(f"  of those not kept {found.elsewhere:,} are in the store, as long as another task keeps the same bytes")
    named = {"missing": found.missing, "damaged": found.damaged, "not readable in the export": found.unreadable}
    for what, members in named.items():
        if members:
            print(f"  {what}: {_named(members)}")


def _named(members: "Sequence[str]") -> str:
    more = f" and {len(members) - _NAMED:,} more" if len(members) > _NAMED else ""
    return ", ".join(terminal.printable(member) for member in members[:_NAMED]) + more


def _written(written: "Written") -> dict[str, Any]:
    return {
        "files": written.files,
        "bytes": written.bytes,
        "were_there": written.were_there,
        "not_kept": written.not_kept,
        "unreadable": written.unreadable,
        "lost": written.lost,
    }
