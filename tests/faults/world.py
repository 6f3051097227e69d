"""Where the campaign takes place: a server, an export, what an uninterrupted run makes of it, and places to disturb.

The process that prepares the world and those that run cases never use Arrow themselves: they fork a child for every
run of the engine, and a process that has used Arrow's threads is not safely forked.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from skype_assets.etl import engine
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.phases import FOLDERS
from skype_assets.etl.postgres.embedded import EmbeddedServer
from skype_assets.etl.task import Settings, Task
from tests.engine.database_content import Digests, digests, query

MESSAGES: Final = 60
CHUNK_SIZE: Final = 30
TASK: Final = "t"
SHIM: Final = "faults.so"

# A killed server loses nothing that it has handed to the system; a machine is never switched off here.
_SERVER: Final = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}


@dataclass(frozen=True)
class World:
    """Everything that the cases of a campaign share; nobody changes it."""

    folder: Path

    @property
    def export(self) -> Path:
        """A compressed archive, so that it has to be unpacked."""
        return self.folder / "export.tar.gz"

    @cached_property
    def server(self) -> EmbeddedServer:
        return EmbeddedServer(self.folder / ".postgres", idle_seconds=1, settings=_SERVER)

    @cached_property
    def expected(self) -> Digests:
        """What the database holds after an uninterrupted run."""
        return digests(self.url("uninterrupted"))

    @cached_property
    def checksums(self) -> dict[str, list[str]]:
        """The checksums of the parts of every phase, after an uninterrupted run; those of a load tell nothing."""
        found: dict[str, list[str]] = {}
        for phase in engine.PHASES[:-1]:
            state = states.read(Directory(self.after(phase) / TASK / FOLDERS[phase]))
            found[phase] = [record.checksum for record in state.records] if state else []
        return found

    def url(self, database: str) -> str:
        return self.server.url(database)

    def after(self, phase: str) -> Path:
        """The folder of an uninterrupted run as it was after a phase."""
        return self.folder / f"after-{phase}"

    def place(self, number: int) -> "Place":
        """A place of its own for each process that runs cases, or each case that wants one."""
        name = f"place_{number}"
        if not query(self.url("postgres"), f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
            query(self.url("postgres"), f"CREATE DATABASE {name}")
        return Place(self, self.folder / name, self.url(name))


@dataclass(frozen=True)
class Place:
    """A folder and a database in which one case happens at a time."""

    world: World
    folder: Path
    url: str

    def begin(self, phase: str = "extract") -> Task:
        """An empty database, and the checkpoints of all phases before one."""
        self.begin_again(phase)
        query(self.url, "DROP SCHEMA IF EXISTS skype CASCADE")
        return self.task()

    def begin_again(self, phase: str) -> None:
        """The checkpoints alone: the database stays as it is."""
        self.clear()
        before = engine.PHASES.index(phase)
        if before:
            copy_checkpoints(self.world.after(engine.PHASES[before - 1]), self.folder)

    def keep_database(self, name: str) -> None:
        """Make a copy of the database as it is, for ``put_back``."""
        self.wait_for_silence()
        _copy_database(self.world, self.folder.name, f"{self.folder.name}_{name}")

    def put_back(self, name: str) -> None:
        """The database as it was."""
        self.wait_for_silence()
        _copy_database(self.world, f"{self.folder.name}_{name}", self.folder.name)

    def task(self, chunk_size: int = CHUNK_SIZE, workers: int = 1) -> Task:
        settings = Settings(chunk_size=chunk_size, max_workers=workers)
        return Task(TASK, self.folder, self.world.export, self.url, settings)

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.wait_for_silence()

    def wait_for_silence(self, *, with_idle: bool = False) -> None:
        """Until the server has noticed that killed clients are gone, and has rolled back what they had begun.

        Args:
            with_idle: whether sessions may stay that do nothing, such as those of a process that was stopped.
        """
        # Asked from elsewhere: what a case has set for this database, or for a role in it, holds for all who ask in it.
        others = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{self.folder.name}'"
        others += " AND state <> 'idle'" if with_idle else ""
        deadline = time.monotonic() + 60
        while query(self.world.url("postgres"), others) != [(0,)]:
            assert time.monotonic() < deadline, "sessions of killed processes stay"
            time.sleep(0.005)


def _copy_database(world: World, of: str, to: str) -> None:
    query(world.url("postgres"), f"DROP DATABASE IF EXISTS {to}")
    query(world.url("postgres"), f"CREATE DATABASE {to} TEMPLATE {of}")


def copy_checkpoints(origin: Path, to: Path) -> None:
    """Part files never change, so that a link will do; the others are copied."""

    def copy(source: str, target: str) -> None:
        (os.link if source.endswith(".parquet") else shutil.copy2)(source, target)

    shutil.copytree(origin, to, copy_function=copy, dirs_exist_ok=True)


@contextmanager
def built(folder: Path) -> Generator[World]:
    """Build the world in an empty folder; the server stops at the end."""
    from tests.faults.children import run

    world = World(folder)
    world.server.start()
    try:
        made = run(None, ("sample", str(world.export), str(MESSAGES)))
        assert made.how == "done", made
        query(world.url("postgres"), "CREATE DATABASE uninterrupted")
        for phase in engine.PHASES:
            settings = Settings(chunk_size=CHUNK_SIZE, max_workers=1)
            task = Task(TASK, folder / "out", world.export, world.url("uninterrupted"), settings)
            made = run(task, (phase,))
            assert made.how == "done", made
            copy_checkpoints(folder / "out", world.after(phase))
        yield world
    finally:
        world.server.stop("immediate")


def build_shim(folder: Path) -> Path:
    """The library that lets system calls fail; see ``shim.c``."""
    library = folder / SHIM
    source = Path(__file__).with_name("shim.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl", "-lpthread"], check=True)
    return library
