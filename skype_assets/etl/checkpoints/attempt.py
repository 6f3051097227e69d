"""One attempt per task at a time, fenced by a growing number: the epoch (promise I5).

``attempt.json`` in the task's folder names the attempt that owns the task: its epoch, its process, and its last beat.
An attempt proves itself twice: a beat every few seconds says that it lives, and every commit compares the epoch under
the task's lock. A dead or silent attempt is taken over by the next one with a greater epoch; if it wakes up again, its
next commit raises ``Fenced`` and changes nothing.

No two clocks are compared, as either may be wrong, and set at any time. Where a process can be asked whether it lives,
it is asked; where it cannot - another host, another container -, whoever wants the task watches for as long as its own
monotonic clock says whether the number of the beat rises.

In the working copy of a store that holds among the processes which share the folder; against other machines an attempt
owns the task in the store as well (``store_attempt``), whose epoch is then the one that counts.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import msgspec

from skype_assets.etl import crash_points, interruption
from skype_assets.etl.checkpoints.directory import LOCK_FILE, Directory, Lock
from skype_assets.etl.checkpoints.state import PartRecord
from skype_assets.etl.checkpoints.store_attempt import StoreAttempt
from skype_assets.etl.checkpoints.working_copy import WorkingCopy
from skype_assets.etl.errors import CheckpointDamaged, Fenced, TaskBusy
from skype_assets.etl.processes import Process, Tenure

logger = logging.getLogger(__name__)

BEAT_SECONDS: Final = 5.0
"""How often a living attempt says so."""
LEASE_SECONDS: Final = 60.0
"""How long an attempt that says nothing (other host, stopped process) counts as alive."""

ATTEMPT_FILE: Final = "attempt.json"
"""Names the attempt that owns a task."""

_LOOK_SECONDS: Final = 0.2
_READS: Final = 5
_READ_AGAIN_SECONDS: Final = 0.02


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of ``attempt.json``.

    Attributes:
        epoch: number of the attempt.
        pid: its process, on ``host``; with ``system`` and ``start_ticks`` it is that process for good (``processes``).
        since: begin, for people.
        released: the attempt ended by itself.
        beat: milliseconds of the monotonic clock of its system when it last said that it lives. Elsewhere no more than
            a number that rises.
        seen: time of its last beat, in seconds since 1970, for people.
    """

    epoch: int
    pid: int
    host: str
    since: datetime
    system: str = ""
    start_ticks: int = 0
    released: bool = False
    beat: int = 0
    seen: float = 0.0

    @property
    def process(self) -> Process:
        """The process of the attempt."""
        return Process(self.system, self.pid, self.start_ticks)


