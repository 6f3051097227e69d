"""Two machines and a store: what one commits the other has, and of two that want a task one gets it."""

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from skype_assets.etl.checkpoints import hold, phase_checkpoint, store_attempt, task_log, working_copy
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.attempt import Attempt, is_worked_on
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.task_log import TaskLog
from skype_assets.etl.checkpoints.working_copy import WorkingCopy
from skype_assets.etl.errors import CheckpointDamaged, Fenced, OnHold, StoreUnavailable, TaskBusy, UsageError
from tests.checkpoints.machines import Machine, begun, ids_of, log_of, made_part, silence

Put = Callable[[TaskLog, int, bytes], None]


@pytest.fixture(autouse=True)
def short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_log, "LEASE_SECONDS", 3.0)
    monkeypatch.setattr(store_attempt, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(task_log, "_LOOK_SECONDS", 0.05)


def test_what_one_machine_has_recorded_another_goes_on_with(machine: Machine) -> None:
    first, second = machine("first"), machine("second")
    attempt = Attempt.take(first)
    checkpoint = begun(attempt, first)
    checkpoint.record(made_part(checkpoint, 0, [1, 2]))
    attempt.release()

    attempt = Attempt.take(second)
    assert (attempt.epoch, attempt.died) == (2, None)
    checkpoint = begun(attempt, second)
    assert [part.number for part in checkpoint.state.parts] == [0]
    checkpoint.record(made_part(checkpoint, 1, [3]))
    checkpoint.complete(made_part(checkpoint, 2, [4]))
    attempt.release()

    working_copy.refresh(first.path.parent)
    assert ids_of(first) == ids_of(second) == [1, 2, 3, 4]


def test_a_part_that_is_damaged_here_is_got_from_the_store(machine: Machine) -> None:
    task = machine("first")
    attempt = Attempt.take(task)
    checkpoint = begun(attempt, task)
    checkpoint.complete(made_part(checkpoint, 0, [1]))
    attempt.release()
    file = next(iter(checkpoint.state.records)).files["messages"]
    for data in (b"", None):
        path = task.folder("phase").file(file.name)
        path.unlink() if data is None else path.write_bytes(data)
        assert not phase_checkpoint.is_damaged(task.folder("phase"), file)
        path.unlink()
        assert ids_of(task) == [1]


def test_an_attempt_that_lives_elsewhere_is_not_disturbed(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = machine("first"), machine("second")
    attempt = Attempt.take(first)
    with pytest.raises(TaskBusy, match=r"in use by process \d+ on"):
        Attempt.take(second)
    monkeypatch.setattr(task_log, "LEASE_SECONDS", 60.0)
    working_copy.refresh(second.path.parent)
    assert is_worked_on(second)
    attempt.commit(first, "a.json", b"{}")
    attempt.release()
    Attempt.take(second).release()
    assert second.get("a.json") == b"{}"


def test_an_attempt_that_was_taken_over_commits_nothing_and_disturbs_nobody(machine: Machine) -> None:
    first, second = machine("first"), machine("second")
    frozen = Attempt.take(first)
    stale = begun(frozen, first)
    stale.record(made_part(stale, 0, [1]))
    silence(frozen)

    attempt = Attempt.take(second)
    assert (attempt.epoch, attempt.died) == (2, 1)
    checkpoint = begun(attempt, second)
    assert checkpoint.state.deaths == 1
    checkpoint.record(made_part(checkpoint, 1, [2]))
    before = log_of(second)

    with pytest.raises(Fenced):
        stale.record(made_part(stale, 1, [99]))
    with pytest.raises(Fenced):
        frozen.check()
    frozen.release()
    assert log_of(second) == before
    checkpoint.complete(made_part(checkpoint, 2, [3]))
    attempt.release()
    working_copy.refresh(first.path.parent)
    assert ids_of(first) == ids_of(second) == [1, 2, 3]


def test_whoever_is_taken_over_between_look_and_write_finds_his_number_taken(machine: Machine) -> None:
    first, second = machine("first"), machine("second")
    frozen = Attempt.take(first)
    frozen.check()
    silence(frozen)
    attempt = Attempt.take(second)
    with pytest.raises(Fenced):
        frozen.commit(first, "a.json", b"{}")
    assert not first.file("a.json").exists()
    attempt.release()
    frozen.release()


def test_in_a_crowd_every_attempt_has_an_epoch_of_its_own_and_no_commit_is_lost(machine: Machine) -> None:
    tasks = [machine(f"machine-{number}") for number in range(4)]
    acknowledged: list[tuple[int, str]] = []

    def work(task: Directory, number: int) -> None:
        for turn in range(3):
            name = f"n{number}-{turn}.json"
            with suppress(TaskBusy):
                attempt = Attempt.take(task)
                with suppress(Fenced):  # where the machine that tests is busy, a lease is soon over
                    attempt.commit(task, name, b"{}")
                    acknowledged.append((attempt.epoch, f"task/{name}"))
                attempt.release()

    threads = [threading.Thread(target=work, args=(task, number)) for number, task in enumerate(tasks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = log_of(tasks[0])
    epochs = [entry.epoch for entry in entries]
    assert epochs == sorted(epochs)
    takes = [entry.epoch for entry in entries if entry.kind == "take"]
    assert takes == list(range(1, len(takes) + 1))
    committed = sorted((entry.epoch, name) for entry in entries if entry.kind == "commit" for name in entry.files)
    assert committed == sorted(acknowledged)
    assert committed
    assert set(entries[-1].where) == {name for _, name in committed}


def test_a_commit_that_no_answer_came_to_is_settled_before_the_next(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, other = machine("first"), machine("second")
    attempt = Attempt.take(task)
    for landed in (True, False):
        put_new, name = TaskLog.append, f"{landed}.json"

        def cut(
            log: TaskLog, number: int, data: bytes, landed: bool = landed, put: Callable[..., None] = put_new
        ) -> None:
            if landed:
                put(log, number, data)
            raise StoreUnavailable("cut")

        with monkeypatch.context() as broken:
            broken.setattr(TaskLog, "append", cut)
            with pytest.raises(StoreUnavailable):
                attempt.commit(task, name, b"{}")
            assert not task.file(name).exists(), "the folder is never ahead of the store"
        attempt.commit(task, f"after-{name}", b"{}")
    attempt.release()
    Attempt.take(other).release()
    names = {"True.json", "after-True.json", "False.json", "after-False.json"}
    assert names <= {path.name for path in other.path.iterdir()}
    Attempt.take(task).release()
    assert names <= {path.name for path in task.path.iterdir()}


def test_a_task_that_was_removed_is_gone_everywhere_and_nobody_who_was_frozen_revives_it(machine: Machine) -> None:
    first, second, third = machine("first"), machine("second"), machine("third")
    frozen = Attempt.take(first)
    stale = begun(frozen, first)
    stale.record(made_part(stale, 0, [1]))
    silence(frozen)
    working_copy.refresh(third.path.parent)
    copy = WorkingCopy.of(second.path.parent)
    assert copy is not None
    store_attempt.remove(copy, "task")
    assert [entry.name for entry in copy.store.entries("task")] == [TaskLog(copy.store, "task").name(3)]
    with pytest.raises(Fenced):
        stale.record(made_part(stale, 1, [2]))
    working_copy.refresh(third.path.parent)
    assert not third.path.exists()

    attempt = Attempt.take(second)
    assert attempt.epoch == 3
    assert begun(attempt, second).state.parts == ()
    with pytest.raises(Fenced):
        stale.record(made_part(stale, 1, [3]))
    attempt.release()
    frozen.release()


def test_a_task_that_begins_anew_has_nothing_of_before_on_any_machine(machine: Machine) -> None:
    first, second = machine("first"), machine("second")
    attempt = Attempt.take(first)
    checkpoint = begun(attempt, first)
    checkpoint.complete(made_part(checkpoint, 0, [1]))
    attempt.release()
    working_copy.refresh(second.path.parent)
    assert ids_of(second) == [1]
    attempt = Attempt.take(first)
    attempt.forget()
    attempt.release()
    working_copy.refresh(second.path.parent)
    for task in (first, second):
        assert states.read(task.folder("phase")) is None


def test_a_machine_that_was_killed_at_work_forgets_what_began_anew_meanwhile(machine: Machine) -> None:
    first, second = machine("first"), machine("second")
    killed = Attempt.take(first)
    checkpoint = begun(killed, first)
    checkpoint.record(made_part(checkpoint, 0, [1]))
    killed.commit(Directory(first.path.parent), "etl_checkpoint_task.json", b"{}")
    silence(killed)
    attempt = Attempt.take(second)
    attempt.forget()
    attempt.release()
    working_copy.refresh(first.path.parent)
    assert states.read(first.folder("phase")) is None
    assert not (first.path.parent / "etl_checkpoint_task.json").exists()
    killed.release()


def test_a_hold_that_one_machine_marks_keeps_the_task_on_all(machine: Machine) -> None:
    first, second = machine("first"), machine("second")
    Attempt.take(first).release()
    hold.mark(first, 7, "court")
    working_copy.refresh(second.path.parent)
    with pytest.raises(OnHold, match="court"):
        hold.refuse_if_held(second)
    hold.release(first)
    working_copy.refresh(second.path.parent)
    hold.refuse_if_held(second)


def test_a_hold_that_somebody_put_here_by_hand_stays_whatever_the_store_has(machine: Machine) -> None:
    task = machine("first")
    Attempt.take(task).release()
    task.put(hold.FILE, b"mine")
    for _ in range(2):
        working_copy.refresh(task.path.parent)
        assert hold.hold_on(task) == "mine"


def test_a_log_that_names_a_file_elsewhere_is_refused(machine: Machine) -> None:
    task = machine("first")
    Attempt.take(task).release()
    entry = log_of(task)[-1]
    copy = WorkingCopy.of(task.path.parent)
    assert copy is not None
    for name in ("../escaped", "task/../../escaped", "/escaped", "store.json", "other/state.json", "task/.x"):
        wrong = msgspec.structs.replace(entry, files={name: "{}"}, where={name: 2})
        copy.store.put(TaskLog(copy.store, "task").name(2), wrong.encoded())
        with pytest.raises(CheckpointDamaged, match="no file of it"):
            working_copy.refresh(task.path.parent)
    assert not (task.path.parent.parent / "escaped").exists()


def test_a_folder_with_something_in_it_does_not_become_a_working_copy(tmp_path: Path, store_url: str) -> None:
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "mine").touch()
    with pytest.raises(UsageError, match="no working copy"):
        WorkingCopy.made(tmp_path / "output", store_url)
    WorkingCopy.made(tmp_path / "copy", store_url)
    with pytest.raises(UsageError, match="working copy of"):
        WorkingCopy.made(tmp_path / "copy", f"{store_url}-other")
