"""Compressed streams that are damaged: everything that comes out of them before the damage, and whether to believe it.

A checksum stands at the end of a stream. Where a byte of it was changed, what comes out may go on for a while, and look
right, before the decompressor notices, or it notices at the end only. What comes out of a stream that just stops is
what went in.
"""

import bz2
import lzma
import mmap
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol

from skype_assets.etl.export.unpacking import check_expansion

ENDS_EARLY: Final = "the compressed data ends before it is complete"

_BLOCK: Final = 1 << 14
_SMALL_BLOCK: Final = 64
_AT_A_TIME: Final = 1 << 20
_DAMAGE: Final = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


@dataclass
class Unpacked:
    """What came out of a stream.

    Attributes:
        size: bytes that were written.
        end: where the stream ends in the compressed data, or where it is damaged.
        problem: what is wrong with it; empty if nothing is.
        is_garbled: whether bytes before the damage may be wrong, too.
        crc: CRC-32 of what was written.
    """

    size: int = 0
    end: int = 0
    problem: str = ""
    is_garbled: bool = False
    crc: int = 0


def raw_deflate() -> _Decompressor:
    """What unpacks the data of a zip entry."""
    return zlib.decompressobj(-zlib.MAX_WBITS)


_KINDS: Final[Mapping[bytes, Callable[[], _Decompressor]]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS),
    b"BZ": bz2.BZ2Decompressor,
    b"\xfd7": lzma.LZMADecompressor,
}
_stream_begins = re.compile(rb"\x1f\x8b\x08[\0-\x1f]|BZh[1-9]1AY&SY|\xfd7zXZ\0")


def begins_stream(data: mmap.mmap) -> bool:
    """Whether a file begins as a compressed one."""
    return _stream_begins.match(data) is not None


def unpack(data: mmap.mmap, begin: int, end: int, decompressor: _Decompressor, file: BinaryIO, name: str) -> Unpacked:
    """Append to a file what comes out of one stream, which begins in a range of ``data``.

    Raises:
        InvalidExport: it is a decompression bomb.
    """
    done = Unpacked(end=begin)

    def write(piece: bytes) -> None:
        file.write(piece)
        done.size += len(piece)
        done.crc = zlib.crc32(piece, done.crc)
        check_expansion(done.end - begin + _BLOCK, done.size, name)

    # What a block had before the damage can be had again from a copy; where there are no copies, little is lost.
    length = _BLOCK if isinstance(decompressor, _Zlib) else _SMALL_BLOCK
    while not decompressor.eof and done.end < end:
        block = data[done.end : min(done.end + length, end)]
        spare = decompressor.copy() if isinstance(decompressor, _Zlib) else None
        position = file.tell()
        before = done.size, done.crc
        try:
            for piece in _pieces(decompressor, block):
                write(piece)
        except _DAMAGE as error:
            file.seek(position)
            file.truncate()
            done.size, done.crc = before
            if spare is not None:
                done.end += _up_to_damage(spare, block, write)
            # A block of bzip2 has its own checksum: nothing of a damaged one comes out.
            done.problem, done.is_garbled = str(error), not isinstance(decompressor, bz2.BZ2Decompressor)
            return done
        done.end += len(block) - len(decompressor.unused_data)
    if not decompressor.eof:
        done.problem = ENDS_EARLY
    return done


def unpack_all(data: mmap.mmap, file: BinaryIO, name: str, first: int = 0) -> Iterator[tuple[int, Unpacked]]:
    """Append to a file what comes out of a compressed file, stream after stream.

    Behind a damaged one the next is looked for. Each comes with where it begins in the compressed file. ``first`` is
    where the data of a first stream begins whose header is damaged.
    """
    position = 0
    if first:
        done = unpack(data, first, len(data), raw_deflate(), file, name)
        done.problem = done.problem or "a damaged header of the compressed data"
        yield 0, done
        position = done.end
    while found := _stream_begins.search(data, position):
        begin = found.start()
        done = unpack(data, begin, len(data), _KINDS[found[0][:2]](), file, name)
        yield begin, done
        # What is damaged may have swallowed the beginning of the next.
        position = begin + 1 if done.problem else done.end


_Zlib: Final = type(zlib.decompressobj())


def _pieces(decompressor: _Decompressor, block: bytes) -> Iterator[bytes]:
    while block or not getattr(decompressor, "needs_input", True):
        yield decompressor.decompress(block, _AT_A_TIME)
        block = getattr(decompressor, "unconsumed_tail", b"")
        if decompressor.eof:
            return


def _up_to_damage(decompressor: _Decompressor, block: bytes, write: Callable[[bytes], None]) -> int:
    """Unpack a block a byte at a time; returns how many bytes were sound."""
    for index in range(len(block)):
        try:
            for piece in _pieces(decompressor, block[index : index + 1]):
                write(piece)
        except _DAMAGE:
            return index
    return len(block)
