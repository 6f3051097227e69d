"""Archives as other programs pack them: within another archive, with backslashes, by unknown methods."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.archive import open_export

DOCUMENT = b'{"userId":"8:a","exportDate":"2025-01-01T00:00","conversations":[]}'
OBJECT = "media/0-weu-d4-f08fdde142b15a71193dfd6abe4c0174"
FILES = {"messages.json": DOCUMENT, f"{OBJECT}.json": b'{"filename":"x"}', f"{OBJECT}.1.jpeg": b"123"}


def tar(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def with_method(packed: bytes, name: str, method: int) -> bytes:
    """A zip in which an entry claims another method of compression."""
    data = bytearray(packed)
    for mark, name_at, method_at in ((b"PK\3\4", 30, 8), (b"PK\1\2", 46, 10)):
        at = data.find(mark)
        while at >= 0:
            if data[at + name_at :].startswith(name.encode()):
                data[at + method_at : at + method_at + 2] = struct.pack("<H", method)
            at = data.find(mark, at + 1)
    return bytes(data)


def opened(path: Path, data: bytes) -> tuple[str, str, list[str], list[bytes]]:
    """Format, member with the messages, media and side files."""
    path.write_bytes(data)
    with open_export(path, path.parent / "scratch") as export:
        assert export.messages is not None
        assert bytes(export.messages.buffer) == DOCUMENT
        sides = [content for _, content in export.side_files()]
        return export.format, export.messages.name, sorted(member.name for member in export.media), sides


@pytest.mark.parametrize(
    ("inner", "data"),
    [
        ("e.tar", tar(FILES)),
        ("folder/e.tar.gz", gzip.compress(tar(FILES))),
        ("e.TGZ", gzip.compress(tar(FILES))),
        ("e.tar.bz2", bz2.compress(tar(FILES))),
        ("e.zip", zipped(FILES)),
    ],
    ids=["tar", "tar.gz in a folder", "TGZ", "tar.bz2", "zip"],
)
@pytest.mark.parametrize("outer", ["zip", "stored zip", "tar", "tar.xz"])
def test_an_archive_in_an_archive_is_opened(outer: str, inner: str, data: bytes, tmp_path: Path) -> None:
    files = {"__MACOSX/._e.tar": b"fork", "readme.txt": b"hello", inner: data}
    packed = {
        "zip": lambda: zipped(files),
        "stored zip": lambda: zipped(files, zipfile.ZIP_STORED),
        "tar": lambda: tar(files),
        "tar.xz": lambda: lzma.compress(tar(files)),
    }[outer]()
    format_ = {"stored zip": "zip", "tar.xz": "tar.gz"}.get(outer, outer)
    media = [f"{inner}/{OBJECT}.1.jpeg", f"{inner}/{OBJECT}.json"]
    assert opened(tmp_path / "x", packed) == (format_, f"{inner}/messages.json", media, [b'{"filename":"x"}'])


@pytest.mark.parametrize(
    ("data", "member"),
    [(gzip.compress(DOCUMENT), "export.json"), (bz2.compress(b"\xef\xbb\xbf" + DOCUMENT), "export.json")],
    ids=["gzip", "bzip2"],
)
def test_compressed_messages_are_opened(data: bytes, member: str, tmp_path: Path) -> None:
    (tmp_path / "export.json.gz").write_bytes(data)
    with open_export(tmp_path / "export.json.gz", tmp_path) as export:
        assert export.messages is not None
        assert (export.format, export.messages.name) == ("json", member)
        assert bytes(export.messages.buffer).endswith(DOCUMENT)


def test_a_compressed_zip_is_opened(tmp_path: Path) -> None:
    assert opened(tmp_path / "x.zip.gz", gzip.compress(zipped(FILES)))[:2] == ("zip", "messages.json")


def test_an_archive_beside_the_messages_is_left_alone(tmp_path: Path) -> None:
    assert opened(tmp_path / "x.zip", zipped({**FILES, "old.tar": b"no tar"}))[1] == "messages.json"


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"a.tar": tar(FILES), "b.zip": zipped(FILES)}, r"holds several archives: a\.tar, b\.zip\. Give one of them"),
        ({"a.zip": zipped({"b.zip": zipped(FILES)})}, r"x/a\.zip: holds b\.zip\. Unpack it and give a\.zip"),
        ({"a.tar": b"no archive at all" * 64}, r"x/a\.tar: this is neither a tar or zip archive nor JSON"),
        ({"a.tar": tar({"readme.txt": b"hello"})}, "holds neither messages.json nor media"),
        ({"a.tar": b""}, r"x/a\.tar: the file is empty"),
    ],
    ids=["several", "two steps", "no archive", "no export", "empty"],
)
def test_what_lies_deeper_or_is_none_is_named(files: dict[str, bytes], problem: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidExport, match=problem):
        opened(tmp_path / "x", zipped(files))


def laid_out(files: Mapping[str, bytes], folder: Path) -> None:
    """The files in a folder, which is made."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.mark.parametrize("prefix", ["", "8_live_export\\", "a\\b/c\\"])
