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
from skype_assets.etl.schema.tables import TABLES

CHILDREN: Final = tuple(t.name for t in TABLES.values() if t.parent == "messages")
"""The tables of what hangs on messages."""

_MESSAGE: Final = "owner_id, conversation_id, message_id"


def stage(session: Session, table: str, rows: pa.Table) -> None:
    """Copy rows into ``staging_<table>``, in place of what was there; the transaction drops it at its end."""
    session.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS staging_{table} (LIKE {SCHEMA}.{table}) ON COMMIT DROP")
    session.execute(f"TRUNCATE staging_{table}")
    session.copy(f"staging_{table}", rows)


def touch(session: Session, conversation_ids: pa.Table) -> None:
    """Name the conversations that a load is about: ``REFRESH`` and digests look at no others."""
    session.execute("DROP TABLE IF EXISTS touched")
    session.execute('CREATE TEMPORARY TABLE touched (conversation_id text COLLATE "C" PRIMARY KEY)')
    session.copy("touched", conversation_ids)


def merge_messages(session: Session, code_version: str, tables: Mapping[str, pa.Table]) -> None:
    """Merge the tables of a part into what is there. The caller's transaction holds the account's lock alone.

    ``code_version`` is that of the code that made the tables.
    """
    for name in ("messages", *CHILDREN, "rejects"):
        stage(session, name, tables[name])
    session.execute(_DROP_LESSER_COPIES, code_version)
    for name in reversed(CHILDREN):
        session.execute(
            f"DELETE FROM {SCHEMA}.{name} USING staging_messages s WHERE {_same_message(f'{SCHEMA}.{name}', 's')}"
        )
    session.execute(f"DELETE FROM {SCHEMA}.messages m USING staging_messages s WHERE {_same_message('m', 's')}")
    session.execute(f"INSERT INTO {SCHEMA}.messages SELECT * FROM staging_messages")
    for name in CHILDREN:
        session.execute(
            f"INSERT INTO {SCHEMA}.{name} SELECT c.* FROM staging_{name} c JOIN staging_messages USING ({_MESSAGE})"
        )
    session.execute(upsert("rejects"))


def _same_message(left: str, right: str) -> str:
    return " AND ".join(f"{left}.{column} = {right}.{column}" for column in TABLES["messages"].key)


def rank(message: str, export: str) -> str:
    """What decides between copies of a message, as an SQL row."""
    return (
        f"(coalesce({message}.version, -1), coalesce({export}.exported_at, '-infinity'), "
        f"{message}.raw_sha256, {message}.export_id)"
    )


# Equal ranks are the same copy: it is replaced only by what newer code made of it.
_DROP_LESSER_COPIES: Final = f"""
DELETE FROM staging_messages s USING {SCHEMA}.messages m, {SCHEMA}.exports theirs, {SCHEMA}.exports ours
WHERE {_same_message("m", "s")} AND theirs.export_id = m.export_id AND ours.export_id = s.export_id
  AND ({rank("m", "theirs")} > {rank("s", "ours")}
       OR {rank("m", "theirs")} = {rank("s", "ours")} AND theirs.code_version = $1)"""


def upsert(table: str, into: str | None = None) -> str:
    """INSERT from staging into a table, or ``into`` another of its shape; a row that is there is kept if it is better.

    Only for tables that have no children of their own part.
    """
    key = TABLES[table].key
    values = [c.name for c in TABLES[table].columns if c.name not in key]
    replacement = f"({', '.join(values)}) = ROW({', '.join(f'excluded.{v}' for v in values)})"
    return (
        f"INSERT INTO {into or f'{SCHEMA}.{table}'} AS t SELECT * FROM staging_{table} ORDER BY {', '.join(key)} "
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {replacement} WHERE {_NEW_IS_BETTER[table]}"
    )


_EXPORTED_AT: Final = f"coalesce((SELECT e.exported_at FROM {SCHEMA}.exports e WHERE e.export_id = {{}}), '-infinity')"

_NEW_IS_BETTER: Final[Mapping[str, str]] = {
    "conversations": (
        f"(coalesce(t.version, -1), {_EXPORTED_AT.format('t.export_id')}, t.export_id) "
        f"<= (coalesce(excluded.version, -1), {_EXPORTED_AT.format('excluded.export_id')}, excluded.export_id) "
        "AND t.* IS DISTINCT FROM excluded.*"
    ),
    "participants": "t.* IS DISTINCT FROM excluded.*",
    "media_files": (
        "(t.size_bytes, t.member, coalesce(t.file_name, ''), coalesce(t.mime_type, '')) < (excluded.size_bytes, "
        "excluded.member, coalesce(excluded.file_name, ''), coalesce(excluded.mime_type, ''))"
    ),
    "rejects": "t.* IS DISTINCT FROM excluded.*",
}

_REJOIN: Final = f"""
UPDATE {SCHEMA}.attachments a SET media_member = found.member, present = true,
    mime_type = CASE WHEN found.media_index = 1 THEN coalesce(found.mime_type, a.mime_type) ELSE a.mime_type END
FROM (SELECT DISTINCT ON (document_id) document_id, member, media_index, mime_type FROM {SCHEMA}.media_files
      WHERE document_id IN (SELECT document_id FROM {SCHEMA}.media_files WHERE owner_id = $1
                            UNION SELECT document_id FROM {SCHEMA}.attachments
                            WHERE owner_id = $1 AND conversation_id IN (SELECT conversation_id FROM touched){{also}})
      ORDER BY document_id, media_index <> 1, media_index, size_bytes DESC, member COLLATE "C" DESC) found
WHERE a.document_id = found.document_id AND a.media_member IS DISTINCT FROM found.member"""

