"""Entries of a damaged zip: told by its directory, which may be gone, and by the headers before their data.

An entry has a checksum. One that fits says which of several tellings of the same entry is right; messages are taken
without, media are not.
"""

import mmap
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.members import clean_name, is_archive, is_messages
from skype_assets.etl.export.raw_part import Unreadable
from skype_assets.etl.export.salvage_streams import Unpacked, raw_deflate, unpack
from skype_assets.etl.export.salvaged import ENDS_WITHIN, Salvaged
from skype_assets.etl.export.unpacking import readable

LOCAL_MARK: Final = b"PK\3\4"

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_OTHER_MARKS: Final = (LOCAL_MARK, b"PK\1\2", b"PK\5\6", b"PK\6\6")
_DESCRIPTOR: Final = b"PK\7\10"
_DESCRIPTOR_LENGTHS: Final = (0, 12, 16, 20, 24)
_SIZE_FOLLOWS: Final = 0xFFFFFFFF
_ZIP64: Final = 1
_ENCRYPTED, _HAS_DESCRIPTOR, _UTF8 = 1, 8, 0x800
_NEWEST: Final = 63
_LONGEST_NAME: Final = 4096
_WRONG_CHECKSUM: Final = "the checksum does not match"


@dataclass(frozen=True)
class _Entry:
    """What is told of an entry. ``packed`` is None where only the data itself tells how long it is."""

    name: str
    at: int
    data: int
    method: int
    packed: int | None
    crc: int | None
    is_encrypted: bool


@dataclass(frozen=True)
class _Content:
    """What a telling of an entry comes to: a range of a file.

    ``end`` is where the entry ends in the archive, ``damaged_at`` where what is wrong with it begins there.
    """

    file: BinaryIO
    offset: int
    size: int
    end: int
    problem: str = ""
    is_garbled: bool = False
    damaged_at: int = 0


def zip_members(
    file: BinaryIO,
    data: mmap.mmap,
    name: str,
    private_file: Callable[[], BinaryIO],
    is_wanted: Callable[[str], bool],
) -> Iterator[Salvaged | Unreadable]:
    """The members that are wanted and there, cut short or not, and what lies between them.

    Args:
        file: the archive.
        data: the same, mapped.
        name: what it is called.
        private_file: makes files for what is unpacked; the member's is closed when the next one is asked for.
        is_wanted: whether a member of that name is.
    """
    listed = _listed(file, data, name)
    borders = sorted({*listed, _directory(data)})
    position = 0
    while (at := _next_entry(data, position, listed)) < len(data):
        tellings = [*listed.get(at, ())]
        if (local := _local(data, at)) is not None:
            tellings.append(local)
            tellings += [replace(one, data=local.data) for one in tellings if one.data != local.data]
        border = next((place for place in borders if place > at), len(data))
        tellings += [
            replace(one, data=border - length - one.packed)
            for one in listed.get(at, ())
            if one.packed is not None
            for length in _DESCRIPTOR_LENGTHS
            if border - length - one.packed > at
        ]
        if at > position and data[position:at].strip(b"\0") and not _is_descriptor(data, position, at):
            yield Unreadable(name, position, at - position, "no entry of the archive")
        names = [one.name for one in tellings]
        member = next(filter(is_messages, names), next(filter(is_wanted, names), names[0]))
        if all(one.is_encrypted for one in tellings) or not is_wanted(member):
            ends = [one.data + one.packed for one in tellings if one.packed is not None]
            position = max(at + 1, min(ends, default=at + 1))
            continue
        content = _content(file, data, tellings, private_file, member)
        position = max(content.end, at + 1)
        is_kept = not content.problem or is_messages(member) or is_archive(member)
        if is_kept:
            believed = content.size if content.is_garbled else 0
            yield Salvaged(member, content.file, content.offset, content.size, not content.problem, believed)
        if content.file is not file and not is_archive(member):
            content.file.close()
        if content.problem:
            begin = content.damaged_at if is_kept else at
            yield Unreadable(name, begin, max(content.end - begin, 0), f"{member}: {content.problem}")
    if not listed:
        yield Unreadable(name, position, max(len(data) - position, 0), "the directory of the archive")


def _listed(file: BinaryIO, data: mmap.mmap, name: str) -> dict[int, list[_Entry]]:
    """The entries that the directory tells, by where they begin."""
    try:
        with readable(name), zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except InvalidExport:
        return {}
    found: dict[int, list[_Entry]] = {}
    for entry in entries:
        at = entry.header_offset
        if at >= 0 and at + _LOCAL.size <= len(data) and not entry.is_dir():
            *_, name_length, extra_length = _LOCAL.unpack_from(data, at)
            told = _Entry(
                clean_name(entry.filename), at, at + _LOCAL.size + name_length + extra_length, entry.compress_type,
                entry.compress_size, entry.CRC, bool(entry.flag_bits & _ENCRYPTED),
            )  # fmt: skip
            found.setdefault(at, []).append(told)
    return found


def _directory(data: mmap.mmap) -> int:
    """Where the directory begins, as far as its first mark is there."""
    at = data.rfind(b"PK\5\6")
    if at >= 0 and at + 20 <= len(data):
        (offset,) = struct.unpack_from("<L", data, at + 16)
        if offset < at:
            return offset
    return len(data)


