"""The media of a task as files with their own names: what ``skype-assets media extract`` writes.

A name is whatever somebody typed: of it stays what is a file name on any system, and in the folder. None is lost: where
two are the same, also but for case, the second has a number. Nothing that lies in the folder is overwritten.
"""

import hashlib
import os
import re
import shutil
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

from skype_assets.etl import interruption, quantities
from skype_assets.etl.checkpoints import parts
from skype_assets.etl.checkpoints.directory import TEMPORARY, Directory, sha256_of
from skype_assets.etl.checkpoints.media_store import MediaStore
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.phase_checkpoint import open_complete
from skype_assets.etl.checkpoints.state import PartRecord
from skype_assets.etl.content.names import bounded
from skype_assets.etl.content.spelling import Spelled
from skype_assets.etl.errors import CheckpointDamaged, NotEnoughSpace, UsageError
from skype_assets.etl.phases.kinds import PHASE_CLASSES
from skype_assets.etl.phases.media_parts import media_of
from skype_assets.etl.rows.media import OBJECT, PREVIEW, stored_objects
from skype_assets.etl.task import Task
from skype_assets.etl.tasks.media import COLUMNS

_BLOCK: Final = 1 << 20
_LONGEST: Final = 200
"""Bytes of a name; every file system takes 255, and a number may follow."""
_LONGEST_ENDING: Final = 20
_FORBIDDEN: Final = re.compile(r'[<>:"/\\|?*]')
RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?")
"""Names that are no files' on Windows, but a device's."""


@dataclass(frozen=True)
class Written:
    """What was written, and what was not.

    Attributes:
        files: how many were written, or were there; ``bytes`` are theirs.
        were_there: how many of these were there.
        not_kept: how many objects no task keeps.
        unreadable: members that the export itself does not give.
        lost: members that were kept and are missing in the store, or damaged.
    """

    files: int
    bytes: int
    were_there: int
    not_kept: int
    unreadable: list[str]
    lost: list[str]


def write_files(task: Task, folder: Path) -> Written:
    """Write the media of a task into a folder, the time of a file being that of its message.

    An object that the task does not keep is written as well if another task keeps the same bytes. Interrupted, the same
    again goes on: a file that is there with the same bytes is left. Several that write into the same folder wait for
    each other.

    Raises:
        UsageError: extract is not complete, or was made by a release that kept no media.
        NotEnoughSpace: they would not fit; nothing was written.
    """
    kind = PHASE_CLASSES["extract"]
    raw = open_complete(task.folder.folder(kind.facts.asset), kind.schemas)
    if raw is None:
        raise UsageError(f"task {task.task_id}: extract is not complete; run it first")
    if raw["media"].num_rows and not raw["members"].num_rows:
        raise UsageError(f"task {task.task_id} was extracted by an older release: `media keep EXPORT` keeps its media")
    rows = raw["objects"].to_table(COLUMNS).to_pylist()
    unreadable = [row["member"] for row in rows if row["problem"] is not None]
    store = MediaStore(task.output_dir)
    sizes = store.sizes(row["sha256"] for row in rows if row["problem"] is None)
    kept = [row for row in rows if row["kept"] or (row["problem"] is None and sizes.get(row["sha256"]) == row["size"])]
    into = Directory(folder).make()
    _require_space(folder, sum(row["size"] for row in kept))
    with into.alone():
        written = _Writing(store, into, _Names(raw, _told(task))).write(kept, sizes)
    return replace(written, not_kept=len(rows) - len(kept) - len(unreadable), unreadable=unreadable)


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise NotEnoughSpace(f"{quantities.size(needed)} of media; {quantities.size(free)} are free in {folder}")


@dataclass(frozen=True)
class _Told:
    """What messages tell of an object: the earliest one that carries it, and what it calls it."""

    sent_at: datetime | None
    name: str | None


def _told(task: Task) -> Mapping[str, _Told]:
    """By document id; nothing if transform is not complete."""
    kind = PHASE_CLASSES["transform"]
    tables = open_complete(task.folder.folder(kind.facts.asset), kind.schemas)
    found: dict[str, _Told] = {}
    for part in tables.state.parts if tables is not None else ():
        assert tables is not None
        if "attachments" in part.files:
            for document_id, told in _told_in(tables, part):
                former = found.get(document_id)
                if former is None or (told.sent_at, told.name or "") < (former.sent_at, former.name or ""):
                    found[document_id] = told
    return found


def _told_in(tables: PhaseTables, part: PartRecord) -> Iterator[tuple[str, _Told]]:
    attachments = parts.read(tables.folder, part.files["attachments"])
    columns = ["conversation_id", "message_id", "document_id", "file_name"]
    carried = [row for row in attachments.read(columns, use_threads=False).to_pylist() if row["document_id"]]
    wanted = {(row["conversation_id"], row["message_id"]) for row in carried}
    messages = parts.read(tables.folder, part.files["messages"])
    sent_at: dict[tuple[str, str], datetime] = {}
    for batch in messages.iter_batches(columns=["conversation_id", "message_id", "sent_at"], use_threads=False):
        for row in batch.to_pylist():
            key = (row["conversation_id"], row["message_id"])
            if key in wanted and row["sent_at"] is not None:
                sent_at[key] = row["sent_at"]
    for row in carried:
        at = sent_at.get((row["conversation_id"], row["message_id"]))
        if at is not None or row["file_name"]:
            yield row["document_id"], _Told(at, row["file_name"])


