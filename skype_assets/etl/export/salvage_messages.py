"""What is whole of a damaged ``messages.json``: the pieces that ``messages_json`` gives, and the bytes between them.

The strict reader reads as far as it can. Where it stops, an object is looked for at every ``{`` from there on: a
message, which says itself in which conversation it stands; or the beginning of a conversation. From there the strict
reader goes on. So what is sound is read as it always is, nothing is read twice, and nothing is made of bytes that do
not decode. What decodes and yet is not what it was - a byte changed within a string - cannot be told in JSON.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.json_syntax import JsonText
from skype_assets.etl.export.members import printable
from skype_assets.etl.export.messages_json import CONVERSATIONS, MESSAGE_LIST, id_text, raw_parts
from skype_assets.etl.export.raw_part import (
    Cursor,
    Elements,
    OpenConversation,
    RawConversation,
    RawPart,
    Run,
    Span,
    Unreadable,
    unnoted,
)
from skype_assets.etl.export.salvage_objects import SeenObject, is_conversation, object_at, object_behind

NO_BEGINNING: Final = "the beginning of the conversation could not be read"

_LIST_CLOSED: Final = b"]}"
_OF_A_MESSAGE: Final = ("messagetype", "originalarrivaltime", "version", "from", "content")
_HEADER_BYTES: Final = 1 << 16

_object_begins = re.compile(rb"\{")
_list_begins = re.compile(f'"{MESSAGE_LIST}"'.encode())
_any_list_begins = re.compile(f'"(?:{MESSAGE_LIST}|{CONVERSATIONS})"'.encode())
_element_before = re.compile(rb"[\[,][ \t\n\r]*+\Z")
_header_field = re.compile(rb'"(userId|exportDate)"\s*+:\s*+("(?:[^"\\\x00-\x1f]|\\["\\/bfnrtu]){1,500}")')


def salvaged_parts(
    buffer: memoryview | bytes,
    cursor: Cursor | None = None,
    *,
    max_messages: int,
    max_bytes: int,
    member: str = "messages.json",
    believed_from: int = 0,
) -> Iterator[RawPart]:
    """Read on as ``raw_parts`` does, and on behind damage. Of what is not damaged the parts are the same.

    Behind damage, bytes before ``believed_from`` are not believed: a stream that was unpacked wrongly goes on with
    some that look right and are not.

    Raises:
        InvalidExport: neither a message nor a conversation was found.
    """
    text = JsonText(buffer, printable(member))
    yield from _Salvage(text, cursor, max_messages, max_bytes, member, believed_from).parts()


class _Conversationid(msgspec.Struct, gc=False):
    conversationid: str | None = None


_conversationid = msgspec.json.Decoder(_Conversationid)


@dataclass
class _Salvage:
    """Reads forwards: ``_cursor`` is where the strict reader goes on, ``_part`` what was found since the last part."""

    _text: JsonText
    _cursor: Cursor | None
    _max_messages: int
    _max_bytes: int
    _member: str
    _believed_from: int
    _part: RawPart = field(default_factory=RawPart)
    _is_done: bool = False

    def __post_init__(self) -> None:
        self._is_resumed = self._cursor is not None
        self._part_offset = self._cursor.offset if self._cursor else 0
        self._found = 0

    def parts(self) -> Iterator[RawPart]:
        """All parts from here on."""
        while not self._is_done:
            try:
                yield from self._read_on()
            except InvalidExport as error:
                self._step()
                self._skip(error)
                if not self._is_done and self._offset >= self._text.size:
                    self._end(self._offset, error)
                if self._is_done and not (self._is_resumed or self._found):
                    raise
            if not self._is_done and self._is_full:
                yield self._taken()
        yield self._taken()

    def _read_on(self) -> Iterator[RawPart]:
        """What the strict reader reads; the first of its parts is put to what was found before."""
        goes_on = not self._is_begun
        limits = self._max_messages - len(self._part.offsets), self._max_bytes - (self._offset - self._part_offset)
        for part in self._strict(*limits):
            self._add(part)
            if self._is_done:
                return
            yield self._taken()
            if not goes_on:
                return

    def _step(self) -> None:
        """Take what stands before the damage, an element at a time."""
        with suppress(InvalidExport):
            for part in self._strict(1, self._max_bytes):
                self._add(part)

    def _strict(self, max_messages: int, max_bytes: int) -> Iterator[RawPart]:
        return raw_parts(
            self._text.buffer, self._cursor, max_messages=max_messages, max_bytes=max_bytes, member=self._member
        )

    def _skip(self, error: InvalidExport) -> None:
        """Go to where the strict reader can go on, or to the end; ``error`` is what it stopped at."""
        begin = position = self._offset
        if self._open is not None and self._text.byte(begin) == b"]" and (end := self._close_at(begin)):
            begin = position = end
            if self._goes_on_behind(end):
                return
        stopped_at = begin
        while found := _object_begins.search(self._text.buffer, position):
            at = found.start()
            if stopped_at < at < self._believed_from:
                position = self._believed_from
                continue
            seen = object_at(self._text, at)
            position = at + 1
            if seen is None:
                continue
            if seen.list_name == CONVERSATIONS:
                if self._begin_export(seen, begin, error):
                    return
                position = seen.bracket
            elif seen.list_name or is_conversation(seen):
                if self._begin_conversation(seen, begin, error):
                    return
            elif self._is_message(seen):
                self._take_message(seen, begin, error)
                begin = position = seen.end
                if self._goes_on_behind(seen.end):
                    return
        self._end(begin, error)

    def _begin_export(self, seen: SeenObject, begin: int, error: InvalidExport) -> bool:
        """Go on with the first conversation, unless the export has begun before."""
        if self._cursor is not None and self._cursor.header:
            return False
        self._note(begin, seen.begin, error)
        header = Span(seen.begin, seen.bracket + 1 - seen.begin)
        self._cursor = self._at(self._text.blanks(seen.bracket + 1), header=(header,))
        return True

    def _begin_conversation(self, seen: SeenObject, begin: int, error: InvalidExport) -> bool:
        """Go on with a conversation; False if it is where the strict reader stopped, and nothing else is to be done."""
        is_where_it_stopped = seen.begin == begin and self._open is None
        if is_where_it_stopped and not seen.list_name:
            return False
        if not is_where_it_stopped:
            self._cut(begin, seen.begin, error)
            self._cursor = self._at(seen.begin)
            return True
        first = self._text.blanks(seen.bracket + 1)
        if (conversation_id := self._id_of(seen, "id")) is None and (message := object_at(self._text, first)):
            conversation_id = self._id_of(message, "conversationid")
        span = Span(seen.begin, seen.bracket + 1 - seen.begin)
        self._open_conversation(seen.begin, conversation_id, (span,), first)
        return True

    def _take_message(self, seen: SeenObject, begin: int, error: InvalidExport) -> None:
        """A message behind damage: of the conversation that is open, or of the one that it names."""
        conversation_id = self._id_of(seen, "conversationid")
        if self._open is not None and self._belongs(conversation_id, begin, seen.begin, self._open):
            self._note(begin, seen.begin, error)
        else:
            self._cut(begin, seen.begin, error)
            self._open_conversation(seen.begin, conversation_id, (), seen.begin)
            self._note(seen.begin, seen.begin, error, NO_BEGINNING)
        cursor = self._at(seen.end)
        one = cursor.conversation
        assert one is not None, "just opened"
        self._add_run(unnoted([seen.begin], [seen.end - seen.begin]), Run(one.index, one.id, 0, 1, cursor.ordinal))
        counted = msgspec.structs.replace(one, message_count=one.message_count + 1)
        self._cursor = msgspec.structs.replace(cursor, ordinal=cursor.ordinal + 1, conversation=counted)

    def _belongs(self, conversation_id: str | None, begin: int, end: int, one: OpenConversation) -> bool:
        """Whether a message stands in a conversation, of which the bytes between are missing."""
        if conversation_id is None:
            return not _list_begins.search(self._text.buffer, begin, end)
        return _is_same(conversation_id, one.id) or conversation_id == self._last_conversationid(one)

    def _last_conversationid(self, one: OpenConversation) -> str | None:
        """What the message before says: it may be another id than that of the conversation around it."""
        part = self._part
        if part.runs and part.runs[-1].conversation_index == one.index:
            raw = self._text.buffer[part.offsets[-1] : part.end]
            with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                return _conversationid.decode(raw).conversationid
        return None

    def _goes_on_behind(self, end: int) -> bool:
        """Whether an array goes on behind a value, with another one or its end: then the strict reader does, too."""
        with suppress(InvalidExport):
            after = self._text.after(end, self._text.size)
            mark = self._text.byte(after - 1)
            place = self._text.blanks(after) if mark == b"," else after - 1
            if mark != b"}" and place < self._text.size:
                self._cursor = self._at(place)
                return True
        return False

    def _close_at(self, bracket: int) -> int:
        """End the open conversation, whose list ends here, if what follows the list is whole; returns the end, or 0."""
        one = self._open
        assert one is not None, "asked before"
        tail = object_behind(self._text, bracket)
        if tail is None or not tail.end:
            return 0
        spans = (*one.spans, Span(bracket, tail.end - bracket))
        self._add_conversation(_conversation(one, spans, tail.end))
        self._cursor = self._at(tail.end, is_open=False)
        return tail.end

    def _open_conversation(
        self, offset: int, conversation_id: str | None, spans: tuple[Span, ...], position: int
    ) -> None:
        cursor = self._at(position)
        one = OpenConversation(cursor.conversation_index, conversation_id, cursor.ordinal, offset, 0, spans, None)
        self._cursor = msgspec.structs.replace(
            cursor, conversation=one, ordinal=cursor.ordinal + 1, conversation_index=cursor.conversation_index + 1
        )

    def _cut(self, begin: int, end: int, error: InvalidExport) -> None:
        """Note what could not be read, and end the conversation that it cuts short, if one is open."""
        self._note(begin, end, error)
        if (one := self._open) is not None:
            self._add_conversation(replace(_conversation(one, one.spans, begin), closed_by=_LIST_CLOSED))
            self._cursor = self._at(begin, is_open=False)

    def _note(self, begin: int, end: int, error: InvalidExport, reason: str = "") -> None:
        one = self._open
        if begin < end or one is not None:
            index, conversation_id = (one.index, one.id) if one is not None else (None, None)
            self._part.unreadable.append(
                Unreadable(self._member, begin, end - begin, reason or error.problem, index, conversation_id)
            )

    def _end(self, begin: int, error: InvalidExport) -> None:
        """The end of the file, however much is missing there."""
        self._cut(begin, self._text.size, error)
        if not self._part.unreadable or self._part.unreadable[-1].offset < begin:
            self._part.unreadable.append(Unreadable(self._member, begin, self._text.size - begin, error.problem))
        cursor = self._at(self._text.size)
        self._part.header = cursor.header
        self._part.document = _document(self._text, cursor.header, _LIST_CLOSED)
        self._cursor, self._part.last, self._is_done = cursor, True, True

    @property
    def _offset(self) -> int:
        return self._cursor.offset if self._cursor else 0

    @property
    def _open(self) -> OpenConversation | None:
        return self._cursor.conversation if self._cursor else None

    @property
    def _is_begun(self) -> bool:
        """Whether anything was found since the last part."""
        part = self._part
        return bool(part.offsets or part.conversations or part.rejects or part.unreadable)

    @property
    def _is_full(self) -> bool:
        part = self._part
        others = len(part.conversations) + len(part.rejects) + len(part.unreadable)
        return (
            max(len(part.offsets), others) >= self._max_messages or self._offset - self._part_offset >= self._max_bytes
        )

    def _at(self, offset: int, *, header: tuple[Span, ...] | None = None, is_open: bool = True) -> Cursor:
        """The cursor at a place. An export whose beginning could not be read has a header without bytes."""
        cursor = self._cursor or Cursor(0, 0, 0, (), None)
        return Cursor(
            offset,
            cursor.ordinal,
            cursor.conversation_index,
            header or cursor.header or (Span(0, 0),),
            cursor.conversation if is_open else None,
        )

    def _taken(self) -> RawPart:
        part, self._part = self._part, RawPart()
        assert self._cursor is not None, "something was found"
        part.cursor = self._cursor
        self._part_offset = self._cursor.offset
        return part

    def _add(self, part: RawPart) -> None:
        """Put a part of the strict reader to what was found."""
        for run in part.runs:
            self._add_run(part.rows(run.first, run.first + run.count), run)
        for conversation in part.conversations:
            self._add_conversation(conversation)
        self._part.rejects += part.rejects
        self._cursor = part.cursor
        if part.last:
            self._part.last, self._part.header, self._is_done = True, part.header, True
            self._part.document = _document(self._text, part.header)

    def _add_run(self, elements: Elements, run: Run) -> None:
        part = self._part
        self._found += run.count
        before = part.runs[-1] if part.runs else None
        if (
            before is not None
            and before.conversation_index == run.conversation_index
            and before.first_ordinal + before.count == run.first_ordinal
        ):
            part.runs[-1] = replace(before, count=before.count + run.count)
        else:
            part.runs.append(replace(run, first=len(part.offsets)))
        part.add(elements)

    def _add_conversation(self, conversation: RawConversation) -> None:
        self._found += 1
        spans = conversation.spans
        if not spans or self._text.byte(spans[0].offset) != b"{":
            conversation = replace(conversation, opened_by=_opening(conversation.id))
        self._part.conversations.append(conversation)

    def _is_message(self, seen: SeenObject) -> bool:
        """Whether an object is a message: nothing else that stands in an export has what is asked here."""
        if self._id_of(seen, "id") is None:
            return False
        told = sum(name in seen.fields for name in _OF_A_MESSAGE)
        before = bytes(self._text.buffer[max(0, seen.begin - 64) : seen.begin])
        return "conversationid" in seen.fields or told > 1 or (told == 1 and bool(_element_before.search(before)))

    def _id_of(self, seen: SeenObject, name: str) -> str | None:
        if (span := seen.fields.get(name)) is None:
            return None
        return id_text(bytes(self._text.buffer[span.offset : span.offset + span.length]))


def _conversation(one: OpenConversation, spans: tuple[Span, ...], end: int) -> RawConversation:
    return RawConversation(one.index, one.id, one.ordinal, one.offset, end - one.offset, spans, one.message_count)


def _opening(conversation_id: str | None) -> bytes:
    """What stands for the beginning of a conversation that could not be read."""
    known = {"id": conversation_id} if conversation_id is not None else {}
    return json.dumps({**known, MESSAGE_LIST: []}).encode().removesuffix(_LIST_CLOSED)


def _is_same(conversation_id: str, other: str | None) -> bool:
    return other is not None and conversation_id.removeprefix("8:") == other.removeprefix("8:")


def _document(text: JsonText, header: tuple[Span, ...], closed_by: bytes = b"") -> bytes | None:
    """The top-level object of an export, with what closes it; None if it is what stands in the spans.

    Of one whose beginning could not be read it has what can be found of it at both ends of the file.
    """
    if header[0].length:
        stands = b"".join(text.buffer[offset : offset + length] for offset, length in header)
        return stands + closed_by if closed_by else None
    beginning = bytes(text.buffer[:_HEADER_BYTES])
    if array := _any_list_begins.search(beginning):
        beginning = beginning[: array.start()]
    ending = bytes(text.buffer[-_HEADER_BYTES:]).rpartition(b"]")[2]
    found = {name: value for part in (ending, beginning) for name, value in _header_field.findall(part)}
    return b"{%b}" % b",".join(b'"%b":%b' % (name, found[name]) for name in sorted(found))
