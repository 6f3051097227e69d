"""``skype-assets init``: a folder for one collection of exports."""

import os
from pathlib import Path

import click

from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug


@click.command()
@click.argument("folder", metavar="[DIR]", type=options.Named("folder"), default=".")
@debug
def init(folder: Path) -> None:
    """Lay out a project in DIR, by default the current folder.

    It gets what Dagster needs (dagster.yaml, workspace.yaml), the folders exports/ and output/, and rules that keep
    private data out of version control. Whatever command is called in it, or in a folder within it, then uses its
    checkpoints and its database. Doing it again changes nothing; what is there already is never written over.
    """
    from skype_assets.etl.project import lay_out

    made = lay_out(folder)
    where = terminal.printable(folder.absolute())
    print(f"laid out: {where} ({', '.join(made)})" if made else f"nothing to do: {where} is laid out")
    named = os.environ.get("SKYPE_HOME")
    if named and Path(named).expanduser().absolute() != folder.absolute():
        terminal.say(f"warning: SKYPE_HOME names {named}, which goes before any project; unset it to use this one")
    print("Next:")
    if folder.absolute() != Path.cwd():
        print(f"  {terminal.shell('cd', str(folder))}")
    print(f"  {terminal.command('run', 'FILE')}  load an export")
    print(f"  {terminal.command('dev')}       the web UI")
