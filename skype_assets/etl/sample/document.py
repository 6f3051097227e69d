"""The shape of ``messages.json``: messages, conversations, and how they become text (section 2).

A message has exactly ten keys in one order. The ordinary ones are formatted directly, several times faster than by
building a dictionary for each; the odd ones in `oddities` are dictionaries.
"""

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from json.encoder import encode_basestring, encode_basestring_ascii  # pyright: ignore[reportAttributeAccessIssue]
from typing import Any, Final, NamedTuple

NULL: Final = "null"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Message(NamedTuple):
    """One ordinary message; `properties` and `references` are JSON text, times are milliseconds since 1970."""

    id: int
    at: int
    sender: str
    name: str | None
    type: str
    content: str
    properties: str = NULL
    references: str = NULL
    version: int = 0


class Element(NamedTuple):
    """One element of a MessageList as JSON text; `type` is None for what is no message at all."""

    type: str | None
    text: str
    duplicate: bool = False


@dataclass(frozen=True)
class Conversation:
    """One element of ``conversations``: the keys before and after its MessageList, and what is in the list.

    `elements` None leaves the list out. `latest` is the newest activity, by which the export is ordered.
    """

    id: str
    before: Mapping[str, Any]
    elements: Iterable[Element] | None
    after: Mapping[str, Any] = field(default_factory=dict)
    latest: int = 0


def compact(value: Any, *, ascii_only: bool = False) -> str:
    """Return `value` as minified JSON; a lone surrogate can only be written escaped."""
    text = json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def renderer(conversation_id: str, *, ascii_only: bool = False) -> Callable[[Message], Element]:
    """Return the function that formats the messages of one conversation."""
    quoted: Callable[[str], str] = encode_basestring_ascii if ascii_only else encode_basestring
    tail = f',"conversationid":{quoted(conversation_id)},"from":'

    def render(message: Message) -> Element:
        id, at, sender, name, kind, content, properties, references, version = message
        return Element(
            kind,
            f'{{"id":"{id}","displayName":{NULL if name is None else quoted(name)}'
            f',"originalarrivaltime":"{iso(at)}","messagetype":"{kind}","version":{version or id}'
            f',"content":{quoted(content)}{tail}{quoted(sender)}'
            f',"properties":{properties},"amsreferences":{references}}}',
        )

    return render


def iso(ms: int) -> str:
    """Return a time as the export writes it: UTC, at most three digits of fraction, trailing zeros cut (2.6)."""
    seconds, fraction = divmod(ms, 1000)
    minutes, second = divmod(seconds, 60)
    day, minute = divmod(minutes, 1440)
    return _date(day) + _MINUTES[minute] + _SECONDS[second] + _FRACTIONS[fraction]


def iso7(ms: int, year: int | None = None) -> str:
    """Return a time with seven digits of fraction, as side files and call logs write it (5.5)."""
    instant = _EPOCH + timedelta(milliseconds=ms)
    return f"{year or instant.year:04d}{instant:-%m-%dT%H:%M:%S}.{ms % 1000:03d}{ms % 9973:04d}Z"


def milliseconds(instant: datetime) -> int:
    """Return `instant` in milliseconds since 1970; without a zone it is taken as UTC."""
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(milliseconds=1)


_MINUTES: Final = tuple(f"T{minute // 60:02d}:{minute % 60:02d}" for minute in range(1440))
_SECONDS: Final = tuple(f":{second:02d}" for second in range(60))
_FRACTIONS: Final = tuple(f".{ms:03d}".rstrip("0").rstrip(".") + "Z" for ms in range(1000))


@functools.lru_cache(maxsize=4096)
def _date(day: int) -> str:
    return f"{_EPOCH + timedelta(days=day):%Y-%m-%d}"
