"""``ETLPipeline``: the documented Python API, a thin door to the engine."""

import logging
import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

from skype_assets.etl import engine
from skype_assets.etl.api.context import ETLContext
from skype_assets.etl.api.reporting import registration
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.store import is_url
from skype_assets.etl.checkpoints.working_copy import output_folder, refresh
from skype_assets.etl.database import upgrading
from skype_assets.etl.database.session import Session
from skype_assets.etl.engine.journal import Observer, PhaseResult
from skype_assets.etl.errors import CheckpointMismatch, NotEnoughSpace, PhaseFailed, TaskBusy, UsageError
from skype_assets.etl.export.source import fingerprint
from skype_assets.etl.phases import PHASES, UNREADABLE, given_names
from skype_assets.etl.places import named_path
from skype_assets.etl.postgres.url import creates_server, reachable_url
from skype_assets.etl.task import Settings, Task, task_id_for, with_environment
from skype_assets.etl.tasks import layout
from skype_assets.etl.tasks.beginning import check_beginning
from skype_assets.etl.tasks.doubts import doubts
from skype_assets.etl.tasks.record import DbConfig, warn_of_lost_server
from skype_assets.etl.tasks.spooling import spooled

logger = logging.getLogger(__name__)

_BLOCK = 1024 * 1024


