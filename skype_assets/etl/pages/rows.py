"""Conversations as rows of a list; in Python, as a template costs several times as much, for each of thousands."""

from collections.abc import Iterable
from datetime import tzinfo
from typing import Final

from markupsafe import Markup, escape

from skype_assets.etl.pages import formats
from skype_assets.etl.pages.words import WORDS, counted
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.reading.people import Part

_KINDS: Final = {name: str(escape(text)) for name, text in WORDS.items()}


class Rows:
    """Makes the rows.

    Args:
        zone: of the dates.
    """

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def __call__(self, listed: Iterable[Conversation | Part]) -> Markup:
        """The rows, in the order that is given."""
        return Markup("".join([self._row(one) for one in listed]))  # noqa: S704 - made below

    def _row(self, one: Conversation | Part) -> str:
        when = ""
        if one.last is not None:
            last = formats.local(one.last, self._zone)
            when = f'<time class="facts" datetime="{formats.iso(last)}">{formats.day(last)}</time>'
        return (
            f'<li><a class="row" href="/c/{one.key}/">\n'
            f'<span class="name"><bdi>{escape(one.title)}</bdi></span>\n'
            f'<span class="kind">{_KINDS.get(one.kind) or escape(one.kind)}</span>\n'
            f'<span class="facts">{counted(one.message_count, "message")}</span>\n'
            f"{when}</a></li>\n"
        )
