"""RSMF as a format of hand-overs: files by conversation and day, and the lists beside them."""

import io
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, fields
from functools import partial
from itertools import chain, groupby
from pathlib import Path
from typing import Final

from skype_assets.etl.database.registered import export_hashes
from skype_assets.etl.errors import NotConserved
from skype_assets.etl.handing.handover import Format, HandOver, Spoken
from skype_assets.etl.handing.media import FOLDER, Kept
from skype_assets.etl.handing.output import Output
from skype_assets.etl.handing.rsmf.events import SYSTEM, SYSTEM_NAME, Presence, event
from skype_assets.etl.handing.rsmf.parts import Day, Listed, Part
from skype_assets.etl.handing.selection import Selection
from skype_assets.etl.handing.sheets import Write, sheet
from skype_assets.etl.pages import formats
from skype_assets.etl.reading import people
from skype_assets.etl.reading.messages import Attachment

LIST: Final = "manifest.csv"
LOAD_FILE: Final = "load.dat"
UNTIMED: Final = "without_time.csv"

_COLUMNS: Final = tuple(field.name for field in fields(Listed))
_OF_UNTIMED: Final = ("conversation", "title", "message_id", "sender", "kind", "text", "raw_sha256")

SOME: Final = 500
"""Messages from which on their days are made by another process."""

MOST_AT_ONCE: Final = 2_000
_MOST_TEXT: Final = 4_000_000
"""Messages of a day, and characters, that are held in memory."""

Said = tuple[Spoken, list[tuple[Attachment, Kept | None]]]
"""A message and its files."""

_Written = tuple[Listed, bytes | None]
"""A file, and its bytes if it is not in its place yet."""

# Concordance: between fields, around them, and for a line break in one.
_FIELD, _QUOTE, _LINE = "\x14", "\xfe", "\xae"


def _write(hand: HandOver, *, with_load_file: bool) -> None:
    scratch = hand.output.folder / ".scratch"
    scratch.mkdir(mode=0o700)
    hand.media.output = Output(scratch)
    listed: list[Listed] = []
    with sheet(hand, UNTIMED, _OF_UNTIMED) as untimed:
        for some in hand.made(_work(hand, scratch, untimed)):
            for one, content in some:
                if content is not None:
                    hand.output.put(one.file, content)
                listed.append(one)
    shutil.rmtree(scratch)
    hand.figures = {
        "files": len(listed),
        "events": sum(one.events for one in listed),
        "messages_without_time": hand.selection.untimed,
        "attachments": sum(one.attachments for one in listed),
        "files_missing": sum(one.missing for one in listed),
    }
    if hand.selection.messages != hand.figures["events"] + hand.selection.untimed:
        raise NotConserved(
            f"{hand.selection.messages:,} messages were selected, {hand.figures['events']:,} are events and "
            f"{hand.selection.untimed:,} have no time: that does not balance; nothing was written"
        )
    with sheet(hand, LIST, _COLUMNS) as row:
        for one in listed:
            row(astuple(one))
    if with_load_file:
        hand.output.put(LOAD_FILE, "".join(_load_lines(listed)).encode("utf-8-sig"))


def _work(hand: HandOver, scratch: Path, untimed: Write) -> Iterator[Callable[[], list[_Written]]]:
    """The days, some at once; what may be larger than memory, and what has files, is written on the way."""
    days: list[tuple[Day, list[Said]]] = []
    for day, messages in _days(hand, untimed):
        said = ((spoken, hand.media.of(spoken.of, spoken.message)) for spoken in messages)
        few = list(_few(said))
        if _is_small(few):
            days.append((day, few))
            if sum(len(of_day) for _, of_day in days) < SOME:
                continue
            yield partial(_made, days)
        else:
            yield partial(_made, days)
            yield partial(_given, _of_day(hand, day, chain(few, said), scratch))
        days = []
    yield partial(_made, days)


def _days(hand: HandOver, untimed: Write) -> Iterator[tuple[Day, Iterator[Spoken]]]:
    """The messages of each conversation and day; those without a time go to a list of their own."""
    exports = export_hashes(hand.session)
    headers, is_whole = _selection_headers(hand.selection), hand.selection.has_whole_conversations
    of_each = zip(
        groupby(hand.spoken(), lambda spoken: spoken.of),
        _names(hand.selection),
        hand.of_each(partial(people.participants, most=None)),
        hand.of_each(people.comings_and_goings),
        strict=True,
    )
    for (of, messages), name, everybody, changes in of_each:
        told = [one for one in everybody if hand.selection.tells_of(of, one)]
        presence = Presence(told, changes)
        names = {SYSTEM: SYSTEM_NAME, **{one.user_id: one.name for one in everybody if one.name}}
        for day, of_day in groupby(messages, lambda spoken: _day(hand, spoken)):
            if day is not None:
                yield Day(of, day, name, presence, names, exports, headers, is_whole), of_day
                continue
            for spoken in of_day:
                untimed(_untimed(spoken))


