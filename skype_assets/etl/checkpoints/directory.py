"""The small interface through which every checkpoint file is written, read, listed, removed and locked.

Nobody else in the library opens a checkpoint file for writing. A file appears whole or not at all (promise I3):
temporary file in the same directory, mode 0600, all bytes, fsync, rename, fsync of the directory. A failed write or
fsync is fatal for that file (I15): the temporary file is removed, nothing is renamed, and the error is raised.
What several machines share is in a store besides (``store``, ``working_copy``).
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import BinaryIO, Final

from skype_assets.etl import crash_points
from skype_assets.etl.errors import START_AGAIN, CheckpointDamaged
from skype_assets.etl.places import give_to_owner

LOCK_FILE: Final = "lock"
"""In a task's folder: held during every commit."""

TEMPORARY = ".partial-"
"""How the names of files begin that are being written."""
_LOCK_PAUSE_SECONDS = 0.02
# Of a file system without links.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class Directory:
    """A folder of checkpoint files, created with mode 0700 whatever the umask.

    Args:
        path: the folder; missing parents are made, too.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self) -> "Directory":
        """Create the folder if it is missing; refuse a symbolic link in its place."""
        if self.path.is_symlink():
            raise CheckpointDamaged(f"{self.path} is a symbolic link; checkpoints are kept in real folders only")
        if self.path.is_dir():  # as it is for every object of the store but the first
            return self
        missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
            give_to_owner(folder, folder.parent)
            sync_folder(folder.parent)
        return self

    def folder(self, name: str) -> "Directory":
        """A folder inside this one; not created yet."""
        return Directory(self.path / name)

    def file(self, name: str) -> Path:
        """Path of a file in this folder, for readers that want a path (Parquet)."""
        return self.path / name

    def put(self, name: str, data: bytes) -> None:
        """Write a file atomically and durably; an existing one is replaced."""
        with self.create(name) as stream:
            stream.write(data)

    def put_unowned(self, name: str, data: bytes) -> None:
        """The same in a folder that no attempt owns; what killed writers of the file have left goes."""
        with self.alone():
            self.sweep(name)
            self.put(name, data)

    @contextlib.contextmanager
    def create(self, name: str | Callable[[], str], *, is_synced: bool = True) -> Generator[BinaryIO]:
        """A stream whose bytes appear under ``name`` when the block ends well, and leave no trace when it does not.

        Args:
            name: of the file, which may be in a folder of this folder; one that depends on the bytes is asked for when
                all are written.
            is_synced: whether the name is durable, too; else the caller calls ``sync`` for the folder.
        """
        temporary = self.path / f"{_beginning(name if isinstance(name, str) else '')}{secrets.token_hex(8)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                os.fchmod(stream.fileno(), 0o600)
                give_to_owner(stream.fileno(), self.path)
                crash_points.reached("file opened")
                yield stream
                stream.flush()
                crash_points.reached("file written")
                os.fsync(stream.fileno())
            crash_points.reached("file synced")
            target = self.path / (name if isinstance(name, str) else name())
            try:
                temporary.rename(target)
            except OSError as error:  # of which people know the name: the other one will be gone
                raise OSError(error.errno, error.strerror, str(target)) from error
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        crash_points.reached("file renamed")
        if is_synced:
            Directory(target.parent).sync()

    def sync(self) -> None:
        """Make the names in this folder durable."""
        sync_folder(self.path)
        crash_points.reached("file durable")

    def get(self, name: str) -> bytes:
        """The bytes of a file.

        Raises:
            FileNotFoundError: there is none.
            CheckpointDamaged: it is a link, a folder or something else that is no regular file.
        """
        path = self.path / name
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise CheckpointDamaged(f"{path} is not a regular file; restore it or {START_AGAIN}")
        return path.read_bytes()

    def keep(self, name: str, as_: str) -> None:
        """Let what a file holds now stay under a second name when the file itself is replaced.

        Nothing happens if there is no such file.

        A second name for the same bytes is free, and there is no instant at which the first one is missing.
        """
        temporary = self.path / f"{_beginning(as_)}{secrets.token_hex(8)}"
        try:
            os.link(self.path / name, temporary, follow_symlinks=False)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            self.put(as_, self.get(name))
            return
        try:
            temporary.rename(self.path / as_)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def names(self) -> list[str]:
        """Names of the finished files, sorted."""
        if not self.path.is_dir():
            return []
        return sorted(p.name for p in self.path.iterdir() if p.is_file() and not p.name.startswith(TEMPORARY))

    def remove(self, name: str) -> None:
        """Remove a file; a missing one is no error."""
        (self.path / name).unlink(missing_ok=True)

    def sweep(self, name: str | None = None) -> None:
        """Remove what killed writers left behind: of one file, or of all.

        Only for the attempt that owns the file, or the folder; of one file also for who is ``alone``.
        """
        for path in self.path.glob(f"{TEMPORARY if name is None else _beginning(name)}*"):
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def alone(self) -> Generator[None]:
        """A block for one at a time, in a folder that no attempt owns: by a lock on the folder, which needs no file."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with contextlib.suppress(OSError):  # of a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def lock(self, name: str, seconds: float | None = None) -> Generator[None]:
        """Hold an exclusive lock for the block; see ``Lock.acquire``."""
        lock = self.open_lock(name)
        try:
            with lock.held(seconds):
                yield
        finally:
            lock.close()

    def open_lock(self, name: str) -> "Lock":
        """The lock of that name, for whoever holds it again and again."""
        return Lock(self.path, name)


class Lock:
    """An exclusive lock; the kernel releases it when the process dies.

    Whoever has it open never waits for itself, even if it was interrupted where it could not let the lock go.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / name
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            give_to_owner(self._descriptor, folder)
        except BaseException:
            self.close()
            raise

    @contextlib.contextmanager
    def held(self, seconds: float | None = None) -> Generator[None]:
        """Hold it for the block; see ``acquire``."""
        self.acquire(seconds)
        try:
            yield
        finally:
            self.let_go()

    def share(self) -> None:
        """Wait until nobody holds it alone, and hold it together with others."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def is_alone(self) -> bool:
        """Hold it if nobody else does; whether that is so."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def acquire(self, seconds: float | None = None) -> None:
        """Wait for it, and hold it.

        Args:
            seconds: how long to wait for it at most; None = as long as it takes.

        Raises:
            TimeoutError: somebody has held it all the time.
            FileNotFoundError: the folder was removed, or put in another's place, while this waited for the lock.
        """
        if seconds is None:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        else:
            _lock_within(self._descriptor, seconds)
        try:
            held, there = os.fstat(self._descriptor), self._path.stat()
            if (held.st_dev, held.st_ino) != (there.st_dev, there.st_ino):
                raise FileNotFoundError(errno.ENOENT, "removed by another process meanwhile", str(self._path.parent))
        except BaseException:
            self.let_go()
            raise

    def let_go(self) -> None:
        """Let others have it."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let it go for good."""
        os.close(self._descriptor)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _beginning(name: str) -> str:
    """How the names of a file's temporary files begin: as short for a long name as for another."""
    return f"{TEMPORARY}{hashlib.sha256(name.encode()).hexdigest()[:8]}-"


def _lock_within(descriptor: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None
            time.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
