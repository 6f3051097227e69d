"""The merge: several exports of one account become one history, whatever the order in which they are loaded.

Of a message the copy with the greatest (version, time of export, whether the export is whole, hash of its bytes,
export id) wins, with its children, and the others are superseded copies (``superseding``); of a conversation that with
the greatest (version, time of export, export id). All of it is set-based: staging tables that the transaction drops,
then a handful of statements. What depends on several exports comes after it (``refreshing``).
"""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa

from skype_assets.etl.database.ddl import SCHEMA, TRIGGER_FUNCTIONS
from skype_assets.etl.database.rejoining import lock_of_messages
from skype_assets.etl.database.session import Session
from skype_assets.etl.database.superseding import FORGET_REWORDED, keep_displaced, same_message, set_aside
from skype_assets.etl.schema.tables import TABLES

CHILDREN: Final = tuple(t.name for t in TABLES.values() if t.parent == "messages")
"""The tables of what hangs on messages."""

MESSAGES_AT_A_TIME: Final = 50_000
"""Messages that one statement deletes: the server keeps the foreign keys that it has to check in memory meanwhile."""

_MESSAGE: Final = ", ".join(TABLES["messages"].key)
_OF_EXPORT: Final = ("superseded_copies", "rejects")
"""What else a part of messages has: duplicates and rejects, which no other export has a say in."""


def stage(session: Session, table: str, rows: pa.Table) -> None:
    """Copy rows into ``staging_<table>``, in place of what was there; the transaction drops it at its end."""
    session.execute(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS pg_temp.staging_{table} (LIKE {SCHEMA}.{table}) ON COMMIT DROP"
    )
    session.execute(f"TRUNCATE pg_temp.staging_{table}")
    session.copy(f"staging_{table}", rows)


def merge_messages(session: Session, code_version: str, tables: Mapping[str, pa.Table]) -> None:
    """Merge the tables of a part into what is there. The caller's transaction holds the account's lock alone.

    ``code_version`` is that of the code that made the tables.
    """
    stage_messages(session, tables)
    session.execute(_SET_LESSER_ASIDE, code_version)
    merge_staged(session)


def stage_messages(session: Session, tables: Mapping[str, pa.Table]) -> None:
    """Stage the tables of a part of messages."""
    for name in ("messages", *CHILDREN, *_OF_EXPORT):
        stage(session, name, tables[name])


def forget_changed(session: Session) -> None:
    """Delete copies and rejects that newer code has staged otherwise: they come again, as nothing held is altered."""
    for name in _OF_EXPORT:
        same = " AND ".join(f"t.{column} = s.{column}" for column in TABLES[name].key)
        session.execute(
            f"DELETE FROM {SCHEMA}.{name} t USING pg_temp.staging_{name} s WHERE {same} AND t.* IS DISTINCT FROM s.*"
        )
    session.execute(FORGET_REWORDED)


def merge_staged(session: Session) -> None:
    """Let the staged messages take the place of what is there under their keys, with all that hangs on them."""
    lock_of_messages(session, "pg_temp.staging_messages")
    for name in reversed(CHILDREN):
        session.execute(
            f"DELETE FROM {SCHEMA}.{name} c USING pg_temp.staging_messages s WHERE {same_message('c', 's')}"
        )
    keep_displaced(session)
    session.execute(f"LOCK TABLE {SCHEMA}.messages IN ROW EXCLUSIVE MODE")  # from now on nobody makes triggers
    if session.rows(_KEEPS_HELD)[0][0]:  # a held message lets another take its place, and never becomes it
        session.execute(
            f"DELETE FROM {SCHEMA}.messages m USING pg_temp.staging_messages s WHERE {same_message('m', 's')}"
        )
    # Of one that is deleted, every foreign key that leads to messages would be asked whether it still has rows.
    session.execute(upsert("messages"))
    for name in CHILDREN:
        session.execute(
            f"INSERT INTO {SCHEMA}.{name} "
            f"SELECT c.* FROM pg_temp.staging_{name} c JOIN pg_temp.staging_messages USING ({_MESSAGE})"
        )
    for name in _OF_EXPORT:
        session.execute(upsert(name))


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


