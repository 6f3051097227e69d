"""The merge: several exports of one account become one history, whatever the order in which they are loaded.

Of a message the copy with the greatest (version, time of export, hash of its bytes, export id) wins, with its
children; of a conversation that with the greatest (version, time of export, export id). What depends on several
exports - counts, names, membership - is computed from the rows that are there, not added up. All of it is set-based:
staging tables that the transaction drops, then a handful of statements.
"""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa

from skype_assets.etl.content.names import NO_NAME_IN_ID
from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.session import Session
from skype_assets.etl.schema.flags import SERVER_GENERATED
from skype_assets.etl.schema.tables import FROM_ACCOUNT, NAME_SOURCES, TABLES

CHILDREN: Final = tuple(t.name for t in TABLES.values() if t.parent == "messages")
"""The tables of what hangs on messages."""

MESSAGES_AT_A_TIME: Final = 50_000
"""Messages that one statement deletes: the server keeps the foreign keys that it has to check in memory meanwhile."""

_MESSAGE: Final = "owner_id, conversation_id, message_id"


def stage(session: Session, table: str, rows: pa.Table) -> None:
    """Copy rows into ``staging_<table>``, in place of what was there; the transaction drops it at its end."""
    session.execute(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS pg_temp.staging_{table} (LIKE {SCHEMA}.{table}) ON COMMIT DROP"
    )
    session.execute(f"TRUNCATE pg_temp.staging_{table}")
    session.copy(f"staging_{table}", rows)


def touch(session: Session, conversation_ids: pa.Table) -> None:
    """Name the conversations that a load is about, until the transaction ends: ``REFRESH`` looks at no others."""
    columns = 'conversation_id text COLLATE "C" PRIMARY KEY'
    session.execute(f"CREATE TEMPORARY TABLE pg_temp.touched ({columns}) ON COMMIT DROP")
    session.copy("touched", conversation_ids)


def merge_messages(session: Session, code_version: str, tables: Mapping[str, pa.Table]) -> None:
    """Merge the tables of a part into what is there. The caller's transaction holds the account's lock alone.

    ``code_version`` is that of the code that made the tables.
    """
    stage_messages(session, tables)
    session.execute(_DROP_LESSER_COPIES, code_version)
    merge_staged(session)


def stage_messages(session: Session, tables: Mapping[str, pa.Table]) -> None:
    """Stage the tables of a part of messages."""
    for name in ("messages", *CHILDREN, "rejects"):
        stage(session, name, tables[name])


def merge_staged(session: Session) -> None:
    """Let the staged messages take the place of what is there under their keys, with all that hangs on them."""
    for name in reversed(CHILDREN):
        session.execute(
            f"DELETE FROM {SCHEMA}.{name} c USING pg_temp.staging_messages s WHERE {_same_message('c', 's')}"
        )
    session.execute(f"DELETE FROM {SCHEMA}.messages m USING pg_temp.staging_messages s WHERE {_same_message('m', 's')}")
    session.execute(f"INSERT INTO {SCHEMA}.messages SELECT * FROM pg_temp.staging_messages")
    for name in CHILDREN:
        session.execute(
            f"INSERT INTO {SCHEMA}.{name} "
            f"SELECT c.* FROM pg_temp.staging_{name} c JOIN pg_temp.staging_messages USING ({_MESSAGE})"
        )
    session.execute(upsert("rejects"))


def list_messages(session: Session, those: str, *parameters: str) -> None:
    """Note messages in ``taken``, for ``delete_messages``; ``those`` is SQL from FROM on, of messages called ``m``."""
    session.execute(
        'CREATE TEMPORARY TABLE pg_temp.taken (conversation_id text COLLATE "C", message_id text COLLATE "C", '
        "batch bigint, PRIMARY KEY (conversation_id, message_id)) ON COMMIT DROP"
    )
    session.execute(
        "INSERT INTO pg_temp.taken SELECT m.conversation_id, m.message_id, "
        f"(row_number() OVER (ORDER BY m.conversation_id, m.message_id) - 1) / {MESSAGES_AT_A_TIME} {those}",
        *parameters,
    )
    session.execute("CREATE INDEX ON pg_temp.taken (batch)")
    session.execute("ANALYZE pg_temp.taken")


