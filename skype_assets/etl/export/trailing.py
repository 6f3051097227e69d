"""What stands behind the end of an archive: whoever put two into one file must hear of the second.

Programs that unpack look for an end and stop there. What of it can be read without doubt is read (a further tar, a
further member of a compressed file); another archive is refused; anything else is said.
"""

import logging
from typing import Final

from skype_assets.etl.errors import InvalidExport

TAKE_APART: Final = "Give one export at a time: take the file apart, or unpack it and give the folder"

_BEGINNINGS: Final = (b"PK\3\4", b"PK\5\6", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"7z\xbc\xaf\x27\x1c", b"Rar!")
_TAR: Final = slice(257, 262)

_logger = logging.getLogger(__name__)


def is_archive(start: bytes) -> bool:
    """Whether bytes are those with which an archive begins."""
    return start.startswith(_BEGINNINGS) or start[_TAR] == b"ustar"


def leave(start: bytes, name: str, offset: int) -> None:
    """Leave what follows an archive, which begins with ``start``, and say so; zeros are padding.

    Raises:
        InvalidExport: it is another archive.
    """
    if is_archive(start):
        raise InvalidExport("another archive follows the first", member=name, offset=offset, remedy=TAKE_APART)
    if start.strip(b"\0"):
        _logger.warning("%s: what follows the end of the archive, from byte %d on, was not read", name, offset)
