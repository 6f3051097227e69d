"""Putting right the rows of an account: those that somebody altered, removed or added become what was loaded.

What they must be is handed in, and so is what differs; here are the statements. All of it is one transaction, alone
with the account. Messages that differ go with what hangs on them and with all their superseded copies, and come back
from what their exports were loaded from, of several the best copy; what depends on several exports is made anew of the
rows that are there then.
"""

from collections.abc import Collection, Iterable
from itertools import groupby
from typing import Final

import pyarrow as pa

from skype_assets.etl.database import instants
from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.explained import WRONG_BY_ARCHIVES
from skype_assets.etl.database.loading import LOADED
from skype_assets.etl.database.matching import Difference
from skype_assets.etl.database.merging import CHILDREN, delete_messages, list_messages, stage, upsert
from skype_assets.etl.database.refreshing import FLAG_DIFFERING, REFRESH, touch
from skype_assets.etl.database.rejoining import lock_of_account, rejoin
from skype_assets.etl.database.session import Session
from skype_assets.etl.database.superseding import OF_TAKEN
from skype_assets.etl.database.unloading import Kept, restore_messages, without_copies
from skype_assets.etl.rows.duplicates import KEY
from skype_assets.etl.schema.tables import TABLES

OF_MESSAGES: Final = ("messages", *CHILDREN)
OF_EXPORT: Final = ("conversation_copies", "given_names", "rejects")
"""Tables of which an export's rows are those of its checkpoint, whatever else is loaded."""

MADE: Final = ("conversations", "participants")
"""Tables that are made of the rows of all exports of an account."""
_RUN: Final = ("started_at", "loaded_at", "status")


