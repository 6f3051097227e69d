"""Which file an export is: its size and SHA-256, so that a checkpoint is never used with another one.

Nothing is hashed, and no folder is walked, before it is known to be an export: in a folder, ``messages.json`` or media
with document ids stand in it, or in the one folder in it. Hidden folders and checkouts of programs are not walked.
"""

import hashlib
import os
import stat
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export import foreign
from skype_assets.etl.export.foreign import GIVE_EXPORT, MAX_NAMES
from skype_assets.etl.export.form import form_of
from skype_assets.etl.export.members import clean_name, is_document, is_endpoints, is_media, is_messages, printable
from skype_assets.etl.export.unpacking import TarInput, readable, tar_headers
from skype_assets.etl.export.zip_entries import stored_at
from skype_assets.etl.places import whose

NOT_A_FILE: Final = "is a link or a device, not a file"

_BLOCK: Final = 1 << 20
_MEDIA: Final = "media"
_DEPTH: Final = 3
"""Folders below one another in which it is looked for what a folder is that is no export."""
_OF_CHECKOUTS: Final = frozenset({".git", ".hg", ".svn", ".bzr", "pyvenv.cfg"})
_NEVER_WALKED: Final = frozenset({"__macosx", "__pycache__", "node_modules"})


class Digest(NamedTuple):
    """SHA-256 of a media member, and the ``mark`` of the file that it was read from."""

    sha256: bytes
    mark: tuple[int, ...]


def mark(descriptor: int) -> tuple[int, ...]:
    """What differs once a file is another one, or its bytes are others: nobody can set the time of its last change."""
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@dataclass(frozen=True)
class Source:
    """An export on disk. ``sha256`` is in hex; of a folder it is over its files' names, sizes and digests.

    ``digests`` are those of media members that lie in it as they are, found on the way: by the offset of the first byte
    in the file, or by name in a folder.
    """

    name: str
    size: int
    sha256: str
    digests: Mapping[int | str, Digest] = field(default_factory=dict[int | str, Digest], compare=False, repr=False)


def fingerprint(path: Path, progress: Callable[[int], None] | None = None, *, salvage: bool = False) -> Source:
    """Read a file, or the files of a folder that belong to the export; ``progress`` gets the bytes read so far.

    It is read once, for its own digest and those of the media in it. With ``salvage`` a file is good that seems to be a
    damaged export.

    Raises:
        InvalidExport: it is no export, as far as the beginning of the file or the names in the folder tell; or it
            cannot be read.
    """
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(done)

    if not is_folder(path):
        _check_form(path, salvage=salvage)
        size, digest, seen, digests = _read(path, advance, _media_in(path))
        return Source(path.name, size, digest, {begin: Digest(one, seen) for begin, one in digests.items()})
    total, over_all, of_files = 0, hashlib.sha256(), dict[int | str, Digest]()
    for name, file in _fingerprinted(path):
        size, digest, seen, _ = _read(file, advance)
        total += size
        over_all.update(b"%b\0%d\0%b\n" % (os.fsencode(name), size, digest.encode()))
        if is_media(name):
            of_files[name] = Digest(bytes.fromhex(digest), seen)
    return Source(path.resolve().name, total, over_all.hexdigest(), of_files)


def size_of(path: Path, *, salvage: bool = False) -> int:
    """Bytes that ``fingerprint`` will read; raises what it would raise before it reads."""
    if is_folder(path):
        return sum(file.lstat().st_size for _, file in _fingerprinted(path))
    _check_form(path, salvage=salvage)
    return path.stat().st_size


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
    """The regular files of an export that is a folder, by their names in it, sorted; links are not followed.

    Raises:
        InvalidExport: the folder is no export.
    """
    found: list[tuple[str, Path]] = []

    def refuse(error: OSError) -> None:
        raise unreadable(folder, error) from error

    top = _top(folder)
    for root, folders, names in os.walk(top, onerror=refuse):
        is_checkout = not _OF_CHECKOUTS.isdisjoint([*folders, *names])
        folders[:] = [name for name in folders if _is_visible(name) and (_is_media(name) or not is_checkout)]
        if is_checkout and Path(root) != top:
            folders.clear()
            continue
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
    remedy = printable(whose(path)) if isinstance(error, PermissionError) else "Check the path"
    return InvalidExport(f"cannot be read: {reason}", member=printable(path.name), remedy=remedy)


