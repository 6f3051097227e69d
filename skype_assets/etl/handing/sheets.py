"""The selection as CSV: messages, conversations, people, files; for spreadsheets, or exact.

A spreadsheet takes a cell that begins with ``=`` for a formula, and runs it. Such cells get an apostrophe before them,
by which spreadsheets know a text, unless the values are wanted exactly.
"""

import csv
import io
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from skype_assets.etl.handing.handover import Format, HandOver, Spoken
from skype_assets.etl.pages import formats
from skype_assets.etl.reading import messages, people
from skype_assets.etl.reading.conversations import Conversation

_FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")

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
    if isinstance(value, str) and not is_raw and value.lstrip(" \u00a0").startswith(_FORMULA):
        return f"'{value}"
    return value


def _write(hand: HandOver, *, is_raw: bool) -> None:
    opened = partial(sheet, hand, is_raw=is_raw, is_marked=not is_raw)
    named: dict[Conversation, set[str | None]] = {chapter.of: set() for chapter in hand.selection.chapters}
    with opened("messages.csv", MESSAGES) as message, opened("files.csv", FILES) as file:
        for spoken in hand.spoken():
            message(_message(hand, spoken, file))
            named[spoken.of].update(messages.people(spoken.message))
    with opened("conversations.csv", CONVERSATIONS) as conversation:
        for chapter in hand.selection.chapters:
            of = chapter.of
            conversation(
                (of.owner_id, of.conversation_id, of.title, of.kind, of.topic, of.member_count, chapter.messages)
                + (of.message_count, of.first, of.last)
            )
    with opened("people.csv", PEOPLE) as person:
        for chapter in hand.selection.chapters:
            of = chapter.of
            for one in people.participants(hand.session, of.owner_id, of.conversation_id, most=None):
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
