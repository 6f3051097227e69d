"""RSMF read by nothing of the project's: e-mail, zip and JSON of the standard library."""

import email
import email.policy
import io
import json
import zipfile
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class File:
    """An RSMF file."""

    name: str
    mail: EmailMessage
    text: str
    manifest: dict[str, Any]
    files: dict[str, bytes]

    @property
    def events(self) -> list[dict[str, Any]]:
        return self.manifest["events"]


def read(path: Path) -> File:
    """Open all layers."""
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    assert not mail.defects
    text, packed = mail.iter_parts()
    assert [part.get_filename() for part in mail.iter_attachments()] == ["rsmf.zip"]
    with zipfile.ZipFile(io.BytesIO(packed.get_content())) as archive:
        entries = archive.infolist()
        assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
        assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
        assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
        content = {entry.filename: archive.read(entry) for entry in entries}
    manifest = json.loads(content.pop("rsmf_manifest.json"))
    return File(path.name, mail, text.get_content(), manifest, content)


def read_all(folder: Path) -> list[File]:
    """All files of a hand-over."""
    return [read(path) for path in sorted(folder.glob("*.rsmf"))]