def _check_form(path: Path, *, salvage: bool) -> None:
    try:
        with path.open("rb") as file:
            form_of(file, printable(path.name), path)
    except OSError as error:
        raise unreadable(path, error) from error
    except InvalidExport as error:
        from skype_assets.etl.export import salvage as salvaging  # it opens exports, which needs this module

        if salvage and salvaging.seems_damaged(path):
            return
        raise salvaging.told(error, path) from error


def _fingerprinted(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files of a folder that make the export what it is."""
    for name, file in folder_files(folder):
        if is_messages(name) or is_endpoints(name) or is_media(name):
            yield name, file


def _top(folder: Path) -> Path:
    """The folder in which an export stands: the one given, or the one in it."""
    if _stands_in(folder):
        return folder
    inside = [
        Path(entry) for entry in _entries(folder) if entry.is_dir(follow_symlinks=False) and _is_visible(entry.name)
    ]
    exports = [path for path in inside if _stands_in(path)]
    if len(inside) == len(exports) == 1:
        return exports[0]
    if exports:
        names = ", ".join(sorted(printable(path.name) for path in exports[:5]))
        raise InvalidExport(
            f"is no export, but holds folders that are: {names}", member=_name(folder), remedy="Give one at a time"
        )
    for path in (folder, *(inside if len(inside) == 1 else ())):
        if known := foreign.by_files(_name(path), _names(path)):
            raise known.refusal(_name(folder))
    raise InvalidExport(
        "is no export: neither messages.json nor media of Skype are in it, or in the one folder in it",
        member=_name(folder),
        remedy=GIVE_EXPORT,
    )


def _stands_in(folder: Path) -> bool:
    """Whether an export stands in a folder: its messages, or objects with a document id, also in ``media``."""
    media: list[Path] = []
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            media += [Path(entry)] if _is_media(entry.name) else []
        elif is_messages(entry.name) or is_document(entry.name):
            return True
    return any(is_document(entry.name) for path in media for entry in _entries(path))


def _names(folder: Path) -> list[str]:
    """Names of files in a folder and some way down; what cannot be read tells nothing."""
    found: list[str] = []
    for root, folders, names in os.walk(folder):
        below = Path(root).relative_to(folder)
        found += [(below / name).as_posix() for name in names]
        if len(found) >= MAX_NAMES:
            break
        folders[:] = [name for name in folders if _is_visible(name)] if len(below.parts) + 1 < _DEPTH else []
    return found[:MAX_NAMES]


def _is_media(name: str) -> bool:
    return name.lower() == _MEDIA


def _is_visible(name: str) -> bool:
    return not name.startswith(".") and name.lower() not in _NEVER_WALKED


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise unreadable(folder, error) from error


def _name(folder: Path) -> str:
    return printable(folder.name or folder.resolve().name)


def _media_in(path: Path) -> Sequence[tuple[int, int]]:
    """Where media members lie in an archive as they are, in its order: begin and end. None of what is damaged."""
    found: list[tuple[int, int]] = []
    try:
        with path.open("rb") as file, readable(printable(path.name)):
            form = form_of(file, printable(path.name))
            if form == "tar":
                for header in tar_headers(TarInput(file, None, path.name), path.name):
                    if header.isreg() and not header.issparse() and is_media(clean_name(header.name)):
                        found.append((header.offset_data, header.offset_data + header.size))
            elif form == "zip":
                for entry in zipfile.ZipFile(file).infolist():
                    if is_media(clean_name(entry.filename)) and (begin := stored_at(file, entry)) is not None:
                        found.append((begin, begin + entry.file_size))
    except InvalidExport:  # whoever opens it says what is wrong
        return []
    return sorted(found)


def _read(
    path: Path, advance: Callable[[int], None], ranges: Sequence[tuple[int, int]] = ()
) -> tuple[int, str, tuple[int, ...], dict[int, bytes]]:
    """Size, digest and mark of one file, and the digests of ranges of it, by where they begin.

    The ranges are in their order; one that lies on another has no digest.
    """
    digest, size, block = hashlib.sha256(), 0, memoryview(bytearray(_BLOCK))
    digests: dict[int, bytes] = {}
    left = iter(ranges)
    current, of_range = next(left, None), hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            seen = mark(file.fileno())
            while count := file.readinto(block):
                digest.update(block[:count])
                while current is not None and current[0] < size + count:
                    begin, end = current
                    of_range.update(block[max(begin - size, 0) : min(end - size, count)])
                    if end > size + count:
                        break
                    digests[begin] = of_range.digest()
                    current, of_range = next((one for one in left if one[0] >= end), None), hashlib.sha256()
                size += count
                advance(count)
    except OSError as error:
        raise unreadable(path, error) from error
    return size, digest.hexdigest(), seen, digests
