"""Skype exports into PostgreSQL: the documented API, ``docs/api.md``.

All that neither ``__all__`` nor ``CODE_LOCATION`` names is private. The Dagster code location is
``skype_assets.definitions``.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

# pip refuses these; whoever runs a checkout by hand is told as plainly. Nothing above may need a newer Python.
if sys.version_info < (3, 11) or sys.implementation.name != "cpython":
    found = (sys.implementation.name, *sys.version_info[:2], sys.executable)
    # Not ImportError: what everybody reads is the line, not the traceback above it.
    sys.exit("skype-assets needs CPython 3.11 or newer; this is {} {}.{}, {}".format(*found))

if TYPE_CHECKING:
    from skype_assets.etl.api.context import ETLContext
    from skype_assets.etl.api.pipeline import ETLPipeline
    from skype_assets.etl.checkpoints.parts import PhaseTables, TableHandle
    from skype_assets.etl.engine.journal import Observer, PhaseResult, Progress
    from skype_assets.etl.engine.loop import open_phase, run, run_phase
    from skype_assets.etl.errors import (
        Ambiguous,
        CheckpointDamaged,
        CheckpointError,
        CheckpointMismatch,
        DatabaseDiffers,
        DatabaseError,
        DatabasesDiffer,
        EtlError,
        ExecutorUnavailable,
        Fenced,
        InvalidExport,
        NotAllChecked,
        NotConserved,
        NotEnoughSpace,
        OnHold,
        PhaseFailed,
        PoisonPart,
        StoreRefused,
        StoreUnavailable,
        TaskBusy,
        UsageError,
        VerificationFailed,
        WorkerLost,
    )
    from skype_assets.etl.export.source import Source, fingerprint
    from skype_assets.etl.phases import PHASES
    from skype_assets.etl.task import Settings, Task, task_id_for
    from skype_assets.etl.tasks.outcomes import Check, Findings
    from skype_assets.etl.tasks.record import DbConfig
    from skype_assets.etl.tasks.resuming import choose_manifest, find_manifests
    from skype_assets.etl.tasks.unloading import Unloaded, unload
    from skype_assets.etl.tasks.verification import Sample, verify

__all__ = [
    "PHASES",
    "Ambiguous",
    "Check",
    "CheckpointDamaged",
    "CheckpointError",
    "CheckpointMismatch",
    "DatabaseDiffers",
    "DatabaseError",
    "DatabasesDiffer",
    "DbConfig",
    "ETLContext",
    "ETLPipeline",
    "EtlError",
    "ExecutorUnavailable",
    "Fenced",
    "Findings",
    "InvalidExport",
    "NotConserved",
    "NotEnoughSpace",
    "Observer",
    "NotAllChecked",
    "OnHold",
    "PhaseFailed",
    "PhaseResult",
    "PhaseTables",
    "PoisonPart",
    "Progress",
    "Sample",
    "Settings",
    "Source",
    "StoreRefused",
    "StoreUnavailable",
    "TableHandle",
    "Task",
    "TaskBusy",
    "Unloaded",
    "UsageError",
    "VerificationFailed",
    "WorkerLost",
    "choose_manifest",
    "find_manifests",
    "fingerprint",
    "open_phase",
    "run",
    "run_phase",
    "task_id_for",
    "unload",
    "verify",
]

_HOMES: Final = {
    "ETLContext": "api.context",
    "ETLPipeline": "api.pipeline",
    "PhaseTables": "checkpoints.parts",
    "TableHandle": "checkpoints.parts",
    "open_phase": "engine.loop",
    "run": "engine.loop",
    "run_phase": "engine.loop",
    "Observer": "engine.journal",
    "PhaseResult": "engine.journal",
    "Progress": "engine.journal",
    "PHASES": "phases",
    "Settings": "task",
    "Source": "export.source",
    "fingerprint": "export.source",
    "Task": "task",
    "task_id_for": "task",
    "DbConfig": "tasks.record",
    "choose_manifest": "tasks.resuming",
    "find_manifests": "tasks.resuming",
    "Unloaded": "tasks.unloading",
    "unload": "tasks.unloading",
    "Check": "tasks.outcomes",
    "Findings": "tasks.outcomes",
    "Sample": "tasks.verification",
    "verify": "tasks.verification",
}
"""Modules of ``skype_assets.etl`` that define what is public; all other names are errors."""

CODE_LOCATION: Final = {"build_defs": "skype_assets.definitions", "EXPORTS": "skype_assets.partitions"}
"""What is public for code locations of other projects, and the modules that it is imported from: they load Dagster."""


def home(name: str) -> str:
    """The module that defines a public name."""
    return f"skype_assets.etl.{_HOMES.get(name, 'errors')}"


def __getattr__(name: str) -> Any:
    # Not at import: every module below this package would pay for Arrow, `skype-assets --help` first.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home(name)), name)


def __dir__() -> list[str]:
    return __all__
