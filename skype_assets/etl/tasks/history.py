"""What happened to a task: phases, errors, figures. The documented API notes them, the manifest keeps them."""

import json
import logging
import multiprocessing
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import psutil

from skype_assets.etl.errors import EtlError, UsageError
from skype_assets.etl.phases import PHASES
from skype_assets.etl.task import Settings
from skype_assets.etl.tasks.manifest import ErrorReport, PhaseReport, plain

logger = logging.getLogger(__name__)

STATUSES: Final = ("pending", "running", "completed", "failed", "interrupted", "unloaded")
"""What may be said of a phase; ``unloaded`` of a load whose rows were taken out of the database again."""

_MB: Final = 1024 * 1024


class History:
    """What happened to a task.

    Args:
        settings: of the run; its memory limit is watched.

    Attributes:
        current_phase: the phase under way, or None.
        phase_results: ``PhaseReport`` of each phase that was begun.
        errors: ``ErrorReport`` of each error met.
        metrics: figures over all runs of the task: ``peak_memory_mb``, ``total_duration_seconds`` (of the phases).
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.current_phase: str | None = None
        self.phase_results: dict[str, PhaseReport] = {}
        self.errors: list[ErrorReport] = []
        self.metrics: dict[str, float] = {}

    def start_phase(self, phase_name: str, total_conversations: int = 0, total_messages: int = 0) -> None:
        """Note that a phase begins; the totals, if known, are what is expected of it.

        Raises:
            UsageError: there is no such phase, or another one is under way.
        """
        _check_phase(phase_name)
        if self.current_phase is not None:
            raise UsageError(f"phase {self.current_phase} is under way; end it before {phase_name} begins")
        self.current_phase = phase_name
        self.phase_results[phase_name] = PhaseReport(
            status="running",
            started_at=datetime.now(UTC),
            total_conversations=total_conversations,
            total_messages=total_messages,
        )

    def update_progress(self, conversations: int = 0, messages: int = 0) -> None:
        """Add what was processed since the last call to the phase under way."""
        report = self._running()
        report.conversations += conversations
        report.messages += messages
        self.check_memory()

    def end_phase(self, result: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Note that the phase under way has ended, and return its figures.

        Args:
            result: what is known of it. ``status``, ``conversations`` and ``messages`` (also as
                ``conversations_processed`` and ``messages_processed``), ``from_checkpoint`` and ``duration_seconds``
                replace what was noted; anything else is kept as details and must be JSON-serialisable.

        Raises:
            UsageError: no phase is under way, or ``result`` is no dictionary or has no such status.
            TypeError: ``result`` cannot be serialised.
        """
        report = self._running()
        if not isinstance(result, Mapping | None):
            raise UsageError(f"the result of a phase must be a dictionary, not {type(result).__name__}")
        details = {name.removesuffix("_processed"): value for name, value in (result or {}).items()}
        json.dumps(details)
        report.status = _check_status(details.pop("status", "completed"))
        _end(report)
        for name in ("conversations", "messages", "from_checkpoint", "duration_seconds"):
            if name in details:
                setattr(report, name, details.pop(name))
        if report.duration_seconds:
            done = report.messages - report.messages_resumed
            report.messages_per_second = round(done / report.duration_seconds, 1)
        report.details = details
        self.metrics["total_duration_seconds"] = round(sum(r.duration_seconds for r in self.phase_results.values()), 3)
        self.check_memory()
        phase, self.current_phase = self.current_phase, None
        counts = {"conversations_processed": report.conversations, "messages_processed": report.messages}
        return {**details, "phase": phase, **plain(report), **counts}

    def get_phase_status(self, phase: str) -> str:
        """``pending``, ``running``, ``completed``, ``failed``, ``interrupted`` or ``unloaded``."""
        report = self.phase_results.get(_check_phase(phase))
        return report.status if report is not None else "pending"

    def set_phase_status(self, phase: str, status: str) -> None:
        """Say what has become of a phase; changes no checkpoint."""
        _check_status(status)
        known = self.phase_results.setdefault(
            _check_phase(phase), PhaseReport(status=status, started_at=datetime.now(UTC))
        )
        known.status = status

    def check_memory(self) -> float:
        """Anonymous memory of this process and its workers now, in MB; warns above the limit."""
        used = round(_memory_mb(), 1)
        self.metrics["peak_memory_mb"] = max(self.metrics.get("peak_memory_mb", 0.0), used)
        if self.current_phase is not None:
            report = self.phase_results[self.current_phase]
            report.peak_memory_mb = max(report.peak_memory_mb, used)
        if used > self.settings.memory_limit_mb:
            logger.warning("%.0f MB in use, the limit is %d MB", used, self.settings.memory_limit_mb)
        return used

    def record_error(self, phase: str, error: BaseException, fatal: bool = False) -> None:
        """Note an error; a fatal one ends the phase as failed.

        Of errors that are neither the platform's own nor the system's only the type is kept: their text may hold
        anything.
        """
        message = str(error) if isinstance(error, EtlError | OSError) else ""
        self.errors.append(
            ErrorReport(phase=phase, type=type(error).__name__, message=message, fatal=fatal, at=datetime.now(UTC))
        )
        if fatal and phase in self.phase_results:
            report = self.phase_results[phase]
            report.status = "failed"
            _end(report)
            self.current_phase = None

    def note_interruption(self) -> None:
        """Note that the phase under way was left by an attempt that is dead. Only for the attempt that took over."""
        if self.current_phase is not None:
            self.phase_results[self.current_phase].status = "interrupted"
            self.current_phase = None

    def _running(self) -> PhaseReport:
        if self.current_phase is None:
            raise UsageError("no phase is under way; begin one with start_phase")
        return self.phase_results[self.current_phase]


def _check_phase(phase: str) -> str:
    if phase not in PHASES:
        raise UsageError(f"there is no phase {phase!r}; the phases are {', '.join(PHASES)}")
    return phase


def _check_status(status: str) -> str:
    if status not in STATUSES:
        raise UsageError(f"{status!r} is no status; use one of {', '.join(STATUSES)}")
    return status


def _end(report: PhaseReport) -> None:
    report.ended_at = datetime.now(UTC)
    report.duration_seconds = round((report.ended_at - report.started_at).total_seconds(), 3)


def _memory_mb() -> float:
    # Not psutil's children, for which it looks at every process of the machine.
    workers = (worker.pid for worker in multiprocessing.active_children())
    return sum(map(_anonymous, (os.getpid(), *(pid for pid in workers if pid)))) / _MB


def _anonymous(pid: int) -> int:
    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.Error:  # it has just ended
        return 0
    return memory.rss - getattr(memory, "shared", 0)
