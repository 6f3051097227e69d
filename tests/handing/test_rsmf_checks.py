"""A file that breaks a rule of RSMF does not count as written."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skype_assets.etl.errors import VerificationFailed
from skype_assets.etl.handing.rsmf import envelope
from skype_assets.etl.handing.rsmf.checks import check

Manifest = dict[str, Any]

HEADERS = {
    "X-RSMF-Version": "2.0.0",
    "X-RSMF-EventCount": "2",
    "X-RSMF-AttachmentCount": "1",
    "X-RSMF-BeginDate": "2020-01-01T10:00:00.000Z",
    "X-RSMF-EndDate": "2020-01-01T11:00:00.000Z",
    "X-RSMF-EventCollectionID": "c",
}
FILES = {"photo.jpg": b"\xff\xd8\xff"}


def sound() -> Manifest:
    return {
        "version": "2.0.0",
        "participants": [{"id": "a", "display": "A"}, {"id": "b"}],
        "conversations": [
            {"id": "x", "platform": "skype", "participants": ["a", "b"], "type": "direct", "custodian": "a"}
        ],
        "events": [
            {
                "type": "message",
                "id": "1",
                "body": "hello",
                "participant": "a",
                "conversation": "x",
                "timestamp": "2020-01-01T10:00:00.000Z",
                "attachments": [{"id": "photo.jpg", "display": "photo.jpg", "size": 3}],
                "custom": [{"name": "n", "value": "v"}],
            },
            {
                "type": "join",
                "id": "2",
                "participant": "b",
                "conversation": "x",
                "timestamp": "2020-01-01T11:00:00.000Z",
                "reactions": [{"value": "tada", "count": 1, "participants": ["a"]}],
                "edits": [{"participant": "b", "previous": "p", "new": "n"}],
            },
        ],
        "eventcollectionid": "c",
    }


def build(
    folder: Path,
    manifest: Manifest,
    files: dict[str, bytes] = FILES,
    headers: dict[str, str] = HEADERS,
    change: Callable[[bytes], bytes] = lambda raw: raw,
    text: bytes = b"hello\r\nhello\r\n",
) -> Path:
    raw = json.dumps(manifest).encode()
    paths = {name: folder / f"file-{n}" for n, name in enumerate(files)}
    for name, path in paths.items():
        path.write_bytes(files[name])
    packed, out = io.BytesIO(), io.BytesIO()
    envelope.pack(packed, io.BytesIO(raw), paths)
    (folder / "packed").write_bytes(packed.getvalue())
    sha256 = hashlib.sha256(raw).hexdigest()
    named = [*headers.items(), ("X-RSMF-ManifestSHA256", sha256)]
    envelope.envelope(out, named, sha256, io.BytesIO(text), packed)
    path = folder / "x.rsmf"
    path.write_bytes(change(out.getvalue()))
    return path


def test_a_sound_file_is_taken_with_its_size_and_hash(tmp_path: Path) -> None:
    path = build(tmp_path, sound())
    checked = check(path)
    assert (checked.size, checked.events) == (path.stat().st_size, 2)
    assert checked.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert not (tmp_path / "x.rsmf.zip").exists()


def put(*steps: str | int, value: object) -> Callable[[Manifest], None]:
    def change(manifest: Any) -> None:
        for step in steps[:-1]:
            manifest = manifest[step]
        manifest[steps[-1]] = value

    return change


def drop(*steps: str | int) -> Callable[[Manifest], None]:
    def change(manifest: Any) -> None:
        for step in steps[:-1]:
            manifest = manifest[step]
        del manifest[steps[-1]]

    return change


VIOLATIONS: dict[str, Callable[[Manifest], None]] = {
    "another version": put("version", value="1.0.0"),
    "no version": drop("version"),
    "no participants": drop("participants"),
    "a number for an id": put("participants", 0, "id", value=1),
    "an empty id": put("participants", 1, "id", value=""),
    "two of one id": put("participants", 1, "id", value="a"),
    "no platform": drop("conversations", 0, "platform"),
    "another type of conversation": put("conversations", 0, "type", value="group"),
    "somebody unknown in the conversation": put("conversations", 0, "participants", value=["a", "b", "z"]),
    "an unknown custodian": put("conversations", 0, "custodian", value="z"),
    "no type of event": drop("events", 0, "type"),
    "another type of event": put("events", 0, "type", value="call"),
    "two events of one id": put("events", 1, "id", value="1"),
    "an unknown participant": put("events", 0, "participant", value="z"),
    "an unknown conversation": put("events", 0, "conversation", value="z"),
    "no date": put("events", 0, "timestamp", value="yesterday"),
    "a date without a zone": put("events", 0, "timestamp", value="2020-01-01T10:00:00"),
    "times that descend": put("events", 1, "timestamp", value="2019-01-01T10:00:00Z"),
    "an answer to nothing": put("events", 0, "parent", value="9"),
    "deleted as a text": put("events", 0, "deleted", value="true"),
    "another direction": put("events", 0, "direction", value="sideways"),
    "a reaction without value": drop("events", 1, "reactions", 0, "value"),
    "a count as a text": put("events", 1, "reactions", 0, "count", value="1"),
    "a reaction of somebody unknown": put("events", 1, "reactions", 0, "participants", value=["z"]),
    "an edit without a date": put("events", 1, "edits", 0, "timestamp", value="yesterday"),
    "a receipt of nobody": put("events", 0, "read_receipts", value=[{"action": "read"}]),
    "a receipt of somebody unknown": put("events", 0, "read_receipts", value=[{"participant": "z"}]),
    "another action of a receipt": put("events", 0, "read_receipts", value=[{"participant": "a", "action": "seen"}]),
    "a receipt without a date": put(
        "events", 0, "read_receipts", value=[{"participant": "a", "timestamp": "2020-01-01"}]
    ),
    "null for a value": put("events", 0, "body", value=None),
    "null for a list": put("events", 0, "reactions", value=None),
    "a negative size": put("events", 0, "attachments", 0, "size", value=-1),
    "true for a count": put("events", 1, "reactions", 0, "count", value=True),
    "a property of ours that is more": put("events", 0, "custom", 0, "mood", value="good"),
    "an edit of nobody": drop("events", 1, "edits", 0, "participant"),
    "an attachment that is not there": put("events", 0, "attachments", 0, "id", value="other.jpg"),
    "an attachment of another size": put("events", 0, "attachments", 0, "size", value=4),
    "a file without an attachment": drop("events", 0, "attachments"),
    "an empty value of our own": put("events", 0, "custom", 0, "value", value=""),
    "a property that there is not": put("events", 0, "mood", value="good"),
    "another property of the root": put("comment", value="x"),
    "no events at all": put("events", value={}),
}


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_a_manifest_that_breaks_a_rule_is_refused(tmp_path: Path, violation: str) -> None:
    manifest = sound()
    VIOLATIONS[violation](manifest)
    with pytest.raises(VerificationFailed, match=r"x\.rsmf: "):
        check(build(tmp_path, manifest))


@pytest.mark.parametrize("header", [*HEADERS, "X-RSMF-ManifestSHA256"])
def test_a_header_that_says_otherwise_is_refused(tmp_path: Path, header: str) -> None:
    def change(raw: bytes) -> bytes:
        head, rest = raw.split(f"{header}: ".encode(), 1)
        return head + f"{header}: 0".encode() + rest

    with pytest.raises(VerificationFailed):
        check(build(tmp_path, sound(), change=change))


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "no attachment": lambda raw: raw.replace(b"attachment; filename", b"inline; filename"),
    "another name": lambda raw: raw.replace(b'"rsmf.zip"', b'"zip.rsmf"'),
    "no zip": lambda raw: raw[: raw.rindex(b"\r\n\r\n") + 4] + b"AAAA\r\n" + raw[raw.rindex(b"--rsmf") :],
    "cut short": lambda raw: raw[: len(raw) - 400],
    "another encoding": lambda raw: raw.replace(b"base64\r\nContent-Disp", b"8bit\r\nContent-Disp"),
    "a long line": lambda raw: b"X-Long: " + b"x" * 1_000 + b"\r\n" + raw,
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_email_that_is_not_as_it_should_be_is_refused(tmp_path: Path, change: str) -> None:
    with pytest.raises(VerificationFailed):
        check(build(tmp_path, sound(), change=CHANGES[change]))


def test_a_text_that_has_not_a_line_for_each_event_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VerificationFailed, match="one line for each event"):
        check(build(tmp_path, sound(), text=b"hello\r\n"))


def test_a_second_attachment_is_refused(tmp_path: Path) -> None:
    def add(raw: bytes) -> bytes:
        boundary = raw[raw.rindex(b"--rsmf") : raw.rindex(b"--\r\n")]
        second = b"\r\nContent-Disposition: attachment; filename=other.txt\r\n\r\nx\r\n"
        return raw[: raw.rindex(boundary)] + boundary + second + boundary + b"--\r\n"

    with pytest.raises(VerificationFailed, match="exactly one attachment"):
        check(build(tmp_path, sound(), change=add))


def test_a_zip_with_a_folder_or_without_a_manifest_is_refused(tmp_path: Path) -> None:
    manifest = sound()
    manifest["events"][0]["attachments"][0]["id"] = "a/photo.jpg"
    with pytest.raises(VerificationFailed, match="flat"):
        check(build(tmp_path, manifest, {"a/photo.jpg": b"\xff\xd8\xff"}))


def test_a_damaged_entry_is_refused(tmp_path: Path) -> None:
    path = build(tmp_path, sound())
    raw = bytearray((tmp_path / "packed").read_bytes())
    raw[raw.index(b"\xff\xd8\xff")] ^= 1
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert archive.testzip() == "photo.jpg"
    out = io.BytesIO()
    sha256 = hashlib.sha256(json.dumps(sound()).encode()).hexdigest()
    named = [*HEADERS.items(), ("X-RSMF-ManifestSHA256", sha256)]
    envelope.envelope(out, named, sha256, io.BytesIO(b"hello\r\nhello\r\n"), io.BytesIO(raw))
    path.write_bytes(out.getvalue())
    with pytest.raises(VerificationFailed, match="damaged"):
        check(path)
