"""Who and what: ids of people and conversations (MRIs), their names, and ids of stored objects.

Sections 1.5, 2.2, 2.4 and 2.5 of the format reference.
"""

import hashlib
import re
from typing import Final

from skype_assets.etl.content.cleaning import clean
from skype_assets.etl.content.embedded_json import decoded
from skype_assets.etl.content.markup import unescape

_PREFIX: Final = re.compile(r"^[0-9]+:")
# Wider than `markup` on purpose: a name is never code, so whatever looks like a tag is one.
_ANY_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*+>")
_DOCUMENT_ID: Final = re.compile(r"0-[a-z]{2,5}-d[0-9]{1,3}-[0-9a-f]{20,64}", re.IGNORECASE | re.ASCII)
_LONGEST_KEY: Final = 500
OLD_CHAT: Final = "#"
"""How the name of a chat of old clients begins (10)."""

NO_NAME_IN_ID: Final = "^(?:[0-9]+:)?(?:live:(?=[.]cid[.])|orgid:)?"
"""What clients leave out of an id that they show as a name: its number, and what stands before a code.

Python and PostgreSQL read the same in it.
"""
_NO_NAME_IN_ID: Final = re.compile(NO_NAME_IN_ID)

_MEMBER_KEYS: Final = ("MemberMri", "mri", "id")


def mri(text: str | None) -> str | None:
    """Return an id with its prefix: a bare name is a Skype user's, ``8:``. None for none.

    The name of an old chat, ``#ines_k/$tbrannock;4d5e6f``, is nobody's: it stays as it is.
    """
    text = (text or "").strip()
    if not text:
        return None
    is_whole = text == "ALL" or text.startswith(OLD_CHAT) or _PREFIX.match(text)
    return bounded(text if is_whole else "8:" + text)


def bounded(key: str) -> str:
    """Return an id that an index takes: of one with more than 500 bytes its beginning and its SHA-256.

    Real ones have 60. Together the five ids of a reaction's key stay below the 2,704 bytes that an entry of a
    PostgreSQL index may have.
    """
    if len(key) <= _LONGEST_KEY // 4 or len(key.encode()) <= _LONGEST_KEY:
        return key
    return f"{key[:50]}~{hashlib.sha256(key.encode()).hexdigest()}"


def sender(from_: object) -> str | None:
    """Return who sent a message; None where ``from`` is missing or names the thread itself (2.6)."""
    if not isinstance(from_, str):
        return None
    if "/contacts/" in from_ or "/conversations/" in from_:
        from_ = from_.rpartition("/")[2]
    user_id = mri(from_)
    return None if user_id is None or user_id.startswith(("19:", OLD_CHAT)) else user_id


def plain_name(text: str | None) -> str | None:
    """Return a display name or topic without tags and entities; None if nothing is left."""
    if not text:
        return None
    if "<" in text:
        text = _ANY_TAG.sub("", text)
    return unescape(text).strip() or None


def without_prefix(user_id: str | None) -> str | None:
    """Return an id as clients show it where they know no name."""
    return None if user_id is None else _PREFIX.sub("", user_id, count=1)


def bare(text: str | None) -> str | None:
    """Return of an id, or of a name, what tells whether one repeats the other (10)."""
    return None if text is None else _NO_NAME_IN_ID.sub("", text, count=1)


def proper_name(text: str | None, own_id: str) -> str | None:
    """Return a name as ``plain_name``; None also if it only repeats the id of whom it names (10)."""
    name = plain_name(text)
    return None if bare(name) == bare(own_id) else name


def conversation_kind(conversation_id: str) -> str:
    """Return ``direct``, ``group``, ``bot``, ``phone`` or ``special``, by the id alone (2.5)."""
    prefix, _, rest = conversation_id.partition(":")
    if conversation_id.startswith(OLD_CHAT):
        return "group"
    if prefix == "19":
        if rest.endswith("@oneToOne.skype"):
            return "direct"
        return "special" if rest.endswith("@cast.skype") else "group"
    return {"28": "bot", "48": "special", "4": "phone", "ALL": "special", "unknown": "special"}.get(prefix, "direct")


def conversation_key(conversation_id: str | None, index: int) -> str:
    """Return the id under which a conversation is kept; one without an id goes by its place in the file."""
    return mri(clean(conversation_id or "")[0]) or f"unknown:{index}"


def members(value: object) -> list[str] | None:
    """Return the distinct MRIs of ``threadProperties.members`` in order; None if it holds no array (2.4).

    It is an array or, in most exports, a string that holds one; of strings or of objects.
    """
    if isinstance(value, str):
        value = decoded(value)
    if not isinstance(value, list):
        return None
    user_ids = (mri(_member(element)) for element in value)
    return list(dict.fromkeys(user_id for user_id in user_ids if user_id))


def document_id(text: str | None) -> str | None:
    """Return the first id of a stored object in a text, such as an address, as it is spelled there (1.5)."""
    match = _DOCUMENT_ID.search(text) if text else None
    return match[0] if match else None


def _member(element: object) -> str | None:
    if isinstance(element, dict):
        element = next((element[key] for key in _MEMBER_KEYS if isinstance(element.get(key), str)), None)
    # The array is JSON within JSON: it can hold what the outer string could not.
    return clean(element)[0] if isinstance(element, str) else None
