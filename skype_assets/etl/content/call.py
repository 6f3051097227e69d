"""Calls started, ended and missed: the content of ``Event/Call`` (section 3.4.1 of the format reference)."""

import re
from typing import Any, Final

import msgspec

from skype_assets.etl.content.elements import Element, elements
from skype_assets.etl.content.markup import unescape
from skype_assets.etl.content.names import mri, plain_name

_NAMES: Final = frozenset({"partlist", "part", "name", "duration"})
_EVENTS: Final = frozenset({"started", "ended", "missed"})
_SECONDS: Final = re.compile(r"[-+]?(?:[0-9]{1,15}(?:\.[0-9]*)?|\.[0-9]+)")


class Part(msgspec.Struct, frozen=True, gc=False):
    """Someone the call names; no duration if they never connected."""

    user_id: str | None
    display_name: str | None
    duration_seconds: float | None


class Call(msgspec.Struct, frozen=True, gc=False):
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
    partlist: Element | None = None
    parts: list[list[Any]] = []
    for element in elements(content, _NAMES):
        name = element.name
        if partlist is None:
            partlist = element if name == "partlist" else None
        elif name == "part":
            parts.append([mri(unescape(element.attributes().get("identity", ""))), None, None])
        elif parts and name == "name":
            parts[-1][1] = plain_name(element.markup)
        elif parts and name == "duration":
            parts[-1][2] = _seconds(element.markup)
    if partlist is None:
        return None
    own = partlist.attributes()
    event = unescape(own.get("type", "")) or "started"
    return Call(
        event=event.lower() if event.lower() in _EVENTS else event,
        call_id=unescape(own.get("callid", "")) or None,
        parts=tuple([Part(*part) for part in parts]),
    )


def _seconds(text: str) -> float | None:
    text = text.strip()
    return float(text) if _SECONDS.fullmatch(text) else None
