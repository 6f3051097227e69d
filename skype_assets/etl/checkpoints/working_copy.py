"""An output folder that is this machine's working copy of a store.

Everything is worked on in the folder, by the recipes of any output folder; what another machine needs to go on is in
the store before it counts. A commit (``Attempt.commit``) first puts the files that the new state names into the store,
under names that hold their content, then creates the next entry of the task's log (``task_log``), and only then changes
the folder (``store_attempt``). So the folder is never ahead of the store. Before a task is worked on, or looked at, its
files are made what the log says; Parquet files are fetched when they are read and are not here. Whatever is in such a
folder may go at any time.
"""

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from skype_assets.etl import places
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints import store as stores
from skype_assets.etl.checkpoints import task_log
from skype_assets.etl.checkpoints.directory import LOCK_FILE, Directory
from skype_assets.etl.checkpoints.state import FileRecord
from skype_assets.etl.checkpoints.store import Store, side_by_side
from skype_assets.etl.checkpoints.task_log import Entry, Replaced, TaskLog
from skype_assets.etl.errors import CheckpointDamaged, UsageError
from skype_assets.etl.processes import Process

STORE_FILE: Final = "store.json"
"""Names the store of an output folder."""
LOG_FILE: Final = "log.json"
"""In a task's folder: which entry of its log the files are those of."""

MANIFEST: Final = "etl_checkpoint_{}.json"
"""Name of a task's manifest, which lies in the output folder."""
BESIDE: Final = ("hold",)
"""Files of a task that belong to no attempt."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


class _Known(msgspec.Struct, frozen=True):
    """What a task's folder holds: the files of the entry ``number`` of its log, and who had it then.

    ``beside`` are SHA-256 of what the store had, when it was last asked, of the files that belong to no attempt.
    """

    life: str
    begun: int
    number: int
    where: dict[str, int]
    is_free: bool
    process: Process
    seen: float
    beside: dict[str, str] = {}


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
        side_by_side(partial(self._refresh, name) for name in names)

    def _refresh(self, task_id: str) -> None:
        log = TaskLog(self.store, task_id)
        if log.newest_number() is None:
            return
        task = Directory(self.folder / task_id).make()
        try:
            with task.lock(LOCK_FILE, task_log.LEASE_SECONDS):
                # Asked again: whoever works on it here commits to the store and to the folder under this lock.
                while (found := log.newest()) is not None:
                    with suppress(Replaced):
                        self.become(log, *found)
                        break
                if found is not None and found[1].kind != "removed":
                    self.get_beside(task)
        except FileNotFoundError:  # removed meanwhile
            return

    def fetch(self, folder: Path, record: FileRecord) -> None:
        """Get a recorded file of a phase into the phase's folder; nothing happens if the store does not have it."""
        name = f"{folder.parent.name}/{object_name(folder.name, record)}"
        with suppress(FileNotFoundError):
            Directory(folder).make().put(record.name, self.store.get(name))

    def put(self, folder: Path, records: Iterable[FileRecord]) -> None:
        """Put recorded files of a phase into the store.

        Raises:
            CheckpointDamaged: one is not what was written.
        """
        side_by_side(partial(self._put, folder, record) for record in records)

    def _put(self, folder: Path, record: FileRecord) -> None:
        data = Directory(folder).get(record.name)
        if hashlib.sha256(data).hexdigest() != record.sha256:
            raise CheckpointDamaged(f"{folder / record.name} is damaged; resume makes the part again")
        self.store.put(f"{folder.parent.name}/{object_name(folder.name, record)}", data)

    def put_beside(self, task: Directory, name: str) -> None:
        """Let a file of a task, which belongs to no attempt, be in the store as it is in the folder, or not there."""
        try:
            data = task.get(name)
        except FileNotFoundError:
            data = None
            self.store.remove(f"{task.path.name}/{name}")
        else:
            self.store.put(f"{task.path.name}/{name}", data)
        self._note_beside(task, name, data)

    def get_beside(self, task: Directory) -> None:
        """Have such files here as the store has them: what came from there goes with it, what is only here stays."""
        for name in BESIDE:
            here = task.get(name) if task.file(name).exists() else None
            try:
                there = self.store.get(f"{task.path.name}/{name}")
            except FileNotFoundError:
                there = None
            if there is not None and there != here:
                task.put_unowned(name, there)
            elif there is None and here is not None and self._known_beside(task).get(name) == _sha256(here):
                task.remove(name)
            self._note_beside(task, name, there)

    def _known_beside(self, task: Directory) -> dict[str, str]:
        known = _known(task)
        return known.beside if known is not None else {}

    def _note_beside(self, task: Directory, name: str, data: bytes | None) -> None:
        known = _known(task)
        if known is None:
            return
        beside = {other: digest for other, digest in known.beside.items() if other != name}
        if data is not None:
            beside[name] = _sha256(data)
        if beside != known.beside:
            task.put(LOG_FILE, msgspec.json.encode(msgspec.structs.replace(known, beside=beside)))

    def is_worked_on(self, task: Directory) -> bool:
        """Whether an attempt seemed to be at work on a task anywhere, when its files were brought up to date."""
        known = _known(task)
        if known is None or known.is_free or known.process.is_alive() is False:
            return False
        return abs(time.time() - known.seen) < task_log.LEASE_SECONDS

    def become(self, log: TaskLog, number: int, entry: Entry) -> None:
        """Make a task's folder what an entry says; to be called with the task's lock.

        Raises:
            Replaced: it is not the newest any more, and what it says has gone.
        """
        known = _known(self._task(log))
        if known is None or (known.life, known.begun) != (entry.life, entry.begun):
            self._empty(log)
            known = None
        if entry.kind == "removed":
            shutil.rmtree(self._task(log).path)
            return
        for name, at in entry.where.items():
            path = self._path(log, name)
            if known is not None and known.where.get(name) == at and path.exists():
                continue
            content = entry.files[name] if at == number else log.content(at, name, newest=number)
            Directory(path.parent).make().put(path.name, content.encode())
        self.note(log, number, entry)

    def note(self, log: TaskLog, number: int, entry: Entry) -> None:
        """Note which entry of its log a task's folder holds."""
        task, seen = self._task(log), 0.0
        if not entry.is_free:
            seen = time.time() if entry.process == Process.myself() else log.seen()
        beside = self._known_beside(task)
        known = _Known(entry.life, entry.begun, number, entry.where, entry.is_free, entry.process, seen, beside)
        task.put(LOG_FILE, msgspec.json.encode(known))

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


def object_name(phase: str, record: FileRecord) -> str:
    """The name of a phase's file in its task's part of the store.

    It holds the epoch and the content: nobody replaces a file that a state names, and a part done twice is one object.
    """
    stem, dot, ending = record.name.partition(".")
    return f"{phase}/{stem}-{record.sha256[:12]}{dot}{ending}"


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


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
