"""Exact JSON syntax: where a value ends, or at which byte the text stops being JSON.

Works on any buffer without copying it, iteratively, with one byte of memory per nesting level. This is the verdict on
what is JSON here; faster ways (``elements``) may only agree with it. It is RFC 8259, and beyond that takes what
Python's ``json`` takes or what occurs in exports (format reference, 5.1): ``NaN`` and ``Infinity``, raw control
characters and invalid UTF-8 inside strings. It does not interpret values.
"""

import re
from typing import Final

from skype_assets.etl.errors import InvalidExport

MAX_DEPTH: Final = 512
"""Brackets open at once in one value. Decoders recurse, so a deeper one could not be read by anybody later."""

CUT_SHORT: Final = "The file was cut short or damaged: take it again from the place it was downloaded to"
DAMAGED: Final = "The file was damaged or edited: take it again from the place it was downloaded to"

# A gigabyte of anything costs little memory and linear time: possessive repeats keep no way back, and those of a group
# are short. They cannot be possessive, too: before 3.11.5, CPython may match too much then (gh-106052). None of them
# could end in two places, so that the longest match is the only one.
_FEW: Final = rb"{0,1000}"
_BLANKS: Final = rb"[ \t\n\r]*+"
_INSIDE: Final = rb'[^"\\]*+(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\]*+)' + _FEW
_STRING: Final = rb'"' + _INSIDE + rb'"'
_NUMBER: Final = rb"-?(?:Infinity|(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?)"
_SCALAR: Final = rb"(?:" + _STRING + rb"|" + _NUMBER + rb"|true|false|null|NaN)"
_COLON: Final = _BLANKS + rb":" + _BLANKS

_blanks = re.compile(_BLANKS)
_padding = re.compile(rb"[ \t\n\r\0]*+")
_value = re.compile(_BLANKS + rb"(?:" + _SCALAR + rb"|([\[{])" + _BLANKS + rb")")
_name = re.compile(_BLANKS + rb"(" + _STRING + rb")" + _COLON)
_colon = re.compile(_COLON)
_after = re.compile(_BLANKS + rb"[,\]}]")
_members = re.compile(rb"(?:" + _BLANKS + _STRING + _COLON + _SCALAR + _BLANKS + rb",)" + _FEW)
_scalars = re.compile(rb"(?:" + _BLANKS + _SCALAR + _BLANKS + rb",)" + _FEW)

_inside = re.compile(_INSIDE)
_escape_start = re.compile(rb"\\(?:u[0-9A-Fa-f]{0,3})?\Z")
_word = re.compile(rb"[-+.0-9A-Za-z]*+")

_CLOSING: Final = {ord("{"): ord("}"), ord("["): ord("]")}
_COMMA: Final = ord(",")
_QUOTE: Final = ord('"')
_BRACE: Final = ord("}")


class JsonText:
    """A buffer that should hold JSON. Methods take a position and return the one after what they read.

    ``end`` is where reading has to stop: the end of the text, or a cap, which ``too_large`` names.
    """

    def __init__(self, buffer: bytes | memoryview, member: str) -> None:
        self.buffer = memoryview(buffer)
        self.size = len(self.buffer)
        self.member = member

    def byte(self, position: int) -> bytes:
        """The byte at a position, nothing at the end of the text."""
        return bytes(self.buffer[position : position + 1])

    def blanks(self, position: int) -> int:
        """Skip blanks."""
        return _end(_blanks.match(self.buffer, position))

    def padding(self, position: int) -> int:
        """Skip blanks and NUL bytes, which careless unpackers leave at the end of a file."""
        return _end(_padding.match(self.buffer, position))

    def name(self, position: int, end: int, too_large: str = "") -> tuple[bytes, int]:
        """Read the name of a member of an object, with its quotes; skip the colon and the blanks around both."""
        if found := _name.match(self.buffer, position, end):
            return found[1], found.end()
        begin = self.blanks(position)
        if not (string_end := self._string(begin, end)):
            raise self._wrong(begin, end, "a name in double quotes is missing", too_large)
        if not (colon := _colon.match(self.buffer, string_end, end)):
            raise self._wrong(self.blanks(string_end), end, "a colon is missing", too_large)
        return bytes(self.buffer[begin:string_end]), colon.end()

    def after(self, position: int, end: int, too_large: str = "") -> int:
        """Skip the ``,``, ``]`` or ``}`` that follows a value, with the blanks before it."""
        if found := _after.match(self.buffer, position, end):
            return found.end()
        raise self._wrong(self.blanks(position), end, "a comma or a closing bracket is missing", too_large)

    def value(self, position: int, end: int, too_large: str = "") -> int:
        """Skip one value, with the blanks before it."""
        buffer = self.buffer
        closing = bytearray()
        while True:
            token = _value.match(buffer, position, end)
            if token is None:
                begin = self.blanks(position)
                if not (position := self._string(begin, end)):
                    raise self._wrong(begin, end, "a value is missing or misspelled", too_large)
            else:
                position = token.end()
            if token and token.lastindex:
                if len(closing) == MAX_DEPTH:
                    raise self.error(f"nested deeper than {MAX_DEPTH} levels", token.start(1))
                closing.append(_CLOSING[buffer[token.start(1)]])
                if position == end or buffer[position] != closing[-1]:
                    position = self._to_next_value(position, end, closing[-1], too_large)
                    continue
            while closing:
                position = self.after(position, end, too_large)
                if buffer[position - 1] == _COMMA:
                    position = self._to_next_value(position, end, closing[-1], too_large)
                    break
                if buffer[position - 1] != closing.pop():
                    raise self.error("invalid JSON: a closing bracket of the wrong kind", position - 1)
            else:
                return position

    def error(self, problem: str, offset: int, remedy: str = DAMAGED) -> InvalidExport:
        """What to raise to refuse the text."""
        return InvalidExport(problem, member=self.member, offset=offset, remedy=remedy)

    def _to_next_value(self, position: int, end: int, closing: int, too_large: str = "") -> int:
        """Within a container, skip values that hold no others, and the name of the one after them."""
        if closing == _BRACE:
            return self.name(self._repeatedly(_members, position, end), end, too_large)[1]
        return self._repeatedly(_scalars, position, end)

    def _string(self, position: int, end: int) -> int:
        """Skip a string, however many escapes are in it; 0 if there is none."""
        if position < end and self.buffer[position] == _QUOTE:
            position = self._repeatedly(_inside, position + 1, end)
            if position < end and self.buffer[position] == _QUOTE:
                return position + 1
        return 0

    def _repeatedly(self, few: re.Pattern[bytes], position: int, end: int) -> int:
        """Skip what a pattern matches as often as it does."""
        while (after := _end(few.match(self.buffer, position, end))) > position:
            position = after
        return position

    def _wrong(self, position: int, end: int, problem: str, too_large: str) -> InvalidExport:
        """Find the exact byte at which the token at ``position`` goes wrong."""
        if position < end:
            if self.buffer[position] == _QUOTE and not self._string(position, end):
                position = self._repeatedly(_inside, position + 1, end)
                problem = "invalid escape in a string"
                if _escape_start.match(self.buffer, position, end):
                    position = end
            elif _end(_word.match(self.buffer, position, end)) == end:
                position = end
        if position < end:
            return self.error(f"invalid JSON: {problem}", position)
        if end < self.size:
            return self.error(too_large, end)
        return self.error("the JSON ends before it is complete", end, CUT_SHORT)


def _end(found: re.Match[bytes] | None) -> int:
    """End of a match whose pattern cannot fail, as it also matches nothing."""
    assert found is not None
    return found.end()
