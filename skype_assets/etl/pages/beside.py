"""What stands beside the messages on every page of a conversation: who is in it, its years and months.

In Python, and made once for all pages of a hand-over: of a conversation that has hundreds of pages they are most of a
page, and nearly the same on each.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import cached_property
from typing import Final

from markupsafe import Markup, escape

from skype_assets.etl.pages.message import Shown
from skype_assets.etl.pages.words import WORDS, counted
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.reading.keys import key
from skype_assets.etl.reading.people import Participant

_PEOPLE: Final = str(escape(WORDS["people"]))


class Beside:
    """Makes these elements.

    Args:
        of: the conversation.
        months: in which something was written, in their order.
        participants: who is in it.
        placed: puts the addresses in them where the page is.
    """

    def __init__(
        self,
        of: Conversation,
        months: Sequence[datetime],
        participants: Sequence[Participant],
        placed: Callable[[str], str] = str,
    ) -> None:
        self._of, self._months, self._participants, self._placed = of, months, participants, placed

    @cached_property
    def people(self) -> Markup:
        """Who is in the conversation; nothing of nobody."""
        if not self._participants:
            return Markup()
        listed = "".join([self._person(one) for one in self._participants])
        made = (
            f'<details class="people"><summary>{_PEOPLE} ({len(self._participants):,})</summary>\n'
            f"<ul>\n{listed}</ul>\n</details>\n"
        )
        return Markup(self._placed(made))  # noqa: S704 - made here

    def years(self, shown: Sequence[Shown]) -> Markup:
        """The years, each with its months; open are those of the first and the last message that is shown."""
        first, last = (shown[0].at, shown[-1].at) if shown else (None, None)
        is_open: Collection[int] = (first.year, (last or first).year) if first is not None else ()
        parts = [f"<details{' open' if year in is_open else ''}>{rest}" for year, rest in self._years.items()]
        return Markup("".join(parts))  # noqa: S704 - made below

    @cached_property
    def _years(self) -> dict[int, str]:
        """What stands in the element of each year."""
        months: dict[int, list[str]] = {}
        for month in self._months:
            months.setdefault(month.year, []).append(self._month(month))
        return {
            year: self._placed(f"\n<summary>{year}</summary>\n<ul>\n{''.join(of_year)}</ul>\n</details>\n")
            for year, of_year in months.items()
        }

    def _month(self, month: datetime) -> str:
        at = f"{month.year:04}-{month.month:02}"
        return (
            f'<li><a href="/c/{self._of.key}/?at={at}" data-month="{at}" aria-label="{month:%B} {month.year}">'
            f"{month:%b}</a></li>\n"
        )

    def _person(self, one: Participant) -> str:
        named = f"<bdi>{escape(one.name or one.user_id)}</bdi>"
        address = f"/p/{key(self._of.owner_id, one.user_id)}"
        facts = f'<span class="facts">{counted(one.messages, "message")}</span>'
        return f'<li><a href="{address}">{named}</a> {facts}</li>\n'
