"""Which file an export is: its size and SHA-256, so that a checkpoint is never used with another one."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.members import is_endpoints, is_messages, media_member, printable

NOT_A_FILE: Final = "is a link or a device, not a file"

_BLOCK: Final = 1 << 20


@dataclass(frozen=True)
class Source:
    """An export on disk. ``sha256`` is in hex; of a folder it is over its files' names, sizes and digests."""

    name: str
    size: int
    sha256: str


def fingerprint(path: Path, progress: Callable[[int], None] | None = None) -> Source:
    """Read a file, or the files of a folder that belong to the export; ``progress`` gets the bytes read so far."""
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(done)

    if not is_folder(path):
        size, digest = _read(path, advance)
        return Source(path.name, size, digest)
    total, over_all = 0, hashlib.sha256()
    for name, file in folder_files(path):
        if is_messages(name) or is_endpoints(name) or media_member(name, 0, 0):
            size, digest = _read(file, advance)
            total += size
            over_all.update(b"%b\0%d\0%b\n" % (os.fsencode(name), size, digest.encode()))
    return Source(path.resolve().name, total, over_all.hexdigest())


def is_folder(path: Path) -> bool:
    """Whether an export is a folder; InvalidExport if it is no regular file either."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise unreadable(path, error) from error
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InvalidExport("is neither a file nor a folder", member=printable(path.name))
    return stat.S_ISDIR(mode)


def folder_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The regular files below a folder by relative name, sorted; symbolic links are not followed."""
    found: list[tuple[str, Path]] = []

    def refuse(error: OSError) -> None:
        raise unreadable(folder, error) from error

    for root, _, names in os.walk(folder, onerror=refuse):
        for name in names:
            file = Path(root, name)
            relative = file.relative_to(folder).as_posix()
            if stat.S_ISREG(file.lstat().st_mode):
                found.append((relative, file))
            elif is_messages(relative):
                raise InvalidExport(NOT_A_FILE, member=printable(relative), remedy="Put the file itself there")
    yield from sorted(found)


def unreadable(path: Path, error: OSError) -> InvalidExport:
    """What to raise if the export is not there or may not be read."""
    reason = error.strerror or type(error).__name__
    return InvalidExport(f"cannot be read: {reason}", member=printable(path.name), remedy="Check the path")


def _read(path: Path, advance: Callable[[int], None]) -> tuple[int, str]:
    """Size and digest of one file."""
    digest, size, block = hashlib.sha256(), 0, memoryview(bytearray(_BLOCK))
    try:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(block):
                digest.update(block[:count])
                size += count
                advance(count)
    except OSError as error:
        raise unreadable(path, error) from error
    return size, digest.hexdigest()
