"""What form an export is kept in, told by the first bytes of the file: its name says nothing.

What is in no form that is read is refused here, before anything of it is hashed or copied.
"""

import tarfile
import zipfile
from pathlib import Path
from typing import BinaryIO, Final, Literal

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export import foreign
from skype_assets.etl.export.foreign import GIVE_EXPORT, LOOKED_AT, UNPACK, Foreign
from skype_assets.etl.export.members import is_messages
from skype_assets.etl.export.unpacking import decompressor, readable

Form = Literal["tar", "tar.gz", "zip", "json", "compressed"]
"""``tar.gz`` whatever the compression; ``compressed`` is a zip or JSON that was compressed alone."""

_JSON_BEGINS: Final = (b"{", b"[", b"\xff\xfe{", b"\xff\xfe[", b"\xfe\xff\0", b"\0{")  # UTF-16 is refused later
_ZIP_BEGINS: Final = (b"PK\3\4", b"PK\5\6", b"PK00PK\3\4", b"PK\7\10PK\3\4")
"""The last two are of archives that were to be split, and then fitted into one file."""
_BLANKS: Final = b" \t\r\n"


def form_of(file: BinaryIO, name: str, path: Path | None = None) -> Form:
    """What form a file has; it is left at its beginning.

    Args:
        file: the file.
        name: what errors call it.
        path: where it is, if it has a name.

    Raises:
        InvalidExport: none of these; it says what the file is instead, if that can be told.
    """
    start = file.read(LOOKED_AT)
    file.seek(0)
    if not start:
        raise InvalidExport("the file is empty", member=name, offset=0, remedy=GIVE_EXPORT)
    with readable(name):
        form, known = _form(file, start)
    known = known or (foreign.by_beginning(start, path) if form is None else None)
    if form is None and not known and zipfile.is_zipfile(file):  # behind a script that unpacks it, say
        with readable(name):
            form, known = _zip_form(file)
    file.seek(0)
    if known:
        raise known.refusal(name)
    if form is None:
        raise InvalidExport("this is neither a tar or zip archive nor JSON", member=name, offset=0, remedy=GIVE_EXPORT)
    return form


def _form(file: BinaryIO, start: bytes) -> tuple[Form | None, Foreign | None]:
    if start.startswith(_ZIP_BEGINS):
        return _zip_form(file)
    if stream := decompressor(file):
        with stream:
            block = stream.read(tarfile.BLOCKSIZE)
        file.seek(0)
        if _begins_json(block) or block.startswith(_ZIP_BEGINS):
            return "compressed", None
        return "tar.gz", None if _begins_tar(block) else Foreign("a compressed file, not an archive", UNPACK)
    if _begins_tar(start[: tarfile.BLOCKSIZE]):
        return "tar", None
    return ("json", foreign.by_json(start)) if _begins_json(start) else (None, None)


def _zip_form(file: BinaryIO) -> tuple[Form, Foreign | None]:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
    file.seek(0)
    return "zip", foreign.by_names(names) if sum(map(is_messages, names)) != 1 else None


def _begins_json(start: bytes) -> bool:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip(_BLANKS)
    return text.startswith(_JSON_BEGINS) and not start.startswith(b"{\\rtf")


def _begins_tar(block: bytes) -> bool:
    """Whether a file's first block is a tar header, or the end mark of an empty archive."""
    if block[257:262] == b"ustar" or not block.strip(b"\0"):
        return True
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "replace")
    except tarfile.HeaderError:
        return False
    return True
