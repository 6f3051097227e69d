"""SIGINT, SIGTERM and SIGHUP: each ends a command within two seconds, at whatever instant it comes, and none is lost.

Python raises KeyboardInterrupt wherever the program happens to be: within an import, or within a library that takes it
for an error of its own. So a command raises nothing. A thread hears the signal, also while the main thread is in a
library, and ends the process: nothing that a command leaves behind needs more than what the next one does anyway. An
attempt can end better, and let its task go: while there is one (``gently``) the signal is noted, whoever works or waits
asks for it (``check``), and only what has not ended in time is ended. A second signal ends it at once.

A program that uses the library has handlers of its own, and they are left alone. Where it has none, Ctrl-C is noted
while an attempt is under way, and raised where the attempt asks (``deferred``).

Imported before everything else: nothing here may take long to import.
"""

import os
import select
import signal
import sys
import time
from _thread import allocate_lock, get_ident, start_new_thread
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE: Final = 1.5
"""Seconds that an attempt has to end by itself."""

LOOK: Final = 0.1
"""Seconds between two questions of whoever waits."""

_MOMENT: Final = 0.3


class Interrupted(KeyboardInterrupt):
    """A signal was noted, and somebody asked."""


class _Heard:
    """What was heard, and what is to be done at the end."""

    def __init__(self) -> None:
        self.number = 0
        self.raised: set[int] = set()
        self.is_said = False
        self.is_ending = False
        self.pipe = -1
        self.gentle = 0
        self.deaf_to: frozenset[int] = frozenset()
        self.at_end: dict[object, Callable[[], object]] = {}
        self.last_word: Callable[[], str] = lambda: "interrupted"


_heard = _Heard()


def listen() -> None:
    """From now on signals end this process; those that it was started to ignore, as by ``nohup``, stay ignored."""
    reading, writing = os.pipe()
    _heard.pipe = reading
    os.set_blocking(writing, False)
    start_new_thread(_listen, (reading,))
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave_it_to_the_thread)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def hand_over() -> None:
    """Let signals wait for the program that takes this one's place, until it listens."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    give_way()


def give_way() -> None:
    """Let a signal that was heard end this process, or be noted: what has just failed may have failed by it."""
    while _heard.is_ending or (_heard.pipe >= 0 and select.select([_heard.pipe], [], [], 0.0)[0]):
        time.sleep(_MOMENT / 10)


def listen_no_more() -> None:
    """The command has ended, and with it what a signal could interrupt but Python's own end.

    If it was a signal that has let it end, as the reader's server does, the process ends by that signal.
    """
    give_way()
    for number in SIGNALS:
        if signal.getsignal(number) is _leave_it_to_the_thread:
            signal.signal(number, signal.SIG_DFL)


def is_said() -> None:
    """The last word was said."""
    _heard.is_said = True


def say_at_the_end(last_word: Callable[[], str]) -> None:
    """Have this line said when a signal ends the process."""
    _heard.last_word = last_word


@contextmanager
def at_the_end(do: Callable[[], object]) -> Generator[None]:
    """Have this done, in another thread, if a signal ends the process within the block."""
    key = object()
    _heard.at_end[key] = do
    try:
        yield
    finally:
        del _heard.at_end[key]


@contextmanager
def left_to_a_child(number: int) -> Generator[None]:
    """Within the block a signal is a matter of the child's that has the terminal."""
    before, _heard.deaf_to = _heard.deaf_to, _heard.deaf_to | {number}
    handler = signal.signal(number, _leave_it_to_the_thread)
    try:
        yield
    finally:
        signal.signal(number, handler)
        _heard.deaf_to = before


@contextmanager
def gently() -> Generator[None]:
    """Within the block a signal is noted; what asks (``check``) ends by itself."""
    _heard.gentle += 1
    try:
        yield
        check()
    finally:
        _heard.gentle -= 1


def noted() -> int:
    """The signal that was noted; 0 if there was none."""
    return _heard.number


def check() -> None:
    """End here if a signal was noted.

    Raises:
        Interrupted: it was. Once in every thread: what is done on the way out is not interrupted again.
    """
    if _heard.number and get_ident() not in _heard.raised:
        _heard.raised.add(get_ident())
        raise Interrupted(signal.Signals(_heard.number).name)


