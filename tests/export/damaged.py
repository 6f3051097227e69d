"""Exports to be damaged, in every container, and what an independent reader finds in the damaged ones.

That reader knows nothing of how an export is read: it tries Python's own decoder at every brace. A message is an object
that has the names of one.
"""

import bz2
import gzip
import io
import json
import lzma
import random
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

OBJECT = "media/0-weu-d4-f08fdde142b15a71193dfd6abe4c0174"
_decoder = json.JSONDecoder(strict=False)


def document(conversations: int = 7, messages: int = 12) -> bytes:
    """A ``messages.json`` of all that a reader may stumble over, with messages as exports have them."""
    drawn = random.Random(5)
    words = ["harbour", "tea", "{", "}", "[", "]", '"', "\\", "ü", "🙂", '{"id":"1","conversationid":"8:x"}', "\n", ","]
    listed = []
    for number in range(conversations):
        conversation_id = f"8:live:person.{number}"
        of_it = [
            {
                "id": str(1730829852000 + 1000 * number + place),
                "displayName": None if place % 3 else "Teo <b>{Lindqvist}",
                "originalarrivaltime": "2024-11-05T18:04:11.482Z",
                "messagetype": "RichText",
                "version": 1730829852000 + place,
                "content": " ".join(drawn.choices(words, k=drawn.randrange(12))),
                "conversationid": conversation_id,
                "from": conversation_id,
                "properties": {"emotions": [{"key": "heart", "users": [{"mri": "8:a", "time": 1}]}]}
                if place % 5 == 2
                else None,
                "amsreferences": None,
            }
            for place in range(messages)
        ]
        listed.append(
            {
                "id": conversation_id,
                "displayName": f"Person {number}",
                "version": 1730829852000.0,
                "properties": {"conversationblocked": False},
                "threadProperties": None,
                "MessageList": of_it,
            }
        )
    whole = {"userId": "8:live:mara.ostrow", "exportDate": "2024-11-06T20:55", "conversations": listed}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def members(text: bytes) -> dict[str, bytes]:
    """The members of an archive, the messages between others."""
    picture = random.Random(6).randbytes(900)
    return {"endpoints.json": b"{}", "messages.json": text, f"{OBJECT}.json": b"{}", f"{OBJECT}.1.jpeg": picture}


def tar(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return packed.getvalue()


class _Pipe(io.RawIOBase):
    """What cannot be gone back in: whoever writes a zip into it puts sizes and checksums behind the data."""

    def __init__(self) -> None:
        self.written = b""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # pyright: ignore[reportArgumentType]
        self.written += piece
        return len(piece)


def zipped(files: Mapping[str, bytes], method: int, *, is_piped: bool = False) -> bytes:
    packed, pipe = io.BytesIO(), _Pipe()
    with zipfile.ZipFile(pipe if is_piped else packed, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return pipe.written if is_piped else packed.getvalue()


@dataclass(frozen=True)
class Container:
    """How an export is kept: its file's ending, its bytes, and what of ``messages.json`` a damaged file still has.

    ``still`` gets the damaged bytes and where the first of them is that is not what it was (None if all are, to the
    end); it returns what must be read, and whether that may go on behind it with bytes that are wrong.
    """

    ending: str
    whole: bytes
    still: Callable[[bytes, int | None], tuple[bytes, bool]]


def _in_place(text: bytes, packed: bytes) -> Callable[[bytes, int | None], tuple[bytes, bool]]:
    begin = packed.index(text)
    return lambda damaged, _: (damaged[begin : begin + len(text)], False)


def _unpacked(
    new: Callable[[], "zlib._Decompress | bz2.BZ2Decompressor | lzma.LZMADecompressor"],
    find: Callable[[bytes], bytes],
    begin: int = 0,
    step: int = 1,
) -> Callable[[bytes, int | None], tuple[bytes, bool]]:
    """What comes out of the bytes before the first that is wrong."""

    def still(damaged: bytes, at: int | None) -> tuple[bytes, bool]:
        decompressor, found = new(), b""
        sound = damaged if at is None else damaged[: begin + max(0, at - begin) // step * step]
        if at is not None and at < begin:
            return b"", True
        try:
            found = decompressor.decompress(sound[begin:])
        except (zlib.error, OSError, lzma.LZMAError, EOFError):
            found = b""
        return find(found), at is not None

    return still


def containers(text: bytes) -> Iterator[tuple[str, Container]]:
    """Every container, with the same export in it."""
    files, packed = members(text), tar(members(text))
    begin = packed.index(text)

    def of_tar(unpacked: bytes) -> bytes:
        return unpacked[begin : begin + len(text)]

    yield "json", Container(".json", text, lambda damaged, _: (damaged, False))
    yield "tar", Container(".tar", packed, _in_place(text, packed))
    for name, method, is_piped in (("stored", 0, False), ("stored-piped", 0, True)):
        whole = zipped(files, method, is_piped=is_piped)
        yield f"zip-{name}", Container(".zip", whole, _in_place(text, whole))
    gzipped = gzip.compress(packed, mtime=0)
    yield "tar.gz", Container(".tar.gz", gzipped, _unpacked(lambda: zlib.decompressobj(31), of_tar))
    yield "tar.bz2", Container(".tar.bz2", bz2.compress(packed), _unpacked(bz2.BZ2Decompressor, of_tar, 0, 64))
    yield "tar.xz", Container(".tar.xz", lzma.compress(packed), _unpacked(lzma.LZMADecompressor, of_tar, 0, 64))
    for name, is_piped in (("deflated", False), ("deflated-piped", True)):
        whole = zipped(files, zipfile.ZIP_DEFLATED, is_piped=is_piped)
        data = whole.index(b"messages.json") + len("messages.json")
        still = _unpacked(lambda: zlib.decompressobj(-15), lambda unpacked: unpacked, data)
        yield f"zip-{name}", Container(".zip", whole, still)
    nested = zipped({"export.tar": packed}, zipfile.ZIP_DEFLATED)
    data = nested.index(b"export.tar") + len("export.tar")
    yield "tar-in-zip", Container(".zip", nested, _unpacked(lambda: zlib.decompressobj(-15), of_tar, data))


def stands_whole(text: bytes, begin: int, length: int) -> bool:
    """Whether a value stands there that ends after so many bytes."""
    try:
        return _decoder.raw_decode(text.decode("latin-1"), begin)[1] == begin + length
    except ValueError:
        return False


def messages_in(text: bytes) -> dict[int, int]:
    """The messages that stand whole in some text: their offsets and lengths."""
    characters, found, position = text.decode("latin-1"), dict[int, int](), 0
    while (position := characters.find("{", position)) >= 0:
        try:
            value, end = _decoder.raw_decode(characters, position)
        except (ValueError, RecursionError):
            value, end = None, position + 1
        if isinstance(value, dict) and {"id", "conversationid", "messagetype"} <= value.keys():
            found[position] = end - position
            position = end
        else:
            position += 1
    return found
