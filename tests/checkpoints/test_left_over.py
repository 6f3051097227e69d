"""What is left over in a store goes; what somebody may still record, or need, does not; logs do not grow for ever."""

from datetime import timedelta

import msgspec
import pytest

from skype_assets.etl.checkpoints import left_over, store_attempt, task_log, working_copy
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.attempt import Attempt
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.left_over import LeftOver
from skype_assets.etl.checkpoints.phase_checkpoint import PhaseCheckpoint
from skype_assets.etl.checkpoints.working_copy import WorkingCopy
from skype_assets.etl.errors import Fenced
from tests.checkpoints.machines import Machine, begun, ids_of, log_of, made_part, silence


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_over, "AFTER", timedelta())
    monkeypatch.setattr(task_log, "LEASE_SECONDS", 0.5)
    monkeypatch.setattr(task_log, "_LOOK_SECONDS", 0.05)


def _copy(task: Directory) -> WorkingCopy:
    copy = WorkingCopy.of(task.path.parent)
    assert copy is not None
    return copy


def _files(task: Directory) -> list[str]:
    return [one.name for one in _copy(task).store.entries("task") if one.name.endswith(".parquet")]


def _clear(task: Directory, *, is_rehearsal: bool = False) -> LeftOver:
    store = _copy(task).store
    return left_over.remove(store, store.folders(), is_rehearsal=is_rehearsal)


def _put(attempt: Attempt, checkpoint: PhaseCheckpoint, number: int, ids: list[int]) -> None:
    """A part that comes as far as the store, and is not recorded: as if its process had ended then."""
    state = msgspec.structs.replace(
        checkpoint.state, parts=(*checkpoint.state.parts, made_part(checkpoint, number, ids))
    )
    assert attempt._in_store is not None
    attempt._in_store.publish(checkpoint.folder, states.STATE_FILE, states.encode(state))


def test_what_an_attempt_did_not_come_to_record_stays_while_it_may_and_goes_when_another_took_over(
    machine: Machine,
) -> None:
    first, second = machine("first"), machine("second")
    frozen = Attempt.take(first)
    stale = begun(frozen, first)
    stale.record(made_part(stale, 0, [1]))
    _put(frozen, stale, 1, [2])
    assert _clear(second) == LeftOver()
    silence(frozen)

    attempt = Attempt.take(second)
    checkpoint = begun(attempt, second)
    _put(attempt, checkpoint, 1, [3])
    before = _files(second)
    told = _clear(second, is_rehearsal=True)
    assert _files(second) == before
    assert _clear(second) == told
    assert told.bytes > 0
    assert [name for name in before if name not in _files(second)] == [name for name in before if "00001-e1" in name]
    checkpoint.record(made_part(checkpoint, 1, [3]))
    checkpoint.complete(made_part(checkpoint, 2, [4]))
    attempt.release()
    with pytest.raises(Fenced):
        stale.record(made_part(stale, 1, [99]))
    frozen.release()
    _clear(second)
    working_copy.refresh(machine("third").path.parent)
    assert ids_of(machine("third")) == [1, 3, 4]
    assert len(_files(second)) == 3
    assert not _copy(second).store.entries("task/beat")


def test_what_was_there_before_a_task_began_anew_goes_a_day_later(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = machine("first")
    attempt = Attempt.take(task)
    checkpoint = begun(attempt, task)
    checkpoint.complete(made_part(checkpoint, 0, [1]))
    attempt.forget()
    attempt.release()
    with monkeypatch.context() as later:
        later.setattr(left_over, "AFTER", timedelta(days=1))
        assert _clear(task) == LeftOver()
    assert _files(task)
    assert _clear(task).objects >= 1
    assert not _files(task)


def test_a_log_takes_as_much_room_as_what_it_says_last_and_stays_as_long_as_it_was(machine: Machine) -> None:
    first, second = machine("first"), machine("second")
    for task, numbers in ((first, range(30)), (second, range(30, 60))):
        attempt = Attempt.take(task)
        checkpoint = begun(attempt, task)
        for number in numbers:
            checkpoint.record(made_part(checkpoint, number, [number]))
        if task is first:
            silence(attempt)  # it empties nothing
        else:
            attempt.release()
    entries = _copy(second).store.entries("task/log")
    _clear(second)
    emptied = _copy(second).store.entries("task/log")
    assert [one.name for one in emptied] == [one.name for one in entries]
    assert sum(one.size > task_log.WORTH_EMPTYING for one in entries) > 10
    assert sum(one.size > task_log.WORTH_EMPTYING for one in emptied) == 1
    assert [entry.kind for entry in log_of(second)].count("commit") == 62
    third = machine("third")
    working_copy.refresh(third.path.parent)
    state = states.read(third.folder("phase"))
    assert state is not None
    assert len(state.parts) == 60


def test_whoever_reads_while_entries_are_emptied_reads_the_newest(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = machine("first"), machine("second")
    attempt = Attempt.take(first)
    checkpoint = begun(attempt, first)
    for number in range(30):
        checkpoint.record(made_part(checkpoint, number, [number]))
    content = task_log.TaskLog.content

    def late(log: task_log.TaskLog, number: int, name: str, newest: int) -> str:
        monkeypatch.setattr(task_log.TaskLog, "content", content)
        checkpoint.record(made_part(checkpoint, 30, [30]))
        attempt.commit(first, "a.json", b"{}")
        _clear(first)
        return content(log, number, name, newest)

    attempt.commit(first, "b.json", b"{}")
    monkeypatch.setattr(task_log.TaskLog, "content", late)
    working_copy.refresh(second.path.parent)
    attempt.release()
    state = states.read(second.folder("phase"))
    assert state is not None
    assert len(state.parts) == 31


def test_what_is_left_of_a_removal_that_was_interrupted_goes_but_not_what_says_that_the_task_went(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = machine("first")
    attempt = Attempt.take(task)
    checkpoint = begun(attempt, task)
    checkpoint.complete(made_part(checkpoint, 0, [1]))
    attempt.release()
    copy = _copy(task)
    with monkeypatch.context() as ended:
        ended.setattr(store_attempt, "side_by_side", lambda work: None)
        store_attempt.remove(copy, "task")
    assert _files(task)
    _clear(task)
    (kept,) = copy.store.entries("task")
    assert kept.name.startswith("task/log/")