def delete_messages(session: Session, owner_id: str) -> dict[str, int]:
    """Delete the messages in ``taken`` with what hangs on them; how many rows that were, by table."""
    batches = session.rows("SELECT coalesce(max(batch) + 1, 0) FROM pg_temp.taken")[0][0]
    return {
        name: sum(
            session.rows(
                f"WITH changed AS (DELETE FROM {SCHEMA}.{name} c USING pg_temp.taken t "
                "WHERE c.owner_id = $1 AND t.batch = $2 "
                "AND c.conversation_id = t.conversation_id AND c.message_id = t.message_id RETURNING 1) "
                "SELECT count(*) FROM changed",
                owner_id,
                batch,
            )[0][0]
            for batch in range(batches)
        )
        for name in (*reversed(CHILDREN), "messages")
    }


def _same_message(left: str, right: str) -> str:
    return " AND ".join(f"{left}.{column} = {right}.{column}" for column in TABLES["messages"].key)


def rank(message: str, export: str) -> str:
    """What decides between copies of a message, as an SQL row."""
    return (
        f"(coalesce({message}.version, -1), coalesce({export}.exported_at, '-infinity'), "
        f"{message}.raw_sha256, {message}.export_id)"
    )


_BOTH: Final = f"""
pg_temp.staging_messages s, {SCHEMA}.messages m, {SCHEMA}.exports theirs, {SCHEMA}.exports ours
WHERE {_same_message("m", "s")} AND theirs.export_id = m.export_id AND ours.export_id = s.export_id"""

LESSER_THAN_BEFORE: Final = f"""
SELECT EXISTS (SELECT FROM {_BOTH} AND m.export_id = s.export_id AND {rank("m", "theirs")} > {rank("s", "ours")})"""
"""Whether a staged message is less than what stands there of the same export."""

DROP_LESSER_THAN_OTHERS: Final = f"""
DELETE FROM pg_temp.staging_messages WHERE ({_MESSAGE}) IN (
    SELECT s.owner_id, s.conversation_id, s.message_id
    FROM {_BOTH} AND m.export_id <> s.export_id AND {rank("m", "theirs")} > {rank("s", "ours")})"""
"""What newer code makes of an export is less only than what another export has."""

# Equal ranks are the same copy: it is replaced only by what newer code made of it.
_DROP_LESSER_COPIES: Final = f"""
DELETE FROM pg_temp.staging_messages s USING {SCHEMA}.messages m, {SCHEMA}.exports theirs, {SCHEMA}.exports ours
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
        f"INSERT INTO {into or f'{SCHEMA}.{table}'} AS t "
        f"SELECT * FROM pg_temp.staging_{table} ORDER BY {', '.join(key)} "
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {replacement} WHERE {_NEW_IS_BETTER[table]}"
    )


def _media_rank(row: str) -> str:
    """What decides between objects of an id, as an SQL row; by code points, however the database sorts texts."""
    texts = (f"coalesce({row}.{name}, '') COLLATE \"C\"" for name in ("member", "file_name", "mime_type", "export_id"))
    return f"({row}.size_bytes, {', '.join(texts)})"


_EXPORTED_AT: Final = f"coalesce((SELECT e.exported_at FROM {SCHEMA}.exports e WHERE e.export_id = {{}}), '-infinity')"

_NEW_IS_BETTER: Final[Mapping[str, str]] = {
    "conversations": (
        f"(coalesce(t.version, -1), {_EXPORTED_AT.format('t.export_id')}, t.export_id) "
        f"<= (coalesce(excluded.version, -1), {_EXPORTED_AT.format('excluded.export_id')}, excluded.export_id) "
        "AND t.* IS DISTINCT FROM excluded.*"
    ),
    "conversation_copies": "t.* IS DISTINCT FROM excluded.*",
    "participants": "t.* IS DISTINCT FROM excluded.*",
    "given_names": "t.* IS DISTINCT FROM excluded.*",
    "media_files": f"{_media_rank('t')} < {_media_rank('excluded')}",
    "rejects": "t.* IS DISTINCT FROM excluded.*",
}

FORGET_NAMES: Final = f"""
DELETE FROM {SCHEMA}.given_names t WHERE t.export_id = $1
AND NOT EXISTS (SELECT FROM pg_temp.staging_given_names s WHERE s.user_id = t.user_id)"""
"""What a names file gave an export, and the one that it has now does not."""

_JOINED: Final = f"""
WITH concerned AS ({{concerned}}), wanted AS (
    SELECT DISTINCT owner_id, document_id FROM {SCHEMA}.attachments JOIN concerned USING (document_id)
), stored AS (
    SELECT w.owner_id, w.document_id, m.member, m.export_id, m.media_index, m.mime_type, m.size_bytes,
           m.owner_id <> w.owner_id AS is_foreign
    FROM wanted w JOIN {SCHEMA}.media_files m USING (document_id)
), objects AS (
    SELECT DISTINCT ON (owner_id, document_id) * FROM stored
    ORDER BY owner_id, document_id, is_foreign, media_index <> 1, media_index, size_bytes DESC, member COLLATE "C" DESC,
             export_id DESC
), types AS (
    SELECT DISTINCT ON (owner_id, document_id) * FROM stored WHERE media_index = 1 AND mime_type IS NOT NULL
    ORDER BY owner_id, document_id, is_foreign, size_bytes DESC, member COLLATE "C" DESC, mime_type COLLATE "C" DESC
)"""

_CONCERNED: Final = f"""
    SELECT document_id FROM {SCHEMA}.media_files WHERE owner_id = $1
    UNION SELECT document_id FROM {SCHEMA}.attachments
          WHERE owner_id = $1 AND conversation_id IN (SELECT conversation_id FROM pg_temp.touched)"""

_HAS_OTHER_OBJECT: Final = """
(a.owner_id, a.document_id) = (o.owner_id, o.document_id)
AND (a.media_member, a.present, a.media_export_id, a.mime_type)
    IS DISTINCT FROM (o.member, true, o.export_id, coalesce(t.mime_type, a.mime_type))"""

_REJOIN: Final = f"""{_JOINED}
UPDATE {SCHEMA}.attachments a
SET media_member = o.member, present = true, media_export_id = o.export_id,
    mime_type = coalesce(t.mime_type, a.mime_type)
