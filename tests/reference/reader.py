"""The members of an export (1.2, 1.3) and the byte positions of the values in ``messages.json`` (2.1).

Positions are found on the bytes decoded as Latin-1: there one character is one byte, and JSON's own characters are all
ASCII. The values themselves are read from the same bytes as UTF-8.
"""

import hashlib
import json
import re
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
BLANKS = re.compile(r"[ \t\n\r]*")
DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Member:
    """One file of the export. Only JSON files keep their bytes.

    ``offset`` is where they lie in the export, or in the file of a folder; None if they are compressed.
    """

    name: str
    size: int
    data: bytes
    sha256: bytes
    offset: int | None


@dataclass(frozen=True)
class Source:
    """An export as found on disk. ``messages`` is None in a files-only archive."""

    sha256: bytes
    size: int
    members: list[Member]
    messages: Member | None

    @property
    def export_id(self) -> str:
        return self.sha256.hex()[:16]


@dataclass(frozen=True)
class Document:
    """The bytes of a JSON file, and the same with one character for each byte."""

    data: bytes
    text: str


@dataclass(frozen=True)
class Span:
    """A JSON value within a document."""

    document: Document
    start: int
    end: int

    @property
    def bytes(self) -> bytes:
        return self.document.data[self.start : self.end]

    @property
    def value(self) -> Any:
        return json.loads(self.bytes.decode("utf-8", errors="replace"))

    @property
    def is_object(self) -> bool:
        return self.document.text[self.start] == "{"

    @property
    def is_array(self) -> bool:
        return self.document.text[self.start] == "["


def read_source(path: Path) -> Source:
    """Reads a .tar, .tar.gz, .zip, a folder, or a bare JSON file."""
    if path.is_dir():
        members = [
            _member(file.relative_to(path).as_posix(), file.read_bytes(), 0)
            for file in sorted(path.rglob("*"))
            if file.is_file()
        ]
        return Source(_folder_sha256(members, path), sum(m.size for m in members), members, _messages(members))
    sha256, size = hashlib.sha256(path.read_bytes()).digest(), path.stat().st_size
    if tarfile.is_tarfile(path):
        with tarfile.open(path) as tar:
            members = [_member(info.name, _tar_bytes(tar, info), info.offset_data) for info in tar if info.isreg()]
        if not _is_plain_tar(path):
            members = [replace(member, offset=None) for member in members]
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            files = [info for info in archive.infolist() if not info.is_dir()]
            members = [_member(info.filename, archive.read(info), _stored_at(path, info)) for info in files]
    else:
        bare = Member(path.name, size, path.read_bytes(), sha256, 0)
        return Source(sha256, size, [bare], bare)
    return Source(sha256, size, members, _messages(members))


def base_name(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def root(data: bytes) -> Span:
    """The whole JSON document, which may begin with a byte order mark."""
    document = Document(data, data.decode("latin-1"))
    span = _span(document, _skip(document.text, len(BYTE_ORDER_MARK) if data.startswith(BYTE_ORDER_MARK) else 0))
    if _skip(document.text, span.end) != len(data):
        raise ValueError(f"something follows the JSON document at byte {span.end}")
    return span


def object_members(span: Span) -> dict[str, Span]:
    """The values of a JSON object by key; of two equal keys the last stays."""
    text = span.document.text
    found: dict[str, Span] = {}
    position = _skip(text, span.start + 1)
    while text[position] != "}":
        key, position = DECODER.raw_decode(text, position)
        colon = _skip(text, position)
        found[key] = _span(span.document, _skip(text, colon + 1))
        position = _skip_comma(text, found[key].end)
    return found


def array_elements(span: Span) -> Iterator[Span]:
    """The elements of a JSON array."""
    text = span.document.text
    position = _skip(text, span.start + 1)
    while text[position] != "]":
        element = _span(span.document, position)
        yield element
        position = _skip_comma(text, element.end)


def _span(document: Document, start: int) -> Span:
    _, end = DECODER.raw_decode(document.text, start)
    return Span(document, start, end)


def _skip(text: str, position: int) -> int:
    match = BLANKS.match(text, position)
    assert match is not None
    return match.end()


def _skip_comma(text: str, position: int) -> int:
    position = _skip(text, position)
    return _skip(text, position + 1) if text[position] == "," else position


def _member(name: str, data: bytes, offset: int | None) -> Member:
    return Member(name, len(data), data if name.endswith(".json") else b"", hashlib.sha256(data).digest(), offset)


def _is_plain_tar(path: Path) -> bool:
    try:
        tarfile.open(path, "r:").close()
    except tarfile.ReadError:
        return False
    return True


def _stored_at(path: Path, info: zipfile.ZipInfo) -> int | None:
    """Where the bytes of an entry begin, behind its local header and what that says of its own length."""
    if info.compress_type != zipfile.ZIP_STORED:
        return None
    with path.open("rb") as file:
        file.seek(info.header_offset)
        name_length, extra_length = struct.unpack("<HH", file.read(30)[26:])
    return info.header_offset + 30 + name_length + extra_length


def _tar_bytes(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(info)
    assert file is not None
    return file.read()


def _messages(members: list[Member]) -> Member | None:
    """The ``messages.json`` nearest to the root; of two with one name the last, as when unpacked."""
    named = {member.name: member for member in members if base_name(member.name) == "messages.json"}
    return min(named.values(), key=lambda member: (member.name.count("/"), member.name), default=None)


def _folder_sha256(members: list[Member], path: Path) -> bytes:
    """Over the names, sizes and digests of a folder's files."""
    digest = hashlib.sha256()
    for member in sorted(members, key=lambda member: member.name):
        content = hashlib.sha256((path / member.name).read_bytes()).hexdigest()
        digest.update(f"{member.name}\0{member.size}\0{content}\n".encode())
    return digest.digest()
