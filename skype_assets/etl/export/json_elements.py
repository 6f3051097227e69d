"""Where the elements of a JSON array begin and end, at the speed of a C decoder.

From where an element begins, the bytes up to some later byte are whole elements exactly if ``[`` + bytes + ``]`` is
JSON. So a cut is guessed in a window of the file, and msgspec's success proves it: strings are closed and brackets
balance there. What msgspec refuses, the exact scanner (``json_syntax``) takes element by element, or refuses with the
exact byte. msgspec accepts a subset of what the exact scanner accepts (nesting aside, which is checked), so where the
windows lie never changes the outcome. Compiled code, where there is some, takes an even smaller subset, and takes it
from the file itself, without guesses and copies.
"""

import re
from collections.abc import Callable, Iterator
from itertools import accumulate, count
from operator import add
from typing import Final

import msgspec

from skype_assets.etl.export.json_syntax import MAX_DEPTH, JsonText
from skype_assets.etl.export.raw_part import Elements, numbers, unnoted

MAX_ELEMENT: Final = 256 << 20
"""Bytes of one element of an array."""

_TOO_LARGE: Final = f"an element is larger than {MAX_ELEMENT >> 20} MiB"
_WINDOW: Final = 4 << 20
_SHORTEST_RUN: Final = 16 << 10
_GUESSES: Final = 3
_LONGEST_GAP: Final = 1 << 10

Whole = Callable[[memoryview, int, int], tuple[bytes, bytes, bytes]]
"""Tells the columns of ``Elements`` of consecutive elements in a buffer, from where one begins to where to stop at the
latest; each as the bytes of 64-bit integers.

It takes nothing that the exact scanner refuses, and may take less, or nothing.
"""

_raws = msgspec.json.Decoder(list[msgspec.Raw])
_head = re.compile(rb'\{[ \t\n\r]*+"[^"\\]{0,64}"')
_list_follows = re.compile(rb"[ \t\n\r]*+[,}]")


class Finder:
    """Finds the elements of the arrays in a text, read forwards; keeps a window of the text."""

    def __init__(self, text: JsonText, next_list: bytes, whole: Whole | None = None) -> None:
        """``next_list`` is the quoted name before the next such array: a hint where this one ends.

        ``whole`` is asked first, if it is given.
        """
        self._text = text
        self._whole = whole
        self._next_list = next_list
        self._window = b""
        self._base = 0
        self._run = _WINDOW
        self._exact_until = 0

    def run(self, position: int) -> Elements:
        """One or more consecutive elements, the first of which begins at ``position``."""
        if self._whole is not None:
            columns = self._whole(self._text.buffer, position, min(position + _WINDOW, self._text.size))
            if columns[0]:
                return Elements(*map(numbers, columns))
        if position >= self._exact_until:
            for begin, end in self._guesses(position):
                if split := self._split(begin, end):
                    self._run = min(2 * self._run, _WINDOW)
                    return split
            self._run = max(self._run // 4, _SHORTEST_RUN)
            self._exact_until = position + _SHORTEST_RUN
        return unnoted([position], [self.end(position) - position])

    def end(self, position: int) -> int:
        """Where the element ends that begins at ``position``."""
        return self._text.value(position, min(position + MAX_ELEMENT, self._text.size), _TOO_LARGE)

    def _guesses(self, position: int) -> Iterator[tuple[int, int]]:
        """Ranges of the window that may be whole elements: first to the array's end, then to some comma."""
        begin, limit, list_end = self._place(position)
        window = self._window
        if list_end >= 0:
            for at in _occurrences(window, b"]", begin, list_end, tries=16 * _GUESSES):
                if _list_follows.match(window, at + 1) and (end := _closed_object(window, at)) > begin:
                    yield begin, end
        if head := _head.match(window, begin):
            for at in _occurrences(window, head[0], begin + 1, limit, tries=_GUESSES):
                comma = _last_printed(window, at)
                if window[comma : comma + 1] == b"," and (end := _closed_object(window, comma)) > begin:
                    yield begin, end

    def _place(self, position: int) -> tuple[int, int, int]:
        """Put the window over ``position``: where that is, where to stop, and where the array has ended (or -1)."""
        begin = position - self._base
        list_end = self._window.find(self._next_list, begin) if 0 <= begin < len(self._window) else -1
        if begin < 0 or (list_end < 0 and begin + self._run > len(self._window)):
            self._base, begin = position, 0
            self._window = bytes(self._text.buffer[position : position + _WINDOW])
            list_end = self._window.find(self._next_list)
        if list_end < 0 and self._base + len(self._window) == self._text.size:
            list_end = len(self._window)
        limit = begin + self._run
        return begin, limit, list_end if list_end <= limit else -1

    def _split(self, begin: int, end: int) -> Elements | None:
        """Split a range of the window, if it is whole elements."""
        try:
            lengths = list(map(len, _raws.decode(b"[%b]" % self._window[begin:end])))
        except (msgspec.DecodeError, RecursionError):
            return None
        offset = self._base + begin
        if sum(lengths) + len(lengths) - 1 == end - begin:  # then nothing but commas is between them
            offsets = list(map(add, accumulate(lengths[:-1], initial=offset), count()))
        else:
            offsets = self._offsets(offset, lengths)
        shallow = self._shallow(offsets, lengths)
        return unnoted(offsets[:shallow], lengths[:shallow]) if shallow else None

    def _offsets(self, offset: int, lengths: list[int]) -> list[int]:
        """Where elements begin that have blanks between them."""
        offsets = [offset]
        for length in lengths[:-1]:
            offset = self._text.blanks(self._text.after(offset + length, self._text.size))
            offsets.append(offset)
        return offsets

    def _shallow(self, offsets: list[int], lengths: list[int]) -> int:
        """How many elements come before the first that may be nested deeper than the exact scanner allows."""
        for index in [index for index, length in enumerate(lengths) if length > 2 * MAX_DEPTH]:
            begin = offsets[index] - self._base
            end = begin + lengths[index]
            if self._window.count(b"]", begin, end) + self._window.count(b"}", begin, end) > MAX_DEPTH:
                return index
        return len(lengths)


def _occurrences(window: bytes, what: bytes, begin: int, end: int, tries: int) -> Iterator[int]:
    """Where ``what`` occurs, last first."""
    for _ in range(tries):
        end = window.rfind(what, begin, end)
        if end < 0:
            return
        yield end


def _last_printed(window: bytes, before: int) -> int:
    """Index of the last byte that is not blank, before an index; -1 if blanks go on for long."""
    start = max(before - _LONGEST_GAP, 0)
    return start + len(window[start:before].rstrip(b" \t\n\r")) - 1


def _closed_object(window: bytes, before: int) -> int:
    """Index after the ``}`` that is the last byte before an index, blanks aside; -1 if that is another byte."""
    last = _last_printed(window, before)
    return last + 1 if window[last : last + 1] == b"}" else -1
