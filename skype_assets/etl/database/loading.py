"""Loading an export into schema ``skype``: every part in one transaction with its ledger row (promise I2).

Rows are copied straight into the tables. Where a key is there already - another export of the same account, or an
earlier version of the code - PostgreSQL refuses the COPY, and the part is merged in a transaction of its own: the
better copy of a message wins, with all its children. So the key decides, and a first load costs no merge.
"""

import secrets
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from skype_assets.etl import crash_points
from skype_assets.etl.database import completion, superseding
from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.merging import (
    FORGET_NAMES,
    SET_ASIDE_LESSER_THAN_OTHERS,
    forget_changed,
    merge_messages,
    merge_staged,
    stage,
    stage_messages,
    upsert,
)
from skype_assets.etl.database.refreshing import FLAG_DIFFERING, REFRESH, touch
from skype_assets.etl.database.rejoining import lock_of_account, rejoin
from skype_assets.etl.database.replacing import Made, Replacement
from skype_assets.etl.database.session import UNIQUE_VIOLATION, Rejected, Session
from skype_assets.etl.errors import DatabaseError, Fenced
from skype_assets.etl.processes import Tenure
from skype_assets.etl.schema.tables import TABLES

HEAD: Final = 0
"""The part that the others refer to: conversations, participants, media."""

LOADED: Final = ("complete", "partial")
"""What is said of an export of which all is loaded, or all that could be read."""

STATUS: Final = "CASE WHEN {}.unreadable_bytes IS NULL THEN 'complete' ELSE 'partial' END"
"""What is said of a row of ``exports`` once it is loaded, as SQL."""

_IN_A_FOLDER: Final = Tenure("", 0)
"""Where a task is in a folder alone: its lock lets one attempt at a time register."""

_FIGURES: Final = ("messages_seen", "messages_loaded", "messages_duplicate", "messages_rejected", "conversation_count")


@dataclass(frozen=True)
class Claim:
    """The right of one attempt to load one export, as processes hand it on.

    ``nonce`` is of this attempt alone: where an older database is restored, another one may get its number.
    ``replaces`` says that rows of another version of the code are there, which its rows replace.
    """

    export_id: str
    owner_id: str
    code_version: str
    attempt: int
    nonce: str
    replaces: bool = False


