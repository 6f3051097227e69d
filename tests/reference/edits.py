"""Edits: their markers (4.3), and the rows that an edited message leaves in an export (5.3)."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.reference.markup import own_elements, without_elements
from tests.reference.values import whole_number

Row = dict[str, Any]

WORDS = "Edited previous message:"


def edit_mark(markup: str) -> int | None:
    """When the original of an edited message was sent, in milliseconds."""
    marks = own_elements(markup, lambda tag: tag.name == "e_m")
    milliseconds, seconds = (whole_number(marks[0].get(name)) if marks else None for name in ("ts_ms", "ts"))
    return milliseconds or (None if seconds is None else seconds * 1000)


def has_edit_mark(markup: str) -> bool:
    return bool(own_elements(markup, lambda tag: tag.name == "e_m"))


def is_only_edit_mark(markup: str) -> bool:
    rest = without_elements(markup, "e_m")
    return rest != markup and without_words(rest.strip()) == ""


def without_words(text: str) -> str:
    """The text of an edited message without the words that old clients put before it (10)."""
    return text.removeprefix(WORDS).lstrip() if text.startswith(WORDS) else text


def mark_edits(messages: Iterable[tuple[int | None, datetime | None, Row]]) -> None:
    """Ties the copies of each edited message together, also where one is all that is left.

    ``messages`` are the marks of one export's messages, when these arrived, and their rows.
    """
    groups: dict[Any, list[tuple[datetime | None, Row]]] = defaultdict(list)
    for mark, arrived_at, row in messages:
        if mark is not None:
            groups[row["conversation_id"], row["sender_id"], mark].append((arrived_at, row))
    for copies in groups.values():
        _mark_group(copies)


def _mark_group(copies: list[tuple[datetime | None, Row]]) -> None:
    rows = [row for _, row in copies]
    original = _smallest([row["message_id"] for row in rows])
    edited_at = _latest([row["edited_at"] for row in rows]) or _latest([arrived_at for arrived_at, _ in copies])
    for row in rows:
        row["edited_at"] = edited_at
        row["edit_of"] = None if row["message_id"] == original else original


def _smallest(ids: list[str]) -> str:
    numeric = all(id.isascii() and id.isdigit() for id in ids)
    return min(ids, key=lambda id: (int(id), id)) if numeric else min(ids)


def _latest(instants: list[datetime | None]) -> datetime | None:
    return max((instant for instant in instants if instant is not None), default=None)
