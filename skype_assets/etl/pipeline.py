"""``ETLPipeline``: the documented Python API, a thin door to the engine."""

import logging
import os
import secrets
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

from skype_assets.etl import engine
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.context import DbConfig, ETLContext
from skype_assets.etl.database.session import Session
from skype_assets.etl.database.url import database_url
from skype_assets.etl.errors import CheckpointMismatch, PhaseFailed, TaskBusy, UsageError
from skype_assets.etl.export.source import fingerprint
from skype_assets.etl.journal import Observer, PhaseResult
from skype_assets.etl.phases import PHASES
from skype_assets.etl.registration import registration
from skype_assets.etl.task import Settings, Task, task_id_for

logger = logging.getLogger(__name__)

_RECEIVED = "received-"
_BLOCK = 1024 * 1024


class ETLPipeline:
    """Turns an export into PostgreSQL tables, resumably.

    Args:
        db_config: the database: parameters (dbname, user, password, host, port, ...), a URL, or None: by
            environment, else the embedded server.
        output_dir: folder of all checkpoints; needed to run.
        memory_limit_mb: what all processes of the run may use together, in MB.
        parallel_processing: whether parts may be worked on side by side.
        chunk_size: messages in a part: what is redone at most after a kill, per process.
        batch_size: messages that are transformed at a time.
        max_workers: processes, at most; None = one per core.
        task_id: name of the task; None = made from the export's name and content.
        context: the state to go on from, instead of all of the above.
        observer: told of the progress (``skype_assets.etl.journal.Progress``); what it raises ends the run, resumably.
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
        context: ETLContext | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._make_context: Callable[[], ETLContext] = lambda: ETLContext(
            db_config, output_dir, memory_limit_mb, parallel_processing, chunk_size, batch_size, max_workers, task_id
        )
        self._context = context or self._make_context()
        # A context that came from outside, and a task id that was given, stay; else every run makes its own.
        self._is_fixed = context is not None or task_id is not None
        self._observer = observer

    @classmethod
    def load_from_checkpoint(cls, checkpoint_file: str | os.PathLike[str], db_config: DbConfig = None) -> Self:
        """A pipeline that goes on where a manifest says; ``db_config`` replaces the manifest's, which has no password.

        Raises:
            CheckpointDamaged, CheckpointMismatch: see ``manifest.from_document``.
        """
        context = ETLContext.load_from_checkpoint_file(checkpoint_file)
        if db_config is not None:
            context.db_config = db_config
        return cls(context=context)

    def save_checkpoint(self, checkpoint_dir: str | os.PathLike[str] | None = None) -> str:
        """Write the manifest and return its path; see ``ETLContext.save_checkpoint_to_file``.

        The manifest is written by itself at the start and the end of every phase.
        """
        return self._context.save_checkpoint_to_file(checkpoint_dir)

    def get_available_checkpoints(self) -> list[str]:
        """The completed phases, in order, e.g. ``["extract", "transform"]``."""
        return list(self._context.checkpoints)

    def get_context(self) -> ETLContext:
        """The state of the task that was run last, or will be run next."""
        return self._context

    def run_pipeline(
        self,
        file_path: str | os.PathLike[str] | None = None,
        file_obj: BinaryIO | None = None,
        user_display_name: str | None = None,
        resume_from_checkpoint: bool = False,
    ) -> dict[str, Any]:
        """Run what is not done yet, phase by phase and part by part.

        Args:
            file_path: the export; not needed to resume once extract is complete.
            file_obj: the export as a binary stream, instead of its path; copied into ``output_dir`` while it is needed.
            user_display_name: the owner's name, where the export does not tell.
            resume_from_checkpoint: insist on going on: without anything to resume there is a warning, and the
                run begins at the beginning. A task is never begun anew without ``reset``, whatever is said here.

        Returns:
            success, status, task_id, export_id, phases, start_time, end_time, total_duration_seconds,
            conversation_count, message_count, error_count, checkpoint_file; after a resume resumed and
            resumed_from_phase. Seconds are wall time, times are UTC in ISO form.

        Raises:
            PhaseFailed: a phase failed; it carries this dict and the manifest to resume from.
            UsageError, TaskBusy, CheckpointMismatch: nothing was begun.
        """
        context = self._prepared(user_display_name)
        if file_obj is not None:
            file_path = _received(file_obj, context)
        path = Path(file_path) if file_path is not None else context.file_source
        self._find_source(context, path, required=file_path is not None)
        database = database_url(context.database)
        with Session(database):
            pass  # wrong credentials are found before any work, not after hours of it
        done = self.get_available_checkpoints()
        begun = _was_begun(context)
        if resume_from_checkpoint and not begun:
            logger.warning("task %s has nothing to resume; it begins at the beginning", context.task_id)
        results = self._run(context, resumed_from=PHASES[len(done)] if begun and len(done) < len(PHASES) else None)
        _forget_received(context)
        _report(context.task)
        return results

    def _prepared(self, user_display_name: str | None) -> ETLContext:
        if not self._is_fixed:
            self._context = self._make_context()
        context = self._context
        if context.output_dir is None:
            raise UsageError("output_dir is missing; checkpoints need a folder, e.g. output_dir='output'")
        if user_display_name is not None:
            context.use_display_name(user_display_name)
        return context

    def _find_source(self, context: ETLContext, path: Path | None, *, required: bool) -> None:
        """Fingerprint the export and name the task; an export that is gone is not needed once extract is complete."""
        if path is not None and (required or path.exists()):
            context.set_file_source(path, fingerprint(path))
            if context.task_id is None and context.source is not None:
                context.task_id = task_id_for(context.source)
        elif context.can_resume_from_phase("transform"):
            context.forget_file_source()
        else:
            raise UsageError(
                f"the export {path} is not there, and extract is not complete" if path else "file_path is missing"
            )

    def _run(self, context: ETLContext, resumed_from: str | None) -> dict[str, Any]:
        began = datetime.now(UTC)
        finished: list[PhaseResult] = []
        checkpoint_file = context.checkpoint_file
        errors_before = len(context.errors)

        def results(status: str) -> dict[str, Any]:
            return _results(context, finished, status, began, resumed_from, len(context.errors) - errors_before)

        for phase in PHASES:
            try:
                finished.append(engine.run_phase(context.task, phase, self._observer, context))
            except (UsageError, TaskBusy, CheckpointMismatch):
                raise
            except Exception as error:
                raise PhaseFailed(phase, error, results("failed"), checkpoint_file) from error
        return results("completed")


def _received(file_obj: BinaryIO, context: ETLContext) -> Path:
    """Copy a stream into the output folder: it is read more than once, and a resume may need it again."""
    assert context.output_dir is not None, "checked before"
    folder = Directory(context.output_dir).make()
    name = Path(str(getattr(file_obj, "name", "export"))).name
    received = folder.folder(f"{_RECEIVED}{secrets.token_hex(8)}").make()
    with received.create(name or "export") as stream:
        shutil.copyfileobj(file_obj, stream, _BLOCK)
    return received.file(name or "export")


def _forget_received(context: ETLContext) -> None:
    """Remove the copy of a stream, now that nothing needs it any more."""
    source = context.file_source
    if source is not None and source.parent.name.startswith(_RECEIVED) and source.parent.parent == context.output_dir:
        shutil.rmtree(source.parent)


def _report(task: Task) -> None:
    """Tell the Dagster instance, where one is configured, what is complete. The load has succeeded by then."""
    if os.environ.get("DAGSTER_HOME"):
        answer = registration("report", "--task-id", task.task_id, "--output-dir", str(task.output_dir))
        if answer.returncode:
            logger.warning("the load is complete, but was not reported to Dagster: %s", answer.reason)


def _was_begun(context: ETLContext) -> bool:
    return Path(context.checkpoint_file).is_file()


def _results(
    context: ETLContext,
    finished: list[PhaseResult],
    status: str,
    began: datetime,
    resumed_from: str | None,
    errors: int,
) -> dict[str, Any]:
    ended = datetime.now(UTC)
    phases: dict[str, dict[str, Any]] = {
        result.phase: {
            "status": "completed",
            "duration_seconds": result.seconds,
            "conversations": result.conversations,
            "messages": result.messages,
            "messages_per_second": result.messages / result.seconds if result.seconds else 0.0,
            "from_checkpoint": result.from_checkpoint,
        }
        for result in finished
    }
    for phase in PHASES[len(finished) :]:
        known = context.phase_results.get(phase)
        phases[phase] = {"status": known.status if known else "pending"}
    last = finished[-1] if finished else None
    resume = {"resumed": True, "resumed_from_phase": resumed_from} if resumed_from else {}
    return {
        "success": status == "completed",
        "status": status,
        "task_id": context.task_id,
        "export_id": context.export_id,
        "phases": phases,
        "start_time": began.isoformat(),
        "end_time": ended.isoformat(),
        "total_duration_seconds": (ended - began).total_seconds(),
        "conversation_count": last.conversations if last else 0,
        "message_count": last.messages if last else 0,
        "error_count": errors,
        "checkpoint_file": context.checkpoint_file,
        **resume,
    }
