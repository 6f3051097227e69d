"""Dagster's runs, each in a process forked from one that has the libraries already, as ``dagster.yaml`` names it.

Dagster starts a Python for every run: two to three seconds of imports on one core, more than loading a small export
takes. Here a server (``run_worker``) imports the libraries once and forks itself for every run. This
project's own modules are not among them, so that "Reload" in the web UI means what it says.

A run's worker is known by host, pid and start time, in a tag of the run. So any process of this host can end it, and
Dagster's run monitoring notices when it is gone, also after a restart of the daemon.
"""

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
import psutil
from dagster import DagsterRun, DefaultRunLauncher, serialize_value

# What a run launcher raises, is given and gives. Public is `DefaultRunLauncher`, but not the types of its methods.
from dagster._core.errors import DagsterLaunchFailedError
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus

# The argument of `dagster api execute_run`: nothing public makes one.
from dagster._grpc.types import ExecuteRunArgs

# What a class that dagster.yaml names is built from: Dagster's guide to such classes has no other place for it either.
from dagster._serdes import ConfigurableClassData

WORKER_TAG: Final = ".dagster/run_worker"
"""Tag of a run that names its worker; the prefix hides it in the UI."""

_PATIENCE: Final = 120.0
"""Seconds until the server must have answered: it imports libraries first, three seconds' work, on a busy disk many."""

_LAST_SECONDS: Final = 10.0
"""Seconds in which it must have ended, when its input has."""


class RunWorker(msgspec.Struct, frozen=True):
    """A process, for good: pids are used again, start times are not."""

    host: str
    pid: int
    started: float

    def process(self) -> psutil.Process | None:
        """The process, if it is alive."""
        try:
            process = psutil.Process(self.pid)
            is_same = process.create_time() == self.started and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if is_same else None


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
        process = worker.process() if worker.host == socket.gethostname() else None
        if process is None:
            self._instance.report_engine_event(f"{worker} is not there to be interrupted.", run, cls=type(self))
            return False
        process.send_signal(signal.SIGINT)
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """It can be told whether a worker lives."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether a run's worker lives; nothing is held against those that cannot be seen from here."""
        worker = _worker(run)
        if worker is None or worker.host != socket.gethostname() or worker.process() is not None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"process {worker.pid} was killed; re-execute from failure")

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
        return RunWorker(socket.gethostname(), *msgspec.json.decode(answer, type=tuple[int, float]))


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
    tag = run.tags.get(WORKER_TAG)
    return msgspec.json.decode(tag, type=RunWorker) if tag else None
