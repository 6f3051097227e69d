"""A phase's journal: what the engine tells the manifest and whoever watches, in one place.

The manifest is written when a phase begins and when it ends, however it ends, so that a task can be resumed from it
at any time. Like every commit it is fenced by the attempt.
"""

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from skype_assets.etl.checkpoints.attempt import Attempt
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.state import PhaseState
from skype_assets.etl.errors import Fenced
from skype_assets.etl.phases.phase import Phase
from skype_assets.etl.task import Task
from skype_assets.etl.tasks import layout, pace
from skype_assets.etl.tasks.record import TaskRecord

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """How far a phase is: ``done`` of ``total``, which are equal when it is complete and not before.

    Both are in the phase's unit, and monotonic, also over a resume (promise I12). ``after_parts`` of the total stand
    for what follows the last part, and ``doing`` says what of that is done just now; it is empty before.
    ``parts`` are recorded; how many there will be, ``parts_total``, is not known while an export is cut into parts.
    """

    phase: str
    done: int
    total: int
    unit: str
    parts: int
    parts_total: int | None = None
    after_parts: int = 0
    doing: str = ""

    @property
    def handled(self) -> int:
        """What the parts have handled, in the phase's unit."""
        return min(self.done, self.to_handle)

    @property
    def to_handle(self) -> int:
        """What all parts handle."""
        return self.total - self.after_parts


Observer = Callable[[Progress], None]
"""Called at the start of a phase, after every recorded part, now and then after the last one, and at the end.

What it raises ends the phase, resumably."""


@dataclass(frozen=True)
class PhaseResult:
    """A complete phase: its tables, whether it was complete already, and the seconds that its parts took."""

    phase: str
    tables: PhaseTables
    from_checkpoint: bool
    seconds: float

    @property
    def state(self) -> PhaseState:
        """The phase's state."""
        return self.tables.state

    @property
    def conversations(self) -> int:
        """Conversations that the phase handled."""
        return self.state.counts().get("conversations", 0)

    @property
    def messages(self) -> int:
        """Messages that the phase handled; after extract, without duplicates and rejects."""
        return self.state.counts().get("messages", 0)


class Journal:
    """Keeps the record of a task up to date while one attempt runs one phase.

    Args:
        task: the task.
        phase: the phase.
        attempt: the right to commit.
        record: what is told of the task.
        observer: told of the progress.
    """

    def __init__(
        self, task: Task, phase: Phase, attempt: Attempt, record: TaskRecord, observer: Observer | None
    ) -> None:
        self._task = task
        self._phase = phase
        self._attempt = attempt
        self._record = record
        self._observer = observer
        self._is_told = False
        record.note_interruption()

    @contextmanager
    def running(self) -> Generator[None]:
        """The phase: its begin, and its failure if it fails, go into the manifest."""
        self._record.start_phase(self._phase.facts.name)
        self._save()
        try:
            yield
        except Fenced:
            raise  # the manifest belongs to the attempt that took over
        except BaseException as error:
            # Ctrl-C, SIGTERM or Dagster's termination is no failure: nobody has to mend anything.
            is_failure = isinstance(error, Exception)
            self._record.record_error(self._phase.facts.name, error, fatal=is_failure)
            if not is_failure:
                self._record.note_interruption()
            try:
                self._save()
            except OSError as full:  # the disk may be what ended the phase; the manifest of its begin is still there
                logger.warning("the failure is not in the manifest: %s", full)
            raise

    def progress(self, state: PhaseState, doing: str = "") -> None:
        """Tell how far the phase is, and after the last part what it does."""
        report = self._record.phase_results[self._phase.facts.name]
        counts = state.counts()
        if not self._is_told:
            self._is_told, report.messages_resumed = True, counts.get("messages", 0)
        self._record.update_progress(
            conversations=counts.get("conversations", 0) - report.conversations,
            messages=counts.get("messages", 0) - report.messages,
        )
        if self._observer is not None:
            phase, (done, total) = self._phase.facts, pace.work(state)
            self._observer(
                Progress(
                    phase.name, done, total, phase.unit, len(state.parts), self._phase.parts_total,
                    after_parts=pace.after_parts(phase.name, state.total), doing=doing,
                )
            )  # fmt: skip

    def completed(self, tables: PhaseTables) -> PhaseResult:
        """The phase has just been completed."""
        result = self._result(tables, from_checkpoint=False)
        self._end(result, {})
        return result

    def reused(self, tables: PhaseTables) -> PhaseResult:
        """The phase was complete already; the manifest changes only if it did not know."""
        result = self._result(tables, from_checkpoint=True)
        known = self._record.phase_results.get(self._phase.facts.name)
        if known is None or known.status != "completed":
            self._record.start_phase(self._phase.facts.name)
            self._end(result, {"duration_seconds": result.seconds})
        return result

    def _end(self, result: PhaseResult, figures: dict[str, float]) -> None:
        self._record.end_phase(
            {
                "conversations": result.conversations,
                "messages": result.messages,
                "from_checkpoint": result.from_checkpoint,
                **figures,
                "rows": result.tables.rows(),
                "bytes": result.state.bytes,
                "attempts": result.state.attempts,
            }
        )
        self._save()

    def _result(self, tables: PhaseTables, *, from_checkpoint: bool) -> PhaseResult:
        seconds = sum(part.seconds for part in tables.state.records)
        return PhaseResult(self._phase.facts.name, tables, from_checkpoint, seconds)

    def _save(self) -> None:
        name = layout.manifest_name(self._task.task_id)
        self._attempt.commit(Directory(self._task.output_dir), name, self._record.encoded())