@dataclass(frozen=True)
class Loader:
    """A claim in a session. Every commit checks the claim against the database (promise I5)."""

    session: Session
    claim: Claim

    @classmethod
    def register(cls, session: Session, export: pa.Table, tenure: Tenure | None = None) -> "Loader":
        """Announce an export (one row of ``exports``) and take it over from any earlier attempt.

        Args:
            session: with the database.
            export: the row.
            tenure: which attempt it is, if other machines may make some of the same task.

        Raises:
            Fenced: a later attempt at the same task has registered; nothing was changed.
        """
        export_id, owner_id, code_version = (
            export[name][0].as_py() for name in ("export_id", "owner_id", "code_version")
        )
        _end_sessions(session, export_id, tenure)
        with session.transaction():
            lock_owner(session, owner_id)
            stage(session, "exports", export)
            session.execute(
                f"INSERT INTO {SCHEMA}.exports SELECT * FROM pg_temp.staging_exports ON CONFLICT (export_id) DO NOTHING"
            )
            session.execute(
                f"UPDATE {SCHEMA}.exports SET started_at = now() WHERE export_id = $1 AND started_at IS NULL", export_id
            )
            # It stays what it was until all rows are replaced, and what is left over is gone.
            made_by = session.rows(f"SELECT code_version FROM {SCHEMA}.exports WHERE export_id = $1", export_id)
            attempt, nonce = _next_attempt(session, export_id, tenure)
        return cls(session, Claim(export_id, owner_id, code_version, attempt, nonce, made_by != [(code_version,)]))

    @classmethod
    def take_over(cls, session: Session, export_id: str, owner_id: str, tenure: Tenure | None = None) -> "Loader":
        """Take an export that is there over from any earlier attempt, to take it out: nothing is announced.

        Raises:
            Fenced: see ``register``.
        """
        _end_sessions(session, export_id, tenure)
        with session.transaction():
            attempt, nonce = _next_attempt(session, export_id, tenure)
        return cls(session, Claim(export_id, owner_id, "", attempt, nonce))

    @contextmanager
    def transaction(self, *, is_alone: bool = True) -> Generator[None]:
        """A fenced transaction: alone with the account, or beside other parts of the export.

        Parts of two exports of an account are never beside each other: they may have the same messages in other orders,
        and each would wait for what the other has.
        """
        with self.session.transaction():
            completion.hold_off_completion(self.session)
            self.session.execute(f"SET LOCAL application_name = '{_session_name(self.claim.export_id)}'")
            # Before the claim, as in ``register``: whoever has one of the two must not wait for the other.
            lock_owner(self.session, self.claim.owner_id, "" if is_alone or self._has_company() else "_shared")
            self.check()
            yield

    def check(self) -> None:
        """Within a transaction: this attempt still owns the export, and keeps it until the transaction ends.

        Raises:
            Fenced: another attempt has taken over.
        """
        rows = self.session.rows(
            f"SELECT attempt, nonce FROM {SCHEMA}.attempts WHERE export_id = $1 FOR SHARE", self.claim.export_id
        )
        if rows != [(self.claim.attempt, self.claim.nonce)]:
            raise Fenced(
                f"export {self.claim.export_id}: another attempt loads it now; this one stops and commits nothing"
            )

    def commit(self, part: int, checksum: str, tables: Mapping[str, pa.Table], *, again: bool = False) -> None:
        """Load the tables of any part, ``again`` if rows of it are gone: the export is not complete until it ends."""
        if part == HEAD:
            self.commit_head(part, checksum, tables, again=again)
        else:
            self.commit_part(part, checksum, tables, again=again)

    def commit_part(self, part: int, checksum: str, tables: Mapping[str, pa.Table], *, again: bool = False) -> None:
        """Load the tables of a part of messages, all or nothing, with the ledger row.

        ``again`` if rows of it are gone: then also those are replaced that are there and are the same copy.
        """
        if self.claim.replaces:
            with self._part(part, checksum, tables, again=again):
                self._replace_messages(tables)
                crash_points.reached("part merged")
            return
        if superseding.are_there(self.session, self.claim.export_id, tables) or not self._copied(
            part, checksum, tables, again
        ):
            with self._part(part, checksum, tables, again=again):
                merge_messages(self.session, "" if again else self.claim.code_version, tables)
                crash_points.reached("part merged")

    def _copied(self, part: int, checksum: str, tables: Mapping[str, pa.Table], again: bool) -> bool:
        """Copy the tables of a part to where nothing is yet; False, and nothing is done, if something is."""
        try:
            with self._part(part, checksum, tables, is_alone=False, again=again):
                for name in TABLES:
                    if name in tables:
                        self.session.copy(name, tables[name], schema=SCHEMA)
                crash_points.reached("part copied")
        except Rejected as error:
            if error.sqlstate != UNIQUE_VIOLATION:
                raise
            return False
        return True

    def commit_head(self, part: int, checksum: str, tables: Mapping[str, pa.Table], *, again: bool = False) -> None:
        """Load conversations, participants and media, which the parts of messages refer to."""
        with self._part(part, checksum, tables, again=again):
            for name, rows in tables.items():
                stage(self.session, name, rows)
            if self.claim.replaces:
                self._replacement.prepare_head(is_alone=not self._has_company())
            for name in tables:
                self.session.execute(upsert(name))
            self.session.execute(FORGET_NAMES, self.claim.export_id)

    @property
    def _replacement(self) -> Replacement:
        return Replacement(self.session, self.claim.export_id, self.claim.owner_id, self.claim.code_version)

    def _replace_messages(self, tables: Mapping[str, pa.Table]) -> None:
        """Like ``merge_messages``, and whatever older code made of a message of this export is of no account."""
        stage_messages(self.session, tables)
        self._replacement.count_staged("rejects")
        forget_changed(self.session)
        if self._replacement.lets_others_win():
            self._replacement.recall_others()
        self.session.execute(SET_ASIDE_LESSER_THAN_OTHERS)
        self._replacement.count_messages()
        merge_staged(self.session)

    @contextmanager
    def _part(
        self, part: int, checksum: str, tables: Mapping[str, pa.Table], *, is_alone: bool = True, again: bool
    ) -> Generator[None]:
        """The transaction of a part, with its ledger row."""
        with self.transaction(is_alone=is_alone):
            yield
            self._enter(part, checksum, tables)
            if again:
                self.session.execute(_NOT_COMPLETE, self.claim.export_id)
            crash_points.reached("part in ledger")
        crash_points.reached("part committed")

    def _enter(self, part: int, checksum: str, tables: Mapping[str, pa.Table]) -> None:
        self.session.execute(
            f"INSERT INTO {SCHEMA}.load_parts (export_id, part, attempt, rows, checksum, committed_at) "
            "VALUES ($1, $2, $3, $4, $5, now()) "
            "ON CONFLICT (export_id, part) DO UPDATE SET attempt = excluded.attempt, "
            "rows = excluded.rows, checksum = excluded.checksum, "
            "committed_at = excluded.committed_at",
            self.claim.export_id, part, self.claim.attempt, sum(rows.num_rows for rows in tables.values()), checksum,
        )  # fmt: skip

    def _has_company(self) -> bool:
        """Whether the account has other exports in the database."""
        company = f"SELECT EXISTS (SELECT FROM {SCHEMA}.exports WHERE owner_id = $1 AND export_id <> $2)"
        return self.session.rows(company, self.claim.owner_id, self.claim.export_id)[0][0]

    def ledger(self) -> dict[int, str]:
        """Checksum of each committed part."""
        return ledger(self.session, self.claim.export_id)

    def remove_left_over(self, conversations: pa.Table, made: Made) -> None:
        """After the last part: if the claim replaces what older code made, remove what is beside the new rows.

        Args:
            conversations: ids of the export's conversations, column conversation_id.
            made: the keys of all its rows.
        """
        if self.claim.replaces:
            with self.transaction():
                lock_of_account(self.session, self.claim.owner_id)
                touch(self.session, conversations)
                self._replacement.remove_left_over(made)
                self._refresh()
            crash_points.reached("left-over rows removed")

    def finish(
        self,
        exports: pa.Table,
        conversations: pa.Table,
        sessions: int = 1,
        completed: Callable[[str], None] = lambda table: None,
        last_part: int | None = None,
        *,
        defers_keys: bool = False,
    ) -> None:
        """After the last part: complete the schema, bring figures over several exports up to date, say it is loaded.

        Args:
            exports: the export's row.
            conversations: ids of its conversations, column conversation_id.
            sessions: how many complete the schema side by side.
            completed: called with the name of each table that has just got its indexes and foreign keys.
            last_part: its number; what the ledger has after it is of an earlier load, in smaller parts.
            defers_keys: whether foreign keys are left to whoever completes the schema after the last of many loads.
        """
        completion.complete(self.session, sessions, completed, defers_keys=defers_keys)
        with self.transaction():
            touch(self.session, conversations)
            stage(self.session, "exports", exports)
            columns = [c.name for c in TABLES["exports"].columns if c.name not in ("started_at", "loaded_at", "status")]
            self.session.execute(
                f"UPDATE {SCHEMA}.exports e SET ({', '.join(columns)}, loaded_at, status) = "
                f"ROW({', '.join(f's.{c}' for c in columns)}, now(), {STATUS.format('s')}) "
                "FROM pg_temp.staging_exports s WHERE e.export_id = s.export_id "
                f"AND (e.status <> {STATUS.format('s')} OR ({', '.join(f'e.{c}' for c in columns)}) "
                f"IS DISTINCT FROM ({', '.join(f's.{c}' for c in columns)}))"
            )
            if last_part is not None:
                further = f"DELETE FROM {SCHEMA}.load_parts WHERE export_id = $1 AND part > $2"
                self.session.execute(further, self.claim.export_id, last_part)
            self._refresh()
        crash_points.reached("load finished")

    def _refresh(self) -> None:
        """Within a transaction: bring up to date what depends on several exports, of the conversations touched."""
        rejoin(self.session, self.claim.owner_id)
        if self._has_company():  # with the name that the export's row has for the owner
            for statement in (FLAG_DIFFERING, *REFRESH):
                self.session.execute(statement, self.claim.owner_id)