@pytest.mark.parametrize("kind", ["zip", "tar", "folder"])
def test_backslashes_separate_folders(kind: str, prefix: str, tmp_path: Path) -> None:
    files = {prefix + name.replace("/", "\\"): data for name, data in FILES.items()}
    if kind == "folder":
        laid_out(files, tmp_path / "x")
        with open_export(tmp_path / "x", tmp_path) as export:
            assert export.messages is not None
            assert len(export.media) == 2
        return
    packed = zipped({prefix + "media\\": b"", **files}) if kind == "zip" else tar(files)
    folder = prefix.replace("\\", "/")
    media = [f"{folder}{OBJECT}.1.jpeg", f"{folder}{OBJECT}.json"]
    assert opened(tmp_path / "x", packed)[1:3] == (f"{folder}messages.json", media)


@pytest.mark.parametrize(
    ("method", "called"), [(9, "9, Deflate64"), (96, "96, JPEG"), (95, "95, XZ"), (98, "98, PPMd"), (77, "77")]
)
@pytest.mark.parametrize("name", ["messages.json", f"{OBJECT}.json", "e.tar"])
def test_a_method_that_is_not_known_is_named(name: str, method: int, called: str, tmp_path: Path) -> None:
    files = {"e.tar": tar(FILES)} if name == "e.tar" else FILES
    problem = rf"{name}: is compressed in a way that this program cannot read \(method {called}\)\. Unpack it and give"
    with pytest.raises(InvalidExport, match=problem) as refused:
        opened(tmp_path / "x.zip", with_method(zipped(files), name, method))
    assert "damaged" not in str(refused.value)


def test_media_of_an_unknown_method_do_no_harm(tmp_path: Path) -> None:
    packed = with_method(zipped(FILES), f"{OBJECT}.1.jpeg", 9)
    assert len(opened(tmp_path / "x.zip", packed)[2]) == 2


def test_an_archive_that_another_program_may_unpack_is_not_called_damaged(tmp_path: Path) -> None:
    cut = zipped(FILES)[:-30]
    with pytest.raises(InvalidExport, match="cannot be read .* Unpack it with another program"):
        opened(tmp_path / "x.zip", cut)


def test_files_of_operating_systems_are_no_media(tmp_path: Path) -> None:
    files = {**FILES, "media/Thumbs.db": b"1", "media/desktop.ini": b"2", "media/.DS_Store": b"3"}
    assert len(opened(tmp_path / "x.zip", zipped(files))[2]) == 2


@pytest.mark.parametrize("kind", ["zip", "tar", "folder"])
@pytest.mark.parametrize("change", [str.upper, str.title], ids=["upper", "title"])
def test_the_letter_case_of_names_does_not_matter(kind: str, change: Callable[[str], str], tmp_path: Path) -> None:
    files = {change(name): data for name, data in FILES.items()}
    if kind == "folder":
        laid_out(files, tmp_path / "x")
        with open_export(tmp_path / "x", tmp_path) as export:
            assert export.messages is not None
            assert {member.document_id for member in export.media} == {change(OBJECT).rpartition("/")[2]}
        return
    packed = zipped(files) if kind == "zip" else tar(files)
    _, messages, media, sides = opened(tmp_path / "x", packed)
    assert (messages, len(media), len(sides)) == (change("messages.json"), 2, 1)


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
@pytest.mark.parametrize("before", [b"PK00", b"PK\7\10", b"#!/bin/sh\n" + b"unzip $0\n" * 100], ids=["0", "1", "2"])
def test_a_zip_behind_something_else_is_opened(before: bytes, compression: int, tmp_path: Path) -> None:
    assert opened(tmp_path / "x.exe", before + zipped(FILES, compression))[0] == "zip"


def test_the_last_piece_of_a_split_zip_is_not_called_something_else(tmp_path: Path) -> None:
    packed = zipped(FILES)
    with pytest.raises(InvalidExport, match="cannot be read|archive is damaged"):
        opened(tmp_path / "x.zip", packed[len(packed) // 2 :])
