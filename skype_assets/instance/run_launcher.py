"""Dagster's runs, each in a process forked from one that has the libraries already, as ``dagster.yaml`` names it.

Dagster starts a Python for every run: two to three seconds of imports on one core, more than loading a small export
takes. Here a server (``run_worker``) imports the libraries once and forks itself for every run. This
project's own modules are not among them, so that "Reload" in the web UI means what it says.

A run's worker is known by what no clock changes (``processes``), in a tag of the run. So any process of this host can
end it, and Dagster's run monitoring notices when it is gone, also after a restart of the daemon.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, Self

import msgspec
from dagster import DagsterRun, DefaultRunLauncher, serialize_value

# What a run launcher raises, is given and gives. Public is `DefaultRunLauncher`, but not the types of its methods.
from dagster._core.errors import DagsterLaunchFailedError
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus

# The argument of `dagster api execute_run`: nothing public makes one.
from dagster._grpc.types import ExecuteRunArgs

# What a class that dagster.yaml names is built from: Dagster's guide to such classes has no other place for it either.
from dagster._serdes import ConfigurableClassData

from skype_assets.etl.processes import Process

WORKER_TAG: Final = ".dagster/run_worker"
"""Tag of a run that names its worker; the prefix hides it in the UI."""

_PATIENCE: Final = 120.0
"""Seconds until the server must have answered: it imports libraries first, three seconds' work, on a busy disk many."""

_LAST_SECONDS: Final = 10.0
"""Seconds in which it must have ended, when its input has."""


class RunWorker(msgspec.Struct, frozen=True):
    """The process of a run, and the name of the host that it is on, for people."""

    host: str
    process: Process

    def __str__(self) -> str:
        return f"process {self.process.pid} on {self.host}"

    def is_alive(self) -> bool | None:
        """Whether it lives; None if it is on another host."""
        lives = self.process.is_alive()
        # Runs are of the daemon's own machine: what this host ran before it, or its container, began again is gone.
        return False if lives is None and self.host == socket.gethostname() and self.process.system else lives


class ForkingRunLauncher(DefaultRunLauncher):
    """Launches the runs of this environment's code locations in forked processes, all others as Dagster does.

    Example, in ``dagster.yaml``::

        run_launcher:
          module: skype_assets.instance.run_launcher
          class: ForkingRunLauncher
    """

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(inst_data)
        self._server: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        """Build it; there is nothing to configure."""
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start a run's worker."""
        run, origin = context.dagster_run, context.job_code_origin
        if origin is None or origin.repository_origin.executable_path != sys.executable:
            super().launch_run(context)
            return
        arguments = ExecuteRunArgs(origin, run.run_id, self._instance.get_ref())
        worker = self._fork(serialize_value(arguments))
        self._instance.add_run_tags(run.run_id, {WORKER_TAG: msgspec.json.encode(worker).decode()})

    def terminate(self, run_id: str) -> bool:
        """Interrupt a run; what it has recorded stays, and it is resumed from there. False if it does not run here."""
        run = self._instance.get_run_by_id(run_id)
        worker = _worker(run) if run is not None and not run.is_finished else None
        if run is None or worker is None:
            return super().terminate(run_id)
        self._instance.report_run_canceling(run)
        if not worker.is_alive():
            self._instance.report_engine_event(f"{worker} is not there to be interrupted.", run, cls=type(self))
            return False
        with suppress(ProcessLookupError):
            os.kill(worker.process.pid, signal.SIGINT)
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """It can be told whether a worker lives."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether a run's worker lives; nothing is held against those that cannot be seen from here."""
        worker = _worker(run)
        if worker is None or worker.is_alive() is not False:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"{worker} was killed; re-execute from failure")

    def dispose(self) -> None:
        """Let the server go; runs that it has forked go on."""
        with self._lock:
            if self._server is not None:
                _end(self._server)
                self._server = None

    def _fork(self, request: str) -> RunWorker:
        with self._lock:
            if self._server is None or self._server.poll() is not None:
                self._server = _start_server()
            answer = _answer(self._server, request)
            if not answer:
                _kill(self._server)  # the next run gets another
                self._server = None
                problem = f"did not answer within {_PATIENCE:.0f} s" if answer is None else "has ended"
                raise DagsterLaunchFailedError(f"the server that forks run workers {problem}; see this log for why")
        return RunWorker(socket.gethostname(), msgspec.json.decode(answer, type=Process))


def _start_server() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "skype_assets.instance.run_worker"]
    # Its errors, and what runs print outside of steps, go where this process's do.
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _answer(server: subprocess.Popen[str], request: str) -> str | None:
    """What it answers: a line, nothing if it has ended, None if it takes too long."""
    assert server.stdin is not None
    assert server.stdout is not None
    with suppress(BrokenPipeError):  # it has ended, or it will not answer
        server.stdin.write(request + "\n")
        server.stdin.flush()
    answered, _, _ = select.select([server.stdout], [], [], _PATIENCE)
    return server.stdout.readline() if answered else None


def _end(server: subprocess.Popen[str]) -> None:
    try:
        server.communicate(timeout=_LAST_SECONDS)
    except subprocess.TimeoutExpired:
        _kill(server)


def _kill(server: subprocess.Popen[str]) -> None:
    server.kill()
    with suppress(BrokenPipeError), server:  # closes the pipes, of which one may hold what was not read
        pass


def _worker(run: DagsterRun) -> RunWorker | None:
    try:
        return msgspec.json.decode(run.tags.get(WORKER_TAG, "null"), type=RunWorker | None)
    except msgspec.ValidationError:  # of an earlier version, which named its process by the clock
        return None