class Account:
    """The rows of an account, within a transaction that is alone with it.

    Args:
        session: in which the transaction is.
        owner_id: the account.
        unknown: its exports of which nobody can tell what their rows must be: these stay as they are.
    """

    def __init__(self, session: Session, owner_id: str, unknown: Collection[str] = ()) -> None:
        self._session = session
        self._owner_id = owner_id
        self._unknown = sorted(unknown)
        lock_of_account(session, owner_id)
        touch(session, pa.table({"conversation_id": pa.array([], pa.string())}))
        for name in MADE:
            self._execute(
                f"CREATE TEMPORARY TABLE pg_temp.before_{name} ON COMMIT DROP AS "
                f"SELECT * FROM {SCHEMA}.{name} WHERE owner_id = $1",
                owner_id,
            )

    def put_of_export(self, export_id: str, name: str, rows: pa.Table) -> None:
        """Make the rows of an export in one of the tables ``OF_EXPORT`` what they must be."""
        stage(self._session, name, rows)
        same = " AND ".join(f"s.{column} = t.{column}" for column in TABLES[name].key)
        self._execute(
            f"DELETE FROM {SCHEMA}.{name} t WHERE t.export_id = $1 "
            f"AND NOT EXISTS (SELECT FROM pg_temp.staging_{name} s WHERE {same} AND s.* IS NOT DISTINCT FROM t.*)",
            export_id,
        )
        self._execute(upsert(name))

    def put_conversations(self, rows: pa.Table) -> None:
        """Add the conversations of an export that are missing, and give all of them their kind; the rest is made."""
        stage(self._session, "conversations", rows)
        self._execute(
            f"INSERT INTO {SCHEMA}.conversations AS t SELECT * FROM pg_temp.staging_conversations "
            "ON CONFLICT (owner_id, conversation_id) DO UPDATE SET kind = excluded.kind "
            "WHERE t.kind <> excluded.kind"
        )

    def put_made(self, name: str, rows: pa.Table) -> None:
        """Make conversations or participants what the only export says, as long as its load has not ended."""
        stage(self._session, name, rows)
        key = TABLES[name].key
        same = " AND ".join(f"s.{column} = t.{column}" for column in key)
        self._execute(
            f"DELETE FROM {SCHEMA}.{name} t WHERE t.owner_id = $1 "
            f"AND NOT EXISTS (SELECT FROM pg_temp.staging_{name} s WHERE {same})",
            self._owner_id,
        )
        values = [column for column in TABLES[name].schema.names if column not in key]
        self._execute(
            f"INSERT INTO {SCHEMA}.{name} AS t SELECT * FROM pg_temp.staging_{name} "
            f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET ({', '.join(values)}) = "
            f"ROW({', '.join(f'excluded.{value}' for value in values)}) WHERE t.* IS DISTINCT FROM excluded.*"
        )

    def put_objects(self, altered: Iterable[Difference], objects: Iterable[pa.Table]) -> None:
        """Remove the objects that are altered; those of all exports come into their place."""
        remove(self._session, altered)
        for rows in objects:
            stage(self._session, "media_files", rows)
            self._execute(upsert("media_files"))

    def apart(self) -> list[Difference]:
        """What all archives together make otherwise, of the account's rows."""
        found: list[Difference] = []
        for name, statement, what in WRONG_BY_ARCHIVES:
            of_account = f"SELECT * FROM ({statement}) AS one WHERE owner_id = $1"
            keys = (row[: len(TABLES[name].key)] for row in self._session.rows(of_account, self._owner_id))
            found += [Difference(name, tuple(map(str, key)), what) for key in keys]
        return found

    def take_out(self, messages: Collection[tuple[str, str]]) -> None:
        """Remove messages, given by conversation and id, with what hangs on them and all their superseded copies."""
        columns = 'conversation_id text COLLATE "C", message_id text COLLATE "C"'
        self._execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS pg_temp.altered ({columns}) ON COMMIT DROP")
        self._execute("TRUNCATE pg_temp.altered")
        ids = zip(*sorted(messages), strict=True) if messages else ([], [])
        self._session.copy("altered", pa.table([pa.array(column, pa.string()) for column in ids], names=KEY))
        self._execute("DROP TABLE IF EXISTS pg_temp.taken")
        list_messages(self._session, "FROM pg_temp.altered m")
        copies = f"FROM {SCHEMA}.superseded_copies t WHERE t.owner_id = $1 AND {OF_TAKEN}"
        if self._unknown:  # nothing else has their copies, nor the messages that they have won
            self._execute("DROP TABLE IF EXISTS pg_temp.left_copies")
            self._execute(
                f"CREATE TEMPORARY TABLE pg_temp.left_copies ON COMMIT DROP AS SELECT t.* {copies}", self._owner_id
            )
        self._execute(f"DELETE {copies}", self._owner_id)
        if self._unknown:
            self._execute(_LEAVE, self._owner_id, self._unknown)
        delete_messages(self._session, self._owner_id)
        if self._unknown:  # the others' copies of these come back beside them
            self._execute("INSERT INTO pg_temp.taken SELECT m.*, 0 FROM pg_temp.altered m ON CONFLICT DO NOTHING")

    def restore(self, exports: Iterable[tuple[Kept, Iterable[int]]]) -> None:
        """Bring back what exports, of which these parts are loaded, have of the messages that were taken out."""
        for kept, parts in exports:
            restore_messages(self._session, kept, parts)
        if self._unknown:
            self._execute(
                f"INSERT INTO {SCHEMA}.superseded_copies SELECT * FROM pg_temp.left_copies ON CONFLICT DO NOTHING"
            )

    def make_anew(self, *, is_whole: bool) -> None:
        """Make anew what is made of several rows.

        Args:
            is_whole: whether the rows of all exports are as they must be: then conversations of which none says
                anything go.
        """
        self._execute(
            f"INSERT INTO pg_temp.touched SELECT conversation_id FROM {SCHEMA}.conversations WHERE owner_id = $1 "
            f"UNION SELECT c.conversation_id FROM {SCHEMA}.conversation_copies c "
            f"JOIN {SCHEMA}.exports e USING (export_id) WHERE e.owner_id = $1 ON CONFLICT DO NOTHING",
            self._owner_id,
        )
        if is_whole:
            for name in reversed(MADE):
                self._execute(f"{without_copies(name)} AND NOT EXISTS ({_HAS_MESSAGES})", self._owner_id)
        self._execute(_IS_OWNER, self._owner_id)
        rejoin(self._session, self._owner_id)
        for statement in (FLAG_DIFFERING, *REFRESH):
            self._execute(statement, self._owner_id)

    def made_differences(self) -> list[Difference]:
        """What was made anew and is not what it was before the transaction."""
        found: list[Difference] = []
        for name in MADE:
            key = TABLES[name].key
            columns = [column for column in TABLES[name].schema.names if column not in key]
            altered = ", ".join(
                f"CASE WHEN b.{column} IS DISTINCT FROM a.{column} THEN '{column}' END" for column in columns
            )
            rows = self._session.rows(
                f"SELECT {', '.join(f'coalesce(b.{column}, a.{column})' for column in key)}, "
                "CASE WHEN a.owner_id IS NULL THEN 'is made of no rows' WHEN b.owner_id IS NULL THEN 'is missing' "
                f"ELSE concat_ws(', ', {altered}) || ' not what the rows make' END "
                f"FROM pg_temp.before_{name} b FULL JOIN "
                f"(SELECT * FROM {SCHEMA}.{name} WHERE owner_id = $1) a USING ({', '.join(key)}) "
                "WHERE b.* IS DISTINCT FROM a.* ORDER BY 1, 2",
                self._owner_id,
            )
            found += [Difference(name, tuple(values), what) for *values, what in rows]
        return found

    def _execute(self, statement: str, *parameters: str | list[str]) -> None:
        self._session.execute(statement, *parameters)


def put_record(session: Session, export: pa.Table, status: str) -> None:
    """Make the row of an export what it must be; when it was loaded no checkpoint says."""
    stage(session, "exports", export)
    session.execute(f"INSERT INTO {SCHEMA}.exports SELECT * FROM pg_temp.staging_exports ON CONFLICT DO NOTHING")
    columns = [name for name in TABLES["exports"].schema.names if name not in _RUN]
    loaded_at = _or_now("e.loaded_at") if status in LOADED else "NULL::timestamptz"
    session.execute(
        f"UPDATE {SCHEMA}.exports e SET ({', '.join(columns)}, started_at, loaded_at, status) = "
        f"ROW({', '.join(f's.{name}' for name in columns)}, {_or_now('e.started_at')}, {loaded_at}, $1::text) "
        "FROM pg_temp.staging_exports s WHERE e.export_id = s.export_id",
        status,
    )


