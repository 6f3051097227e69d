"""Sessions that can only read, kept between pages: each page is made from one snapshot of the database."""

import contextlib
from collections.abc import Callable, Generator
from queue import Empty, LifoQueue
from typing import Final

from skype_assets.etl.database.loading import require_loaded
from skype_assets.etl.database.session import Rejected, Session

TIMED_OUT: Final = "57014"
"""SQLSTATE of a statement that took longer than ``TIMEOUT_SECONDS``."""

TIMEOUT_SECONDS: Final = 10

# For each transaction, as what ``Session`` sets for it is not meant for a reader. With less memory, the planner would
# look through what it cannot hash for every message again; compiling takes longer than a page may.
_SETTINGS: Final = f"""
SELECT set_config('timezone', $1, true), set_config('statement_timeout', '{TIMEOUT_SECONDS}s', true),
       set_config('work_mem', '64MB', true), set_config('jit', 'off', true)"""

_PATIENT: Final = """
SELECT set_config('timezone', $1, true), set_config('idle_in_transaction_session_timeout', '0', true),
       set_config('work_mem', '64MB', true), set_config('jit', 'off', true)"""


class Snapshots:
    """Read-only sessions with a database; any number of threads may use them side by side.

    Args:
        url: finds the database, at the first use and after its server was away.
        time_zone: IANA name; days and months are those of this zone.
        is_patient: whether statements, and what is done between them, may take as long as they take.
    """

    def __init__(self, url: Callable[[], str], time_zone: str = "UTC", *, is_patient: bool = False) -> None:
        self._url = url
        self._settings = _PATIENT if is_patient else _SETTINGS
        self.time_zone = time_zone
        self._idle: LifoQueue[Session] = LifoQueue()

    @contextlib.contextmanager
    def snapshot(self) -> Generator[Session]:
        """A session in a transaction that sees the database as it is now.

        Raises:
            Rejected: the database refuses; its ``sqlstate`` is ``TIMED_OUT`` if a statement took too long.
        """
        session, transaction = self._begun()
        try:
            with transaction:
                session.rows(self._settings, self.time_zone)
                yield session
        except Rejected as refused:
            if refused.is_transient:
                session.close()
            else:
                self._idle.put(session)
            raise
        except BaseException:
            session.close()
            raise
        self._idle.put(session)

    def close(self) -> None:
        """End all sessions that nobody uses."""
        with contextlib.suppress(Empty):
            while True:
                self._idle.get_nowait().close()

    def _begun(self) -> tuple[Session, contextlib.ExitStack]:
        """A session, and the transaction that has begun in it: of one that was kept the server may have gone."""
        with contextlib.suppress(Empty):
            while True:
                session = self._idle.get_nowait()
                try:
                    return session, _transaction(session)
                except Rejected:
                    session.close()
        session = self._opened()
        try:
            return session, _transaction(session)
        except BaseException:
            session.close()
            raise

    def _opened(self) -> Session:
        session = Session(self._url(), read_only=True)
        try:
            require_loaded(session)
        except BaseException:
            session.close()
            raise
        return session


def _transaction(session: Session) -> contextlib.ExitStack:
    """One that has begun."""
    with contextlib.ExitStack() as transaction:
        transaction.enter_context(session.transaction(snapshot=True))
        return transaction.pop_all()