def _next_entry(data: mmap.mmap, position: int, listed: dict[int, list[_Entry]]) -> int:
    places = [at for at in listed if at >= position]
    while (at := data.find(LOCAL_MARK, position)) >= 0:
        if _local(data, at) is not None:
            places.append(at)
            break
        position = at + 1
    return min(places, default=len(data))


def _local(data: mmap.mmap, at: int) -> _Entry | None:
    """What the header before the data of an entry tells; None if there is none that can be."""
    if data[at : at + 4] != LOCAL_MARK or at + _LOCAL.size > len(data):
        return None
    _, version, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack_from(data, at)
    begin = at + _LOCAL.size + name_length + extra_length
    if version & 0xFF > _NEWEST or not 0 < name_length <= _LONGEST_NAME or begin > len(data):
        return None
    raw = data[at + _LOCAL.size : at + _LOCAL.size + name_length]
    name = clean_name(raw.decode("utf-8" if flags & _UTF8 else "cp437", "replace"))
    told: int | None = packed
    if packed == _SIZE_FOLLOWS:
        told = _zip64_size(data[begin - extra_length : begin], is_second=size == _SIZE_FOLLOWS)
    is_told = not (flags & _HAS_DESCRIPTOR and not packed)
    return _Entry(
        name, at, begin, method, told if is_told else None, crc if is_told else None, bool(flags & _ENCRYPTED)
    )


def _zip64_size(extra: bytes, *, is_second: bool) -> int | None:
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        value = extra[position + 4 : position + 4 + length]
        if kind == _ZIP64 and len(value) >= 8 * (1 + is_second):
            return struct.unpack_from("<Q", value, 8 * is_second)[0]
        position += 4 + length
    return None


def _content(
    file: BinaryIO, data: mmap.mmap, tellings: list[_Entry], private_file: Callable[[], BinaryIO], name: str
) -> _Content:
    """What the telling comes to whose checksum fits; else the one that comes to most."""
    best: _Content | None = None
    for one in dict.fromkeys(tellings):
        content = _told(file, data, one, private_file, name)
        if best is None or not content.problem or content.size > best.size:
            best, content = content, best
        if content is not None and content.file is not file:
            content.file.close()
        if not best.problem:
            break
    assert best is not None, "somebody tells of it"
    return best


def _told(file: BinaryIO, data: mmap.mmap, one: _Entry, private_file: Callable[[], BinaryIO], name: str) -> _Content:
    told_end = len(data) if one.packed is None else one.data + one.packed
    end = min(told_end, len(data))
    if one.method == zipfile.ZIP_STORED:
        crc = one.crc
        if one.packed is None:
            end, crc = _stored_end(data, one.data)
            told_end = end
        problem = ""
        if told_end > len(data) or crc is None:
            problem = ENDS_WITHIN
        elif _crc(data, one.data, end) != crc:
            problem = _WRONG_CHECKSUM
        return _Content(file, one.data, max(end - one.data, 0), max(told_end, end), problem, damaged_at=end)
    if one.method != zipfile.ZIP_DEFLATED:
        problem = f"is compressed in a way that is not read here (method {one.method})"
        return _Content(file, one.data, 0, end, problem, damaged_at=one.at)
    unpacked = private_file()
    done = unpack(data, one.data, end, raw_deflate(), unpacked, name)
    unpacked.flush()
    crc = one.crc if one.packed is not None else _descriptor_crc(data, done)
    if not done.problem and crc != done.crc:
        done.problem, done.is_garbled = _WRONG_CHECKSUM, True
    # Of what says nothing of its length the end is where the stream ends, or is damaged.
    behind = done.end if one.packed is None else max(told_end, done.end)
    return _Content(unpacked, 0, done.size, behind, done.problem, done.is_garbled, done.end)


def _descriptor_crc(data: mmap.mmap, done: Unpacked) -> int | None:
    """The checksum behind the data of an entry that was written without knowing it."""
    at = done.end + 4 * (data[done.end : done.end + 4] == _DESCRIPTOR)
    return int.from_bytes(data[at : at + 4], "little") if at + 4 <= len(data) else None


def _stored_end(data: mmap.mmap, begin: int) -> tuple[int, int | None]:
    """Where stored data ends that only the descriptor behind it tells, and its checksum; None if it is cut."""
    position = begin
    while (at := data.find(_DESCRIPTOR, position)) >= 0 and at + 12 <= len(data):
        crc, packed = struct.unpack_from("<LL", data, at + 4)
        if packed == (at - begin) & 0xFFFFFFFF:
            return at, crc
        position = at + 1
    ends = [place for mark in _OTHER_MARKS if (place := data.find(mark, begin)) >= 0]
    return min(ends, default=len(data)), None


def _is_descriptor(data: mmap.mmap, begin: int, end: int) -> bool:
    """Whether the bytes between two entries are what stands behind the first of them."""
    return end - begin in _DESCRIPTOR_LENGTHS


def _crc(data: mmap.mmap, begin: int, end: int) -> int:
    crc = 0
    for start in range(begin, end, 1 << 20):
        crc = zlib.crc32(data[start : min(start + (1 << 20), end)], crc)
    return crc
