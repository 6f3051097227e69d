"""The engine: the one loop over parts that every door opens on (promise I18).

``ETLPipeline``, the command line and the Dagster assets call ``run_phase``; it reads and writes the same checkpoints
whoever calls it, so an attempt begun at one door is finished at another. Whether a phase is complete already is
answered here and nowhere else.
"""

import logging
import time
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

from skype_assets.etl import crash_points, retention, space
from skype_assets.etl import manifest as manifests
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.attempt import Attempt
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.phase import PhaseCheckpoint, damaged_file, open_complete, recover
from skype_assets.etl.checkpoints.state import PhaseState
from skype_assets.etl.context import ETLContext
from skype_assets.etl.errors import (
    CheckpointDamaged,
    CheckpointMismatch,
    DatabaseError,
    InvalidExport,
    PoisonPart,
    UsageError,
    WorkerLost,
)
from skype_assets.etl.journal import UNITS, Journal, Observer, PhaseResult
from skype_assets.etl.phases import KINDS, PHASES
from skype_assets.etl.phases.extract import Extract
from skype_assets.etl.phases.load import Load
from skype_assets.etl.phases.phase import OpenPhase, PartFiles, Phase
from skype_assets.etl.phases.transform import Transform
from skype_assets.etl.task import Task
from skype_assets.etl.workers import in_order, system_memory

logger = logging.getLogger(__name__)

DEADLY: Final = 2
"""How many attempts in a row a part may kill before it gets a process of its own (promise I13)."""

_ALONE: Final = 3.0
"""Seconds for which a phase's own process does the parts, unless somebody asked for workers. These need a second to
begin, and end with the phase: two of them took longer for 200,000 messages, with 2 to 5 s per phase, than none."""

# A state with other values here belongs to something else: refused. With another code version it is only old.
_IDENTITY = ("task_id", "source_sha256", "source_size", "user_display_name")


def run(task: Task, observer: Observer | None = None, executor: Executor | None = None) -> list[PhaseResult]:
    """Run all phases of a task; those that are complete are not done again."""
    return [run_phase(task, phase, observer, executor=executor) for phase in PHASES]


@system_memory()
def run_phase(
    task: Task,
    name: str,
    observer: Observer | None = None,
    context: ETLContext | None = None,
    executor: Executor | None = None,
) -> PhaseResult:
    """Run one phase of a task from where it stopped; the phases before it must be complete.

    Args:
        task: what to run.
        name: the phase.
        observer: told of the progress.
        context: the task's journal, if the caller keeps it; the manifest is written from it either way.
        executor: what does the parts, ``task.settings.workers`` of them at a time; None = processes of this machine,
            started for the phase. Its processes must reach the task's folder; whoever gives one ends it.

    Raises:
        TaskBusy, Fenced: see ``checkpoints.attempt``.
        CheckpointMismatch: what is recorded belongs to another source or configuration.
        CheckpointDamaged: a state is, with the one before it; or raw parts are, and the export is not at hand. Other
            parts are made again.
        NotEnoughSpace: see ``space``.
        WorkerLost, PoisonPart: a worker process died; how often, decides what the next attempt does.
        InvalidExport, DatabaseError, NotConserved: see ``errors``.
    """
    was_known = task.folder.path.exists() or (task.output_dir / manifests.file_name(task.task_id)).exists()
    attempt = Attempt.take(task.folder)
    is_refused = False
    try:
        for phase in PHASES[: PHASES.index(name) + 1]:
            recover(attempt, task.folder.folder(KINDS[phase].asset))
        run = _Run(task, attempt, context or ETLContext.for_task(task), observer, executor)
        try:
            return _run_phase(run, name)
        except CheckpointDamaged as damage:
            return _repair(run, name, damage)
    except (OSError, DatabaseError):
        attempt.check()  # a file that is gone, a session that was ended: the work of the attempt that took over
        raise
    except InvalidExport:
        is_refused = not was_known and not _has_messages(task)
        raise
    finally:
        attempt.release()
        if is_refused:  # what cannot be read at all is no task, and nothing to resume
            retention.forget(task.output_dir, task.task_id)


def _has_messages(task: Task) -> bool:
    state = states.read(task.folder.folder(Extract.asset))
    return state is not None and state.counts().get("messages", 0) > 0


def open_phase(task: Task, name: str) -> PhaseTables | None:
    """The tables of a phase as they are on disk; None unless it is complete. Needs no attempt and changes nothing."""
    kind = KINDS[name]
    return open_complete(task.folder.folder(kind.asset), kind.schemas)


@dataclass(frozen=True)
class _Run:
    """What the phases share that one attempt runs."""

    task: Task
    attempt: Attempt
    context: ETLContext
    observer: Observer | None
    executor: Executor | None


def _run_phase(run: _Run, name: str, *, is_damaged: bool = False) -> PhaseResult:
    """Run a phase; a damaged one goes on behind its last valid part, complete or not."""
    task = run.task
    journal = Journal(task, name, run.attempt, run.context, run.observer)
    phase = _phase(task, name)
    folder = task.folder.folder(phase.asset)
    state = states.read(folder)
    _refuse_another(run, phase, state)
    tables = _reusable(task, phase, state) if state is not None and not is_damaged else None
    if tables is not None:
        return journal.reused(tables)
    space.check(task, name, state if state is not None and state.inputs == _inputs(phase) else None)
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
    if "extract" in damaged and (run.task.source is None or not run.task.source.exists()):
        raise CheckpointDamaged(
            f"{damage}\nonly the export can replace it, and that is not at hand: name its file, or restore this one"
        ) from damage
    logger.warning("%s; done again from the first damaged part on: %s", damage, ", ".join(damaged))
    for phase in damaged:
        if phase != name:
            _run_phase(run, phase, is_damaged=True)
    return _run_phase(run, name, is_damaged=name in damaged)


