"""``ETLContext``: the state of a task as the documented API shows it, and its journal while it runs."""

import dataclasses
import json
import logging
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

import psutil

from skype_assets.etl import manifest as manifests
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.phase import open_complete
from skype_assets.etl.database.url import ALIASES, SECRETS, from_config, normalize, without_password
from skype_assets.etl.errors import EtlError, UsageError
from skype_assets.etl.export.source import Source
from skype_assets.etl.manifest import ContextReport, ErrorReport, Manifest, PhaseReport, SourceReport
from skype_assets.etl.phases import KINDS, PHASES
from skype_assets.etl.task import Settings, Task, check_task_id, export_id_for

logger = logging.getLogger(__name__)

DbConfig = Mapping[str, object] | str | None
"""Connection parameters as libpq names them, or a URL; None = by environment, else the embedded server."""

_MB: Final = 1024 * 1024


class ETLContext:
    """The state of one task: where its checkpoints are, how far it is, what happened.

    Args:
        db_config: the database, as parameters (dbname, user, password, host, port, ...) or as a URL.
        output_dir: folder of all checkpoints.
        memory_limit_mb: what all processes of the run may use together, in MB.
        parallel_processing: whether parts may be worked on side by side.
        chunk_size: messages in a part.
        batch_size: messages that are transformed at a time.
        max_workers: processes, at most; None = one per core.
        task_id: name of the task; None = made from the export's name and content.

    Attributes:
        task_id: see above; None until the export is known.
        start_time: when the task was begun, UTC.
        current_phase: the phase under way, or None.
        phase_results: ``PhaseReport`` of each phase that was begun.
        errors: ``ErrorReport`` of each error met.
        metrics: figures over the run: ``peak_memory_mb``, ``total_duration_seconds``, ...
        file_source: path of the export, or None.
        source: name, size and SHA-256 of the export, or None.
    """

    def __init__(
        self,
        db_config: DbConfig = None,
        output_dir: str | os.PathLike[str] | None = None,
        memory_limit_mb: int = Settings.memory_limit_mb,
        parallel_processing: bool = Settings.parallel_processing,
        chunk_size: int = Settings.chunk_size,
        batch_size: int = Settings.batch_size,
        max_workers: int | None = None,
        task_id: str | None = None,
    ) -> None:
        self.settings = Settings(
            chunk_size=chunk_size,
            batch_size=batch_size,
            memory_limit_mb=memory_limit_mb,
            parallel_processing=parallel_processing,
            max_workers=max_workers,
        )
        self.db_config = db_config
        self.output_dir = Path(output_dir) if output_dir is not None else None
        self.task_id = check_task_id(task_id) if task_id is not None else None
        self.start_time = datetime.now(UTC)
        self.current_phase: str | None = None
        self.phase_results: dict[str, PhaseReport] = {}
        self.errors: list[ErrorReport] = []
        self.metrics: dict[str, float] = {}
        self.file_source: Path | None = None
        self.source: Source | None = None

    @classmethod
    def for_task(cls, task: Task) -> Self:
        """The context of a task: as its manifest has it, if there is one, with this run's settings and database."""
        path = task.output_dir / manifests.file_name(task.task_id)
        context = cls.load_from_checkpoint_file(path) if path.is_file() else cls(task_id=task.task_id)
        context.settings, context.output_dir = task.settings, task.output_dir
        context.db_config = task.database if task.database is not None else context.db_config
        if task.source is not None:
            context.file_source, context.source = task.source, task.fingerprint or context.source
        return context

    @property
    def database(self) -> str | None:
        """libpq URL of the database; None if it is left to the environment."""
        if self.db_config is None or self.db_config == {}:
            return None
        return normalize(self.db_config) if isinstance(self.db_config, str) else from_config(self.db_config)

    @property
    def task(self) -> Task:
        """What the engine runs.

        Raises:
            UsageError: there is no output_dir, or neither an export nor a task id.
        """
        if self.output_dir is None:
            raise UsageError("output_dir is missing; checkpoints need a folder, e.g. output_dir='output'")
        if self.task_id is None:
            raise UsageError("there is no task yet: name an export (set_file_source) or a task_id")
        return Task(self.task_id, self.output_dir, self.file_source, self.database, self.settings, self.source)

    @property
    def export_id(self) -> str | None:
        """Id of the export in the database: the first 16 hex digits of its SHA-256; None until it is known."""
        return export_id_for(self.source.sha256) if self.source else None

    @property
    def checkpoints(self) -> dict[str, dict[str, Any]]:
        """The completed phases, in order: fingerprint, rows per table, parts, and when they were completed."""
        found: dict[str, dict[str, Any]] = {}
        for phase in PHASES:
            tables = self._tables(phase)
            if tables is None:
                break
            state = tables.state
            found[phase] = {
                "fingerprint": state.fingerprint,
                "rows": tables.rows(),
                "parts": len(state.parts),
                "completed_at": state.updated_at.isoformat(),
            }
        return found

    @property
    def raw_data(self) -> PhaseTables | None:
        """The raw checkpoint, not loaded into memory; None until extract is complete."""
        return self._tables("extract")

    @property
    def transformed_data(self) -> PhaseTables | None:
        """The transformed tables, not loaded into memory; None until transform is complete."""
        return self._tables("transform")

    def set_file_source(self, file_path: str | os.PathLike[str], source: Source | None = None) -> None:
        """Say which export the task is about; ``source`` if its fingerprint is known already."""
        self.file_source = Path(file_path)
        self.source = source

    def forget_file_source(self) -> None:
        """Say that the export is not at hand; what is known of it stays."""
        self.file_source = None

    def use_display_name(self, user_display_name: str) -> None:
        """Say what the owner of the export is called."""
        self.settings = dataclasses.replace(self.settings, user_display_name=user_display_name)

    @property
    def checkpoint_file(self) -> str:
        """Path of the manifest in ``output_dir``."""
        task = self.task
        return str(task.output_dir / manifests.file_name(task.task_id))

    def start_phase(self, phase_name: str, total_conversations: int = 0, total_messages: int = 0) -> None:
        """Note that a phase begins; the totals, if known, are what is expected of it.

        Raises:
            UsageError: there is no such phase, or another one is under way.
        """
        if phase_name not in PHASES:
            raise UsageError(f"there is no phase {phase_name!r}; the phases are {', '.join(PHASES)}")
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
            result: what is known of it: ``status``, ``conversations``, ``messages``, ``from_checkpoint`` replace what
                was noted; anything else is kept under ``details`` and must be JSON-serialisable.
        """
        report = self._running()
        details = dict(result or {})
        json.dumps(details)
        report.status = details.pop("status", "completed")
        for name in ("conversations", "messages", "from_checkpoint", "duration_seconds"):
            if name in details:
                setattr(report, name, details.pop(name))
        report.ended_at = datetime.now(UTC)
        if "duration_seconds" not in (result or {}):
            report.duration_seconds = (report.ended_at - report.started_at).total_seconds()
        report.messages_per_second = report.messages / report.duration_seconds if report.duration_seconds else 0.0
        report.details = details
        self.check_memory()
        phase, self.current_phase = self.current_phase, None
        return {"phase": phase, **manifests.plain(report)}

    def check_memory(self) -> float:
        """Anonymous memory of this process and its workers now, in MB; warns above the limit."""
        used = _memory_mb()
        self.metrics["peak_memory_mb"] = max(self.metrics.get("peak_memory_mb", 0.0), used)
        if self.current_phase is not None:
            report = self.phase_results[self.current_phase]
            report.peak_memory_mb = max(report.peak_memory_mb, used)
        if used > self.settings.memory_limit_mb:
            logger.warning("%.0f MB in use, the limit is %d MB", used, self.settings.memory_limit_mb)
        return used

    def record_error(self, phase: str, error: BaseException, fatal: bool = False) -> None:
        """Note an error; a fatal one ends the phase as failed.

        Of errors that are not the platform's own only the type is kept: their text may hold anything.
        """
        message = str(error) if isinstance(error, EtlError) else ""
        self.errors.append(
            ErrorReport(phase=phase, type=type(error).__name__, message=message, fatal=fatal, at=datetime.now(UTC))
        )
        if fatal and phase in self.phase_results:
            report = self.phase_results[phase]
            report.status, report.ended_at = "failed", datetime.now(UTC)
            report.duration_seconds = (report.ended_at - report.started_at).total_seconds()
            self.current_phase = None

    def note_interruption(self) -> None:
        """Note that the phase under way was left by an attempt that is dead. Only for the attempt that took over."""
        if self.current_phase is not None:
            self.phase_results[self.current_phase].status = "interrupted"
            self.current_phase = None

    def can_resume_from_phase(self, phase_name: str) -> bool:
        """Whether the phases before this one are complete, so that a run can begin with it."""
        return phase_name in PHASES and set(PHASES[: PHASES.index(phase_name)]) <= self.checkpoints.keys()

    def get_summary(self) -> dict[str, Any]:
        """The task in figures, JSON-serialisable."""
        return {
            "task_id": self.task_id,
            "export_id": self.export_id,
            "start_time": self.start_time.isoformat(),
            "current_phase": self.current_phase,
            "available_checkpoints": list(self.checkpoints),
            "phases": {name: manifests.plain(report) for name, report in self.phase_results.items()},
            "error_count": len(self.errors),
            "metrics": dict(self.metrics),
        }

    def serialize_checkpoint(self) -> dict[str, Any]:
        """The manifest as a JSON-serialisable dict: no password, paths relative to ``output_dir``."""
        return manifests.to_document(self._manifest())

    def encoded(self) -> bytes:
        """The bytes of the manifest file."""
        return manifests.encode(self._manifest())

    @classmethod
    def restore_from_checkpoint(cls, checkpoint_data: Mapping[str, Any]) -> Self:
        """The context that ``serialize_checkpoint`` made the dict from; ``output_dir`` is for the caller to set."""
        return cls._restored(manifests.from_document(checkpoint_data))

    def save_checkpoint_to_file(self, checkpoint_dir: str | os.PathLike[str] | None = None) -> str:
        """Write the manifest and return its path.

        Args:
            checkpoint_dir: another folder than ``output_dir``: gets a complete copy of the checkpoint, which resumes
                on its own (parts are linked where the file system can, not copied).
        """
        task = self.task
        folder = task.output_dir if checkpoint_dir is None else Path(checkpoint_dir)
        Directory(folder).make()
        if folder.resolve() != task.output_dir.resolve() and task.folder.path.is_dir():
            _copy_checkpoint(task, Directory(folder / task.task_id))
        Directory(folder).put(manifests.file_name(task.task_id), self.encoded())
        return str(folder / manifests.file_name(task.task_id))

    @classmethod
    def load_from_checkpoint_file(cls, checkpoint_file: str | os.PathLike[str]) -> Self:
        """The context of a manifest file; its folder is the ``output_dir``, wherever it was moved to.

        Raises:
            CheckpointDamaged, CheckpointMismatch: see ``manifest.from_document``.
        """
        path = Path(checkpoint_file)
        context = cls._restored(manifests.load(path))
        context.output_dir = path.parent
        return context

    @classmethod
    def _restored(cls, manifest: Manifest) -> Self:
        report = manifest.context
        context = cls(db_config=report.db_config or None, task_id=report.task_id)
        context.settings = Settings(**report.settings)
        context.start_time, context.current_phase = report.start_time, report.current_phase
        context.phase_results, context.errors = report.phase_results, report.errors
        context.metrics = report.metrics
        context.file_source = Path(report.file_source) if report.file_source is not None else None
        if manifest.source is not None:
            context.source = Source(manifest.source.name, manifest.source.size, manifest.source.sha256)
        return context

    def _manifest(self) -> Manifest:
        task = self.task
        checkpoints = self.checkpoints
        return Manifest(
            checkpoint_version=manifests.CHECKPOINT_VERSION,
            serialized_at=datetime.now(UTC),
            available_checkpoints=list(checkpoints),
            data_files={
                phase: f"{task.task_id}/{KINDS[phase].asset}/{states.STATE_FILE}"
                for phase in PHASES
                if task.folder.folder(KINDS[phase].asset).file(states.STATE_FILE).is_file()
            },
            context=ContextReport(
                task_id=task.task_id,
                start_time=self.start_time,
                current_phase=self.current_phase,
                phase_results=self.phase_results,
                checkpoints=checkpoints,
                errors=self.errors,
                metrics=self.metrics,
                export_id=self.export_id,
                file_source=str(self.file_source) if self.file_source is not None else None,
                settings=manifests.plain(self.settings),
                db_config=_without_secrets(self.db_config),
            ),
            source=SourceReport(**vars(self.source)) if self.source else None,
        )

    def _tables(self, phase: str) -> PhaseTables | None:
        if self.output_dir is None or self.task_id is None:
            return None
        kind = KINDS[phase]
        return open_complete(Directory(self.output_dir / self.task_id / kind.asset), kind.schemas)

    def _running(self) -> PhaseReport:
        if self.current_phase is None:
            raise UsageError("no phase is under way; begin one with start_phase")
        return self.phase_results[self.current_phase]


def _without_secrets(db_config: DbConfig) -> dict[str, Any]:
    if db_config is None:
        return {}
    if isinstance(db_config, str):
        return {"url": without_password(normalize(db_config))}
    return {name: value for name, value in db_config.items() if ALIASES.get(name, name) not in SECRETS}


def _copy_checkpoint(task: Task, to: Directory) -> None:
    """Copy a task's folder; part files never change, so that a link is as good as a copy."""
    for kind in KINDS.values():
        phase = task.folder.folder(kind.asset)
        target = to.folder(kind.asset).make()
        for name in phase.names():
            if name.endswith(".parquet"):
                target.remove(name)
                try:
                    os.link(phase.file(name), target.file(name))
                except OSError:  # another file system
                    with target.create(name) as stream, phase.file(name).open("rb") as original:
                        shutil.copyfileobj(original, stream)
            else:
                target.put(name, phase.get(name))


def _memory_mb() -> float:
    process = psutil.Process()
    return sum(_anonymous(p) for p in (process, *process.children(recursive=True))) / _MB


def _anonymous(process: psutil.Process) -> int:
    try:
        memory = process.memory_info()
    except psutil.Error:  # it has just ended
        return 0
    return memory.rss - getattr(memory, "shared", 0)
