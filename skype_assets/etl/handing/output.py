"""The folder that a hand-over is written to: beside its place, under another name, until everything is in it.

Whoever is killed meanwhile leaves what was there before, or the new one; what a killed writer left is removed by the
next one. A folder is replaced only if every file in it was written by a hand-over.
"""

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Final

from skype_assets.etl import crash_points, quantities
from skype_assets.etl.checkpoints.directory import Directory, sync_folder
from skype_assets.etl.errors import NotEnoughSpace, TaskBusy, UsageError
from skype_assets.etl.places import give_to_owner

SUMS: Final = "SHA256SUMS"
"""The file with the hashes of all others, as ``sha256sum -c`` reads it."""

DOCUMENT: Final = "selection.json"
"""The file that says what was selected; every hand-over has it."""

_WAITING: Final = 8
"""Threads that wait for the disk."""

_AT_ONCE: Final = 50
"""Files that each of them is given."""

_EXCHANGE: Final = 2  # RENAME_EXCHANGE of linux/fs.h
_HERE: Final = -100  # AT_FDCWD
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_CANNOT_EXCHANGE: Final = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)

Hashes = dict[Path, str]
"""SHA-256 of files (hex)."""

_renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


class Output:
    """A folder that is being filled. Names are paths within it, with ``/``; folders are made as they are needed.

    Args:
        folder: where it is.
        waiting: hashes what is put there, and waits for the disk meanwhile; what is put there stays as it is.
    """

    def __init__(self, folder: Path, waiting: Executor | None = None) -> None:
        self.folder = folder
        self._waiting = waiting
        self._put: list[Path] = []
        self._under_way: list[Future[Hashes]] = []

    def path(self, name: str) -> Path:
        """Where a file is, or is to be; its folder is there."""
        path = self.folder / name
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, parents=True)
            give_to_owner(path.parent, self.folder)
        return path

    def create(self, name: str) -> BinaryIO:
        """A new file of that name, to be written and closed by the caller; others cannot read it."""
        descriptor = os.open(self.path(name), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        give_to_owner(descriptor, self.folder)
        return os.fdopen(descriptor, "w+b")

    def put(self, name: str, data: bytes) -> None:
        """Write a whole file."""
        with self.create(name) as stream:
            stream.write(data)
        if self._waiting is not None:
            self._put.append(self.folder / name)
            if len(self._put) == _AT_ONCE:
                self._under_way.append(self._waiting.submit(_hashed, self._put))
                self._put = []

    def require_room(self, needed: int) -> None:
        """Whether there is room for so many bytes.

        Raises:
            NotEnoughSpace: there is not.
        """
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise NotEnoughSpace(
                f"this needs about {quantities.size(needed)} in {self.folder.parent}, {quantities.size(free)} are "
                "free; make room, or hand over less. Nothing was written"
            )

    def finish(self) -> None:
        """Write the hashes of all files, and wait until everything is on the disk."""
        assert self._waiting is not None, "it is one that lasts"
        files, folders = _files(self.folder), [Path(folder) for folder, _, _ in os.walk(self.folder)]
        hashes = {path: sha256 for done in self._under_way for path, sha256 in done.result().items()}
        rest = [path for path in files if path not in hashes]
        some = [rest[first : first + _AT_ONCE] for first in range(0, len(rest), _AT_ONCE)]
        for found in self._waiting.map(_hashed, some):
            hashes |= found
        with self.create(SUMS) as stream:
            lines = (f"{hashes[path]}  {path.relative_to(self.folder).as_posix()}\n" for path in files)
            stream.write("".join(lines).encode())
            stream.flush()
            os.fsync(stream.fileno())
        list(self._waiting.map(sync_folder, folders))


def _hashed(paths: Sequence[Path]) -> Hashes:
    """The hashes of files; when these are there, the files are on the disk."""
    hashes: Hashes = {}
    for path in paths:
        with path.open("rb") as file:
            hashes[path] = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
    return hashes


@contextlib.contextmanager
def output(target: Path) -> Generator[Output]:
    """A folder to fill, which takes the place of ``target`` when the block ends well.

    Raises:
        UsageError: what is there was not written by a hand-over, or it is in another one.
        TaskBusy: another process writes it at this moment.
        NotEnoughSpace: there was no room left while it was written.
    """
    target = Path(os.path.realpath(target))
    _refuse_place(target)
    try:
        with _parents_of(target):
            yield from _filled(target)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise NotEnoughSpace(
            f"no room was left while {target} was written; make room, or hand over less. What was there before is as "
            "it was"
        ) from error


def _filled(target: Path) -> Generator[Output]:
    new, old = (target.parent / f".{target.name}.{word}" for word in ("new", "old"))
    with _claimed(new, target):
        _recover(old, target)
        _refuse_foreign(target)
        _empty(new)
        try:
            with _waiting_for_disk() as waiting:
                filled = Output(new, waiting)
                yield filled
                filled.finish()
            crash_points.reached("hand-over written")
            _take_place(new, old, target)
            crash_points.reached("hand-over in place")
        finally:
            _recover(old, target)


@contextlib.contextmanager
def _waiting_for_disk() -> Generator[Executor]:
    """Threads that wait for the disk, which writes what several wait for at once; no more when the block fails."""
    with ThreadPoolExecutor(_WAITING) as waiting:
        try:
            yield waiting
        except BaseException:
            waiting.shutdown(wait=False, cancel_futures=True)
            raise


@contextlib.contextmanager
def _parents_of(target: Path) -> Generator[None]:
    """Make the folders that a folder is to lie in, as all commands do; none is left if it is not written."""
    missing = [folder for folder in target.parents if not folder.exists()]
    try:
        Directory(target.parent).make()
        yield
    except BaseException:
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


@contextlib.contextmanager
def _claimed(new: Path, target: Path) -> Generator[None]:
    """Be the only one who writes there: by a lock on the folder, which ends with the process.

    However that ends, the folder is gone: it has another name by then, or nobody needs what is in it.
    """
    while True:
        with contextlib.suppress(FileExistsError):
            new.mkdir(mode=0o700)
            give_to_owner(new, new.parent)
        try:
            descriptor = os.open(new, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:  # whoever had it is through with it at this moment
            continue
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TaskBusy(f"another process is writing {target}; wait until it has ended") from None
            if not _is(new, descriptor):
                continue
            try:
                yield
            finally:
                shutil.rmtree(new, ignore_errors=True)
            return
        finally:
            os.close(descriptor)


def _is(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _recover(old: Path, target: Path) -> None:
    """Put back what was moved aside, if the new one did not get its place: its writer was killed, or failed."""
    if not old.exists():
        return
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.rename(target)


def _refuse_place(target: Path) -> None:
    """In another hand-over it would be what that one's list of hashes does not know, and no later one replaces."""
    for parent in target.parents:
        if parent.exists() and not parent.is_dir():
            raise UsageError(f"{parent} is a file, no folder that {target.name} could be in; name another one")
        with contextlib.suppress(PermissionError):  # somebody else's
            if DOCUMENT in _listed(parent / SUMS):
                raise UsageError(f"{target} would be in {parent}, which is a hand-over itself; name one outside of it")


def _refuse_foreign(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise UsageError(f"{target} is a file; name a folder that is not there yet")
    there = {path.relative_to(target).as_posix() for path in _files(target)}
    if not there:
        return
    ours = set(_listed(target / SUMS)) | {SUMS}
    if foreign := sorted(there - ours):
        raise UsageError(
            f"{target} has files that no hand-over wrote, such as {foreign[0]}; name a folder that is not there yet"
        )


def _listed(sums: Path) -> Iterator[str]:
    if sums.is_file():
        for line in sums.read_text(encoding="utf-8", errors="replace").splitlines():
            yield line.partition("  ")[2]


def _files(folder: Path) -> list[Path]:
    """All files in a folder and below, by name."""
    return sorted(Path(root, name) for root, _, names in os.walk(folder) for name in names)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _take_place(new: Path, old: Path, target: Path) -> None:
    """Give the new folder its name; what had it gets the new one's, in the same instant where the system can do so."""
    if not target.exists():
        new.rename(target)
    elif not _exchanged(new, target):
        target.rename(old)
        crash_points.reached("hand-over moved aside")
        new.rename(target)
    sync_folder(target.parent)


def _exchanged(one: Path, other: Path) -> bool:
    if _renameat2 is None:
        return False
    if _renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(other))