def _is_damaged(task: Task, name: str) -> bool:
    folder = task.folder.folder(KINDS[name].asset)
    state = states.read(folder)
    return state is not None and any(damaged_file(folder, record) for record in state.records)


def _phase(task: Task, name: str) -> Phase:
    if name == "extract":
        return Extract(task)
    before = PHASES[PHASES.index(name) - 1]
    upstream = open_phase(task, before)
    if upstream is None:
        raise UsageError(f"task {task.task_id}: {name} needs a complete {before}; run that first")
    return Transform(task, upstream) if name == "transform" else Load(task, upstream)


def _refuse_another(run: _Run, phase: Phase, state: PhaseState | None) -> None:
    """Refuse a checkpoint of another task or export. If it is gone, the manifest still tells which export it was."""
    task, source = run.task, run.context.source
    recorded = {"task_id": state.task_id, **state.inputs} if state is not None else {}
    if state is None and source is not None:
        recorded = {"source_sha256": source.sha256, "source_size": str(source.size)}
    now = {"task_id": task.task_id, **phase.inputs()}
    for field in _IDENTITY:
        if field in now and now[field] != recorded.get(field, now[field]):
            raise CheckpointMismatch(
                f"task {task.task_id}: {field} of the {phase.name} checkpoint is {recorded[field]!r}, "
                f"now it is {now[field]!r}; use another task id, or --reset to start again"
            )
    if state is None and run.context.get_phase_status(phase.name) == "completed":
        logger.warning("%s is done again: its checkpoint is gone from %s", phase.name, task.folder.path)


def _reusable(task: Task, phase: Phase, state: PhaseState) -> PhaseTables | None:
    """The phase's tables if they are complete, whole, and what the phase would make."""
    inputs = _inputs(phase)
    if state.inputs != inputs:
        changed = sorted(name for name in inputs if inputs[name] != state.inputs.get(name))
        logger.warning("%s is done anew: changed since its checkpoint: %s", phase.name, ", ".join(changed))
        return None
    folder = task.folder.folder(phase.asset)
    tables = open_complete(folder, phase.schemas)
    if tables is None:
        return None
    # Nobody might read them in this run, and yet they are all that is left of an export that is not at hand.
    for record in state.records:
        if path := damaged_file(folder, record):
            raise CheckpointDamaged(f"{path} is damaged; resume makes the part again")
    with phase.open(task.folder) as opened:
        confirmed = len(opened.confirmed(state.parts))
    if confirmed < len(state.parts):
        reason = "the database no longer holds it" if phase.name == "load" else "what it was made from has changed"
        logger.warning("%s is done again from part %d on: %s", phase.name, confirmed, reason)
        return None
    return tables


def _inputs(phase: Phase) -> dict[str, str]:
    return {**phase.inputs(), "code_version": phase.version}


def _complete(run: _Run, phase: Phase, opened: OpenPhase, journal: Journal) -> None:
    task, attempt = run.task, run.attempt
    folder = task.folder.folder(phase.asset)
    checkpoint = PhaseCheckpoint.begin(
        attempt,
        folder,
        task_id=task.task_id,
        phase=phase.name,
        inputs=_inputs(phase),
        source_name=phase.source_name,
        total=opened.total,
    )
    checkpoint.keep(opened.confirmed(checkpoint.state.parts))
    journal.progress(checkpoint.state, opened.total)
    with attempt.held():
        opened.claim()
    crash_points.reached("phase claimed")
    work = opened.work(checkpoint.state.parts, PartFiles(folder, attempt.epoch))
    workers = task.settings.workers
    alone_for = 0.0 if task.settings.max_workers or run.executor else _ALONE
    # Which of the parts under way was to blame is not known when a process has died: all of them are suspects.
    suspects = workers if checkpoint.state.deaths >= DEADLY else 0
    unsuspicious = len(checkpoint.state.parts) + suspects
    try:
        for part in in_order(work, workers, suspects, run.executor, alone_for=alone_for):
            crash_points.reached("part done")
            checkpoint.record(part)
            journal.progress(checkpoint.state, opened.total)
    except WorkerLost as lost:
        checkpoint.count_death()
        if len(checkpoint.state.parts) < unsuspicious:
            raise _poison(checkpoint.state) from lost
        raise
    files, began = PartFiles(folder, attempt.epoch), time.monotonic()
    tables, counts = opened.summary(checkpoint.state.parts)
    crash_points.reached("phase summarised")
    done = checkpoint.state
    checkpoint.complete(files.write(len(done.parts), tables, began=began, progress=done.progress, counts=counts))


def _poison(state: PhaseState) -> PoisonPart:
    return PoisonPart(
        f"{state.phase}: part {len(state.parts)} has ended its process {state.deaths} times, now one that did nothing "
        f"else; it begins after {state.progress:,} of {state.total:,} {UNITS[state.phase]}. What came before is kept. "
        "Give it more memory, or report it with this line; every further run tries this part once"
    )
