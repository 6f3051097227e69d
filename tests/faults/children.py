"""Processes that run the engine, with a fault that waits for them: forked in milliseconds, one for every run."""

import contextlib
import ctypes
import json
import os
import select
import signal
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from importlib import import_module
from pathlib import Path
from typing import Any

from skype_assets.etl import crash_points, engine
from skype_assets.etl.checkpoints import attempt, store_attempt, task_log
from skype_assets.etl.errors import EtlError
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Task
from skype_assets.etl.tasks.reset import reset
from skype_assets.etl.tasks.unloading import unload

# A child that had to import it for its first session would do so for longer than it runs.
import_module("adbc_driver_postgresql.dbapi")

DEADLINE_SECONDS = 120

NOT_PREPARED = "not prepared"
"""How a child ends that a bug could not be planted in."""

UNLOAD = "unload"
RESET = "reset"
"""No phases, but done in a child like one."""


class Action(IntEnum):
    """What the shim does, as in ``shim.c``."""

    COUNT = 0
    FAIL_ONCE = 1
    FAIL_FROM = 2
    KILL_BEFORE = 3
    KILL_AFTER = 4
    FAIL_SHORT = 5
    QUOTA = 6


@dataclass(frozen=True)
class SystemFault:
    """A fault of the calls to the system about files below ``folder``.

    ``log`` gets a line for each of them; ``record`` those that change something, with their bytes, and the crash points
    between them (``crash_states``).
    """

    folder: Path
    action: Action
    number: int = 0
    error: int = 0
    log: Path | None = None
    record: Path | None = None


@dataclass(frozen=True)
class StoreFault:
    """A fault of the calls to a store (``store_server``): of the one with number ``at``, or of a drawn share of all."""

    fault: str = ""
    at: int | None = None
    share: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Armed:
    """What waits for a child.

    Attributes:
        point: crash point, fault and hit (see ``crash_points.fail_at``); the fault ``stop`` is SIGSTOP.
        system: a fault of the system.
        bugs: names of planted bugs.
        lease: seconds after which a silent attempt may be taken over.
        store: a fault of the calls to a store; None = there is none, or it is armed already.
    """

    point: tuple[str, str, int] | None = None
    system: SystemFault | None = None
    bugs: Sequence[str] = ()
    lease: float | None = None
    store: StoreFault | None = None


@dataclass(frozen=True)
class Outcome:
    """How a child ended: ``done``, ``killed``, or the name of the error that it ended with."""

    how: str
    message: str = ""
    is_expected: bool = True
    exit_code: int = 0
    points: dict[str, int] = field(default_factory=dict[str, int])
    from_checkpoint: list[bool] = field(default_factory=list[bool])