FROM objects o LEFT JOIN types t USING (owner_id, document_id)
WHERE {_HAS_OTHER_OBJECT}"""

REJOIN: Final = _REJOIN.format(concerned=_CONCERNED)
"""Attachments find their objects in every loaded archive: a messages archive and a files archive make one.

An account's own archives come first; another account's serve where these lack the object.
"""

REJOIN_AFTER_CHANGES: Final = _REJOIN.format(
    concerned=f"{_CONCERNED} UNION SELECT document_id FROM pg_temp.changed_media"
)
"""The same, and for the documents in ``changed_media``."""

APART: Final = f"""{_JOINED.format(concerned=f"SELECT document_id FROM {SCHEMA}.media_files")}
SELECT a.owner_id, a.conversation_id, a.message_id, a.ordinal
FROM {SCHEMA}.attachments a, objects o LEFT JOIN types t USING (owner_id, document_id)
WHERE {_HAS_OTHER_OBJECT}"""
"""Attachments that would find another object than they have; none once all loads have ended."""

_TOUCHED: Final = "conversation_id IN (SELECT conversation_id FROM pg_temp.touched)"
_WRITTEN: Final = f"NOT '{SERVER_GENERATED}' = ANY (flags)"
_NO_PEOPLE: Final = "^(19:|48:|unknown:|ALL|#)"
_OF_TWO: Final = "kind IN ('direct', 'bot', 'phone')"
_BY_RANK: Final = "ORDER BY coalesce(c.version, -1) DESC, coalesce(e.exported_at, '-infinity') DESC, c.export_id DESC"
_OF_COPIES: Final = ("display_name", "topic", "member_count", "version", "properties", "thread_properties")

_COPIES: Final = f"""
SELECT c.*, row_number() OVER (PARTITION BY c.conversation_id {_BY_RANK}) AS place
FROM {SCHEMA}.conversation_copies c JOIN {SCHEMA}.exports e USING (export_id) WHERE e.owner_id = $1 AND c.{_TOUCHED}"""


def _best(column: str) -> str:
    return f"(array_agg({column} ORDER BY place) FILTER (WHERE {column} IS NOT NULL))[1]"


def _naming(condition: str) -> str:
    """SQL of what calls, conversations of two, events, quotes and mentions call people; alias of a row is ``s``.

    ``place`` is that of the source in ``NAME_SOURCES``.
    """

    def of_messages(place: int, table: str, user_id: str, name: str, proper: str = "true") -> str:
        return (
            f'SELECT s.conversation_id, s.{user_id} COLLATE "C" AS user_id, s.{name} AS name, {place} AS place, '
            f"m.sent_at AS named_at "
            f"FROM {SCHEMA}.{table} s JOIN {SCHEMA}.messages m USING ({_MESSAGE}) "
            f"WHERE s.owner_id = $1 AND s.{user_id} IS NOT NULL AND s.{name} IS NOT NULL AND {proper} "
            f"AND {condition.format(user_id=f's.{user_id}')}"
        )

    is_thread = "s.conversation_id LIKE '19:%'"
    partners = (
        "SELECT s.conversation_id, s.conversation_id AS user_id, s.display_name AS name, 3 AS place, "
        f"NULL::timestamptz AS named_at FROM {SCHEMA}.conversations s WHERE s.owner_id = $1 AND s.{_OF_TWO} "
        f"AND NOT {is_thread} AND s.display_name IS NOT NULL AND {condition.format(user_id='s.conversation_id')}",
        f"SELECT s.conversation_id, min(p.user_id), s.display_name, 3, NULL FROM {SCHEMA}.conversations s "
        f"JOIN {SCHEMA}.participants p USING (owner_id, conversation_id) WHERE s.owner_id = $1 AND s.{_OF_TWO} "
        f"AND {is_thread} AND s.display_name IS NOT NULL AND NOT p.is_owner "
        f"GROUP BY 1, 3 HAVING count(*) = 1 AND {condition.format(user_id='min(p.user_id)')}",
    )
    bare = f"regexp_replace(s.{{}}, '{NO_NAME_IN_ID}', '')"
    is_name = f"{bare.format('label')} <> {bare.format('user_id')} AND s.user_id <> '*'"
    return " UNION ALL ".join(
        (
            of_messages(2, "call_participants", "user_id", "display_name"),
            *partners,
            of_messages(4, "thread_events", "initiator_id", "initiator_name"),
            of_messages(4, "thread_events", "target_id", "target_name"),
            of_messages(5, "quotes", "author_id", "author_name"),
            of_messages(6, "mentions", "user_id", "label", is_name),
        )
    )


_CONVERSATIONS: Final = f"""
WITH copies AS ({_COPIES}), best AS (
    SELECT conversation_id, {", ".join(f"{_best(name)} AS {name}" for name in _OF_COPIES if name != "version")},
           (array_agg(version ORDER BY place))[1] AS version, (array_agg(export_id ORDER BY place))[1] AS export_id
    FROM copies GROUP BY 1
)
UPDATE {SCHEMA}.conversations v SET ({", ".join(_OF_COPIES)}, export_id) =
    ROW({", ".join(f"b.{name}" for name in _OF_COPIES)}, b.export_id)
