"""One attempt at a time works on a task, and one that was taken over changes nothing (promise I5)."""

import socket
import time
from contextlib import ExitStack

import pytest

from skype_assets.etl import engine
from skype_assets.etl.checkpoints import attempt
from skype_assets.etl.errors import TaskBusy
from skype_assets.etl.task import Task
from tests.engine.database_content import digests, row_versions
from tests.engine.runs import Pause, child, files_of, stopped_child

LEASE_SECONDS = 0.5


def test_a_task_that_another_process_works_on_is_refused_by_name(fresh: Task) -> None:
    with stopped_child(fresh, Pause("extract", 2)) as owner:
        with pytest.raises(TaskBusy) as refused:
            engine.run(fresh)
        since = attempt.read_owner(fresh.folder)
        assert since
        for named in (f"process {owner.pid}", socket.gethostname(), f"{since.since:%Y-%m-%d %H:%M:%S} UTC"):
            assert named in str(refused.value)
        assert refused.value.exit_code == 6


def test_a_dead_owner_is_taken_over_at_once(fresh: Task) -> None:
    with stopped_child(fresh, Pause("extract", 2)) as owner:
        owner.kill()
        assert not engine.run_phase(fresh, "extract").from_checkpoint


@pytest.mark.parametrize("phase", engine.PHASES)
def test_a_silent_owner_is_taken_over_and_changes_nothing_when_it_wakes_up(
    phase: str, fresh: Task, finished: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "LEASE_SECONDS", LEASE_SECONDS)
    with stopped_child(fresh, Pause(phase, 2)) as owner:
        time.sleep(LEASE_SECONDS)
        engine.run(fresh)
        files, rows = files_of(fresh.output_dir), row_versions(fresh.database)
        assert owner.go_on() == "Fenced"
    assert row_versions(fresh.database) == rows
    state_files = {name: stamp for name, stamp in files_of(fresh.output_dir).items() if name in files}
    assert state_files == files
    assert digests(fresh.database) == digests(finished.database)
    assert all(result.from_checkpoint for result in engine.run(fresh))


def test_of_several_processes_at_once_none_disturbs_another(fresh: Task, finished: Task) -> None:
    with ExitStack() as stack:
        children = [stack.enter_context(child(fresh)) for _ in range(3)]
        results = {one.result() for one in children}
    assert "done" in results
    assert results <= {"done", "TaskBusy"}
    assert digests(fresh.database) == digests(finished.database)


def test_what_an_owner_stumbles_on_that_was_taken_over_is_that_it_was_taken_over(
    fresh: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attempt that takes over sweeps away the files that others have begun."""
    monkeypatch.setattr(attempt, "LEASE_SECONDS", LEASE_SECONDS)
    with stopped_child(fresh, Pause("extract", 2)) as owner:
        time.sleep(LEASE_SECONDS)
        taken = attempt.Attempt.take(fresh.folder)
        fresh.folder.path.joinpath("raw_export").rename(fresh.output_dir / "elsewhere")
        assert owner.go_on() == "Fenced"
        taken.release()
