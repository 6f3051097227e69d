"""A session with the database: transactions, statements, COPY of Arrow data.

The one driver of the engine is ADBC: it copies Arrow batches in PostgreSQL's binary format without making Python
objects of them, and runs statements in the same transaction.
"""

import contextlib
import logging
import re
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import adbc_driver_manager
import pyarrow as pa

from skype_assets.etl import interruption
from skype_assets.etl.database import endings, instants, settings
from skype_assets.etl.database.session_thread import SessionThread
from skype_assets.etl.database.waiting import HOLDERS, Watch
from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.postgres.url import chosen_by, redact, with_keywords, with_options

if TYPE_CHECKING:
    from adbc_driver_manager import dbapi

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

UNIQUE_VIOLATION = "23505"
LOCK_NOT_AVAILABLE = "55P03"
NO_PRIVILEGE = "42501"
READ_ONLY = "25006"

_COPIED_BYTES: Final = 8 << 20

_TRIES: Final = 3
"""Of opening a session that is ended when it has just begun."""

PAUSES: Final = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Seconds between the tries of ``Database.repeatedly``: enough for a server that restarts."""

# PostgreSQL puts values of rows - message text - into these parts of an error.
_VALUES = re.compile(r"\s*\b(?:DETAIL|CONTEXT|QUERY|STATEMENT|Query was):.*", re.DOTALL)

# Where a statement has a parameter.
_PARAMETER = re.compile(r"\$([0-9]+)")

# What does not stand for itself between quotation marks: these, backslashes, and all but printable ASCII.
_UNPLAIN = re.compile(r"[^ -&(-\[\]-~]")


class Rejected(DatabaseError):
    """PostgreSQL refused a statement, or cannot be reached.

    Attributes:
        sqlstate: says why (PostgreSQL documentation, appendix A); None if it was not the server that said so.
        is_transient: whether it may be otherwise soon: the connection was lost, or the server asks to try again.
        is_lost: whether it is transient, and a session had begun.
    """

    def __init__(
        self, message: str, sqlstate: str | None = None, *, is_transient: bool = False, is_lost: bool = False
    ) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.is_transient = is_transient
        self.is_lost = is_lost


class Session:
    """Transactions with a database; nothing commits but ``transaction``.

    Nothing that a transaction needs is expected to survive from the one before it (see ``settings``), so that a pooler
    may stand between. A connection that was lost between two transactions is replaced by another one.
    What interrupts the caller, as Ctrl-C does, ends the statement under way at once.

    Args:
        url: libpq URL of the database.
        read_only: whether no transaction may write; then a standby will do.
        is_watched: whether it is looked for who holds a lock that is waited for long.

    Raises:
        DatabaseError: the database cannot be reached, or cannot be used: why, and what to do.
    """

    def __init__(self, url: str, *, read_only: bool = False, is_watched: bool = True) -> None:
        self._url = url
        self._read_only = read_only
        self._is_watched = is_watched
        self._in_transaction = False
        self._is_cancelled = False
        self._options = dict(settings.CONNECTING)
        self._role = ""
        self._process = 0
        self._thread = SessionThread()
        try:
            self._open()
        except BaseException:
            self._thread.close()
            raise

    def _open(self) -> None:
        for left in reversed(range(_TRIES)):
            try:
                self._connect()
                return
            except Rejected as refused:
                if left and refused.is_lost:
                    self._options |= settings.AGAINST_ENDING
                    continue
                slow = endings.STATEMENT_TIMEOUT if "due to statement timeout" in str(refused) else ""
                message = f"{refused}{slow} (this database was chosen by {chosen_by(self._url)})"
                raise Rejected(message, refused.sqlstate, is_transient=refused.is_transient) from None

    def _connect(self) -> None:
        self._connection = self._connected()
        # Statements without a result go as they are, several at a time; with a cursor they would be prepared.
        self._plain = self._connection.cursor()
        self._cursor = self._connection.cursor()
        try:
            self._inspect()
        except BaseException:
            self._disconnect()
            raise

    def _connected(self) -> "dbapi.Connection":
        # Outside the command line it brings pandas along: a third of a second that is for those only who connect.
        from adbc_driver_postgresql import dbapi

        # What the driver asks by itself when it connects is in no transaction of ours.
        url = with_keywords(self._url, client_encoding="UTF8", fallback_application_name=settings.APPLICATION)
        while True:
            try:
                with self._translated():
                    return dbapi.connect(with_options(url, self._options), conn_kwargs={}, autocommit=True)
            except Rejected as refused:
                names = endings.refused_options(str(refused), self._options)
                if refused.is_lost or not names:
                    raise
                self._options = {name: value for name, value in self._options.items() if name not in names}

    def _inspect(self) -> None:
        """Whether the server is one on which a load can be right."""
        self._role = ""
        try:
            self._call(self._begin, read_only=True)
        except Rejected as refused:
            if refused.sqlstate == NO_PRIVILEGE:
                raise DatabaseError(f"{refused}{settings.NOT_ALLOWED}") from None
            raise
        with self._committed():
            surroundings = settings.Surroundings(*self.rows(settings.INSPECTION)[0])
            surroundings.check(read_only=self._read_only)
            settings.check_canary(*self.rows(settings.CANARY)[0])
        self._role = surroundings.role

    def another(self) -> "Session":
        """Open a further session with the same database."""
        return Session(self._url, read_only=self._read_only)

    def cancel(self) -> None:
        """End what another thread does in it: that, and all that follows but ``close``, fails."""
        self._is_cancelled = True
        with contextlib.suppress(adbc_driver_manager.Error):  # the connection may be lost: that ends it as well
            self._connection.adbc_cancel()

    def close(self) -> None:
        """End the session; what is not committed is rolled back by the server."""
        self._disconnect()
        self._thread.close()

    def _disconnect(self) -> None:
        self._thread.finish(self._end)

    def _end(self) -> None:
        for part in (self._plain, self._cursor):
            with contextlib.suppress(adbc_driver_manager.Error):  # the connection may be lost: there is nothing to end
                part.close()
        self._connection.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def transaction(self, *, snapshot: bool = False, temporary: bool = False) -> Generator[None]:
        """A transaction: committed when the block ends well, rolled back when it does not; within another, part of it.

        Args:
            snapshot: whether it sees all tables as they are at one instant, whoever commits meanwhile; then it may not
                write.
            temporary: whether it makes temporary tables, for which a read-only session, too, has to be allowed to
                write; the caller writes to nothing else.
        """
        if self._in_transaction:
            yield
            return
        read_only = not temporary and (self._read_only or snapshot)
        begin = partial(self._begin, read_only=read_only, snapshot=snapshot)
        try:
            self._call(begin)
        except Rejected as error:
            if not error.is_transient:
                raise
            # The server, or a pooler, has ended the connection since the last transaction: nothing was in it.
            self._options |= settings.AGAINST_ENDING
            self._disconnect()
            self._open()
            self._call(begin)
        with self._committed():
            yield

    @contextlib.contextmanager
    def _committed(self) -> Generator[None]:
        """The rest of a transaction that has begun."""
        self._in_transaction = True
        try:
            yield
            self._call(self._commit)
        except BaseException:
            with contextlib.suppress(Rejected):  # the connection may be gone: the server has rolled back
                self._call(self._roll_back)
            raise
        finally:
            self._in_transaction = False

    # A driver that does not commit by itself begins a transaction at once, with whatever it is set to then, and has one
    # open for ever: a pooler would keep a server process for it.

    def _begin(self, *, read_only: bool, snapshot: bool = False) -> None:
        try:
            self._connection.adbc_connection.set_autocommit(False)
            statement = self._plain.adbc_statement
            statement.set_sql_query(settings.opening(self._role, read_only=read_only, snapshot=snapshot))
            statement.execute_update()
            self._cursor.execute("SELECT pg_backend_pid()")
            self._process = self._cursor.fetchall()[0][0]
        except BaseException:
            with contextlib.suppress(adbc_driver_manager.Error):
                self._roll_back()
            raise

    def _commit(self) -> None:
        self._connection.adbc_connection.set_autocommit(True)

    def _roll_back(self) -> None:
        self._connection.adbc_connection.rollback()
        self._connection.adbc_connection.set_autocommit(True)

    def execute(self, statement: str, *parameters: Any) -> None:
        """Within a transaction: run a statement; ``$1``, ``$2`` … stand for the parameters."""
        assert self._in_transaction, "elsewhere nothing is set that it depends on"
        self._call(self._cursor.execute, statement, parameters or None)

    def alone(self, statement: str) -> None:
        """Run a statement that must not be part of a transaction, such as CREATE INDEX CONCURRENTLY.

        What ``settings`` sets for a transaction is not set for it.
        """
        assert not self._in_transaction
        self._call(self._cursor.execute, statement, None)

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a query that gives few rows; outside a transaction, in one of its own.

        An instant for which Python has no object is the nearest for which it has one.
        """
        return instants.rows(self.table(statement, *parameters))

    def table(self, statement: str, *parameters: Any) -> pa.Table:
        """The same, as Arrow."""
        with contextlib.nullcontext() if self._in_transaction else self.transaction():
            self.execute(statement, *parameters)
            return self._call(self._cursor.fetch_arrow_table)

    def batches(self, statement: str, *parameters: str | list[str]) -> Iterator[pa.RecordBatch]:
        """Run a query that gives many rows, as Arrow batches while they arrive.

        Its parameters are texts and arrays of text. They become part of the query: only one without parameters is sent
        as COPY, and of any other the driver has the whole result in memory first.
        """
        self.execute(spelled(statement, *parameters))
        batches = self._call(self._cursor.fetch_record_batch)
        try:
            while (batch := self._call(next, batches, None)) is not None:
                yield batch
        except (OSError, pa.ArrowException) as error:  # here Arrow reads, and knows of an error no more than its kind
            raise self._rejected(error, None, is_transient=isinstance(error, OSError)) from None

    def copy(self, table: str, rows: pa.Table, *, schema: str | None = None) -> None:
        """Within a transaction: COPY rows into an existing table; without a schema, into a temporary one.

        The driver makes a message of each batch of rows, as the server gets it; a batch is a few megabytes.
        """
        assert self._in_transaction, "elsewhere nothing is set that it depends on"
        if rows.num_rows:
            some = max(1, _COPIED_BYTES * rows.num_rows // max(rows.nbytes, 1))
            batches = rows.to_reader(some)
            self._call(
                self._cursor.adbc_ingest, table, batches, mode="append", db_schema_name=schema, temporary=schema is None
            )

    def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the driver, in the session's own thread."""
        if self._is_cancelled:
            raise Rejected("database: the session was cancelled")
        watch = Watch(self._holders) if self._is_watched else None
        with self._translated(watch):
            return self._thread.call(self.cancel, watch.look if watch else _look_at_nothing, function, *args, **kwargs)

    def _holders(self) -> list[tuple[Any, ...]]:
        """Who holds what the statement under way waits for."""
        process = self._process
        with Session(self._url, read_only=True, is_watched=False) as beside:
            return beside.rows(HOLDERS, process)

    @contextlib.contextmanager
    def _translated(self, watch: Watch | None = None) -> Generator[None]:
        try:
            yield
        except adbc_driver_manager.Error as error:
            is_locked = error.sqlstate == LOCK_NOT_AVAILABLE
            why = f"; the lock is held by {watch.holders}" if is_locked and watch and watch.holders else ""
            raise self._rejected(error, error.sqlstate, is_transient=endings.is_transient(error), why=why) from None

    def _rejected(self, error: Exception, sqlstate: str | None, *, is_transient: bool, why: str = "") -> Rejected:
        message = " ".join(_VALUES.sub("", redact(endings.words(error), self._url)).split())
        if (known := endings.ending(message)) and sqlstate in (None, known.sqlstate):
            sqlstate, why, is_transient = known.sqlstate, f": {known.advice}", known.is_transient
        is_lost = is_transient and not endings.is_unreachable(error)
        return Rejected(f"database: {message}{why}", sqlstate, is_transient=is_transient, is_lost=is_lost)


def _look_at_nothing() -> None:
    """What a session looks at while it waits, if it is not watched."""


def spelled(statement: str, *parameters: str | list[str]) -> str:
    """A statement with its parameters in it, in ASCII: PostgreSQL reads it alike however it and its client are set."""
    return _PARAMETER.sub(lambda match: _literal(parameters[int(match[1]) - 1]), statement)


def _literal(value: str | list[str]) -> str:
    if isinstance(value, str):
        return f"E'{_UNPLAIN.sub(_escaped, value)}'"
    return f"ARRAY[{', '.join(map(_literal, value))}]::text[]"


def _escaped(sign: re.Match[str]) -> str:
    if (known := sign[0]) in "'\\":
        return {"'": "''", "\\": "\\\\"}[known]
    return f"\\u{ord(known):04x}" if ord(known) <= 0xFFFF else f"\\U{ord(known):08x}"


class Database:
    """A database, and a session with it that is kept between uses: to open one costs as much as to load a small part.

    A copy in another process, which nobody closes, keeps none.

    Args:
        url: libpq URL of the database.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._keeps = True
        self._kept: Session | None = None

    def __getstate__(self) -> dict[str, object]:
        return {"_url": self._url, "_keeps": False, "_kept": None}

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        if self._kept is not None:
            self._kept.close()

    @contextlib.contextmanager
    def session(self) -> Generator[Session]:
        """A session; after an error it is not used again."""
        session, self._kept = self._kept or Session(self._url), None
        try:
            yield session
        except BaseException:
            session.close()
            raise
        if self._keeps:
            self._kept = session
        else:
            session.close()

    def repeatedly(self, action: Callable[[Session], T]) -> T:
        """Do something in a session; after a transient error again, in another session, a few times.

        ``action`` must be safe to repeat: when a connection is lost, its last COMMIT may have been done or not.
        """
        for pause in PAUSES:
            try:
                with self.session() as session:
                    return action(session)
            except Rejected as error:
                if not error.is_transient:
                    raise
                logger.warning("%s; tried again in %g s", error, pause)
            interruption.sleep(pause)
        with self.session() as session:
            return action(session)
