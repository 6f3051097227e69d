"""Run workers that are forked: known for good, and noticed when they are gone. Launching itself: test_live.py."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import msgspec
import pytest
from dagster._core.errors import DagsterLaunchFailedError
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.dagster_run import DagsterRun
from msgspec.structs import replace

from skype_assets.etl.processes import Process
from skype_assets.instance import run_launcher
from skype_assets.instance.run_launcher import WORKER_TAG, ForkingRunLauncher, RunWorker

HERE = socket.gethostname()
MYSELF = Process.myself()

# Nothing that a fork would have only half of: threads of Python's, or of a library's, and no code of this project.
AFTER_IMPORTS = """
import os, sys, threading
from importlib import import_module
from skype_assets.instance.run_worker import LIBRARIES
for library in LIBRARIES:
    import_module(library)
own = [name for name in sys.modules if name.split(".")[0] in {"skype_assets", "resources", "io_managers"}]
print(threading.active_count(), *sorted(own))
"""


@pytest.mark.parametrize(
    ("worker", "status"),
    [
        (RunWorker(HERE, MYSELF), WorkerStatus.RUNNING),
        (RunWorker(HERE, replace(MYSELF, start_ticks=MYSELF.start_ticks - 100)), WorkerStatus.NOT_FOUND),
        (RunWorker(HERE, replace(MYSELF, pid=2**22 + 1)), WorkerStatus.NOT_FOUND),
        (RunWorker(HERE, replace(MYSELF, system="of an earlier boot")), WorkerStatus.NOT_FOUND),
        (RunWorker("elsewhere", Process("elsewhere", 1, 0)), WorkerStatus.RUNNING),
        (None, WorkerStatus.RUNNING),
    ],
    ids=["alive", "its number is another's", "gone", "before a boot", "on another host", "started by a command"],
)
def test_a_run_whose_worker_is_gone_is_noticed_and_no_other(worker: RunWorker | None, status: WorkerStatus) -> None:
    tags = {WORKER_TAG: msgspec.json.encode(worker).decode()} if worker else {}
    launcher = ForkingRunLauncher()
    assert launcher.supports_check_run_worker_health
    assert launcher.check_run_worker_health(DagsterRun("load_export", tags=tags)).status is status


def test_a_process_that_has_ended_and_waits_to_be_removed_is_gone() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ticks = int(Path(f"/proc/{ended.pid}/stat").read_text().rpartition(")")[2].split()[19])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert Process(MYSELF.system, ended.pid, ticks).is_alive() is False
    ended.wait()


def test_what_is_forked_has_no_threads_and_none_of_this_projects_code() -> None:
    done = subprocess.run([sys.executable, "-c", AFTER_IMPORTS], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "skype_assets", "skype_assets.instance", "skype_assets.instance.run_worker"]


def test_the_instance_of_dagster_yaml_forks(workspace: Path) -> None:
    with dg.DagsterInstance.from_config(str(workspace)) as instance:
        assert type(instance.run_launcher).__name__ == "ForkingRunLauncher"


BE_A_WORKER = """
import sys
from skype_assets.instance import run_worker
run_worker._work(sys.argv[1])
"""
END = """
import sys
from types import SimpleNamespace
from skype_assets.instance import run_worker
run_worker.execute_run_command = SimpleNamespace(main=lambda arguments, standalone_mode: sys.exit({code}))
run_worker._work("")
"""


def test_a_worker_that_cannot_work_says_why_and_ends_with_an_error() -> None:
    command = [sys.executable, "-c", BE_A_WORKER, "no request"]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said, complaint = worker.communicate()
    assert worker.returncode == 1
    assert json.loads(said)["pid"] == worker.pid
    assert complaint.startswith("Traceback")


@pytest.mark.parametrize(("code", "exit_code"), [("", 0), ("0", 0), ("3", 3), ("'what'", 1)])
def test_a_worker_ends_with_the_exit_code_of_the_command(code: str, exit_code: int) -> None:
    assert subprocess.run([sys.executable, "-c", END.format(code=code)], capture_output=True).returncode == exit_code


def test_a_request_that_cannot_be_done_is_answered_and_does_not_end_the_server() -> None:
    launcher = ForkingRunLauncher()
    try:
        first, second = launcher._fork("no request"), launcher._fork("another")
        assert first.process.pid != second.process.pid
        until = time.monotonic() + 60
        while first.process.is_alive() or second.process.is_alive():
            assert time.monotonic() < until, "a worker of a bad request does not end"
            time.sleep(0.01)
    finally:
        launcher.dispose()


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        ("", "has ended"),
        ("import sys; sys.stdin.close(); import time; time.sleep(60)", "did not answer within 1 s"),
        ("import time; time.sleep(60)", "did not answer within 1 s"),
    ],
    ids=["ends", "does not listen", "does not answer"],
)
def test_a_server_that_does_not_serve_is_replaced_and_keeps_nobody_waiting(
    server: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", server]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1]

    monkeypatch.setattr(run_launcher, "_start_server", start)
    monkeypatch.setattr(run_launcher, "_PATIENCE", 1.0)
    launcher = ForkingRunLauncher()
    for _ in range(2):
        with pytest.raises(DagsterLaunchFailedError, match=problem):
            launcher._fork("x" * 70_000 if not server else "a request")
    assert len(started) == 2
    assert all(process.poll() is not None for process in started)
    launcher.dispose()


def test_a_server_that_does_not_end_with_its_input_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    monkeypatch.setattr(run_launcher, "_LAST_SECONDS", 0.5)
    launcher = ForkingRunLauncher()
    launcher._server = server
    launcher.dispose()
    assert server.poll() is not None
