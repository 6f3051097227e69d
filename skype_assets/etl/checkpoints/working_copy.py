"""An output folder that is this machine's working copy of a store.

Everything is worked on in the folder, by the recipes of any output folder; what another machine needs to go on is in
the store before it counts. A commit (``Attempt.commit``) first puts the files that the new state names into the store,
under names that hold their content, then creates the next entry of the task's log (``task_log``), and only then changes
the folder. So the folder is never ahead of the store. Before a task is worked on, or looked at, its files are made
what the log says; Parquet files are fetched when they are read and are not here. Whatever is in such a folder may go at
any time.
"""

import hashlib
import json
import logging
import os
import re
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from skype_assets.etl import crash_points, interruption, places
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints import store as stores
from skype_assets.etl.checkpoints.directory import LOCK_FILE, Directory
from skype_assets.etl.checkpoints.state import FileRecord
from skype_assets.etl.checkpoints.store import Conflict, Store
from skype_assets.etl.checkpoints.task_log import Entry, TaskLog
from skype_assets.etl.errors import CheckpointDamaged, CheckpointError, Fenced, TaskBusy, UsageError
from skype_assets.etl.processes import Process

logger = logging.getLogger(__name__)

BEAT_SECONDS: Final = 15.0
"""How often a living attempt says so in the store."""
LEASE_SECONDS: Final = 60.0
"""How long an attempt that says nothing counts as alive."""

STORE_FILE: Final = "store.json"
"""Names the store of an output folder."""
LOG_FILE: Final = "log.json"
"""In a task's folder: which entry of its log the files are those of."""

MANIFEST: Final = "etl_checkpoint_{}.json"
"""Name of a task's manifest, which lies in the output folder."""
BESIDE: Final = ("hold",)
"""Files of a task that belong to no attempt."""

_LOOK_SECONDS: Final = 1.0
_SIDE_BY_SIDE: Final = 8
_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_LOCAL_ONLY: Final = (states.PREVIOUS_FILE,)
"""Of these every machine has its own: in the log, what came before an entry is there anyway."""


class _Known(msgspec.Struct, frozen=True):
    """What a task's folder holds: the files of the entry ``number`` of its log, and who had it then."""

    life: str
    begun: int
    number: int
    where: dict[str, int]
    is_free: bool
    process: Process
    seen: float


