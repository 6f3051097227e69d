"""Running the engine in the tests: in this process with small parts, or in a process of its own that can be killed."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from skype_assets.etl import engine
from skype_assets.etl.checkpoints import attempt, state
from skype_assets.etl.engine.journal import Observer, Progress
from skype_assets.etl.errors import EtlError
from skype_assets.etl.task import Settings, Task

ASSETS = {"extract": "raw_export", "transform": "transformed_tables", "load": "loaded_database"}

# Children are forked from a server that has imported the engine: one is there in milliseconds.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.engine.runs"])


def task(
    task_id: str,
    output_dir: Path,
    source: Path | None,
    database: str | None,
    chunk_size: int = 150,
    workers: int = 1,
    *,
    media_only: bool = False,
) -> Task:
    settings = Settings(chunk_size=chunk_size, max_workers=workers, media_only=media_only)
    return Task(task_id, output_dir, source, database, settings)


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of change of every file below a folder but those that say who works on the task."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("lock", "attempt.json")
    }


def recorded_files(of: Task) -> dict[str, tuple[int, int]]:
    """The same of the files of the parts that are recorded."""
    found: dict[str, tuple[int, int]] = {}
    for asset in ASSETS.values():
        recorded = state.read(of.folder.folder(asset))
        for part in recorded.parts if recorded else ():
            for file in part.files.values():
                stat = of.folder.folder(asset).file(file.name).stat()
                found[f"{asset}/{file.name}"] = (stat.st_ino, stat.st_mtime_ns)
    return found


def at(phase: str, parts: int, act: Callable[[], object]) -> Observer:
    """An observer that does something when so many parts of a phase are recorded."""

    def observe(progress: Progress) -> None:
        if (progress.phase, progress.parts) == (phase, parts):
            act()

    return observe


class Interruption(Exception):
    """What an observer ends a phase with."""


def interrupt() -> None:
    raise Interruption


def stop() -> None:
    """Stop this process, as Ctrl-Z or a suspended machine does."""
    os.kill(os.getpid(), signal.SIGSTOP)


@dataclass(frozen=True)
class Pause:
    """Where a child stops itself: in a phase, when so many parts are recorded."""

    phase: str
    parts: int


class Child:
    """A process that runs a task."""

    def __init__(self, of: Task, pause: Pause | None = None) -> None:
        self._results, results = _processes.Pipe(duplex=False)
        self._process = _processes.Process(target=_run, args=(of, pause, results))
        self._process.start()
        results.close()
        assert self._process.pid
        self.pid = self._process.pid
        assert self._results.recv() == "started"

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def wait_until_stopped(self) -> None:
        deadline = time.monotonic() + 30
        while psutil.Process(self.pid).status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < deadline, "the child never came to its pause"
            time.sleep(0.005)

    def has_ended(self) -> bool:
        return self._results.poll()

    def anonymous_mb(self) -> float:
        """Memory of its own that it has now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next((line for line in status.splitlines() if line.startswith("RssAnon:")), "RssAnon: 0 kB")
        return int(line.split()[1]) / 1024

    def go_on(self) -> str:
        os.kill(self.pid, signal.SIGCONT)
        return self.result()

    def result(self) -> str:
        """The name of the error that it ends with, or ``done``."""
        assert self._results.poll(60), "the child does not end"
        result: str = self._results.recv()
        self._process.join()
        return result


@contextmanager
def child(of: Task, pause: Pause | None = None) -> Generator[Child]:
    started = Child(of, pause)
    try:
        yield started
    finally:
        started.kill()


@contextmanager
def stopped_child(of: Task, pause: Pause) -> Generator[Child]:
    with child(of, pause) as started:
        started.wait_until_stopped()
        yield started


def _run(of: Task, pause: Pause | None, results: Connection) -> None:
    attempt.BEAT_SECONDS = 0.1  # pyright: ignore[reportAttributeAccessIssue, reportConstantRedefinition]
    results.send("started")
    try:
        engine.run(of, at(pause.phase, pause.parts, stop) if pause else None)
    except EtlError as error:
        results.send(type(error).__name__)
    else:
        results.send("done")
