"""Entries of a zip: which compression this program reads, and what is in them.

A zip of another method is sound: Windows packs what is over 2 GB with Deflate64, other programs have methods of their
own (format reference, 10).
"""

import os
import struct
import zipfile
from collections.abc import Callable, Sequence
from typing import BinaryIO, Final

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export import trailing
from skype_assets.etl.export.members import printable
from skype_assets.etl.export.unpacking import UNPACK, check_expansion, spool, stream_blocks

_READABLE: Final = frozenset(
    {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
    | {getattr(zipfile, "ZIP_ZSTANDARD", zipfile.ZIP_STORED)}  # from Python 3.14 on
)
_NAMES: Final = {
    1: "Shrink", 2: "Reduce", 3: "Reduce", 4: "Reduce", 5: "Reduce", 6: "Implode", 9: "Deflate64", 10: "DCL Implode",
    16: "CMPSC", 18: "TERSE", 19: "LZ77", 20: "Zstandard", 93: "Zstandard", 94: "MP3", 95: "XZ", 96: "JPEG",
    97: "WavPack", 98: "PPMd", 99: "AES",
}  # fmt: skip

_LOCAL_HEADER: Final = struct.Struct("<26xHH")
_END: Final = struct.Struct("<4s16xH")
_END_MARK: Final = b"PK\5\6"
_LONGEST_COMMENT: Final = 0xFFFF
_LOOKED_AT: Final = 512
_BLOCK: Final = 1 << 20


def require_alone(archive: zipfile.ZipFile, file: BinaryIO, name: str) -> None:
    """Refuse a file with more than one zip in it: ``zipfile`` reads the last one.

    Raises:
        InvalidExport: another archive stands before or behind it.
    """
    size = os.fstat(file.fileno()).st_size
    begin = min((entry.header_offset for entry in archive.infolist()), default=0)
    if begin and _has_end(file, begin):
        problem = "another zip stands before the last one"
        raise InvalidExport(problem, member=name, offset=0, remedy=trailing.TAKE_APART)
    tail = max(0, size - _LONGEST_COMMENT - _END.size)
    last = os.pread(file.fileno(), size - tail, tail)
    place = last.rfind(_END_MARK)
    end = place + _END.size + _END.unpack_from(last, place)[1]
    if end < len(last):
        trailing.leave(last[end : end + _LOOKED_AT], name, tail + end)


def require_apart(entries: Sequence[zipfile.ZipInfo], file: BinaryIO, name: str) -> None:
    """Refuse a zip whose entries lie on each other: some kilobytes could be unpacked again and again.

    Raises:
        InvalidExport: together they are larger than the file.
    """
    size = os.fstat(file.fileno()).st_size
    if sum(entry.compress_size for entry in entries) > size:
        raise InvalidExport(f"its entries are larger together than the file, of {size} bytes", member=name)


def stored_at(file: BinaryIO, entry: zipfile.ZipInfo) -> int | None:
    """Where the bytes of an entry begin in the file; None if they are compressed, or its header is not there."""
    if entry.compress_type != zipfile.ZIP_STORED:
        return None
    header = os.pread(file.fileno(), _LOCAL_HEADER.size, entry.header_offset)
    if len(header) < _LOCAL_HEADER.size:
        return None
    return entry.header_offset + _LOCAL_HEADER.size + sum(_LOCAL_HEADER.unpack(header))


def _has_end(file: BinaryIO, size: int) -> bool:
    """Whether a zip ends within the first bytes of a file."""
    before = b""
    for offset in range(0, size, _BLOCK):
        block = os.pread(file.fileno(), min(_BLOCK, size - offset), offset)
        if _END_MARK in before + block:
            return True
        before = block[-len(_END_MARK) :]
    return False


def require_readable(entry: zipfile.ZipInfo, name: str) -> None:
    """Refuse an entry whose method this program does not have."""
    method = entry.compress_type
    if method not in _READABLE:
        called = f", {_NAMES[method]}" if method in _NAMES else ""
        problem = f"is compressed in a way that this program cannot read (method {method}{called})"
        raise InvalidExport(problem, member=printable(name), remedy=UNPACK)


def unpacked_entry(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, private_file: Callable[[], BinaryIO]
) -> BinaryIO:
    """The content of an entry in a file that only this process sees, at its beginning."""
    require_readable(entry, name)
    produced = 0

    def advance(count: int) -> None:
        nonlocal produced
        produced += count
        check_expansion(entry.compress_size, produced, printable(name))

    file = private_file()
    with archive.open(entry) as stream:
        spool(stream_blocks(stream, entry.file_size, advance), file)
        stream.read(1)  # at the end, the checksum is compared
    file.seek(0)
    return file
