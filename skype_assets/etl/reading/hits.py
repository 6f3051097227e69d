"""Hits of a search, ready to be shown: who said it, where, and what stands beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from skype_assets.etl.database.session import Session

SHOWN: Final = (
    "m.owner_id, m.conversation_id, m.message_id, m.edit_of, m.sent_at, m.sender_id, m.sender_name, m.kind, m.text"
)
"""What is read of a message ``m`` that was found."""

# One text of a message beside those that are hits, for each hit at once.
_NEIGHBOURS: Final = """
SELECT h.n, o.side, o.sender_id, o.sender_name, o.kind, o.text
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]::timestamptz[]) WITH ORDINALITY
     AS h(owner_id, conversation_id, message_id, sent_at, n),
LATERAL (
    (SELECT 'before' AS side, sender_id, sender_name, kind, text FROM skype.messages m
     WHERE m.owner_id = h.owner_id AND m.conversation_id = h.conversation_id AND m.edit_of IS NULL
       AND (m.sent_at, m.message_id) < (h.sent_at, h.message_id)
     ORDER BY m.sent_at DESC, m.message_id DESC LIMIT 1)
    UNION ALL
    (SELECT 'after', sender_id, sender_name, kind, text FROM skype.messages m
     WHERE m.owner_id = h.owner_id AND m.conversation_id = h.conversation_id AND m.edit_of IS NULL
       AND (m.sent_at, m.message_id) > (h.sent_at, h.message_id)
     ORDER BY m.sent_at, m.message_id LIMIT 1)
) o"""

_DESCRIBED: Final = """
SELECT c.owner_id, c.conversation_id, c.title FROM skype.conversations c
JOIN unnest($1::text[], $2::text[]) AS h(owner_id, conversation_id) USING (owner_id, conversation_id)"""

_NAMES: Final = """
SELECT DISTINCT ON (p.owner_id, p.conversation_id, p.user_id) p.owner_id, p.conversation_id, p.user_id, p.display_name
FROM skype.participants p
JOIN unnest($1::text[], $2::text[], $3::text[]) AS h(owner_id, conversation_id, user_id)
USING (owner_id, conversation_id, user_id) WHERE p.display_name IS NOT NULL"""

_FILES: Final = """
SELECT owner_id, conversation_id, message_id, file_name FROM skype.attachments
JOIN unnest($1::text[], $2::text[], $3::text[]) AS h(owner_id, conversation_id, message_id)
USING (owner_id, conversation_id, message_id) WHERE file_name IS NOT NULL ORDER BY ordinal"""

_LINKS: Final = """
SELECT owner_id, conversation_id, message_id, concat_ws(' · ', title, description, url) FROM skype.links
JOIN unnest($1::text[], $2::text[], $3::text[]) AS h(owner_id, conversation_id, message_id)
USING (owner_id, conversation_id, message_id) ORDER BY ordinal"""


@dataclass(frozen=True)
class Line:
    """A message in a line: who, and what."""

    sender: str
    kind: str
    text: str


@dataclass
class Hit:
    """A message that was found. Of the copy that an edit left, ``message_id`` is the original's."""

    owner_id: str
    conversation_id: str
    message_id: str
    title: str
    sent_at: datetime | None
    sender_id: str | None
    sender: str
    kind: str
    text: str
    files: list[str] = field(default_factory=list[str])
    links: list[str] = field(default_factory=list[str])
    before: Line | None = None
    after: Line | None = None


def hits(session: Session, rows: Sequence[tuple[Any, ...]]) -> list[Hit]:
    """The hits of rows of ``SHOWN``, in their order."""
    if not rows:
        return []
    owners, conversations = [row[0] for row in rows], [row[1] for row in rows]
    titles = {tuple(key): title for *key, title in session.rows(_DESCRIBED, owners, conversations)}
    found = [
        Hit(owner, chat, original or id, titles.get((owner, chat), chat), sent_at, sender, name or "", kind, text)
        for owner, chat, id, original, sent_at, sender, name, kind, text in rows
    ]
    ids = [hit.message_id for hit in found]
    senders = [hit.sender_id or "" for hit in found]
    names = {tuple(key): name for *key, name in session.rows(_NAMES, owners, conversations, senders)}
    for hit in found:
        hit.sender = hit.sender or names.get((hit.owner_id, hit.conversation_id, hit.sender_id), hit.sender_id or "")
    by_key = {(hit.owner_id, hit.conversation_id, hit.message_id): hit for hit in found}
    for *key, file_name in session.rows(_FILES, owners, conversations, ids):
        by_key[tuple(key)].files.append(file_name)
    for *key, described in session.rows(_LINKS, owners, conversations, ids):
        by_key[tuple(key)].links.append(described)
    _add_neighbours(session, found, owners, conversations, ids)
    return found


def _add_neighbours(session: Session, hits: list[Hit], owners: list[str], chats: list[str], ids: list[str]) -> None:
    times = [hit.sent_at.isoformat() if hit.sent_at else None for hit in hits]
    found = session.rows(_NEIGHBOURS, owners, chats, ids, times)
    unnamed = [(owners[row[0] - 1], chats[row[0] - 1], row[2] or "") for row in found if not row[3]]
    names: dict[tuple[Any, ...], str] = {}
    if unnamed:
        columns = [list(column) for column in zip(*unnamed, strict=True)]
        names = {tuple(key): name for *key, name in session.rows(_NAMES, *columns)}
    for number, side, sender_id, sender_name, kind, text in found:
        hit = hits[number - 1]
        sender = sender_name or names.get((hit.owner_id, hit.conversation_id, sender_id), sender_id or "")
        line = Line(sender, kind, text)
        if side == "before":
            hit.before = line
        else:
            hit.after = line
