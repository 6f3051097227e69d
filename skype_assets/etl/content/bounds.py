"""How much of one value the tables take, and what stands in place of more (section 5.8 of the format reference).

PostgreSQL takes less than an export can hold, and some of what it takes costs a thousand times its bytes: ``1e-20000``
is no ``jsonb``, a megabyte of ``{}`` is 200 MB in a server process. No limit here is reached by anything that Skype
wrote. What is beyond is replaced in its column, the row has a flag, and the raw checkpoint has the bytes.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from skype_assets.etl.schema.flags import JSON_TOO_LARGE, NUMBER_TOO_LONG, ROWS_LEFT_OUT, TEXT_SHORTENED

LONGEST_CONTENT: Final = 1 << 20
"""Characters of content that are read: Skype's own limit is a hundredth of it."""

LONGEST_TEXT: Final = 1 << 16
"""Characters of any other text: names, titles, labels, addresses."""

LONGEST_NAME: Final = 1024
"""Characters of the name of a member, a file or a media type: file systems end at 255 bytes."""

LARGEST_JSON: Final = 1 << 20
"""Bytes of a JSON value in a column, and characters of one in a string."""

MOST_VALUES: Final = 100_000
"""Values in it, arrays and objects twice: a group has at most 600 members."""

LONGEST_NUMBER: Final = 400
"""Digits of a number that is written out, as ``jsonb`` does: those of a double have 325 at most."""

FREE_ROWS: Final = 4096
"""Characters that the rows below a message may have in all, with their keys, ..."""

ROWS_PER_BYTE: Final = 8
"""... and so many more for each byte of the message."""

ROW: Final = 48
"""What a row counts beside its texts."""

_STRING_OR_NUMBER: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*"|-?[0-9][0-9.eE+-]*+', re.DOTALL)
_MANY_DIGITS: Final = re.compile(rb"(?<![0-9.])[0-9.]{%d}" % LONGEST_NUMBER)
_GREAT_EXPONENT: Final = re.compile(rb"[0-9.][eE][-+]?[0-9]{3}")
_NUMBER: Final = re.compile(r"-?([0-9]++)(?:\.([0-9]++))?(?:[eE]([-+]?)0*+([0-9]*+))?")
_LONGEST_EXPONENT: Final = 4

Flag = Callable[[str], None]
"""Called with a flag of the row."""


def shortened(text: str | None, flag: Flag, most: int = LONGEST_TEXT) -> str | None:
    """Return the beginning of a text that is too long; of others the text."""
    if text is None or len(text) <= most:
        return text
    flag(TEXT_SHORTENED)
    return text[:most]


def fits(text: str | bytes) -> bool:
    """Whether a JSON text is small enough to be decoded and stored. Commas in strings count: that is what is cheap."""
    if len(text) <= MOST_VALUES:
        return True
    if len(text) > LARGEST_JSON:
        return False
    marks = (b",", b"[", b"{") if isinstance(text, bytes) else (",", "[", "{")
    return sum(map(text.count, marks)) <= MOST_VALUES  # pyright: ignore[reportArgumentType] - the same type as the text


def storable_json(text: str, flag: Flag) -> str | None:
    """Return valid JSON text as ``jsonb`` takes it: None if it is too large, null in place of numbers that are."""
    if not fits(encoded := text.encode()) or len(encoded) > LARGEST_JSON:
        flag(JSON_TOO_LARGE)
        return None
    if not _GREAT_EXPONENT.search(encoded) and (len(encoded) < LONGEST_NUMBER or not _MANY_DIGITS.search(encoded)):
        return text
    found = _STRING_OR_NUMBER.sub(_short_number, text)
    if found != text:
        flag(NUMBER_TOO_LONG)
    return found


def _short_number(token: re.Match[str]) -> str:
    return token[0] if token[0].startswith('"') or _length(token[0]) <= LONGEST_NUMBER else "null"


def _length(number: str) -> int:
    """How many digits a number has when it is written out."""
    match = _NUMBER.fullmatch(number)
    assert match, "the text is valid JSON"
    whole, fraction, sign, exponent = match.groups("")
    if len(exponent) > _LONGEST_EXPONENT:
        return LONGEST_NUMBER + 1
    shift = int(exponent or 0)
    return len(whole) + (len(fraction) + shift if sign == "-" else max(len(fraction), shift))


class Allowance:
    """How many rows below a message there may be: so many that they are not much more than the message itself.

    A link has the description of its page, an event whom it concerns: a thousand of them in a message, each of a few
    bytes, would repeat one long text a thousand times.
    """

    def __init__(self, message_bytes: int, key_length: int, flag: Flag) -> None:
        self._left = FREE_ROWS + ROWS_PER_BYTE * message_bytes
        self._row = ROW + key_length
        self._flag = flag

    def take(self, values: Sequence[Any]) -> tuple[Any, ...] | None:
        """The values of a row with their texts no longer than they may be; None if there is no room for the row."""
        if any(isinstance(value, str) and len(value) > LONGEST_TEXT for value in values):
            values = [shortened(value, self._flag) if isinstance(value, str) else value for value in values]
        self._left -= self._row + sum(len(value) for value in values if isinstance(value, str))
        if self._left < 0:
            self._flag(ROWS_LEFT_OUT)
            return None
        return tuple(values)
