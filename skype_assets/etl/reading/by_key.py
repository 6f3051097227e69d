"""Rows by their keys: of many conversations of an account at once, as a statement costs more than the rows of a few.

A key is a conversation and an id in it, such as a message's; which keys are wanted goes into a statement as two arrays.
"""

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa

from skype_assets.etl.database import instants
from skype_assets.etl.database.session import Session

Key = tuple[str, str]
"""Conversation and id."""

# Each conversation is looked up by itself, by the index: what is not pulled up cannot become a scan of the table.
_STATEMENT: Final = """
SELECT f.* FROM (
    SELECT k.chat, array_agg(k.id) AS ids FROM unnest($2::text[], $3::text[]) AS k(chat, id) GROUP BY k.chat
) AS w CROSS JOIN LATERAL (
    SELECT t.conversation_id, {columns} FROM skype.{table} t
    WHERE t.owner_id = $1 AND t.conversation_id = w.chat AND t.{id} = ANY (w.ids){rest} OFFSET 0
) AS f"""


def statement(table: str, columns: str, id: str = "message_id", rest: str = "") -> str:
    """SQL for ``rows``: conversation and other columns of the rows of a table that have one of some keys.

    Args:
        table: its name.
        columns: which others.
        id: the column that has the ids.
        rest: further conditions, and the order of the rows of a conversation.
    """
    return _STATEMENT.format(table=table, columns=columns, id=id, rest=f" {rest}" if rest else "")


def rows(session: Session, statement: str, owner_id: str, keys: Sequence[Key]) -> list[tuple[Any, ...]]:
    """Run a statement for keys of an account."""
    return instants.rows(table(session, statement, owner_id, keys)) if keys else []


def table(session: Session, statement: str, owner_id: str, keys: Sequence[Key]) -> pa.Table:
    """The same, as Arrow; without keys, a table without columns."""
    if not keys:
        return pa.table({})
    chats, ids = zip(*keys, strict=True)
    return session.table(statement, owner_id, list(chats), list(ids))
