"""Messages that carry files, the newest first: of an account, or of a conversation."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from skype_assets.etl.database.search_index import NEWEST
from skype_assets.etl.database.session import Session
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.reading.messages import Attachment

_FILES: Final = """
SELECT a.owner_id, a.conversation_id, a.message_id, a.ordinal, a.document_id, a.kind, a.file_name, a.file_size,
       a.mime_type, a.width, a.height, a.duration_seconds, a.present, a.media_export_id, a.media_sha256
FROM skype.attachments a
JOIN unnest($1::text[], $2::text[]) AS h(conversation_id, message_id) USING (conversation_id, message_id)
WHERE a.owner_id = $3 ORDER BY a.ordinal"""

_TITLES: Final = """
SELECT conversation_id, title FROM skype.conversations WHERE owner_id = $1 AND conversation_id = ANY ($2)"""


@dataclass(frozen=True)
class Shown:
    """A file in its message."""

    conversation_id: str
    title: str
    message_id: str
    sent_at: datetime | None
    sender_id: str | None
    sender_name: str | None
    attachment: Attachment


@dataclass(frozen=True)
class GalleryPage:
    """Files of some messages; ``last`` is the last message if there are others behind it, else None."""

    files: list[Shown]
    last: tuple[str, str] | None


def gallery(
    session: Session,
    owner_id: str,
    of: Conversation | None = None,
    *,
    behind: tuple[str, str] | None = None,
    limit: int = 60,
) -> GalleryPage:
    """The files of so many messages, behind a message (conversation and id) if one is named."""
    values: list[Any] = [owner_id]
    conditions = ["m.owner_id = $1", "m.edit_of IS NULL"]
    if of is not None:
        values.append(of.conversation_id)
        conditions.append(f"m.conversation_id = ${len(values)}")
    if behind is not None and (place := _place(session, owner_id, *behind)) is not None:
        conditions.append(_behind(place, values))
    conditions.append(
        "EXISTS (SELECT FROM skype.attachments a WHERE (a.owner_id, a.conversation_id, a.message_id) = "
        "(m.owner_id, m.conversation_id, m.message_id))"
    )
    rows = session.rows(
        "SELECT m.conversation_id, m.message_id, m.sent_at, m.sender_id, m.sender_name FROM skype.messages m "
        f"WHERE {' AND '.join(conditions)} ORDER BY {NEWEST}, conversation_id LIMIT {limit + 1}",
        *values,
    )
    more, rows = len(rows) > limit, rows[:limit]
    if not rows:
        return GalleryPage([], None)
    chats, ids = [row[0] for row in rows], [row[1] for row in rows]
    titles = dict(session.rows(_TITLES, owner_id, sorted(set(chats))))
    files: dict[tuple[str, str], list[Attachment]] = {}
    for _, chat, id, *columns in session.rows(_FILES, chats, ids, owner_id):
        files.setdefault((chat, id), []).append(Attachment(*columns))
    shown = [
        Shown(chat, titles.get(chat, chat), id, sent_at, sender_id, sender_name, attachment)
        for chat, id, sent_at, sender_id, sender_name in rows
        for attachment in files.get((chat, id), ())
    ]
    return GalleryPage(shown, (chats[-1], ids[-1]) if more else None)


def _place(session: Session, owner_id: str, conversation_id: str, message_id: str) -> tuple[Any, str, str] | None:
    found = session.rows(
        "SELECT sent_at FROM skype.messages WHERE owner_id = $1 AND conversation_id = $2 AND message_id = $3",
        owner_id,
        conversation_id,
        message_id,
    )
    return (found[0][0], message_id, conversation_id) if found else None


def _behind(place: tuple[Any, str, str], values: list[Any]) -> str:
    """Behind a place in the order of time from the newest on, in which messages without a time are the last."""
    sent_at, message_id, conversation_id = place
    values += [message_id, conversation_id]
    of_message, of_chat = f"${len(values) - 1}", f"${len(values)}"
    same = f"(m.message_id < {of_message} OR (m.message_id = {of_message} AND m.conversation_id > {of_chat}))"
    if sent_at is None:
        return f"m.sent_at IS NULL AND {same}"
    values.append(sent_at)
    at = f"${len(values)}"
    return f"(m.sent_at IS NULL OR (m.sent_at <= {at} AND (m.sent_at < {at} OR {same})))"
