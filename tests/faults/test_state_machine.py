"""T10: run, kill, resume, reset, verify, unload, another export: whatever is done in any order, the tables are right.

The model is small: which exports are completely loaded. What the database holds then, the slow reference says once for
each set of exports; a run that was killed may have loaded a part of its export, so that the tables are compared when
every export that was begun is complete.
"""

import random
import shutil
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from skype_assets.etl import engine
from skype_assets.etl.errors import UsageError
from skype_assets.etl.phases.kinds import PHASE_CLASSES
from skype_assets.etl.sample import write_overlapping
from skype_assets.etl.task import Task
from skype_assets.etl.tasks.reset import reset
from skype_assets.etl.tasks.unloading import unload
from skype_assets.etl.tasks.verification import verify
from tests.conftest import NewDatabase
from tests.engine.database_content import Digests, digests, row_versions
from tests.engine.runs import Interruption, Pause, at, child, interrupt, stopped_child, task

EXPORTS = 2
EXAMPLES = 4
STEPS = 8

numbers = st.integers(0, EXPORTS - 1)
phases = st.sampled_from(engine.PHASES)
parts = st.integers(0, 2)


class Exports(RuleBasedStateMachine):
    """Overlapping exports of one account on their way into one database."""

    new_database: ClassVar[NewDatabase]
    sources: ClassVar[list[Path]]
    expected: ClassVar[dict[frozenset[int], Digests]]

    @initialize(chunk_size=st.sampled_from([40, 70]))
    def begin(self, chunk_size: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="machine-"))
        url = type(self).new_database()
        self.tasks = [task(f"t{n}", self.folder, source, url, chunk_size) for n, source in enumerate(self.sources)]
        self.begun: set[int] = set()
        self.loaded: set[int] = set()

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @rule(number=numbers)
    def run(self, number: int) -> None:
        """Run or resume to the end."""
        engine.run(self.tasks[number])
        self.begun.add(number)
        self.loaded.add(number)

    @rule(number=numbers, phase=phases, after=parts)
    def fail(self, number: int, phase: str, after: int) -> None:
        """An error in a phase; one that is complete already has nothing that could fail."""
        try:
            engine.run(self.tasks[number], at(phase, after, interrupt))
        except Interruption:
            self._disturbed(number, phase)
        else:
            self.begun.add(number)
            self.loaded.add(number)

    @rule(number=numbers, seed=st.integers(0, 2**16))
    def kill(self, number: int, seed: int) -> None:
        """SIGKILL at a random instant."""
        with child(self.tasks[number]) as victim:
            time.sleep(random.Random(seed).uniform(0.02, 1.0))
            victim.kill()
        self._disturbed(number, "load")

    @rule(number=numbers, phase=phases)
    def interrupt_and_go_on(self, number: int, phase: str) -> None:
        """A process is stopped for a while, and then goes on; meanwhile the task is its own."""
        if not self.tasks[number].folder.path.exists():
            with stopped_child(self.tasks[number], Pause(phase, 1)) as paused:
                assert paused.go_on() == "done"
            self.begun.add(number)
            self.loaded.add(number)

    @rule(number=numbers)
    def two_at_once(self, number: int) -> None:
        """Two processes: one has the task, the other waits for nothing and is refused, or comes later."""
        with child(self.tasks[number]) as one, child(self.tasks[number]) as other:
            found = {one.result(), other.result()}
        assert "done" in found
        assert found <= {"done", "TaskBusy"}
        self.begun.add(number)
        self.loaded.add(number)

    @rule(number=numbers)
    def start_again(self, number: int) -> None:
        """Reset: the checkpoints are moved aside, the database keeps what it has."""
        reset(self.tasks[number])

    @rule(number=numbers)
    def take_out(self, number: int) -> None:
        """Unload what is there of an export, all of it or a part; what never was is said to be nothing."""
        try:
            unload(self.tasks[number])
        except UsageError:
            assert number not in self.loaded
        self.begun.discard(number)
        self.loaded.discard(number)

    @precondition(lambda self: self.loaded)
    @rule(number=numbers)
    def verified(self, number: int) -> None:
        """A task that is complete, and undisturbed by others, passes its verification."""
        if number in self.loaded and self._is_complete(self.tasks[number]) and self.begun == self.loaded:
            assert verify(self.tasks[number]).failed == []

    @precondition(lambda self: self.loaded)
    @rule(number=numbers)
    def run_twice(self, number: int) -> None:
        """A second run of what is complete changes no row."""
        if number in self.loaded and self._is_complete(self.tasks[number]):
            before = row_versions(self.tasks[number].database)
            assert all(result.from_checkpoint for result in engine.run(self.tasks[number]))
            assert row_versions(self.tasks[number].database) == before

    @invariant()
    def tables_are_right(self) -> None:
        """When every export that was begun is complete, the tables are those of an undisturbed load."""
        loaded = frozenset(self.loaded) if hasattr(self, "loaded") else frozenset[int]()
        if not loaded or self.begun != self.loaded:
            return
        assert digests(self.tasks[0].database) == self.expected[loaded]

    def _disturbed(self, number: int, phase: str) -> None:
        """What was loaded stays loaded; what was not, is perhaps begun."""
        if phase == "load" and number not in self.loaded:
            self.begun.add(number)

    def _is_complete(self, of: Task) -> bool:
        try:
            return all(engine.open_phase(of, phase) is not None for phase in PHASE_CLASSES)
        except UsageError:
            return False


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_overlapping(tmp_path_factory.mktemp("exports"), exports=EXPORTS, messages=120)


def test_whatever_is_done_in_whatever_order_the_tables_are_right(
    exports: list[Path], new_database: NewDatabase, tmp_path: Path
) -> None:
    Exports.sources, Exports.new_database, Exports.expected = exports, new_database, {}
    for chosen in ({0}, {1}, {0, 1}):
        url = new_database()
        for number in sorted(chosen):
            name = f"t{number}"
            engine.run(task(name, tmp_path / str(len(Exports.expected)), exports[number], url, 1_000))
        Exports.expected[frozenset(chosen)] = digests(url)
    run_state_machine_as_test(
        Exports,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
