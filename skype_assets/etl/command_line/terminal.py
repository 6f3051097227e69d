"""What the commands share in writing to the terminal.

Results go to stdout; progress, warnings and errors to stderr. Text that is not ours - names, paths, messages of errors
that quote them - goes through ``printable``, so that an export cannot command the terminal; and the consoles know no
markup, so that brackets in a name are brackets.
"""

import json
import logging
import shlex
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from skype_assets.etl import quantities

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_WIDTH: Final = 200
"""Columns of output that is no terminal's: whoever reads it does not want it folded."""


def out() -> "Console":
    """The console of results."""
    return _console(sys.stdout)


def err() -> "Console":
    """The console of progress, warnings and errors."""
    return _console(sys.stderr)


def say(text: str) -> None:
    """A line, or several, on stderr, with foreign text made harmless."""
    for line in text.splitlines():
        sys.stderr.write(f"{printable(line)}\n")  # in one piece: a signal may come in between


def write_json(value: Any) -> None:
    """One JSON document on stdout; ASCII, so nothing in it commands a terminal."""
    print(json.dumps(value, indent=2))


def printable(text: object) -> str:
    r"""Foreign text for a terminal: control and bidirectional characters appear as escapes, such as ``\x1b``."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in str(text)
    )


def command(*arguments: str) -> str:
    """A command line of ours to type, with the name by which the shell finds this program."""
    called = Path(sys.argv[0])
    name = str(called) if called.name == "skype-assets" and not shutil.which("skype-assets") else "skype-assets"
    return shell(name, *arguments)


def program(name: str) -> str:
    """How the shell finds a program that is installed beside this one: by its name, if the path leads to it."""
    beside = Path(sys.executable).parent / name
    found = shutil.which(name)
    return name if not beside.exists() or (found is not None and beside.samefile(found)) else str(near(beside))


def shell(*arguments: str) -> str:
    """A command line to type."""
    return printable(shlex.join(arguments))


def near(path: Path) -> Path:
    """A path as seen from the current directory, if it is within that."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def amount(count: float, unit: str) -> str:
    """A number of bytes or of other things."""
    return quantities.size(count) if unit == "bytes" else f"{count:,.0f}"


def duration(seconds: float) -> str:
    """A duration for people."""
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def when(instant: datetime) -> str:
    """An instant for people."""
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"


@contextmanager
def warnings_shown() -> Generator[None]:
    """Show what the library warns about, on stderr."""
    handler, logger = _Warnings(logging.WARNING), logging.getLogger("skype_assets")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Warnings(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        # sys.stderr as it is now: a progress display puts its own there, and shows the line above the bars.
        say(f"{record.levelname.lower()}: {record.getMessage()}")


def _console(stream: IO[str]) -> "Console":
    from rich.console import Console

    width = None if stream.isatty() else _PIPE_WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False, soft_wrap=True)