class Attempt:
    """The right to commit to one task, from ``take`` until ``release``. For one thread.

    Attributes:
        died: epoch of the attempt before this one, if that did not end by itself.
    """

    def __init__(self, task: Directory, lock: Lock, owner: Owner, record: int, former: Owner | None) -> None:
        self._task = task
        self._lock = lock
        self._owner = owner
        self._record = record
        self._in_store: StoreAttempt | None = None
        self.died = former.epoch if former is not None and not former.released else None
        self._last_beat = time.monotonic()
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._go_on_beating, name="attempt-heartbeat", daemon=True)

    @classmethod
    def take(cls, task: Directory) -> "Attempt":
        """Become the owner of a task. If the one before cannot be asked whether it lives, it is watched first.

        Raises:
            TaskBusy: a living attempt owns it; the message names process, host and since when. Or a process was stopped
                while it held the lock.
            StoreUnavailable, StoreRefused: the folder is a working copy, and its store does not answer or will not.
        """
        task.make()
        lock = task.open_lock(LOCK_FILE)
        try:
            attempt = cls._take(task, lock)
        except BaseException:
            lock.close()
            raise
        crash_points.reached("attempt taken")
        attempt._heart.start()
        try:
            attempt._take_in_store()
        except BaseException:
            attempt.release()
            raise
        return attempt

    @classmethod
    def _take(cls, task: Directory, lock: Lock) -> "Attempt":
        watch = Watch(task)
        while True:
            try:
                with lock.held(LEASE_SECONDS):
                    lives, former = watch.look(), watch.owner
                    if lives is False:
                        return cls._begin(task, lock, former)
            except TimeoutError:
                raise TaskBusy(_stuck(task)) from None
            assert former is not None, "where there is nobody, nobody lives"
            if lives:
                raise TaskBusy(
                    f"task {task.path.name} is in use by process {former.pid} on {former.host} "
                    f"since {former.since:%Y-%m-%d %H:%M:%S} UTC; wait for it, stop it, or use another task id"
                )
            watch.wait()

    @classmethod
    def _begin(cls, task: Directory, lock: Lock, former: Owner | None) -> "Attempt":
        process = Process.myself()
        owner = Owner(
            epoch=former.epoch + 1 if former else 1,
            pid=process.pid,
            host=socket.gethostname(),
            since=datetime.now(UTC),
            system=process.system,
            start_ticks=process.start_ticks,
        )
        record = -1
        task.sweep(ATTEMPT_FILE)
        try:
            with task.create(ATTEMPT_FILE) as stream:
                stream.write(_head(owner) + _tail(released=False))
                record = os.dup(stream.fileno())
        except BaseException:
            if record >= 0:
                os.close(record)
            raise
        return cls(task, lock, owner, record, former)

    def _take_in_store(self) -> None:
        """Own the task against other machines, too, if its folder is a working copy."""
        copy = WorkingCopy.of(self._task.path.parent)
        if copy is not None:
            self._in_store = StoreAttempt.take(copy, self._task)
            self.died = self._in_store.died

    @property
    def epoch(self) -> int:
        """Number of this attempt; every later one has a greater number."""
        return self._owner.epoch if self._in_store is None else self._in_store.epoch

    @property
    def tenure(self) -> Tenure | None:
        """Which attempt it is of those that several machines make; None if the task is in a folder alone."""
        return self._in_store.tenure if self._in_store is not None else None

    def commit(self, folder: Directory, name: str, data: bytes, *, keep: str | None = None) -> None:
        """Write a state file, if this attempt still owns the task; what it held before stays under the name ``keep``.

        Raises:
            Fenced: another attempt has taken over; nothing was written.
        """
        if self._in_store is not None:
            self._in_store.publish(folder, name, data)
        with self.held():
            if self._in_store is not None:
                self._in_store.commit(folder, name, data)
            if keep is not None:
                folder.keep(name, keep)
            folder.put(name, data)

    def know_done_elsewhere(self, folder: Directory, part: PartRecord) -> None:
        """Know of a part whose files are not in the folder that whoever did it has put them into the store."""
        if self._in_store is not None:
            self._in_store.know(folder, (file for file in part.files.values() if not folder.file(file.name).exists()))

    def forget(self) -> bool:
        """Let the task begin anew in its store; False, and nothing is done, if its folder is no working copy."""
        if self._in_store is not None:
            self._in_store.reset()
        return self._in_store is not None

    @contextmanager
    def held(self) -> Generator[None]:
        """A block in which nobody can take over the task.

        Raises:
            Fenced: another attempt has taken over already.
            OSError: for a lease nothing could be written that says that this one lives: others count it as dead.
        """
        try:
            self._lock.acquire()
        except FileNotFoundError:
            self._check()  # the folder is another's by now
            raise
        try:
            self._check()
            if time.monotonic() - self._last_beat >= LEASE_SECONDS:
                self._beat()
            yield
        finally:
            self._lock.let_go()

    def check(self) -> None:
        """Raise ``Fenced`` if another attempt has taken over."""
        with self.held():
            if self._in_store is not None:
                self._in_store.check()

    def release(self) -> None:
        """End the attempt, so that the next one need not wait. A fenced attempt has nothing to release."""
        if self._in_store is not None:
            self._in_store.release()
        self._ended.set()
        self._heart.join()
        try:
            self._say(released=True)
        except OSError as error:
            logger.warning("%s cannot say that it has ended: %s; this matters while its process lives", self, error)
        finally:
            self._lock.close()
            os.close(self._record)

    def __str__(self) -> str:
        return f"task {self._task.path.name}: attempt {self.epoch}"

    def _is_own(self, owner: Owner) -> bool:
        # Not the epoch alone: where a task was removed and begun again, epochs began again, too.
        return (owner.epoch, owner.process) == (self._owner.epoch, self._owner.process)

    def _check(self) -> None:
        current = read_owner(self._task)
        if current is None or not self._is_own(current):
            raise Fenced(
                f"{self} was taken over by attempt "
                f"{current.epoch if current else '?'}; it stops here and has changed nothing since"
            )

    def _go_on_beating(self) -> None:
        # Whatever goes wrong may pass: a thread that ended with it would let a living attempt look dead.
        is_well = True
        while not self._ended.wait(BEAT_SECONDS):
            try:
                self._beat()
            except Exception as error:  # noqa: BLE001
                if is_well:
                    logger.warning("%s cannot say that it lives: %s; it goes on trying", self, error)
                is_well = False
            else:
                is_well = True

    def _beat(self) -> None:
        self._say(released=False)
        self._last_beat = time.monotonic()

    def _say(self, *, released: bool) -> None:
        # In the place of what was said before: that needs no lock, which a process may be stopped with, and no room.
        # The descriptor is that of this attempt's own record, also when another's lies under the name by now.
        tail = _tail(released=released)
        os.pwrite(self._record, tail, os.fstat(self._record).st_size - len(tail))
        os.fdatasync(self._record)  # on a network's file system, others see it then


