"""The engine: the one loop over parts that every door opens on (promise I18).

``ETLPipeline``, the command line and the Dagster assets call ``run_phase``; it reads and writes the same checkpoints
whoever calls it, so an attempt begun at one door is finished at another. Whether a phase is complete already is
answered here and nowhere else.
"""

import logging
import os
import time
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Final

from skype_assets.etl import crash_points, interruption
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.attempt import Attempt
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.phase_checkpoint import PhaseCheckpoint, damaged_file, open_complete, recover
from skype_assets.etl.checkpoints.state import PhaseState
from skype_assets.etl.checkpoints.working_copy import refresh
from skype_assets.etl.engine import elsewhere, space
from skype_assets.etl.engine.elsewhere import UNDER_WAY, Elsewhere
from skype_assets.etl.engine.journal import Journal, Observer, PhaseResult
from skype_assets.etl.engine.workers import SYSTEM_MEMORY, in_order
from skype_assets.etl.errors import (
    START_AGAIN,
    CheckpointDamaged,
    CheckpointMismatch,
    DatabaseError,
    InvalidExport,
    PoisonPart,
    WorkerLost,
)
from skype_assets.etl.export.source import Source
from skype_assets.etl.phases import FACTS, FOLDERS, PHASES
from skype_assets.etl.phases.kinds import PHASE_CLASSES
from skype_assets.etl.phases.phase import OpenPhase, PartFiles, Phase
from skype_assets.etl.task import Task
from skype_assets.etl.tasks import layout, retention
from skype_assets.etl.tasks import manifest as manifests
from skype_assets.etl.tasks.pace import after_parts
from skype_assets.etl.tasks.record import TaskRecord
from skype_assets.etl.version import PACKAGE

logger = logging.getLogger(__name__)

DEADLY: Final = 2
"""How many attempts in a row a part may kill before it gets a process of its own (promise I13)."""

_ALONE: Final = 3.0
"""Seconds for which a phase's own process does the parts, unless somebody asked for workers. These need a second to
begin, and end with the phase: two of them took longer for 200,000 messages, with 2 to 5 s per phase, than none."""

_BETWEEN_WORDS: Final = 1.0

# A state with other values here belongs to something else: refused. With another code version it is only old.
_IDENTITY = ("task_id", "source_sha256", "source_size", "user_display_name")


def run(task: Task, observer: Observer | None = None, executor: Executor | str | None = None) -> list[PhaseResult]:
    """Run all phases of a task; those that are complete are not done again."""
    return [run_phase(task, phase, observer, executor=executor) for phase in PHASES]


@SYSTEM_MEMORY
@interruption.deferred()
@interruption.gently()
def run_phase(
    task: Task,
    name: str,
    observer: Observer | None = None,
    record: TaskRecord | None = None,
    executor: Executor | str | None = None,
) -> PhaseResult:
    """Run one phase of a task from where it stopped; the phases before it must be complete.

    Args:
        task: what to run.
        name: the phase.
        observer: told of the progress.
        record: what is told of the task, if the caller keeps it; the manifest is written from it either way.
        executor: what does the parts. The address of a Dask scheduler, ``tcp://host:port``: its workers do those of
            transform and load; they share the store, of which the output folder must be a working copy, and the
            database with this process, and nothing else. Or an executor, which gets ``task.settings.workers`` of them
            at a time: its processes must reach the output folder, and under the same path the export, whose media they
            copy; whoever gives one ends it. None = what SKYPE_EXECUTOR names, else processes of this machine, started
            for the phase.

    Raises:
        TaskBusy: another process is at the task, and lives.
        Fenced: another process has taken the task over; this one changes nothing any more.
        CheckpointMismatch: what is recorded belongs to another source or configuration, or is a newer program's.
        CheckpointDamaged: a state is, with the one before it; or raw parts are, and the export is not at hand. Other
            parts are made again.
        NotEnoughSpace: the phase needs more than is free where the task's folder is; nothing was begun.
        WorkerLost, PoisonPart: a worker process died; how often, decides what the next attempt does.
        ExecutorUnavailable: for a minute there was no scheduler, or no worker of it.
        InvalidExport: the export cannot be read, or not as one. If none of its messages was read, no task stays behind.
        DatabaseError: the database cannot be reached, or refuses.
        NotConserved: a conversation's messages are not all accounted for.
    """
    executor = executor or os.environ.get(elsewhere.ADDRESS) or None
    if isinstance(executor, str):
        elsewhere.check(executor, task.output_dir)
    refresh(task.output_dir, task.task_id)
    _refuse_newer(task)
    attempt = Attempt.take(task.folder)
    is_refused, is_begun = False, True
    try:
        with attempt.held():
            Directory(task.output_dir).sweep(layout.manifest_name(task.task_id))
        for phase in PHASES[: PHASES.index(name) + 1]:
            recover(attempt, task.folder.folder(FOLDERS[phase]))
        is_begun = not FACTS[name].reads_export or _has_messages(task, name)
        run = _Run(task, attempt, record or TaskRecord.for_task(task), observer, executor)
        try:
            return _run_phase(run, name)
        except CheckpointDamaged as damage:
            return _repair(run, name, damage)
    except (OSError, DatabaseError):
        attempt.check()  # a file that is gone, a session that was ended: the work of the attempt that took over
        raise
    except InvalidExport:
        is_refused = not is_begun and not _has_messages(task, name)
        raise
    finally:
        attempt.release()
        if is_refused:
            retention.withdraw(task.output_dir, task.task_id)


