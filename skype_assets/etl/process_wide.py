"""Switches of the whole process, such as Arrow's memory pool, that runs in several threads want at the same time."""

import gc
import threading
from collections.abc import Callable
from contextlib import ContextDecorator
from types import TracebackType
from typing import Final, Generic, TypeVar

T = TypeVar("T")


class ProcessWide(ContextDecorator, Generic[T]):
    """A context manager or decorator for a switch: the first to enter sets it, the last to leave restores what was.

    Were each to put back what it found, two that overlap would leave the value of the one that began first.

    Args:
        change: sets the switch and returns what it was.
        restore: puts that back.
    """

    def __init__(self, change: Callable[[], T], restore: Callable[[T], None]) -> None:
        self._change = change
        self._restore = restore
        self._lock = threading.Lock()
        self._found: list[T] = []
        self._inside = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._found = [self._change()]
            self._inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._restore(self._found.pop())


def _collect_seldom() -> tuple[int, int, int]:
    before = gc.get_threshold()
    gc.set_threshold(50_000, *before[1:])
    return before


FEW_COLLECTIONS: Final = ProcessWide(_collect_seldom, lambda before: gc.set_threshold(*before))
"""While it is entered, Python looks for cycles after 50,000 new objects, not after every 700.

Rows are many objects without cycles: to look for some that often is a twentieth of extract and of transform.
"""
