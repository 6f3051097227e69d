"""The objects of ``media/``: ids, real little files, side files, and which of them are missing (sections 1.3 - 1.5)."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from skype_assets.etl.sample.document import compact, iso7

_MIME: Final = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "mp4": "video/mp4",
    "m4a": "audio/m4a",
    "pdf": "application/pdf",
    "plain": "text/plain",
}
_NAMES: Final = {
    "photo": ("garden gate.jpg", "image.png", "quay at dawn.jpg", "Пристань.jpg", "夕焼け.jpg", "otter & pup.jpg"),
    "file": ("minutes {n}.pdf", "plan {n}.txt", "смета {n}.pdf", "packing list.txt", 'tide "table".txt'),
    "video": ("5f0c7ab2-{n:04d}-4c1d-9c55-3b2a1d0e9f88.mp4", "launch {n}.mp4"),
    "voice": ("audio.m4a",),
    "recording": ("Video.mp4",),
}
_EXTENSIONS: Final = {"photo": "jpeg", "file": "plain", "video": "mp4", "voice": "m4a", "recording": "mp4"}


class Attachment(NamedTuple):
    """What a message says about its media object; whether the archive has it is another matter."""

    docid: str
    name: str
    size: int
    width: int
    height: int


@dataclass(frozen=True)
class MediaObject:
    """An object of the archive. Any of file, side file and preview can be missing; `empty` is a zero-byte file."""

    docid: str
    name: str
    extension: str
    sent_ms: int
    file: bool = True
    side_file: bool = True
    preview: bool = False
    empty: bool = False

    def members(self) -> Iterator[tuple[str, bytes]]:
        """Yield the archive members of this object with their bytes."""
        if self.side_file:
            types = {"1": {"type": _MIME[self.extension]}} | ({"2": {"type": "image/jpeg"}} if self.preview else {})
            side = {"expiry_date": iso7(self.sent_ms, year=3017), "filename": self.name, "contents": types}
            yield f"media/{self.docid}.json", compact(side).encode()
        if self.file:
            yield f"media/{self.docid}.1.{self.extension}", b"" if self.empty else _bytes(self.extension, self.docid)
        if self.preview:
            yield f"media/{self.docid}.2.jpeg", _jpeg(self.docid)


class Media:
    """Decides which attachments are in the archive, and keeps at most `limit` objects of them."""

    def __init__(self, rng: Random, limit: int) -> None:
        self.objects: list[MediaObject] = []
        self._rng, self._limit = rng, limit

    def attach(self, kind: str, sent_ms: int) -> Attachment:
        """Return a new attachment: 30 % of them are in the archive, 3 % only as side file, 1 % only as file (7.2)."""
        rng = self._rng
        name = rng.choice(_NAMES[kind]).format(n=rng.randrange(10_000))
        attachment = Attachment(
            docid(rng), name, rng.randrange(900, 4_000_000), *rng.choice(((1020, 765), (720, 1280)))
        )
        fate = rng.random()
        if fate < 0.34:
            self.keep(
                MediaObject(
                    attachment.docid,
                    name,
                    _extension(kind, name),
                    sent_ms,
                    file=fate < 0.30 or fate >= 0.33,
                    side_file=fate < 0.33,
                    preview=kind == "video" and fate < 0.30,
                )
            )
        return attachment

    def keep(self, item: MediaObject) -> None:
        """Put an object into the archive, unless it holds enough."""
        if len(self.objects) < self._limit:
            self.objects.append(item)


def docid(rng: Random) -> str:
    """Return a document id (1.5)."""
    return f"0-{rng.choice(('weu', 'neu', 'eus'))}-d{rng.randint(1, 15)}-{rng.getrandbits(128):032x}"


def _extension(kind: str, name: str) -> str:
    """The archive's extension follows the MIME subtype, not the name."""
    if name.endswith((".png", ".pdf")):
        return name[-3:]
    return _EXTENSIONS[kind]


def _bytes(extension: str, seed: str) -> bytes:
    match extension:
        case "jpeg":
            return _jpeg(seed)
        case "png":
            return _png(seed)
        case "mp4" | "m4a":
            return (
                struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 0, b"isom")
                + struct.pack(">I4s", 40, b"free")
                + (seed[-32:].encode())
            )
        case _:
            return f"invented file {seed}\n".encode()


def _png(seed: str) -> bytes:
    """Return a picture of 8 by 8 grey dots that differs from id to id."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    dots = seed[-32:].encode() * 2
    rows = b"".join(b"\0" + dots[row * 8 : row * 8 + 8] for row in range(8))
    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _jpeg(seed: str) -> bytes:
    """Return the smallest baseline picture: one block of one grey, and the id as a comment."""

    def segment(marker: int, body: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body

    def huffman(table: int, symbol: int) -> bytes:
        return bytes([table, 1, *([0] * 15), symbol])

    # The block: code 0 (a difference of seven bits), the difference, code 0 (end of block), padded with ones.
    grey = zlib.crc32(seed.encode()) % 128
    block = (grey << 8 | 0x7F).to_bytes(2, "big")
    return b"".join(
        (
            b"\xff\xd8",
            segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
            segment(0xFE, seed.encode()),
            segment(0xDB, bytes([0]) + bytes([8]) * 64),
            segment(0xC0, struct.pack(">BHHBBBB", 8, 8, 8, 1, 1, 0x11, 0)),
            segment(0xC4, huffman(0x00, 7)),
            segment(0xC4, huffman(0x10, 0)),
            segment(0xDA, bytes([1, 1, 0, 0, 63, 0])),
            block,
            b"\xff\xd9",
        )
    )