class WorkingCopy:
    """An output folder with its store.

    Args:
        folder: the output folder.
        store: the store.
    """

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder = folder
        self.store = store

    @classmethod
    def made(cls, folder: Path, url: str) -> "WorkingCopy":
        """Make a folder the working copy of a store, if it is not.

        Raises:
            UsageError: the address is none; or the folder is another's working copy, or has checkpoints of its own.
        """
        url = stores.checked_url(url)
        store = stores.opened(url)
        named = _url_in(folder)
        if named is None:
            if folder.is_dir() and any(folder.iterdir()):
                raise UsageError(f"{folder} has something in it, and is no working copy of {url}; name another folder")
            Directory(folder).make().put(STORE_FILE, json.dumps({"url": url}).encode())
        elif named != url:
            raise UsageError(f"{folder} is the working copy of {named}, not of {url}; name another folder")
        return cls(folder, store)

    @classmethod
    def of(cls, folder: Path) -> "WorkingCopy | None":
        """The working copy that an output folder is; None if it is a folder like any other."""
        url = _url_in(folder)
        if url is not None:
            return cls(folder, stores.opened(stores.checked_url(url)))
        place = places.find() if os.environ.get("SKYPE_OUTPUT_URL") else None
        if place is not None and place.output_url is not None and folder.absolute() == place.output_dir:
            return cls.made(folder, place.output_url)
        return None

    def refresh(self, task_id: str | None = None) -> None:
        """Make the files of a task, or of all, what the store says they are."""
        names = [name for name in self.store.folders() if _PLAIN.fullmatch(name)] if task_id is None else [task_id]
        _side_by_side(partial(self._refresh, name) for name in names)

    def _refresh(self, task_id: str) -> None:
        log = TaskLog(self.store, task_id)
        if log.newest_number() is None:
            return
        task = Directory(self.folder / task_id).make()
        try:
            with task.lock(LOCK_FILE, LEASE_SECONDS):
                # Asked again: whoever works on it here commits to the store and to the folder under this lock.
                if (found := log.newest()) is not None:
                    self.become(log, *found)
                    if found[1].kind != "removed":
                        self.get_beside(task, *BESIDE)
        except FileNotFoundError:  # removed meanwhile
            return

    def take(self, task: Directory) -> "Holding":
        """Own a task, against every other machine; its files become what the log says.

        Raises:
            TaskBusy: an attempt that lives owns it.
            StoreRefused: the store cannot be trusted with it, or refuses.
        """
        stores.prove(self.store)
        log = TaskLog(self.store, task.path.name)
        while True:
            former = _free(log, self.store.url)
            number, entry = (former[0] + 1, former[1]) if former else (0, None)
            going_on = entry if entry is not None and entry.kind != "removed" else None
            mine = Entry(
                kind="take",
                epoch=entry.epoch + 1 if entry else 1,
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
            with task.lock(LOCK_FILE, LEASE_SECONDS):
                self.become(log, number, mine)
                self.get_beside(task, *BESIDE)
            crash_points.reached("task taken in store")
            return Holding(self, log, number, mine, died)

    def fetch(self, folder: Path, record: FileRecord) -> None:
        """Get a recorded file of a phase into the phase's folder; nothing happens if the store does not have it."""
        name = f"{folder.parent.name}/{_there(folder.name, record)}"
        with suppress(FileNotFoundError):
            Directory(folder).make().put(record.name, self.store.get(name))

    def remove(self, task_id: str) -> None:
        """Remove a task from the store. An entry of its log stays, so that nobody who was frozen can revive it.

        Raises:
            TaskBusy: an attempt that lives owns it.
        """
        log = TaskLog(self.store, task_id)
        while (former := _free(log, self.store.url)) is not None:
            number, entry = former
            # Listed before the entry that ends them: what a next life of the task has is not among these.
            ended = self.store.entries(task_id)
            if log.newest_number() != number:
                continue
            if entry.kind != "removed":
                number += 1
                try:
                    log.append(number, entry.follow("removed", epoch=entry.epoch + 1, where={}).encoded())
                except Conflict:
                    continue
            _side_by_side(
                partial(self.store.remove, stored.name) for stored in ended if stored.name != log.name(number)
            )
            return

    def put_beside(self, task: Directory, name: str) -> None:
        """Let a file of a task, which belongs to no attempt, be in the store as it is in the folder, or not there."""
        try:
            self.store.put(f"{task.path.name}/{name}", task.get(name))
        except FileNotFoundError:
            self.store.remove(f"{task.path.name}/{name}")

    def get_beside(self, task: Directory, *names: str) -> None:
        """Have such files here, too, that the store has."""
        for name in names:
            with suppress(FileNotFoundError):
                task.put(name, self.store.get(f"{task.path.name}/{name}"))

    def is_worked_on(self, task: Directory) -> bool:
        """Whether an attempt seemed to be at work on a task anywhere, when its files were brought up to date."""
        known = _known(task)
        if known is None or known.is_free or known.process.is_alive() is False:
            return False
        return abs(time.time() - known.seen) < LEASE_SECONDS

    def become(self, log: TaskLog, number: int, entry: Entry) -> None:
        """Make a task's folder what an entry says; to be called with the task's lock."""
        known = _known(self._task(log))
        if known is None or (known.life, known.begun) != (entry.life, entry.begun):
            self._empty(log)
            known = None
        if entry.kind == "removed":
            shutil.rmtree(self._task(log).path)
            return
        contents = {number: entry.files}
        for name, at in entry.where.items():
            path = self._path(log, name)
            if known is not None and known.where.get(name) == at and path.exists():
                continue
            if at not in contents:
                contents[at] = log.entry(at).files
            Directory(path.parent).make().put(path.name, contents[at][name].encode())
        self.note(log, number, entry)

    def note(self, log: TaskLog, number: int, entry: Entry) -> None:
        """Note which entry of its log a task's folder holds."""
        known = _Known(entry.life, entry.begun, number, entry.where, entry.is_free, entry.process, log.seen())
        self._task(log).put(LOG_FILE, msgspec.json.encode(known))

    def _empty(self, log: TaskLog) -> None:
        """Remove what is here of a task that was removed, or begun anew: its phases, and its manifest."""
        (self.folder / MANIFEST.format(log.task_id)).unlink(missing_ok=True)
        for folder in list(self._task(log).path.iterdir()):
            if (folder / states.STATE_FILE).exists():
                shutil.rmtree(folder)

    def _task(self, log: TaskLog) -> Directory:
        return Directory(self.folder / log.task_id)

    def _path(self, log: TaskLog, name: str) -> Path:
        """Where a file of a task is. What is in a store may be anybody's: it leads nowhere else."""
        words = name.split("/")
        is_own = words[0] == log.task_id if 2 <= len(words) <= 3 else name == MANIFEST.format(log.task_id)
        if not is_own or not all(_PLAIN.fullmatch(word) for word in words):
            raise CheckpointDamaged(f"{self.store.url}: the log of task {log.task_id} names {name!r}, no file of it")
        return self.folder.joinpath(*words)


class Holding:
    """A task that is owned in the store, from ``WorkingCopy.take`` until ``release``.

    Attributes:
        died: epoch of the attempt before this one, if that did not end by itself.
    """

    def __init__(self, copy: WorkingCopy, log: TaskLog, number: int, entry: Entry, died: int | None) -> None:
        self._copy = copy
        self._log = log
        self._number = number
        self._entry = entry
        self._unsettled: Entry | None = None
        self._there = {
            _there(path.parent.name, record)
            for path in (copy.folder / name for name in entry.where)
            if path.name == states.STATE_FILE
            for record in _records(path.parent)
        }
        self.died = died
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._go_on_beating, name="store-heartbeat", daemon=True)
        self._heart.start()

    @property
    def epoch(self) -> int:
        """Number of the attempt; every later one, on whatever machine, has a greater one."""
        return self._entry.epoch

    @property
    def life(self) -> str:
        """What tells this task from one of the same name that was removed."""
        return self._entry.life

    def publish(self, folder: Directory, name: str, data: bytes) -> None:
        """Put the files into the store that a state names, before it is committed.

        Raises:
            CheckpointDamaged: one is not what was written.
        """
        if name != states.STATE_FILE:
            return
        records = [file for record in states.decode(data, name).records for file in record.files.values()]
        new = [record for record in records if _there(folder.path.name, record) not in self._there]
        _side_by_side(partial(self._publish, folder, record) for record in new)
        self._there |= {_there(folder.path.name, record) for record in new}
        crash_points.reached("files in store")

    def _publish(self, folder: Directory, record: FileRecord) -> None:
        data = folder.get(record.name)
        if hashlib.sha256(data).hexdigest() != record.sha256:
            raise CheckpointDamaged(f"{folder.file(record.name)} is damaged; resume makes the part again")
        self._copy.store.put(f"{self._log.task_id}/{_there(folder.path.name, record)}", data)

    def commit(self, folder: Directory, name: str, data: bytes) -> None:
        """Commit a file to the log.

        Raises:
            Fenced: another attempt has taken over; nothing was changed.
        """
        if name not in _LOCAL_ONLY:
            self._settle()
            path = (folder.path / name).relative_to(self._copy.folder).as_posix()
            where = self._entry.where | {path: self._number + 1}
            self._append(self._entry.follow("commit", files={path: data.decode()}, where=where))

    def reset(self) -> None:
        """Let the task begin anew; what its phases have stays in the store, in the entries and files from before."""
        self._settle()
        kept = {name: at for name, at in self._entry.where.items() if _is_of_task(name)}
        self._append(self._entry.follow("reset", where=kept, begun=self._number + 1))
        with Directory(self._copy.folder / self._log.task_id).lock(LOCK_FILE, LEASE_SECONDS):
            self._copy.become(self._log, self._number, self._entry)

    def check(self) -> None:
        """Raise ``Fenced`` if another attempt has taken over."""
        self._settle()
        if self._log.newest_number() != self._number:
            raise self._fenced()

    def release(self) -> None:
        """End the attempt. One that was taken over has nothing to release."""
        self._ended.set()
        self._heart.join()
        try:
            self._settle()
            self._append(self._entry.follow("release"))
            self._log.fall_silent(self.epoch)
            self._copy.note(self._log, self._number, self._entry)
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
            raise self._fenced() from None
        self._number, self._entry, self._unsettled = self._number + 1, self._unsettled, None

    def _fenced(self) -> Fenced:
        return Fenced(
            f"task {self._log.task_id}: attempt {self.epoch} was taken over by another in {self._copy.store.url}; "
            "it stops here and has changed nothing since"
        )

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


