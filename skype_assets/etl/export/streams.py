"""Compressed files of one stream or of several, one behind the other, as their own programs unpack them.

``bz2`` and ``lzma`` take whatever is no further stream for the end, and say nothing of it.
"""

import bz2
import io
import lzma
from collections.abc import Callable
from typing import BinaryIO, Final

from typing_extensions import Buffer

_BLOCK: Final = 1 << 16


class Streams(io.RawIOBase):
    """What a compressed file holds.

    Args:
        file: the file, at its beginning.
        beginning: bytes with which every stream begins.
        decoder: makes what decompresses one stream.

    Raises:
        OSError: what follows a stream is neither another one nor zeros.
        EOFError: the file ends within a stream.
    """

    def __init__(
        self, file: BinaryIO, beginning: bytes, decoder: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor]
    ) -> None:
        self._file = file
        self._beginning = beginning
        self._new = decoder
        self._decoder = decoder()

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Decompress as much as there is room for; 0 at the end."""
        room = memoryview(buffer)
        while True:
            data = b""
            if self._decoder.eof:
                if not (data := self._next_stream(self._decoder.unused_data)):
                    return 0
                self._decoder = self._new()
            elif self._decoder.needs_input and not (data := self._file.read(_BLOCK)):
                raise EOFError
            if found := self._decoder.decompress(data, len(room)):
                room[: len(found)] = found
                return len(found)

    def _next_stream(self, data: bytes) -> bytes:
        """The beginning of the next stream, given what was read behind the last one; nothing at the end."""
        data = data.lstrip(b"\0")
        while len(data) < len(self._beginning) and (more := self._file.read(_BLOCK)):
            data = (data + more).lstrip(b"\0")
        if data and not data.startswith(self._beginning):
            raise OSError("something else follows the end of the compressed data")
        return data
