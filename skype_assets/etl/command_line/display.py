"""How far a run is: bars on a terminal, plain lines anywhere else.

The engine's first word about a phase says what was done before (promise I12): a bar begins there, and rates and
remaining times are counted from there (``pace``).
"""

import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from skype_assets.etl import interruption
from skype_assets.etl.command_line.terminal import amount, duration
from skype_assets.etl.tasks.pace import Pace, Pacer, percent

_CURSOR_BACK: Final = b"\x1b[?25h\n"

LINES_EVERY_SECONDS: Final = 5.0
"""How often a plain line may come."""


class Display(Protocol):
    """Shows how far the phases of a run are; a context manager."""

    def begin(self, phase: str) -> None:
        """A phase begins; how much there is to do is not known yet."""
        ...

    def advance(self, phase: str, done: int, total: int, unit: str, after_parts: int = 0, doing: str = "") -> None:
        """So much of a phase is done; see ``journal.Progress``."""
        ...

    def end(self, phase: str, note: str) -> None:
        """A phase is complete."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def display(console: Console) -> Display:
    """What suits the console."""
    return Bars(console) if console.is_terminal else Lines(console)


class Bars:
    """One bar per phase, with percentage, amount, rate and remaining time."""

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            TextColumn("{task.description:<10}", markup=False),
            BarColumn(),
            _Column(lambda task: "" if task.total is None else f"{percent(int(task.completed), int(task.total)):3} %"),
            _Column(lambda task: task.fields["amounts"]),
            _Column(_rate),
            _Column(_remaining),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._pacer = Pacer()
        self._unhidden = ExitStack()

    def __enter__(self) -> Self:
        self._unhidden.enter_context(interruption.at_the_end(lambda: os.write(sys.stderr.fileno(), _CURSOR_BACK)))
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._unhidden:
            self._bars.stop()

    def begin(self, phase: str) -> None:
        """Add its bar."""
        self._tasks[phase] = self._bars.add_task(phase, total=None, unit="", note="", pace=None, amounts="", doing="")

    def advance(self, phase: str, done: int, total: int, unit: str, after_parts: int = 0, doing: str = "") -> None:
        """Move its bar."""
        pace = self._pacer.pace(phase, done, total)
        self._bars.update(
            self._tasks[phase],
            total=total,
            completed=pace.done,
            unit=unit,
            pace=pace,
            amounts=_amounts(done, total - after_parts, unit),
            doing=doing,
        )

    def end(self, phase: str, note: str) -> None:
        """Fill its bar."""
        task = self._bars.tasks[self._tasks[phase]]
        total = task.total or 1
        self._bars.update(self._tasks[phase], total=total, completed=total, note=note)


class Lines:
    """A line at the start and at the end of a phase, now and then between, and when it does something else."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._pacer = Pacer()
        self._begun: str | None = None
        self._began = self._last_line = 0.0
        self._doing = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def begin(self, phase: str) -> None:
        """Nothing yet: the start is said with the amount."""

    def advance(self, phase: str, done: int, total: int, unit: str, after_parts: int = 0, doing: str = "") -> None:
        """Say it, if it is the first time or has not been said for a while, or is something else that takes a while."""
        pace, now = self._pacer.pace(phase, done, total), time.monotonic()
        share = f"{pace.percent} % ({_amounts(done, total - after_parts, unit)})"
        if self._begun != phase:
            self._begun, self._began, self._doing = phase, now, ""
            self._line(f"{phase}: starts at {share}")
            return
        since = self._last_line if doing == self._doing else self._began
        if now - since >= LINES_EVERY_SECONDS and pace.done < total:
            self._doing = doing
            self._line(", ".join([f"{phase}: {share}", *_rest(pace, unit, doing)]))

    def end(self, phase: str, note: str) -> None:
        """Say it."""
        self._line(f"{phase}: complete, {note}")

    def _line(self, text: str) -> None:
        self._last_line = time.monotonic()
        self._console.print(text)


class _Column(ProgressColumn):
    """A column whose text a function makes."""

    def __init__(self, text: Callable[[Task], str]) -> None:
        super().__init__()
        self._text = text

    def render(self, task: Task) -> Text:
        return Text(self._text(task), justify="right")


def _amounts(done: int, total: int, unit: str) -> str:
    """What the parts have handled of what they are to handle."""
    return f"{amount(min(done, total), unit)} of {amount(total, unit)} {'' if unit == 'bytes' else unit}".rstrip()


def _rest(pace: Pace, unit: str, doing: str) -> list[str]:
    """How fast it is or, when the parts are done, what is done instead; and how long the rest takes."""
    said = [doing] if doing else [f"{amount(pace.per_second, unit)}/s"] if pace.per_second else []
    return said if pace.remaining_seconds is None else [*said, f"{duration(pace.remaining_seconds)} remaining"]


def _rate(task: Task) -> str:
    pace: Pace | None = task.fields["pace"]
    if task.fields["doing"] or pace is None or not pace.per_second:
        return ""
    return f"{amount(pace.per_second, task.fields['unit'])}/s"


def _remaining(task: Task) -> str:
    if task.fields["note"]:
        return task.fields["note"]
    pace: Pace | None = task.fields["pace"]
    left = f"{duration(pace.remaining_seconds)} left" if pace and pace.remaining_seconds is not None else ""
    return ", ".join(filter(None, (task.fields["doing"], left)))
