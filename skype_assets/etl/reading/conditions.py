"""Conditions of a search in SQL: what a term or a filter of a query asks of message ``m``, and who runs it binds."""

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from skype_assets.etl.database import search_index
from skype_assets.etl.database.search_index import SEARCHED
from skype_assets.etl.reading.query import Filter, Period

KIND_OF_FILE: Final = {
    "photo": ("photo",),
    "video": ("video", "moji", "recording"),
    "voice": ("voice",),
    "file": ("file",),
}
"""Of a value of ``has``, the kinds of attachments."""

_SIGMAS: Final = frozenset("Σσς")

KEY: Final = "owner_id, conversation_id, message_id"
BESIDE: Final = ("attachments", "links")
OF_MESSAGE: Final = "(m.owner_id, m.conversation_id, m.message_id)"


def forms(term: str) -> list[str]:
    """The ways to write a term: with accents as they are, as characters with them, and as characters beside them."""
    return list(dict.fromkeys([term, *(unicodedata.normalize(form, term) for form in ("NFC", "NFD"))]))


def _any(conditions: Iterable[str]) -> str:
    return f"({' OR '.join(conditions)})"


class Conditions:
    """Conditions of one statement, and its parameters."""

    def __init__(self, collation: str) -> None:
        self.parameters: list[Any] = []
        self._collation = collation

    def bind(self, value: object) -> str:
        """A parameter."""
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    def contains(self, expression: str, term: str, *, by_index: bool) -> str:
        """Whether a text contains a term."""
        has_sigma = not _SIGMAS.isdisjoint(term)
        values = [f"{self.bind(form)}::text" for form in forms(term)]
        text, *wanted = (
            search_index.folded(one, self._collation, has_sigma=has_sigma) for one in (expression, *values)
        )
        contained = _any(f"strpos({text}, {value}) > 0" for value in wanted)
        if not by_index:
            return contained
        # Apart from the comparison: what the index has found, it need not find again in each text.
        return f"({self.has_pieces(expression, term)} AND {contained})"

    def has_pieces(self, expression: str, term: str) -> str:
        """Whether a text has all pieces of a term: the index knows."""
        return _any(f"skype.grams({expression}) @> skype.grams({self.bind(form)}::text)" for form in forms(term))

    def beside(self, term: str, *, by_index: bool) -> str:
        """Keys of the messages whose files or links contain a term."""
        return " UNION ALL ".join(
            f"SELECT {KEY} FROM skype.{table} WHERE {self.contains(SEARCHED[table], term, by_index=by_index)}"
            for table in BESIDE
        )

    def is_beside(self, term: str) -> str:
        """Whether files or links of message ``m`` contain a term, for a few messages: it is looked up for each."""
        of_message = f"(b.owner_id, b.conversation_id, b.message_id) = {OF_MESSAGE}"
        # With OFFSET, as the planner would rather make a hash of all files and links.
        return " OR ".join(
            f"EXISTS (SELECT FROM skype.{table} AS b WHERE {of_message} AND {contained} OFFSET 0)"
            for table in BESIDE
            for contained in (self.contains(SEARCHED[table], term, by_index=False),)
        )

    def named(self, asked: Filter) -> str:
        """The ids whose name contains the value of a filter, or that contain it themselves."""
        _, id, name, table = NAMED[asked.operator]
        contained = " OR ".join(self.contains(searched, asked.value, by_index=False) for searched in (name, id))
        return f"SELECT DISTINCT {id} FROM skype.{table} WHERE {contained}"

    def in_period(self, period: Period) -> str:
        """Whether message ``m`` was sent in a period; one that has no time was in none."""
        limits = [
            *([f"m.sent_at >= {self._instant(period.begin)}"] if period.begin else []),
            *([f"m.sent_at < {self._instant(period.end)}"] if period.end else []),
        ]
        condition = " AND ".join(limits) or "m.sent_at IS NOT NULL"
        return f"({condition}) IS NOT TRUE" if period.is_excluded else f"({condition})"

    def holds(self, asked: Filter) -> str:
        """Whether a filter that needs no name holds for message ``m``."""
        if asked.operator == "kind":
            condition = f"m.kind = {self.bind(asked.value)}"
        else:
            condition = _IS[asked.value] if asked.operator == "is" else _HAS[asked.value]
        return f"({condition}) IS NOT TRUE" if asked.is_excluded else condition

    def _instant(self, instant: datetime) -> str:
        return f"{self.bind(instant.isoformat())}::text::timestamptz"


NAMED: Final = {
    "from": ("sender_id", "user_id", "display_name", "participants"),
    "in": ("conversation_id", "conversation_id", "title", "conversations"),
}
"""Of an operator: the column of messages; of another table the same ids, the names, and what it is called."""


def _exists(table: str, condition: str = "true") -> str:
    return (
        f"EXISTS (SELECT FROM skype.{table} x WHERE (x.owner_id, x.conversation_id, x.message_id) = {OF_MESSAGE} "
        f"AND {condition})"
    )


def _has_file(name: str) -> str:
    kinds = ", ".join(f"'{kind}'" for kind in KIND_OF_FILE[name])
    return _exists("attachments", f"x.kind IN ({kinds})")


_IS: Final = {
    "edited": "m.edited_at IS NOT NULL",
    "deleted": "(m.deleted_at IS NOT NULL OR 'deleted_by_edit_marker' = ANY (m.flags))",
    "mine": "m.sender_id = m.owner_id",
}

_HAS: Final = {
    **{name: _has_file(name) for name in KIND_OF_FILE},
    "file": f"({_has_file('file')} OR m.kind = 'file_transfer')",
    "link": _exists("links"),
    "call": "m.kind IN ('call', 'call_log')",
    "reaction": _exists("reactions"),
    "quote": _exists("quotes"),
}
