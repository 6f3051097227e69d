"""Decompression under a cap, into a file that only this process sees.

A tarball or a zip of some kilobytes can stand for terabytes (a decompression bomb). Text compresses to a tenth, very
repetitive text to a hundredth; what goes beyond a thousandth is refused once it has become large.
"""

import bz2
import errno
import gzip
import io
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, Final, cast

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export import trailing
from skype_assets.etl.export.json_syntax import CUT_SHORT
from skype_assets.etl.export.streams import Streams

MAX_EXPANSION: Final = 1000
"""Bytes that one compressed byte may become ..."""

FREE_EXPANSION: Final = 64 << 20
"""... once this many have come out."""

MAX_HEADER: Final = 1 << 20
"""Bytes of one header of a tar archive; ``tarfile`` holds a whole header in memory."""

Unpacked = gzip.GzipFile | io.BufferedReader
"""A compressed file's content."""

UNPACK: Final = "Unpack it and give the folder"

_BLOCK: Final = 1 << 20
_UNPACK_ELSEWHERE: Final = (
    "Unpack it with another program, such as 7-Zip, and give the folder; if none can, the file was cut short or damaged"
)
_DAMAGE: Final = (
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    ValueError,
    IndexError,
    OverflowError,
    RuntimeError,
)


@contextmanager
def readable(name: str) -> Generator[None, None, None]:
    """Turn what the unpacking libraries raise on damaged input into InvalidExport; errors of the system pass."""
    try:
        yield
    except EOFError as error:
        raise InvalidExport("the archive ends before it is complete", member=name, remedy=CUT_SHORT) from error
    except NotImplementedError as error:
        raise InvalidExport(
            f"has a form that this program cannot read ({error})", member=name, remedy=UNPACK
        ) from error
    except zipfile.BadZipFile as error:
        problem = f"the archive cannot be read ({error})"
        raise InvalidExport(problem, member=name, remedy=_UNPACK_ELSEWHERE) from error
    except _DAMAGE as error:
        raise InvalidExport(f"the archive is damaged ({error})", member=name, remedy=CUT_SHORT) from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # a damaged offset is an invalid argument
            raise
        raise InvalidExport(f"the archive is damaged ({error})", member=name, remedy=CUT_SHORT) from error


def decompressor(file: BinaryIO) -> Unpacked | None:
    """What a file holds, if its first bytes are those of gzip, bzip2 or xz; the file is at its beginning."""
    start = file.read(8)
    file.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return gzip.open(file)
    if start.startswith(b"BZh"):
        return io.BufferedReader(Streams(file, b"BZh", bz2.BZ2Decompressor))
    if start.startswith(b"\xfd7zXZ\0"):
        return io.BufferedReader(Streams(file, b"\xfd7zXZ\0", lzma.LZMADecompressor))
    return None


def check_expansion(compressed: int, produced: int, name: str) -> None:
    """Refuse a decompression bomb."""
    if produced > FREE_EXPANSION and produced > MAX_EXPANSION * max(compressed, 1):
        raise InvalidExport(
            f"{compressed} bytes unpack to more than {produced} bytes, over {MAX_EXPANSION} times as many",
            member=name,
            remedy="If it is a real export, unpack it yourself and give the folder",
        )


def spool(blocks: Iterator[bytes], file: BinaryIO) -> int:
    """Append blocks to a file; returns where they begin."""
    begin = file.seek(0, os.SEEK_END)
    for block in blocks:
        file.write(block)
    file.flush()
    return begin


def stream_blocks(stream: IO[bytes] | Unpacked, size: int, produced: Callable[[int], None]) -> Iterator[bytes]:
    """The next ``size`` bytes of a stream; EOFError if there are fewer."""
    while size:
        block = stream.read(min(size, _BLOCK))
        if not block:
            raise EOFError
        size -= len(block)
        produced(len(block))
        yield block


def all_blocks(stream: Unpacked, compressed: BinaryIO, name: str) -> Iterator[bytes]:
    """Everything in a compressed file, under the cap."""
    produced = 0
    while block := stream.read(_BLOCK):
        produced += len(block)
        check_expansion(compressed.tell(), produced, name)
        yield block


