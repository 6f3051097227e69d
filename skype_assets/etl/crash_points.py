"""Named points at which a process can be made to fail, for the campaign that proves the promises (docs/reliability.md).

Each lies on one side of a write or a commit. Off, which they are unless somebody asks, a point is a look at one global.
``SKYPE_ASSETS_CRASH_POINT=NAME:FAULT:HIT`` arms one of them in a process and in those that it starts: the HIT-th time
that the process comes to NAME it is killed, or gets the error, as if the system had done it.
"""

import errno
import os
import signal
from collections.abc import Callable
from itertools import count
from typing import Final

VARIABLE: Final = "SKYPE_ASSETS_CRASH_POINT"

POINTS: Final = (
    "attempt taken",
    "file opened",
    "file written",
    "file synced",
    "file renamed",
    "file durable",
    "phase begun",
    "phase claimed",
    "part done",
    "part recorded",
    "phase summarised",
    "phase checksums written",
    "phase complete",
    "phase swept",
    "part copied",
    "part merged",
    "part in ledger",
    "part committed",
    "foreign keys added",
    "table completed",
    "load finished",
    "unload marked",
    "rows unloaded",
    "unload committed",
    "unload recorded",
    "rows repaired",
    "repair committed",
    "upgrade begun",
    "upgrade statement done",
    "upgrade committed",
    "left-over rows removed",
    "hand-over written",
    "hand-over moved aside",
    "hand-over in place",
    "task taken in store",
    "files in store",
    "entry in log",
    "object in store",
    "sweep said",
    "sweep decided",
    "sweep done",
)
"""All points: of a run in its order, of what takes it out, puts it right, upgrades older tables, and hands over."""

OF_REPAIRS: Final = ("rows repaired", "repair committed")
"""Those that are reached where somebody has altered rows."""

OF_RUNS: Final = POINTS[: POINTS.index("rows repaired")]
"""Those of a run, and of taking out again what it loaded."""

OF_UPGRADES: Final = POINTS[POINTS.index("upgrade begun") : POINTS.index("hand-over written")]
"""Those that are reached with tables of an earlier release only."""

OF_STORES: Final = POINTS[POINTS.index("task taken in store") :]
"""Those that are reached where checkpoints are in a store only."""

FAULTS: Final = ("kill", "exception", "ENOSPC", "EIO")
"""What can happen at a point."""


class CrashPointError(Exception):
    """The fault ``exception``: an error that nothing in the program expects."""


def fail_at(point: str, fault: str, hit: int) -> Callable[[str], None]:
    """A listener that lets a fault happen when a point is reached for the ``hit``-th time, counted from 1."""
    if point not in POINTS or fault not in FAULTS or hit < 1:
        raise ValueError(f"{VARIABLE}={point}:{fault}:{hit} names no crash point, fault and hit")
    hits = count(1)

    def fail(reached: str) -> None:
        if reached != point or next(hits) != hit:
            return
        if fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "exception":
            raise CrashPointError(point)
        number = getattr(errno, fault)
        raise OSError(number, os.strerror(number), point)

    return fail


def _from_environment() -> Callable[[str], None] | None:
    armed = os.environ.get(VARIABLE)
    if not armed:
        return None
    point, _, rest = armed.partition(":")
    fault, _, hit = rest.partition(":")
    return fail_at(point, fault, int(hit or 1))


listener: Callable[[str], None] | None = _from_environment()
"""Called with the name of every point that is reached; None = nobody listens."""


def reached(point: str) -> None:
    """Say that the process is at a point."""
    if listener is not None:
        listener(point)
