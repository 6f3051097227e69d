"""``messages.json`` as verbatim objects with their positions, in parts, in bounded memory, from any point on.

Section 2 of the format reference describes the file. Of it only the frame is interpreted here: the top-level object
with its ``conversations``, each conversation with its ``id`` and its ``MessageList``. What stands inside a message is
the business of ``transform``. Keys come in any order and more than once; the elements of every such array count.

A part is what lies between two *cursors*; a cursor is the state between two elements, so that another process can
go on from there. Where parts end never changes what is found.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from skype_assets.etl.export.json_elements import Finder, Whole
from skype_assets.etl.export.json_syntax import CUT_SHORT, JsonText
from skype_assets.etl.export.members import printable
from skype_assets.etl.export.raw_part import (
    Cursor,
    Elements,
    Elsewhere,
    OpenConversation,
    RawConversation,
    RawPart,
    RawReject,
    Run,
    Span,
)

MAX_HEAD: Final = 64 << 20
"""Bytes of a conversation without its messages, and of the top-level object without its conversations."""

MAX_LISTS: Final = 1000
"""``MessageList`` keys of one conversation, ``conversations`` keys of the top-level object: there should be one."""

CONVERSATIONS: Final = "conversations"
MESSAGE_LIST: Final = "MessageList"
"""The arrays that make the frame of an export."""

NO_EXPORT: Final = "This is not the messages.json of a Skype export"
UNKNOWN_SHAPE: Final = "No message was loaded from it, and none is lost: please report which program wrote this file"

NOT_AN_OBJECT: Final = "not an object"
NOT_AN_ARRAY: Final = "MessageList is not an array"


def raw_parts(
    buffer: memoryview | bytes,
    cursor: Cursor | None = None,
    *,
    max_messages: int,
    max_bytes: int,
    member: str = "messages.json",
    whole: Whole | None = None,
) -> Iterator[RawPart]:
    """Read on from a cursor, which is not that of the last part, or from the beginning.

    A part ends before the message that would be more than ``max_messages`` in it or would end more than ``max_bytes``
    after its beginning; a larger message is a part of its own. ``whole`` finds messages faster, and no others. Raises
    InvalidExport, after the parts that are good.
    """
    text = JsonText(buffer, printable(member))
    yield from _Reader(text, cursor, max_messages, max_bytes, whole).parts()


_integer = re.compile(rb"-?[0-9]+")
_objects = re.compile(rb"\[\s*\{")
_of_a_message = re.compile(rb'"(?:content|messagetype|originalarrivaltime|from|text|body)"\s*:')
_LOOKED_AT: Final = 1 << 16
_KNOWN: Final = frozenset({"id", "displayName", "version", "properties", "threadProperties"})
_json = json.JSONDecoder(strict=False)
_surrogate = re.compile("[\ud800-\udfff]")


@dataclass
class _Frame:
    """An object around arrays of elements: the top-level one, or a conversation.

    ``spans`` are its bytes up to and with the bracket that opens the array being read; the span that is open begins
    at ``span_offset``.
    """

    list_name: str
    offset: int
    span_offset: int
    spans: list[Span] = field(default_factory=list)
    lists: int = 0
    index: int = 0
    ordinal: int = 0
    message_count: int = 0
    id: str | None = None
    has_id: bool = False
    id_is_settled: bool = False
    bad_list: Span | None = None
    elsewhere: Elsewhere | None = None

    @property
    def end(self) -> int:
        """Where the cap for what is not in the arrays is reached, if the open span goes on that far."""
        return self.span_offset + MAX_HEAD - sum(span.length for span in self.spans)

    @property
    def too_large(self) -> str:
        """What to say there."""
        return f"all but the {self.list_name} of an object is larger than {MAX_HEAD >> 20} MiB"


class _Reader:
    """Reads forwards. Between methods ``_position`` is at an element, or at a bracket where the last thing ended."""

    def __init__(
        self, text: JsonText, cursor: Cursor | None, max_messages: int, max_bytes: int, whole: Whole | None
    ) -> None:
        self._text = text
        self._finder = Finder(text, f'"{MESSAGE_LIST}"'.encode(), whole)
        self._max_messages, self._max_bytes = max_messages, max_bytes
        self._resumed = cursor is not None
        cursor = cursor or Cursor(_beginning(text), 0, 0, (), None)
        self._position, self._ordinal, self._index = cursor.offset, cursor.ordinal, cursor.conversation_index
        self._header = _Frame(
            CONVERSATIONS, cursor.offset, cursor.offset, spans=list(cursor.header), lists=len(cursor.header)
        )
        self._conversation = _reopened(cursor.conversation) if cursor.conversation else None
        self._part, self._part_offset = RawPart(), cursor.offset

    def parts(self) -> Iterator[RawPart]:
        """All parts from here on."""
        in_list = self._resumed or self._next_list(self._header)
        while in_list:
            yield from self._read_conversations()
            in_list = self._next_list(self._header)
        if not self._header.lists:
            raise self._text.error(f'"{CONVERSATIONS}" is missing', self._header.offset, NO_EXPORT)
        self._position = self._text.padding(self._position)
        if self._position < self._text.size:
            raise self._text.error("something follows the end of the JSON document", self._position)
        self._part.last, self._part.header = True, tuple(self._header.spans)
        yield self._finished_part()

    def _read_conversations(self) -> Iterator[RawPart]:
        """The elements of ``conversations``."""
        if self._conversation:
            yield from self._read_conversation(self._conversation, in_list=True)
        while (byte := self._text.byte(self._position)) != b"]":
            begin = self._position
            if self._is_full(begin):
                yield self._finished_part()
            index, ordinal = self._index, self._ordinal
            self._index, self._ordinal = index + 1, ordinal + 1
            if byte == b"{":
                frame = _Frame(MESSAGE_LIST, begin, begin, index=index, ordinal=ordinal)
                yield from self._read_conversation(frame, self._next_list(frame))
            else:
                end = self._finder.end(begin)
                self._part.rejects.append(RawReject(begin, end - begin, ordinal, index, None, NOT_AN_OBJECT))
                self._position = self._next_element(end)

    def _read_conversation(self, frame: _Frame, in_list: bool) -> Iterator[RawPart]:
        """A conversation from its list on, or what there is to say of one that has none."""
        while in_list:
            if not frame.id_is_settled:
                self._settle_id(frame)
            self._conversation = frame
            yield from self._read_messages(frame)
            in_list = self._next_list(frame)
        self._conversation = None
        if (other := frame.elsewhere) and (other.is_sure or not frame.message_count):
            # Never success that lost messages.
            no, only = ("", "also ") if frame.message_count else ("no ", "")
            problem = f'a conversation has {no}messages in "{MESSAGE_LIST}", but {only}in "{printable(other.name)}"'
            raise self._text.error(problem, other.offset, UNKNOWN_SHAPE)
        length = self._position - frame.offset
        self._part.conversations.append(
            RawConversation(
                frame.index, frame.id, frame.ordinal, frame.offset, length, tuple(frame.spans), frame.message_count
            )
        )
        if bad := frame.bad_list:
            self._part.rejects.append(
                RawReject(bad.offset, bad.length, frame.ordinal, frame.index, frame.id, NOT_AN_ARRAY)
            )
        self._position = self._next_element(self._position)

    def _settle_id(self, frame: _Frame) -> None:
        """Before the first message: if no id has come yet, look for it behind the messages."""
        if not frame.has_id:
            ahead, here = replace(frame, spans=frame.spans.copy()), self._position
            self._skip_elements()
            while self._next_list(ahead):
                self._skip_elements()
            frame.id, self._position = ahead.id, here
        frame.id_is_settled = True

    def _skip_elements(self) -> None:
        while self._text.byte(self._position) != b"]":
            self._position = self._next_element(self._finder.run(self._position).end)

    def _read_messages(self, frame: _Frame) -> Iterator[RawPart]:
        """The elements of a ``MessageList``."""
        while self._text.byte(self._position) != b"]":
            if self._is_full(self._position):  # before the next element can be an error
                yield self._finished_part()
            found = self._finder.run(self._position)
            taken = 0
            while taken < len(found.offsets):
                if not (count := self._room(found, taken)):
                    self._position = found.offsets[taken]
                    yield self._finished_part()
                    continue
                self._add_messages(frame, found.rows(taken, taken + count))
                taken += count
            self._position = self._next_element(found.end)

    def _room(self, found: Elements, taken: int) -> int:
        """How many of the elements after the first ``taken`` the part may still have."""
        begins, lengths = found.offsets, found.lengths
        if self._is_full(begins[taken] + lengths[taken]):
            return 0
        most = min(len(begins), taken + self._max_messages - len(self._part.offsets))
        last = self._part_offset + self._max_bytes
        if begins[most - 1] + lengths[most - 1] > last:
            most = bisect_right(range(most), last, key=lambda index: begins[index] + lengths[index])
        return max(most - taken, 1)

    def _is_full(self, end: int) -> bool:
        """Whether something that ends at ``end`` has to go to the next part."""
        part = self._part
        others = len(part.conversations) + len(part.rejects)
        return (
            len(part.offsets) >= self._max_messages
            or others >= self._max_messages
            or (bool(part.offsets or others) and end - self._part_offset > self._max_bytes)
        )

    def _add_messages(self, frame: _Frame, found: Elements) -> None:
        part, count = self._part, len(found.offsets)
        if part.runs and part.runs[-1].conversation_index == frame.index:
            part.runs[-1] = replace(part.runs[-1], count=part.runs[-1].count + count)
        else:
            part.runs.append(Run(frame.index, frame.id, len(part.offsets), count, self._ordinal))
        part.add(found)
        frame.message_count += count
        self._ordinal += count

    def _finished_part(self) -> RawPart:
        """The part so far; the next one begins here."""
        part = self._part
        conversation = _left_open(self._conversation) if self._conversation else None
        part.cursor = Cursor(self._position, self._ordinal, self._index, tuple(self._header.spans), conversation)
        self._part, self._part_offset = RawPart(), self._position
        return part

    def _next_element(self, position: int) -> int:
        """From the end of an element to the next one, or to the bracket that closes the array."""
        text = self._text
        after = text.after(position, text.size)
        mark = text.byte(after - 1)
        if mark == b"]":
            return after - 1
        begin = text.blanks(after)
        if mark != b"," or text.byte(begin) == b"]":
            raise text.error("invalid JSON: another element or the end of the array is missing", after - 1)
        return begin

    def _next_list(self, frame: _Frame) -> bool:
        """Read an object on from its ``{``, or from the ``]`` of a list: to the next list, or (False) to its end."""
        text, position = self._text, self._position + 1
        if text.byte(self._position) == b"]":
            frame.span_offset = self._position
            position = text.after(position, text.size)
        elif text.byte(text.blanks(position)) == b"}":
            position = text.blanks(position) + 1
        end, too_large = min(text.size, frame.end), frame.too_large
        while (mark := text.byte(position - 1)) != b"}":
            if mark == b"]":
                raise text.error("invalid JSON: a closing bracket of the wrong kind", position - 1)
            quoted, position = text.name(position, end, too_large)
            name = text_of(quoted)
            if name == frame.list_name and text.byte(position) == b"[":
                self._position = text.blanks(position + 1)
                self._open_list(frame, position)
                return True
            value = Span(position, text.value(position, end, too_large) - position)
            self._note(frame, name, value)
            position = text.after(value.offset + value.length, end, too_large)
        frame.spans.append(Span(frame.span_offset, position - frame.span_offset))
        self._position = position
        return False

    def _open_list(self, frame: _Frame, bracket: int) -> None:
        frame.spans.append(Span(frame.span_offset, bracket + 1 - frame.span_offset))
        frame.lists += 1
        if frame.lists > MAX_LISTS:
            raise self._text.error(f'more than {MAX_LISTS} times "{frame.list_name}" in one object', bracket)

    def _note(self, frame: _Frame, name: str, value: Span) -> None:
        """Take what matters here from a member of an object that is not a list."""
        raw = bytes(self._text.buffer[value.offset : value.offset + value.length])
        if name == frame.list_name and raw != b"null":
            if frame is self._header:
                raise self._text.error(f'"{CONVERSATIONS}" is not an array', value.offset, NO_EXPORT)
            if _has_messages(raw):
                problem = f'"{MESSAGE_LIST}" has messages, but is not an array'
                raise self._text.error(problem, value.offset, UNKNOWN_SHAPE)
            frame.bad_list = value
        elif name == frame.list_name:
            frame.lists += 1
        elif name == "id" and not frame.id_is_settled:
            frame.id, frame.has_id = id_text(raw), True
        elif frame is not self._header and _is_messages(name, raw):
            other = Elsewhere(name, value.offset, _has_messages(raw))
            if frame.elsewhere is None or (other.is_sure and not frame.elsewhere.is_sure):
                frame.elsewhere = other


def _is_messages(name: str, raw: bytes) -> bool:
    """Whether a member of a conversation that this program does not know looks like its messages."""
    if name in _KNOWN or not _objects.match(raw):
        return False
    return "message" in name.lower() or _has_messages(raw)


def _has_messages(raw: bytes) -> bool:
    """Whether a value has what a message says of itself, as far as its beginning shows; also within a string."""
    start = raw[:_LOOKED_AT].replace(b'\\"', b'"').lower()
    return len({*_of_a_message.findall(start)}) > 1


def _beginning(text: JsonText) -> int:
    """Where the top-level object begins."""
    start = bytes(text.buffer[:4])
    if start.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff", b"{\0", b"\0{", b"\0\0\0{")):
        raise text.error(
            "the file is UTF-16 or UTF-32", 0, "Save it as UTF-8, or take messages.json from the original archive"
        )
    begin = text.blanks(3 if start.startswith(b"\xef\xbb\xbf") else 0)
    if begin == text.size:
        raise text.error("the file is empty", begin, CUT_SHORT)
    if text.byte(begin) != b"{":
        raise text.error("the top level is not a JSON object", begin, NO_EXPORT)
    return begin


def text_of(string: bytes) -> str:
    """The text of a JSON string. It may hold lone surrogates."""
    text = string.decode("utf-8", "replace")
    return str(_json.decode(text)) if "\\" in text else text[1:-1]


def id_text(value: bytes) -> str | None:
    """The text of an id: a string, or the digits of an integer."""
    if value.startswith(b'"'):
        return _surrogate.sub("\ufffd", text_of(value))
    return value.decode("ascii") if _integer.fullmatch(value) else None


def _left_open(frame: _Frame) -> OpenConversation:
    return OpenConversation(
        frame.index,
        frame.id,
        frame.ordinal,
        frame.offset,
        frame.message_count,
        tuple(frame.spans),
        frame.bad_list,
        frame.elsewhere,
    )


def _reopened(left: OpenConversation) -> _Frame:
    return _Frame(
        MESSAGE_LIST,
        left.offset,
        left.offset,
        spans=list(left.spans),
        lists=len(left.spans),
        index=left.index,
        ordinal=left.ordinal,
        message_count=left.message_count,
        id=left.id,
        id_is_settled=True,
        bad_list=left.bad_list,
        elsewhere=left.elsewhere,
    )
