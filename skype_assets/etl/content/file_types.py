"""What the first bytes of a file say of its type; names and claims say nothing.

A short table of signatures, of what people send each other: the bytes are compared, and never decoded. Measured against
three libraries in docs/decisions.md.
"""

import re
from collections.abc import Mapping
from typing import Final

LOOKED_AT: Final = 512
"""Bytes from which a type can be told."""

_Signature = tuple[str, re.Pattern[bytes]]


def _at(offset: int, pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(b"(?s:.{%d})" % offset + pattern)


_SIGNATURES: Final[tuple[_Signature, ...]] = (
    ("image/jpeg", _at(0, rb"\xff\xd8\xff")),
    ("image/png", _at(0, rb"\x89PNG\r\n\x1a\n")),
    ("image/gif", _at(0, rb"GIF8[79]a")),
    ("image/webp", _at(0, rb"RIFF(?s:.{4})WEBP")),
    ("image/avif", _at(4, rb"ftypavi[fs]")),
    ("image/heic", _at(4, rb"ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)")),
    ("audio/mp4", _at(4, rb"ftyp(?:M4A |M4B |M4P |F4A )")),
    ("video/quicktime", _at(4, rb"(?:ftypqt  |moov|mdat|wide|pnot)")),
    ("video/3gpp", _at(4, rb"ftyp3g")),
    ("video/mp4", _at(4, rb"ftyp")),
    ("video/webm", _at(0, rb"\x1a\x45\xdf\xa3(?s:.{0,60})webm")),
    ("video/matroska", _at(0, rb"\x1a\x45\xdf\xa3")),
    ("video/x-msvideo", _at(0, rb"RIFF(?s:.{4})AVI ")),
    ("audio/wav", _at(0, rb"RIFF(?s:.{4})WAVE")),
    ("video/ogg", _at(0, rb"OggS(?s:.{24,60})\x80theora")),
    ("audio/ogg", _at(0, rb"OggS")),
    ("audio/flac", _at(0, rb"fLaC")),
    ("audio/amr", _at(0, rb"#!AMR")),
    ("audio/midi", _at(0, rb"MThd")),
    ("audio/mpeg", _at(0, rb"ID3[\x02-\x04]|\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\xef]")),
    ("audio/aac", _at(0, rb"\xff[\xf0\xf1\xf8\xf9][\x00-\xbf]")),
    ("video/x-ms-asf", _at(0, rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11")),
    ("video/x-flv", _at(0, rb"FLV\x01")),
    ("video/mpeg", _at(0, rb"\0\0\x01[\xba\xb3]")),
    ("video/mp2t", _at(0, rb"G(?s:.{187})G(?s:.{187})G")),
    ("image/tiff", _at(0, rb"II\*\0|MM\0\*")),
    ("image/bmp", _at(0, rb"BM(?s:.{4})\0\0\0\0(?s:.{4})[\x0c\x28\x38\x40\x6c\x7c]\0\0\0")),
    ("image/x-icon", _at(0, rb"\0\0\x01\0[\x01-\x20]\0")),
    ("image/vnd.adobe.photoshop", _at(0, rb"8BPS\0\x01")),
    ("application/pdf", _at(0, rb"(?s:.{0,64})%PDF-[12]\.")),
    ("application/vnd.oasis.opendocument", _at(30, rb"mimetypeapplication/vnd\.oasis\.opendocument")),
    ("application/epub+zip", _at(30, rb"mimetypeapplication/epub\+zip")),
    ("application/vnd.openxmlformats", _at(30, rb"(?:\[Content_Types\]\.xml|_rels/|docProps/|word/|xl/|ppt/)")),
    ("application/zip", _at(0, rb"PK(?:\x03\x04|\x05\x06)")),
    ("application/x-7z-compressed", _at(0, rb"7z\xbc\xaf\x27\x1c")),
    ("application/vnd.rar", _at(0, rb"Rar!\x1a\x07")),
    ("application/gzip", _at(0, rb"\x1f\x8b\x08")),
    ("application/x-bzip2", _at(0, rb"BZh[1-9]1AY&SY")),
    ("application/x-xz", _at(0, rb"\xfd7zXZ\0")),
    ("application/x-tar", _at(257, rb"ustar[\0 ]")),
    ("application/x-ole-storage", _at(0, rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")),
    ("application/rtf", _at(0, rb"\{\\rtf")),
    ("application/postscript", _at(0, rb"%!PS")),
    ("application/x-sqlite3", _at(0, rb"SQLite format 3\0")),
    ("application/vnd.microsoft.portable-executable", _at(0, rb"MZ(?s:.{58}..)\0\0")),
    ("application/x-elf", _at(0, rb"\x7fELF[\x01\x02]")),
    ("font/ttf", _at(0, rb"\0\x01\0\0\0[\x04-\x30]|OTTO\0")),
    ("text/vcard", _at(0, rb"BEGIN:VCARD\r?\n")),
    ("text/calendar", _at(0, rb"BEGIN:VCALENDAR\r?\n")),
    ("image/svg+xml", _at(0, rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml(?s:.{0,400}))?<svg[\s>]")),
    (
        "text/html",
        _at(0, rb"(?i:(?:\xef\xbb\xbf)?\s*(?:<!--(?s:.{0,200})-->\s*)?<(?:!doctype html|html|head|body)[\s>])"),
    ),
    ("text/xml", _at(0, rb"(?:\xef\xbb\xbf)?<\?xml\s")),
)
"""The first that fits; a more special one stands before a more general one."""

TEXT: Final = "text/plain"
_CONTROL: Final = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_CUT: Final = 3
"""Bytes at the end that may be the beginning of one more character."""

_SAME: Final[Mapping[str, str]] = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/heif": "image/heic",
    "image/x-ms-bmp": "image/bmp",
    "image/vnd.microsoft.icon": "image/x-icon",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/opus": "audio/ogg",
    "application/ogg": "audio/ogg",
    "audio/webm": "video/webm",
    "video/x-matroska": "video/matroska",
    "audio/x-matroska": "video/matroska",
    "video/avi": "video/x-msvideo",
    "video/msvideo": "video/x-msvideo",
    "video/x-ms-wmv": "video/x-ms-asf",
    "audio/x-ms-wma": "video/x-ms-asf",
    "application/x-pdf": "application/pdf",
    "application/x-zip-compressed": "application/zip",
    "application/x-rar-compressed": "application/vnd.rar",
    "application/x-gzip": "application/gzip",
    "text/rtf": "application/rtf",
    "application/x-msdownload": "application/vnd.microsoft.portable-executable",
    "application/x-msdos-program": "application/vnd.microsoft.portable-executable",
    "application/exe": "application/vnd.microsoft.portable-executable",
    "text/x-vcard": "text/vcard",
    "application/xhtml+xml": "text/html",
    "application/xml": "text/xml",
}

_ISO_MEDIA: Final = frozenset({"audio/mp4", "video/mp4", "video/quicktime", "video/3gpp"})
_ISO_MEDIA_CLAIMS: Final = re.compile(r"(audio|video)/(x-)?(m4[av]|mp4|mp4a-latm|aac|3gpp2?|quicktime)")
_ZIPPED: Final = re.compile(
    r"application/(zip|epub\+zip|java-archive|vnd\.(openxmlformats|oasis|android|ms-|apple).*|x-.*)"
)
_CLAIMS_NOTHING: Final = frozenset(
    {"", "application/octet-stream", "binary/octet-stream", "application/unknown", "*/*"}
)


def type_of(head: bytes) -> str | None:
    """The media type that a file's first bytes tell; None if they tell none.

    Of containers - MP4, ZIP, OLE - it is that of the container where the bytes do not say more.
    """
    for name, pattern in _SIGNATURES:
        if pattern.match(head):
            return name
    return TEXT if head and _is_text(head) else None


def contradicts(claimed: str | None, found: str | None) -> bool:
    """Whether a claimed media type is another one than the bytes tell. Where either says nothing, it is none."""
    claim = (claimed or "").split(";")[0].strip().lower()
    claim = _SAME.get(claim, claim)
    if found is None or claim in _CLAIMS_NOTHING or claim == found:
        return False
    if found in _ISO_MEDIA:  # the brand of a file with sound alone is often that of films
        return not _ISO_MEDIA_CLAIMS.fullmatch(claim)
    if found.startswith(("application/zip", "application/vnd.openxml", "application/vnd.oasis")):
        return not _ZIPPED.fullmatch(claim)
    if found == "application/x-ole-storage":
        return not re.fullmatch(r"application/(msword|vnd\.ms-.*|x-ole-storage|vnd\.visio|x-msi)", claim)
    if found.startswith("text/"):
        return not re.fullmatch(r"text/.*|application/(json|javascript|x-.*|.*\+?xml|sql|rtf)", claim)
    return True


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return len(head) % 2 == 0 and b"\0" in head[2:]
    if _CONTROL.search(head):
        return False
    for cut in range(_CUT + 1):
        try:
            head[: len(head) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return True
    return False
