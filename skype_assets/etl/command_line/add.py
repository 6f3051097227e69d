"""``skype-assets add``: an export for the web UI, wherever it lies."""

from pathlib import Path

import click

from skype_assets.etl.api.reporting import registration
from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug


@click.command()
@click.argument("file", type=options.Export())
@click.option("--task-id", help="Name of the task.  [default: made from the export's name and content]")
@debug
def add(file: Path, task_id: str | None) -> None:
    """Register an export with Dagster.

    A link to FILE is put into the folder of exports, and a partition is added: the task id. Nothing is loaded yet.
    """
    with terminal.err().status("registering"):
        added = registration("add", str(file), *(("--task-id", task_id) if task_id is not None else ()))
    if added.returncode:
        terminal.say(f"error: {added.reason}")
        raise click.exceptions.Exit(added.returncode)
    key = terminal.printable(added.text)
    print(f"registered: {key}")
    print("Next:")
    print(f"  dagster asset materialize --select '*' -m skype_assets.definitions --partition {key}")
    print(f"  {'make dev' if Path('Makefile').is_file() else terminal.command('dev')}")
