"""``skype-assets add``: an export for the web UI, wherever it lies."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug
from skype_assets.etl.errors import InvalidExport

if TYPE_CHECKING:
    from skype_assets.etl.places import Places


@click.command()
@click.argument("file", type=options.Named("export"))
@click.option("--task-id", help="Name of the task.  [default: made from the export's name and content]")
@options.as_json
@debug
@options.placed
def add(file: Path, task_id: str | None, as_json: bool) -> None:
    """Register an export with Dagster.

    A link to FILE is put into the folder of exports, and a partition is added: the task id. Nothing is loaded yet.
    """
    from skype_assets.etl import places
    from skype_assets.etl.api.reporting import registration
    from skype_assets.etl.command_line.running import lay_out_here
    from skype_assets.etl.task import media_only_by_environment, salvage_by_environment
    from skype_assets.etl.tasks.beginning import check_beginning

    if not file.exists():  # or a place would be laid out for nothing
        raise InvalidExport("cannot be read: No such file or directory", member=str(file), remedy="Check the path")
    check_beginning(file, media_only=media_only_by_environment(), salvage=salvage_by_environment())
    lay_out_here()
    with terminal.err().status("registering"):
        arguments = ["--task-id", task_id] if task_id is not None else []
        added = registration("add", str(file.absolute()), *arguments)
    if added.returncode:
        terminal.say(f"error: {added.reason}")
        raise click.exceptions.Exit(added.returncode)
    place = places.find()
    load = _materialize(added.text, place)
    if as_json:
        terminal.write_json({"task_id": added.text, "exports_dir": str(place.exports_dir), "load": load})
        return
    print(f"registered: {terminal.printable(added.text)}")
    print("Next, one of:")
    print(f"  {load}")
    print(f"  {terminal.command('dev')}")


def _materialize(task_id: str, place: "Places") -> str:
    """The command that loads the export as Dagster does, to be typed where this one was."""
    selection = ["-m", "skype_assets.definitions", "--select", "*", "--partition", task_id]
    program = terminal.program("dagster")
    if os.environ.get("DAGSTER_HOME") or place.home == Path.cwd():
        return terminal.shell(program, "asset", "materialize", *selection)
    # Without that variable, Dagster looks for dagster.yaml in the current directory only.
    program = str(Path(program).absolute()) if "/" in program else program
    go = terminal.shell("cd", str(place.home))
    return f"{go} && {terminal.shell(program, 'asset', 'materialize', *selection)}"
