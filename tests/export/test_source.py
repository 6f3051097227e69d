"""The fingerprint is that of the bytes, for a file and for a folder."""

import hashlib
import os
from pathlib import Path

import pytest

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export import fingerprint


def test_a_file_is_its_size_and_sha256_and_progress_is_told(tmp_path: Path) -> None:
    content = b"some bytes " * 300_000
    path = tmp_path / "8_live_mara.ostrow_export.tar"
    path.write_bytes(content)
    seen: list[int] = []
    source = fingerprint(path, seen.append)
    assert (source.name, source.size, source.sha256) == (path.name, len(content), hashlib.sha256(content).hexdigest())
    assert seen == sorted(seen)
    assert seen[-1] == len(content)


def folder(at: Path) -> Path:
    (at / "media").mkdir(parents=True)
    (at / "messages.json").write_bytes(b"{}")
    (at / "endpoints.json").write_bytes(b"[]")
    (at / "media" / "0-weu-d4-f08fdde142b15a71193dfd6abe4c0174.1.jpeg").write_bytes(b"picture")
    return at


def test_a_folder_is_the_files_of_its_export_and_nothing_else(tmp_path: Path) -> None:
    first, second = folder(tmp_path / "a"), folder(tmp_path / "b")
    (second / "notes.txt").write_text("mine")
    (second / ".DS_Store").write_text("its")
    (second / "media" / "link.jpeg").symlink_to(second / "notes.txt")
    source = fingerprint(first)
    assert source.sha256 == fingerprint(second).sha256
    assert (source.name, source.size) == ("a", 11)


@pytest.mark.parametrize("change", ["content", "name", "new file", "moved bytes"])
def test_any_change_of_the_export_changes_the_fingerprint_of_a_folder(tmp_path: Path, change: str) -> None:
    export = folder(tmp_path / "a")
    before = fingerprint(export).sha256
    media = next((export / "media").iterdir())
    if change == "content":
        media.write_bytes(b"Picture")
    elif change == "name":
        media.rename(media.with_name("0-weu-d4-f08fdde142b15a71193dfd6abe4c0174.2.jpeg"))
    elif change == "new file":
        (export / "media" / "empty.bin").touch()
    else:
        (export / "messages.json").write_bytes(b"{}[")
        (export / "endpoints.json").write_bytes(b"]")
    assert fingerprint(export).sha256 != before


def test_what_is_no_file_or_folder_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, problem in (("missing.tar", "cannot be read: No such file"), ("pipe", "neither a file nor a folder")):
        with pytest.raises(InvalidExport, match=problem):
            fingerprint(tmp_path / name)


def test_a_link_in_place_of_the_messages_is_refused(tmp_path: Path) -> None:
    export = folder(tmp_path / "a")
    (export / "messages.json").unlink()
    (export / "messages.json").symlink_to("/etc/hostname")
    with pytest.raises(InvalidExport, match="messages.json: is a link"):
        fingerprint(export)
