"""From the bytes of a message object to its ten fields (format reference, 2.6), clean enough for PostgreSQL.

Nearly every object has the expected types and is decoded in one call per batch. The others - wrong types, lone
surrogates, NUL, invalid UTF-8, NaN - go one by one through a tolerant decoder that never loses a message: what it has
to change it names in the row's flags, and the raw bytes stay in the raw checkpoint.
"""

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import msgspec

from skype_assets.etl.content.bounds import LARGEST_JSON, fits
from skype_assets.etl.content.cleaning import clean, clean_json
from skype_assets.etl.schema.flags import CONTENT_NOT_TEXT, INVALID_UTF8, JSON_TOO_LARGE, ROWS_LEFT_OUT

NOT_AN_OBJECT: Final = "not an object"
NOT_JSON: Final = "not readable as JSON"

LARGEST_OBJECT: Final = 4 << 20
"""Bytes of an object that is decoded whole; of a larger one, no more of each field than a table takes."""

_LONGEST_STRING: Final = 8 << 20
"""Bytes of a string that is kept of it: more than a mebicharacter, even if each is an escape of six bytes."""

# Python refuses to convert longer digit strings, and no field needs them.
_LONGEST_INTEGER = 4000


class Message(msgspec.Struct, gc=False):
    """The fields of a message that the transform uses; ``properties`` is JSON text, ``null`` if there are none."""

    id: str | None = None
    display_name: str | None = msgspec.field(name="displayName", default=None)
    originalarrivaltime: str | None = None
    messagetype: str | None = None
    version: int | float | str | None = None
    content: str | None = None
    from_: str | None = msgspec.field(name="from", default=None)
    properties: msgspec.Raw = msgspec.Raw(b"null")
    amsreferences: list[str] | None = None


@dataclass
class Decoded:
    """Messages of a batch by row: None where the object is none, with the reason in ``rejects``; flags of few rows."""

    messages: list[Message | None]
    flags: dict[int, set[str]] = field(default_factory=dict)
    rejects: dict[int, str] = field(default_factory=dict)


_one = msgspec.json.Decoder(Message)
_many = msgspec.json.Decoder(list[Message])
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def decode(objects: Sequence[bytes]) -> Decoded:
    """Decode a batch of objects."""
    if max(map(len, objects), default=0) <= LARGEST_OBJECT:
        joined = b"[" + b",".join(objects) + b"]"
        if b"\\u0000" not in joined and _is_utf8(joined):
            try:
                return Decoded(list(_many.decode(joined)))
            except (msgspec.MsgspecError, RecursionError):
                pass  # at least one object is out of the ordinary: look at each
    decoded = Decoded([])
    for row, raw in enumerate(objects):
        decoded.messages.append(_decode_one(raw, row, decoded))
    return decoded


def json_value(text: bytes) -> Any:
    """A decoded JSON value, with Python's leniency: NaN, numbers of any size, bytes that are no UTF-8.

    What no column would take is not decoded either: a megabyte can become a gigabyte of objects.

    Raises:
        ValueError: it is no JSON, too large (``bounds``), or nested deeper than anything that is decoded.
    """
    if not fits(text):
        raise ValueError("the JSON is too large to be decoded")
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return lenient(text)


def json_fields(text: bytes, names: Sequence[str]) -> dict[str, Any]:
    """Some fields of a JSON object, each by ``json_value``; without those that it does not decode.

    Raises:
        ValueError: it is no JSON, and not large.
    """
    if fits(text):
        value = json_value(text)
        return {name: value[name] for name in names if name in value} if isinstance(value, dict) else {}
    try:
        found = _raw_fields(tuple(names)).decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    values: dict[str, Any] = {}
    for name, raw in zip(names, msgspec.structs.astuple(found), strict=True):
        if raw:
            with suppress(ValueError):
                values[name] = json_value(bytes(raw))
    return values


@cache
def _raw_fields(names: tuple[str, ...]) -> msgspec.json.Decoder[msgspec.Struct]:
    fields = [(f"field{number}", msgspec.Raw, msgspec.Raw(b"")) for number in range(len(names))]
    renamed = {f"field{number}": name for number, name in enumerate(names)}
    return msgspec.json.Decoder(msgspec.defstruct("Fields", fields, rename=renamed, gc=False))


