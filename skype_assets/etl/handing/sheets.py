"""The selection as CSV: messages, conversations, people, files; for spreadsheets, or exact.

A spreadsheet takes a cell that begins with ``=`` for a formula, and runs it. Such cells get an apostrophe before them,
by which spreadsheets know a text, unless the values are wanted exactly; and so does, within a cell, what would begin
one if the file were opened with another separator.
"""

import csv
import io
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from skype_assets.etl.handing.handover import Format, HandOver, Spoken
from skype_assets.etl.pages import formats
from skype_assets.etl.reading import messages, people
from skype_assets.etl.reading.conversations import Conversation

# Signs by which formulas begin; wide, small, raised and lowered ones are the same to some programs.
_FORMULA: Final = r"=＝﹦⁼₌+＋﹢⁺₊\-－﹣⁻₋−@＠﹫|｜%％﹪"

# Where programs that are told another separator than the comma, or do not know quotation marks, begin a new cell.
_BREAKS: Final = r"\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029;；|｜"

# What nobody sees, and some programs leave out at the beginning of a cell: spaces, controls, signs of format, fillers.
_UNSEEN: Final = (
    r"\x00-\x08\x0e-\x1b\x1f\x20\x7f-\x84\x86-\xa0\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2"
    r"\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u202a-\u202f\u205f-\u206f\u2800\u3000\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)

_AT_START: Final = re.compile(rf"'|[{_UNSEEN}{_BREAKS}]*[\t\r\n{_FORMULA}]")
_INSIDE: Final = re.compile(rf"([{_BREAKS}])(?='|[{_UNSEEN}]*[{_FORMULA}])")

MESSAGES: Final = (
    *("owner_id", "conversation_id", "conversation", "message_id", "sent_at", "local_time", "sender_id", "sender"),
    *("kind", "message_type", "text", "as_shown", "edited_at", "deleted_at", "is_forwarded", "album_id", "flags"),
    *("files", "export_id", "source_member", "source_offset", "source_length", "raw_sha256"),
)
CONVERSATIONS: Final = (
    *("owner_id", "conversation_id", "conversation", "kind", "topic", "member_count", "messages_selected"),
    *("messages", "first_message_at", "last_message_at"),
)
PEOPLE: Final = ("owner_id", "conversation_id", "user_id", "name", "is_owner", "is_member", "messages")
FILES: Final = (
    *("owner_id", "conversation_id", "message_id", "ordinal", "kind", "file_name", "file_size", "mime_type"),
    *("in_export", "file", "sha256"),
)

Write = Callable[[Sequence[Any]], None]


@contextmanager
def sheet(
    hand: HandOver, name: str, columns: Sequence[str], *, is_raw: bool = False, is_marked: bool = False
) -> Generator[Write]:
    """A table to be filled row by row.

    Args:
        hand: the hand-over that it is part of.
        name: of the file.
        columns: what it has.
        is_raw: whether cells that look like formulas stay as they are.
        is_marked: whether it begins with the mark by which spreadsheets know that it is UTF-8.
    """
    encoding = "utf-8-sig" if is_marked else "utf-8"
    with hand.output.create(name) as file, io.TextIOWrapper(file, encoding, newline="") as written:
        rows = csv.writer(written)
        rows.writerow(columns)
        yield lambda values: rows.writerow([_cell(value, is_raw=is_raw) for value in values])


def _cell(value: object, *, is_raw: bool) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bool):
        return "true" if value else "false"
    return defused(value) if isinstance(value, str) and not is_raw else value


def defused(text: str) -> str:
    """A text with an apostrophe wherever a spreadsheet might begin a cell and take it for a formula.

    Where one stands already it gets a second: so it is undone by taking one away wherever a cell might begin.
    """
    found = _INSIDE.sub(r"\1'", text)
    return f"'{found}" if _AT_START.match(text) else found


def _write(hand: HandOver, *, is_raw: bool) -> None:
    opened = partial(sheet, hand, is_raw=is_raw, is_marked=not is_raw)
    named: dict[Conversation, set[str]] = {chapter.of: set() for chapter in hand.selection.chapters}
    with opened("messages.csv", MESSAGES) as message, opened("files.csv", FILES) as file:
        for spoken in hand.spoken():
            message(_message(hand, spoken, file))
            named[spoken.of].update(messages.named_by(spoken.message))
    with opened("conversations.csv", CONVERSATIONS) as conversation:
        for chapter in hand.selection.chapters:
            of = chapter.of
            conversation(
                (of.owner_id, of.conversation_id, of.title, of.kind, of.topic, of.member_count, chapter.messages)
                + (of.message_count, of.first, of.last)
            )
    with opened("people.csv", PEOPLE) as person:
        everybody = hand.of_each(partial(people.participants, most=None))
        for chapter, in_it in zip(hand.selection.chapters, everybody, strict=True):
            of = chapter.of
            for one in in_it:
                if one.user_id in named[of] or hand.selection.tells_of(of, one):
                    count = one.messages if hand.selection.has_whole_conversations else None
                    values = (one.user_id, one.name, one.is_owner, one.is_member, count)
                    person((of.owner_id, of.conversation_id, *values))


def _message(hand: HandOver, spoken: Spoken, file: Write) -> tuple[Any, ...]:
    of, message, source = spoken.of, spoken.message, spoken.source
    key = (of.owner_id, of.conversation_id, message.message_id)
    files = hand.media.of(of, message)
    for attachment, kept in files:
        described = (attachment.ordinal, attachment.kind, attachment.file_name, attachment.file_size)
        where = (kept.name, kept.sha256) if kept is not None else (None, None)
        file((*key, *described, attachment.mime_type, attachment.present, *where))
    shown = spoken.speaker.shown(message)
    lines = [*spoken.speaker.said(message, shown, files), *spoken.speaker.beside(shown)]
    local = formats.local(message.sent_at, hand.zone) if message.sent_at else None
    return (
        of.owner_id,
        of.conversation_id,
        of.title,
        message.message_id,
        message.sent_at,
        formats.date_and_time(local) if local else None,
        message.sender_id,
        shown.who,
        message.kind,
        message.message_type,
        message.text,
        "\n".join(lines),
        message.edited_at,
        message.deleted_at,
        message.is_forwarded,
        message.album_id,
        " ".join(message.flags),
        "\n".join(kept.name for _, kept in files if kept is not None),
        source.export_id,
        source.member,
        source.offset,
        source.length,
        source.sha256,
    )


def sheets(*, is_raw: bool) -> Format:
    """CSV for spreadsheets, or with every value exactly as it is in the tables."""
    return Format("csv", partial(_write, is_raw=is_raw), 900)