def sleep(seconds: float) -> None:
    """Sleep, unless a signal was noted."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        check()
        time.sleep(min(left, LOOK))
    check()


@contextmanager
def temporary_folder() -> Generator["Path"]:
    """A folder for the block, which is gone afterwards, also if a signal ends the process."""
    import shutil
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as name, at_the_end(lambda: shutil.rmtree(name, ignore_errors=True)):
        yield Path(name)


def run_child(command: Sequence[str], *, stdin: str | None = None, **options: Any) -> "CompletedProcess[str]":
    """Run a program to its end, as ``subprocess.run`` does with its output captured; it ends with this process.

    Args:
        command: program and arguments.
        stdin: its input; None = nothing.
        options: those of ``subprocess.Popen``.
    """
    from subprocess import DEVNULL, PIPE, CompletedProcess, Popen, TimeoutExpired

    given = DEVNULL if stdin is None else PIPE
    with Popen(command, stdin=given, stdout=PIPE, stderr=PIPE, text=True, **options) as child, at_the_end(child.kill):
        try:
            while True:
                try:
                    out, err = child.communicate(stdin, timeout=LOOK)
                except TimeoutExpired:
                    stdin = None  # it was given
                    check()
                else:
                    return CompletedProcess(command, child.returncode, out, err)
        except BaseException:
            child.kill()
            raise


@contextmanager
def deferred(*, of_others: bool = False) -> Generator[None]:
    """Within the block, in the main thread, Ctrl-C is noted where Python's own handler would raise it anywhere.

    A second one is raised at once.

    Args:
        of_others: also what others' handlers would raise; they are called when the block ends.
    """
    handler = signal.getsignal(signal.SIGINT)
    is_meant = handler is signal.default_int_handler or (of_others and handler is not _leave_it_to_the_thread)
    if not is_meant or not callable(handler) or not _may_handle(_note_for(handler)):
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        number, _heard.number, _heard.raised = _heard.number, 0, set()
        if number:
            handler(number, None)


def _may_handle(handler: Callable[[int, FrameType | None], None]) -> bool:
    """Install a handler, if this is the main thread, which is where signals arrive."""
    try:
        signal.signal(signal.SIGINT, handler)
    except ValueError:
        return False
    return True


def _note_for(handler: Callable[[int, FrameType | None], Any]) -> Callable[[int, FrameType | None], None]:
    def note(number: int, frame: FrameType | None) -> None:
        if _heard.number:
            handler(number, frame)
        _heard.number = number

    return note


def _leave_it_to_the_thread(_number: int, _frame: FrameType | None) -> None:
    """A handler, so that Python writes the signal's number where the thread reads it."""


def _listen(reading: int) -> None:
    """Hear signals for the life of the process; never blocked by what the main thread does."""
    number = _next(reading, None)
    until = time.monotonic() + PATIENCE
    if _heard.gentle:
        _heard.number = number
        _next(reading, PATIENCE)  # until it has ended by itself, or there is a second one
    _end(number, until + _MOMENT)


def _next(reading: int, seconds: float | None) -> int:
    """The next signal that is meant for this process; 0 if none came in time."""
    until = None if seconds is None else time.monotonic() + seconds
    while select.select([reading], [], [], None if until is None else max(0.0, until - time.monotonic()))[0]:
        (number,) = os.read(reading, 1)
        if number in SIGNALS and number not in _heard.deaf_to:
            return number
    return 0


def _end(number: int, until: float) -> None:
    """End this process: what is left to do may take until then, but no longer."""
    _heard.is_ending = True
    done = allocate_lock()
    done.acquire()
    start_new_thread(_do_what_is_left, (done.release,))
    done.acquire(timeout=max(0.0, until - time.monotonic()))
    with suppress(Exception):
        if not _heard.is_said:
            os.write(sys.stderr.fileno(), f"{_heard.last_word()}\n".encode(errors="backslashreplace"))
    os._exit(128 + number)


def _do_what_is_left(is_done: Callable[[], object]) -> None:
    for do in list(_heard.at_end.values()):
        with suppress(Exception):
            do()
    is_done()