class Watch:
    """Whether the owner of a task lives: known at once, or after it was watched for a lease.

    Attributes:
        owner: whom the last look has found; None if there was nobody.
    """

    def __init__(self, task: Directory) -> None:
        self._task = task
        self._first: Owner | None = None
        self._since = 0.0
        self._is_told = False
        self.owner: Owner | None = None

    def look(self) -> bool | None:
        """Whether it lives; None if that cannot be told yet."""
        watched = time.monotonic() - self._since
        self.owner = read_owner(self._task)
        if self.owner is None:
            return False
        lives = is_alive(self.owner)
        if lives is not None:
            return lives
        if self._first is None:
            self._first, self._since = self.owner, time.monotonic()
            return None
        if _said(self.owner) != _said(self._first):
            return True
        return False if watched >= LEASE_SECONDS else None

    def wait(self) -> None:
        """Wait until the owner may have said something."""
        if not self._is_told and self.owner is not None:
            self._is_told = True
            logger.warning(
                "task %s: process %d on %s cannot be asked from here whether it lives; it is watched for up to %g s",
                self._task.path.name,
                self.owner.pid,
                self.owner.host,
                LEASE_SECONDS,
            )
        interruption.sleep(min(_LOOK_SECONDS, LEASE_SECONDS))


def _said(owner: Owner) -> tuple[object, ...]:
    return owner.epoch, owner.process, owner.beat


def _stuck(task: Directory) -> str:
    # A process that is stopped within a commit cannot be taken over: only the kernel can take a lock from it.
    holder = read_owner(task)
    who = f"process {holder.pid} on {holder.host}" if holder else "a process"
    return f"task {task.path.name}: {who} holds its lock and does not move; let it go on (kill -CONT) or end it"


def read_owner(task: Directory) -> Owner | None:
    """The attempt that owns a task or owned it last; None if there was none."""
    problem: Exception | None = None
    for _ in range(_READS):
        try:
            owner = msgspec.json.decode(task.get(ATTEMPT_FILE), type=Owner)
        except FileNotFoundError:
            return None
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:  # a beat that is being written is seen in part
            problem = error
            time.sleep(_READ_AGAIN_SECONDS)
        else:
            return msgspec.structs.replace(owner, seen=task.file(ATTEMPT_FILE).stat().st_mtime)
    raise CheckpointDamaged(
        f"{task.file(ATTEMPT_FILE)} is damaged ({problem}); remove it if nothing works on the task"
    ) from None


def is_alive(owner: Owner) -> bool | None:
    """Whether an attempt may still be at work; None if that cannot be told from here without watching it."""
    if owner.released:
        return False
    lives = owner.process.is_alive()
    if not lives:
        return lives
    silence = _now() - owner.beat  # of one clock: the process is one of this system
    return silence < LEASE_SECONDS * 1000 if silence >= 0 else None


def put(task: Directory, folder: Directory, name: str, data: bytes) -> None:
    """Write a file of a task that no phase writes, into the task's folder or that of the output.

    Where the folder is a working copy, that takes an attempt of its own: another machine is to have the file, too.

    Raises:
        TaskBusy: the folder is a working copy, and a living attempt owns the task.
    """
    if WorkingCopy.of(task.path.parent) is None:
        folder.make().put(name, data)
        return
    attempt = Attempt.take(task)
    try:
        attempt.commit(folder, name, data)
    finally:
        attempt.release()


def is_worked_on(task: Directory) -> bool:
    """Whether an attempt seems to be at work on a task: here, or where else its store is."""
    owner, copy = read_owner(task), WorkingCopy.of(task.path.parent)
    return (owner is not None and seems_alive(owner)) or (copy is not None and copy.is_worked_on(task))


def seems_alive(owner: Owner) -> bool:
    """The same for whoever only shows it: where nothing can be told, by the time of the last beat."""
    lives = is_alive(owner)
    return abs(time.time() - owner.seen) < LEASE_SECONDS if lives is None else lives


def _now() -> int:
    return time.monotonic_ns() // 1_000_000


def _head(owner: Owner) -> bytes:
    fields = ("epoch", "pid", "host", "since", "system", "start_ticks")
    return msgspec.json.encode({name: getattr(owner, name) for name in fields})[:-1]


def _tail(*, released: bool) -> bytes:
    """The end of ``attempt.json``, as long as any other: what changes while the attempt lives."""
    return b',"released":%-5s,"beat":%20d}' % (b"true" if released else b"false", _now())
