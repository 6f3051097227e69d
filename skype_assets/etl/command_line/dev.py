"""``skype-assets dev``: Dagster's web UI with its daemon, on this machine only."""

import os
import signal
import sys
from urllib.parse import urlsplit

import click

from skype_assets.etl import interruption
from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug


def _as_origins(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    for origin in given:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/") or parts.query:
            raise click.BadParameter(f"{origin!r} is not an address such as https://skype.example.org")
    return given


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port of the web UI.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="URL",
    callback=_as_origins,
    help="A further address at which browsers reach it, through a proxy or a tunnel; repeatable.",
)
@debug
@options.placed
def dev(port: int, origins: tuple[str, ...]) -> None:
    """Serve the web UI at http://127.0.0.1:3000; Ctrl-C ends it.

    It answers its own pages, and what is no browser; pages of other sites are refused. It asks nobody for a password:
    docs/deploy.md has what to put before it where others shall use it.

    Its code locations are those of workspace.yaml in the place, which is laid out if it is not yet; its instance is
    that of DAGSTER_HOME, else of dagster.yaml in the place.

    What is put into the folder of exports is loaded by itself, unless SKYPE_INBOX=off.
    """
    from skype_assets.etl import places
    from skype_assets.etl.command_line.running import lay_out_here
    from skype_assets.etl.project import WORKSPACE_YAML

    place = places.find()
    lay_out_here()
    workspace = place.home / WORKSPACE_YAML
    target = ["--workspace", str(workspace)] if workspace.is_file() else ["--module", "skype_assets.definitions"]
    further = [text for origin in origins for text in ("--origin", origin)]
    command = [sys.executable, "-m", "skype_assets.instance.web_ui", *target, "--port", str(port), *further]
    # With DAGSTER_HOME: without it Dagster says that what it keeps will be removed, which is not so.
    environment = {"SKYPE_INBOX": "on", **place.environment, "DAGSTER_HOME": str(place.dagster_home)}
    terminal.say(f"starting the web UI: http://127.0.0.1:{port}, in some seconds")
    if place.home.is_dir():
        os.chdir(place.home)  # what dagster.yaml and workspace.yaml say of folders is meant from here
    interruption.hand_over()
    # A shell that starts it in the background of a script has it ignore Ctrl-C, and Dagster then ignores SIGTERM, too.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execve(sys.executable, command, {**environment, "DAGSTER_DISABLE_TELEMETRY": "1", "DAGSTER_IS_DEV_CLI": "1"})
