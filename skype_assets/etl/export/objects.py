"""Single members of an export that lies as it was delivered: found by name, read in place.

A tar archive, a zip, a folder, or ``messages.json`` itself. In a compressed tar nothing can be read in place: whoever
wants its members unpacks it first. What is in ``messages.json`` is not looked at.
"""

import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from skype_assets.etl.export.form import form_of
from skype_assets.etl.export.members import clean_name, printable
from skype_assets.etl.export.source import folder_files, is_folder
from skype_assets.etl.export.unpacking import TarInput, check_expansion, readable, tar_headers
from skype_assets.etl.export.zip_entries import require_readable

_ENCRYPTED: Final = 1
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bytes of a member are: whoever can read that file can read them.

    Attributes:
        path: the export, or in a folder the file itself.
        size: bytes of the member.
        offset: first byte of it in the file; None if it is compressed.
        entry: number of the entry in a zip; None elsewhere.
    """

    path: Path
    size: int
    offset: int | None = None
    entry: int | None = None


class Places:
    """Opens places, one after the other; the directory of a zip is read once."""

    def __init__(self) -> None:
        self._resources = ExitStack()
        self._archives: dict[Path, zipfile.ZipFile] = {}

    def __enter__(self) -> "Places":
        return self

    def __exit__(self, *_error: object) -> None:
        self._resources.close()

    def open(self, place: Place) -> BinaryIO:
        """The bytes of a place, to be read and closed before the next one is opened."""
        if place.entry is None:
            assert place.offset is not None, "only entries of zips are compressed"
            return in_range(os.open(place.path, os.O_RDONLY | os.O_CLOEXEC), place.offset, place.size)
        archive = self._archives.get(place.path)
        if archive is None:
            archive = self._archives[place.path] = self._resources.enter_context(zipfile.ZipFile(place.path))
        return open_entry(archive, archive.infolist()[place.entry])


def open_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> BinaryIO:
    """An entry of a zip under the cap on what it may become; its checksum is compared at its end."""
    require_readable(entry, clean_name(entry.filename))
    return io.BufferedReader(_Capped(archive, entry), _BLOCK)


def in_range(descriptor: int, begin: int, size: int) -> BinaryIO:
    """A range of a file as a file of its own, which closes the descriptor with itself."""
    return io.BufferedReader(_Range(descriptor, begin, size))


def blocks(content: BinaryIO, size: int, name: str) -> Iterator[bytes]:
    """The bytes of a member, which must be so many.

    Raises:
        InvalidExport: they are fewer or more, or damaged.
    """
    with readable(printable(name)):
        while size >= 0 and (block := content.read(_BLOCK)):
            size -= len(block)
            yield block
        if size:
            raise EOFError


def is_readable(path: Path) -> bool:
    """Whether single objects of an export can be read in place; errors as in ``Objects``."""
    if is_folder(path):
        return True
    with path.open("rb") as file:
        return form_of(file, path.name) in ("tar", "zip")


class Objects:
    """Where the members of an export are; it is gone through once, and opened for each object again.

    Args:
        path: the export.

    Attributes:
        is_document: whether the export is a bare ``messages.json``.

    Raises:
        InvalidExport: it is no export, or damaged.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._places: dict[tuple[str, int], Place] = {}
        self.is_document = False
        if is_folder(path):
            for name, file in folder_files(path):
                self._add(name, Place(file, file.lstat().st_size, 0))
            return
        with path.open("rb") as file:
            form = form_of(file, path.name)
            if form == "tar":
                for header in tar_headers(TarInput(file, None, path.name), path.name):
                    if header.isreg() and not header.issparse():
                        self._add(header.name, Place(path, header.size, header.offset_data))
            elif form == "json":
                self._add(path.name, Place(path, path.stat().st_size, 0))
                self.is_document = True
            elif form == "zip":
                for number, entry in enumerate(_entries(file, path.name)):
                    if not entry.flag_bits & _ENCRYPTED:
                        self._add(entry.filename, Place(path, entry.file_size, entry=number))

    def _add(self, name: str, place: Place) -> None:
        self._places[clean_name(name), place.size] = place

    def open(self, member: str, size: int) -> BinaryIO | None:
        """A member of that name and size, to be read and to be closed by the caller; None if there is none."""
        place = self._places.get((member, size))
        return None if place is None else self._opened(place)

    def open_only(self, member: str) -> BinaryIO | None:
        """The only member of that name, whatever its size; of a bare ``messages.json`` this, whatever its name is now.

        None if there is none, or several.
        """
        found = [place for (name, _), place in self._places.items() if name == member or self.is_document]
        return self._opened(found[0]) if len(found) == 1 else None

    def _opened(self, place: Place) -> BinaryIO:
        if place.entry is None:
            return Places().open(place)
        archive = zipfile.ZipFile(place.path)
        return _Entry(archive, archive.open(archive.infolist()[place.entry]))


def _entries(file: BinaryIO, name: str) -> list[zipfile.ZipInfo]:
    with readable(name):
        return zipfile.ZipFile(file).infolist()


class _Entry(io.BufferedReader):
    """An entry of a zip, which closes the archive with itself."""

    def __init__(self, archive: zipfile.ZipFile, entry: object) -> None:
        super().__init__(entry)  # pyright: ignore[reportArgumentType] - it reads and seeks as a raw file does
        self._archive = archive

    def close(self) -> None:
        """Close both."""
        super().close()
        self._archive.close()


class _Capped(io.RawIOBase):
    """An entry of a zip; more than the cap allows ends it."""

    def __init__(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        self._entry = entry
        self._stream = archive.open(entry)
        self._produced = 0

    def readable(self) -> bool:
        """It can be read, forwards."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Read as much as there is room for."""
        block = self._stream.read(len(buffer))
        buffer[: len(block)] = block
        self._produced += len(block)
        check_expansion(self._entry.compress_size, self._produced, printable(clean_name(self._entry.filename)))
        return len(block)

    def close(self) -> None:
        """Close it; the archive stays open."""
        self._stream.close()
        super().close()


class _Range(io.RawIOBase):
    """A range of a file as a file of its own."""

    def __init__(self, descriptor: int, begin: int, size: int) -> None:
        self._descriptor = descriptor
        self._begin, self._size, self._position = begin, size, 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read from any place."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Read what is left, or as much as there is room for."""
        view = memoryview(buffer)[: max(0, min(len(buffer), self._size - self._position))]
        count = os.preadv(self._descriptor, [view], self._begin + self._position) if len(view) else 0
        self._position += count
        return count

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()