class ETLPipeline:
    """Turns an export into PostgreSQL tables, resumably.

    Args:
        db_config: the database: parameters (dbname, user, password, host, port, ...), a URL, or None: by
            environment, else the embedded server.
        output_dir: folder of all checkpoints, or the address of the store that they are kept in; needed to run.
        memory_limit_mb: what all processes of the run may use together, in MB.
        parallel_processing: whether parts may be worked on side by side.
        chunk_size: messages in a part: what is redone at most after a kill, per process.
        batch_size: messages that are transformed at a time.
        max_workers: processes, at most; None = one per core, once there is work for them.
        task_id: name of the task; None = made from the export's name and content.
        context: the state to go on from, with its settings; of the above only ``db_config`` and ``output_dir`` are
            taken, if they are given.
        observer: told of the progress (``Progress``); what it raises ends the run, resumably.
        media_only: whether an export is welcome that holds no message; else it is refused.
        keep_media: whether the bytes of media are kept, in ``media/`` of ``output_dir``.
        salvage: whether a damaged export is read as far as it is whole; else it is refused.
        defer_constraints: whether foreign keys that the database lacks are left to ``skype-assets db complete``.
        executor: what does the parts; as of ``run_phase``.
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
        media_only: bool = Settings.media_only,
        keep_media: bool = Settings.keep_media,
        salvage: bool = Settings.salvage,
        defer_constraints: bool = Settings.defer_constraints,
        executor: Executor | str | None = None,
    ) -> None:
        self._make_context: Callable[[], ETLContext] = lambda: ETLContext(
            db_config,
            output_dir,
            memory_limit_mb,
            parallel_processing,
            chunk_size,
            batch_size,
            max_workers,
            task_id,
            media_only,
            keep_media,
            salvage,
            defer_constraints,
        )
        self._context = context if context is not None else self._make_context()
        if context is not None:
            context.db_config = db_config if db_config is not None else context.db_config
            context.output_dir = (
                output_folder(output_dir, "output_dir") if output_dir is not None else context.output_dir
            )
        # A context that came from outside, and a task id that was given, stay; else every run makes its own.
        self._is_fixed = context is not None or task_id is not None
        self._observer = observer
        self._executor = executor
        self._names: Mapping[str, str] | None = None

    @classmethod
    def load_from_checkpoint(cls, checkpoint_file: str | os.PathLike[str], db_config: DbConfig = None) -> Self:
        """A pipeline that goes on where a manifest says; ``db_config`` replaces the manifest's, which has no password.

        Raises:
            CheckpointDamaged, CheckpointMismatch: see ``ETLContext.load_from_checkpoint_file``.
        """
        return cls(db_config, context=ETLContext.load_from_checkpoint_file(checkpoint_file))

    def give_names(self, file_path: str | os.PathLike[str]) -> None:
        """Name people whom nothing in the account names, in the runs that follow.

        Args:
            file_path: a CSV of ids and names: Skype's contacts CSV, or columns ``id`` and ``name``.

        Raises:
            UsageError: it cannot be read as such.
        """
        self._names = given_names.read(Path(file_path))

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
            file_path: the export, or its address in a bucket (``s3://bucket/export.tar``), from where it is got for
                as long as the run takes; it need not be at hand to resume once extract is complete.
            file_obj: the export as a binary stream, instead of its path; copied into ``output_dir`` for as long
                as the task runs. Without ``keep_media`` keep the export: the bytes of its media are nowhere else.
            user_display_name: the owner's name, where the export does not tell.
            resume_from_checkpoint: insist on going on: without anything to resume there is a warning, and the
                run begins at the beginning. A task is never begun anew without ``reset``, whatever is said here.

        Returns:
            success, status, task_id, export_id, phases, start_time, end_time, total_duration_seconds,
            conversation_count, message_count, error_count, checkpoint_file; after a resume resumed and
            resumed_from_phase (None if nothing was left to do). Times are UTC in ISO form, seconds are wall time; a
            phase that was complete already has the figures of the run that completed it, and ``from_checkpoint``. The
            status is ``completed``; ``partial`` if the export is damaged, and what is whole of it was loaded
            (``salvage``).

        Raises:
            PhaseFailed: a phase failed; it carries this dict and the manifest to resume from.
            InvalidExport: the export is not there, or is none as far as its beginning or its names tell.
            UsageError, DatabaseError, TaskBusy, CheckpointMismatch, NotEnoughSpace: the run, or its next phase, was
                not begun.
        """
        if file_path is not None and file_obj is not None:
            raise UsageError("file_path and file_obj are both given; give the export once")
        if file_path is not None and is_url(file_path):
            with spooled(str(file_path)) as got:
                return self.run_pipeline(got, None, user_display_name, resume_from_checkpoint)
        given = named_path(file_path, "export") if file_path is not None else None
        context = self._prepared(user_display_name)
        is_first = file_obj is None and creates_server(context.database)
        if is_first:
            _find_source(context, given)  # what is refused creates nothing
            if context.file_source is not None:
                asked = context.settings
                check_beginning(context.file_source, media_only=asked.media_only, salvage=asked.salvage)
        with Session(reachable_url(context.database)) as session:  # what is wrong is found now, not after hours of work
            upgrading.bring_up_to_date(session)
        if file_obj is not None:
            _receive_source(context, file_obj)
        elif not is_first:
            _find_source(context, given)
        if self._names is not None:
            given_names.keep(context.task.folder, self._names)
        is_begun = context.is_begun
        if resume_from_checkpoint and not is_begun:
            logger.warning("task %s has nothing to resume; it begins at the beginning", context.task_id)
        results = self._run(is_begun, resume_from_checkpoint)
        transformed = context.transformed_data
        for doubt in doubts(transformed) if transformed is not None else ():
            logger.warning("%s", doubt)
        received = context.task.folder.folder(layout.RECEIVED).path
        if received.is_dir():
            shutil.rmtree(received)  # a copy for the phases; the export itself is with the caller
        _report(context.task)
        return results

    def _prepared(self, user_display_name: str | None) -> ETLContext:
        if not self._is_fixed:
            self._context = self._make_context()
        context = self._context
        if context.output_dir is None:
            raise UsageError("output_dir is missing; checkpoints need a folder, e.g. output_dir='output'")
        if context.task_id is not None and not context.phase_results:
            _recall(context)
        if user_display_name is not None:
            context.use_display_name(user_display_name)
        warn_of_lost_server(context)
        context.settings = with_environment(context.settings)
        return context

    def _run(self, is_begun: bool, is_resume: bool) -> dict[str, Any]:
        context = self._context
        began = datetime.now(UTC)
        finished: list[PhaseResult] = []
        errors_before = len(context.errors)

        def results(status: str) -> dict[str, Any]:
            told = _results(context, finished, status, began, len(context.errors) - errors_before)
            resumed_from = next((name for name in PHASES if not told["phases"][name]["from_checkpoint"]), None)
            if is_begun and (is_resume or resumed_from):
                told |= {"resumed": True, "resumed_from_phase": resumed_from}
            return told

        for phase in PHASES:
            try:
                finished.append(engine.run_phase(context.task, phase, self._observer, context, self._executor))
            except (UsageError, TaskBusy, CheckpointMismatch, NotEnoughSpace):
                raise
            except Exception as error:
                manifest = context.checkpoint_file if Path(context.checkpoint_file).exists() else ""
                raise PhaseFailed(phase, error, results("failed"), manifest) from error
        return results("partial" if UNREADABLE in finished[-1].state.counts() else "completed")


