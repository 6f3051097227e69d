"""One attempt per task at a time, fenced by a growing number: the epoch (promise I5).

``attempt.json`` in the task's folder names the attempt that owns the task: its epoch, process, host, and when it was
last seen alive. An attempt proves itself twice: a beat every few seconds says that it lives, and every commit compares
the epoch under the task's lock. A dead or silent attempt is taken over by the next one with a greater epoch; if it
wakes up again, its next commit raises ``Fenced`` and changes nothing.
"""

import os
import socket
import threading
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Final

import msgspec
import psutil

from skype_assets.etl import crash_points
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.errors import CheckpointDamaged, Fenced, TaskBusy

BEAT_SECONDS: Final = 5.0
"""How often a living attempt says so."""
LEASE_SECONDS: Final = 60.0
"""How long after its last beat an attempt that cannot be asked (other host, stopped process) counts as alive."""

ATTEMPT_FILE: Final = "attempt.json"
"""Names the attempt that owns a task."""
LOCK_FILE: Final = "lock"
"""Held during every commit."""

# Start times are counted from the boot time, which the system rounds and adjusts.
_CLOCK_SLACK_SECONDS = 2.0
_RELEASED = 0


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of ``attempt.json``. Times are UTC; ``released`` says that the attempt ended by itself."""

    epoch: int
    pid: int
    process_started: float
    host: str
    since: datetime
    seen: float
    released: bool


class Attempt:
    """The right to commit to one task, from ``take`` until ``release``.

    Attributes:
        died: epoch of the attempt before this one, if that did not end by itself.
    """

    def __init__(self, task: Directory, owner: Owner, former: Owner | None) -> None:
        self._task = task
        self._owner = owner
        self.died = former.epoch if former is not None and not former.released else None
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="attempt-heartbeat", daemon=True)

    @classmethod
    def take(cls, task: Directory) -> "Attempt":
        """Become the owner of a task.

        Raises:
            TaskBusy: a living attempt owns it; the message names process, host and since when. Or a process was stopped
                while it held the lock.
        """
        task.make()
        with ExitStack() as stack:
            try:
                stack.enter_context(task.lock(LOCK_FILE, LEASE_SECONDS))
            except TimeoutError:
                raise TaskBusy(_stuck(task)) from None
            former = read_owner(task)
            if former is not None and is_alive(former):
                raise TaskBusy(
                    f"task {task.path.name} is in use by process {former.pid} on {former.host} "
                    f"since {former.since:%Y-%m-%d %H:%M:%S} UTC; wait for it, stop it, or use another task id"
                )
            owner = Owner(
                epoch=former.epoch + 1 if former else 1,
                pid=os.getpid(),
                process_started=_process_started(os.getpid()) or 0.0,
                host=socket.gethostname(),
                since=datetime.now(UTC),
                seen=time.time(),
                released=False,
            )
            task.put(ATTEMPT_FILE, msgspec.json.encode(owner))
        crash_points.reached("attempt taken")
        attempt = cls(task, owner, former)
        attempt._heart.start()
        return attempt

    @property
    def epoch(self) -> int:
        """Number of this attempt; every later one has a greater number."""
        return self._owner.epoch

    def commit(self, folder: Directory, name: str, data: bytes, *, keep: str | None = None) -> None:
        """Write a state file, if this attempt still owns the task; what it held before stays under the name ``keep``.

        Raises:
            Fenced: another attempt has taken over; nothing was written.
        """
        with self.held():
            if keep is not None:
                folder.keep(name, keep)
            folder.put(name, data)

    @contextmanager
    def held(self) -> Generator[None]:
        """A block in which nobody can take over the task.

        Raises:
            Fenced: another attempt has taken over already.
        """
        with self._task.lock(LOCK_FILE):
            self._check()
            yield

    def check(self) -> None:
        """Raise ``Fenced`` if another attempt has taken over."""
        with self.held():
            pass

    def release(self) -> None:
        """End the attempt, so that the next one need not wait. A fenced attempt has nothing to release."""
        self._ended.set()
        self._heart.join()
        with self._task.lock(LOCK_FILE):
            current = read_owner(self._task)
            if current is not None and self._is_own(current):
                try:
                    self._task.put(ATTEMPT_FILE, msgspec.json.encode(msgspec.structs.replace(current, released=True)))
                except OSError:
                    # A full disk: nothing can be written, but a beat of 1970 says the same and needs no room.
                    os.utime(self._task.file(ATTEMPT_FILE), (_RELEASED, _RELEASED))

    def _is_own(self, owner: Owner) -> bool:
        # Not the epoch alone: where a task was removed and begun again, epochs began again, too.
        own = self._owner
        return (owner.epoch, owner.pid, owner.process_started) == (own.epoch, own.pid, own.process_started)

    def _check(self) -> None:
        current = read_owner(self._task)
        if current is None or not self._is_own(current):
            raise Fenced(
                f"task {self._task.path.name}: attempt {self.epoch} was taken over by attempt "
                f"{current.epoch if current else '?'}; it stops here and has changed nothing since"
            )

    def _beat(self) -> None:
        # The age of attempt.json is the heartbeat: touching it costs no fsync and cannot tear it.
        # Without the lock: who is stopped while it holds that cannot be taken over. A beat that comes just after a
        # takeover lets the new owner look alive, which it is.
        while not self._ended.wait(BEAT_SECONDS):
            current = read_owner(self._task)
            if current is None or not self._is_own(current):
                return
            os.utime(self._task.file(ATTEMPT_FILE))


def _stuck(task: Directory) -> str:
    # A process that is stopped within a commit cannot be taken over: only the kernel can take a lock from it.
    holder = read_owner(task)
    who = f"process {holder.pid} on {holder.host}" if holder else "a process"
    return f"task {task.path.name}: {who} holds its lock and does not move; let it go on (kill -CONT) or end it"


def read_owner(task: Directory) -> Owner | None:
    """The attempt that owns a task or owned it last, ``seen`` at its last beat; None if there was none."""
    try:
        data = task.get(ATTEMPT_FILE)
    except FileNotFoundError:
        return None
    try:
        owner = msgspec.json.decode(data, type=Owner)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CheckpointDamaged(
            f"{task.file(ATTEMPT_FILE)} is damaged ({error}); remove it if nothing works on the task"
        ) from None
    last_beat = task.file(ATTEMPT_FILE).stat().st_mtime
    is_released = owner.released or last_beat == _RELEASED
    return msgspec.structs.replace(owner, seen=max(owner.seen, last_beat), released=is_released)


def is_alive(owner: Owner) -> bool:
    """Whether an attempt may still be at work: asked of its own process here, believed for a lease elsewhere."""
    if owner.released:
        return False
    if owner.host == socket.gethostname():
        started = _process_started(owner.pid)
        if started is None or abs(started - owner.process_started) > _CLOCK_SLACK_SECONDS:
            return False
    return time.time() - owner.seen < LEASE_SECONDS


def _process_started(pid: int) -> float | None:
    """When a process started, in seconds since 1970; None if it is gone.

    With the pid it names a process for good: pids are used again, start times are not.
    """
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None
