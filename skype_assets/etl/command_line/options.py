"""Options that several commands have; ``--debug``, which all of them have, is in ``group``."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

import click
from click.core import ParameterSource

from skype_assets.etl import places
from skype_assets.etl.command_line import terminal

P = ParamSpec("P")


def _output_dir() -> Path:
    return terminal.near(places.find().output_dir)


class Export(click.ParamType[Path]):
    """The path of an export; an empty one is refused."""

    name = "file"

    def convert(self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Take it as ``export_path`` does."""
        from skype_assets.etl.export.source import export_path

        return export_path(value)


output_dir = click.option(
    "--output-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=_output_dir,
    show_default="output/ of the place",
    help="Folder of all checkpoints.",
)

as_json = click.option("--json", "as_json", is_flag=True, help="Write the result as one JSON object to stdout.")

no_report = click.option("--no-report", is_flag=True, help="Do not tell Dagster what was done.")


def placed(command: Callable[P, None]) -> Callable[P, None]:
    """Say which place the command uses, on stderr and not with --json; to be the decorator next to the function."""

    @functools.wraps(command)
    def saying(*args: P.args, **kwargs: P.kwargs) -> None:
        if not kwargs.get("as_json"):
            say_place()
        return command(*args, **kwargs)

    return saying


def say_place() -> None:
    """One line: the place, why it is this one, and what chose something elsewhere."""
    from skype_assets.etl.postgres.url import DATABASE_VARIABLES

    place = places.find()
    context = click.get_current_context()
    others = [name for name in (*places.VARIABLES, *DATABASE_VARIABLES) if os.environ.get(name)]
    if context.get_parameter_source("output_dir") is ParameterSource.COMMANDLINE:
        others.append("--output-dir")
    elsewhere = f"; elsewhere by {', '.join(others)}" if others else ""
    terminal.say(f"place: {place.home} ({place.because}){elsewhere}")
