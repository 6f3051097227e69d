"""What a file is, by its first bytes: what an archive says of it may be a lie.

Only what browsers show without running anything in it is shown in its place; all else is to be downloaded.
"""

from typing import Final

OTHER: Final = "application/octet-stream"

LOOKED_AT: Final = 64
"""Bytes from which it can be told."""

_BEGINNINGS: Final = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)

_BRANDS: Final = {b"avif": "image/avif", b"avis": "image/avif", b"M4A ": "audio/mp4", b"M4B ": "audio/mp4"}
_NOT_SHOWN: Final = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc", b"hevx")


def media_type(start: bytes) -> str:
    """The media type of a file that begins so; ``OTHER`` if it is none that is shown."""
    for beginning, type_ in _BEGINNINGS:
        if start.startswith(beginning):
            return type_
    if start[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(start[8:12], OTHER)
    if start[4:8] == b"ftyp":
        return OTHER if start[8:12] in _NOT_SHOWN else _BRANDS.get(start[8:12], "video/mp4")
    if len(start) > 2 and start[0] == 0xFF and start[1] & 0xE6 == 0xE2:  # a frame of MPEG audio, layer III
        return "audio/mpeg"
    return OTHER


def is_shown(type_: str) -> bool:
    """Whether it is shown in its place."""
    return type_ != OTHER
