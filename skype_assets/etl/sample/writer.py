"""Writing a sample: ``messages.json`` as a stream, then the archive around it, under its own name only when complete.

The size of a tar member stands before its bytes, so ``messages.json`` goes to a spool file first; it is read once more
to be archived. Times of members are those of the export, so the same arguments give the same bytes.
"""

import gzip
import io
import json
import shutil
import tarfile
import tempfile
import textwrap
import zipfile
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from skype_assets.etl import interruption
from skype_assets.etl.errors import UsageError
from skype_assets.etl.sample.document import Conversation, Element, compact, iso, iso7, milliseconds

ENDINGS: Final = (".tar", ".tar.gz", ".tgz", ".zip", ".json")
_BATCH: Final = 512


@dataclass
class Tally:
    """What was written: counted while it is written."""

    conversations: int = 0
    messages: int = 0
    duplicates: int = 0
    by_type: Counter[str] = field(default_factory=Counter)
    rejects: list[tuple[str, str]] = field(default_factory=list)
    conversation_ids: set[str] = field(default_factory=set)


def check_ending(path: Path) -> None:
    """Refuse a path whose ending says no known container."""
    if not path.name.endswith(ENDINGS):
        raise UsageError(f"{path.name}: unknown kind of export, the name must end in one of {', '.join(ENDINGS)}")


def write_document(
    out: IO[bytes], owner_id: str, exported_at: datetime, conversations: Iterable[Conversation], *, pretty: bool = False
) -> Tally:
    """Write ``messages.json``, one line or laid out for reading; return what it holds."""
    tally = Tally()
    lay = _Layout(pretty)
    head = {"userId": owner_id, "exportDate": iso(milliseconds(exported_at))[:16]}
    out.write((lay.opening(head, "conversations", 0) + "[" + lay.line).encode())
    for number, conversation in enumerate(conversations):
        out.write(("," + lay.line if number else "").encode())
        _write_conversation(out, conversation, lay, tally)
    out.write((lay.line + "]" + lay.line + "}").encode())
    return tally


def write_archive(path: Path, document: IO[bytes], media: Iterable[tuple[str, bytes]], exported_at: datetime) -> None:
    """Write the finished ``messages.json`` and its companions as the container that the ending of `path` names.

    ``endpoints.json`` comes first: some readers take the first ``*.json`` for the messages.
    """
    size = document.seek(0, io.SEEK_END)
    document.seek(0)
    with _replaced(path) as out:
        if path.name.endswith(".json"):
            shutil.copyfileobj(document, out, 1 << 20)
            return
        members = _members(document, size, media, exported_at)
        if path.name.endswith(".zip"):
            _write_zip(out, members, exported_at)
        elif path.name.endswith(".tar"):
            _write_tar(out, members, exported_at)
        else:
            with gzip.GzipFile("", "wb", compresslevel=3, fileobj=out, mtime=0) as packed:
                _write_tar(packed, members, exported_at)


