"""A member of a damaged archive, as far as it is there."""

import mmap
import re
from dataclasses import dataclass
from typing import BinaryIO, Final

MESSAGES_MEMBER: Final = "messages.json"
"""What a member is called whose own name could not be read."""

ENDS_WITHIN: Final = "the archive ends within this member"

_LOOKED_AT: Final = 1 << 20
_of_messages = re.compile(rb'"(?:conversations|MessageList|conversationid)"\s*+:')


@dataclass(frozen=True)
class Salvaged:
    """A range of a file that is a member.

    ``believed_from`` is where, after damage within the member, its bytes are to be believed again: 0 where damage does
    not spread, its size where nothing behind it is.
    """

    name: str
    file: BinaryIO
    offset: int
    size: int
    is_whole: bool = True
    believed_from: int = 0


def holds_messages(data: mmap.mmap, begin: int, end: int) -> bool:
    """Whether a range looks like the messages of an export, as far as its beginning shows."""
    return _of_messages.search(data, begin, min(begin + _LOOKED_AT, end)) is not None