class _Names:
    """What the objects of a task are called, and when they were sent."""

    def __init__(self, raw: PhaseTables, told: Mapping[str, _Told]) -> None:
        media = media_of(raw)
        self._stored = stored_objects(media, raw["objects"].to_table())
        self._documents = media["document_id"].to_pylist()
        self._indexes = media["media_index"].to_pylist()
        self._told = Spelled(told)

    def name(self, row: Mapping[str, Any]) -> str:
        """The name of an object, as a file name: its side file's, else its message's, else the archive's."""
        document_id = bounded(self._documents[row["ordinal"]])
        told = self._told.get(document_id)
        member = PurePosixPath(row["member"]).name
        stored = self._stored.get(document_id)
        given = (stored.file_name if stored else None) or (told.name if told else None)
        index = self._indexes[row["ordinal"]]
        if index == OBJECT:
            return file_name(given or member, member)
        stem = PurePosixPath(file_name(given, member)).stem if given else document_id
        what = "preview" if index == PREVIEW else f"object {index}"
        return file_name(f"{stem} ({what}){PurePosixPath(member).suffix}", member)

    def sent_at(self, row: Mapping[str, Any]) -> datetime | None:
        """When the first message was sent that carries an object."""
        told = self._told.get(bounded(self._documents[row["ordinal"]]))
        return told.sent_at if told else None


class _Writing:
    def __init__(self, store: MediaStore, into: Directory, names: _Names) -> None:
        self._store = store
        self._into = into
        self._names = names
        self._taken: set[str] = set()

    def write(self, kept: list[dict[str, Any]], sizes: Mapping[bytes, int]) -> Written:
        there = {_folded(path.name) for path in self._into.path.iterdir()}
        was_killed = any(name.startswith(TEMPORARY) for name in there)
        files = size = were_there = 0
        lost: list[str] = []
        for row in kept:
            interruption.check()
            if sizes.get(row["sha256"]) != row["size"]:
                lost.append(row["member"])
                continue
            name, is_there = self._free(self._names.name(row), row, there)
            if was_killed:
                self._into.sweep(name)
            if not is_there and not self._copy(name, row):
                lost.append(row["member"])
                continue
            self._taken.add(_folded(name))
            self._set_time(name, row)
            files, size, were_there = files + 1, size + row["size"], were_there + is_there
        return Written(files, size, were_there, 0, [], lost)

    def _free(self, name: str, row: Mapping[str, Any], there: set[str]) -> tuple[str, bool]:
        """The first name that no other object has; whether the object lies there under it already."""
        stem, ending = PurePosixPath(name).stem, PurePosixPath(name).suffix
        number = 1
        while True:
            tried = name if number == 1 else f"{stem} ({number}){ending}"
            number += 1
            if _folded(tried) in self._taken:
                continue
            if _folded(tried) not in there:
                return tried, False
            if self._is_there(tried, row):
                return tried, True

    def _is_there(self, name: str, row: Mapping[str, Any]) -> bool:
        path = self._into.file(name)
        if path.is_symlink() or not path.is_file() or path.stat().st_size != row["size"]:
            return False
        return sha256_of(path) == row["sha256"].hex()

    def _copy(self, name: str, row: Mapping[str, Any]) -> bool:
        """Write a file; False if its bytes are not what they were, then there is none."""
        digest = hashlib.sha256()
        with suppress(_DamagedError), self._into.create(name) as stream:
            content = self._store.open(row["sha256"], row["size"])
            if content is None:  # it has gone, or the store has other bytes
                raise _DamagedError
            with content:
                while block := content.read(_BLOCK):
                    digest.update(block)
                    stream.write(block)
            if digest.digest() != row["sha256"]:
                raise _DamagedError
            return True
        return False

    def _set_time(self, name: str, row: Mapping[str, Any]) -> None:
        sent_at = self._names.sent_at(row)
        if sent_at is not None:
            with suppress(OverflowError, OSError, ValueError):  # a year that no file system knows
                os.utime(self._into.file(name), (sent_at.timestamp(), sent_at.timestamp()))


class _DamagedError(CheckpointDamaged):
    """Bytes of the store are not what they were."""


def file_name(name: str, otherwise: str) -> str:
    """What of a name is a file name on any system, at most ``_LONGEST`` bytes with its ending; never empty."""
    cleaned = _fit(name) or _fit(otherwise) or "file"
    return f"_{cleaned}" if RESERVED.fullmatch(cleaned) else cleaned


def _fit(name: str) -> str:
    # Control and format characters: among them those that turn the direction of writing, and make .exe look like .jpg.
    visible = "".join("_" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") else c for c in name)
    text = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", visible)).strip(" ").rstrip(". ")
    text = re.sub(r"^\.+", "_", text)
    stem, ending = PurePosixPath(text).stem, PurePosixPath(text).suffix
    if len(ending.encode()) > _LONGEST_ENDING:
        stem, ending = text, ""
    room = _LONGEST - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + ending if stem else text


def _folded(name: str) -> str:
    """Equal for names that are one on a file system that knows no case, or composes characters otherwise."""
    return unicodedata.normalize("NFC", name).casefold()
