"""What is left of edits and deletions in a message itself (sections 4.3, 5.3 and 5.4 of the format reference).

Which rows are copies of one message can only be told when all are known; that is not decided here.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from skype_assets.etl.content.integers import integer
from skype_assets.etl.content.markup import unescape
from skype_assets.etl.content.names import mri
from skype_assets.etl.content.times import milliseconds, milliseconds_or_iso
from skype_assets.etl.schema.flags import DELETED_BY_EDIT_MARKER, SERVER_GENERATED

_EDIT_WORDS: Final = "Edited previous message:"
"""What old clients put before an edited text, in every language (10)."""

_ONLY_EDIT_MARKERS: Final = re.compile(
    rf"\s*+(?:{_EDIT_WORDS})?\s*+(?:<e_m(?:\s[^<>]*+)?/?>\s*+(?:</e_m\s*+>\s*+)?)+", re.IGNORECASE
)


class EditMarker(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """An ``e_m`` element: who edited the message, and when its original was sent."""

    editor_id: str | None = None
    original_sent_at: int | None = None


def edit_marker(own: Mapping[str, str]) -> EditMarker:
    """Return what the attributes of an ``e_m`` tag say: by ``ts_ms``, for ``ts`` can be a second off."""
    sent_at = milliseconds(own.get("ts_ms"))
    if sent_at is None and (seconds := integer(own.get("ts"))) is not None:
        sent_at = milliseconds(seconds * 1000)
    return EditMarker(mri(unescape(own.get("a", ""))), sent_at)


def without_edit_words(text: str) -> str:
    """Return the text of a message with an edit marker as it was written: these words belong to the marker."""
    return text.removeprefix(_EDIT_WORDS).lstrip() if text.startswith(_EDIT_WORDS) else text


def is_deleted(properties: Mapping[str, Any]) -> bool:
    """Whether a message was deleted: what is left of its content counts as none."""
    return milliseconds_or_iso(properties.get("deletetime")) is not None


def edit_flags(content: str, properties: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the flags of a message that nobody has written: an edit that left nothing, or a row of the server's.

    Those of a message that is not known to be deleted.
    """
    if content.strip():
        return (DELETED_BY_EDIT_MARKER,) if _ONLY_EDIT_MARKERS.fullmatch(content) else ()
    edited = milliseconds_or_iso(properties.get("edittime")) is not None
    return (SERVER_GENERATED,) if is_server_generated(properties) and not edited else ()


def is_server_generated(properties: Mapping[str, Any]) -> bool:
    """Whether the server made this row; true or a text that says so, for ``"False"`` occurs as well."""
    said = properties.get("isserversidegenerated")
    return said is True or (isinstance(said, str) and said.strip().lower() == "true")