def open_phase(task: Task, name: str) -> PhaseTables | None:
    """The tables of a phase as they are on disk; None unless it is complete. Needs no attempt and changes nothing."""
    kind = PHASE_CLASSES[name]
    return open_complete(task.folder.folder(kind.facts.asset), kind.schemas)


def _has_messages(task: Task, name: str) -> bool:
    """Whether a phase has recorded messages of the export, or may have."""
    try:
        state = states.read(task.folder.folder(FOLDERS[name]))
    except CheckpointDamaged:
        return True
    return state is not None and state.counts().get("messages", 0) > 0


@dataclass(frozen=True)
class _Run:
    """What the phases share that one attempt runs."""

    task: Task
    attempt: Attempt
    record: TaskRecord
    observer: Observer | None
    executor: Executor | str | None

    def lent(self, phase: Phase, folder: Directory) -> AbstractContextManager[Executor | None]:
        """What does a phase's parts, if not processes of this machine. Other machines do not have the export."""
        if isinstance(self.executor, str):
            return nullcontext() if phase.facts.reads_export else Elsewhere(self.executor, folder)
        return nullcontext(self.executor)


def _run_phase(run: _Run, name: str, *, is_damaged: bool = False) -> PhaseResult:
    """Run a phase; a damaged one goes on behind its last valid part, complete or not."""
    task = run.task
    phase = PHASE_CLASSES[name](task)
    journal = Journal(task, phase, run.attempt, run.record, run.observer)
    folder = task.folder.folder(phase.facts.asset)
    state = states.read(folder)
    _refuse_another(run, phase, state)
    if run.record.source is None:  # whoever comes back with the export finds its task by it
        inputs = phase.inputs()
        run.record.source = Source(phase.source_name, int(inputs["source_size"]), inputs["source_sha256"])
    tables = _reusable(task, phase, state) if state is not None and not is_damaged else None
    if tables is not None:
        return journal.reused(tables)
    space.check(task, phase, state if state is not None and state.inputs == _inputs(phase) else None)
    with journal.running(), phase.open(task.folder) as opened:
        _complete(run, phase, opened, journal)
    tables = open_complete(folder, phase.schemas)
    assert tables is not None, "the phase has just been completed"
    return journal.completed(tables)


