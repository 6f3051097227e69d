"""What the engine asks of a phase, and what a phase gets from it."""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.checkpoints import parts
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.phase_checkpoint import open_complete
from skype_assets.etl.checkpoints.state import PartRecord
from skype_assets.etl.errors import UsageError
from skype_assets.etl.phases import PhaseFacts
from skype_assets.etl.processes import Tenure
from skype_assets.etl.task import Task

Told = Callable[[float, str], None]
"""Called with the share of what follows the last part that is done, and with what is done next, for people."""


class Work(Protocol):
    """One part to be done, in this process or another: picklable, callable once."""

    def __call__(self) -> PartRecord:
        """Do the part: write its files, commit what is to be committed, and say what was done."""
        ...


@dataclass(frozen=True)
class Done:
    """A part that this process has done already: no other one is begun for it."""

    record: PartRecord

    def __call__(self) -> PartRecord:
        """What was done."""
        return self.record


class OpenPhase(Protocol):
    """A phase with its input open, ready to be worked on."""

    @property
    def total(self) -> int:
        """The work of all parts, in the phase's unit: bytes of messages.json for extract, messages for the others."""
        ...

    def confirmed(self, done: Sequence[PartRecord]) -> Sequence[PartRecord]:
        """Of the recorded parts, in order, those that still hold (the load asks the ledger)."""
        ...

    def holds(self) -> bool:
        """Whether what a complete phase has left elsewhere is still there (the load asks for every row)."""
        ...

    def claim(self, tenure: Tenure | None) -> None:
        """Take over what the phase writes to beside its folder.

        Called while nobody on this machine can take over the task; ``tenure`` is for those on others.
        """
        ...

    def work(self, done: Sequence[PartRecord], files: "PartFiles") -> Iterable[Work]:
        """The parts that are not done, in their order."""
        ...

    def summary(self, done: Sequence[PartRecord], tell: Told) -> tuple[Mapping[str, pa.Table], dict[str, int]]:
        """After all parts: the tables that need more than one part, and counts beyond those of the parts.

        ``tell`` is called in the caller's thread, as often as there is something to tell.
        """
        ...


class Phase(Protocol):
    """A phase of a task, made from the phase before it, if there is one.

    Attributes:
        facts: its name, and what else is known without doing it.
        version: of the code that determines the result; another version makes the phase anew.
        superseded: earlier versions whose complete checkpoints serve as well, each with what doing the phase anew would
            change, for people; empty if nothing. Where it can be done anew and that changes something, it is.
        schemas: of the tables in its checkpoint.
        outdated: what has happened if recorded parts do not hold any more.
    """

    facts: ClassVar[PhaseFacts]
    version: ClassVar[str]
    superseded: ClassVar[Mapping[str, str]]
    schemas: ClassVar[Mapping[str, pa.Schema]]
    outdated: ClassVar[str]

    def __init__(self, task: Task) -> None:
        """Raises ``UsageError`` if the phase before is not complete."""
        ...

    @property
    def source_name(self) -> str:
        """File name of the export, for people."""
        ...

    @property
    def parts_total(self) -> int | None:
        """How many parts there will be; None while nobody knows."""
        ...

    def inputs(self) -> dict[str, str]:
        """What the result depends on, beside the version."""
        ...

    def bytes_needed(self, done: int) -> int:
        """About how many bytes it will take in the task's folder, where it has ``done`` so many (promise I11)."""
        ...

    def open(self, task_folder: Directory) -> AbstractContextManager[OpenPhase]:
        """Open what the phase reads and writes."""
        ...


def upstream(task: Task, before: type[Phase], phase: str) -> PhaseTables:
    """The tables that a phase is made from: those of the phase before it.

    Raises:
        UsageError: that one is not complete.
    """
    tables = open_complete(task.folder.folder(before.facts.asset), before.schemas)
    if tables is None:
        raise UsageError(f"task {task.task_id}: {phase} needs a complete {before.facts.name}; run that first")
    return tables


@dataclass(frozen=True)
class PartFiles:
    """Where a part's files go: the phase's folder, under the epoch of the attempt."""

    folder: Directory
    epoch: int

    def write(
        self,
        number: int,
        tables: Mapping[str, pa.Table],
        *,
        began: float,
        progress: int,
        counts: dict[str, int],
        cursor: Any = None,
    ) -> PartRecord:
        """Write a part's tables and describe it. ``began`` is the ``time.monotonic()`` of the part's start."""
        files = parts.write(self.folder, number, self.epoch, tables)
        return PartRecord(
            number=number,
            epoch=self.epoch,
            files=files,
            progress=progress,
            counts=counts,
            seconds=time.monotonic() - began,
            cursor=msgspec.Raw(msgspec.json.encode(cursor)),
        )


def cumulative(done: Sequence[PartRecord], amounts: Iterable[int]) -> Iterator[int]:
    """Progress after each further part, given the amounts of work of all parts in order."""
    total = 0
    for number, amount in enumerate(amounts):
        total += amount
        if number >= len(done):
            yield total


def of_part(rows: pa.Table, part: PartRecord) -> pa.Table:
    """The rows of a summary's table whose column ``part`` names a part: a copy, as slices are pickled whole."""
    return rows.filter(pc.equal(rows["part"], part.number))