class Child:
    """A forked process that runs phases of a task, or makes a sample."""

    def __init__(self, task: Task | None, phases: Sequence[str] = engine.PHASES, armed: Armed | None = None) -> None:
        self._pipe, pipe = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                os.close(self._pipe)
                _work(task, phases, armed or Armed(), pipe)
                code = 0
            finally:
                os._exit(code)
        os.close(pipe)

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait_until_stopped(self) -> bool:
        """Whether it has stopped itself; False if it ended before."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state in "TZ":
                return state == "T"
            time.sleep(0.002)
        return False

    def outcome(self) -> Outcome:
        """Wait for its end; one that does not end in time is killed and reported."""
        data, deadline, how = b"", time.monotonic() + DEADLINE_SECONDS, "killed"
        while select.select([self._pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
            if not (read := os.read(self._pipe, 1 << 16)):
                break
            data += read
        else:
            self.signal(signal.SIGKILL)
            how = "hung"
        os.close(self._pipe)
        os.waitpid(self.pid, 0)
        outcome = Outcome(**json.loads(data)) if data else Outcome(how, is_expected=how == "killed")
        if outcome.how == NOT_PREPARED:
            raise RuntimeError(f"the child could not be prepared: {outcome.message}")
        return outcome


def run(
    task: Task | None,
    phases: Sequence[str] = engine.PHASES,
    armed: Armed | None = None,
    kill_after: float | None = None,
) -> Outcome:
    """Run phases of a task in a child, and kill it some time after its start if that is wanted."""
    child = Child(task, phases, armed)
    if kill_after is not None:
        time.sleep(kill_after)
        child.signal(signal.SIGKILL)
    return child.outcome()


def _work(task: Task | None, phases: Sequence[str], armed: Armed, pipe: int) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    points: Counter[str] = Counter()
    crash_points.listener = _listener(points, armed.point, is_recorded=bool(armed.system and armed.system.record))
    outcome: dict[str, Any] = {"how": "done"}
    try:
        _prepare(armed)
    except Exception as error:  # noqa: BLE001 - no find of the campaign but an error of its own: the parent raises it
        os.write(pipe, json.dumps({"how": NOT_PREPARED, "message": repr(error)}).encode())
        return
    try:
        if task is None:
            _, path, messages = phases
            write_sample(Path(path), messages=int(messages))
        else:
            with _system(armed.system):
                outcome["from_checkpoint"] = [_run(task, phase) for phase in phases]
    except BaseException as error:  # noqa: BLE001 - the parent judges it
        expected = isinstance(error, (EtlError, OSError, crash_points.CrashPointError))
        code = error.exit_code if isinstance(error, EtlError) else 1
        outcome = {"how": type(error).__name__, "message": str(error), "is_expected": expected, "exit_code": code}
    os.write(pipe, json.dumps({**outcome, "points": points}).encode())


def _run(task: Task, phase: str) -> bool:
    """Run a phase, take out again what was loaded, or move it aside; whether there was nothing to do."""
    if phase == UNLOAD:
        return unload(task).status == "not loaded"
    if phase == RESET:
        return reset(task) is None
    return engine.run_phase(task, phase).from_checkpoint


def _prepare(armed: Armed) -> None:
    if armed.lease is not None:
        setattr(attempt, "LEASE_SECONDS", armed.lease)  # noqa: B010 - a constant, but not for the tests
        setattr(attempt, "BEAT_SECONDS", armed.lease / 10)  # noqa: B010
        setattr(task_log, "LEASE_SECONDS", armed.lease)  # noqa: B010
        setattr(store_attempt, "BEAT_SECONDS", armed.lease / 10)  # noqa: B010
    if armed.bugs:
        from tests.faults.planted_bugs import BUGS
        from tests.faults.store_bugs import STORE_BUGS

        for name in armed.bugs:
            (BUGS | STORE_BUGS)[name].plant()
    if armed.store is not None:
        from tests.faults.machines import ask

        ask("arm", {**asdict(armed.store), "pid": os.getpid()})


def _listener(
    points: Counter[str], point: tuple[str, str, int] | None, *, is_recorded: bool = False
) -> Callable[[str], None]:
    shim = ctypes.CDLL(None)
    if point is not None and point[1] == "stop":
        act = _stop_at(point[0], point[2])
    else:
        act = crash_points.fail_at(*point) if point is not None else None

    def listen(reached: str) -> None:
        points[reached] += 1
        if is_recorded:
            shim.faults_mark(reached.encode())
        if act is not None:
            act(reached)

    return listen


def _stop_at(point: str, hit: int) -> Callable[[str], None]:
    seen: Counter[str] = Counter()

    def stop(reached: str) -> None:
        seen[reached] += 1
        if reached == point and seen[reached] == hit:
            os.kill(os.getpid(), signal.SIGSTOP)

    return stop


@contextlib.contextmanager
def _system(fault: SystemFault | None) -> Generator[None]:
    if fault is None:
        yield
        return
    shim = ctypes.CDLL(None)
    log = os.open(fault.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) if fault.log else -1
    record = os.open(fault.record, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) if fault.record else -1
    shim.faults_arm(str(fault.folder).encode(), int(fault.action), fault.error, ctypes.c_long(fault.number), log)
    shim.faults_record(record)
    try:
        yield
    finally:
        shim.faults_record(-1)
        shim.faults_arm(b"", 0, 0, ctypes.c_long(0), -1)
