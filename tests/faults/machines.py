"""Machines that share a store and a database: folders of their own, processes of their own, and what must hold of them.

The store is a server of S3 (``store_server``), to which single requests happen what networks and machines do.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from skype_assets.etl import engine
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.media_store import MediaStore
from skype_assets.etl.checkpoints.phase_checkpoint import damaged_file
from skype_assets.etl.checkpoints.store import opened
from skype_assets.etl.checkpoints.task_log import TaskLog
from skype_assets.etl.checkpoints.working_copy import STORE_FILE, refresh
from skype_assets.etl.phases import FOLDERS
from skype_assets.etl.task import Settings, Task
from skype_assets.etl.tasks.media import kept_media, objects
from tests.engine.database_content import digests
from tests.faults.children import Armed, Child, StoreFault
from tests.faults.world import CHUNK_SIZE, TASK, Place


def serve_store() -> None:
    """See that this process has a server of S3 of its own, which ends with it; the environment says where it is."""
    _serve_store(os.getpid())


@cache
def _serve_store(_process: int) -> "subprocess.Popen[bytes]":
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.faults.store_server", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while socket.socket().connect_ex(("127.0.0.1", port)):
        assert process.poll() is None, "the server has ended"
        assert time.monotonic() < deadline, "the server does not answer"
        time.sleep(0.1)
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
    }
    return process


def ask(path: str, asked: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask the server to do faults, or what has happened."""
    data = json.dumps(asked).encode() if asked is not None else None
    request = urllib.request.Request(
        f"{os.environ['AWS_ENDPOINT_URL']}/-/{path}", data, method="POST" if data else "GET"
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@dataclass
class Machines:
    """A store, empty at first, and machines that share it with a database.

    Args:
        place: whose database they share.
    """

    place: Place
    url: str = ""

    def __post_init__(self) -> None:
        """Make an empty store."""
        self.place.begin()
        bucket = f"bucket-{secrets.token_hex(8)}"
        ask("arm", {})
        address = f"{os.environ['AWS_ENDPOINT_URL']}/{bucket}"
        with urllib.request.urlopen(urllib.request.Request(address, method="PUT"), timeout=60):
            self.url = f"s3://{bucket}/store"

    def task(self, machine: str) -> Task:
        """The task, as a machine works on it."""
        folder = Directory(self.place.folder / machine).make()
        folder.put(STORE_FILE, json.dumps({"url": self.url}).encode())
        settings = Settings(chunk_size=CHUNK_SIZE, max_workers=1)
        return Task(TASK, folder.path, self.place.world.export, self.place.url, settings)

    def start(
        self, machine: str, fault: StoreFault | None, phases: Sequence[str] = engine.PHASES, bugs: tuple[str, ...] = (),
        lease: float | None = None, *, arms: bool = True,
    ) -> Child:  # fmt: skip
        """Start a process on a machine; with ``arms`` it says which fault, or none, its calls meet."""
        armed = Armed(bugs=bugs, lease=lease, store=(fault or StoreFault()) if arms else None)
        return Child(self.task(machine), phases, armed)

    def lose(self, machine: str) -> None:
        """Lose a machine with all that is on it."""
        shutil.rmtree(self.place.folder / machine, ignore_errors=True)

    def wrong(self) -> list[str]:
        """What is wrong after a run that says it is done: it must be as if nothing had happened."""
        self.place.wait_for_silence(with_idle=True)
        found, expected = digests(self.place.url), self.place.world.expected
        wrong = [f"{name}: {found[name]}, not {rows}" for name, rows in expected.items() if found[name] != rows]
        auditor = self.task(f"auditor-{secrets.token_hex(4)}")
        ask("arm", {})
        return wrong + _in_child(lambda: _audit(auditor, self.url, self.place.world.checksums))


def _audit(task: Task, url: str, checksums: dict[str, list[str]]) -> list[str]:
    """What is wrong with what a store has, seen from a machine that has nothing."""
    refresh(task.output_dir)
    wrong = _log(url)
    for phase in engine.PHASES:
        folder = task.folder.folder(FOLDERS[phase])
        state = states.read(folder)
        if state is None or state.status != "complete":
            wrong.append(f"{phase} is not complete")
            continue
        if phase in checksums and [record.checksum for record in state.records] != checksums[phase]:
            wrong.append(f"{phase}: its parts are not those of an uninterrupted run")
        wrong += [f"{phase}: {path} is not whole" for r in state.records if (path := damaged_file(folder, r))]
    kept = kept_media(objects(task.folder), MediaStore(task.output_dir))
    lost = [*kept.missing, *kept.damaged]
    return wrong + [f"{member} is recorded as kept, and is not there" for member in lost]


def _log(url: str) -> list[str]:
    """What is wrong with the log of the task: numbers have no gaps, epochs rise by one, with each that takes it."""
    log = TaskLog(opened(url), TASK)
    newest = log.newest_number()
    if newest is None:
        return ["there is no log"]
    entries = [log.entry(number) for number in range(newest + 1)]
    takes = [entry.epoch for entry in entries if entry.kind == "take"]
    epochs = [entry.epoch for entry in entries]
    wrong = [] if takes == list(range(1, len(takes) + 1)) else [f"epochs that were taken: {takes}"]
    return wrong + ([] if epochs == sorted(epochs) else [f"epochs go back: {epochs}"])


def _in_child(work: Callable[[], list[str]]) -> list[str]:
    """Do something in a process of its own: this one forks, and must not have threads."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read)
            try:
                found = work()
            except BaseException as error:  # noqa: BLE001 - whatever it is, it must show in the table
                found = [f"{type(error).__name__}: {error}"]
            with os.fdopen(write, "wb") as pipe:
                pipe.write(json.dumps(found).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        data = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(data)
