"""Entries of a zip: which compression this program reads, and what is in them.

A zip of another method is sound: Windows packs what is over 2 GB with Deflate64, other programs have methods of their
own (format reference, 10).
"""

import zipfile
from collections.abc import Callable
from typing import BinaryIO, Final

from skype_assets.etl.errors import InvalidExport
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
