"""No clock decides who owns a task: not one that is set while an attempt lives, nor those of two hosts that differ."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from skype_assets.etl.checkpoints.attempt import read_owner
from skype_assets.etl.checkpoints.directory import Directory

ROOT = Path(__file__).parents[2]
HOUR = 3600
LEASE_SECONDS = 1.5
BEAT_SECONDS = 0.1

CALLED_ELSEWHERE = "called elsewhere"
REALLY_APART = "in namespaces of its own"
_UNSHARE = ("unshare", "--fork", "--kill-child", "--pid", "--uts", "--mount-proc", "--")

TAKE = """
import sys
from pathlib import Path
from skype_assets.etl import processes
from skype_assets.etl.checkpoints import attempt
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.errors import TaskBusy

folder, lease, beat, elsewhere = sys.argv[1:]
attempt.LEASE_SECONDS, attempt.BEAT_SECONDS = float(lease), float(beat)
if elsewhere:
    processes.system = lambda: elsewhere
try:
    taken = attempt.Attempt.take(Directory(Path(folder)))
except TaskBusy:
    print("busy", flush=True)
else:
    print(taken.epoch, flush=True)
    sys.stdin.read()
    taken.release()
"""


def _other_hosts() -> list[str]:
    """What is another host to an attempt: one that is called so, and one that is apart, where that is allowed."""
    is_allowed = subprocess.run([*_UNSHARE, "true"], capture_output=True).returncode == 0
    return [CALLED_ELSEWHERE, *([REALLY_APART] if is_allowed else [])]


@dataclass
class Machine:
    """What one of two machines does with a task, and what time it takes it to be."""

    clock: Path
    shim: Path
    task: Path
    elsewhere: str = ""

    def set_clock(self, seconds: int) -> None:
        """Let it be so many seconds off."""
        self.clock.write_text(str(seconds))

    def takes(self) -> "subprocess.Popen[str]":
        """A process that takes the task, says which epoch it has or that it is busy, and keeps it."""
        apart = _UNSHARE if self.elsewhere == REALLY_APART else ()
        called = self.elsewhere if self.elsewhere == CALLED_ELSEWHERE else ""
        return subprocess.Popen(
            [*apart, sys.executable, "-c", TAKE, self.task, str(LEASE_SECONDS), str(BEAT_SECONDS), called],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env={**os.environ, "LD_PRELOAD": str(self.shim), "CLOCK_OFFSET": str(self.clock)},
        )


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("shim") / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return library


@pytest.fixture
def machine(shim: Path, tmp_path: Path) -> Callable[..., Machine]:
    def make(name: str, elsewhere: str = "") -> Machine:
        return Machine(tmp_path / name, shim, tmp_path / "task", elsewhere)

    return make


@pytest.fixture
def cleanup() -> Generator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def _say(process: "subprocess.Popen[str]", cleanup: ExitStack) -> str:
    """What it says: its epoch, or that the task is busy."""
    cleanup.callback(process.communicate)
    cleanup.callback(process.kill)
    assert process.stdout
    return process.stdout.readline().strip()


def test_the_clock_is_off_by_what_the_test_says(machine: Callable[..., Machine]) -> None:
    here = machine("here")
    here.set_clock(HOUR)
    code = "import time, datetime; print(time.time(), datetime.datetime.now().timestamp())"
    environment = {**os.environ, "LD_PRELOAD": str(here.shim), "CLOCK_OFFSET": str(here.clock)}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert all(abs(float(text) - time.time() - HOUR) < 60 for text in said.stdout.split())


@pytest.mark.parametrize("step", [-HOUR, -5, 5, HOUR])
def test_a_clock_that_is_set_takes_the_task_from_nobody_and_keeps_it_for_nobody(
    step: int, machine: Callable[..., Machine], cleanup: ExitStack
) -> None:
    here = machine("here")
    owner = here.takes()
    assert _say(owner, cleanup) == "1"
    here.set_clock(step)
    began = time.monotonic()
    assert _say(here.takes(), cleanup) == "busy"
    time.sleep(2 * LEASE_SECONDS)  # and its beats go on
    assert _say(here.takes(), cleanup) == "busy"
    owner.kill()
    owner.wait()
    here.set_clock(-step)
    assert _say(here.takes(), cleanup) == "2"
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("other_host", _other_hosts())
@pytest.mark.parametrize("ahead", [-HOUR, 0, HOUR])
def test_another_host_whose_clock_differs_steals_nothing_and_waits_for_a_lease(
    other_host: str, ahead: int, machine: Callable[..., Machine], cleanup: ExitStack
) -> None:
    here, there = machine("here"), machine("there", other_host)
    there.set_clock(ahead)
    owner = here.takes()
    assert _say(owner, cleanup) == "1"
    assert _say(there.takes(), cleanup) == "busy"
    owner.kill()
    owner.wait()
    began = time.monotonic()
    assert _say(there.takes(), cleanup) == "2"
    assert LEASE_SECONDS <= time.monotonic() - began < LEASE_SECONDS + 30


def test_what_another_host_has_ended_is_free_at_once(machine: Callable[..., Machine], cleanup: ExitStack) -> None:
    here, there = machine("here"), machine("there", CALLED_ELSEWHERE)
    owner = here.takes()
    assert _say(owner, cleanup) == "1"
    owner.communicate()
    began = time.monotonic()
    assert _say(there.takes(), cleanup) == "2"
    assert time.monotonic() - began < LEASE_SECONDS


CANNOT_WRITE = """
import logging, resource, sys, time
from pathlib import Path
from skype_assets.etl.checkpoints import attempt
from skype_assets.etl.checkpoints.directory import Directory

logging.basicConfig(format="%(message)s", level=logging.WARNING)
attempt.LEASE_SECONDS, attempt.BEAT_SECONDS = 0.5, 0.02
task = Directory(Path(sys.argv[1]))
taken = attempt.Attempt.take(task)

def beats():
    before, until = attempt.read_owner(task).beat, time.monotonic() + 30
    while attempt.read_owner(task).beat == before:
        if time.monotonic() > until - 30 + float(sys.argv[2]):
            return False
        time.sleep(0.01)
    return True

assert beats()
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))  # the system refuses every write
assert not beats()
time.sleep(0.6)
try:
    taken.commit(task, "state", b"")
except OSError as error:
    print("refused:", error, file=sys.stderr)
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
assert beats()
taken.commit(task, "state", b"")
taken.release()
"""


def test_a_beat_that_fails_is_said_and_tried_again_and_nothing_is_committed_after_a_lease_without(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", CANNOT_WRITE, tmp_path / "task", "1"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    said = ran.stderr.splitlines()
    assert [line.partition(":")[2].partition(";")[0].strip() for line in said if "it goes on trying" in line] == [
        "attempt 1 cannot say that it lives: [Errno 27] File too large"
    ]
    assert any(line.startswith("refused: [Errno 27]") for line in said)
    owner = read_owner(Directory(tmp_path / "task"))
    assert owner
    assert owner.released
