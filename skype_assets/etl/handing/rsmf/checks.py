"""Reading an RSMF file back: is it what the format wants, and what its headers say? Before a file counts as written.

The rules of a manifest that are of one object are its types (``manifest``), the others are here.
"""

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, BinaryIO, Final

import msgspec
from msgspec import UNSET, UnsetType

from skype_assets.etl.errors import VerificationFailed
from skype_assets.etl.handing.rsmf.envelope import MANIFEST, ZIP
from skype_assets.etl.handing.rsmf.manifest import Count, Manifest

_LONGEST_LINE: Final = 998
_LINES_DECODED: Final = 4_096

_IN_MEMORY: Final = 4 << 20
_WHERE: Final = re.compile(r"`\$?\.?([^`]*)`$")

_READER: Final = msgspec.json.Decoder(Manifest)


@dataclass(frozen=True)
class Checked:
    """A file that is right: its size and hash (hex), and the events that it has."""

    size: int
    sha256: str
    events: int


@dataclass(frozen=True)
class _Opened:
    """The e-mail without the bytes of its parts; its text; size and hash (hex) of the file."""

    message: Message
    text: str
    size: int
    sha256: str


def beside(folder: Path | None) -> IO[bytes]:
    """A file without a name in a folder; None = in the system's. It is in memory as long as it is small."""
    return SpooledTemporaryFile(_IN_MEMORY, dir=str(folder) if folder is not None else None)


def check(path: Path) -> Checked:
    """Read a file back.

    Raises:
        VerificationFailed: it is not as it should be; the message names the rule.
    """
    with path.open("rb") as file:
        return checked(path.name, file, path.parent)


def checked(name: str, file: BinaryIO, folder: Path | None = None) -> Checked:
    """Read a file back from its beginning.

    Args:
        name: what it is called.
        file: its bytes.
        folder: where there is room for its zip, which may be larger than memory is; None = it is not.

    Raises:
        VerificationFailed: it is not as it should be; the message names the rule.
    """
    with beside(folder) as packed:
        try:
            opened = _opened(name, file, packed)
            problem = next(_problems(opened, packed), None)
            if problem is not None:
                raise VerificationFailed(f"{name}: {problem}")
            return Checked(opened.size, opened.sha256, int(opened.message["X-RSMF-EventCount"]))
        except (zipfile.BadZipFile, ValueError, msgspec.DecodeError) as error:  # no zip, JSON, base64, number
            raise VerificationFailed(f"{name}: {type(error).__name__}") from None


def _opened(name: str, file: BinaryIO, packed: IO[bytes]) -> _Opened:
    """The layers of an e-mail, whose zip is decoded into a file.

    The parts of the e-mail are taken out before it is parsed, as they would be in memory several times.
    """
    head: list[bytes] = []
    text = io.BytesIO()
    hashed = hashlib.sha256()
    file.seek(0)
    while piece := file.read(1 << 20):
        hashed.update(piece)
    size = file.tell()
    file.seek(0)
    is_encoded = is_zip = False
    for line in file:
        head.append(line)
        is_encoded = is_encoded or line.strip().lower() == b"content-transfer-encoding: base64"
        is_zip = is_zip or f'filename="{ZIP}"'.encode() in line
        if is_encoded and not line.strip():
            head.append(_decoded(name, file, packed if is_zip else text))
            is_encoded = is_zip = False
    _require_short(name, head)
    return _Opened(message_from_bytes(b"".join(head)), text.getvalue().decode(), size, hashed.hexdigest())


def _decoded(name: str, file: BinaryIO, target: IO[bytes]) -> bytes:
    """Decode a part of the e-mail; the line behind it, or nothing at the end."""
    encoded: list[bytes] = []
    ending = b""
    for line in file:
        if line.startswith(b"--"):
            ending = line
            break
        encoded.append(line)
        if len(encoded) == _LINES_DECODED:
            _require_short(name, encoded)
            target.write(base64.b64decode(b"".join(encoded)))
            encoded.clear()
    _require_short(name, [*encoded, ending])
    target.write(base64.b64decode(b"".join(encoded)))
    return ending


def _require_short(name: str, lines: list[bytes]) -> None:
    if max(map(len, lines), default=0) > _LONGEST_LINE + 2:
        raise VerificationFailed(f"{name}: a line has more than {_LONGEST_LINE} bytes")