_NOT_COMPLETE: Final = f"""
UPDATE {SCHEMA}.exports SET status = 'loading', loaded_at = NULL WHERE export_id = $1 AND status <> 'loading'"""


def require_loaded(session: Session) -> None:
    """Refuse a database into which nothing was ever loaded.

    Raises:
        DatabaseError: it is such a one.
    """
    if session.rows("SELECT to_regclass($1) IS NULL", f"{SCHEMA}.load_parts")[0][0]:
        raise DatabaseError("no export is loaded in this database: load one with `skype-assets run FILE`")


def ledger(session: Session, export_id: str) -> dict[int, str]:
    """Checksum of each committed part of an export; empty if the database does not know it."""
    found = session.rows("SELECT to_regclass($1) IS NOT NULL", f"{SCHEMA}.load_parts")
    if not found[0][0]:
        return {}
    return dict(session.rows(f"SELECT part, checksum FROM {SCHEMA}.load_parts WHERE export_id = $1", export_id))


def is_complete(session: Session, export: pa.Table, *, defers_keys: bool = False) -> bool:
    """Whether an export, the row that it must have in ``exports``, is complete there, in a schema that is.

    The schema may lack foreign keys, if it ``defers_keys``.

    All is asked: a database that was restored may be one of before the last transactions of the load.
    """
    if not session.rows("SELECT to_regclass($1) IS NOT NULL", f"{SCHEMA}.exports")[0][0]:
        return False
    export_id = export["export_id"][0].as_py()
    status = session.rows(f"SELECT status FROM {SCHEMA}.exports WHERE export_id = $1", export_id)
    said = LOADED[export["unreadable_bytes"][0].is_valid]
    if status != [(said,)] or not counts_as(session, export):
        return False
    return completion.is_complete(session, defers_keys=defers_keys)


