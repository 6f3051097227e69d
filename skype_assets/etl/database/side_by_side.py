"""Several sessions with one database, for work that the server does for each of them on a core of its own."""

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TypeVar

from skype_assets.etl.database.session import Session

T = TypeVar("T")


@dataclass(frozen=True)
class SideBySide:
    """Some sessions, each used by one thread at a time.

    Attributes:
        count: how many they are.
    """

    count: int
    _free: SimpleQueue[Session]
    _pool: ThreadPoolExecutor

    @classmethod
    @contextmanager
    def opened(cls, session: Session, count: int) -> Generator["SideBySide"]:
        """A session and further ones with its database, which are closed at the end; after an error none is of use."""
        free: SimpleQueue[Session] = SimpleQueue()
        with ExitStack() as opened:
            sessions = [session, *(opened.enter_context(session.another()) for _ in range(count - 1))]
            for each in sessions:
                free.put(each)
            pool = ThreadPoolExecutor(count)
            opened.callback(pool.shutdown, cancel_futures=True)
            try:
                yield cls(count, free, pool)
            except BaseException:  # nobody wants what is under way
                for each in sessions:
                    each.cancel()
                raise

    def submit(self, action: Callable[[Session], T]) -> Future[T]:
        """Do something as soon as a session is free."""

        def done() -> T:
            with self.one() as session:
                return action(session)

        return self._pool.submit(done)

    @contextmanager
    def one(self) -> Generator[Session]:
        """A session that nobody else uses meanwhile."""
        session = self._free.get()
        try:
            yield session
        finally:
            self._free.put(session)