def _problems(opened: _Opened, packed: IO[bytes]) -> Iterator[str]:
    message = opened.message
    attachments = [part for part in message.walk() if part.get_content_disposition() == "attachment"]
    if [part.get_filename() for part in attachments] != [ZIP]:
        yield f"it has not exactly one attachment, {ZIP}"
        return
    if attachments[0]["Content-Transfer-Encoding"] != "base64" or message.defects:
        yield "the e-mail is not well-formed"
    with zipfile.ZipFile(packed) as archive:
        names = archive.namelist()
        if names.count(MANIFEST) != 1 or len(names) != len(set(names)) or any("/" in name for name in names):
            yield f"{ZIP} has not one {MANIFEST} and flat, distinct names"
            return
        if archive.testzip() is not None:
            yield f"an entry of {ZIP} is damaged"
        raw = archive.read(MANIFEST)
        sizes = {entry.filename: entry.file_size for entry in archive.infolist() if entry.filename != MANIFEST}
    try:
        manifest = _READER.decode(raw)
    except msgspec.ValidationError as error:
        yield f"{MANIFEST} is not as the format wants it: {_where(error)}"
        return
    yield from _of_manifest(manifest, sizes)
    if message["X-RSMF-ManifestSHA256"] != hashlib.sha256(raw).hexdigest():
        yield "the manifest is not the one whose hash the header has"
    yield from _of_headers(message, manifest)
    if opened.text.count("\r\n") != len(manifest.events):
        yield "the text has not one line for each event"


def _where(error: msgspec.ValidationError) -> str:
    """Which part of a manifest is wrong; not what stands there, which somebody may have written."""
    found = _WHERE.search(str(error))
    return found[1] if found and found[1] else "the whole"


def _of_manifest(manifest: Manifest, sizes: Mapping[str, int]) -> Iterator[str]:
    people = [one.id for one in manifest.participants]
    chats = [one.id for one in manifest.conversations]
    events = manifest.events
    ids = [(event.conversation, event.id) for event in events if event.id is not UNSET]
    for what, those in (("participants", people), ("conversations", chats), ("events", ids)):
        if len(those) != len(set(those)):
            yield f"ids of {what} are not unique"
    known = set(people)
    for chat in manifest.conversations:
        if not known.issuperset(chat.participants) or not (chat.custodian is UNSET or chat.custodian in known):
            yield "somebody in a conversation is not in participants"
    listed, carried = set(ids), dict[str, Count | UnsetType]()
    for event in events:
        named = [event.participant, *(edit.participant for edit in event.edits)]
        named += [receipt.participant for receipt in event.read_receipts]
        named += [id for reaction in event.reactions for id in reaction.participants]
        if not known.issuperset(named) or event.conversation not in chats:
            yield "an event names somebody, or a conversation, that is not listed"
            break
        if event.parent is not UNSET and (event.conversation, event.parent) not in listed:
            yield "an event answers one that is not there"
        carried |= {one.id: one.size for one in event.attachments}
    if carried != dict(sizes):
        yield "the files in the zip are not those that events carry"
    times = [_instant(event.timestamp) for event in events]
    if None in times or times != sorted(filter(None, times)):
        yield "times of events are missing, or do not ascend"
    others = [one.timestamp for event in events for one in (*event.edits, *event.read_receipts)]
    if any(_instant(one) is None for one in others if one is not UNSET):
        yield "a time of an edit or a receipt is none"


def _instant(value: str | UnsetType) -> datetime | None:
    """An instant with its zone; None of anything else."""
    try:
        found = None if value is UNSET else datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _of_headers(message: Message, manifest: Manifest) -> Iterator[str]:
    events = manifest.events
    times = [event.timestamp for event in events]
    expected = {
        "X-RSMF-Version": manifest.version,
        "X-RSMF-EventCount": str(len(events)),
        "X-RSMF-AttachmentCount": str(sum(len(event.attachments) for event in events)),
        "X-RSMF-BeginDate": times[0] if times else None,
        "X-RSMF-EndDate": times[-1] if times else None,
        "X-RSMF-EventCollectionID": manifest.eventcollectionid,
    }
    for name, value in expected.items():
        if message.get_all(name) != [value]:
            yield f"the header {name} is not what the manifest says"
