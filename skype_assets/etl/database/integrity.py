"""Do the rows of an export refer to rows that exist? Asked of the database itself.

Most of it the database enforces, with the foreign keys of ``ddl``, if they are there. The rest are references that no
foreign key can express, because they are optional or name no key.
"""

from typing import Final

from skype_assets.etl.database import ddl
from skype_assets.etl.database.refreshing import folded
from skype_assets.etl.database.session import Session

_QUESTIONS: Final = {
    "edits of messages that are not there": f"""
        SELECT count(*) FROM {ddl.SCHEMA}.messages m
        WHERE m.owner_id = $1 AND m.export_id = $2 AND m.edit_of IS NOT NULL AND NOT EXISTS (
            SELECT FROM {ddl.SCHEMA}.messages o
            WHERE (o.owner_id, o.conversation_id, o.message_id) = (m.owner_id, m.conversation_id, m.edit_of))""",
    "attachments said to be present whose object is in no loaded archive": f"""
        SELECT count(*) FROM {ddl.SCHEMA}.attachments a
        JOIN {ddl.SCHEMA}.messages m USING (owner_id, conversation_id, message_id)
        WHERE m.owner_id = $1 AND m.export_id = $2 AND a.present AND NOT EXISTS (
            SELECT FROM {ddl.SCHEMA}.media_files f WHERE {folded("f.document_id")} = {folded("a.document_id")})""",
}


def dangling(session: Session, owner_id: str, export_id: str) -> dict[str, int]:
    """What of an export refers to nothing, with how many rows do; empty if everything is in order."""
    with session.transaction():
        counts = {name: session.rows(query, owner_id, export_id)[0][0] for name, query in _QUESTIONS.items()}
    return {name: count for name, count in counts.items() if count}
