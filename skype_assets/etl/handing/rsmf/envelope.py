"""The layers around a manifest: the zip with the files, and the e-mail. The same input gives the same bytes.

No clock, no random boundary, nothing compressed: review platforms find duplicates by hashes.
"""

import base64
import hashlib
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from functools import lru_cache
from os import SEEK_END
from pathlib import Path
from typing import IO, Final

MANIFEST: Final = "rsmf_manifest.json"
ZIP: Final = "rsmf.zip"
DOMAIN: Final = "skype.invalid"

CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
"""What is a space where something stands in a line."""

_PLAIN: Final = re.compile(r"[ -~]*")
_LOCAL: Final = re.compile(rb"[^A-Za-z0-9_-]")
_LONGEST_LOCAL: Final = 64
_LONGEST_WORD: Final = 500
_FIRST_YEAR: Final = 1900
_LINE: Final = 57
"""Bytes that are a line of base64."""


def pack(out: IO[bytes], manifest: IO[bytes], files: Mapping[str, Path]) -> None:
    """Write the zip: entries in the order of their names, stored as they are."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as packed:
        for name in sorted([MANIFEST, *files]):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o600 << 16
            with nullcontext(manifest) if name == MANIFEST else files[name].open("rb") as source:
                entry.file_size = source.seek(0, SEEK_END)
                with packed.open(entry, "w") as target:
                    for piece in _pieces(source, 1 << 20):
                        target.write(piece)


def envelope(out: IO[bytes], headers: Iterable[tuple[str, str]], seed: str, text: IO[bytes], packed: IO[bytes]) -> None:
    """Write the e-mail around a text and a zip.

    Args:
        out: where to.
        headers: names and values as they stand in it, see ``header`` and ``mailboxes``.
        seed: hex digits of the manifest's hash, from which the boundary is made.
        text: the text of the e-mail.
        packed: the zip.
    """
    boundary = f"rsmf-{seed[:32]}"
    lines = [
        *(f"{name}: {value}" for name, value in headers),
        "MIME-Version: 1.0",
        f'Content-Type: multipart/mixed; boundary="{boundary}"',
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: base64",
        "",
    ]
    _write(out, lines)
    _write_base64(out, text)
    lines = [
        f"--{boundary}",
        f'Content-Type: application/zip; name="{ZIP}"',
        "Content-Transfer-Encoding: base64",
        f'Content-Disposition: attachment; filename="{ZIP}"',
        "",
    ]
    _write(out, lines)
    _write_base64(out, packed)
    _write(out, [f"--{boundary}--"])


@lru_cache(256)
def header(value: str) -> str:
    """The value of a header: in one line, or folded; in ASCII, whatever is in it."""
    value = CONTROL.sub(" ", value).strip()
    words = value.split(" ")
    is_plain = _PLAIN.fullmatch(value) and "=?" not in value and all(len(word) < _LONGEST_WORD for word in words)
    if not is_plain:
        return Header(value, "utf-8", maxlinelen=76).encode(linesep="\r\n")
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > _LONGEST_WORD and lines[-1].strip():
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{word}"
    return "\r\n ".join(lines)


def mailboxes(people: Iterable[tuple[str, str]]) -> str:
    """Addresses of people, given by name and id, a line each."""
    return ",\r\n ".join(f"{_named(name)} <{local_part(id)}@{DOMAIN}>" for name, id in people)


@lru_cache(1_024)
def _named(name: str) -> str:
    name = CONTROL.sub(" ", name).strip()
    if _PLAIN.fullmatch(name) and "=?" not in name and len(name) < _LONGEST_WORD:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return Header(name, "utf-8", maxlinelen=60).encode(linesep="\r\n")


@lru_cache(1_024)
def local_part(id: str) -> str:
    """Somebody's id as what stands before the ``@``; a hash if it is long."""
    encoded = id.encode()
    local = _LOCAL.sub(lambda found: b"%%%02X" % found[0][0], encoded).decode()
    return local if len(local) <= _LONGEST_LOCAL else f"sha256-{hashlib.sha256(encoded).hexdigest()[:32]}"


def date(instant: datetime) -> str | None:
    """A time as e-mail has it; None before 1900, where that has none (RFC 5322) and readers take 0001 for 2001."""
    return format_datetime(instant) if instant.year >= _FIRST_YEAR else None


def _write(out: IO[bytes], lines: Iterable[str]) -> None:
    out.write("".join(f"{line}\r\n" for line in lines).encode("ascii"))


def _write_base64(out: IO[bytes], content: IO[bytes]) -> None:
    for piece in _pieces(content, _LINE * 4096):
        # The library's own lines end without CR.
        out.write(base64.encodebytes(piece).replace(b"\n", b"\r\n"))


def _pieces(source: IO[bytes], size: int) -> Iterator[bytes]:
    """All of a file, from its beginning."""
    source.seek(0)
    while piece := source.read(size):
        yield piece