def _recall(context: ETLContext) -> None:
    """Let a context tell what the task's manifest does, of whichever machine."""
    refresh(context.task.output_dir, context.task.task_id)
    context.recall()


def _find_source(context: ETLContext, given: Path | None) -> None:
    """Fingerprint the export and name the task; once extract is complete, one that is gone holds up nobody."""
    path = given if given is not None else context.file_source
    if path is None and context.task_id is None:
        raise UsageError("file_path is missing: which export is to be loaded?")
    if path is not None and path.exists():
        source = fingerprint(path, salvage=context.settings.salvage)
        if context.task_id is None:
            context.task_id = task_id_for(source)
            _recall(context)
        context.set_file_source(path, source)
    elif context.can_resume_from_phase("transform"):
        context.forget_file_source()
    else:
        raise UsageError(f"the export {path or ''} is not there, and it is needed until extract is complete")


def _receive_source(context: ETLContext, file_obj: BinaryIO) -> None:
    """Copy a stream to where its task is: it is read more than once, and a resume may need it again."""
    assert context.output_dir is not None, "checked before"
    name = Path(str(getattr(file_obj, "name", ""))).name
    name = name if name not in ("", "..") else "export"
    received = Directory(context.output_dir).make().folder(layout.receiving_name()).make()
    try:
        with received.create(name) as stream:
            shutil.copyfileobj(file_obj, stream, _BLOCK)
        _find_source(context, received.file(name))
        kept = context.task.folder.folder(layout.RECEIVED).make()
        received.file(name).rename(kept.file(name))
        kept.sync()
        context.set_file_source(kept.file(name))
    finally:
        shutil.rmtree(received.path)


def _report(task: Task) -> None:
    """Tell the Dagster instance, where one is configured, what is complete. The load has succeeded by then."""
    if os.environ.get("DAGSTER_HOME"):
        named = ("--task-id", task.task_id, "--output-dir", str(task.output_dir.absolute()))
        answer = registration("report", *named, database=task.database)
        if answer.returncode:
            logger.warning("the load is complete, but was not reported to Dagster: %s", answer.reason)


def _results(
    context: ETLContext, finished: list[PhaseResult], status: str, began: datetime, errors: int
) -> dict[str, Any]:
    ended = datetime.now(UTC)
    last = finished[-1] if finished else None
    return {
        "success": status in ("completed", "partial"),
        "status": status,
        "task_id": context.task_id,
        "export_id": context.export_id,
        "phases": {
            phase: _phase_figures(context, phase, finished[index] if index < len(finished) else None)
            for index, phase in enumerate(PHASES)
        },
        "start_time": began.isoformat(),
        "end_time": ended.isoformat(),
        "total_duration_seconds": (ended - began).total_seconds(),
        "conversation_count": last.conversations if last else 0,
        "message_count": last.messages if last else 0,
        "error_count": errors,
        "checkpoint_file": context.checkpoint_file,
    }


def _phase_figures(context: ETLContext, phase: str, result: PhaseResult | None) -> dict[str, Any]:
    report = context.phase_results.get(phase)
    return {
        "status": context.get_phase_status(phase),
        "duration_seconds": report.duration_seconds if report else 0.0,
        "conversations": report.conversations if report else 0,
        "messages": report.messages if report else 0,
        "messages_per_second": report.messages_per_second if report else 0.0,
        "from_checkpoint": result is not None and result.from_checkpoint,
    }
