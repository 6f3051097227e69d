"""Calls started, ended and missed: the content of ``Event/Call`` (sections 3.4.1 and 10 of the format reference)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from skype_assets.etl.content.elements import Element, elements, first_text
from skype_assets.etl.content.markup import unescape
from skype_assets.etl.content.names import mri, proper_name

_EVENTS: Final = frozenset({"started", "ended", "missed", "cancelled"})
_NAMES: Final = _EVENTS | {"partlist", "part", "name", "displayname", "duration", "calleventtype"}
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
    """Read the first ``partlist`` of a content, and every ``part`` after it; None if nothing says what happened."""
    found = elements(content, _NAMES)
    happened = next((element.name for element in found if element.name in _EVENTS), None)
    partlist: Element | None = None
    parts: list[list[Any]] = []
    for element in found:
        name = element.name
        if partlist is None:
            partlist = element if name == "partlist" else None
        elif name == "part":
            parts.append([mri(unescape(element.attributes().get("identity", ""))), None, None])
        elif parts and name in ("name", "displayname"):
            parts[-1][1] = parts[-1][1] or proper_name(element.markup, parts[-1][0] or "")
        elif parts and name == "duration":
            parts[-1][2] = _seconds(element.markup)
    if partlist is None:
        return None if happened is None else Call(happened, None, ())
    own = partlist.attributes()
    listed = tuple([Part(*part) for part in parts])
    return Call(happened or _event(found, own, listed), unescape(own.get("callid", "")) or None, listed)


def _event(found: Sequence[Element], own: Mapping[str, str], parts: Sequence[Part]) -> str:
    """Return what happened, where no element says it, as before the lists of Teams.

    An empty list without a type stands for ``started``: so old clients wrote it. Another one tells whether people had
    been connected.
    """
    type_ = unescape(own.get("type", "")) or (first_text(found, "calleventtype") or "").removeprefix("call")
    if type_:
        return type_.lower() if type_.lower() in _EVENTS else type_
    if any(part.duration_seconds is not None for part in parts):
        return "ended"
    return "unknown" if parts else "started"


def _seconds(text: str) -> float | None:
    text = text.strip()
    return float(text) if _SECONDS.fullmatch(text) else None
