"""Run workers that are forked: known for good, and noticed when they are gone. Launching itself: test_live.py."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import dagster as dg
import msgspec
import psutil
import pytest
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.dagster_run import DagsterRun

from skype_assets.instance.run_launcher import WORKER_TAG, ForkingRunLauncher, RunWorker

HERE = socket.gethostname()
MYSELF = RunWorker(HERE, os.getpid(), psutil.Process().create_time())

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
        (MYSELF, WorkerStatus.RUNNING),
        (RunWorker(HERE, MYSELF.pid, MYSELF.started - 100), WorkerStatus.NOT_FOUND),
        (RunWorker(HERE, 2**22 + 1, 0.0), WorkerStatus.NOT_FOUND),
        (RunWorker("elsewhere", 1, 0.0), WorkerStatus.RUNNING),
        (None, WorkerStatus.RUNNING),
    ],
    ids=["alive", "its number is another's", "gone", "on another host", "started by a command"],
)
def test_a_run_whose_worker_is_gone_is_noticed_and_no_other(worker: RunWorker | None, status: WorkerStatus) -> None:
    tags = {WORKER_TAG: msgspec.json.encode(worker).decode()} if worker else {}
    launcher = ForkingRunLauncher()
    assert launcher.supports_check_run_worker_health
    assert launcher.check_run_worker_health(DagsterRun("load_export", tags=tags)).status is status


def test_a_process_that_has_ended_and_waits_to_be_removed_is_gone() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    started = psutil.Process(ended.pid).create_time()
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert RunWorker(HERE, ended.pid, started).process() is None
    ended.wait()


def test_what_is_forked_has_no_threads_and_none_of_this_projects_code() -> None:
    done = subprocess.run([sys.executable, "-c", AFTER_IMPORTS], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "skype_assets", "skype_assets.instance", "skype_assets.instance.run_worker"]


def test_the_instance_of_dagster_yaml_forks(workspace: Path) -> None:
    with dg.DagsterInstance.from_config(str(workspace)) as instance:
        assert type(instance.run_launcher).__name__ == "ForkingRunLauncher"
