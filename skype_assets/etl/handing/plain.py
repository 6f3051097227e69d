"""A message as text without markup: what the reader shows of it, in lines."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from skype_assets.etl.handing.media import Kept
from skype_assets.etl.pages import text
from skype_assets.etl.pages.message import Card, Renderer, Shown, call_people
from skype_assets.etl.pages.words import WORDS, counted, word
from skype_assets.etl.reading.messages import Attachment, Message
from skype_assets.etl.tasks.media_files import RESERVED

_SAFE: Final = "_.()+ -"
_UNSEEN_MARK: Final = re.compile("[\u034f\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_AROUND: Final = " ._-"
_LONGEST: Final = 60


class Speaker:
    """Says what messages of one conversation are, without markup.

    Args:
        renderer: shows them.
        names: what people are called, by id.
    """

    def __init__(self, renderer: Renderer, names: dict[str, str]) -> None:
        self._renderer, self._names = renderer, names

    def name(self, user_id: str) -> str:
        """What somebody is called."""
        return self._names.get(user_id, user_id)

    def shown(self, message: Message) -> Shown:
        """As the reader shows it, alone."""
        return self._renderer.shown([message])[0]

    def said(self, message: Message, shown: Shown, files: Sequence[tuple[Attachment, Kept | None]]) -> list[str]:
        """Its lines: what it quotes, its text, and in brackets what is no text."""
        lines: list[str] = []
        for quote in shown.quotes:
            by = ", ".join(filter(None, (quote.who, quote.when)))
            lines += [f"> {line}" for line in [*([f"{by}:"] if by else []), *text.plain(quote.text).split("\n")]]
        if shown.body.strip():
            lines += message.text.split("\n")
        if shown.line:
            lines += bracketed(text.plain(shown.line))
        if message.call_participants and (people := call_people(shown, self._names)):
            lines += bracketed(f"{word('call_people')}: {people}")
        for attachment, kept in files:
            lines += bracketed(file_named(attachment, kept))
        for card in shown.cards:
            lines += bracketed(_card(card))
        return lines

    def beside(self, shown: Shown) -> list[str]:
        """What is said of it besides: edited, forwarded, what it said before, reactions."""
        lines = [line for note in shown.notes for line in bracketed(note)]
        for earlier in shown.earlier:
            lines += bracketed(f"{word('earlier')}: {text.plain(earlier)}")
        return lines + [line for _, by, _ in shown.reactions for line in bracketed(by)]


def bracketed(said: str) -> list[str]:
    """What is no text of somebody's, in brackets; lines of it stay lines."""
    return f"[{said}]".split("\n")


def file_named(attachment: Attachment, kept: Kept | None) -> str:
    """A file in words: ``Photo "x.jpg", 81,234 bytes: not in the export``."""
    said = WORDS.get(attachment.kind, word("attachment"))
    if attachment.file_name:
        said += f' "{attachment.file_name}"'
    size = kept.size if kept is not None else attachment.file_size
    if size is not None:
        said += f", {size:,} bytes"
    if kept is None:
        return f"{said}: {word('left_out' if attachment.present else 'not_exported')}"
    return said


def _card(card: Card) -> str:
    return "; ".join(part for part in _parts(card) if part)


def _parts(card: Card) -> Iterator[str]:
    yield card.title
    yield from (text.plain(line) for line in card.lines)
    for option, count, who in card.options:
        yield f"{option}: {counted(count, 'vote')}" + (f" ({who})" if who else "")
    yield from (text.plain(link) for link in card.links)


def file_name(title: str, key: str, ending: str) -> str:
    """A name of a file for a conversation: so much of its title as every file system bears, and its key."""
    plain = _UNSEEN_MARK.sub("", unicodedata.normalize("NFC", title))
    safe = re.sub("_+", "_", "".join(sign if _is_safe(sign) else "_" for sign in plain))[:_LONGEST].strip(_AROUND)
    while len(safe.encode()) > 2 * _LONGEST:
        safe = safe[:-1].rstrip(_AROUND)
    name = f"{safe}-{key}{ending}" if safe else f"{key}{ending}"
    return f"_{name}" if RESERVED.fullmatch(name) else name


def _is_safe(sign: str) -> bool:
    """Whether it is a letter or digit, what is written above or below one, or in ``_SAFE``."""
    return sign.isalnum() or sign in _SAFE or unicodedata.category(sign) in ("Mn", "Mc")
