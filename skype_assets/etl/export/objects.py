"""Single members of an export that lies as it was delivered, to be shown: found by name, read in place.

A tar archive, a zip, a folder, or ``messages.json`` itself. In a compressed tar nothing can be read in place: whoever
wants its members unpacks it first. What is in ``messages.json`` is not looked at.
"""

import io
import os
import zipfile
from pathlib import Path
from typing import BinaryIO, Final

from skype_assets.etl.export.form import form_of
from skype_assets.etl.export.members import clean_name
from skype_assets.etl.export.source import folder_files, is_folder
from skype_assets.etl.export.unpacking import TarInput, readable, tar_headers

_ENCRYPTED: Final = 1


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

    Raises:
        InvalidExport: it is no export, or damaged.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[tuple[str, int], Path | int] = {}
        self._form = "folder" if is_folder(path) else ""
        if self._form:
            for name, file in folder_files(path):
                self._places[clean_name(name), file.lstat().st_size] = file
            return
        with path.open("rb") as file:
            self._form = form_of(file, path.name)
            if self._form == "tar":
                for header in tar_headers(TarInput(file, None, path.name), path.name):
                    if header.isreg() and not header.issparse():
                        self._places[clean_name(header.name), header.size] = header.offset_data
            elif self._form == "json":
                self._places[clean_name(path.name), path.stat().st_size] = path
            elif self._form == "zip":
                for position, entry in enumerate(_entries(file, path.name)):
                    if not entry.flag_bits & _ENCRYPTED:
                        self._places[clean_name(entry.filename), entry.file_size] = position

    def open(self, member: str, size: int) -> BinaryIO | None:
        """A member of that name and size, to be read and to be closed by the caller; None if there is none."""
        place = self._places.get((member, size))
        return None if place is None else self._opened(place, size)

    def open_only(self, member: str) -> BinaryIO | None:
        """The only member of that name, whatever its size; of a bare ``messages.json`` this, whatever its name is now.

        None if there is none, or several.
        """
        found = [(place, size) for (name, size), place in self._places.items() if name == member or self.is_document]
        return self._opened(*found[0]) if len(found) == 1 else None

    @property
    def is_document(self) -> bool:
        """Whether the export is a bare ``messages.json``."""
        return self._form == "json"

    def _opened(self, place: Path | int, size: int) -> BinaryIO:
        if isinstance(place, Path):
            return place.open("rb")
        if self._form == "zip":
            archive = zipfile.ZipFile(self._path)
            return _Entry(archive, archive.open(archive.infolist()[place]))
        return io.BufferedReader(_Range(self._path, place, size))


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


class _Range(io.RawIOBase):
    """A range of a file as a file of its own."""

    def __init__(self, path: Path, begin: int, size: int) -> None:
        self._file = path.open("rb", buffering=0)
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
        count = os.preadv(self._file.fileno(), [view], self._begin + self._position) if len(view) else 0
        self._position += count
        return count

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
