"""The triggers that keep rows which are held: what they look at when a transaction is to be committed.

A message must be there as it was, or a copy that is at least as good must be in its place, and each copy must still be
there, as the message or beside it. So loads go on, merges and all. While nothing is held there are no triggers, and
they cost nothing.
"""

from typing import Final

from skype_assets.etl.database import partitions
from skype_assets.etl.database.ddl import SCHEMA, TRIGGER_FUNCTIONS
from skype_assets.etl.database.matching import Difference
from skype_assets.etl.database.merging import CHILDREN, rank
from skype_assets.etl.database.session import Session
from skype_assets.etl.database.superseding import same_message, say_the_same
from skype_assets.etl.schema.tables import WORDING

HELD: Final = "SK001"
"""SQLSTATE of what a hold refuses."""

_HELD_ROW, _HELD_COPY, _HELD_TABLE, _HISTORY = TRIGGER_FUNCTIONS

ACTIVE: Final = f"""
SELECT h.hold_id, h.owner_id, h.conversation_id, h.export_id, h.reason FROM {SCHEMA}.holds h WHERE h.action = 'hold'
AND NOT EXISTS (SELECT FROM {SCHEMA}.holds r WHERE r.hold_id = h.hold_id AND r.action = 'release')"""
"""SQL: the holds that are not released."""

_COVERS: Final = """
(a.export_id = {export} OR a.export_id IS NULL AND a.owner_id = {owner}
 AND (a.conversation_id IS NULL OR a.conversation_id = {conversation}))"""

# What the archives say of an attachment is filled in by later loads.
_FIXED: Final = {"attachments": ("owner_id", "conversation_id", "message_id", "ordinal", "document_id", "kind", "uri")}

_IS_A_COPY_STILL: Final = f"""EXISTS (
            SELECT FROM {SCHEMA}.messages m WHERE {same_message("m", "OLD")}
            AND (m.export_id, m.source_offset, m.raw_sha256) = (OLD.export_id, OLD.source_offset, OLD.raw_sha256)
            UNION ALL SELECT FROM {SCHEMA}.superseded_copies m WHERE {same_message("m", "OLD")}
            AND (m.export_id, m.source_offset, m.raw_sha256) = (OLD.export_id, OLD.source_offset, OLD.raw_sha256))"""


def _wording(row: str) -> str:
    return ", ".join(f"{row}.{name}" for name in WORDING)


# Of a table in partitions, that of the table.
_TABLE_NAME: Final = """coalesce((
        SELECT p.relname FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent WHERE i.inhrelid = TG_RELID
        AND p.relkind = 'p'), TG_TABLE_NAME)"""

_REFUSE: Final = f"""RAISE EXCEPTION USING ERRCODE = '{HELD}', MESSAGE = format(
        'a row of {SCHEMA}.%s is held (hold %s) and must stay as it is; nothing was changed. Whoever may release it: '
        'skype-assets hold release %s', table_name, hold.hold_id, hold.hold_id);"""

_BODY: Final = f"""
DECLARE
    table_name text := {_TABLE_NAME};
    was jsonb := to_jsonb(OLD);
    became jsonb := CASE WHEN TG_OP = 'UPDATE' THEN to_jsonb(NEW) END;
    export text := was ->> 'export_id';
    hold record;
BEGIN
    IF table_name NOT IN ('messages', 'exports', 'conversations') THEN
        -- What hangs on a message goes with it: of one that is gone, or was replaced in this transaction, it decides.
        SELECT m.export_id INTO export FROM {SCHEMA}.messages m
        WHERE (m.owner_id, m.conversation_id, m.message_id)
              = (was ->> 'owner_id', was ->> 'conversation_id', was ->> 'message_id')
          AND m.xmin <> pg_current_xact_id()::xid;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    IF became IS NOT NULL AND TG_NARGS > 0 THEN
        IF NOT EXISTS (SELECT FROM unnest(TG_ARGV) AS name WHERE was -> name IS DISTINCT FROM became -> name) THEN
            RETURN NULL;
        END IF;
    END IF;
    SELECT a.* INTO hold FROM ({ACTIVE}) AS a
    WHERE {_COVERS.format(export="export", owner="was ->> 'owner_id'", conversation="was ->> 'conversation_id'")}
    ORDER BY a.hold_id LIMIT 1;
    IF NOT FOUND AND table_name = 'messages' THEN
        SELECT a.* INTO hold FROM ({ACTIVE}) AS a JOIN {SCHEMA}.superseded_copies c ON c.export_id = a.export_id
        WHERE {same_message("c", "OLD")} AND c.raw_sha256 = OLD.raw_sha256 AND c.text IS NULL
          AND (was <> became OR became IS NULL AND NOT EXISTS (
              SELECT FROM {SCHEMA}.messages m WHERE {same_message("m", "c")} AND m.raw_sha256 = c.raw_sha256))
        ORDER BY a.hold_id LIMIT 1;
        IF FOUND THEN
            {_REFUSE}
        END IF;
        RETURN NULL;
    END IF;
    IF NOT FOUND OR was = became THEN
        RETURN NULL;
    END IF;
    IF table_name = 'messages' AND TG_OP = 'DELETE' THEN
        IF EXISTS (
            SELECT FROM {SCHEMA}.messages m JOIN {SCHEMA}.exports theirs ON theirs.export_id = m.export_id
            LEFT JOIN {SCHEMA}.exports ours ON ours.export_id = OLD.export_id
            WHERE (m.owner_id, m.conversation_id, m.message_id)
                  = (OLD.owner_id, OLD.conversation_id, OLD.message_id)
              AND {rank("m", "theirs")} >= {rank("OLD", "ours")}
        ) AND {_IS_A_COPY_STILL} THEN
            RETURN NULL;
        END IF;
    END IF;
    {_REFUSE}
END"""

