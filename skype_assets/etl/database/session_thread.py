"""The thread that calls the database's driver for a session.

In the main thread the driver would take SIGINT for itself while a statement runs: it cancels the statement, and if that
has just ended nobody hears of the signal. Not an executor of the standard library: whoever is interrupted while he
takes one of its locks waits for it ever after.
"""

from _thread import allocate_lock
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, Generic, ParamSpec, TypeVar

from skype_assets.etl import interruption

P = ParamSpec("P")
T = TypeVar("T")


class SessionThread:
    """Calls one function after the other; the caller waits for each."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[_Call[Any] | None] = SimpleQueue()
        Thread(target=self._work, name="session", daemon=True).start()

    def call(
        self,
        cancel: Callable[[], object],
        meanwhile: Callable[[], object],
        function: Callable[P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call a function, and give what it gives; ``meanwhile`` is called now and then until it ends.

        What interrupts the wait, or a signal that was noted, has the call end by ``cancel`` first.
        """
        call = _Call(lambda: function(*args, **kwargs))
        self._calls.put(call)
        try:
            while not call.has_ended(interruption.LOOK):
                interruption.check()
                meanwhile()
        except BaseException:
            if not call.is_done:
                cancel()
                while not call.has_ended(interruption.LOOK):
                    pass
            raise
        return call.result()

    def finish(self, function: Callable[[], object]) -> None:
        """Call a function, whatever was noted."""
        call = _Call(function)
        self._calls.put(call)
        while not call.has_ended(interruption.LOOK):
            pass
        call.result()

    def close(self) -> None:
        """End, after what is under way."""
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call.do()


class _Call(Generic[T]):
    """A call, and how it ended."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._value: T | None = None
        self._error: BaseException | None = None
        self._ended = allocate_lock()
        self._ended.acquire()
        self.is_done = False

    def do(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:  # noqa: BLE001 - the caller gets it
            self._error = error
        self.is_done = True
        self._ended.release()

    def has_ended(self, seconds: float) -> bool:
        # The flag first: who was interrupted just after the lock was acquired would not get it again.
        return self.is_done or (self._ended.acquire(timeout=seconds) or self.is_done)

    def result(self) -> T:
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # with its traceback it would keep this object
        return self._value  # pyright: ignore[reportReturnType] - it was called