FROM best b WHERE v.owner_id = $1 AND v.conversation_id = b.conversation_id
  AND ({", ".join(f"v.{name}" for name in _OF_COPIES)}, v.export_id)
      IS DISTINCT FROM ({", ".join(f"b.{name}" for name in _OF_COPIES)}, b.export_id)"""

_PRESENT: Final = f"""
WITH present AS MATERIALIZED (
    SELECT conversation_id, user_id FROM (
        SELECT conversation_id, sender_id COLLATE "C" AS user_id FROM {SCHEMA}.messages
        WHERE owner_id = $1 AND {_TOUCHED}
        UNION SELECT conversation_id, user_id COLLATE "C" FROM {SCHEMA}.call_participants
              WHERE owner_id = $1 AND {_TOUCHED}
        UNION SELECT conversation_id, unnest(ARRAY[initiator_id, target_id]) COLLATE "C" FROM {SCHEMA}.thread_events
              WHERE owner_id = $1 AND {_TOUCHED}
        UNION SELECT conversation_id, unnest(members) COLLATE "C" FROM ({_COPIES}) copies
        UNION SELECT conversation_id, unnest(ARRAY[conversation_id, owner_id]) COLLATE "C" FROM {SCHEMA}.conversations
              WHERE owner_id = $1 AND {_TOUCHED} AND {_OF_TWO}
    ) people WHERE user_id !~ '{_NO_PEOPLE}'
), gone AS (
    DELETE FROM {SCHEMA}.participants p WHERE owner_id = $1 AND {_TOUCHED} AND NOT EXISTS (
        SELECT FROM present WHERE present.conversation_id = p.conversation_id AND present.user_id = p.user_id)
)
INSERT INTO {SCHEMA}.participants (owner_id, conversation_id, user_id, is_owner, is_member, message_count)
SELECT $1, conversation_id, user_id, user_id = $1, false, 0 FROM present ON CONFLICT DO NOTHING"""

_NAMED_HERE: Final = f"""
WITH sent AS (
    SELECT conversation_id, sender_id, count(*) FILTER (WHERE edit_of IS NULL) AS message_count,
           min(sent_at) AS first_seen, max(sent_at) AS last_seen
    FROM {SCHEMA}.messages WHERE owner_id = $1 AND {_TOUCHED} AND sender_id IS NOT NULL AND {_WRITTEN} GROUP BY 1, 2
), names AS (
    SELECT DISTINCT ON (conversation_id, user_id) conversation_id, user_id, name, place FROM (
        SELECT conversation_id, sender_id COLLATE "C" AS user_id, sender_name AS name, 1 AS place,
               max(sent_at) AS named_at FROM {SCHEMA}.messages
        WHERE owner_id = $1 AND {_TOUCHED} AND sender_id IS NOT NULL AND sender_name IS NOT NULL GROUP BY 1, 2, 3
        UNION ALL {_naming(f"s.{_TOUCHED}")}
    ) named ORDER BY 1, 2, place, named_at DESC NULLS LAST, name COLLATE "C" DESC
), members AS (
    SELECT conversation_id, unnest(members) AS user_id FROM (
        SELECT DISTINCT ON (conversation_id) conversation_id, members FROM ({_COPIES}) copies
        WHERE members IS NOT NULL ORDER BY conversation_id, place) best
)
UPDATE {SCHEMA}.participants p SET (display_name, name_source, is_member, message_count, first_seen, last_seen) =
    ROW(n.display_name, n.name_source, n.is_member, n.message_count, n.first_seen, n.last_seen)
