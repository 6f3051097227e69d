"""The inbox: which exports lie in the folder of exports, whole, and what each of them contains.

A file that is being copied there has no end yet, so an export counts when two looks in a row find the same size and
time. It is known by its content, whatever it is called: the same export under a second name is the same export. To
read gigabytes takes longer than a sensor may, so it is done in the background; what was found is kept in the folder
(``.fingerprints.json``) by the file's identity, and losing that costs reading again and nothing else.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.source import Source, fingerprint, folder_files, is_folder
from skype_assets.etl.task import ENDINGS, TASK_ID, end_of_task_id, salvage_by_environment, task_id_for, task_ids_by_end

_MADE: Final = re.compile(r"-[0-9a-f]{12}$")
FINGERPRINTS: Final = ".fingerprints.json"
Identity = str
"""Which file it is, and in which state: a digest of device, inode, size and times of it, or of a folder's files."""


@dataclass(frozen=True)
class Arrival:
    """An export in the inbox.

    Attributes:
        task_id: of the task that loads it.
        path: where it lies; None = in a bucket.
        sha256: of its content; in a bucket, of what tells its content from others.
        names: all those of its content, the one that is used first.
    """

    task_id: str
    path: Path | None
    sha256: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Look:
    """What a look into the inbox found.

    Attributes:
        arrivals: one for each content, by name.
        waiting: names of what may still be growing or is being read, with the identity that it had at this look.
        reading: names of what is being read in the background.
        unreadable: what cannot be read, and why.
        refused: the same by identity, for the next look: what cannot be read is not read again until it changes.
    """

    arrivals: tuple[Arrival, ...]
    waiting: Mapping[str, Identity]
    reading: tuple[str, ...]
    unreadable: Mapping[str, str]
    refused: Mapping[Identity, str]


def look(
    folder: Path,
    waiting: Mapping[str, Identity],
    registered: frozenset[str],
    seconds: float,
    refused: Mapping[Identity, str] = MappingProxyType({}),
) -> Look:
    """Look into the inbox.

    Args:
        folder: the folder of exports.
        waiting: what the look before this one found growing.
        registered: the task ids that are known already; a file that has one as its name is that task's export.
        seconds: how long to wait for what has to be read.
        refused: what earlier looks could not read.
    """
    known = _known(folder)
    found, unreadable = _found(folder)
    unreadable |= {name: refused[identity] for name, identity in found.items() if identity in refused}
    new = {name: identity for name, identity in found.items() if identity not in known and identity not in refused}
    growing = {name: identity for name, identity in new.items() if waiting.get(name) != identity}
    readings = {name: _reading(folder / name, identity) for name, identity in new.items() if name not in growing}
    wait(readings.values(), timeout=seconds)
    done = {name: reading for name, reading in readings.items() if reading.done()}
    afterwards = _found(folder)[0] if done else {}
    passing: set[str] = set()
    for name, reading in done.items():
        _readings.pop(found[name], None)
        if reading.exception() is not None:
            unreadable[name] = str(reading.exception())
            if not isinstance(reading.exception(), InvalidExport):
                passing.add(name)  # such as a missing right: another look may find it given
        elif afterwards.get(name) == found[name]:
            known[found[name]] = reading.result().sha256
        else:
            growing[name] = found[name]  # it went on growing while it was read
    if done:
        _keep(folder, known, frozenset(found.values()))
    contents = {name: known[identity] for name, identity in found.items() if identity in known}
    reading_on = tuple(name for name in readings if name not in done)
    waiting_on = growing | {name: found[name] for name in reading_on}
    refused = {found[name]: reason for name, reason in unreadable.items() if name in found and name not in passing}
    return Look(tuple(_arrivals(folder, contents, registered)), waiting_on, reading_on, unreadable, refused)


def _found(folder: Path) -> tuple[dict[str, Identity], dict[str, str]]:
    """What lies there, by name, and what cannot be looked at."""
    found: dict[str, Identity] = {}
    unreadable: dict[str, str] = {}
    for path in _exports(folder):
        try:
            found[path.name] = _identity(path)
        except (InvalidExport, OSError) as error:
            unreadable[path.name] = str(error)
    return found, unreadable


def _arrivals(folder: Path, contents: Mapping[str, str], registered: frozenset[str]) -> Iterator[Arrival]:
    by_content: dict[str, list[str]] = {}
    for name, sha256 in contents.items():
        by_content.setdefault(sha256, []).append(name)
    for names in by_content.values():  # links have names of tasks, perhaps of one that had another content
        names.sort(key=lambda name: (folder / name).is_symlink())
    known = task_ids_by_end(registered)
    for sha256, names in sorted(by_content.items(), key=lambda item: item[1]):
        end = end_of_task_id(sha256)
        # A name that was given; a task of this content, whatever the file is called by now; a link not registered yet.
        tasks = [stem for stem in map(_stem, names) if stem in registered and not _MADE.search(stem)]
        tasks += [known[end]] if end in known else []
        tasks += [stem for stem in map(_stem, names) if stem.endswith(end)]
        task_id = tasks[0] if tasks else task_id_for(Source(names[0], 0, sha256))
        yield Arrival(task_id, folder / names[0], sha256, tuple(names))


def _exports(folder: Path) -> Iterator[Path]:
    """What may be an export, by its name; links to nothing are none."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.exists():
            continue
        if path.is_dir() or path.name.lower().endswith(ENDINGS):
            yield path


def _identity(path: Path) -> Identity:
    files = [file for _, file in folder_files(path)] if is_folder(path) else [path]
    digest = hashlib.sha256()
    for file in files:
        status = file.stat()
        digest.update(repr((status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)).encode())
    return digest.hexdigest()[:32]


def _stem(name: str) -> str:
    """The name without what says that it is an export; empty if a task cannot be called so."""
    endings = sorted(ENDINGS, key=len, reverse=True)
    ending = next((ending for ending in endings if name.lower().endswith(ending)), "")
    stem = name[: len(name) - len(ending)]
    return stem if TASK_ID.fullmatch(stem) else ""


def _known(folder: Path) -> dict[Identity, str]:
    try:
        return msgspec.json.decode(Directory(folder).get(FINGERPRINTS), type=dict[str, str])
    except (FileNotFoundError, msgspec.MsgspecError):
        return {}


def _keep(folder: Path, fingerprints: Mapping[Identity, str], present: frozenset[Identity]) -> None:
    kept = {identity: sha256 for identity, sha256 in fingerprints.items() if identity in present}
    Directory(folder).put_unowned(FINGERPRINTS, json.dumps(kept, indent=0).encode())


@cache
def _reader() -> ThreadPoolExecutor:
    # One: disks read one large file faster than two.
    return ThreadPoolExecutor(1, thread_name_prefix="inbox")


_readings: dict[Identity, Future[Source]] = {}
"""What is being read, over several looks: the process that looks, Dagster's code server, lives on between them."""


def _reading(path: Path, identity: Identity) -> Future[Source]:
    if identity not in _readings:
        _readings[identity] = _reader().submit(fingerprint, path, salvage=salvage_by_environment())
    return _readings[identity]
