"""How large an export's ``messages.json`` is, without reading it: what a run will need is asked before it begins."""

import os
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Final

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.form import form_of
from skype_assets.etl.export.members import is_archive, is_messages, printable
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
    name = printable(path.name)
    form = form_of(file, name, path)
    if form in ("json", "compressed"):  # how large that becomes, nobody knows before it is unpacked
        return MessagesSize(os.fstat(file.fileno()).st_size, form == "compressed")
    if form == "zip":
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
        return _of_members((e.filename, e.file_size, e.compress_type != zipfile.ZIP_STORED) for e in entries)
    stream = decompressor(file) if form == "tar.gz" else None
    headers = tar_headers(TarInput(file, stream, name), name)
    return _of_members((header.name, header.size, stream is not None) for header in headers)


def _of_members(members: Iterable[tuple[str, int, bool]]) -> MessagesSize:
    """What names, sizes and compression of members tell: an archive among them is unpacked with all that is in it."""
    nested = 0
    for name, size, is_compressed in members:
        if is_messages(name):
            return MessagesSize(size, is_compressed)
        if is_archive(name):
            nested = max(nested, size)
    return MessagesSize(nested, nested > 0)
