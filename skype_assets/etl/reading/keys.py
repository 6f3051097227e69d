"""How conversations, people and messages are named in addresses of pages: nothing in them is foreign text."""

import base64
import binascii
import hashlib
import re
from functools import lru_cache
from typing import Final

_PLAIN: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_LONGEST: Final = 8_192


@lru_cache(8_192)
def key(owner_id: str, id: str) -> str:
    """The 16 hex digits that stand for a conversation or a person of an account; with an empty id for the account."""
    return hashlib.sha256(f"{owner_id}\0{id}".encode()).hexdigest()[:16]


def slug(message_id: str) -> str:
    """A message's id in an address: itself, as Skype's ids are digits; of others a code."""
    if _PLAIN.fullmatch(message_id):
        return message_id
    return "~" + base64.urlsafe_b64encode(message_id.encode()).decode().rstrip("=")


def message_id(slug: str) -> str | None:
    """The id of a slug; None if it is none."""
    if _PLAIN.fullmatch(slug):
        return slug
    if not slug.startswith("~") or len(slug) > _LONGEST:
        return None
    code = slug[1:]
    try:
        found = base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return found if found and "\0" not in found else None
