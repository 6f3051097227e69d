"""Conversations as text or Markdown, a file each: who, when, what; for note tools, language models and people.

No text of somebody's can pass for another's message: in plain text its further lines are indented, in Markdown what
would be markup is escaped.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from itertools import groupby
from typing import Final

from skype_assets.etl.handing.handover import Format, HandOver, Spoken
from skype_assets.etl.handing.media import Kept
from skype_assets.etl.handing.plain import file_name, file_named
from skype_assets.etl.pages import formats, text
from skype_assets.etl.pages.words import counted, word
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.reading.messages import Attachment

FOLDER: Final = "conversations"

_INDENT: Final = "    "

# Signs that are markup anywhere, those at the beginning of a line, and those behind a number there.
_MARKUP: Final = re.compile(r"([\\`*_\[\]<>&~|$])")
_BLOCK: Final = re.compile(r"^(\s*)([#+=:-])")
_NUMBERED: Final = re.compile(r"^(\s*\d+)([.)])")
_LEADING: Final = re.compile(r"^[ \t]+")

# What ends a line for some programs and not for others would let a text begin a line of its own.
_LINE_ENDS: Final = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")

# What turns text around, beyond the line that it stands in: embeddings, overrides, isolates.
_DIRECTED: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
_ISOLATES: Final = "\u2066\u2067\u2068"
_END_OF_ISOLATE: Final = "\u2069"

# What would command a terminal, as the picture of itself.
_CONTROLS: Final = {
    **{code: 0x2400 + code for code in range(32) if code != 9},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
}


@dataclass(frozen=True)
class _Said:
    """A message: who, when in the zone of the hand-over, its lines, its files."""

    who: str
    at: datetime | None
    lines: list[str]
    files: list[tuple[Attachment, Kept | None]]
    is_first_of_day: bool


@dataclass(frozen=True)
class _Style:
    ending: str
    head: Callable[[str, list[str]], str]
    message: Callable[[_Said], str]


def _write(hand: HandOver, style: _Style) -> None:
    selected = {chapter.of: chapter.messages for chapter in hand.selection.chapters}
    for of, messages in groupby(hand.spoken(), lambda spoken: spoken.of):
        with hand.output.create(f"{FOLDER}/{file_name(of.title, of.key, style.ending)}") as file:
            file.write(style.head(_one_line(of.title), _about(hand, of, selected[of])).encode())
            day: date | None = None
            for spoken in messages:
                said = _said(hand, spoken, day)
                day = said.at.date() if said.at else None
                file.write(style.message(said).encode())


def _about(hand: HandOver, of: Conversation, messages: int) -> list[str]:
    wanted = hand.selection.wanted
    about = [
        f"{word('conversation_id')}: {_one_line(of.conversation_id)}",
        counted(messages, "message"),
        word("times_are", zone=wanted.time_zone),
    ]
    return [*about, f"{word('query_was')}: {_one_line(wanted.query)}"] if wanted.query else about


def _said(hand: HandOver, spoken: Spoken, day: date | None) -> _Said:
    shown = spoken.speaker.shown(spoken.message)
    at = formats.local(spoken.message.sent_at, hand.zone) if spoken.message.sent_at else None
    lines = [*spoken.speaker.said(spoken.message, shown, ()), *spoken.speaker.beside(shown)]
    return _Said(
        _one_line(shown.who),
        at,
        [part for line in lines for part in _harmless(line)],
        hand.media.of(spoken.of, spoken.message),
        at is not None and at.date() != day,
    )


def _plain_head(title: str, about: list[str]) -> str:
    return "\n".join([title, *about, "", ""])


def _plain_message(said: _Said) -> str:
    files = [
        f"[{_one_line(file_named(attachment, kept))}{f': ../{kept.name}' if kept is not None else ''}]"
        for attachment, kept in said.files
    ]
    when = formats.date_and_time(said.at) if said.at else word("no_time")
    first, *rest = [*said.lines, *files] or [""]
    return "\n".join([f"{when}  {said.who}: {first}", *(_INDENT + line for line in rest), ""])


def _markdown_head(title: str, about: list[str]) -> str:
    return f"# {_escaped(title)}\n\n" + "".join(f"- {_escaped(line)}\n" for line in about)


def _markdown_message(said: _Said) -> str:
    day = f"\n## {formats.date_only(said.at)}\n" if said.at and said.is_first_of_day else ""
    head = f"**{_escaped(said.who)}** {f'{said.at:%H:%M}' if said.at else word('no_time')}"
    lines = [_escaped(line) for line in said.lines]
    while lines and not lines[-1]:  # a break with nothing behind it would be shown as a backslash
        lines.pop()
    body = "\\\n".join(lines)
    files = [_markdown_file(attachment, kept) for attachment, kept in said.files]
    return day + "\n" + "\n\n".join(filter(None, [head, body, *files])) + "\n"


def _markdown_file(attachment: Attachment, kept: Kept | None) -> str:
    named = _escaped(_one_line(file_named(attachment, kept)))
    if kept is None:
        return f"\\[{named}\\]"
    return f"{'!' if kept.media_type.startswith('image/') else ''}[{named}](../{kept.name})"


def _one_line(said: str) -> str:
    return " ".join(_harmless(said))


def _harmless(said: str) -> list[str]:
    """The lines of a text, without what would command a terminal or turn around what stands beside it."""
    return [_isolated(line.translate(_CONTROLS)) for line in _LINE_ENDS.split(said)]


def _isolated(line: str) -> str:
    """A line that changes the direction of text only within itself: as it is, between marks of Unicode (UAX #9)."""
    if _DIRECTED.search(line) is None:
        return line
    opened, unopened = 0, 0
    for sign in line:
        if sign in _ISOLATES:
            opened += 1
        elif sign == _END_OF_ISOLATE and opened:
            opened -= 1
        elif sign == _END_OF_ISOLATE:
            unopened += 1  # it ends one of ours, so there is one more
    return _ISOLATES[-1] * (1 + unopened) + line + _END_OF_ISOLATE * (1 + opened)


def _escaped(line: str) -> str:
    """A line without anything that Markdown takes for markup; addresses stay as they are."""
    # Spaces at the beginning would be a block of code.
    line = _LEADING.sub(lambda found: "\u00a0" * len(found[0].expandtabs(4)), line)
    escaped = "".join(f"<{piece}>" if is_link else _MARKUP.sub(r"\\\1", piece) for piece, is_link in text.pieces(line))
    return _NUMBERED.sub(r"\1\\\2", _BLOCK.sub(r"\1\\\2", escaped))


TEXT: Final = Format("text", partial(_write, style=_Style(".txt", _plain_head, _plain_message)), 300)
MARKDOWN: Final = Format("markdown", partial(_write, style=_Style(".md", _markdown_head, _markdown_message)), 300)
