"""The engine's progress as events of Dagster, which a person finds at the asset while it is being made.

An observation of the asset has parts, amounts, rate and remaining time, as the command line shows them
(``tasks.pace``). Each is kept for ever, so they are few: when an earlier attempt had done something, and then as the
minutes pass.
"""

import time
from collections.abc import Callable
from typing import Final

import dagster as dg

from skype_assets.etl.engine.journal import Progress
from skype_assets.etl.tasks.pace import Pace, Pacer

FIRST_SECONDS: Final = 5.0
"""What is over sooner needs no progress."""
MOST_EVENTS: Final = 60
"""Of one step. Every event comes after a tenth more of the time that has passed already."""


class Observations:
    """Watches one step.

    Args:
        context: the step's.
        clock: seconds that only grow.
    """

    def __init__(self, context: dg.AssetExecutionContext, clock: Callable[[], float] = time.monotonic) -> None:
        self._context = context
        self._clock = clock
        self._pacer = Pacer(clock)
        self._begun: float | None = None
        self._next = FIRST_SECONDS
        self._events = 0
        self._doing = ""

    def __call__(self, progress: Progress) -> None:
        """Take the engine's word, and pass it on if it is time."""
        pace, now = self._pacer.pace(progress.phase, progress.done, progress.total), self._clock()
        if self._begun is None:
            self._begun = now
            if progress.done:
                self._tell(progress, pace)
        elif now - self._begun >= self._next_for(progress.doing) and self._events < MOST_EVENTS:
            self._next = (now - self._begun) * 1.1 + FIRST_SECONDS
            self._doing = progress.doing
            self._tell(progress, pace)

    def _next_for(self, doing: str) -> float:
        return self._next if doing in (self._doing, "") else FIRST_SECONDS

    def _tell(self, progress: Progress, pace: Pace) -> None:
        self._events += 1
        self._context.log_event(
            dg.AssetObservation(
                self._context.asset_key,
                partition=self._context.partition_key,
                description=sentence(progress, pace),
                metadata=_figures(progress, pace),
            )
        )


def sentence(progress: Progress, pace: Pace) -> str:
    """How far a phase is, in a line."""
    parts = (
        f"{progress.parts:,} parts"
        if progress.parts_total is None
        else f"{progress.parts} of {progress.parts_total} parts"
    )
    said = (
        f"{progress.phase}: {pace.percent} %, {parts}, {progress.handled:,} of {progress.to_handle:,} {progress.unit}"
    )
    if progress.doing:
        said += f", {progress.doing}"
    elif pace.per_second is not None:
        said += f", {pace.per_second:,.0f}/s"
    return said if pace.remaining_seconds is None else f"{said}, {pace.remaining_seconds:,.0f} s remaining"


def _figures(progress: Progress, pace: Pace) -> dict[str, int | float | str]:
    figures = {
        "percent": pace.percent,
        "parts_done": progress.parts,
        "parts_total": progress.parts_total,
        f"{progress.unit}_done": progress.handled,
        f"{progress.unit}_total": progress.to_handle,
        f"{progress.unit}_per_second": None if progress.doing or not pace.per_second else round(pace.per_second),
        "doing": progress.doing or None,
        "remaining_seconds": pace.remaining_seconds and round(pace.remaining_seconds, 1),
    }
    return {name: figure for name, figure in figures.items() if figure is not None}
