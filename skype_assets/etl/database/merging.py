"""The merge: several exports of one account become one history, whatever the order in which they are loaded.

Of a message the copy with the greatest (version, time of export, hash of its bytes, export id) wins, with its
children; of a conversation that with the greatest (version, time of export, export id). What depends on several
exports - counts, names, membership - is computed from the rows that are there, not added up. All of it is set-based:
staging tables that the transaction drops, then a handful of statements.
"""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa

from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.session import Session
from skype_assets.etl.tables import TABLES

_CHILDREN: Final = tuple(t.name for t in TABLES.values() if t.parent == "messages")
_MESSAGE: Final = "owner_id, conversation_id, message_id"


def stage(session: Session, table: str, rows: pa.Table) -> None:
    """Copy rows into ``staging_<table>``, which the transaction drops at its end."""
    session.execute(f"CREATE TEMPORARY TABLE staging_{table} (LIKE {SCHEMA}.{table}) ON COMMIT DROP")
    session.copy(f"staging_{table}", rows)


def merge_messages(session: Session, tables: Mapping[str, pa.Table]) -> None:
    """Merge the tables of a part into what is there. The caller's transaction holds the account's lock alone."""
    for name in ("messages", *_CHILDREN, "rejects"):
        stage(session, name, tables[name])
    session.execute(_DROP_LESSER_COPIES)
    for name in reversed(_CHILDREN):
        session.execute(
            f"DELETE FROM {SCHEMA}.{name} USING staging_messages s WHERE {_same_message(f'{SCHEMA}.{name}', 's')}"
        )
    session.execute(f"DELETE FROM {SCHEMA}.messages m USING staging_messages s WHERE {_same_message('m', 's')}")
    session.execute(f"INSERT INTO {SCHEMA}.messages SELECT * FROM staging_messages")
    for name in _CHILDREN:
        session.execute(
            f"INSERT INTO {SCHEMA}.{name} SELECT c.* FROM staging_{name} c JOIN staging_messages USING ({_MESSAGE})"
        )
    session.execute(UPSERTS["rejects"])


def _same_message(left: str, right: str) -> str:
    return " AND ".join(f"{left}.{column} = {right}.{column}" for column in TABLES["messages"].key)


_DROP_LESSER_COPIES: Final = f"""
DELETE FROM staging_messages s USING {SCHEMA}.messages m, {SCHEMA}.exports theirs, {SCHEMA}.exports ours
WHERE {_same_message("m", "s")} AND theirs.export_id = m.export_id AND ours.export_id = s.export_id
  AND (coalesce(m.version, -1), coalesce(theirs.exported_at, '-infinity'), m.raw_sha256, m.export_id)
    > (coalesce(s.version, -1), coalesce(ours.exported_at, '-infinity'), s.raw_sha256, s.export_id)"""


def _upsert(table: str, better: str) -> str:
    """INSERT from staging; where the key is there, replace the row if the new one is better."""
    key = TABLES[table].key
    values = [c.name for c in TABLES[table].columns if c.name not in key]
    replacement = f"({', '.join(values)}) = ROW({', '.join(f'excluded.{v}' for v in values)})"
    return (
        f"INSERT INTO {SCHEMA}.{table} AS t SELECT * FROM staging_{table} ORDER BY {', '.join(key)} "
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {replacement} WHERE {better}"
    )


_EXPORTED_AT: Final = f"coalesce((SELECT e.exported_at FROM {SCHEMA}.exports e WHERE e.export_id = {{}}), '-infinity')"

UPSERTS: Final[Mapping[str, str]] = {
    "conversations": _upsert(
        "conversations",
        f"(coalesce(t.version, -1), {_EXPORTED_AT.format('t.export_id')}, t.export_id) "
        f"<= (coalesce(excluded.version, -1), {_EXPORTED_AT.format('excluded.export_id')}, excluded.export_id)",
    ),
    "participants": _upsert("participants", "t.* IS DISTINCT FROM excluded.*"),
    "media_files": _upsert(
        "media_files",
        "(t.size_bytes, t.member, coalesce(t.file_name, ''), coalesce(t.mime_type, '')) < (excluded.size_bytes, "
        "excluded.member, coalesce(excluded.file_name, ''), coalesce(excluded.mime_type, ''))",
    ),
    "rejects": _upsert("rejects", "t.* IS DISTINCT FROM excluded.*"),
}
"""How the rows of staging tables get into tables that have no children of their own part."""