def _repair(run: _Run, name: str, damage: CheckpointDamaged) -> PhaseResult:
    """Run a phase after making again what is damaged of those before it.

    Raises:
        CheckpointDamaged: it is no recorded part, or it came from an export that is not at hand.
    """
    damaged = [phase for phase in PHASES[: PHASES.index(name) + 1] if _is_damaged(run.task, phase)]
    if not damaged:
        raise damage
    if any(FACTS[phase].reads_export for phase in damaged) and (
        run.task.source is None or not run.task.source.exists()
    ):
        raise CheckpointDamaged(
            f"{damage}\nonly the export can replace it, and that is not at hand: name its file, or restore this one"
        ) from damage
    logger.warning("%s; done again from the first damaged part on: %s", damage, ", ".join(damaged))
    for phase in damaged:
        if phase != name:
            _run_phase(run, phase, is_damaged=True)
    return _run_phase(run, name, is_damaged=name in damaged)


def _is_damaged(task: Task, name: str) -> bool:
    folder = task.folder.folder(FOLDERS[name])
    state = states.read(folder)
    return state is not None and any(damaged_file(folder, record) for record in state.records)


def _refuse_newer(task: Task) -> None:
    """Refuse a task that a newer program has worked on, before anything of it is written."""
    with suppress(CheckpointDamaged):  # what is damaged may be mended; the phases say so
        if os.path.lexists(path := task.output_dir / layout.manifest_name(task.task_id)):
            manifests.load(path)
    for name, kind in PHASE_CLASSES.items():
        with suppress(CheckpointDamaged):
            state = states.read(task.folder.folder(kind.facts.asset))
            made_by = state.inputs.get("code_version", "") if state is not None else ""
            if made_by.isdecimal() and kind.version.isdecimal() and int(made_by) > int(kind.version):
                raise CheckpointMismatch(
                    f"task {task.task_id}: its {name} checkpoint is of code version {made_by}, newer than version "
                    f"{kind.version} of this program, skype-assets {PACKAGE}; use the newer one. Nothing was changed"
                )


def _refuse_another(run: _Run, phase: Phase, state: PhaseState | None) -> None:
    """Refuse a checkpoint of another task or export. If it is gone, the manifest still tells which export it was."""
    task, source = run.task, run.record.source
    recorded = {"task_id": state.task_id, **state.inputs} if state is not None else {}
    if state is None and source is not None:
        recorded = {"source_sha256": source.sha256, "source_size": str(source.size)}
    now = {"task_id": task.task_id, **phase.inputs()}
    for field in _IDENTITY:
        if field in now and now[field] != recorded.get(field, now[field]):
            raise CheckpointMismatch(
                f"task {task.task_id}: {field} of the {phase.facts.name} checkpoint is {recorded[field]!r}, "
                f"now it is {now[field]!r}; use another task id, or {START_AGAIN}"
            )
    if state is None and run.record.get_phase_status(phase.facts.name) == "completed":
        logger.warning("%s is done again: its checkpoint is gone from %s", phase.facts.name, task.folder.path)


def _reusable(task: Task, phase: Phase, state: PhaseState) -> PhaseTables | None:
    """The phase's tables if they are complete, whole, and what the phase would make."""
    if not _is_current(task, phase, state):
        return None
    folder = task.folder.folder(phase.facts.asset)
    tables = open_complete(folder, phase.schemas)
    if tables is None:
        return None
    # Nobody might read them in this run, and yet they are all that is left of an export that is not at hand.
    for record in state.records:
        if path := damaged_file(folder, record):
            raise CheckpointDamaged(f"{path} is damaged; resume makes the part again")
    with phase.open(task.folder) as opened:
        confirmed = len(opened.confirmed(state.parts))
        if confirmed == len(state.parts) and opened.holds():
            return tables
    logger.warning("%s is done again from part %d on: %s", phase.facts.name, confirmed, phase.outdated)
    return None


