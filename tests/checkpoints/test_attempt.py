"""One attempt at a time owns a task, and one that was taken over commits nothing (promise I5)."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from skype_assets.etl.checkpoints import attempt as attempts
from skype_assets.etl.checkpoints.attempt import LEASE_SECONDS, Attempt, Owner, is_alive, read_owner
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.errors import CheckpointDamaged, Fenced, TaskBusy

FILE = "attempt.json"


@pytest.fixture
def task(tmp_path: Path) -> Directory:
    return Directory(tmp_path / "task")


def _owner(task: Directory) -> Owner:
    owner = read_owner(task)
    assert owner
    return owner


def _silence(task: Directory, seconds: float) -> None:
    """Let the owner have been silent for some time."""
    owner = _owner(task)
    task.put(FILE, msgspec.json.encode(replace(owner, beat=owner.beat - int(seconds * 1000))))


def test_every_attempt_has_a_greater_epoch_than_those_before_it(task: Directory) -> None:
    assert read_owner(task) is None
    for epoch in (1, 2, 3):
        attempt = Attempt.take(task)
        assert attempt.epoch == _owner(task).epoch == epoch
        attempt.release()
        assert _owner(task).released


def test_an_attempt_that_was_killed_as_it_began_leaves_nothing_for_good(task: Directory) -> None:
    task.make()
    pid = os.fork()
    if pid == 0:
        with task.create(FILE):
            os._exit(0)
    os.waitpid(pid, 0)
    assert len(list(task.path.glob(".partial-*"))) == 1
    Attempt.take(task).release()
    assert list(task.path.glob(".partial-*")) == []


def test_a_task_with_a_living_owner_is_refused_with_its_process_host_and_time(task: Directory) -> None:
    attempt = Attempt.take(task)
    with pytest.raises(TaskBusy) as refused:
        Attempt.take(task)
    for named in ("task task", str(os.getpid()), socket.gethostname(), f"{_owner(task).since:%Y-%m-%d %H:%M:%S} UTC"):
        assert named in str(refused.value)
    assert _owner(task).epoch == 1
    attempt.release()


def test_of_many_that_want_a_task_at_once_one_gets_it(task: Directory) -> None:
    def take(_: int) -> Attempt | None:
        try:
            return Attempt.take(task)
        except TaskBusy:
            return None

    with ThreadPoolExecutor(8) as threads:
        [winner] = [attempt for attempt in threads.map(take, range(8)) if attempt]
    assert winner.epoch == _owner(task).epoch == 1
    winner.release()


def test_an_owner_that_was_killed_is_taken_over_at_once(task: Directory) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; "
        "from skype_assets.etl.checkpoints.attempt import Attempt; "
        "from skype_assets.etl.checkpoints.directory import Directory; "
        "Attempt.take(Directory(Path(sys.argv[1]))); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", program, task.path], cwd=Path.cwd(), check=False)
    assert killed.returncode == -9
    assert (_owner(task).epoch, _owner(task).released) == (1, False)
    attempt = Attempt.take(task)
    assert attempt.epoch == 2
    attempt.release()


def test_a_process_that_got_the_number_of_a_dead_owner_is_not_the_owner(task: Directory) -> None:
    Attempt.take(task)
    assert is_alive(replace(_owner(task), start_ticks=_owner(task).start_ticks - 1)) is False


def test_an_owner_that_says_nothing_is_believed_for_a_lease(task: Directory) -> None:
    Attempt.take(task)
    _silence(task, LEASE_SECONDS - 5)
    assert is_alive(_owner(task))
    _silence(task, 6)
    assert is_alive(_owner(task)) is False


def test_an_owner_that_cannot_be_asked_is_none_that_lives_or_not(task: Directory) -> None:
    Attempt.take(task)
    assert is_alive(replace(_owner(task), system="elsewhere")) is None
    assert is_alive(replace(_owner(task), system="")) is None


def test_what_an_earlier_version_left_is_watched_and_taken_over(
    task: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "LEASE_SECONDS", 0.1)
    former = {"epoch": 3, "pid": 1, "process_started": 1.5, "host": "x", "since": "2026-01-01T00:00:00Z", "seen": 2.5}
    task.make().put(FILE, json.dumps({**former, "released": False}).encode())
    latter = Attempt.take(task)
    assert (latter.epoch, latter.died) == (4, 3)
    latter.release()


def test_an_attempt_that_was_taken_over_commits_nothing_and_disturbs_nobody(task: Directory) -> None:
    former = Attempt.take(task)
    folder = task.folder("phase").make()
    former.commit(folder, "state", b"former")
    _silence(task, LEASE_SECONDS + 1)
    latter = Attempt.take(task)
    with pytest.raises(Fenced, match="attempt 1 was taken over by attempt 2"):
        former.commit(folder, "state", b"too late")
    with pytest.raises(Fenced):
        former.check()
    assert folder.get("state") == b"former"
    latter.commit(folder, "state", b"latter")
    former.release()
    assert (_owner(task).epoch, _owner(task).released) == (2, False)
    with pytest.raises(TaskBusy):
        Attempt.take(task)
    assert folder.get("state") == b"latter"
    latter.release()


def test_a_process_that_was_stopped_within_a_commit_is_named_and_not_waited_for_for_ever(
    task: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "LEASE_SECONDS", 0.1)
    Attempt.take(task).release()
    with task.lock("lock"), pytest.raises(TaskBusy, match=f"process {os.getpid()} .* holds its lock and does not move"):
        Attempt.take(task)
    assert _owner(task).epoch == 1


def test_a_living_attempt_says_so_and_says_nothing_in_the_record_of_another(
    task: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "BEAT_SECONDS", 0.01)
    former = Attempt.take(task)
    first = _owner(task).beat
    assert _within_seconds(10, lambda: _owner(task).beat > first)
    another = replace(_owner(task), epoch=2, beat=1)
    task.put(FILE, msgspec.json.encode(another))
    beats = former._last_beat
    assert _within_seconds(10, lambda: former._last_beat > beats)
    former.release()
    assert replace(_owner(task), seen=0.0) == replace(another, seen=0.0)


def _within_seconds(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def test_a_beat_that_is_seen_while_it_is_written_is_read_again(
    task: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    Attempt.take(task).release()
    whole = task.get(FILE)
    task.put(FILE, whole[:-10] + b"," * 10)
    monkeypatch.setattr(time, "sleep", lambda seconds: task.put(FILE, whole))
    assert _owner(task).released


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"epoch": 1}', b"\xff"])
def test_a_damaged_record_of_the_owner_is_named(data: bytes, task: Directory) -> None:
    task.make().put(FILE, data)
    with pytest.raises(CheckpointDamaged, match="attempt.json is damaged"):
        Attempt.take(task)
