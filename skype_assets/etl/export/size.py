"""How large an export's ``messages.json`` is, without reading it: what a run will need is asked before it begins."""

import os
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.members import is_messages, printable
from skype_assets.etl.export.source import folder_files, is_folder
from skype_assets.etl.export.unpacking import TarInput, decompressor, readable, tar_headers


@dataclass(frozen=True)
class MessagesSize:
    """Bytes of an export's ``messages.json``, and whether it has to be unpacked."""

    size: int
    is_compressed: bool


_NONE: Final = MessagesSize(0, False)


def messages_size(path: Path) -> MessagesSize:
    """The size that an export's headers tell; 0 of what is no export, which whoever opens it refuses."""
    try:
        if is_folder(path):
            sizes = [file.stat().st_size for name, file in folder_files(path) if is_messages(name)]
            return MessagesSize(sum(sizes), False)
        name = printable(path.name)
        with path.open("rb") as file, readable(name):
            return _in_file(file, name)
    except InvalidExport:
        return _NONE


def _in_file(file: BinaryIO, name: str) -> MessagesSize:
    start = file.read(tarfile.BLOCKSIZE)
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if start.startswith(b"PK"):
        with zipfile.ZipFile(file) as archive:
            entries = (entry for entry in archive.infolist() if is_messages(entry.filename))
            found = (MessagesSize(entry.file_size, entry.compress_type != zipfile.ZIP_STORED) for entry in entries)
            return next(found, _NONE)
    stream = decompressor(file, start)
    if stream is None and start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        return MessagesSize(size, False)
    headers = tar_headers(TarInput(file, stream, name), name)
    sizes = (header.size for header in headers if is_messages(header.name))
    return MessagesSize(next(sizes, 0), stream is not None)
