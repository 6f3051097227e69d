"""Who does the parts of a phase, or of a hand-over: this process, or several, or an executor that the caller lends."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import chain, islice
from multiprocessing import resource_tracker as multiprocessing_tracker
from typing import Final, ParamSpec, TypeVar

import pyarrow as pa
from loky import ProcessPoolExecutor
from loky.backend import get_context
from loky.backend import resource_tracker as loky_tracker

from skype_assets.etl import interruption
from skype_assets.etl.errors import WorkerLost
from skype_assets.etl.phases.phase import Done
from skype_assets.etl.process_wide import ProcessWide

P = ParamSpec("P")
T = TypeVar("T")

_SILENT_TRACKER: Final = "ignore:resource_tracker:UserWarning"

_malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""The C library's, if it is GNU's."""


def in_order(
    work: Iterable[Callable[[], T]],
    workers: int,
    suspects: int = 0,
    lent: Executor | None = None,
    *,
    alone_for: float = 0.0,
    waiting: int = 0,
    helps: bool = False,
) -> Generator[T]:
    """Results of the parts in their order, with at most ``workers`` of them under way.

    Args:
        work: the parts.
        workers: number of processes that do them, or of parts that are with ``lent``.
        suspects: so many of the first ones, which may kill the process that does them, are done one by one in another.
        lent: what does them, if it is not processes of this machine.
        alone_for: seconds for which this process does them alone, before there are others.
        waiting: so many more wait for a process that is free, for parts that this process has to prepare.
        helps: whether this process does parts until the others have begun, which takes them a second.
    """
    parts = iter(work)
    if suspects:
        with _workers(1) as executor:
            for part in islice(parts, suspects):
                yield _result(executor.submit(partial(_do, part)))
    begun = time.monotonic()
    # The first part runs alone: those of a load refer to what its first one commits.
    for part in parts:
        yield _do(part)
        if time.monotonic() - begun >= alone_for:
            break
    # A single further part keeps one process busy, and one that is done none: others would start for nothing.
    next_two = list(islice(parts, 2)) if workers > 1 else []
    at_hand = lent if sum(not isinstance(part, Done) for part in next_two) == 2 else InProcess()
    with nullcontext(at_hand) if at_hand else _workers(workers) as executor:
        under_way: deque[Future[T]] = deque()
        most = workers + waiting
        begun_others = executor.submit(os.getpid) if helps else None
        for part in chain(next_two, parts):
            if begun_others is not None and not begun_others.done():
                yield _do(part)
                continue
            under_way.append(executor.submit(partial(_do, part)))
            while under_way and (len(under_way) >= most or under_way[0].done()):
                yield _result(under_way.popleft())
        while under_way:
            yield _result(under_way.popleft())


def _result(part: Future[T]) -> T:
    """Wait for a part, unless a signal was noted."""
    while not part.done():
        wait([part], timeout=interruption.LOOK)
        interruption.check()
    return part.result()


def _do(part: Callable[[], T]) -> T:
    """Do a part, and give back what it leaves behind.

    The C library keeps memory that was let go of, for every thread apart, and over many parts ever more of it.
    """
    try:
        return part()
    finally:
        if _malloc_trim is not None:
            _malloc_trim(0)


def _take_system_memory() -> pa.MemoryPool:
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    return before


SYSTEM_MEMORY: Final = ProcessWide(_take_system_memory, pa.set_memory_pool)
"""While it is entered, Arrow takes its memory from the C library, as in workers it always does.

The allocator that Arrow comes with gives memory back and takes it again all the time. In a load of a million messages
a process had 414 MB with it and 362 MB without; transform, for which every page was cleared again, took a tenth less
CPU time.
"""


@contextmanager
def _workers(workers: int) -> Generator[Executor]:
    """Processes for parts. When the block fails, what is under way is killed: a part is all or nothing."""
    _start_trackers()
    # Not forked: a process that has threads (Dagster's, Arrow's) can hang its child. And without importing the
    # caller's main module, as multiprocessing would: a script that runs a pipeline at its top level would run again.
    executor = ProcessPoolExecutor(
        workers, context=get_context("loky"), initializer=_depend_on, initargs=(os.getpid(),)
    )
    try:
        with interruption.at_the_end(partial(executor.shutdown, kill_workers=True)):
            yield executor
    except BrokenProcessPool as error:
        raise WorkerLost(
            "a worker process was killed, perhaps by the system for lack of memory; "
            "resume, with a smaller memory_limit_mb or max_workers=1 if it happens again"
        ) from error
    except BaseException:
        executor.shutdown(kill_workers=True)
        raise
    executor.shutdown()


def _start_trackers() -> None:
    """Start the processes that remove what executors leave behind, if they do not run; they end after this one.

    Started by loky they would complain of what a signal leaves, and end with the terminal, which loky complains of.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, interruption.SIGNALS)  # they inherit it
    sys.warnoptions.append(_SILENT_TRACKER)  # they inherit these, too
    try:
        loky_tracker.ensure_running()
        multiprocessing_tracker.ensure_running()
    finally:
        sys.warnoptions.remove(_SILENT_TRACKER)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _depend_on(parent: int) -> None:
    """Begin a worker: it ends with the process that has it, and not before."""
    # A signal reaches every process of a terminal; the one that has the workers ends them.
    for number in interruption.SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    pa.set_memory_pool(pa.system_memory_pool())
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    # If the parent is killed nobody tells the worker, and it would wait for more work for ever.
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


class InProcess(Executor):
    """An executor that does the work at once, in this process; errors come out of ``submit``."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Do the work and return it as a finished future."""
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future