def counts_as(session: Session, export: pa.Table) -> bool:
    """Whether the row of an export in ``exports`` has the figures that it must have."""
    expected = tuple(export[name][0].as_py() for name in _FIGURES)
    query = f"SELECT {', '.join(_FIGURES)} FROM {SCHEMA}.exports WHERE export_id = $1"
    return session.rows(query, export["export_id"][0].as_py()) == [expected]


def _session_name(export_id: str) -> str:
    return f"skype-assets loads {export_id}"


def _end_sessions(session: Session, export_id: str, tenure: Tenure | None) -> None:
    if tenure is not None:  # a frozen attempt that wakes up must not end those of the one that took over
        (is_later,) = session.rows(
            f"SELECT coalesce(max((epochs ->> $2)::bigint) > $3, false) FROM {SCHEMA}.attempts WHERE export_id = $1",
            export_id,
            *tenure,
        )[0]
        if is_later:
            raise _taken_over(export_id, tenure)
    # An attempt whose process was stopped in the middle of a COPY would hold its locks for ever: the server waits for
    # the rest, and its time limit for idle transactions does not count. What it had begun is rolled back.
    session.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = $1 AND datname = current_database() AND pg_has_role(usesysid, 'USAGE')",
        _session_name(export_id),
    )


def _next_attempt(session: Session, export_id: str, tenure: Tenure | None) -> tuple[int, str]:
    # Of attempts at one task the greater epoch goes first, whenever it comes; one at another task takes over.
    rows = session.rows(
        f"INSERT INTO {SCHEMA}.attempts AS a (export_id, attempt, nonce, epochs) "
        "VALUES ($1, 1, $2, CASE WHEN $4 > 0 THEN jsonb_build_object($3::text, $4::bigint) END) "
        "ON CONFLICT (export_id) DO UPDATE SET attempt = a.attempt + 1, nonce = excluded.nonce, "
        "epochs = CASE WHEN $4 > 0 THEN coalesce(a.epochs, '{}') || excluded.epochs ELSE a.epochs END "
        "WHERE $4 >= coalesce((a.epochs ->> $3)::bigint, 0) RETURNING attempt, nonce",
        export_id,
        secrets.token_hex(16),
        *(tenure or _IN_A_FOLDER),
    )
    if not rows:
        assert tenure is not None, "only an epoch is refused"
        raise _taken_over(export_id, tenure)
    return rows[0]


def _taken_over(export_id: str, tenure: Tenure) -> Fenced:
    return Fenced(
        f"export {export_id}: attempt {tenure.epoch} at its task was taken over by a later one, which loads it; this "
        "one stops and commits nothing"
    )


def lock_owner(session: Session, owner_id: str, mode: str = "") -> None:
    """Lock an account: parts may go side by side (``_shared``), who merges is alone; it ends with the transaction."""
    session.execute(f"SELECT pg_advisory_xact_lock{mode}(hashtextextended($1, 0))", owner_id)
