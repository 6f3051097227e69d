"""Copies of messages that are not in ``messages``: none gives way to a better one without a trace.

Of every copy there is one row, in ``messages`` or in ``superseded_copies``. What a superseded one says is there as
well, unless the message says exactly that: so each wording is stored once, however many exports have it unchanged. All
of it depends on nothing but the copies that are there, and therefore not on the order in which they came.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.session import Session
from skype_assets.etl.schema.tables import COPY, EDIT, SUPERSEDED_COPIES, TABLES, WORDING

_COLUMNS: Final = SUPERSEDED_COPIES.schema.names
_TABLE: Final = f"{SCHEMA}.{SUPERSEDED_COPIES.name}"


def same_message(left: str, right: str) -> str:
    """SQL: whether two rows are about the same message."""
    return " AND ".join(f"{left}.{column} = {right}.{column}" for column in TABLES["messages"].key)


def are_there(session: Session, export_id: str, tables: Mapping[str, pa.Table]) -> bool:
    """Whether the database has superseded copies of an export where those of a part stand: it was loaded before."""
    offsets = [tables[name]["source_offset"] for name in ("messages", SUPERSEDED_COPIES.name) if tables[name].num_rows]
    if not offsets:
        return False
    first, last = min(pc.min(some).as_py() for some in offsets), max(pc.max(some).as_py() for some in offsets)
    query = f"SELECT EXISTS (SELECT FROM {_TABLE} WHERE export_id = $1 AND source_offset BETWEEN $2 AND $3)"
    return session.rows(query, export_id, first, last)[0][0]


def set_aside(among: str, condition: str) -> str:
    """SQL that takes the staged messages ``s`` out for which a condition on what is there, ``m``, holds.

    Those of which another export has a better copy are kept. ``among`` is SQL of what the condition is about.
    """
    return f"""
WITH lesser AS (
    DELETE FROM pg_temp.staging_messages s USING {among} AND ({condition})
    RETURNING s.*, m.export_id <> s.export_id AS is_superseded, {say_the_same("s", "m")} AS is_same
)
{_KEEP.format("lesser")}"""


def keep_displaced(session: Session) -> None:
    """Keep what is lost of the messages that staged ones are about to take the place of: copies of other exports.

    What they alone said is handed on to the copies that said the same.
    """
    session.execute(_FORGET_STAGED)
    session.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS pg_temp.reworded (LIKE {SCHEMA}.messages) ON COMMIT DROP")
    session.execute("TRUNCATE pg_temp.reworded")
    session.execute(_DISPLACE)
    if session.rows("SELECT EXISTS (SELECT FROM pg_temp.reworded)")[0][0]:
        session.execute("ANALYZE pg_temp.reworded")
        session.execute(_hand_on("pg_temp.reworded m", "true"))
        session.execute(_SAY_NO_MORE)


def hand_on(session: Session, owner_id: str) -> None:
    """Hand what the messages in ``taken`` say on to the copies that say the same: they are about to be deleted."""
    taken = f"{SCHEMA}.messages m JOIN pg_temp.taken USING (conversation_id, message_id)"
    session.execute(_hand_on(taken, "m.owner_id = $1"), owner_id)


OF_TAKEN: Final = "(t.conversation_id, t.message_id) IN (SELECT conversation_id, message_id FROM pg_temp.taken)"
"""SQL: whether a superseded copy ``t`` is of a message in ``taken``; accounts may have the same ids."""


def say_the_same(one: str, other: str) -> str:
    """SQL: whether two copies of a message say exactly the same."""
    one, other = (f"({', '.join(f'{row}.{name}' for name in ('raw_sha256', *EDIT))})" for row in (one, other))
    return f"{one} IS NOT DISTINCT FROM {other}"


def _hand_on(messages: str, condition: str) -> str:
    return (
        f"UPDATE {_TABLE} t SET {', '.join(f'{name} = m.{name}' for name in WORDING)} FROM {messages} "
        f"WHERE {condition} AND {same_message('t', 'm')} AND t.text IS NULL"
    )


_VALUES: Final = {
    **{name: f"c.{name}" for name in _COLUMNS},
    **{name: f"CASE WHEN NOT c.is_same THEN c.{name} END" for name in WORDING},
    "is_duplicate": "false",
}
_KEEP: Final = (
    f"INSERT INTO {_TABLE} AS t ({', '.join(_COLUMNS)}) SELECT {', '.join(_VALUES[name] for name in _COLUMNS)} "
    f"FROM {{}} c WHERE c.is_superseded ON CONFLICT (export_id, source_offset) DO UPDATE "
    f"SET ({', '.join(_COLUMNS)}) = ROW({', '.join(f'excluded.{name}' for name in _COLUMNS)}) "
    "WHERE t.* IS DISTINCT FROM excluded.*"
)

# All staged messages are of one export.
_FORGET_STAGED: Final = f"""
DELETE FROM {_TABLE} t USING pg_temp.staging_messages s
WHERE t.export_id = (SELECT export_id FROM pg_temp.staging_messages LIMIT 1) AND t.source_offset = s.source_offset
  AND t.source_offset BETWEEN (SELECT min(source_offset) FROM pg_temp.staging_messages)
                          AND (SELECT max(source_offset) FROM pg_temp.staging_messages)"""

FORGET_REWORDED: Final = f"""
DELETE FROM {_TABLE} t USING pg_temp.staging_messages s
WHERE (t.export_id, t.source_offset) = (s.export_id, s.source_offset) AND {same_message("t", "s")}
  AND (t.is_duplicate OR t.text IS NOT NULL AND ({", ".join(f"t.{name}" for name in (*COPY, *WORDING))})
       IS DISTINCT FROM ({", ".join(f"s.{name}" for name in (*COPY, *WORDING))}))"""
"""Of what newer code words otherwise: what is not the message is kept anew."""

_DISPLACE: Final = f"""
WITH gone AS (
    SELECT m.*, m.export_id <> s.export_id AS is_superseded, {say_the_same("m", "s")} AS is_same
    FROM {SCHEMA}.messages m JOIN pg_temp.staging_messages s ON {same_message("m", "s")}
), kept AS (
    {_KEEP.format("gone")}
)
INSERT INTO pg_temp.reworded ({", ".join(TABLES["messages"].schema.names)})
SELECT {", ".join(TABLES["messages"].schema.names)} FROM gone WHERE NOT is_same"""

_SAY_NO_MORE: Final = f"""
UPDATE {_TABLE} t SET {", ".join(f"{name} = NULL" for name in WORDING)}
FROM pg_temp.reworded m JOIN pg_temp.staging_messages s ON {same_message("m", "s")}
WHERE {same_message("t", "s")} AND t.text IS NOT NULL AND NOT t.is_duplicate AND {say_the_same("t", "s")}"""
