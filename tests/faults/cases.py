"""What a test of the campaign is: cases that can be listed, repeated and run side by side, and what they report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.world import Place, World

Case = tuple[Any, ...]


@dataclass
class Report:
    """What came of a case.

    Attributes:
        faults: how many faults happened in it.
        points: where, as names.
        wrong: what was wrong afterwards; empty if everything was as promised.
    """

    faults: int = 0
    points: set[str] = field(default_factory=set[str])
    wrong: list[str] = field(default_factory=list[str])

    def add(self, other: "Report") -> None:
        self.faults += other.faults
        self.points |= other.points
        self.wrong += other.wrong


@dataclass(frozen=True)
class Size:
    """How much of everything a campaign does; ``every`` = all points and calls, not a sample of them."""

    kills: int
    calls: int
    stops: int
    damages: int
    inputs: int
    budgets: int
    interruptions: int
    slow_interruptions: int
    surroundings: int
    crashes: int
    every: bool


QUICK = Size(
    kills=8,
    calls=6,
    stops=1,
    damages=20,
    inputs=24,
    budgets=3,
    interruptions=3,
    slow_interruptions=1,
    surroundings=12,
    crashes=25,
    every=False,
)
LONG = Size(
    kills=1_000,
    calls=100_000,
    stops=100,
    damages=600,
    inputs=5_000,
    budgets=60,
    interruptions=250,
    surroundings=3_000,
    slow_interruptions=40,
    crashes=100_000,
    every=True,
)


@dataclass(frozen=True)
class Test:
    """A test of the campaign.

    Attributes:
        name: as in the list of promises and tests.
        title: what happens in it.
        cases: its cases, given the world, the size and the seed.
        run: runs one of them in a place, with planted bugs if there are any.
        alone: whether it disturbs the server, which others use.
    """

    __test__ = False

    name: str
    title: str
    cases: Callable[[World, Size, int], Sequence[Case]]
    run: Callable[[Place, Case, tuple[str, ...]], Report]
    alone: bool = False