FROM (
    SELECT q.conversation_id, q.user_id, coalesce(names.name, q.elsewhere) AS display_name,
           coalesce((ARRAY[{", ".join(f"'{source}'" for source in NAME_SOURCES)}])[names.place],
                    CASE WHEN q.elsewhere IS NOT NULL THEN '{FROM_ACCOUNT}' END) AS name_source,
           members.user_id IS NOT NULL AS is_member,
           coalesce(sent.message_count, 0) AS message_count, sent.first_seen, sent.last_seen
    FROM (SELECT *, CASE WHEN name_source = '{FROM_ACCOUNT}' THEN display_name END AS elsewhere
          FROM {SCHEMA}.participants) q
    LEFT JOIN sent ON sent.conversation_id = q.conversation_id AND sent.sender_id = q.user_id
    LEFT JOIN names ON names.conversation_id = q.conversation_id AND names.user_id = q.user_id
    LEFT JOIN members ON members.conversation_id = q.conversation_id AND members.user_id = q.user_id
    WHERE q.owner_id = $1 AND q.{_TOUCHED}
) n
WHERE p.owner_id = $1 AND p.conversation_id = n.conversation_id AND p.user_id = n.user_id
  AND (p.display_name, p.name_source, p.is_member, p.message_count, p.first_seen, p.last_seen)
      IS DISTINCT FROM (n.display_name, n.name_source, n.is_member, n.message_count, n.first_seen, n.last_seen)"""


def _sent_by(user_id: str, when: str) -> str:
    """SQL of the latest message by which a person is named, in the order of an index, whose collation it has.

    Of the owner it is no condition for an index: without statistics, the planner would read the whole primary key.
    """
    return (
        f"SELECT sender_name, sent_at FROM {SCHEMA}.messages WHERE owner_id || '' = $1 AND sent_at {when} "
        f'AND sender_id = {user_id} COLLATE "default" AND sender_name IS NOT NULL '
        'ORDER BY sent_at DESC, sender_name COLLATE "C" DESC LIMIT 1'
    )


_NAMED_ELSEWHERE: Final = f"""
WITH lacking AS MATERIALIZED (
    SELECT DISTINCT user_id FROM {SCHEMA}.participants
    WHERE owner_id = $1 AND NOT is_owner AND (name_source IS NULL OR name_source = '{FROM_ACCOUNT}')
), names AS (
    SELECT DISTINCT ON (user_id) user_id, name FROM (
        SELECT l.user_id, m.sender_name AS name, 1 AS place, m.sent_at AS named_at
        FROM lacking l CROSS JOIN LATERAL ({_sent_by("l.user_id", "IS NOT NULL")}) m
        UNION ALL SELECT l.user_id, m.sender_name, 1, NULL
        FROM lacking l CROSS JOIN LATERAL ({_sent_by("l.user_id", "IS NULL")}) m
        UNION ALL SELECT user_id, name, place, named_at FROM
            ({_naming("{user_id} IN (SELECT user_id FROM lacking)")}) named
        UNION ALL SELECT g.user_id, g.name, 7, e.exported_at
        FROM {SCHEMA}.given_names g JOIN {SCHEMA}.exports e USING (export_id)
        WHERE e.owner_id = $1 AND g.user_id IN (SELECT user_id FROM lacking)
    ) known ORDER BY user_id, place, named_at DESC NULLS LAST, name COLLATE "C" DESC
), every AS (
    SELECT user_id, name FROM names
    UNION ALL (SELECT owner_id COLLATE "C", owner_name FROM {SCHEMA}.exports
               WHERE owner_id = $1 AND owner_name IS NOT NULL
               ORDER BY exported_at DESC NULLS LAST, export_id DESC LIMIT 1)
)
UPDATE {SCHEMA}.participants p
SET display_name = n.name, name_source = CASE WHEN n.name IS NOT NULL THEN '{FROM_ACCOUNT}' END
FROM (SELECT q.conversation_id, q.user_id, every.name FROM {SCHEMA}.participants q LEFT JOIN every USING (user_id)
      WHERE q.owner_id = $1 AND (q.name_source IS NULL OR q.name_source = '{FROM_ACCOUNT}')) n