def _there(phase: str, record: FileRecord) -> str:
    """The name of a phase's file in its task's part of the store.

    It holds the epoch and the content: nobody replaces a file that a state names, and a part done twice is one object.
    """
    stem, dot, ending = record.name.partition(".")
    return f"{phase}/{stem}-{record.sha256[:12]}{dot}{ending}"


def _is_of_task(name: str) -> bool:
    """Whether a file of a log is the task's, such as the names that were given to it, and not a phase's."""
    return name.count("/") == 1


def _records(folder: Path) -> Iterable[FileRecord]:
    try:
        found = states.read(Directory(folder))
    except CheckpointError:  # the phase says so
        return []
    return [file for record in found.records for file in record.files.values()] if found is not None else []


def output_folder(given: str | os.PathLike[str], what: str) -> Path:
    """The output folder that somebody names, himself or by the address of its store; ``what`` names it, for people.

    Raises:
        UsageError: it is empty, or no address of a store.
    """
    if not stores.is_url(given):
        return places.named_path(given, what)
    url = str(given)
    return WorkingCopy.made(places.find().working_copy(url), url).folder


def named(output_dir: Path) -> str:
    """How an output folder is named from anywhere: by the address of its store, else by its path."""
    return _url_in(output_dir) or str(output_dir)


