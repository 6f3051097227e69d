"""Reading an RSMF file back: is it what the format wants, and what its headers say? Before a file counts as written.

The rules of the manifest are written here as data, independent of what makes the events.
"""

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from email.parser import BytesFeedParser
from pathlib import Path
from typing import Any, BinaryIO, Final

from skype_assets.etl.errors import VerificationFailed
from skype_assets.etl.handing.rsmf.envelope import MANIFEST, ZIP

VERSION: Final = "2.0.0"
_LONGEST_LINE: Final = 998
_LINES_DECODED: Final = 4_096

Rule = Callable[[object], bool]


def _text(least: int = 0) -> Rule:
    return lambda value: isinstance(value, str) and len(value) >= least


def _word(*words: str) -> Rule:
    return lambda value: isinstance(value, str) and value in words


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_switch(value: object) -> bool:
    return isinstance(value, bool)


def _is_instant(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _list(of: Rule) -> Rule:
    return lambda value: isinstance(value, list) and all(of(one) for one in value)


@dataclass(frozen=True)
class _Shape:
    """What an object must have, and what it may have; nothing else is allowed."""

    must: Mapping[str, Rule]
    may: Mapping[str, Rule]

    def __call__(self, value: object) -> bool:
        if not isinstance(value, dict) or not value.keys() >= self.must.keys():
            return False
        rules = {**self.must, **self.may}
        return all(name in rules and rules[name](part) for name, part in value.items())


_CUSTOM: Final = _list(_Shape({"name": _text(1), "value": _text(1)}, {}))
_IDS: Final = _list(_text(1))

_PARTICIPANT: Final = _Shape(
    {"id": _text(1)},
    {"display": _text(), "email": _text(), "avatar": _text(), "account_id": _text(), "custom": _CUSTOM},
)
_CONVERSATION: Final = _Shape(
    {"id": _text(1), "platform": _text(1), "participants": _IDS},
    {
        "display": _text(),
        "type": _word("direct", "channel"),
        "custodian": _text(1),
        "icon": _text(),
        "custom": _CUSTOM,
    },
)
_EVENT: Final = _Shape(
    {"type": _word("message", "disclaimer", "join", "leave", "history", "unknown")},
    {
        "id": _text(1),
        "parent": _text(1),
        "body": _text(),
        "participant": _text(1),
        "conversation": _text(1),
        "timestamp": _is_instant,
        "deleted": _is_switch,
        "importance": _word("normal", "high"),
        "direction": _word("incoming", "outgoing"),
        "reactions": _list(_Shape({"value": _text()}, {"count": _is_number, "participants": _IDS})),
        "attachments": _list(_Shape({"id": _text(1)}, {"display": _text(), "size": _is_number})),
        "edits": _list(
            _Shape({"participant": _text(1)}, {"timestamp": _is_instant, "previous": _text(), "new": _text()})
        ),
        "read_receipts": _list(
            _Shape({"participant": _text(1)}, {"timestamp": _is_instant, "action": _word("read", "delivered")})
        ),
        "custom": _CUSTOM,
    },
)
_ROOT: Final = _Shape(
    {
        "version": lambda value: value == VERSION,
        "participants": _list(_PARTICIPANT),
        "conversations": _list(_CONVERSATION),
        "events": _list(_EVENT),
    },
    {"eventcollectionid": _text()},
)


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


def check(path: Path) -> Checked:
    """Read a file back.

    Raises:
        VerificationFailed: it is not as it should be; the message names the rule.
    """
    packed = path.with_name(f"{path.name}.zip")
    try:
        opened = _opened(path, packed)
        problem = next(_problems(opened, packed), None)
        if problem is not None:
            raise VerificationFailed(f"{path.name}: {problem}")
        return Checked(opened.size, opened.sha256, int(opened.message["X-RSMF-EventCount"]))
    except (zipfile.BadZipFile, ValueError) as error:  # no zip, no JSON, no base64, no number
        raise VerificationFailed(f"{path.name}: {type(error).__name__}") from None
    finally:
        packed.unlink(missing_ok=True)


def _opened(path: Path, packed: Path) -> _Opened:
    """The layers of an e-mail. Its zip, which may be larger than memory is, is decoded into a file.

    The parts of the e-mail are taken out before it is parsed, as they would be in memory several times.
    """
    parser, text = BytesFeedParser(), io.BytesIO()
    with path.open("rb") as file, packed.open("xb") as zip_:
        sha256, size = hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
        file.seek(0)
        is_encoded = is_zip = False
        for line in file:
            _require_short(path, [line])
            is_encoded = is_encoded or line.strip().lower() == b"content-transfer-encoding: base64"
            is_zip = is_zip or f'filename="{ZIP}"'.encode() in line
            parser.feed(line)
            if is_encoded and not line.strip():
                parser.feed(_decoded(path, file, zip_ if is_zip else text))
                is_encoded = is_zip = False
    return _Opened(parser.close(), text.getvalue().decode(), size, sha256)


def _decoded(path: Path, file: BinaryIO, target: BinaryIO) -> bytes:
    """Decode a part of the e-mail; the line behind it, or nothing at the end."""
    encoded: list[bytes] = []
    ending = b""
    for line in file:
        if line.startswith(b"--"):
            ending = line
            break
        encoded.append(line)
        if len(encoded) == _LINES_DECODED:
            _require_short(path, encoded)
            target.write(base64.b64decode(b"".join(encoded)))
            encoded.clear()
    _require_short(path, [*encoded, ending])
    target.write(base64.b64decode(b"".join(encoded)))
    return ending


def _require_short(path: Path, lines: list[bytes]) -> None:
    if max(map(len, lines)) > _LONGEST_LINE + 2:
        raise VerificationFailed(f"{path.name}: a line has more than {_LONGEST_LINE} bytes")


def _problems(opened: _Opened, packed: Path) -> Iterator[str]:
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
    manifest: object = json.loads(raw)
    if not _ROOT(manifest):
        yield f"{MANIFEST} is not as the format wants it: {_where(manifest)}"
        return
    assert isinstance(manifest, dict)
    yield from _of_manifest(manifest, sizes)
    if message["X-RSMF-ManifestSHA256"] != hashlib.sha256(raw).hexdigest():
        yield "the manifest is not the one whose hash the header has"
    yield from _of_headers(message, manifest)
    if opened.text.count("\r\n") != len(manifest["events"]):
        yield "the text has not one line for each event"


def _where(manifest: object) -> str:
    """Which part of a manifest is wrong."""
    if not isinstance(manifest, dict):
        return "it is no object"
    for name, rule in (("participants", _PARTICIPANT), ("conversations", _CONVERSATION), ("events", _EVENT)):
        parts = manifest.get(name)
        if not isinstance(parts, list):
            return f"{name} is no list"
        for number, part in enumerate(parts):
            if not rule(part):
                return f"{name}[{number}]"
    return ", ".join(sorted(manifest.keys() ^ _ROOT.must.keys())) or "version"


def _of_manifest(manifest: dict[str, Any], sizes: Mapping[str, int]) -> Iterator[str]:
    people = [one["id"] for one in manifest["participants"]]
    chats = [one["id"] for one in manifest["conversations"]]
    events = manifest["events"]
    ids = [(event.get("conversation"), event["id"]) for event in events if "id" in event]
    for what, those in (("participants", people), ("conversations", chats), ("events", ids)):
        if len(those) != len(set(those)):
            yield f"ids of {what} are not unique"
    known = set(people)
    for chat in manifest["conversations"]:
        if not known.issuperset(chat["participants"]) or chat.get("custodian", people[0]) not in known:
            yield "somebody in a conversation is not in participants"
    carried: dict[str, int] = {}
    for event in events:
        named = [event.get("participant"), *(edit["participant"] for edit in event.get("edits", ()))]
        named += [id for reaction in event.get("reactions", ()) for id in reaction.get("participants", ())]
        if not known.issuperset(named) or event.get("conversation") not in chats:
            yield "an event names somebody, or a conversation, that is not listed"
            break
        if "parent" in event and (event["conversation"], event["parent"]) not in ids:
            yield "an event answers one that is not there"
        carried |= {one["id"]: one.get("size", -1) for one in event.get("attachments", ())}
    if carried != dict(sizes):
        yield "the files in the zip are not those that events carry"
    times = [datetime.fromisoformat(event["timestamp"]) for event in events if "timestamp" in event]
    if len(times) != len(events) or times != sorted(times):
        yield "times of events are missing, or do not ascend"


def _of_headers(message: Message, manifest: Mapping[str, Any]) -> Iterator[str]:
    events: Collection[Mapping[str, Any]] = manifest["events"]
    attachments = sum(len(event.get("attachments", ())) for event in events)
    times = [event["timestamp"] for event in events if "timestamp" in event]
    expected = {
        "X-RSMF-Version": manifest["version"],
        "X-RSMF-EventCount": str(len(events)),
        "X-RSMF-AttachmentCount": str(attachments),
        "X-RSMF-BeginDate": times[0] if times else None,
        "X-RSMF-EndDate": times[-1] if times else None,
        "X-RSMF-EventCollectionID": manifest.get("eventcollectionid"),
    }
    for name, value in expected.items():
        if message.get_all(name) != [value]:
            yield f"the header {name} is not what the manifest says"
