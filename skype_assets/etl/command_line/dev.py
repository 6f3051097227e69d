"""``skype-assets dev``: Dagster's web UI with its daemon, on this machine only."""

import os
import signal
import sys
from typing import Final

import click

from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug

# Dagster advises `dg dev`, a program of another package; why not, is in docs/decisions.md.
_ADVICE: Final = "ignore:Function `dev_command` is superseded"


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port of the web UI.")
@debug
@options.placed
def dev(port: int) -> None:
    """Serve the web UI at http://127.0.0.1:3000; Ctrl-C ends it.

    Its code locations are those of workspace.yaml in the place, which is laid out if it is not yet; its instance is
    that of DAGSTER_HOME, else of dagster.yaml in the place.

    What is put into the folder of exports is loaded by itself, unless SKYPE_INBOX=off.
    """
    from skype_assets.etl import places
    from skype_assets.etl.command_line.running import lay_out_here
    from skype_assets.etl.project import WORKSPACE_YAML

    lay_out_here()
    place = places.find()
    target = ["-w", WORKSPACE_YAML] if (place.home / WORKSPACE_YAML).is_file() else ["-m", "skype_assets.definitions"]
    # Whoever reaches the UI can start runs, and it asks nobody for a password: hence 127.0.0.1.
    command = [sys.executable, "-W", _ADVICE, "-m", "dagster", "dev", *target, "-h", "127.0.0.1", "-p", str(port)]
    # With DAGSTER_HOME: without it Dagster says that what it keeps will be removed, which is not so.
    environment = {"SKYPE_INBOX": "on", **place.environment, "DAGSTER_HOME": str(place.dagster_home)}
    terminal.say(f"starting the web UI: http://127.0.0.1:{port}, in some seconds")
    sys.stdout.flush()
    # A shell that starts it in the background of a script has it ignore Ctrl-C, and Dagster then ignores SIGTERM, too.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if place.home.is_dir():
        os.chdir(place.home)  # what dagster.yaml and workspace.yaml say of folders is meant from here
    os.execve(sys.executable, command, {**environment, "DAGSTER_DISABLE_TELEMETRY": "1"})
