"""What the benchmark of the reader measures: a figure, what it must be, and the time that most take."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measured figure, and what it must be at most; None if it is only told."""

    measure: str
    value: float
    unit: str
    must: float | None

    @property
    def is_met(self) -> bool:
        """Whether it is as it must be."""
        return self.must is None or self.value <= self.must


def p95(ask: Callable[[str], float], asked: Sequence[str], rounds: int) -> float:
    """The time that 95 of 100 take at most, after each was asked for once."""
    for one in asked:
        ask(one)
    times = sorted(ask(one) for _ in range(rounds) for one in asked)
    return times[int(0.95 * (len(times) - 1))]
