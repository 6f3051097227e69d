"""How large an export is - its messages and its media -, without reading it: what a run needs is asked beforehand."""

import os
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Final

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.form import form_of
from skype_assets.etl.export.members import is_archive, is_media, is_messages, printable
from skype_assets.etl.export.source import folder_files, is_folder
from skype_assets.etl.export.unpacking import TarInput, decompressor, readable, tar_headers


@dataclass(frozen=True)
class ExportSize:
    """Bytes of an export's ``messages.json``, of its media, and of what of both has to be unpacked."""

    messages: int
    media: int
    unpacked: int


_NONE: Final = ExportSize(0, 0, 0)


def export_size(path: Path) -> ExportSize:
    """The sizes that an export's headers tell; 0 of what is no export, which whoever opens it refuses."""
    try:
        if is_folder(path):
            return _of_members((name, file.stat().st_size, False) for name, file in folder_files(path))
        with path.open("rb") as file, readable(printable(path.name)):
            return _in_file(file, path)
    except InvalidExport:
        return _NONE


def _in_file(file: BufferedReader, path: Path) -> ExportSize:
    name = printable(path.name)
    form = form_of(file, name, path)
    if form in ("json", "compressed"):  # how large that becomes, nobody knows before it is unpacked
        size = os.fstat(file.fileno()).st_size
        return ExportSize(size, 0, size if form == "compressed" else 0)
    if form == "zip":
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
        return _of_members(  # media are read where they are, compressed or not
            (e.filename, e.file_size, e.compress_type != zipfile.ZIP_STORED and is_messages(e.filename))
            for e in entries
        )
    stream = decompressor(file) if form == "tar.gz" else None
    headers = tar_headers(TarInput(file, stream, name), name)
    return _of_members((header.name, header.size, stream is not None) for header in headers)


def _of_members(members: Iterable[tuple[str, int, bool]]) -> ExportSize:
    """What names, sizes and compression of members tell: an archive among them is unpacked with all that is in it."""
    messages = media = unpacked = nested = 0
    for name, size, is_compressed in members:
        if is_messages(name):
            messages += size
        elif is_media(name):
            media += size
        elif is_archive(name):
            nested = max(nested, size)
            continue
        else:
            continue
        unpacked += size if is_compressed else 0
    return ExportSize(messages, media, unpacked) if messages or media else ExportSize(nested, nested, nested)