def refresh(output_dir: Path, task_id: str | None = None) -> None:
    """Bring a task, or all, up to date with the store, if the folder is the working copy of one."""
    if (copy := WorkingCopy.of(output_dir)) is not None:
        copy.refresh(task_id)


def _url_in(folder: Path) -> str | None:
    """The address of the store whose working copy a folder is."""
    try:
        return str(json.loads((folder / STORE_FILE).read_bytes())["url"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError):
        raise CheckpointDamaged(f"{folder / STORE_FILE} names no store; remove the folder, it is a copy") from None


def _known(task: Directory) -> _Known | None:
    try:
        return msgspec.json.decode(task.get(LOG_FILE), type=_Known)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _free(log: TaskLog, url: str) -> tuple[int, Entry] | None:
    """The newest entry of a log whose task nobody works on; None if the task is not there.

    Raises:
        TaskBusy: somebody does: he is known to live, or was heard of within a lease by this machine's own clock.
    """
    heard: object = None
    since = time.monotonic()
    while (newest := log.newest()) is not None:
        number, entry = newest
        if entry.is_free or entry.process.is_alive() is False:
            return newest
        now = (number, log.said())
        if heard is None:
            heard = now
            logger.warning(
                "task %s: whether process %d on %s still works on it is not known; it is watched for up to %g s",
                log.task_id, entry.process.pid, entry.host, LEASE_SECONDS,
            )  # fmt: skip
        elif heard != now:
            begun = datetime.fromtimestamp(entry.since, UTC)
            raise TaskBusy(
                f"task {log.task_id} in {url} is in use by process {entry.process.pid} on {entry.host} since "
                f"{begun:%Y-%m-%d %H:%M:%S} UTC; wait for it, stop it, or use another task id"
            )
        elif time.monotonic() - since >= LEASE_SECONDS:
            return newest
        interruption.sleep(min(_LOOK_SECONDS, LEASE_SECONDS))
    return None


def _side_by_side(work: Iterable[Callable[[], None]]) -> None:
    """Do several things that wait for the store; the first error ends it."""
    waiting = list(work)
    if len(waiting) < 2:
        for do in waiting:
            do()
        return
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as threads:
        for _ in threads.map(lambda do: do(), waiting):
            pass