WHERE p.owner_id = $1 AND p.conversation_id = n.conversation_id AND p.user_id = n.user_id
  AND p.display_name IS DISTINCT FROM n.name"""

_COUNTED: Final = f"""
WITH totals AS (
    SELECT conversation_id, count(*) FILTER (WHERE edit_of IS NULL) AS message_count,
           min(sent_at) AS first_at, max(sent_at) AS last_at
    FROM {SCHEMA}.messages WHERE owner_id = $1 AND {_TOUCHED} AND {_WRITTEN} GROUP BY 1
)
UPDATE {SCHEMA}.conversations v SET (message_count, first_message_at, last_message_at) =
    ROW(n.message_count, n.first_at, n.last_at)
FROM (
    SELECT w.conversation_id, coalesce(totals.message_count, 0) AS message_count, totals.first_at, totals.last_at
    FROM {SCHEMA}.conversations w LEFT JOIN totals USING (conversation_id) WHERE w.owner_id = $1 AND w.{_TOUCHED}
) n
WHERE v.owner_id = $1 AND v.conversation_id = n.conversation_id
  AND (v.message_count, v.first_message_at, v.last_message_at)
      IS DISTINCT FROM (n.message_count, n.first_at, n.last_at)"""

_TITLED: Final = f"""
WITH others AS (
    SELECT p.*, bool_or(is_member) OVER (PARTITION BY conversation_id) AS has_members FROM {SCHEMA}.participants p
    WHERE owner_id = $1 AND NOT is_owner AND conversation_id IN (
        SELECT conversation_id FROM {SCHEMA}.conversations
        WHERE owner_id = $1 AND kind <> 'special' AND display_name IS NULL AND topic IS NULL)
), listed AS (
    SELECT conversation_id, string_agg(coalesce(display_name, user_id), ', ' ORDER BY user_id) AS names
    FROM (SELECT *, row_number() OVER (PARTITION BY conversation_id ORDER BY user_id) AS place
          FROM others WHERE is_member OR NOT has_members) named
    WHERE place <= 8 GROUP BY 1
)
UPDATE {SCHEMA}.conversations v SET title = n.title
FROM (
    SELECT w.conversation_id, coalesce(w.display_name, w.topic,
               CASE WHEN w.kind = 'special' THEN w.conversation_id
                    WHEN p.user_id IS NOT NULL THEN coalesce(p.display_name, w.conversation_id)
                    ELSE coalesce(listed.names, w.conversation_id) END) AS title
    FROM {SCHEMA}.conversations w
    LEFT JOIN {SCHEMA}.participants p
           ON p.owner_id = w.owner_id AND p.conversation_id = w.conversation_id AND p.user_id = w.conversation_id
    LEFT JOIN listed ON listed.conversation_id = w.conversation_id
    WHERE w.owner_id = $1
) n
WHERE v.owner_id = $1 AND v.conversation_id = n.conversation_id AND v.title <> n.title"""

REFRESH: Final = (_CONVERSATIONS, _PRESENT, _NAMED_HERE, _NAMED_ELSEWHERE, _COUNTED, _TITLED)
"""Run after ``touch``, with an account that has several exports; for one ``rows.conversations`` did the same.

All of it is made of rows of other tables: of the conversations touched everything, of the account's others the names
and titles that what was loaded may have changed.
"""
