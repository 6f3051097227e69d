"""A file's type is told by its bytes, and a claim that they contradict is known for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skype_assets.etl.content.file_types import LOOKED_AT, contradicts, type_of

RIFF = b"RIFF\x10\0\0\0"
ODF = b"application/vnd.oasis.opendocument"
BRAND = b"\0\0\0\x18ftyp"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\xff\xd8\xff\xe1\0\0Exif", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"GIF89a\1\0", "image/gif"),
        (RIFF + b"WEBPVP8 ", "image/webp"),
        (RIFF + b"WAVEfmt ", "audio/wav"),
        (RIFF + b"AVI LIST", "video/x-msvideo"),
        (BRAND + b"avif", "image/avif"),
        (BRAND + b"heic", "image/heic"),
        (BRAND + b"M4A ", "audio/mp4"),
        (BRAND + b"isom", "video/mp4"),
        (BRAND + b"qt  ", "video/quicktime"),
        (BRAND + b"3gp4", "video/3gpp"),
        (b"\x1a\x45\xdf\xa3\x93\x42\x82\x84webm", "video/webm"),
        (b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska", "video/matroska"),
        (b"OggS" + bytes(24) + b"\x01vorbis", "audio/ogg"),
        (b"OggS" + bytes(24) + b"\x80theora", "video/ogg"),
        (b"ID3\x04\0\0", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"#!AMR\n", "audio/amr"),
        (b"fLaC\0", "audio/flac"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"\xef\xbb\xbf%PDF-1.4", "application/pdf"),
        (b"PK\3\4" + bytes(26) + b"photo.jpg", "application/zip"),
        (b"PK\3\4" + bytes(26) + b"[Content_Types].xml", "application/vnd.openxmlformats"),
        (
            b"PK\3\4" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.text",
            "application/vnd.oasis.opendocument",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
        (bytes(257) + b"ustar\x0000", "application/x-tar"),
        (b"\x1f\x8b\x08\0", "application/gzip"),
        (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
        (b"MZ" + bytes(58) + b"\x80\0\0\0", "application/vnd.microsoft.portable-executable"),
        (b"\x7fELF\x02\x01", "application/x-elf"),
        (b"{\\rtf1\\ansi", "application/rtf"),
        (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'>", "image/svg+xml"),
        (b"\n<svg width='1'>", "image/svg+xml"),
        (b"<!DOCTYPE html><html>", "text/html"),
        (b"<HTML><body>", "text/html"),
        (b"<?xml version='1.0'?><a/>", "text/xml"),
        (b"BEGIN:VCARD\r\nVERSION:3.0", "text/vcard"),
        (b"minutes of the meeting\n", "text/plain"),
        ("смета на год".encode()[:-1], "text/plain"),
        ("\ufeffplan".encode("utf-16-le"), "text/plain"),
        (b"\0\1\2\3", None),
        (b"\xc3\x28 no text", None),
        (b"", None),
    ],
)
def test_the_first_bytes_tell_the_type(head: bytes, expected: str | None) -> None:
    assert type_of(head) == expected


@pytest.mark.parametrize(
    ("claimed", "found"),
    [
        ("image/jpeg", "image/png"),
        ("image/jpeg", "application/vnd.microsoft.portable-executable"),
        ("image/png", "text/html"),
        ("video/mp4", "application/zip"),
        ("audio/mpeg", "video/mp4"),
        ("application/pdf", "text/plain"),
        ("text/plain", "application/pdf"),
    ],
)
def test_another_type_than_the_bytes_have_is_a_contradiction(claimed: str, found: str) -> None:
    assert contradicts(claimed, found)


@pytest.mark.parametrize(
    ("claimed", "found"),
    [
        ("image/jpg", "image/jpeg"),
        ("IMAGE/JPEG; charset=binary", "image/jpeg"),
        ("audio/m4a", "video/mp4"),
        ("video/quicktime", "video/mp4"),
        ("audio/x-m4a", "audio/mp4"),
        ("application/octet-stream", "image/png"),
        (None, "image/png"),
        ("image/png", None),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/zip"),
        ("application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument"),
        ("application/msword", "application/x-ole-storage"),
        ("text/csv", "text/plain"),
        ("application/json", "text/plain"),
        ("text/x-python", "text/plain"),
    ],
)
def test_another_name_of_the_same_or_no_name_is_none(claimed: str | None, found: str | None) -> None:
    assert not contradicts(claimed, found)


@given(st.binary(max_size=LOOKED_AT))
def test_any_bytes_have_a_type_or_none_and_never_contradict_it(head: bytes) -> None:
    found = type_of(head)
    assert not contradicts(found, found)