_WORDS: Final = f"'{{{', '.join(WORDING)}}}'::text[]"

# What a copy says may go while a message says it, and is handed on to the copy when that one goes.
_IS_ANOTHER: Final = f"""became IS NOT NULL AND (was - {_WORDS} <> became - {_WORDS}
            OR was -> 'text' <> 'null' AND became -> 'text' <> 'null' AND was <> became)"""

_IT_NOW: Final = f"""SELECT FROM {SCHEMA}.superseded_copies c
            WHERE (c.export_id, c.source_offset) = (OLD.export_id, OLD.source_offset)"""

_LACKS_WORDING: Final = f"""EXISTS (
            {_IT_NOW}
            AND c.text IS NULL AND (OLD.text IS NOT NULL OR NOT c.is_duplicate) AND NOT EXISTS (
                SELECT FROM {SCHEMA}.messages m WHERE {same_message("m", "c")} AND m.raw_sha256 = c.raw_sha256
                AND (OLD.text IS NULL OR {say_the_same("m", "OLD")})))"""

_IS_MADE_UP: Final = f"""became IS NOT NULL AND OLD.text IS NULL AND EXISTS (
            {_IT_NOW}
            AND c.text IS NOT NULL AND EXISTS (
                SELECT FROM {SCHEMA}.messages m WHERE {same_message("m", "c")} AND m.raw_sha256 = c.raw_sha256
                AND (m.xmin <> pg_current_xact_id()::xid OR {say_the_same("m", "c")})
                AND ({_wording("m")}) IS DISTINCT FROM ({_wording("c")})))"""

# Of a row's hold it is enough to know one. Rejects name no account, objects no conversation.
_COPY_BODY: Final = f"""
DECLARE
    table_name text := {_TABLE_NAME};
    was jsonb := to_jsonb(OLD);
    became jsonb := CASE WHEN TG_OP = 'UPDATE' THEN to_jsonb(NEW) END;
    owner text := coalesce(was ->> 'owner_id', (
        SELECT e.owner_id FROM {SCHEMA}.exports e WHERE e.export_id = was ->> 'export_id'));
    hold record;
BEGIN
    SELECT a.* INTO hold FROM ({ACTIVE}) AS a
    WHERE {_COVERS.format(export="was ->> 'export_id'", owner="owner", conversation="was ->> 'conversation_id'")}
    ORDER BY a.hold_id LIMIT 1;
    IF NOT FOUND OR was = became THEN
        RETURN NULL;
    END IF;
    IF table_name = 'superseded_copies' THEN
        IF {_IS_A_COPY_STILL} AND NOT ({_IS_ANOTHER}) AND NOT ({_LACKS_WORDING}) AND NOT ({_IS_MADE_UP}) THEN
            RETURN NULL;
        END IF;
    ELSIF table_name = 'media_files' THEN
        IF EXISTS (
            SELECT FROM {SCHEMA}.media_files f WHERE (f.owner_id, f.document_id, f.media_index)
            = (OLD.owner_id, OLD.document_id, OLD.media_index) AND (
                f.export_id = OLD.export_id AND f.size_bytes = OLD.size_bytes AND f.sha256 = OLD.sha256
                OR f.size_bytes >= OLD.size_bytes AND OLD.sha256 IS NULL)
        ) THEN
            RETURN NULL;
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        IF EXISTS (
            SELECT FROM {SCHEMA}.rejects r WHERE (r.export_id, r.ordinal) = (OLD.export_id, OLD.ordinal)
            AND (r.source_offset, r.source_length) = (OLD.source_offset, OLD.source_length)
        ) THEN
            RETURN NULL;
        END IF;
    END IF;
    {_REFUSE}
END"""

