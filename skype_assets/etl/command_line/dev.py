"""``skype-assets dev``: Dagster's web UI with its daemon, on this machine only."""

import os
import sys
from pathlib import Path

import click

from skype_assets.etl.command_line.exit_codes import debug

WORKSPACE = "workspace.yaml"


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port of the web UI.")
@debug
def dev(port: int) -> None:
    """Serve the web UI at http://127.0.0.1:3000; Ctrl-C ends it.

    Its code locations are those of workspace.yaml here, or this project alone; its instance is configured by
    dagster.yaml here, unless DAGSTER_HOME names another folder.

    What is put into the folder of exports is loaded by itself, unless SKYPE_INBOX=off.
    """
    target = ["-w", WORKSPACE] if Path(WORKSPACE).is_file() else ["-m", "skype_assets.definitions"]
    # Whoever reaches the UI can start runs, and it asks nobody for a password: hence 127.0.0.1.
    command = [sys.executable, "-m", "dagster", "dev", *target, "-h", "127.0.0.1", "-p", str(port)]
    sys.stdout.flush()
    environment = {"SKYPE_INBOX": "on", **os.environ, "DAGSTER_DISABLE_TELEMETRY": "1"}
    os.execve(sys.executable, command, environment)
