"""What the exports of an account have of a message: every copy, what it said, which one is the message, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from skype_assets.etl.database.session import Session
from skype_assets.etl.reading.whole import OF_KEY, Row, rows_of
from skype_assets.etl.schema.views import MESSAGE_HISTORY

_EXPORTS: Final = """
SELECT export_id, source_name, exported_at, task_id, status FROM skype.exports
WHERE owner_id = $1 ORDER BY exported_at NULLS FIRST, export_id"""


@dataclass(frozen=True)
class OfExport:
    """What an export of the account has of a message.

    Attributes:
        status: that of its row in ``exports``: unless it is complete, not all copies are in the tables.
        copies: rows of the view ``message_history``, duplicates before the best one.
    """

    export_id: str
    source_name: str
    exported_at: datetime | None
    task_id: str
    status: str
    copies: Sequence[Row]


def copies(session: Session, owner_id: str, conversation_id: str, message_id: str) -> list[OfExport]:
    """What all exports of the account have of a message, in the order in which they were made."""
    found = history(session, owner_id, conversation_id, message_id)
    return [
        OfExport(*export, copies=[row for row in found if row["export_id"] == export[0]])
        for export in session.rows(_EXPORTS, owner_id)
    ]


def history(session: Session, owner_id: str, conversation_id: str, message_id: str) -> list[Row]:
    """The rows of the view ``message_history`` of a message, in their order."""
    return rows_of(session, MESSAGE_HISTORY, f"{OF_KEY} ORDER BY place", owner_id, conversation_id, message_id)
