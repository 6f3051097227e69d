"""Calls started, ended and missed: the content of ``Event/Call`` (section 3.4.1 of the format reference)."""

import re
from typing import Final

import msgspec

from skype_assets.etl.content.markup import tags_with_text, unescape
from skype_assets.etl.content.names import mri, plain_name

_NAMES: Final = frozenset({"partlist", "part", "name", "duration"})
_EVENTS: Final = frozenset({"started", "ended", "missed"})
_SECONDS: Final = re.compile(r"[-+]?(?:[0-9]{1,15}(?:\.[0-9]*)?|\.[0-9]+)")


class Part(msgspec.Struct, frozen=True):
    """Someone the call names; no duration if they never connected."""

    user_id: str | None
    display_name: str | None
    duration_seconds: float | None


class Call(msgspec.Struct, frozen=True):
    """One half of a call: its start or its end, tied by ``call_id``."""

    event: str
    call_id: str | None
    parts: tuple[Part, ...]

    @property
    def duration_seconds(self) -> float | None:
        """The longest part's duration."""
        return max((part.duration_seconds for part in self.parts if part.duration_seconds is not None), default=None)


def call(content: str) -> Call | None:
    """Read the first ``partlist`` of a content, and every ``part`` after it; None if there is none.

    A list without a type stands for ``started``: so old clients wrote it.
    """
    partlist: dict[str, str] | None = None
    parts: list[Part] = []
    for tag, text in tags_with_text(content, _NAMES):
        if tag.is_end:
            continue
        if partlist is None:
            partlist = tag.attributes() if tag.name == "partlist" else None
        elif tag.name == "part":
            parts.append(Part(mri(unescape(tag.attributes().get("identity", ""))), None, None))
        elif parts and tag.name == "name":
            parts[-1] = msgspec.structs.replace(parts[-1], display_name=plain_name(text))
        elif parts and tag.name == "duration":
            parts[-1] = msgspec.structs.replace(parts[-1], duration_seconds=_seconds(text))
    if partlist is None:
        return None
    event = unescape(partlist.get("type", "")) or "started"
    return Call(
        event=event.lower() if event.lower() in _EVENTS else event,
        call_id=unescape(partlist.get("callid", "")) or None,
        parts=tuple(parts),
    )


def _seconds(text: str) -> float | None:
    text = text.strip()
    return float(text) if _SECONDS.fullmatch(text) else None
