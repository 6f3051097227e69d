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


class Named(click.Path):
    """A path, of whatever a command is given; an empty one is refused.

    Args:
        what: what it is of, for people; None = the option that gives it.
        checks: as ``click.Path`` has them.
    """

    def __init__(self, what: str | None = None, **checks: bool) -> None:
        super().__init__(path_type=Path, **checks)
        self._what = what

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """Take it as ``named_path`` does, before it is looked at."""
        named = self._what or (param.opts[0] if param is not None else "path")
        return super().convert(places.named_path(value, named), param, ctx)


class Export(Named):
    """An export on this machine, or the address of one in a bucket: that is got, and goes when the command ends."""

    def __init__(self, **checks: bool) -> None:
        super().__init__("export", **checks)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """Get it, if it is not here."""
        from skype_assets.etl.checkpoints.store import is_url

        if not is_url(value) or os.path.lexists(value):
            return super().convert(value, param, ctx)
        from skype_assets.etl.tasks.spooling import spooled

        assert ctx is not None, "it belongs to a command"
        return super().convert(ctx.with_resource(spooled(str(value))), param, ctx)


class OutputFolder(Named):
    """The folder of all checkpoints, or the address of a store: then the working copy of it, up to date."""

    def __init__(self) -> None:
        super().__init__(file_okay=False)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """Bring the working copy up to date; ``run`` does it for its own task alone."""
        from skype_assets.etl.checkpoints.working_copy import output_folder, refresh

        folder = super().convert(output_folder(value, "--output-dir"), param, ctx)
        if ctx is None or ctx.info_name != "run":
            refresh(Path(os.fsdecode(folder)))
        return folder


output_dir = click.option(
    "--output-dir",
    metavar="FOLDER|URL",
    type=OutputFolder(),
    default=_output_dir,
    show_default="output/ of the place",
    help="Folder of all checkpoints, or the store that they are kept in (s3://bucket/folder; SKYPE_OUTPUT_URL).",
)

checkpoints = click.option(
    "--checkpoints",
    type=Named(file_okay=False, exists=True),
    multiple=True,
    help="A further folder of checkpoints, as of other exports of the account; may be given several times.",
)

as_json = click.option("--json", "as_json", is_flag=True, help="Write the result as one JSON object to stdout.")

salvage = click.option(
    "--salvage",
    is_flag=True,
    help="Read a damaged export as far as it is whole; the result is partial. SKYPE_SALVAGE=on does so as well.",
)

executor = click.option(
    "--executor",
    metavar="ADDRESS",
    help="Scheduler of Dask (tcp://host:port), whose workers do the parts of transform and load; so does "
    "SKYPE_EXECUTOR. Checkpoints must be in a store.",
)

no_report = click.option("--no-report", is_flag=True, help="Do not tell Dagster what was done.")


def elsewhere(output_dir: Path) -> list[str]:
    """What a command to type needs besides, to find tasks in this folder: nothing, if it is that of the place."""
    from skype_assets.etl.checkpoints.working_copy import named

    return ["--output-dir", named(output_dir)] if output_dir.absolute() != places.find().output_dir else []


def is_given(option: str) -> bool:
    """Whether an option of the command under way was typed."""
    return click.get_current_context().get_parameter_source(option) is ParameterSource.COMMANDLINE


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
    from skype_assets.etl.postgres import DATABASE_VARIABLES

    place = places.find()
    others = [name for name in (*places.VARIABLES, "SKYPE_OUTPUT_URL", *DATABASE_VARIABLES) if os.environ.get(name)]
    if is_given("output_dir"):
        others.append("--output-dir")
    elsewhere = f"; elsewhere by {', '.join(others)}" if others else ""
    terminal.say(f"place: {place.home} ({place.because}){elsewhere}")