@contextmanager
def spooled(path: Path) -> Generator[IO[bytes]]:
    """Give a file beside `path` that is gone at the end: the system's own temporary folder may be small."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path.parent, buffering=1 << 20) as spool:
        yield spool


def _write_conversation(out: IO[bytes], conversation: Conversation, lay: "_Layout", tally: Tally) -> None:
    tally.conversations += 1
    tally.conversation_ids.add(conversation.id)
    if conversation.elements is None:
        out.write(lay.text(conversation.before, 1).encode())
        return
    out.write((lay.opening(conversation.before, "MessageList", 1) + "[" + lay.line).encode())
    separator, elements = "", iter(conversation.elements)
    while batch := list(islice(elements, _BATCH)):
        _count(tally, conversation.id, batch)
        out.write((separator + lay.separator.join([lay.element(element.text) for element in batch])).encode())
        separator = lay.separator
    out.write(("]" + lay.closing(conversation.after, 1)).encode())


def _count(tally: Tally, conversation_id: str, batch: list[Element]) -> None:
    types = [element.type for element in batch if element.type is not None]
    tally.messages += len(batch)
    tally.by_type.update(types)
    tally.rejects += [(conversation_id, "not an object")] * (len(batch) - len(types))
    tally.duplicates += sum(element.duplicate for element in batch)


class _Layout:
    """How JSON is laid out: minified as real exports are, or indented."""

    def __init__(self, pretty: bool) -> None:
        self.pretty = pretty
        self.line = "\n" if pretty else ""
        self.separator = "," + self.line

    def text(self, value: Any, depth: int) -> str:
        """Return a value; `depth` is how deep it lies."""
        minified = compact(value)
        if not self.pretty:
            return minified
        wide = json.dumps(value, ensure_ascii=minified.isascii(), indent=2)
        return textwrap.indent(wide, "  " * depth)

    def opening(self, head: Any, key: str, depth: int) -> str:
        """Return an object's first keys and the `key` whose value follows."""
        text = self.text(head, depth)[:-1].rstrip()
        return f'{text}{"," if head else ""}{self.line}"{key}":'

    def closing(self, tail: Any, depth: int) -> str:
        """Return an object's last keys, after a value."""
        return "," + self.text(tail, depth).lstrip()[1:] if tail else "}"

    def element(self, text: str) -> str:
        """Return one element of a MessageList."""
        return self.text(json.loads(text), 2) if self.pretty else text


def _members(
    document: IO[bytes], size: int, media: Iterable[tuple[str, bytes]], exported_at: datetime
) -> Iterator[tuple[str, int, IO[bytes]]]:
    endpoints = compact(_endpoints(exported_at)).encode()
    yield "endpoints.json", len(endpoints), io.BytesIO(endpoints)
    yield "messages.json", size, document
    for name, data in media:
        yield name, len(data), io.BytesIO(data)


def _write_tar(
    out: IO[bytes] | gzip.GzipFile, members: Iterable[tuple[str, int, IO[bytes]]], exported_at: datetime
) -> None:
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, size, data in members:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = size, milliseconds(exported_at) // 1000
            archive.addfile(info, data)


def _write_zip(out: IO[bytes], members: Iterable[tuple[str, int, IO[bytes]]], exported_at: datetime) -> None:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        for name, _, data in members:
            info = zipfile.ZipInfo(name, exported_at.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as member:
                shutil.copyfileobj(data, member, 1 << 20)


@contextmanager
def _replaced(path: Path) -> Generator[IO[bytes]]:
    """Give a file that takes the name `path` when it is complete, and is gone if it never is."""
    partial = path.with_name(path.name + ".partial")
    with interruption.at_the_end(lambda: partial.unlink(missing_ok=True)):
        try:
            with partial.open("wb") as out:
                yield out
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def _endpoints(exported_at: datetime) -> dict[str, Any]:
    """Return ``endpoints.json``: the owner's devices, nothing about messages (section 6)."""
    at = milliseconds(exported_at)
    unset = ("authKey", "cryptoMethod", "xuid", "notificationFilteringService", "tenantId", "acsStableResourceId")
    client = {"languageId": "en-US", "templateKey": "SkypeWeb_1.4", "platform": "web", "appId": "SkypeSpacesWeb"}
    transport = {
        "transportType": "TROUTER",
        "creationTime": at - 86_400_000,
        "ttl": 86400,
        "snoozeSeconds": None,
        "path": "https://go-eu.trouter.example/v4/f/abc123",
        "additionalAttributes": None,
        "contexts": [""],
        "isDeleted": False,
        "trackingInfo": None,
        "contentEncryption": None,
    }
    endpoint = {
        "endpointId": "9e2b1c44-0a57-4d0e-8f3b-7c1d2e3f4a5b",
        "aadDeviceId": None,
        "nodeId": None,
        "timestamp": iso7(at),
        "transports": {"transports": [transport]},
        "clientDescription": client | {"aesKey": "", "productContext": ""} | dict.fromkeys(unset),
        "clientSettings": None,
        "activity": None,
    }
    return {"endpoints": [endpoint]}