REJOIN: Final = _REJOIN.format(also="")
"""Attachments find their objects in every loaded archive: a messages archive and a files archive make one."""

REJOIN_AFTER_CHANGES: Final = _REJOIN.format(also=" UNION SELECT document_id FROM changed_media")
"""The same, and for the documents in ``changed_media``."""

_TOUCHED: Final = "conversation_id IN (SELECT conversation_id FROM touched)"

REFRESH: Final = (
    f"""
WITH sent AS (
    SELECT conversation_id, sender_id, count(*) FILTER (WHERE edit_of IS NULL) AS message_count,
           min(sent_at) AS first_seen, max(sent_at) AS last_seen
    FROM {SCHEMA}.messages WHERE owner_id = $1 AND {_TOUCHED} AND sender_id IS NOT NULL GROUP BY 1, 2
), sender_names AS (
    SELECT DISTINCT ON (conversation_id, sender_id) conversation_id, sender_id, sender_name
    FROM (SELECT conversation_id, sender_id, sender_name, max(sent_at) AS last_use FROM {SCHEMA}.messages
          WHERE owner_id = $1 AND {_TOUCHED} AND sender_id IS NOT NULL AND sender_name IS NOT NULL
          GROUP BY 1, 2, 3) names
    ORDER BY 1, 2, last_use DESC NULLS LAST, sender_name COLLATE "C" DESC
), call_names AS (
    SELECT DISTINCT ON (c.conversation_id, c.user_id) c.conversation_id, c.user_id, c.display_name
    FROM {SCHEMA}.call_participants c JOIN {SCHEMA}.messages m USING ({_MESSAGE})
    WHERE c.owner_id = $1 AND c.{_TOUCHED} AND c.display_name IS NOT NULL
    ORDER BY 1, 2, m.sent_at DESC NULLS LAST, c.display_name COLLATE "C" DESC
)
UPDATE {SCHEMA}.participants p SET (display_name, is_member, message_count, first_seen, last_seen) =
    ROW(n.display_name, n.is_member, n.message_count, n.first_seen, n.last_seen)
FROM (
    SELECT q.conversation_id, q.user_id,
           coalesce(sender_names.sender_name, call_names.display_name,
                    CASE WHEN q.user_id = q.conversation_id THEN v.display_name END) AS display_name,
           jsonb_typeof(v.thread_properties -> 'members') IS NOT DISTINCT FROM 'array'
               AND v.thread_properties -> 'members' ? q.user_id AS is_member,
           coalesce(sent.message_count, 0) AS message_count, sent.first_seen, sent.last_seen
    FROM {SCHEMA}.participants q
    JOIN {SCHEMA}.conversations v ON v.owner_id = q.owner_id AND v.conversation_id = q.conversation_id
    LEFT JOIN sent ON sent.conversation_id = q.conversation_id AND sent.sender_id = q.user_id
    LEFT JOIN sender_names ON sender_names.conversation_id = q.conversation_id AND sender_names.sender_id = q.user_id
    LEFT JOIN call_names ON call_names.conversation_id = q.conversation_id AND call_names.user_id = q.user_id
    WHERE q.owner_id = $1 AND q.{_TOUCHED}
) n
WHERE p.owner_id = $1 AND p.conversation_id = n.conversation_id AND p.user_id = n.user_id
  AND (p.display_name, p.is_member, p.message_count, p.first_seen, p.last_seen)
      IS DISTINCT FROM (n.display_name, n.is_member, n.message_count, n.first_seen, n.last_seen)""",
    f"""
WITH totals AS (
    SELECT conversation_id, count(*) FILTER (WHERE edit_of IS NULL) AS message_count,
           min(sent_at) AS first_at, max(sent_at) AS last_at
    FROM {SCHEMA}.messages WHERE owner_id = $1 AND {_TOUCHED} GROUP BY 1
), listed AS (
    SELECT conversation_id, string_agg(coalesce(display_name, user_id), ', ' ORDER BY user_id) AS names
    FROM (SELECT *, row_number() OVER (PARTITION BY conversation_id ORDER BY user_id) AS place
          FROM {SCHEMA}.participants WHERE owner_id = $1 AND {_TOUCHED} AND is_member AND NOT is_owner) members
    WHERE place <= 8 GROUP BY 1
)
UPDATE {SCHEMA}.conversations v SET (title, message_count, first_message_at, last_message_at) =
    ROW(n.title, n.message_count, n.first_at, n.last_at)
FROM (
    SELECT w.conversation_id, coalesce(w.display_name, w.topic, listed.names, w.conversation_id) AS title,
           coalesce(totals.message_count, 0) AS message_count, totals.first_at, totals.last_at
    FROM {SCHEMA}.conversations w
    LEFT JOIN totals ON totals.conversation_id = w.conversation_id
    LEFT JOIN listed ON listed.conversation_id = w.conversation_id
    WHERE w.owner_id = $1 AND w.{_TOUCHED}
) n
WHERE v.owner_id = $1 AND v.conversation_id = n.conversation_id
  AND (v.title, v.message_count, v.first_message_at, v.last_message_at)
      IS DISTINCT FROM (n.title, n.message_count, n.first_at, n.last_at)""",
)
"""Run after ``touch``, with an account that has several exports; for one ``rows.conversations`` did the same."""