def rank(message: str, export: str) -> str:
    """What decides between copies of a message, as an SQL row."""
    return (
        f"(coalesce({message}.version, -1), coalesce({export}.exported_at, '-infinity'), "
        f"{export}.unreadable_bytes IS NULL, {message}.raw_sha256, {message}.export_id)"
    )


_BOTH: Final = f"""{SCHEMA}.messages m, {SCHEMA}.exports theirs, {SCHEMA}.exports ours
WHERE {same_message("m", "s")} AND theirs.export_id = m.export_id AND ours.export_id = s.export_id"""

LESSER_THAN_BEFORE: Final = f"""
SELECT EXISTS (SELECT FROM pg_temp.staging_messages s, {_BOTH}
               AND m.export_id = s.export_id AND {rank("m", "theirs")} > {rank("s", "ours")})"""
"""Whether a staged message is less than what stands there of the same export."""

SET_ASIDE_LESSER_THAN_OTHERS: Final = set_aside(
    _BOTH, f"m.export_id <> s.export_id AND {rank('m', 'theirs')} > {rank('s', 'ours')}"
)
"""What newer code makes of an export is less only than what another export has."""

# Equal ranks are the same copy: it is replaced only by what newer code made of it.
_SET_LESSER_ASIDE: Final = set_aside(
    _BOTH,
    f"{rank('m', 'theirs')} > {rank('s', 'ours')} "
    f"OR {rank('m', 'theirs')} = {rank('s', 'ours')} AND theirs.code_version = $1",
)


_KEEPS_HELD: Final = f"""
SELECT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = '{SCHEMA}.messages'::regclass
               AND t.tgname = '{TRIGGER_FUNCTIONS[0]}')"""
"""Whether triggers keep messages that are held."""


def upsert(table: str, into: str | None = None) -> str:
    """INSERT from staging into a table, or ``into`` another of its shape; a row that is there is kept if it is better.

    What hangs on a row is for the caller.
    """
    key = TABLES[table].key
    values = [c.name for c in TABLES[table].columns if c.name not in key]
    replacement = f"({', '.join(values)}) = ROW({', '.join(f'excluded.{v}' for v in values)})"
    return (
        f"INSERT INTO {into or f'{SCHEMA}.{table}'} AS t "
        f"SELECT * FROM pg_temp.staging_{table} ORDER BY {', '.join(key)} "
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {replacement} WHERE {_NEW_IS_BETTER[table]}"
    )


_EXPORTED_AT: Final = f"coalesce((SELECT e.exported_at FROM {SCHEMA}.exports e WHERE e.export_id = {{}}), '-infinity')"

_NEW_IS_BETTER: Final[Mapping[str, str]] = {
    "conversations": (
        f"(coalesce(t.version, -1), {_EXPORTED_AT.format('t.export_id')}, t.export_id) "
        f"<= (coalesce(excluded.version, -1), {_EXPORTED_AT.format('excluded.export_id')}, excluded.export_id) "
        "AND t.* IS DISTINCT FROM excluded.*"
    ),
    "conversation_copies": "t.* IS DISTINCT FROM excluded.*",
    "messages": "t.* IS DISTINCT FROM excluded.*",
    "participants": "t.* IS DISTINCT FROM excluded.*",
    "given_names": "t.* IS DISTINCT FROM excluded.*",
    "media_files": "t.* IS DISTINCT FROM excluded.*",
    "superseded_copies": "t.* IS DISTINCT FROM excluded.*",
    "rejects": "t.* IS DISTINCT FROM excluded.*",
}

FORGET_NAMES: Final = f"""
DELETE FROM {SCHEMA}.given_names t WHERE t.export_id = $1
AND NOT EXISTS (SELECT FROM pg_temp.staging_given_names s WHERE s.user_id = t.user_id)"""
"""What a names file gave an export, and the one that it has now does not."""
