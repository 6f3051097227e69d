"""Every form in which people keep an export is opened; whatever cannot be one is refused and says why."""

import contextlib
import gzip
import io
import lzma
import os
import random
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.archive import Export, open_export
from skype_assets.etl.export.messages_json import raw_parts

MESSAGES = b'{"userId":"8:live:mara.ostrow","conversations":[{"id":"8:a","MessageList":[{"id":"1"}]}]}'
DOCUMENT = "0-weu-d4-f08fdde142b15a71193dfd6abe4c0174"
SIDE_FILE = b'{"filename":"garden gate.jpg","contents":{"1":{"type":"image/jpeg"}}}'
MEMBERS = {
    f"media/{DOCUMENT}.json": SIDE_FILE,
    "endpoints.json": b"[]",
    f"media/{DOCUMENT}.1.jpeg": b"picture" * 500,
    "messages.json": MESSAGES,
    f"media/{DOCUMENT}.2.jpeg": b"",
}
Members = dict[str, bytes]


def tar_bytes(members: Members, mode: str = "w", form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=form) as archive:  # pyright: ignore[reportCallIssue, reportArgumentType]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def zip_bytes(members: Members, compression: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def special(name: str, kind: bytes, link: str = "") -> bytes:
    """A tar with a member that is no file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        archive.addfile(info)
    return out.getvalue()


def opened(tmp_path: Path, content: bytes, name: str = "export.bin") -> Export:
    path = tmp_path / name
    path.write_bytes(content)
    return open_export(path, tmp_path / "scratch")


def as_folder(tmp_path: Path, members: Members) -> Path:
    for name, content in members.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "folder"


FORMATS: dict[str, tuple[str, Callable[[Members], bytes]]] = {
    "tar": ("tar", tar_bytes),
    "old tar": ("tar", lambda members: tar_bytes(members, form=tarfile.USTAR_FORMAT)),
    "tar.gz": ("tar.gz", lambda members: tar_bytes(members, "w:gz")),
    "tar.bz2": ("tar.gz", lambda members: tar_bytes(members, "w:bz2")),
    "tar.xz": ("tar.gz", lambda members: tar_bytes(members, "w:xz")),
    "stored zip": ("zip", lambda members: zip_bytes(members, zipfile.ZIP_STORED)),
    "deflated zip": ("zip", lambda members: zip_bytes(members, zipfile.ZIP_DEFLATED)),
    "lzma zip": ("zip", lambda members: zip_bytes(members, zipfile.ZIP_LZMA)),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("backwards", [False, True])
def test_each_format_is_known_by_its_content_and_members_come_in_any_order(
    tmp_path: Path, name: str, backwards: bool
) -> None:
    members = dict(reversed(MEMBERS.items())) if backwards else MEMBERS
    format_name, write = FORMATS[name]
    with opened(tmp_path, write(members)) as export:
        check_whole(export, [name for name in members if name.startswith("media/")])
        assert export.format == format_name
        assert list((tmp_path / "scratch").glob("*")) == []
    with contextlib.suppress(ValueError):
        assert export.messages is not None
        bytes(export.messages.buffer)
        pytest.fail("the buffer outlives the export")


def check_whole(export: Export, media: list[str]) -> None:
    assert export.messages is not None
    assert (export.messages.name, export.messages.size) == ("messages.json", len(MESSAGES))
    assert bytes(export.messages.buffer) == MESSAGES
    assert export.messages.buffer.readonly
    export.messages.forget(len(MESSAGES))
    assert bytes(export.messages.buffer) == MESSAGES
    assert export.members == 5
    assert sorted((one.name, one.size, one.document_id, one.media_index, one.is_side_file) for one in export.media) == [
        (f"media/{DOCUMENT}.1.jpeg", 3500, DOCUMENT, 1, False),
        (f"media/{DOCUMENT}.2.jpeg", 0, DOCUMENT, 2, False),
        (f"media/{DOCUMENT}.json", len(SIDE_FILE), DOCUMENT, 1, True),
    ]
    assert [one.name for one in export.media] == media
    assert [(member.name, content) for member, content in export.side_files()] == [
        (f"media/{DOCUMENT}.json", SIDE_FILE)
    ]


def test_a_folder_is_an_export_and_links_in_it_are_not_followed(tmp_path: Path) -> None:
    folder = as_folder(tmp_path, MEMBERS)
    (folder / "media" / f"{DOCUMENT}.3.json").symlink_to("/etc/hostname")
    (folder / "media" / "elsewhere").symlink_to("/etc")
    with open_export(folder, tmp_path) as export:
        check_whole(export, sorted(name for name in MEMBERS if name.startswith("media/")))
        assert export.format == "folder"


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b" \n"])
def test_a_bare_json_file_of_any_name_is_the_messages(tmp_path: Path, start: bytes) -> None:
    with opened(tmp_path, start + MESSAGES, "my chats.txt") as export:
        assert (export.format, export.members, list(export.media)) == ("json", 1, [])
        assert export.messages is not None
        assert (export.messages.name, bytes(export.messages.buffer)) == ("my chats.txt", start + MESSAGES)


def test_an_uncompressed_archive_is_read_in_place(tmp_path: Path) -> None:
    for number, content in enumerate((tar_bytes(MEMBERS), zip_bytes(MEMBERS, zipfile.ZIP_STORED))):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(content)
        with open_export(path, tmp_path / "scratch") as export:
            assert export.messages is not None
            assert not (tmp_path / "scratch").exists()
            with path.open("r+b") as file:
                file.seek(content.index(MESSAGES))
                file.write(b"?")
            assert bytes(export.messages.buffer[:1]) == b"?"


def test_messages_beyond_a_page_boundary_are_exactly_the_members_bytes(tmp_path: Path) -> None:
    big = b'{"conversations":[' + b"1," * 50_000 + b"1]}"
    with opened(tmp_path, tar_bytes({"a.bin": b"x" * 9000, "x/y/messages.json": big, "b.bin": b"y"})) as export:
        assert export.messages is not None
        assert (export.messages.name, bytes(export.messages.buffer)) == ("x/y/messages.json", big)


@pytest.mark.parametrize("name", [*FORMATS, "folder"])
def test_a_files_only_export_has_no_messages_and_empty_messages_are_a_member(tmp_path: Path, name: str) -> None:
    for members in ({f"{DOCUMENT}.1.jpeg": b"x"}, {"messages.json": b""}):
        if name == "folder":
            export = open_export(as_folder(tmp_path / str(len(members)) / next(iter(members)), members), tmp_path)
        else:
            export = opened(tmp_path, FORMATS[name][1](members))
        with export:
            if "messages.json" in members:
                assert export.messages is not None
                with pytest.raises(InvalidExport, match="messages.json: the file is empty"):
                    list(raw_parts(export.messages.buffer, max_messages=1, max_bytes=1))
            else:
                assert export.messages is None
                assert [member.document_id for member in export.media] == [DOCUMENT]


def test_what_is_media_and_what_its_name_says(tmp_path: Path) -> None:
    names = {
        f"deep/er/MEDIA/{DOCUMENT.upper()}.10.PNG": (DOCUMENT.upper(), 10, False),
        f"{DOCUMENT}.mp4": (DOCUMENT, 1, False),
        f"{DOCUMENT}.2.json": (DOCUMENT, 2, True),
        "media/folder/other.tar.gz": ("other", 1, False),
        "media/no extension": ("no extension", 1, False),
        f"media/._{DOCUMENT}.1.jpeg": None,
        "media/.DS_Store": None,
        f"mediation/{DOCUMENT[:-14]}.jpeg": None,
        "._messages.json": None,
        "__MACOSX/._messages.json": None,
        "messages.json.bak": None,
        "readme.txt": None,
    }
    with opened(tmp_path, tar_bytes({name: b"1" for name in names})) as export:
        assert export.messages is None
        assert {one.name: (one.document_id, one.media_index, one.is_side_file) for one in export.media} == {
            name: kind for name, kind in names.items() if kind
        }


def test_a_large_json_is_a_media_object_and_not_a_side_file(tmp_path: Path) -> None:
    members = {f"media/{DOCUMENT}.1.json": b"x" * ((1 << 20) + 1), f"media/{DOCUMENT}.json": b"y" * (1 << 20)}
    for write in (tar_bytes, FORMATS["tar.gz"][1]):
        with opened(tmp_path, write(members)) as export:
            assert [one.is_side_file for one in export.media] == [False, True]
            assert [len(content) for _, content in export.side_files()] == [1 << 20]


def test_media_of_the_same_name_are_all_kept(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for content in (b"a", b"bb"):
            info = tarfile.TarInfo(f"media/{DOCUMENT}.json")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    with opened(tmp_path, out.getvalue()) as export:
        assert [content for _, content in export.side_files()] == [b"a", b"bb"]


def test_names_that_are_no_text_are_made_text(tmp_path: Path) -> None:
    (tmp_path / "folder" / "media").mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/folder/media/a\xff.jpeg")).touch()
    (tmp_path / "folder" / "media" / DOCUMENT).touch()
    with open_export(tmp_path / "folder", tmp_path) as export:
        assert [one.name for one in export.media] == [f"media/{DOCUMENT}", "media/a\ufffd.jpeg"]
    named = tar_bytes({"media/abc.jpeg": b"", DOCUMENT: b""}, form=tarfile.USTAR_FORMAT)
    raw = bytearray(named)
    raw[7:8] = b"\xff"
    raw[148:156] = b"%06o\0 " % (sum(raw[:148]) + 8 * 32 + sum(raw[156:512]))
    with opened(tmp_path, bytes(raw)) as export:
        assert [one.name for one in export.media] == ["media/a\ufffdc.jpeg", DOCUMENT]


def open_files() -> list[Path]:
    """What this process has open."""
    return [file for file in sorted(Path("/proc/self/fd").iterdir()) if file.exists()]


REFUSED: dict[str, tuple[bytes, str]] = {
    "an empty file": (b"", "the file is empty at byte 0"),
    "a text": (b"Dear reader", "neither a tar or zip archive nor JSON at byte 0"),
    "an empty tar": (tar_bytes({}), "neither messages.json nor media"),
    "zeros": (b"\0" * 5000, "neither messages.json nor media"),
    "an empty zip": (zip_bytes({}, 0), "neither messages.json nor media"),
    "another tar": (tar_bytes({"thesis.doc": b"x", "endpoints.json": b"[]"}), "neither messages.json nor media"),
    "a compressed text": (gzip.compress(b"Dear reader" * 100), "a compressed file, not an archive"),
    "two exports": (
        tar_bytes({"a/messages.json": b"{}", "b\x1b[2J/messages.json": b"{}"}),
        r"twice: a/messages.json and b\\x1b\[2J/messages.json",
    ),
    "a link": (special("messages.json", tarfile.SYMTYPE, "/etc/passwd"), "messages.json: is a link"),
    "a hard link": (special("x/messages.json", tarfile.LNKTYPE, "/etc/passwd"), "x/messages.json: is a link"),
    "a device": (special("messages.json", tarfile.CHRTYPE), "messages.json: is a link or a device"),
    "a pipe": (special("messages.json", tarfile.FIFOTYPE), "messages.json: is a link or a device"),
    "a cut zip": (zip_bytes(MEMBERS, zipfile.ZIP_DEFLATED)[:-30], "damaged"),
    "a zip with a wrong checksum": (zip_bytes(MEMBERS, 0).replace(b"mara", b"Mara"), "checksum"),
}


@pytest.mark.parametrize(("content", "problem"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_export_is_refused_and_nothing_stays_open(tmp_path: Path, content: bytes, problem: str) -> None:
    before = open_files()
    with pytest.raises(InvalidExport, match=problem):
        opened(tmp_path, content)
    assert open_files() == before


def test_a_zip_with_links_or_a_password_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        entry = zipfile.ZipInfo("messages.json")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(InvalidExport, match="messages.json: is a link"):
        opened(tmp_path, out.getvalue())
    encrypted = bytearray(zip_bytes(MEMBERS, 0))
    encrypted[encrypted.index(b"PK\1\2") + 8] |= 1
    with pytest.raises(InvalidExport, match="is encrypted. Unpack it with its password"):
        opened(tmp_path, bytes(encrypted))


def test_a_folder_without_an_export_or_with_two_or_with_a_link_is_refused(tmp_path: Path) -> None:
    folder = as_folder(tmp_path, {"notes.txt": b""})
    with pytest.raises(InvalidExport, match="is no export: neither messages.json nor media of Skype"):
        open_export(folder, tmp_path)
    as_folder(tmp_path, {"a/messages.json": b"{}", "b/messages.json": b"{}"})
    with pytest.raises(InvalidExport, match="is no export, but holds folders that are: a, b. Give one at a time"):
        open_export(folder, tmp_path)
    with pytest.raises(InvalidExport, match="cannot be read: No such file"):
        open_export(tmp_path / "missing.tar", tmp_path)


def test_a_sparse_member_is_not_read(tmp_path: Path) -> None:
    sparse = tmp_path / "messages.json"
    with sparse.open("wb") as file:
        file.truncate(1 << 20)
        file.seek(1 << 19)
        file.write(b"{}")
    archive = tmp_path / "sparse.tar"
    subprocess.run(["tar", "-C", tmp_path, "-S", "-cf", archive, "messages.json"], check=True)
    with pytest.raises(InvalidExport, match="messages.json: is a link or a device"):
        open_export(archive, tmp_path)


@pytest.mark.parametrize("name", ["tar", "tar.gz", "tar.xz", "deflated zip", "stored zip"])
def test_a_cut_archive_is_refused_and_never_half_read(tmp_path: Path, name: str) -> None:
    whole = FORMATS[name][1](MEMBERS)
    end = whole.rstrip(b"\0") if name == "tar" else whole
    chance = random.Random(3)
    for size in sorted(chance.sample(range(1, len(end)), 80)):
        if name == "tar" and size % 512 == 0:
            continue
        with pytest.raises(InvalidExport):
            opened(tmp_path, whole[:size])


def test_a_tar_may_lack_its_end_mark_but_not_have_other_bytes_there(tmp_path: Path) -> None:
    whole = tar_bytes(MEMBERS).rstrip(b"\0")
    whole += b"\0" * (-len(whole) % 512)
    with opened(tmp_path, whole) as export:
        assert len(export.media) == 3
    with pytest.raises(InvalidExport, match="a header that is none"):
        opened(tmp_path, whole + b"garbage" * 100)


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_archives_are_refused_or_read_and_nothing_else(tmp_path: Path, name: str) -> None:
    whole = FORMATS[name][1](MEMBERS)
    chance = random.Random(11)
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 3, 30])):
            damaged[chance.randrange(len(damaged))] = chance.choice([0, 255, 0x30, 0x80, chance.randrange(256)])
        with contextlib.suppress(InvalidExport), opened(tmp_path, bytes(damaged)) as export:
            list(export.side_files())


@pytest.mark.parametrize("compress", [gzip.compress, lambda content: lzma.compress(content, preset=0)])
def test_a_decompression_bomb_is_refused_with_both_figures(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    bomb = compress(tar_bytes({"messages.json": b" " * (68 << 20)}))
    with pytest.raises(InvalidExport, match=r"\d+ bytes unpack to more than \d+ bytes, over 1000 times"):
        opened(tmp_path, bomb)


def test_a_zip_bomb_is_refused_with_both_figures(tmp_path: Path) -> None:
    with pytest.raises(InvalidExport, match=r"\d+ bytes unpack to more than \d+ bytes, over 1000 times"):
        opened(tmp_path, zip_bytes({"messages.json": b" " * (68 << 20)}, zipfile.ZIP_BZIP2))


def test_a_tar_header_of_gigabytes_is_refused_in_flat_memory(tmp_path: Path) -> None:
    """A pax header that says it is 8 GiB, in a file that is, as it has holes."""
    header = tarfile.TarInfo("PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 8 << 30
    path = tmp_path / "export.tar"
    with path.open("wb") as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        file.truncate(9 << 30)
    program = f"""
import resource
from pathlib import Path
from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.archive import open_export
resource.setrlimit(resource.RLIMIT_AS, (1 << 30,) * 2)
try:
    open_export(Path({str(path)!r}), Path({str(tmp_path)!r}))
except InvalidExport as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (run.stdout.strip(), run.stderr) == ("export.tar: a header of more than 1048576 bytes at byte 512", "")


def test_what_is_unpacked_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    before, old = open_files(), os.umask(0)
    try:
        with opened(tmp_path, FORMATS["tar.gz"][1](MEMBERS)):
            assert stat.S_IMODE((tmp_path / "scratch").stat().st_mode) == 0o700
            new = [file.stat() for file in open_files() if file not in before]
            assert {stat.S_IMODE(file.st_mode) for file in new if not file.st_nlink} == {0o600}
    finally:
        os.umask(old)
    assert list((tmp_path / "scratch").iterdir()) == []
