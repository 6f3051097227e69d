"""How many rows the database has of what a load was about."""

from collections.abc import Sequence
from typing import Final

from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.session import Session
from skype_assets.etl.schema.tables import TABLES

COUNTED: Final = tuple(name for name in TABLES if name != "load_parts")
"""The tables that are counted; the ledger is about parts, whose sizes are free to differ."""


def rows_of_load(session: Session, owner_id: str, export_id: str, conversation_ids: Sequence[str]) -> dict[str, int]:
    """Rows of each table: the export's own, and its conversations', whichever export brought them."""
    counts: dict[str, int] = {}
    with session.transaction():
        for name in COUNTED:
            key = TABLES[name].key
            query = f"SELECT count(*) FROM {SCHEMA}.{name} WHERE {key[0]} = $1"
            first = export_id if key[0] == "export_id" else owner_id
            if "conversation_id" in key and key[0] == "owner_id":
                rows = session.rows(f"{query} AND conversation_id = ANY($2)", first, list(conversation_ids))
            else:
                rows = session.rows(query, first)
            counts[name] = rows[0][0]
    return counts


def count_rows(session: Session, tables: Sequence[str]) -> dict[str, int]:
    """Rows of whole tables."""
    with session.transaction(snapshot=True):
        return {name: session.rows(f"SELECT count(*) FROM {SCHEMA}.{name}")[0][0] for name in tables}
