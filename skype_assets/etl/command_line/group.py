"""How a command ends: its exit code, and one line that says why.

The codes of expected errors are those of ``errors``; the list in ``--help`` is made from its classes. The others are
the conventions of shells (128 + signal) and of ``sysexits.h``.
"""

import errno
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from skype_assets.etl import interruption, places
from skype_assets.etl.command_line import terminal
from skype_assets.etl.errors import EtlError

SYSTEM: Final = 74
UNEXPECTED: Final = 70
HUNG_UP: Final = 129
INTERRUPTED: Final = 130
TERMINATED: Final = 143

# Keys of Click's `Context.meta`, which a command shares with the group that it belongs to.
_ARGUMENTS = "skype_assets.arguments"
_DEBUG = "skype_assets.debug"
_AGAIN = "skype_assets.again"
_MANIFEST = "skype_assets.manifest"


def exit_codes() -> dict[int, str]:
    """Every exit code and what it means."""
    codes = {0: "Done, or nothing to do."}
    for error in _classes(EtlError):
        # A class without a code of its own, such as PhaseFailed, exits with that of another.
        if "exit_code" in vars(error):
            codes[error.exit_code] = (error.__doc__ or "").splitlines()[0]
    return dict(sorted(codes.items())) | {
        UNEXPECTED: "An error in this program; --debug shows where.",
        SYSTEM: "The system refuses: disk full, no permission, ...",
        HUNG_UP: "The terminal was closed (SIGHUP); the same command goes on.",
        INTERRUPTED: "Interrupted (Ctrl-C); the same command goes on.",
        TERMINATED: "Terminated (SIGTERM); the same command goes on.",
    }


def resumable(context: click.Context, *without: str) -> None:
    """From now on the same command goes on after an interruption, ``without`` these options."""
    context.meta[_AGAIN] = [argument for argument in context.meta[_ARGUMENTS] if argument not in without]


def resumable_from(context: click.Context, manifest: Path) -> None:
    """From now on ``resume`` with this manifest goes on after an interruption, once the manifest is there."""
    context.meta[_MANIFEST] = manifest


def _remember(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    context.meta[_DEBUG] = value


debug = click.option(
    "--debug", is_flag=True, expose_value=False, callback=_remember, help="Show the traceback of an error."
)
"""Option of every command. A traceback may quote what is in an export; the one line without it does not."""


class Imported(Mapping[str, click.Command]):
    """Commands by name, each imported when it is looked up: the function of that name in the module of that name."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._names:
            raise KeyError(name)
        return getattr(import_module(f"{__package__}.{name}"), name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Commands(click.Group):
    """The commands: what a command raises becomes one or two lines on stderr and an exit code."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the exit codes."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in exit_codes().items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the arguments as they were typed."""
        ctx.meta.setdefault(_ARGUMENTS, list(args))
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        interruption.say_at_the_end(lambda: terminal.printable(_interrupted(ctx)))
        with terminal.warnings_shown():
            try:
                return super().invoke(ctx)
            except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
                raise  # Click's own affair
            except EtlError as error:
                self._end(ctx, error, error.exit_code, f"error: {error}")
            except KeyboardInterrupt as stop:
                self._end(ctx, stop, INTERRUPTED, _interrupted(ctx))
            except OSError as error:
                self._end(ctx, error, SYSTEM, f"error: {_refused(error)}")
            except Exception as error:  # noqa: BLE001 - the outermost place: here it becomes a line and an exit code
                self._end(ctx, error, UNEXPECTED, f"error: {_unexpected(error)}")

    def _end(self, context: click.Context, error: BaseException, code: int, reason: str) -> NoReturn:
        interruption.give_way()
        if context.meta.get(_DEBUG):
            terminal.say("".join(traceback.format_exception(error)))
        if number := interruption.noted():  # whatever it ended with comes from that: a terminal that is gone, a child
            interruption.is_said()
            code, reason = 128 + number, _interrupted(context)
        with suppress(OSError):  # of a terminal that is gone
            terminal.say(reason)
        context.exit(code)


def _classes(error: type[EtlError]) -> Iterator[type[EtlError]]:
    for subclass in error.__subclasses__():
        yield subclass
        yield from _classes(subclass)


def _interrupted(context: click.Context) -> str:
    manifest: Path | None = context.meta.get(_MANIFEST)
    is_there = manifest is not None and manifest.is_file()
    arguments = ["resume", str(manifest)] if is_there else context.meta.get(_AGAIN)
    return f"interrupted; resume with: {terminal.command(*arguments)}" if arguments else "interrupted"


def _refused(error: OSError) -> str:
    where = f": {error.filename}" if error.filename else ""
    remedy = ""
    if error.errno == errno.ENOSPC:
        remedy = " Make room, then run the same command again: it goes on."
    elif isinstance(error, PermissionError) and isinstance(error.filename, str):
        remedy = f" {places.whose(Path(error.filename))}"
    return f"{error.strerror or type(error).__name__}{where}.{remedy}"


def _unexpected(error: Exception) -> str:
    """The type and the place; not the message, which may quote what is in an export."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"unexpected {type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}; "
        "this is a bug. --debug shows the traceback"
    )
