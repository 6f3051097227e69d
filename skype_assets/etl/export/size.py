"""How large an export's ``messages.json`` is, without reading it: what a run will need is asked before it begins."""

import os
import zipfile
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Final

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.form import form_of
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
        with path.open("rb") as file, readable(printable(path.name)):
            return _in_file(file, path)
    except InvalidExport:
        return _NONE


def _in_file(file: BufferedReader, path: Path) -> MessagesSize:
    form, name = form_of(file, path), printable(path.name)
    if form == "json":
        return MessagesSize(os.fstat(file.fileno()).st_size, False)
    if form == "zip":
        with zipfile.ZipFile(file) as archive:
            entries = (entry for entry in archive.infolist() if is_messages(entry.filename))
            found = (MessagesSize(entry.file_size, entry.compress_type != zipfile.ZIP_STORED) for entry in entries)
            return next(found, _NONE)
    stream = decompressor(file, file.peek(8)) if form == "tar.gz" else None
    headers = tar_headers(TarInput(file, stream, name), name)
    sizes = (header.size for header in headers if is_messages(header.name))
    return MessagesSize(next(sizes, 0), stream is not None)
