"""Attachments and their objects: an account's own archives come first, another's serve where these lack the object.

So a messages archive and a files archive make one; and attachments are where loads of different accounts meet. Whoever
changes some has locked them before, in one statement and in the order of their keys: else each of two could wait for
what the other has. What is changed is computed by a further statement, which sees what those have committed that were
waited for.
"""

from typing import Final

from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.refreshing import folded
from skype_assets.etl.database.session import Session
from skype_assets.etl.schema.tables import TABLES

_KEY: Final = TABLES["attachments"].key
_ATTACHMENT: Final = ", ".join(f"a.{column}" for column in _KEY)

_BEST: Final = (
    'owner_id, document_id, is_foreign, {}size_bytes DESC, sha256 IS NULL, member COLLATE "C" DESC, export_id DESC'
)

# An id finds the objects that are spelled alike, wherever they are; only where there are none, those that differ from
# it in case alone, of archives in which only one does: of several archives the least id, so that the order is of no
# account, and no archive takes an object away.
_JOINED: Final = f"""
WITH concerned AS ({{concerned}}), wanted AS (
    SELECT DISTINCT owner_id, document_id FROM {SCHEMA}.attachments
    WHERE {folded("document_id")} IN (SELECT {folded("document_id")} FROM concerned)
), alike AS (
    SELECT w.owner_id, w.document_id, m.member, m.export_id, m.media_index, m.mime_type, m.size_bytes, m.sha256,
           m.owner_id <> w.owner_id AS is_foreign, m.document_id AS found_id,
           min(m.document_id) OVER archive = max(m.document_id) OVER archive AS is_only
    FROM wanted w JOIN {SCHEMA}.media_files m ON {folded("m.document_id")} = {folded("w.document_id")}
    WINDOW archive AS (PARTITION BY w.owner_id, w.document_id, m.export_id)
), meant AS (
    SELECT *, bool_or(found_id = document_id) OVER every AS is_spelled,
           min(found_id) FILTER (WHERE is_only) OVER every AS least_id
    FROM alike WINDOW every AS (PARTITION BY owner_id, document_id)
), stored AS (
    SELECT * FROM meant
    WHERE CASE WHEN is_spelled THEN found_id = document_id ELSE is_only AND found_id = least_id END
), objects AS (
    SELECT DISTINCT ON (owner_id, document_id) * FROM stored
    ORDER BY {_BEST.format("media_index <> 1, media_index, ")}
), types AS (
    SELECT DISTINCT ON (owner_id, document_id) * FROM stored WHERE media_index = 1 AND mime_type IS NOT NULL
    ORDER BY {_BEST.format("")}
), previews AS (
    SELECT DISTINCT ON (owner_id, document_id) * FROM stored WHERE media_index = 2
    ORDER BY {_BEST.format("")}
), found AS (
    SELECT o.owner_id, o.document_id, o.member, o.export_id, o.sha256, t.mime_type, p.sha256 AS preview_sha256
    FROM objects o LEFT JOIN types t USING (owner_id, document_id) LEFT JOIN previews p USING (owner_id, document_id)
)"""

_CONCERNED: Final = f"""
    SELECT document_id FROM {SCHEMA}.media_files WHERE owner_id = $1
    UNION SELECT document_id FROM {SCHEMA}.attachments
          WHERE owner_id = $1 AND conversation_id IN (SELECT conversation_id FROM pg_temp.touched)"""
_CONCERNED_AFTER_CHANGES: Final = f"{_CONCERNED} UNION SELECT document_id FROM pg_temp.changed_media"

# Of the owner it is no condition for an index: without statistics, the planner would read an account's whole primary
# key for every object. The index knows ids without their case.
_HAS_OTHER_OBJECT: Final = f"""
{folded("a.document_id")} = {folded("o.document_id")} AND a.document_id = o.document_id
AND a.owner_id || '' = o.owner_id
AND (a.media_member, a.present, a.media_export_id, a.media_sha256, a.preview_sha256, a.mime_type)
    IS DISTINCT FROM (o.member, true, o.export_id, o.sha256, o.preview_sha256, coalesce(o.mime_type, a.mime_type))"""

_LOCK_APART: Final = f"""{_JOINED}
INSERT INTO pg_temp.locked_attachments SELECT {_ATTACHMENT} FROM {SCHEMA}.attachments a, found o
WHERE {_HAS_OTHER_OBJECT} ORDER BY {_ATTACHMENT} FOR NO KEY UPDATE OF a"""

# An attachment that came meanwhile is for whoever brought it or its object: his rejoining comes after this one.
_REJOIN: Final = f"""{_JOINED}
UPDATE {SCHEMA}.attachments a
SET media_member = o.member, present = true, media_export_id = o.export_id,
    media_sha256 = o.sha256, preview_sha256 = o.preview_sha256, mime_type = coalesce(o.mime_type, a.mime_type)
FROM found o, pg_temp.locked_attachments l
WHERE ({_ATTACHMENT}) = ({", ".join(f"l.{column}" for column in _KEY)}) AND {_HAS_OTHER_OBJECT}"""

APART: Final = f"""{_JOINED.format(concerned=f"SELECT document_id FROM {SCHEMA}.media_files")}
SELECT {_ATTACHMENT}
FROM {SCHEMA}.attachments a, found o
WHERE {_HAS_OTHER_OBJECT}"""
"""Attachments that would find another object than they have; none once all loads have ended."""


def rejoin(session: Session, owner_id: str, *, after_changes: bool = False) -> None:
    """Give the attachments that an account's archives or conversations ``touched`` concern the objects that they find.

    Args:
        session: within a transaction.
        owner_id: the account.
        after_changes: whether the documents in ``changed_media`` are concerned as well.
    """
    concerned = _CONCERNED_AFTER_CHANGES if after_changes else _CONCERNED
    session.execute(
        'CREATE TEMPORARY TABLE IF NOT EXISTS pg_temp.locked_attachments (owner_id text COLLATE "C", '
        'conversation_id text COLLATE "C", message_id text COLLATE "C", ordinal integer) ON COMMIT DROP'
    )
    session.execute("TRUNCATE pg_temp.locked_attachments")
    session.execute(_LOCK_APART.format(concerned=concerned), owner_id)
    if session.rows("SELECT EXISTS (SELECT FROM pg_temp.locked_attachments)")[0][0]:
        session.execute(_REJOIN.format(concerned=concerned), owner_id)


def lock_of_messages(session: Session, messages: str) -> None:
    """Within a transaction: lock the attachments of messages, which are in a table that is given in SQL."""
    key = TABLES["messages"].key
    same = f"({', '.join(f'a.{column}' for column in key)}) = ({', '.join(f's.{column}' for column in key)})"
    session.execute(_LOCK.format(f"JOIN {messages} s ON {same}"))


def lock_of_account(session: Session, owner_id: str) -> None:
    """Lock all attachments that an account may have to change, within a transaction that does so more than once."""
    session.execute(
        _LOCK.format(
            f"WHERE {folded('a.document_id')} IN ("
            f"SELECT {folded('m.document_id')} FROM {SCHEMA}.media_files m WHERE m.owner_id = $1 "
            f"UNION SELECT {folded('t.document_id')} FROM {SCHEMA}.attachments t WHERE t.owner_id = $1)"
        ),
        owner_id,
    )


_LOCK: Final = (
    f"SELECT count(*) FROM (SELECT FROM {SCHEMA}.attachments a {{}} ORDER BY {_ATTACHMENT} FOR UPDATE OF a) locked"
)
