"""A scheduler of Dask on this machine, with workers on machines of their own."""

import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.distributed.machines import Machine, free_port, listens, machine, wait_until
from tests.stores.object_storage import Storage

_SAYS_WORKERS = "distributed.core - INFO - Starting established connection"


@dataclass
class Cluster:
    """A scheduler, and how machines become workers of it.

    Attributes:
        address: of the scheduler.
        storage: the server of object storage.
        database: the database of the run, as this machine reaches it.
    """

    port: int
    folder: Path
    storage: Storage
    database: str
    settings: Mapping[str, str]
    _scheduler: subprocess.Popen[bytes]
    _stack: ExitStack
    _workers: list[Machine] = field(default_factory=list[Machine])
    _names: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def address(self) -> str:
        return f"{'tls' if self.settings else 'tcp'}://127.0.0.1:{self.port}"

    def worker(self, **environment: str) -> Machine:
        """A machine that has become a worker."""
        made = self._stack.enter_context(machine(f"worker-{next(self._names)}", self.folder))
        reached = self.storage.environment["AWS_ENDPOINT_URL"]
        options = ("--no-nanny", "--no-dashboard", "--nthreads", 1, "--memory-limit", 0)
        made.start(
            "distributed.cli.dask_worker",
            *(made.reach(self.address), "--host", made.address, "--name", made.name, *options),
            **{**self.storage.environment, "AWS_ENDPOINT_URL": made.reach(reached)},
            **{"SKYPE_DATABASE_URL": made.reach(self.database), **self.settings, **environment},
        )
        wait_until(lambda: _SAYS_WORKERS in made.log, lambda: made.log)
        self._workers.append(made)
        return made

    def lose_workers(self) -> None:
        """All machines are gone."""
        for lost in self._workers:
            lost.lose()

    def lose_scheduler(self) -> None:
        """It is gone, without a word."""
        self._scheduler.kill()
        self._scheduler.wait()


@contextmanager
def cluster(
    folder: Path, storage: Storage, database: str, settings: Mapping[str, str] | None = None
) -> Generator[Cluster]:
    """A scheduler for the block, without workers at first; ``settings`` are those by which it speaks TLS alone."""
    port = free_port()
    options = ("--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--no-show")
    options += ("--protocol", "tls") if settings else ()
    with Path(f"{folder}.scheduler.log").open("wb") as log:
        scheduler = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_scheduler", *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **(settings or {}), "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "15s"},
        )
    try:
        wait_until(lambda: listens(port), lambda: Path(log.name).read_text())
        with ExitStack() as stack:
            yield Cluster(port, folder, storage, database, settings or {}, scheduler, stack)
    finally:
        scheduler.kill()
        scheduler.wait()


def certified(folder: Path) -> dict[str, str]:
    """Settings of Dask by which nobody gets in without a certificate, as ``deploy/environment`` names them."""
    folder.mkdir()
    files = {"KEY": folder / "machine.key", "CERT": folder / "machine.pem"}
    made = ("-keyout", files["KEY"], "-out", files["CERT"], "-subj", "/CN=tests", "-days", "2")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *made], check=True, capture_output=True)
    roles = {f"{role}__{kind}": str(file) for role in ("CLIENT", "SCHEDULER", "WORKER") for kind, file in files.items()}
    named = {f"TLS__{name}": file for name, file in {**roles, "CA_FILE": str(files["CERT"])}.items()}
    return {f"DASK_DISTRIBUTED__COMM__{name}": value for name, value in {**named, "REQUIRE_ENCRYPTION": "true"}.items()}