class TarInput:
    """What ``tarfile`` reads headers from: a plain tar, or a compressed one, then only forwards and under the cap."""

    def __init__(self, file: BinaryIO, stream: Unpacked | None, name: str) -> None:
        self.file = file
        self._stream, self._name = stream, name
        self._size = os.fstat(file.fileno()).st_size
        self._position = 0
        self._behind_header = 0
        self._given_back = b""
        self.last_block = b""

    def tell(self) -> int:
        """Position in the unpacked archive."""
        return self._position

    def read(self, size: int) -> bytes:
        """A header's block, or of what belongs to it a piece: ``tarfile`` of newer Pythons reads that in several."""
        begin = self._position - self._behind_header
        self._behind_header = self._behind_header + size if size > tarfile.BLOCKSIZE else 0
        if size < 0:
            raise InvalidExport(f"a header of {size} bytes", member=self._name, offset=begin)
        if self._behind_header > MAX_HEADER:
            raise InvalidExport(f"a header of more than {MAX_HEADER} bytes", member=self._name, offset=begin)
        self.last_block, self._given_back = self._given_back or (self._stream or self.file).read(size), b""
        self._advance(len(self.last_block))
        return self.last_block

    def next_archive(self) -> bool:
        """Behind the end of an archive: go to the next one, if another header follows the zeros.

        Raises:
            InvalidExport: what follows is an archive of another kind.
        """
        while block := self.read(tarfile.BLOCKSIZE):
            if not block.strip(b"\0"):
                continue
            try:
                tarfile.TarInfo.frombuf(block, "utf-8", "replace")
            except tarfile.HeaderError:
                trailing.leave(block, self._name, self._position - len(block))
                return False
            self._position -= len(block)
            self._given_back = block
            return True
        return False

    def seek(self, position: int) -> None:
        """Go to a header; EOFError if the archive ends before."""
        if position < self._position and (self._stream or position < 0):
            raise InvalidExport("a member of negative size", member=self._name, offset=self._position)
        if self._stream:
            for _ in self.blocks(position - self._position):
                pass
        elif position > self._size:
            raise EOFError
        else:
            self._position = self.file.seek(position)

    def blocks(self, size: int) -> Iterator[bytes]:
        """The data of the member whose header was read last."""
        return stream_blocks(self._stream or self.file, size, self._advance)

    def drain(self) -> None:
        """Read a compressed archive to its end, where its checksum is."""
        while self._stream and (block := self._stream.read(_BLOCK)):
            self._advance(len(block))

    def _advance(self, count: int) -> None:
        self._position += count
        if self._stream:
            check_expansion(self.file.tell(), self._position, self._name)


def tar_headers(tar_input: TarInput, name: str) -> Iterator[tarfile.TarInfo]:
    """The headers of a tar archive, in its order, and of those that follow it; InvalidExport unless all are whole.

    ``tarfile`` takes any damage after the first header for the end of the archive. An end is a block of zeros, or,
    as some writers leave that out, the end of the file right after a member. What ``cat`` or ``tar --concatenate`` put
    behind it is read, as ``tar --ignore-zeros`` does.
    """
    try:
        yield from _headers(tar_input)
        while tar_input.next_archive():
            yield from _headers(tar_input)
        tar_input.drain()
    except (tarfile.ReadError, EOFError) as error:
        problem = f"the archive ends before it is complete, or is damaged ({error or 'unexpected end of data'})"
        raise InvalidExport(problem, member=name, offset=tar_input.tell(), remedy=CUT_SHORT) from error


def _headers(tar_input: TarInput) -> Iterator[tarfile.TarInfo]:
    archive = tarfile.TarFile(fileobj=cast(IO[bytes], tar_input), encoding="utf-8", errors="replace")
    while header := archive.next():
        archive.members.clear()  # pyright: ignore[reportAttributeAccessIssue] - it would keep them all
        if header.size < 0:
            raise tarfile.ReadError("a member of negative size")
        yield header
    if tar_input.last_block.strip(b"\0"):
        raise tarfile.ReadError("a header that is none")
