"""Which members of an export are what, by their names (format reference, 1.3 to 1.5).

People unpack and re-pack exports, so folders above a member mean nothing, except one called ``media``. Programs of
Windows separate folders by a backslash, so it does here, too.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Final, Literal, get_args

MESSAGES: Final = "messages.json"
ENDPOINTS: Final = "endpoints.json"
_ARCHIVES: Final = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
_OF_SYSTEMS: Final = frozenset({"thumbs.db", "desktop.ini"})

MemberKind = Literal["messages", "media", "side file", "endpoints", "other", "no file"]
"""What a member of an export is; ``no file`` is a link, a device and the like."""

KINDS: Final[tuple[MemberKind, ...]] = get_args(MemberKind)

MAX_SIDE_FILE: Final = 1 << 20
"""Bytes of a side file; they have some 150. A larger one is taken for a media object and not parsed."""

_document_id = re.compile(r"0-[a-z]{2,5}-d[0-9]{1,3}-[0-9a-f]{20,64}(?![0-9a-f])", re.IGNORECASE)
_unfit = re.compile("[\0\ud800-\udfff]")
_side_file = re.compile(r"[^.]+(\.[0-9]+)?\.json", re.IGNORECASE)
_media_index = re.compile(r"[^.]+\.0*([0-9]+)(\.|$)")
_GREATEST_INDEX: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an export. ``position`` is for the archive that it came from."""

    name: str
    size: int
    position: int


@dataclass(frozen=True, slots=True)
class MediaMember(Member):
    """A media object, or the side file that describes one."""

    document_id: str
    media_index: int
    is_side_file: bool


def clean_name(name: str) -> str:
    """A member's name with ``/``, as text that every table can hold: no NUL, no half of a surrogate pair."""
    return _unfit.sub("\ufffd", name).replace("\\", "/")


def printable(name: str) -> str:
    """A member's name for messages: what a terminal or a log could take for a command is escaped."""
    if name.isprintable():
        return name
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in name
    )


def is_messages(name: str) -> bool:
    """Whether the member holds the messages. Windows and others may have changed its letter case."""
    return _path(name).name.lower() == MESSAGES


def is_endpoints(name: str) -> bool:
    """Whether the member lists the owner's devices."""
    return _path(name).name.lower() == ENDPOINTS


def is_archive(name: str) -> bool:
    """Whether the member may be an archive in which the export lies."""
    path = _path(name)
    return path.name.lower().endswith(_ARCHIVES) and not any(part.startswith((".", "__MACOSX")) for part in path.parts)


def is_document(name: str) -> bool:
    """Whether the member is called by a document id, as media of exports are and hardly anything else is."""
    return _document_id.match(_path(name).name) is not None


def is_media(name: str) -> bool:
    """Whether the member is a media object or a side file. Names that begin with a dot are those of file systems."""
    path = _path(name)
    if path.name.startswith(".") or path.name.lower() in _OF_SYSTEMS:
        return False
    return _document_id.match(path.name) is not None or "media" in (folder.lower() for folder in path.parts[:-1])


def media_member(name: str, size: int, position: int) -> MediaMember | None:
    """What a member is, if it is media."""
    if not is_media(name):
        return None
    document_id, media_index = object_of(name)
    return MediaMember(
        name=name,
        size=size,
        document_id=document_id,
        media_index=media_index,
        is_side_file=is_side_file(name, size),
        position=position,
    )


def object_of(name: str) -> tuple[str, int]:
    """The id of the document that a media member is about, as it is spelled, and its index: 1 if it has none."""
    base = _path(name).name
    index = _media_index.match(base)
    if index is None:
        return base.split(".", 1)[0], 1
    return base.split(".", 1)[0], _GREATEST_INDEX if len(index[1]) > 10 else min(int(index[1]), _GREATEST_INDEX)


def is_side_file(name: str, size: int) -> bool:
    """Whether a media member is a side file and not an object."""
    return size <= MAX_SIDE_FILE and _side_file.fullmatch(_path(name).name) is not None


@lru_cache(maxsize=16)  # one after the other asks what the same member is
def _path(name: str) -> PurePosixPath:
    return PurePosixPath(name.replace("\\", "/"))
