"""Nothing that stands behind an archive is silently left out: it is read, refused, or said."""

import bz2
import gzip
import io
import logging
import lzma
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from skype_assets.etl.errors import InvalidExport
from tests.export.test_archive import DOCUMENT, MEMBERS, MESSAGES, opened, tar_bytes, zip_bytes

SECOND = {f"media/{DOCUMENT}.3.jpeg": b"further"}
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
}
Two = Callable[[bytes, bytes], bytes]
WAYS: dict[str, Two] = {
    "cat": lambda one, two: one + two,
    "without an end mark": lambda one, two: one.rstrip(b"\0") + b"\0" * (-len(one.rstrip(b"\0")) % 512) + two,
    **{
        f"{name} of both": lambda one, two, compress=compress: compress(one + two)
        for name, compress in COMPRESSIONS.items()
    },
    **{
        f"{name} of each": lambda one, two, compress=compress: compress(one) + compress(two)
        for name, compress in COMPRESSIONS.items()
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_a_second_tar_is_read_as_well(way: str, tmp_path: Path) -> None:
    with opened(tmp_path, WAYS[way](tar_bytes(MEMBERS), tar_bytes(SECOND))) as export:
        assert export.messages
        assert bytes(export.messages.buffer) == MESSAGES
        assert [member.name for member in export.media][-1] == next(iter(SECOND))


def test_what_tar_concatenates_is_read(tmp_path: Path) -> None:
    first, second = tmp_path / "a.tar", tmp_path / "b.tar"
    first.write_bytes(tar_bytes(SECOND))
    second.write_bytes(tar_bytes(MEMBERS))
    subprocess.run(["tar", "--concatenate", "--file", first, second], check=True)
    with opened(tmp_path, first.read_bytes()) as export:
        assert export.messages
        assert len(export.media) == 4


@pytest.mark.parametrize("way", WAYS)
def test_two_exports_in_one_file_are_refused(way: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidExport, match="messages twice.*Give one export at a time"):
        opened(tmp_path, WAYS[way](tar_bytes(MEMBERS), tar_bytes(MEMBERS)))


def test_a_second_tar_that_is_cut_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidExport, match="ends before it is complete"):
        opened(tmp_path, tar_bytes(MEMBERS) + tar_bytes({"media/x.jpeg": b"x" * 9_000})[:4_000])


@pytest.mark.parametrize("compress", COMPRESSIONS.values(), ids=COMPRESSIONS.keys())
def test_a_compressed_file_may_have_further_members_and_zeros_but_nothing_else(
    compress: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    whole = tar_bytes(MEMBERS)
    for end in (b"", b"\0" * 4096):
        with opened(tmp_path, compress(whole[:700]) + compress(whole[700:]) + end) as export:
            assert len(export.media) == 3
    for end in (b"garbage", zip_bytes(SECOND, zipfile.ZIP_STORED), b"B"):
        with pytest.raises(InvalidExport, match="damaged"):
            opened(tmp_path, compress(whole) + end)


@pytest.mark.parametrize("compress", COMPRESSIONS.values(), ids=COMPRESSIONS.keys())
def test_messages_that_are_compressed_alone_may_come_in_members(
    compress: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    with opened(tmp_path, compress(MESSAGES[:20]) + compress(MESSAGES[20:])) as export:
        assert export.messages
        assert bytes(export.messages.buffer) == MESSAGES


def test_an_archive_of_another_kind_behind_a_tar_is_refused(tmp_path: Path) -> None:
    for other in (zip_bytes(SECOND, zipfile.ZIP_STORED), gzip.compress(tar_bytes(SECOND))):
        with pytest.raises(InvalidExport, match="another archive follows.*take the file apart"):
            opened(tmp_path, tar_bytes(MEMBERS) + other)


def test_other_bytes_behind_an_archive_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for archive in (tar_bytes(MEMBERS), zip_bytes(MEMBERS, zipfile.ZIP_DEFLATED)):
        caplog.clear()
        with caplog.at_level(logging.WARNING), opened(tmp_path, archive + b"signed by nobody") as export:
            assert export.messages
        assert f"from byte {len(archive)} on, was not read" in caplog.text


def test_zeros_behind_an_archive_are_not_worth_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for archive in (tar_bytes(MEMBERS), zip_bytes(MEMBERS, zipfile.ZIP_DEFLATED)):
        with caplog.at_level(logging.WARNING), opened(tmp_path, archive + b"\0" * 5_000) as export:
            assert export.messages
    assert not caplog.text


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_two_zips_in_one_file_are_refused_whichever_has_the_messages(method: int, tmp_path: Path) -> None:
    whole, other = zip_bytes(MEMBERS, method), zip_bytes(SECOND, method)
    for content in (whole + other, other + whole):
        with pytest.raises(InvalidExport, match="another zip stands before the last one.*take the file apart"):
            opened(tmp_path, content)


def test_a_zip_with_a_comment_is_one_zip(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("messages.json", MESSAGES)
        archive.comment = b"packed by hand"
    with caplog.at_level(logging.WARNING), opened(tmp_path, out.getvalue()) as export:
        assert export.messages
    assert not caplog.text


def test_an_archive_of_another_kind_behind_a_zip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidExport, match="another archive follows"):
        opened(tmp_path, zip_bytes(MEMBERS, zipfile.ZIP_DEFLATED) + tar_bytes(SECOND))
