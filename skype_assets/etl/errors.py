"""What can go wrong, and the exit code that says so.

::

    EtlError                      1   anything below
    ├── InvalidExport             3   the export cannot be read: what, in which member, at which byte
    ├── CheckpointError           4   a checkpoint cannot be used
    │   ├── CheckpointMismatch    4   it belongs to another source, task or configuration
    │   └── CheckpointDamaged     4   its bytes are not those that were written
    ├── DatabaseError             5   the database refuses, or does not hold what its ledger says
    │   └── DatabaseDiffers       5   a row is not what was loaded, and loading it again would not change that
    ├── TaskBusy                  6   another live process works on this task
    ├── Fenced                    7   another attempt has taken over: this one may write nothing more
    ├── NotConserved              8   seen is not loaded + duplicate + rejected
    ├── NotEnoughSpace            9   the disk has too little room for the next phase
    ├── WorkerLost               10   a worker process was killed
    ├── PoisonPart               12   a part ends every process that works on it, or the server
    ├── VerificationFailed       11   something is not what was recorded
    ├── OnHold                   13   the data is held, and must not be removed
    ├── NotAllChecked            14   nothing is wrong, but something could not be checked: which, and why
    ├── DatabasesDiffer          15   two databases, or a database and a saved digest, are not equal
    ├── Ambiguous                16   several messages may be meant: which, to choose from
    ├── StoreUnavailable         17   the store of the checkpoints cannot be reached; resume
    ├── StoreRefused             18   the store refuses, or cannot be trusted: which, and why
    ├── ExecutorUnavailable      19   no scheduler, or no worker of it, that is to do the parts; resume
    ├── PhaseFailed               *   a phase of ``run_pipeline`` failed; the code is that of its cause
    └── UsageError                2   a parameter is wrong or missing

Messages are one or two lines: what is wrong, where, what to do. They never hold message text or credentials.
"""

import os
from typing import Any, Final

START_AGAIN: Final = "start again with `skype-assets run FILE --task-id TASK --reset`"
"""The remedy where a task cannot go on: the whole command, for errors are read at every door."""


class EtlError(Exception):
    """Base of every error that the platform raises on purpose."""

    exit_code: int = 1


class UsageError(EtlError, ValueError):
    """A parameter is wrong or missing."""

    exit_code = 2


class InvalidExport(EtlError):
    """The export cannot be read.

    Args:
        problem: what is wrong.
        member: member of the archive, if known.
        offset: byte offset within the member, if known.
        remedy: what to do about it.
    """

    exit_code = 3

    def __init__(self, problem: str, *, member: str = "", offset: int | None = None, remedy: str = "") -> None:
        self.problem, self.member, self.offset, self.remedy = problem, member, offset, remedy
        where = f"{member}: " if member else ""
        at = f" at byte {offset}" if offset is not None else ""
        super().__init__(f"{where}{problem}{at}" + (f". {remedy}" if remedy else ""))


class CheckpointError(EtlError):
    """A checkpoint cannot be used."""

    exit_code = 4


class CheckpointMismatch(CheckpointError):
    """A checkpoint belongs to another source, task or configuration: names the field and both values."""


class CheckpointDamaged(CheckpointError):
    """A checkpoint's bytes are not those that were written."""


class DatabaseError(EtlError):
    """The database refuses, or does not hold what its ledger says."""

    exit_code = 5


class DatabaseDiffers(DatabaseError):
    """A row is not what was loaded, and loading it again would not change that: names table and key, and what to do."""


class TaskBusy(EtlError):
    """Another live process works on this task."""

    exit_code = 6


class Fenced(EtlError):
    """Another attempt has taken over; this one may write nothing more."""

    exit_code = 7


class NotConserved(EtlError):
    """The account of the objects does not balance: seen is not loaded + duplicate + rejected."""

    exit_code = 8


class NotEnoughSpace(EtlError):
    """The disk has too little room for the next phase. Nothing was begun; make room and resume."""

    exit_code = 9


class WorkerLost(EtlError):
    """A worker process was killed. What it worked on is not committed; resume."""

    exit_code = 10


class PoisonPart(EtlError):
    """A part ends every process that works on it, or the server. It is not committed; what came before is kept."""

    exit_code = 12


class VerificationFailed(EtlError):
    """Something is not what was recorded: files, the export, or the database. Nothing was changed."""

    exit_code = 11


class OnHold(EtlError):
    """The data is held, and must not be removed. Nothing was changed."""

    exit_code = 13


class NotAllChecked(EtlError):
    """Nothing is wrong, but something could not be checked."""

    exit_code = 14


class DatabasesDiffer(EtlError):
    """Two databases, or one and saved digests, are not equal."""

    exit_code = 15


class Ambiguous(EtlError):
    """Several messages may be meant; they are listed, to choose from."""

    exit_code = 16


class StoreUnavailable(EtlError, OSError):
    """The store of the checkpoints cannot be reached. What is recorded there is kept; resume when it is back."""

    exit_code = 17


class StoreRefused(EtlError):
    """The store refuses - credentials, a bucket that is not there -, or cannot be trusted. Trying again is no use."""

    exit_code = 18


class ExecutorUnavailable(EtlError, OSError):
    """What is to do the parts cannot be reached, or has no workers. What is recorded is kept; resume when it has."""

    exit_code = 19


class PhaseFailed(EtlError):
    """A phase of ``ETLPipeline.run_pipeline`` failed; what was done until then is kept.

    Attributes:
        phase: the phase.
        results: what ``run_pipeline`` would have returned, with ``success`` False.
        checkpoint_file: the manifest to resume from; empty if there is nothing to resume, as of what is no export.
    """

    def __init__(self, phase: str, cause: BaseException, results: dict[str, Any], checkpoint_file: str) -> None:
        self.phase, self.results, self.checkpoint_file = phase, results, checkpoint_file
        self.exit_code = cause.exit_code if isinstance(cause, EtlError) else EtlError.exit_code
        what = str(cause) if isinstance(cause, (EtlError, OSError)) else type(cause).__name__
        # Of an export that cannot be read at all nothing is kept.
        resume = f"\nresume from {checkpoint_file}" if os.path.lexists(checkpoint_file) else ""
        super().__init__(f"{phase} failed: {what}{resume}")