def lenient(text: bytes) -> Any:
    """The same the slow way, however large it is."""
    try:
        return json.loads(text.decode("utf-8-sig", "replace").rstrip("\0"), strict=False, parse_int=_integer)
    except RecursionError:
        raise ValueError("the JSON is nested too deep") from None


def json_text(value: object) -> str:
    """Compact JSON text of a clean value."""
    return _compact.encode(value)


def _decode_one(raw: bytes, row: int, decoded: Decoded) -> Message | None:
    flags: set[str] = set()
    if len(raw) > LARGEST_OBJECT:
        raw = _trimmed(raw, flags)
        if flags:
            decoded.flags[row] = flags
    if b"\\u0000" not in raw and _is_utf8(raw):
        try:
            return _one.decode(raw)
        except (msgspec.MsgspecError, RecursionError):
            pass
    message = _tolerant(raw, flags)
    if isinstance(message, str):
        decoded.rejects[row] = message
        return None
    if flags:
        decoded.flags[row] = flags
    return message


_FIELDS: Final = Message.__struct_encode_fields__


def _trimmed(raw: bytes, flags: set[str]) -> bytes:
    """An object with as much of each field as a table takes; what cannot be read stays out."""
    try:
        found = _raw_fields(_FIELDS).decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return b"{}" if raw.lstrip().startswith(b"{") else b"null"
    kept: list[bytes] = []
    for name, value in zip(_FIELDS, msgspec.structs.astuple(found), strict=True):
        text = bytes(value or b"null")
        if len(text) > LARGEST_JSON:
            text = _beginning(text) if text.startswith(b'"') else b""
            if not text:
                is_list = name == "amsreferences"
                flags.add(ROWS_LEFT_OUT if is_list else JSON_TOO_LARGE)
                continue
        kept.append(b'"%b":%b' % (name.encode(), text))
    return b"{" + b",".join(kept) + b"}"


def _beginning(string: bytes) -> bytes:
    """A JSON string that is not much longer than anything that is kept of it; nothing if it cannot be read."""
    if len(string) <= _LONGEST_STRING:
        return string
    for end in range(_LONGEST_STRING, _LONGEST_STRING - 16, -1):  # not within an escape or a character
        try:
            msgspec.json.decode(cut := string[:end] + b'"')
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        return cut
    return b""


def _tolerant(raw: bytes, flags: set[str]) -> Message | str:
    text = raw.decode("utf-8", "replace")
    if not _is_utf8(raw):
        flags.add(INVALID_UTF8)
    try:
        value = json.loads(text, strict=False, parse_int=_integer)
    except (ValueError, RecursionError):
        return NOT_JSON
    if not isinstance(value, dict):
        return NOT_AN_OBJECT

    def string(name: str) -> str | None:
        found = value.get(name)
        return _clean(found, flags) if isinstance(found, str) else None

    identity, version, content = value.get("id"), value.get("version"), value.get("content")
    if isinstance(identity, int) and not isinstance(identity, bool):
        identity = str(identity)
    if content is not None and not isinstance(content, str):
        flags.add(CONTENT_NOT_TEXT)
        content = json_text(_clean_json(content, flags))
    references = value.get("amsreferences")
    properties = json_text(_clean_json(value.get("properties"), flags)).encode()
    return Message(
        id=_clean(identity, flags) if isinstance(identity, str) else None,
        display_name=string("displayName"),
        originalarrivaltime=string("originalarrivaltime"),
        messagetype=string("messagetype"),
        version=version if isinstance(version, int | float | str) and not isinstance(version, bool) else None,
        content=_clean(content, flags) if content is not None else None,
        from_=string("from"),
        properties=msgspec.Raw(properties),
        amsreferences=[r for r in references if isinstance(r, str)] if isinstance(references, list) else None,
    )


def _clean(text: str, flags: set[str]) -> str:
    cleaned, changed = clean(text)
    flags.update(changed)
    return cleaned


def _clean_json(value: object, flags: set[str]) -> object:
    cleaned, changed = clean_json(value)
    flags.update(changed)
    return cleaned


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _LONGEST_INTEGER else math.inf


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