REJOIN: Final = f"""
UPDATE {SCHEMA}.attachments a SET media_member = found.member, present = true,
    mime_type = CASE WHEN found.media_index = 1 THEN coalesce(found.mime_type, a.mime_type) ELSE a.mime_type END
FROM (SELECT DISTINCT ON (document_id) document_id, member, media_index, mime_type FROM {SCHEMA}.media_files
      WHERE document_id IN (SELECT document_id FROM {SCHEMA}.media_files WHERE owner_id = $1
                            UNION SELECT document_id FROM {SCHEMA}.attachments WHERE owner_id = $1)
      ORDER BY document_id, media_index <> 1, media_index, size_bytes DESC, member COLLATE "C" DESC) found
WHERE a.document_id = found.document_id AND a.media_member IS DISTINCT FROM found.member"""
"""Attachments find their objects in every loaded archive: a messages archive and a files archive make one."""

REFRESH: Final = (
    f"""
WITH sent AS (
    SELECT conversation_id, sender_id, count(*) AS message_count, min(sent_at) AS first_seen, max(sent_at) AS last_seen
    FROM {SCHEMA}.messages WHERE owner_id = $1 AND sender_id IS NOT NULL GROUP BY 1, 2
), sender_names AS (
    SELECT DISTINCT ON (conversation_id, sender_id) conversation_id, sender_id, sender_name
    FROM (SELECT conversation_id, sender_id, sender_name, max(sent_at) AS last_use FROM {SCHEMA}.messages
          WHERE owner_id = $1 AND sender_id IS NOT NULL AND sender_name IS NOT NULL GROUP BY 1, 2, 3) names
    ORDER BY 1, 2, last_use DESC NULLS LAST, sender_name COLLATE "C" DESC
), call_names AS (
    SELECT DISTINCT ON (c.conversation_id, c.user_id) c.conversation_id, c.user_id, c.display_name
    FROM {SCHEMA}.call_participants c JOIN {SCHEMA}.messages m USING ({_MESSAGE})
    WHERE c.owner_id = $1 AND c.display_name IS NOT NULL
    ORDER BY 1, 2, m.sent_at DESC NULLS LAST, c.display_name COLLATE "C" DESC
)
UPDATE {SCHEMA}.participants p SET
    display_name = coalesce(sender_names.sender_name, call_names.display_name,
                            CASE WHEN q.user_id = q.conversation_id THEN v.display_name END),
    is_member = jsonb_typeof(v.thread_properties -> 'members') IS NOT DISTINCT FROM 'array'
                AND v.thread_properties -> 'members' ? q.user_id,
    message_count = coalesce(sent.message_count, 0), first_seen = sent.first_seen, last_seen = sent.last_seen
FROM {SCHEMA}.participants q
JOIN {SCHEMA}.conversations v ON v.owner_id = q.owner_id AND v.conversation_id = q.conversation_id
LEFT JOIN sent ON sent.conversation_id = q.conversation_id AND sent.sender_id = q.user_id
LEFT JOIN sender_names ON sender_names.conversation_id = q.conversation_id AND sender_names.sender_id = q.user_id
LEFT JOIN call_names ON call_names.conversation_id = q.conversation_id AND call_names.user_id = q.user_id
WHERE q.owner_id = $1
  AND p.owner_id = q.owner_id AND p.conversation_id = q.conversation_id AND p.user_id = q.user_id""",
    f"""
WITH totals AS (
    SELECT conversation_id, count(*) AS message_count, min(sent_at) AS first_at, max(sent_at) AS last_at
    FROM {SCHEMA}.messages WHERE owner_id = $1 GROUP BY 1
), listed AS (
    SELECT conversation_id, string_agg(coalesce(display_name, user_id), ', ' ORDER BY user_id) AS names
    FROM (SELECT *, row_number() OVER (PARTITION BY conversation_id ORDER BY user_id) AS place
          FROM {SCHEMA}.participants WHERE owner_id = $1 AND is_member AND NOT is_owner) members
    WHERE place <= 8 GROUP BY 1
)
UPDATE {SCHEMA}.conversations v SET
    title = coalesce(w.display_name, w.topic, listed.names, w.conversation_id),
    message_count = coalesce(totals.message_count, 0),
    first_message_at = totals.first_at, last_message_at = totals.last_at
FROM {SCHEMA}.conversations w
LEFT JOIN totals ON totals.conversation_id = w.conversation_id
LEFT JOIN listed ON listed.conversation_id = w.conversation_id
WHERE w.owner_id = $1 AND v.owner_id = w.owner_id AND v.conversation_id = w.conversation_id""",
)
"""Run with an account as parameter if it has several exports; for a single one ``rows.conversations`` did the same."""
