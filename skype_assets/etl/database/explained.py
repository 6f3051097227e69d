"""What no export explains by itself: rows that are made of those of several, and rows that belong to none.

Conversations, participants, figures, names and titles are made a second time, beside the tables, by the very statements
of the merge, from the rows that they are made of. With these proven, whatever differs is wrong. What is made beside
are temporary tables, which the transaction drops; of the tables nothing is written.
"""

import re
from typing import Final

import pyarrow as pa

from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.matching import NAMED, Comparison, Expected, found_rows
from skype_assets.etl.database.merging import CHILDREN
from skype_assets.etl.database.refreshing import REFRESH, WRONGLY_FLAGGED, touch
from skype_assets.etl.database.rejoining import APART
from skype_assets.etl.database.session import Session
from skype_assets.etl.schema.tables import TABLES

_MADE: Final = ("conversations", "participants")


def compare_made(session: Session, owner_id: str) -> Comparison:
    """Compare what is made of the rows of several exports of an account with what the merge makes of them now."""
    comparison = Comparison()
    with session.transaction(snapshot=True, temporary=True):
        for name in _MADE:
            session.execute(
                f"CREATE TEMPORARY TABLE pg_temp.{name} (LIKE {SCHEMA}.{name} INCLUDING INDEXES) ON COMMIT DROP"
            )
        touch(session, pa.table({"conversation_id": pa.array([], pa.string())}))
        session.execute(f"INSERT INTO pg_temp.touched {_CONVERSATIONS_OF}", owner_id)
        session.execute(_BEFORE_ALL_COPIES, owner_id)
        for statement in REFRESH:
            session.execute(_beside(statement), owner_id)
        for name in _MADE:
            made = list(session.batches(f"SELECT {', '.join(TABLES[name].schema.names)} FROM pg_temp.{name}"))
            expected = Expected(name, pa.Table.from_batches(made) if made else TABLES[name].schema.empty_table())
            expected.compare(found_rows(session, name, "WHERE t.owner_id = $1", owner_id), comparison)
    return comparison


def compare_archives(session: Session, most: int = NAMED) -> Comparison:
    """Find what all loaded archives together make otherwise: objects of attachments, flags of objects."""
    comparison = Comparison(most=most)
    with session.transaction(snapshot=True):
        for name, statement, what in WRONG_BY_ARCHIVES:
            for batch in session.batches(statement):
                comparison.note_wrong(name, pa.Table.from_batches([batch]), what)
    return comparison


def compare_owners(session: Session, most: int = NAMED) -> Comparison:
    """Find the rows that belong to no export in the database, to none of their account, or to no message."""
    comparison = Comparison(most=most)
    with session.transaction(snapshot=True):
        for name, condition, what in _HOMELESS:
            key = ", ".join(f"t.{column}" for column in TABLES[name].key)
            for batch in session.batches(f"SELECT {key} FROM {SCHEMA}.{name} t WHERE {condition}"):
                comparison.note_wrong(name, pa.Table.from_batches([batch]), what)
    return comparison


WRONG_BY_ARCHIVES: Final = (
    ("attachments", APART, "does not name its object"),
    ("media_files", WRONGLY_FLAGGED, "is wrong about whether archives differ"),
)
"""Of tables whose rows depend on several archives: SQL of the keys of those that are wrong, and what they are."""


def _beside(statement: str) -> str:
    return _WHERE_MADE.sub(r"pg_temp.\1", statement)


_WHERE_MADE: Final = re.compile(rf"\b{SCHEMA}\.({'|'.join(_MADE)})\b")

_CONVERSATIONS_OF: Final = f"""
SELECT DISTINCT c.conversation_id FROM {SCHEMA}.conversation_copies c JOIN {SCHEMA}.exports e USING (export_id)
WHERE e.owner_id = $1"""

# Its kind is said by the id of a conversation, and compared with each export.
_BEFORE_ALL_COPIES: Final = f"""
INSERT INTO pg_temp.conversations (owner_id, conversation_id, title, kind, message_count, export_id)
SELECT $1, n.conversation_id, '', coalesce(v.kind, ''), 0, ''
FROM pg_temp.touched n
LEFT JOIN {SCHEMA}.conversations v ON (v.owner_id, v.conversation_id) = ($1, n.conversation_id)"""

_OF_NO_EXPORT: Final = f"NOT EXISTS (SELECT FROM {SCHEMA}.exports e WHERE e.export_id = t.export_id)"
_OF_NO_ACCOUNT: Final = f"NOT EXISTS (SELECT FROM {SCHEMA}.exports e WHERE e.owner_id = t.owner_id)"
_OF_OTHERS: Final = (
    f"EXISTS (SELECT FROM {SCHEMA}.exports e WHERE e.export_id = t.export_id AND e.owner_id <> t.owner_id)"
)
_OF_NO_MESSAGE: Final = (
    f"NOT EXISTS (SELECT FROM {SCHEMA}.messages m WHERE (m.owner_id, m.conversation_id, m.message_id) "
    "= (t.owner_id, t.conversation_id, t.message_id))"
)

_HOMELESS: Final = (
    *((name, _OF_NO_EXPORT, "is of an export that is not in the database") for name in TABLES
      if name != "exports" and "export_id" in TABLES[name].schema.names),
    *((name, _OF_NO_ACCOUNT, "is of an account of which there is no export") for name in _MADE),
    *((name, _OF_OTHERS, "is of an export of another account")
      for name in ("conversations", "messages", "superseded_copies", "media_files")),
    *((name, _OF_NO_MESSAGE, "belongs to no message") for name in (*CHILDREN, "superseded_copies")),
)  # fmt: skip
