"""Members of a damaged tar archive: up to the damage, and behind it from the next header on that is whole.

A header has a checksum, its data has none. A member whose own header is damaged is lost; but for the messages, which
are known by what they are.
"""

import mmap
import re
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, Final

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.members import clean_name, is_messages
from skype_assets.etl.export.raw_part import Unreadable
from skype_assets.etl.export.salvaged import ENDS_WITHIN, MESSAGES_MEMBER, Salvaged, holds_messages
from skype_assets.etl.export.unpacking import TarInput, readable, tar_headers

_MAGIC: Final = b"ustar"
_MAGIC_AT: Final = 257
_BLOCK: Final = tarfile.BLOCKSIZE
_DAMAGED_HEADER: Final = "a damaged header of the archive"
_anything = re.compile(rb"[^\0]")


def next_header(data: mmap.mmap, position: int) -> int:
    """Where the next header begins that is whole, from a position on; the end of the file if there is none."""
    while (at := data.find(_MAGIC, position + _MAGIC_AT)) >= 0:
        begin = at - _MAGIC_AT
        try:
            tarfile.TarInfo.frombuf(data[begin : begin + _BLOCK], "utf-8", "replace")
        except tarfile.HeaderError:
            position = begin + 1
        else:
            return begin
    return len(data)


def tar_members(file: BinaryIO, data: mmap.mmap, name: str) -> Iterator[Salvaged | Unreadable]:
    """The members that are there, cut short or not, and what lies between them; ``name`` is the archive's."""
    position, has_messages = 0, False
    while position < len(data):
        end = position
        try:
            tar = TarInput(file, None, name)
            tar.seek(position)
            with readable(name):
                for header in tar_headers(tar, name):
                    size = header.size if header.isreg() else 0
                    if header.isreg() and not header.issparse():
                        member = clean_name(header.name)
                        has_messages = has_messages or is_messages(member)
                        there = max(0, min(size, len(data) - header.offset_data))
                        yield Salvaged(member, file, header.offset_data, there, is_whole=there == size)
                        if there < size:
                            yield Unreadable(member, there, size - there, ENDS_WITHIN)
                    end = header.offset_data + -(-size // _BLOCK) * _BLOCK
            problem = "no header of the archive"
        except InvalidExport as error:
            problem = error.problem
        position = next_header(data, end + 1)
        gap = _anything.search(data, min(end, len(data)), position)
        if gap is None:
            continue
        header_end = min(end + _BLOCK, position)
        if not has_messages and _is_of_messages(data, end, header_end, position):
            has_messages = True
            yield Unreadable(name, end, header_end - end, _DAMAGED_HEADER)
            yield Salvaged(MESSAGES_MEMBER, file, header_end, _padded_end(data, header_end, position) - header_end)
        else:
            yield Unreadable(name, end, position - end, problem)


def _is_of_messages(data: mmap.mmap, begin: int, header_end: int, end: int) -> bool:
    name = data[begin : begin + 100].partition(b"\0")[0].decode("utf-8", "replace")
    return header_end < end and (is_messages(name) or holds_messages(data, header_end, end))


def _padded_end(data: mmap.mmap, begin: int, end: int) -> int:
    """Where a member ends that is padded with zeros."""
    last = begin
    for start in range(begin, end, 1 << 20):
        if stripped := data[start : min(start + (1 << 20), end)].rstrip(b"\0"):
            last = start + len(stripped)
    return last
