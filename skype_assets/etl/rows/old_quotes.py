"""Quotes of old clients name no message: only who wrote it and, to the second, when (format reference, 4.2).

The message is looked for in the whole export, by columns that every part has.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.content.names import OLD_CHAT
from skype_assets.etl.rows.arrays import table_from_rows
from skype_assets.etl.schema.tables import INSTANT

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

QUOTED: Final = pa.schema(
    [
        pa.field("part", pa.int32(), False),
        pa.field("conversation_id", pa.string(), False),
        pa.field("message_id", pa.string(), False),
        pa.field("ordinal", pa.int32(), False),
        pa.field("quoted_message_id", pa.string(), False),
    ]
)
"""What the quotes that name no message quote, where that was found."""

QUOTE_COLUMNS: Final = [
    "conversation_id", "message_id", "ordinal", "author_id", "quoted_conversation_id", "quoted_message_id", "quoted_at",
]  # fmt: skip
MESSAGE_COLUMNS: Final = ["conversation_id", "message_id", "sender_id", "sent_at"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_TOLERANCE: Final = _SECOND

Author = tuple[str, str]
"""A conversation, and who wrote in it."""


def quoted(quotes: Mapping[int, pa.Table], messages: Mapping[int, Callable[[], Mapping[int, pa.Table]]]) -> pa.Table:
    """Find the ``QUOTED`` of an export; messages are read only if there is something to find."""
    wanted = [(part, quote) for part, table in quotes.items() for quote in _open(table)]
    if not wanted:
        return QUOTED.empty_table()
    written = _written([quote for _, quote in wanted], messages)
    rows: list[tuple[Any, ...]] = []
    for part, quote in wanted:
        found = _nearest(quote, written[_author(quote)])
        if found is not None:
            rows.append((part, quote["conversation_id"], quote["message_id"], quote["ordinal"], found))
    return table_from_rows(QUOTED, rows)


def with_quoted(quotes: pa.Table, found: pa.Table) -> pa.Table:
    """A part's quotes with what was found for them: ``found`` are the part's rows of ``QUOTED``."""
    if found.num_rows == 0:
        return quotes
    names = ("conversation_id", "message_id", "ordinal")
    known = {tuple(row[name] for name in names): row["quoted_message_id"] for row in found.to_pylist()}
    keys = zip(*(quotes[name].to_pylist() for name in names), strict=True)
    values = [known.get(key, value) for key, value in zip(keys, quotes["quoted_message_id"].to_pylist(), strict=True)]
    place = quotes.schema.get_field_index("quoted_message_id")
    return quotes.set_column(place, quotes.schema.field(place), pa.array(values, pa.string()))


def _open(quotes: pa.Table) -> list[dict[str, Any]]:
    open_ = pc.and_(quotes["quoted_message_id"].is_null(), quotes["author_id"].is_valid())
    return quotes.filter(pc.and_(open_, quotes["quoted_at"].is_valid())).to_pylist()


def _author(quote: dict[str, Any]) -> Author:
    return _place(quote), quote["author_id"]


def _place(quote: dict[str, Any]) -> str:
    """Return where to look: where nothing is said, or the name of an old chat, in the conversation of the quote."""
    said = quote["quoted_conversation_id"]
    return quote["conversation_id"] if said is None or said.startswith(OLD_CHAT) else said


def _written(
    quotes: Sequence[dict[str, Any]], messages: Mapping[int, Callable[[], Mapping[int, pa.Table]]]
) -> dict[Author, list[tuple[datetime, str]]]:
    """What the authors of quotes wrote about when something was quoted: all that they wrote may not fit into memory."""
    authors = {_author(quote) for quote in quotes}
    of_them = pa.array(sorted({author for _, author in authors}), pa.string())
    then = pa.array(sorted({instant for quote in quotes for instant in _near(quote["quoted_at"])}), INSTANT)
    written: dict[Author, list[tuple[datetime, str]]] = defaultdict(list)
    for table in (table for read in messages.values() for table in read().values()):
        seconds = pc.floor_temporal(table["sent_at"], unit="second")
        table = table.filter(pc.and_(pc.is_in(table["sender_id"], of_them), pc.is_in(seconds, then)))
        for row in table.to_pylist():
            author = row["conversation_id"], row["sender_id"]
            if author in authors:
                written[author].append((row["sent_at"], row["message_id"]))
    return written


def _near(instant: datetime) -> Iterator[int]:
    """The seconds in which what is within the tolerance of an instant can be, in microseconds since 1970."""
    second = (instant - _EPOCH) // _SECOND
    return (1_000_000 * near for near in (second - 1, second, second + 1))


def _nearest(quote: dict[str, Any], written: list[tuple[datetime, str]]) -> str | None:
    itself = quote["message_id"]
    near = [
        (abs(sent_at - quote["quoted_at"]), message_id)
        for sent_at, message_id in written
        if abs(sent_at - quote["quoted_at"]) <= _TOLERANCE
    ]
    here = _place(quote) == quote["conversation_id"]
    return min(((gap, found) for gap, found in near if not (here and found == itself)), default=(None, None))[1]