def put_ledger(session: Session, export_id: str, ledger: pa.Table, attempt: int) -> None:
    """Make the ledger of an export what it must be; of the attempts that it names, this is the last."""
    session.execute('CREATE TEMPORARY TABLE IF NOT EXISTS pg_temp.ledger (export_id text, part integer, rows bigint, '
                  "checksum text) ON COMMIT DROP")  # fmt: skip
    session.execute("TRUNCATE pg_temp.ledger")
    session.copy("ledger", ledger)
    session.execute(f"DELETE FROM {SCHEMA}.load_parts t WHERE t.export_id = $1 "
                  "AND NOT EXISTS (SELECT FROM pg_temp.ledger s WHERE s.part = t.part)", export_id)  # fmt: skip
    session.execute(
        f"INSERT INTO {SCHEMA}.load_parts AS t (export_id, part, attempt, rows, checksum, committed_at) "
        "SELECT export_id, part, $1::bigint, rows, checksum, now() FROM pg_temp.ledger "
        "ON CONFLICT (export_id, part) DO UPDATE SET rows = excluded.rows, checksum = excluded.checksum, "
        "attempt = CASE WHEN t.attempt BETWEEN 1 AND excluded.attempt THEN t.attempt ELSE excluded.attempt END, "
        f"committed_at = {_or_now('t.committed_at')}",
        attempt,
    )


def _or_now(instant: str) -> str:
    return f"CASE WHEN {instants.is_possible(instant)} THEN {instant} ELSE now() END"


def remove(session: Session, differences: Iterable[Difference]) -> None:
    """Within a transaction: remove rows by their keys, messages with what hangs on them."""
    order = list(TABLES)[::-1]
    for name, some in groupby(sorted(differences, key=lambda one: order.index(one.table)), lambda one: one.table):
        table = TABLES[name]
        session.execute(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS pg_temp.removed_{name} ON COMMIT DROP AS "
            f"SELECT {', '.join(table.key)} FROM {SCHEMA}.{name} WHERE false"
        )
        session.execute(f"TRUNCATE pg_temp.removed_{name}")
        columns = zip(*{one.key for one in some}, strict=True)
        types = [table.schema.field(column).type for column in table.key]
        arrays = [pa.array(column, pa.string()).cast(type_) for column, type_ in zip(columns, types, strict=True)]
        session.copy(f"removed_{name}", pa.table(arrays, names=list(table.key)))
        for of in (*reversed(CHILDREN), name) if name == "messages" else (name,):
            same = " AND ".join(f"t.{column} = r.{column}" for column in table.key)
            session.execute(f"DELETE FROM {SCHEMA}.{of} t USING pg_temp.removed_{name} r WHERE {same}")


def owners(session: Session) -> dict[str, str]:
    """The account of each export in the database."""
    return dict(session.rows(f"SELECT export_id, owner_id FROM {SCHEMA}.exports"))


def named_exports(session: Session, owner_id: str) -> set[str]:
    """The exports that rows of an account say they are of."""
    union = " UNION ".join(
        f"SELECT export_id FROM {SCHEMA}.{name} WHERE owner_id = $1"
        for name in ("conversations", "messages", "superseded_copies", "media_files")
    )
    return {export_id for (export_id,) in session.rows(union, owner_id)}


def ever_loaded(session: Session) -> set[str]:
    """The exports of which an attempt is known to have loaded them, or to have taken them out."""
    union = f"SELECT export_id FROM {SCHEMA}.attempts UNION SELECT export_id FROM {SCHEMA}.unloads"
    return {export_id for (export_id,) in session.rows(union)}


def has_rows(session: Session, export_id: str) -> bool:
    """Whether something is there of an export that is not in ``exports``."""
    union = " UNION ALL ".join(
        f"(SELECT 1 FROM {SCHEMA}.{name} WHERE export_id = $1 LIMIT 1)"
        for name in ("load_parts", "messages", "superseded_copies")
    )
    return bool(session.rows(union, export_id))


_LEAVE: Final = f"""
DELETE FROM pg_temp.taken t USING {SCHEMA}.messages m WHERE m.owner_id = $1 AND m.export_id = ANY($2)
  AND (m.conversation_id, m.message_id) = (t.conversation_id, t.message_id)"""

_HAS_MESSAGES: Final = (
    f"SELECT FROM {SCHEMA}.messages m WHERE m.owner_id = t.owner_id AND m.conversation_id = t.conversation_id"
)

_IS_OWNER: Final = f"""
UPDATE {SCHEMA}.participants SET is_owner = NOT is_owner WHERE owner_id = $1 AND is_owner <> (user_id = owner_id)"""
