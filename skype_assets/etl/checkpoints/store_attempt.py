"""An attempt in a store: one process of one machine owns a task, against all others, until it ends or is taken over.

What ``attempt`` does with a lock and a number among the processes that share a folder, this does with the task's log
(``task_log``): to take, to commit and to end is to create the next entry.
"""

import logging
import secrets
import socket
import threading
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final, Self

from skype_assets.etl import crash_points
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints import store as stores
from skype_assets.etl.checkpoints import task_log
from skype_assets.etl.checkpoints.directory import LOCK_FILE, Directory
from skype_assets.etl.checkpoints.state import FileRecord
from skype_assets.etl.checkpoints.store import Conflict, side_by_side
from skype_assets.etl.checkpoints.task_log import Entry, Replaced, TaskLog
from skype_assets.etl.checkpoints.working_copy import WorkingCopy, object_name
from skype_assets.etl.errors import CheckpointError, Fenced
from skype_assets.etl.processes import Process, Tenure

logger = logging.getLogger(__name__)

BEAT_SECONDS: Final = 15.0
"""How often a living attempt says so in the store."""

_LOCAL_ONLY: Final = (states.PREVIOUS_FILE,)
"""Of these every machine has its own: in the log, what came before an entry is there anyway."""


class StoreAttempt:
    """A task that is owned in the store, from ``take`` until ``release``.

    Attributes:
        died: epoch of the attempt before this one, if that did not end by itself.
    """

    def __init__(self, copy: WorkingCopy, log: TaskLog, number: int, entry: Entry, died: int | None) -> None:
        self._copy = copy
        self._log = log
        self._number = number
        self._entry = entry
        self._unsettled: Entry | None = None
        self._large: dict[str, int] = {}
        self._replaced: list[int] = []
        self._there = {
            object_name(path.parent.name, record)
            for path in (copy.folder / name for name in entry.where)
            if path.name == states.STATE_FILE
            for record in _records(path.parent)
        }
        self.died = died
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._go_on_beating, name="store-heartbeat", daemon=True)
        self._heart.start()

    @classmethod
    def take(cls, copy: WorkingCopy, task: Directory) -> Self:
        """Own a task, against every other machine; its files become what the log says.

        Raises:
            TaskBusy: an attempt that lives owns it.
            StoreRefused: the store cannot be trusted with it, or refuses.
        """
        stores.prove(copy.store)
        log = TaskLog(copy.store, task.path.name)
        while True:
            former = log.newest_free()
            number, entry = (former[0] + 1, former[1]) if former else (0, None)
            going_on = entry if entry is not None and entry.kind != "removed" else None
            mine = Entry(
                kind="take",
                epoch=entry.epoch + 1 if entry else 1,
                log=entry.log if entry else secrets.token_hex(16),
                life=going_on.life if going_on else secrets.token_hex(16),
                begun=going_on.begun if going_on else number,
                process=Process.myself(),
                host=socket.gethostname(),
                since=time.time(),
                nonce=secrets.token_hex(16),
                where=going_on.where if going_on else {},
            )
            try:
                log.append(number, mine.encoded())
            except Conflict:
                continue
            died = entry.epoch if entry is not None and not entry.is_free else None
            with task.lock(LOCK_FILE, task_log.LEASE_SECONDS):
                try:
                    copy.become(log, number, mine)
                except Replaced:
                    raise _fenced(copy, log, mine.epoch) from None
                copy.get_beside(task)
            crash_points.reached("task taken in store")
            return cls(copy, log, number, mine, died)

    @property
    def epoch(self) -> int:
        """Number of the attempt; every later one, on whatever machine, has a greater one."""
        return self._entry.epoch

    @property
    def tenure(self) -> Tenure:
        """The same for the database, which does not see the log."""
        return Tenure(self._entry.log, self.epoch)

    def publish(self, folder: Directory, name: str, data: bytes) -> None:
        """Put the files into the store that a state names, before it is committed.

        Raises:
            CheckpointDamaged: one is not what was written.
        """
        if name != states.STATE_FILE:
            return
        records = [file for record in states.decode(data, name).records for file in record.files.values()]
        new = [record for record in records if object_name(folder.path.name, record) not in self._there]
        self._copy.put(folder.path, new)
        self.know(folder, new)
        crash_points.reached("files in store")

    def know(self, folder: Directory, records: Iterable[FileRecord]) -> None:
        """Know that files of a phase are in the store."""
        self._there |= {object_name(folder.path.name, record) for record in records}

    def commit(self, folder: Directory, name: str, data: bytes) -> None:
        """Commit a file to the log.

        Raises:
            Fenced: another attempt has taken over; nothing was changed.
        """
        if name not in _LOCAL_ONLY:
            self._settle()
            path = (folder.path / name).relative_to(self._copy.folder).as_posix()
            if (replaced := self._large.pop(path, None)) is not None:
                self._replaced.append(replaced)
            where = self._entry.where | {path: self._number + 1}
            self._append(self._entry.follow("commit", files={path: data.decode()}, where=where))
            if len(data) > task_log.WORTH_EMPTYING:
                self._large[path] = self._number

    def reset(self) -> None:
        """Let the task begin anew; what its phases have stays in the store, in the entries and files from before."""
        self._settle()
        kept = {name: at for name, at in self._entry.where.items() if _is_of_task(name)}
        self._append(self._entry.follow("reset", where=kept, begun=self._number + 1))
        with Directory(self._copy.folder / self._log.task_id).lock(LOCK_FILE, task_log.LEASE_SECONDS):
            self._copy.become(self._log, self._number, self._entry)

    def check(self) -> None:
        """Raise ``Fenced`` if another attempt has taken over."""
        self._settle()
        if self._log.newest_number() != self._number:
            raise _fenced(self._copy, self._log, self.epoch)

    def release(self) -> None:
        """End the attempt. One that was taken over has nothing to release."""
        self._ended.set()
        self._heart.join()
        try:
            self._settle()
            self._append(self._entry.follow("release"))
            self._log.fall_silent(self.epoch)
            self._copy.note(self._log, self._number, self._entry)
            side_by_side(partial(self._log.empty, number) for number in self._replaced)
        except Fenced:
            pass
        except OSError as error:
            logger.warning("task %s cannot say in its store that it has ended: %s", self._log.task_id, error)

    def _append(self, entry: Entry) -> None:
        self._unsettled = entry
        self._settle()
        crash_points.reached("entry in log")

    def _settle(self) -> None:
        """Create an entry of which no answer says whether it is there: with the same bytes, it is one entry."""
        if self._unsettled is None:
            return
        try:
            self._log.append(self._number + 1, self._unsettled.encoded())
        except Conflict:
            raise _fenced(self._copy, self._log, self.epoch) from None
        self._number, self._entry, self._unsettled = self._number + 1, self._unsettled, None

    def _go_on_beating(self) -> None:
        is_well = True
        while not self._ended.wait(BEAT_SECONDS):
            try:
                self._log.say(self.epoch)
                is_well = True
            except Exception as error:  # noqa: BLE001 - whatever goes wrong may pass
                if is_well:
                    logger.warning("task %s cannot say in its store that it lives: %s", self._log.task_id, error)
                is_well = False


