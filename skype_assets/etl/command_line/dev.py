"""``skype-assets dev``: Dagster's web UI with its daemon, on this machine only."""

import os
import sys
from pathlib import Path

import click

from skype_assets.etl.command_line.group import debug
from skype_assets.etl.errors import UsageError

WORKSPACE = "workspace.yaml"


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port of the web UI.")
@debug
def dev(port: int) -> None:
    """Serve the web UI at http://127.0.0.1:3000; Ctrl-C ends it.

    To be called in the project's folder, which has workspace.yaml and dagster.yaml. The latter is the instance's
    configuration, unless DAGSTER_HOME names another folder.

    What is put into the folder of exports is loaded by itself, unless SKYPE_INBOX=off.
    """
    if not Path(WORKSPACE).is_file():
        raise UsageError(f"there is no {WORKSPACE} here; go to the project's folder first")
    # Whoever reaches the UI can start runs, and it asks nobody for a password: hence 127.0.0.1.
    command = [sys.executable, "-m", "dagster", "dev", "-w", WORKSPACE, "-h", "127.0.0.1", "-p", str(port)]
    sys.stdout.flush()
    environment = {"SKYPE_INBOX": "on", **os.environ, "DAGSTER_DISABLE_TELEMETRY": "1"}
    os.execve(sys.executable, command, environment)
