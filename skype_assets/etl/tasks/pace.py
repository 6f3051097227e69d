"""How far and how fast a phase is, and how long it will take: the one place that computes it, for every door.

What follows the last part - a load compares its rows and completes its tables - is work like that of the parts, and is
counted in the phase's unit: as much as takes so long. A phase is at 100 % when it is complete.

The engine's first word about a phase says what earlier attempts have done (promise I12): percentages begin there, and
the rate counts from there, so that work that was done yesterday does not make today look fast.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from skype_assets.etl.checkpoints.state import PhaseState
from skype_assets.etl.phases import FACTS


@dataclass(frozen=True)
class Pace:
    """A phase at one instant.

    Attributes:
        done: of ``total``, in the phase's unit; never more than that.
        total: the whole work.
        per_second: how much is done in a second, in this attempt; None until something is.
        remaining_seconds: how long the rest takes at that rate; None without one.
    """

    done: int
    total: int
    per_second: float | None
    remaining_seconds: float | None

    @property
    def percent(self) -> int:
        """The share that is done."""
        return percent(self.done, self.total)


class Pacer:
    """Tells the pace from one word of the engine to the next.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun: dict[str, tuple[float, int]] = {}

    def pace(self, phase: str, done: int, total: int) -> Pace:
        """The pace of a phase, now that so much of it is done."""
        now, done = self._clock(), min(done, total)
        began, before = self._begun.setdefault(phase, (now, done))
        rate = (done - before) / (now - began) if done > before and now > began else None
        return Pace(done, total, rate, (total - done) / rate if rate else None)


def after_parts(phase: str, total: int) -> int:
    """What follows the last part, in the unit of the phase whose parts are ``total`` in all; never nothing."""
    return max(1, round(total * FACTS[phase].after_parts))


def work(state: PhaseState) -> tuple[int, int]:
    """How much of a phase is done, and the whole of it: the parts and what follows them."""
    total = state.total + after_parts(state.phase, state.total)
    if state.status == "complete":
        return total, total
    return min(state.progress + state.after_parts, total - 1), total


def percent(done: int, total: int) -> int:
    """The share that is done, rounded down and never above 100; of nothing, all is done."""
    return min(100 * done // total, 100) if total else 100
