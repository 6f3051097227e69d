"""The store of media: the bytes of every object once, under their SHA-256, for all tasks of an output folder.

``<output>/media/ab/ab12...``: an object is written by the recipe of all checkpoint files, and never changed. A raw
checkpoint that names an object was recorded after the object was durable. Whoever adds objects shares the store's lock
until they are recorded; whoever removes what nobody refers to holds it alone. The kernel lets go of it when a process
dies.

In a working copy, the objects are in the store as well (``store_media``), and only what is there counts as kept: what
is added here is there after ``sync``, and what is only there is got when somebody opens it.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from skype_assets.etl.checkpoints.directory import Directory, sha256_of
from skype_assets.etl.checkpoints.store import side_by_side
from skype_assets.etl.checkpoints.store_media import FOLDER, StoreMedia
from skype_assets.etl.checkpoints.working_copy import WorkingCopy
from skype_assets.etl.places import give_to_owner

_LOCK: Final = "lock"
_BLOCK: Final = 1 << 20
_NOT_BY_SYSTEM: Final = (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)


class MediaStore:
    """The store of an output folder; it need not be there.

    Args:
        output_dir: the folder of all checkpoints.

    Attributes:
        in_store: what other machines have of it, too; None if the folder is no working copy.
    """

    def __init__(self, output_dir: Path) -> None:
        copy = WorkingCopy.of(output_dir)
        self._folder = Directory(output_dir / FOLDER)
        self._changed: set[Path] = set()
        self._added: set[bytes] = set()
        self.in_store = StoreMedia(copy.store) if copy is not None else None

    def path(self, sha256: bytes) -> Path:
        """Where an object is, or would be."""
        name = sha256.hex()
        return self._folder.path / name[:2] / name

    def sizes(self, wanted: Iterable[bytes]) -> dict[bytes, int]:
        """Sizes of the wanted objects that are there; in a store, those that are about to go are not."""
        if self.in_store is not None:
            return self.in_store.look(wanted)
        found = ((sha256, self.size_here(sha256)) for sha256 in wanted)
        return {sha256: size for sha256, size in found if size is not None}

    def __contains__(self, sha256: bytes) -> bool:
        """Whether an object is there; its bytes are not read."""
        return self.size_here(sha256) is not None or (self.in_store is not None and bool(self.in_store.look([sha256])))

    def is_whole(self, sha256: bytes, size: int) -> bool:
        """Whether an object is there, with that size and its bytes, which are read."""
        if self.in_store is not None:
            return self.in_store.is_whole(sha256, size)
        return self.is_here(sha256, size) and sha256_of(self.path(sha256)) == sha256.hex()

    def open(self, sha256: bytes, size: int) -> BinaryIO | None:
        """The bytes of an object, to be closed by the caller; None if it is not there."""
        return self.path(sha256).open("rb") if self.is_here(sha256, size) or self.fetch(sha256) else None

    def fetch(self, sha256: bytes) -> bool:
        """Get an object from the store, over whatever is here; False if it is not there, or there is no store."""
        if self.in_store is None:
            return False
        self._folder.make()
        with suppress(_NotThereError), self._folder.create(lambda: self._name(sha256), is_synced=False) as stream:
            if not self.in_store.get(sha256, stream):
                raise _NotThereError
            return True
        return False

    def size_here(self, sha256: bytes) -> int | None:
        """Bytes of an object that is in the folder; None if it is not."""
        try:
            status = self.path(sha256).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def is_here(self, sha256: bytes, size: int) -> bool:
        """Whether an object is in the folder, with that size; its bytes are not read."""
        return self.size_here(sha256) == size

    def holds(self, sha256: bytes, size: int) -> bool:
        """The same of an object that is about to be recorded; its name is durable after ``sync``.

        Whoever wrote it may have been killed before it was.
        """
        if not self.is_here(sha256, size):
            return False
        self._changed |= {self._folder.path, self.path(sha256).parent}
        self._added.add(sha256)
        return True

    def put(self, blocks: Iterable[bytes]) -> bytes:
        """Write an object and return its SHA-256; one that is there stays as it is. Durable after ``sync``."""
        digest, size = hashlib.sha256(), 0
        self._folder.make()
        created = self._folder.create(lambda: self._name(digest.digest()), is_synced=False)
        with suppress(_IsThereError), created as stream:
            for block in blocks:
                digest.update(block)
                stream.write(block)
                size += len(block)
            if self.holds(digest.digest(), size):
                raise _IsThereError
        return digest.digest()

    def copy(self, descriptor: int, begin: int, size: int, sha256: bytes, is_unchanged: Callable[[], bool]) -> bool:
        """Copy a range of a file whose SHA-256 is known, as ``put`` would write it; False if it cannot be trusted.

        Args:
            descriptor: of the file.
            begin: first byte of the range.
            size: its length.
            sha256: of its bytes, when they were read.
            is_unchanged: whether the file is what it was then; asked when all is copied.
        """
        self._folder.make()
        with suppress(_ChangedError), self._folder.create(lambda: self._name(sha256), is_synced=False) as stream:
            if _copy_range(descriptor, begin, size, stream) != size or not is_unchanged():
                raise _ChangedError
            return True
        return False

    def take(self, sha256: bytes, size: int, other: "MediaStore") -> None:
        """Have an object of another store, too: as a link where the file system can, as it never changes.

        Durable after ``sync``.
        """
        if self.holds(sha256, size) or (content := other.open(sha256, size)) is None:
            return
        self._folder.make()
        self._name(sha256)
        with content:
            try:
                os.link(other.path(sha256), self.path(sha256))
            except OSError:  # another file system, or one without links
                self.put(iter(lambda: content.read(_BLOCK), b""))

    def _name(self, sha256: bytes) -> str:
        name = sha256.hex()
        folder = self._folder.path / name[:2]
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
            give_to_owner(folder, self._folder.path)
            self._changed.add(self._folder.path)
        self._changed.add(folder)
        self._added.add(sha256)
        return f"{name[:2]}/{name}"

    def sync(self) -> None:
        """Make durable what was added since the last time: a folder is synced once, however many objects it got."""
        for folder in sorted(self._changed):
            Directory(folder).sync()
        self._changed.clear()
        if self.in_store is not None:
            there = self.in_store.look(self._added)
            new = [sha256 for sha256 in self._added if there.get(sha256) != self.size_here(sha256)]
            side_by_side(partial(self.in_store.put, sha256, self.path(sha256)) for sha256 in new)
        self._added.clear()

    @contextmanager
    def shared(self) -> Generator[None]:
        """A block in which objects are added and recorded; none goes meanwhile.

        What killed writers have left is removed before and after it, if nobody else is at work.
        """
        self._folder.make()
        lock = self._folder.open_lock(_LOCK)
        try:
            if lock.is_alone():
                self._folder.sweep()
            lock.share()
            yield
            if lock.is_alone():
                self._folder.sweep()
        finally:
            lock.close()

    @contextmanager
    def alone(self) -> Generator[bool]:
        """A block in which nobody adds objects; whether that is so."""
        if not self._folder.path.is_dir():
            yield True
            return
        lock = self._folder.open_lock(_LOCK)
        try:
            if is_alone := lock.is_alone():
                self._folder.sweep()
            yield is_alone
        finally:
            lock.close()

    def objects(self) -> Iterator[tuple[bytes, int]]:
        """SHA-256 and size of everything that is there, in order; in a store, of each writing."""
        return self.in_store.objects() if self.in_store is not None else self.objects_here()

    def objects_here(self) -> Iterator[tuple[bytes, int]]:
        """The same of what is in the folder."""
        if not self._folder.path.is_dir():
            return
        for folder in sorted(self._folder.path.iterdir()):
            for path in sorted(folder.iterdir()) if len(folder.name) == 2 and folder.is_dir() else ():
                with suppress(ValueError, FileNotFoundError):  # whatever else somebody put there is not ours
                    yield bytes.fromhex(path.name), path.lstat().st_size

    def remove(self, sha256: bytes) -> None:
        """Remove an object, within ``alone``: from the store, too, where it has to be damaged."""
        if self.in_store is not None:
            self.in_store.remove(sha256)
        self.remove_here(sha256)

    def remove_here(self, sha256: bytes) -> None:
        """Remove an object from the folder, within ``alone``."""
        self.path(sha256).unlink(missing_ok=True)


def _copy_range(descriptor: int, begin: int, size: int, stream: BinaryIO) -> int:
    """Copy by the system, where it can between these files; how many bytes there were."""
    done = 0
    try:
        while count := os.copy_file_range(descriptor, stream.fileno(), size - done, begin + done) if done < size else 0:
            done += count
    except OSError as error:
        if error.errno not in _NOT_BY_SYSTEM:
            raise
        stream.seek(done)
        while block := os.pread(descriptor, min(_BLOCK, size - done), begin + done):
            done += stream.write(block)
    return done


class _ChangedError(Exception):
    """A file is not what was hashed."""


class _NotThereError(Exception):
    """The store does not have the object."""


class _IsThereError(Exception):
    """The object is there already."""