_BODIES: Final = {
    _HELD_ROW: _BODY,
    _HELD_COPY: _COPY_BODY,
    _HELD_TABLE: f"""
BEGIN
    RAISE EXCEPTION USING ERRCODE = '{HELD}', MESSAGE = format(
        '{SCHEMA}.%s has rows that are held; nothing was changed. Whoever may release them: skype-assets hold list, '
        'and hold release', TG_TABLE_NAME);
END""",
    _HISTORY: f"""
BEGIN
    RAISE EXCEPTION USING ERRCODE = '{HELD}',
        MESSAGE = 'to {SCHEMA}.holds rows are only added: release a hold instead; nothing was changed';
END""",
}

_TABLES: Final = {
    **dict.fromkeys(("messages", *CHILDREN, "exports", "conversations"), _HELD_ROW),
    **dict.fromkeys(("superseded_copies", "media_files", "rejects"), _HELD_COPY),
}
"""The tables of what is held, with the function that keeps their rows."""


def _row_trigger(table: str, function: str) -> str:
    changes = "DELETE" if table in ("exports", "conversations") else "DELETE OR UPDATE"
    fixed = ", ".join(f"'{name}'" for name in _FIXED.get(table, ()))
    return (
        f"CREATE CONSTRAINT TRIGGER {function} AFTER {changes} ON {SCHEMA}.{table} DEFERRABLE INITIALLY DEFERRED "
        f"FOR EACH ROW EXECUTE FUNCTION {SCHEMA}.{function}({fixed})"
    )


def _statement_trigger(table: str, function: str, changes: str) -> str:
    return (
        f"CREATE TRIGGER {function} BEFORE {changes} ON {SCHEMA}.{table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {SCHEMA}.{function}()"
    )


_WHILE_HELD: Final[dict[tuple[str, str], str]] = {
    **{(table, function): _row_trigger(table, function) for table, function in _TABLES.items()},
    **{(table, _HELD_TABLE): _statement_trigger(table, _HELD_TABLE, "TRUNCATE") for table in _TABLES},
}
_ALWAYS: Final[dict[tuple[str, str], str]] = {
    ("holds", _HISTORY): _statement_trigger("holds", _HISTORY, "UPDATE OR DELETE OR TRUNCATE")
}

_THERE: Final = """
SELECT c.relname, t.tgname, t.tgenabled::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = to_regnamespace($1) AND t.tgname = ANY ($2)"""

_SOURCES: Final = "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = to_regnamespace($1) AND proname = ANY ($2)"


def keep(session: Session) -> None:
    """Within a transaction: have held rows kept from now on."""
    for name, body in _BODIES.items():
        session.execute(
            f"CREATE OR REPLACE FUNCTION {SCHEMA}.{name}() RETURNS trigger LANGUAGE plpgsql "
            f"SET search_path = pg_catalog, pg_temp AS $hold${body}$hold$"
        )
    there = _there(session)
    for trigger, statement in {**_ALWAYS, **_WHILE_HELD, **_of_partitions(session)}.items():
        if trigger not in there:
            session.execute(statement)


def keep_no_more(session: Session) -> None:
    """Within a transaction: nothing is held any more; what was held and released stays known."""
    for table, name in {**_WHILE_HELD, **_of_partitions(session)}:
        session.execute(f"DROP TRIGGER IF EXISTS {name} ON {SCHEMA}.{table}")


def problems(session: Session, *, is_held: bool) -> list[Difference]:
    """Triggers that should be there and are not, or are off, or do something else.

    Args:
        session: with a database in which something is held, or was.
        is_held: whether anything is.
    """
    wanted = [*_ALWAYS]
    if is_held:
        copied = [(name, function) for table, function in _TABLES.items() for name in _partitions(session, table)]
        wanted += [*_WHILE_HELD, *_of_partitions(session), *copied]
    on = _there(session)
    off = [trigger for trigger in wanted if on.get(trigger) not in ("O", "A")]
    sources = dict(session.rows(_SOURCES, SCHEMA, list(TRIGGER_FUNCTIONS)))
    changed = [name for name, body in _BODIES.items() if sources.get(name) != body]
    return [
        *(
            Difference(table, (), f"does not keep what is held: its trigger {name} is off or gone")
            for table, name in off
        ),
        *(Difference("holds", (), f"has another function {name} than what keeps what is held") for name in changed),
    ]


def _partitions(session: Session, table: str) -> list[str]:
    return partitions.of(session, f"{SCHEMA}.{table}")


def _of_partitions(session: Session) -> dict[tuple[str, str], str]:
    """What partitions need besides: triggers of rows they have from their tables, but each can be emptied by itself."""
    return {
        (name, _HELD_TABLE): _statement_trigger(name, _HELD_TABLE, "TRUNCATE")
        for table in _TABLES
        for name in _partitions(session, table)
    }


def _there(session: Session) -> dict[tuple[str, str], str]:
    """Our triggers that are there: by table and name, whether they are on."""
    return {(table, name): enabled for table, name, enabled in session.rows(_THERE, SCHEMA, list(TRIGGER_FUNCTIONS))}
