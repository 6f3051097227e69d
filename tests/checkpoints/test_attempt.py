"""One attempt at a time owns a task, and one that was taken over commits nothing (promise I5)."""

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


def _silence(task: Directory, seconds: float, **changes: object) -> None:
    """Let the owner have been silent for some time."""
    seen = time.time() - seconds
    task.put(FILE, msgspec.json.encode(msgspec.structs.replace(_owner(task), seen=seen, **changes)))
    os.utime(task.file(FILE), (seen, seen))


def test_every_attempt_has_a_greater_epoch_than_those_before_it(task: Directory) -> None:
    assert read_owner(task) is None
    for epoch in (1, 2, 3):
        attempt = Attempt.take(task)
        assert attempt.epoch == _owner(task).epoch == epoch
        attempt.release()
        assert _owner(task).released


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
    former = msgspec.structs.replace(_owner(task), process_started=_owner(task).process_started - 60)
    assert not is_alive(former)


@pytest.mark.parametrize("host", [socket.gethostname(), "elsewhere.example"])
def test_an_owner_that_cannot_be_asked_is_believed_for_a_lease(host: str, task: Directory) -> None:
    Attempt.take(task)
    _silence(task, LEASE_SECONDS - 5, host=host)
    assert is_alive(_owner(task))
    _silence(task, LEASE_SECONDS + 1)
    assert not is_alive(_owner(task))


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


def test_a_living_attempt_says_so_until_it_is_taken_over(task: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "BEAT_SECONDS", 0.01)
    former = Attempt.take(task)
    _silence(task, 30)
    assert _within_seconds(10, lambda: time.time() - _owner(task).seen < 20)
    _silence(task, 30, epoch=2)
    assert _within_seconds(10, lambda: not former._heart.is_alive())
    assert time.time() - _owner(task).seen > 20
    former.release()


def _within_seconds(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"epoch": 1}', b"\xff"])
def test_a_damaged_record_of_the_owner_is_named(data: bytes, task: Directory) -> None:
    task.make().put(FILE, data)
    with pytest.raises(CheckpointDamaged, match="attempt.json is damaged"):
        Attempt.take(task)
