"""What ``messages_json`` cuts from ``messages.json``: parts, what is in them, and the points between which they lie.

All of it goes to other processes or into checkpoints.
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec


class Span(NamedTuple):
    """A range of bytes of the member."""

    offset: int
    length: int


class Elsewhere(msgspec.Struct, frozen=True):
    """An array of a conversation that looks like messages, under a name that is not theirs.

    ``is_sure`` tells that its objects have what messages have; else it is only the name.
    """

    name: str
    offset: int
    is_sure: bool


class OpenConversation(msgspec.Struct, frozen=True):
    """A conversation of which some messages have been read."""

    index: int
    id: str | None
    ordinal: int
    offset: int
    message_count: int
    spans: tuple[Span, ...]
    bad_list: Span | None
    elsewhere: Elsewhere | None = None


class Cursor(msgspec.Struct, frozen=True):
    """A point between two elements: ``offset`` is that of the next one, or of the bracket that closes the array.

    ``header`` are the spans of the top-level object so far. At the end of the file, ``offset`` is its size.
    """

    offset: int
    ordinal: int
    conversation_index: int
    header: tuple[Span, ...]
    conversation: OpenConversation | None


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive messages of one conversation: rows ``first`` to ``first + count - 1`` of the part.

    Their ordinals count on from ``first_ordinal``.
    """

    conversation_index: int
    conversation_id: str | None
    first: int
    count: int
    first_ordinal: int


@dataclass(frozen=True, slots=True)
class RawConversation:
    """A conversation that ends in this part.

    Its ``spans`` joined are the object with empty ``MessageList`` arrays. ``id`` is the text of its ``id``: the last
    one before the first ``MessageList``, or the last one of all if none stands before it. In a damaged export
    ``opened_by`` and ``closed_by`` stand for what could not be read before and behind the spans.
    """

    index: int
    id: str | None
    ordinal: int
    offset: int
    length: int
    spans: tuple[Span, ...]
    message_count: int
    opened_by: bytes = b""
    closed_by: bytes = b""


@dataclass(frozen=True, slots=True)
class RawReject:
    """Something that is no conversation or no message list. ``ordinal`` is unique also among messages."""

    offset: int
    length: int
    ordinal: int
    conversation_index: int
    conversation_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes of a damaged export in which nothing could be read, and why.

    They may be none, where something is missing: then ``offset`` is where. ``conversation_index`` is that of the
    conversation that is cut short by it.
    """

    member: str
    offset: int
    length: int
    reason: str
    conversation_index: int | None = None
    conversation_id: str | None = None


def numbers(values: Iterable[int] | bytes = ()) -> "array[int]":
    """64-bit integers, given as such or as their bytes: a column."""
    return array("q", values)


@dataclass
class Elements:
    """Elements of arrays by column: where they begin, their lengths, and what was noted of the texts in them.

    ``places`` tell where the texts of ``id`` and ``messagetype`` stand in an object, as compiled code notes and reads
    it; 0 where nobody has looked, or has found something unusual.
    """

    offsets: "array[int]" = field(default_factory=numbers)
    lengths: "array[int]" = field(default_factory=numbers)
    places: "array[int]" = field(default_factory=numbers, compare=False)

    @property
    def end(self) -> int:
        """Where the last one ends."""
        return self.offsets[-1] + self.lengths[-1]

    def rows(self, first: int, last: int) -> "Elements":
        """Those from the ``first`` on, before the ``last``."""
        return Elements(self.offsets[first:last], self.lengths[first:last], self.places[first:last])

    def add(self, more: "Elements") -> None:
        """Put others behind them."""
        self.offsets += more.offsets
        self.lengths += more.lengths
        self.places += more.places


def unnoted(offsets: Iterable[int], lengths: Iterable[int]) -> Elements:
    """Elements in which nobody has looked."""
    offsets = numbers(offsets)
    return Elements(offsets, numbers(lengths), numbers(bytes(8 * len(offsets))))


@dataclass
class RawPart(Elements):
    """What lies between two cursors: messages by column, conversations and rejects by row.

    Elements of a ``MessageList`` that are no objects are among the messages. ``header`` is set on the last part: its
    spans joined are the top-level object with an empty ``conversations`` array. Of a damaged export (``salvage``) there
    is ``unreadable``, and ``document`` where the top-level object could not be read as it stands.
    """

    runs: list[Run] = field(default_factory=list)
    conversations: list[RawConversation] = field(default_factory=list)
    rejects: list[RawReject] = field(default_factory=list)
    cursor: Cursor = Cursor(0, 0, 0, (), None)
    last: bool = False
    header: tuple[Span, ...] = ()
    document: bytes | None = None
    unreadable: list[Unreadable] = field(default_factory=list[Unreadable])

    @property
    def ordinals(self) -> list[int]:
        """The number of each message in the export, in file order, conversations counted too."""
        return [ordinal for run in self.runs for ordinal in range(run.first_ordinal, run.first_ordinal + run.count)]