def _few(said: Iterator[Said]) -> Iterator[Said]:
    """So many of the messages of a day as are surely no burden: those of nearly every day, and one more."""
    size = 0
    for number, one in enumerate(said):
        yield one
        size += len(one[0].message.text)
        if number >= MOST_AT_ONCE or size > _MOST_TEXT:
            break


def _is_small(few: Sequence[Said]) -> bool:
    """Whether they are a whole day, without files."""
    texts = sum(len(spoken.message.text) for spoken, _ in few)
    has_files = any(kept is not None for _, files in few for _, kept in files)
    return len(few) <= MOST_AT_ONCE and texts <= _MOST_TEXT and not has_files


def _made(days: Sequence[tuple[Day, list[Said]]]) -> list[_Written]:
    """Days, in memory."""
    written: list[_Written] = []
    for day, said in days:
        parts = _parts(day, said, None)
        for number, part in enumerate(parts, start=1):
            out = io.BytesIO()
            written.append((part.write(out, number, len(parts)), out.getvalue()))
    return written


def _given(written: list[_Written]) -> list[_Written]:
    return written


def _of_day(hand: HandOver, day: Day, said: Iterable[Said], scratch: Path) -> list[_Written]:
    """A day, part by part in its place."""
    parts = _parts(day, said, scratch)
    written: list[_Written] = []
    for number, part in enumerate(parts, start=1):
        with hand.output.create(part.name(number, len(parts))) as out:
            written.append((part.write(out, number, len(parts), Output(scratch)), None))
    if (scratch / FOLDER).exists():
        shutil.rmtree(scratch / FOLDER)
    return written


def _parts(day: Day, said: Iterable[Said], folder: Path | None) -> list[Part]:
    parts: list[Part] = []
    for spoken, files in said:
        at = spoken.message.sent_at
        assert at is not None, "those without a time are no events"
        one = event(spoken, at, files)
        if not parts or not parts[-1].has_room_for(one):
            if parts:
                parts[-1].close()
            parts.append(Part(day, folder))
        parts[-1].add(one, spoken)
    parts[-1].close()
    return parts


def _day(hand: HandOver, spoken: Spoken) -> str | None:
    at = spoken.message.sent_at
    return formats.date_only(formats.local(at, hand.zone)) if at is not None else None


def _names(selection: Selection) -> Iterator[str]:
    """How the names of a conversation's files begin: 8 digits of its hash, or all 16 of those that have the same 8."""
    keys = [chapter.of.key for chapter in selection.chapters]
    begun = Counter(key[:8] for key in keys)
    yield from (key[:8] if begun[key[:8]] == 1 else key for key in keys)


def _selection_headers(selection: Selection) -> list[tuple[str, str]]:
    wanted = selection.wanted
    return [
        ("X-RSMF-Selection", wanted.query),
        ("X-RSMF-SelectionMessages", str(selection.messages)),
        ("X-RSMF-SelectionSHA256", selection.sha256),
        ("X-RSMF-TimeZone", wanted.time_zone if wanted.time_zone != "UTC" else ""),
    ]


def _untimed(spoken: Spoken) -> tuple[str | None, ...]:
    of, message = spoken.of, spoken.message
    sender = message.sender_name or message.sender_id
    named = (of.conversation_id, of.title, message.message_id, sender)
    return (*named, message.kind, message.text, spoken.source.sha256)


def _load_lines(listed: list[Listed]) -> Iterator[str]:
    for values in (_COLUMNS, *(astuple(one) for one in listed)):
        yield _FIELD.join(f"{_QUOTE}{_loadable(value)}{_QUOTE}" for value in values) + "\r\n"


def _loadable(value: object) -> str:
    """A value without the signs of the file itself, for which Concordance has no escape."""
    text = "\n".join(str(value).replace(_FIELD, " ").replace(_QUOTE, "th").replace(_LINE, "(R)").splitlines())
    return text.replace("\n", _LINE)


def rsmf(*, with_load_file: bool) -> Format:
    """RSMF 2.0; with a Concordance load file beside it, or without."""
    return Format("rsmf", partial(_write, with_load_file=with_load_file), 3_000, media_factor=1.4)