def _fenced(copy: WorkingCopy, log: TaskLog, epoch: int) -> Fenced:
    return Fenced(
        f"task {log.task_id}: attempt {epoch} was taken over by another in {copy.store.url}; "
        "it stops here and has changed nothing since"
    )


def remove(copy: WorkingCopy, task_id: str) -> None:
    """Remove a task from the store. An entry of its log stays, so that nobody who was frozen can revive it.

    Raises:
        TaskBusy: an attempt that lives owns it.
    """
    log = TaskLog(copy.store, task_id)
    while (former := log.newest_free()) is not None:
        number, entry = former
        # Listed before the entry that ends them: what a next life of the task has is not among these.
        ended = copy.store.entries(task_id)
        if log.newest_number() != number:
            continue
        if entry.kind != "removed":
            number += 1
            try:
                log.append(number, entry.follow("removed", epoch=entry.epoch + 1, where={}).encoded())
            except Conflict:
                continue
        side_by_side(partial(copy.store.remove, stored.name) for stored in ended if stored.name != log.name(number))
        return


def _is_of_task(name: str) -> bool:
    """Whether a file of a log is the task's, such as the names that were given to it, and not a phase's."""
    return name.count("/") == 1


def _records(folder: Path) -> Iterable[FileRecord]:
    try:
        found = states.read(Directory(folder))
    except CheckpointError:  # the phase says so
        return []
    return [file for record in found.records for file in record.files.values()] if found is not None else []
