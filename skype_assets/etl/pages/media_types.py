"""Which files browsers show, by their first bytes: what an archive says of a file may be a lie.

Only what they show without running anything in it is shown in its place; all else is to be downloaded.
"""

from collections.abc import Mapping
from typing import Final

from skype_assets.etl.content.file_types import LOOKED_AT, type_of

__all__ = ["LOOKED_AT", "OTHER", "is_shown", "media_type"]

OTHER: Final = "application/octet-stream"

_SHOWN: Final = frozenset(
    {"image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "audio/mpeg", "audio/mp4", "audio/ogg"}
    | {"audio/wav", "video/mp4", "video/webm"}
)
_SHOWN_AS: Final[Mapping[str, str]] = {
    "video/quicktime": "video/mp4",
    "video/3gpp": "video/mp4",
    "video/matroska": "video/webm",
    "video/ogg": "audio/ogg",
}


def media_type(start: bytes) -> str:
    """The media type of a file that begins so; ``OTHER`` if it is none that is shown."""
    found = type_of(start) or OTHER
    shown = _SHOWN_AS.get(found, found)
    return shown if shown in _SHOWN else OTHER


def is_shown(type_: str) -> bool:
    """Whether it is shown in its place."""
    return type_ != OTHER
