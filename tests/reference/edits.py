"""Edits: their markers (4.3), and the rows that an edited message leaves in an export (5.3)."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.reference.markup import own_elements, without_elements
from tests.reference.values import whole_number

Row = dict[str, Any]


def edit_mark(markup: str) -> int | None:
    """When the original of an edited message was sent, in milliseconds."""
    marks = [whole_number(element.get("ts_ms")) for element in own_elements(markup, lambda tag: tag.name == "e_m")]
    return next((mark for mark in marks if mark is not None), None)


def is_only_edit_mark(markup: str) -> bool:
    rest = without_elements(markup, "e_m")
    return rest != markup and rest.strip() == ""


def mark_edits(messages: Iterable[tuple[int | None, Row]]) -> None:
    """Ties the copies of each edited message together; ``messages`` are marks and rows of one export."""
    groups: dict[Any, list[Row]] = defaultdict(list)
    for mark, row in messages:
        if mark is not None:
            groups[row["conversation_id"], row["sender_id"], mark].append(row)
    for rows in groups.values():
        if len(rows) > 1:
            _mark_group(rows)


def _mark_group(rows: list[Row]) -> None:
    original = _smallest([row["message_id"] for row in rows])
    edited_at = _latest(rows, "edited_at") or _latest(rows, "sent_at")
    for row in rows:
        row["edited_at"] = edited_at
        row["edit_of"] = None if row["message_id"] == original else original


def _smallest(ids: list[str]) -> str:
    numeric = all(id.isascii() and id.isdigit() for id in ids)
    return min(ids, key=lambda id: (int(id), id)) if numeric else min(ids)


def _latest(rows: list[Row], column: str) -> datetime | None:
    return max((row[column] for row in rows if row[column] is not None), default=None)
