"""A session with the database: transactions, statements, COPY of Arrow data.

The one driver of the engine is ADBC: it copies Arrow batches in PostgreSQL's binary format without making Python
objects of them, and runs statements in the same transaction.
"""

import contextlib
import logging
import re
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, Final, ParamSpec, TypeVar

import adbc_driver_manager
import pyarrow as pa

from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.postgres.url import chosen_by, redact

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

UNIQUE_VIOLATION = "23505"

PAUSES: Final = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Seconds between the tries of ``Database.repeatedly``: enough for a server that restarts."""

# Serialization failure, deadlock, too many connections, lock not available, server shuts down, crashed, starts up,
# session idle for too long.
_TRANSIENT: Final = frozenset({"40001", "40P01", "53300", "55P03", "57P01", "57P02", "57P03", "57P05"})

# Digests are of the text of rows, which must not depend on how a server is configured.
_SETTINGS = (
    "application_name = 'skype-assets'",
    "timezone = 'UTC'",
    "datestyle = 'ISO'",
    "bytea_output = 'hex'",
    "extra_float_digits = 1",
    # What a load reads again it has just written: it is in memory, where an index costs less than sorting does.
    "random_page_cost = 1.1",
    # A process that was stopped in the middle of a transaction must not hold its locks for ever (see LEASE_SECONDS).
    "idle_in_transaction_session_timeout = '60s'",
)

# PostgreSQL puts values of rows - message text - into these parts of an error.
_VALUES = re.compile(r"\s*\b(?:DETAIL|CONTEXT|QUERY|STATEMENT|Query was):.*", re.DOTALL)

# Where a statement has a parameter.
_PARAMETER = re.compile(r"\$([0-9]+)")


class Rejected(DatabaseError):
    """PostgreSQL refused a statement, or cannot be reached.

    Attributes:
        sqlstate: says why (PostgreSQL documentation, appendix A); None if it was not the server that said so.
        is_transient: whether it may be otherwise soon: the connection was lost, or the server asks to try again.
    """

    def __init__(self, message: str, sqlstate: str | None = None, *, is_transient: bool = False) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.is_transient = is_transient


class Session:
    """An open connection; nothing commits but ``transaction``.

    What interrupts the caller, as Ctrl-C does, ends the statement under way at once.

    Args:
        url: libpq URL of the database.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._in_transaction = False
        self._is_cancelled = False
        # It brings pandas along: a third of a second that is for those only who connect.
        from adbc_driver_postgresql import dbapi

        try:
            with self._translated():
                self._connection = dbapi.connect(url, conn_kwargs={})
        except Rejected as refused:
            message = f"{refused} (this database was chosen by {chosen_by(url)})"
            raise Rejected(message, refused.sqlstate, is_transient=refused.is_transient) from None
        self._cursor = self._connection.cursor()
        self._thread = ThreadPoolExecutor(1, "session")
        with self.transaction():
            for setting in _SETTINGS:
                self.execute(f"SET {setting}")

    def another(self) -> "Session":
        """Open a further session with the same database."""
        return Session(self._url)

    def cancel(self) -> None:
        """End what another thread does in it: that, and all that follows but ``close``, fails."""
        self._is_cancelled = True
        with contextlib.suppress(adbc_driver_manager.Error):  # the connection may be lost: that ends it as well
            self._connection.adbc_cancel()

    def close(self) -> None:
        """End the session; what is not committed is rolled back by the server."""
        self._thread.submit(self._end).result()
        self._thread.shutdown()

    def _end(self) -> None:
        with contextlib.suppress(adbc_driver_manager.Error):  # the connection may be lost: there is nothing to end
            self._cursor.close()
        self._connection.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def transaction(self) -> Generator[None]:
        """A transaction: committed when the block ends well, rolled back when it does not."""
        self._in_transaction = True
        try:
            yield
            self._call(self._connection.commit)
        except BaseException:
            with contextlib.suppress(Rejected):  # the connection may be gone: the server has rolled back
                self._call(self._connection.rollback)
            raise
        finally:
            self._in_transaction = False

    def execute(self, statement: str, *parameters: Any) -> None:
        """Run a statement; ``$1``, ``$2`` … stand for the parameters."""
        self._call(self._cursor.execute, statement, parameters or None)

    def alone(self, statement: str) -> None:
        """Run a statement that must not be part of a transaction, such as CREATE INDEX CONCURRENTLY."""
        self._call(self._connection.adbc_connection.set_autocommit, True)
        try:
            self.execute(statement)
        finally:
            self._call(self._connection.adbc_connection.set_autocommit, False)

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a query that gives few rows; outside a transaction, in one of its own."""
        with contextlib.nullcontext() if self._in_transaction else self.transaction():
            self.execute(statement, *parameters)
            return self._call(self._cursor.fetchall)

    def batches(self, statement: str, *parameters: str | list[str]) -> Iterator[pa.RecordBatch]:
        """Run a query that gives many rows, as Arrow batches while they arrive.

        Its parameters are texts and arrays of text. They become part of the query: only one without parameters is sent
        as COPY, and of any other the driver has the whole result in memory first.
        """
        self.execute(_PARAMETER.sub(lambda match: _literal(parameters[int(match[1]) - 1]), statement))
        batches = self._call(self._cursor.fetch_record_batch)
        try:
            while (batch := self._call(next, batches, None)) is not None:
                yield batch
        except (OSError, pa.ArrowException) as error:  # here Arrow reads, and knows of an error no more than its kind
            raise self._rejected(error, None, is_transient=isinstance(error, OSError)) from None

    def copy(self, table: str, rows: pa.Table, *, schema: str | None = None) -> None:
        """COPY rows into an existing table; without a schema, into a temporary one."""
        if rows.num_rows:
            self._call(
                self._cursor.adbc_ingest, table, rows, mode="append", db_schema_name=schema, temporary=schema is None
            )

    def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the driver, in the session's own thread.

        In the main thread it would take SIGINT for itself while a statement runs: it cancels the statement, and if
        that has just ended nobody hears of the signal.
        """
        if self._is_cancelled:
            raise Rejected("database: the session was cancelled")
        call = self._thread.submit(function, *args, **kwargs)
        try:
            with self._translated():
                return call.result()
        except BaseException:
            if not call.done():
                self.cancel()
                wait([call])
            raise

    @contextlib.contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except adbc_driver_manager.Error as error:
            raise self._rejected(error, error.sqlstate, is_transient=_is_transient(error)) from None

    def _rejected(self, error: Exception, sqlstate: str | None, *, is_transient: bool) -> Rejected:
        message = " ".join(_VALUES.sub("", redact(str(error), self._url)).split())
        return Rejected(f"database: {message}", sqlstate, is_transient=is_transient)


def _literal(value: str | list[str]) -> str:
    """A text or an array of text as PostgreSQL reads it, however the server is configured."""
    if isinstance(value, str):
        return "E'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
    return f"ARRAY[{', '.join(map(_literal, value))}]::text[]"


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
            time.sleep(pause)
        with self.session() as session:
            return action(session)


def _is_transient(error: adbc_driver_manager.Error) -> bool:
    if error.sqlstate is None:
        return error.status_code == adbc_driver_manager.AdbcStatusCode.IO
    return error.sqlstate in _TRANSIENT or error.sqlstate.startswith("08")
