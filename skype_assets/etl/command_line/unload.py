"""``skype-assets unload``: take an export out of the database again."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug, resumable
from skype_assets.etl.errors import UsageError

if TYPE_CHECKING:
    from skype_assets.etl.task import Task
    from skype_assets.etl.tasks.unloading import Unloaded


@click.command()
@click.argument("task_id", metavar="TASK")
@options.output_dir
@options.checkpoints
@click.option(
    "--export", "export_id", metavar="ID", help="Which export, if TASK has loaded several (exports.export_id)."
)
@click.option("--yes", is_flag=True, help="Do it.")
@click.option("--dry-run", is_flag=True, help="Count what would go and come back, and change nothing.")
@options.as_json
@options.no_report
@debug
@click.pass_context
@options.placed
def unload(
    context: click.Context,
    task_id: str,
    output_dir: Path,
    checkpoints: tuple[Path, ...],
    export_id: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    no_report: bool,
) -> None:
    """Take the export of TASK out of the database, as if it had never been loaded.

    What other exports of the account also have stays, in the copy that then wins; it comes from the checkpoints that
    they were loaded from. If one of these is gone or damaged, nothing is changed, and it is named. Without --yes, what
    would go and come back is counted and shown: it is done, and taken back.

    All of it is one transaction. Interrupted at any point, the same command finishes it. TASK's own checkpoints stay:
    `run` loads the export again. An export is refused as long as a file `hold` lies in the folder of a task about it.
    The database is chosen as by `verify`.
    """
    from skype_assets.etl.command_line.running import report
    from skype_assets.etl.command_line.verify import saved
    from skype_assets.etl.tasks import unloading

    task = saved(task_id, output_dir)
    is_done = yes and not dry_run
    if is_done:
        resumable(context)
    with terminal.err().status("unloading" if is_done else "counting"):
        done = unloading.unload(task, checkpoints=checkpoints, export_id=export_id, is_rehearsal=not is_done)
    if as_json:
        terminal.write_json(_as_json(task, done))
    else:
        _show(task, done)
    if is_done and not no_report:
        report("unloaded", task, "the export is unloaded")
    if done.status == "would be unloaded" and not dry_run:
        raise UsageError("nothing was unloaded: to do it, add --yes")


def _as_json(task: "Task", done: "Unloaded") -> dict[str, Any]:
    return {
        "task_id": task.task_id,
        "export_id": done.export_id,
        "status": done.status.replace(" ", "_"),
        "loaded_by": done.loaded_by,
        "rows_removed": dict(done.changes.removed) if done.changes else None,
        "rows_restored": dict(done.changes.restored) if done.changes else None,
    }


def _show(task: "Task", done: "Unloaded") -> None:
    from rich.table import Table
    from rich.text import Text

    if done.status == "not loaded":
        print(f"nothing to do: the export of task {task.task_id} is not in the database")
        return
    would = "would " if done.status == "would be unloaded" else ""
    if done.changes is not None:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("table")
        for title in ("rows that go", "come back from other exports"):
            table.add_column(Text(title), justify="right")
        for name, rows in done.changes.removed.items():
            table.add_row(name, f"{rows:,}", f"{done.changes.restored.get(name, 0):,}")
        terminal.out().print(table, "")
    print(f"{would and 'would be '}unloaded: export {done.export_id} (task {task.task_id})")
    if done.loaded_by not in (None, task.task_id):
        print(f"task {terminal.printable(done.loaded_by)} had loaded the same export; its next run loads it again")
