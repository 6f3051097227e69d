"""What depends on several exports of an account: conversations, people, counts, titles, flags of objects.

It is computed from the rows that are there, not added up, so that the order in which they came does not matter.
"""

from typing import Final

import pyarrow as pa

from skype_assets.etl.content.names import NO_NAME_IN_ID
from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.session import Session
from skype_assets.etl.schema.flags import ARCHIVES_DIFFER, SERVER_GENERATED
from skype_assets.etl.schema.tables import FROM_ACCOUNT, NAME_SOURCES, TABLES


def touch(session: Session, conversation_ids: pa.Table) -> None:
    """Name the conversations that a load is about, until the transaction ends: ``REFRESH`` looks at no others."""
    columns = 'conversation_id text COLLATE "C" PRIMARY KEY'
    session.execute(f"CREATE TEMPORARY TABLE pg_temp.touched ({columns}) ON COMMIT DROP")
    session.copy("touched", conversation_ids)


def folded(column: str) -> str:
    """SQL: the id of a document without the case of its letters, which are of ASCII."""
    return f'lower({column} COLLATE "C")'


def own_flags(row: str) -> str:
    """SQL: the flags of an object but for the one that several archives make."""
    return f"array_remove({row}.flags, '{ARCHIVES_DIFFER}')"


# What could not be read has no hash, and differs from nothing.
_DIFFERING: Final = f"""
SELECT m.owner_id, m.document_id, m.media_index, m.export_id, s.differ FROM {SCHEMA}.media_files m JOIN (
    SELECT owner_id, document_id, media_index, count(DISTINCT sha256) > 1 AS differ FROM {SCHEMA}.media_files
    {{condition}} GROUP BY 1, 2, 3
) s USING (owner_id, document_id, media_index)
WHERE ('{ARCHIVES_DIFFER}' = ANY (m.flags)) <> s.differ"""

FLAG_DIFFERING: Final = f"""
UPDATE {SCHEMA}.media_files m
SET flags = ARRAY(SELECT flag FROM unnest(
    {own_flags("m")} || CASE WHEN d.differ THEN ARRAY['{ARCHIVES_DIFFER}'] END) AS flag ORDER BY flag COLLATE "C")
FROM ({_DIFFERING.format(condition="WHERE owner_id = $1")}) d
WHERE (m.owner_id, m.document_id, m.media_index, m.export_id)
      = (d.owner_id, d.document_id, d.media_index, d.export_id)"""
"""Objects of which archives of an account have different bytes say so, and others do not."""

WRONGLY_FLAGGED: Final = _DIFFERING.format(condition="")
"""Objects that say so and are not, or are and do not say so; none once all loads have ended."""

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
            f"FROM {SCHEMA}.{table} s JOIN {SCHEMA}.messages m USING ({', '.join(TABLES['messages'].key)}) "
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