def _is_current(task: Task, phase: Phase, state: PhaseState) -> bool:
    """Whether the phase would make the same of the same; or older code made it, and it serves nevertheless."""
    inputs, name = _inputs(phase), phase.facts.name
    changed = sorted(field for field in {*inputs, *state.inputs} if inputs.get(field) != state.inputs.get(field))
    older = state.inputs.get("code_version", "")
    if changed == ["code_version"] and state.status == "complete" and older in phase.superseded:
        difference = phase.superseded[older]
        if not difference:
            return True
        if phase.facts.reads_export and (task.source is None or not task.source.exists()):
            logger.warning(
                "%s stays as version %s made it: %s, for which the export is needed", name, older, difference
            )
            return True
        logger.warning("%s is done anew: %s", name, difference)
        return False
    if changed:
        told = [f"code_version ({older} to {phase.version})" if field == "code_version" else field for field in changed]
        logger.warning("%s is done anew: changed since its checkpoint: %s", name, ", ".join(told))
    return state.inputs == inputs


def _inputs(phase: Phase) -> dict[str, str]:
    return {**phase.inputs(), "code_version": phase.version}


def _complete(run: _Run, phase: Phase, opened: OpenPhase, journal: Journal) -> None:
    task, attempt = run.task, run.attempt
    folder = task.folder.folder(phase.facts.asset)
    checkpoint = PhaseCheckpoint.begin(
        attempt,
        folder,
        task_id=task.task_id,
        phase=phase.facts.name,
        inputs=_inputs(phase),
        source_name=phase.source_name,
        total=opened.total,
    )
    checkpoint.keep(opened.confirmed(checkpoint.state.parts))
    journal.progress(checkpoint.state)
    with attempt.held():
        opened.claim(attempt.tenure)
    crash_points.reached("phase claimed")
    _do_parts(run, phase, opened, checkpoint, journal)
    files, began = PartFiles(folder, attempt.epoch), time.monotonic()
    tables, counts = opened.summary(checkpoint.state.parts, _AfterParts(checkpoint, journal))
    crash_points.reached("phase summarised")
    done = checkpoint.state
    checkpoint.complete(files.write(len(done.parts), tables, began=began, progress=done.progress, counts=counts))
    journal.progress(checkpoint.state)


def _do_parts(run: _Run, phase: Phase, opened: OpenPhase, checkpoint: PhaseCheckpoint, journal: Journal) -> None:
    settings, done = run.task.settings, checkpoint.state
    work = opened.work(done.parts, PartFiles(checkpoint.folder, checkpoint.epoch))
    # Which of the parts under way was to blame is not known when a process has died: all of them are suspects.
    suspects = settings.workers if done.deaths >= DEADLY else 0
    with run.lent(phase, checkpoint.folder) as lent:
        workers = UNDER_WAY if isinstance(lent, Elsewhere) else settings.workers
        alone_for = 0.0 if settings.max_workers or lent else _ALONE
        try:
            for part in in_order(work, workers, suspects, lent, alone_for=alone_for):
                crash_points.reached("part done")
                if lent is not None:
                    run.attempt.know_done_elsewhere(checkpoint.folder, part)
                checkpoint.record(part)
                journal.progress(checkpoint.state)
                interruption.check()
        except WorkerLost as lost:
            checkpoint.count_death()
            if len(checkpoint.state.parts) < len(done.parts) + suspects:
                raise _poison(phase, checkpoint.state) from lost
            raise


class _AfterParts:
    """Counts what follows the last part. A word a second: each is a commit, so that no attempt says less later."""

    def __init__(self, checkpoint: PhaseCheckpoint, journal: Journal) -> None:
        self._checkpoint = checkpoint
        self._journal = journal
        self._whole = after_parts(checkpoint.state.phase, checkpoint.state.total)
        self._doing = ""
        self._last = 0.0

    def __call__(self, share: float, doing: str) -> None:
        interruption.check()
        now = time.monotonic()
        if doing != self._doing or now - self._last >= _BETWEEN_WORDS:
            self._doing, self._last = doing, now
            self._checkpoint.note_after_parts(int(share * self._whole))
            self._journal.progress(self._checkpoint.state, doing)


def _poison(phase: Phase, state: PhaseState) -> PoisonPart:
    return PoisonPart(
        f"{state.phase}: part {len(state.parts)} has ended its process {state.deaths} times, now one that did nothing "
        f"else; it begins after {state.progress:,} of {state.total:,} {phase.facts.unit}. What came before is kept. "
        "Give it more memory, or report it with this line; every further run tries this part once"
    )
