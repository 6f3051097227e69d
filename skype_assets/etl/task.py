"""A task: one export on its way into the database, and the settings of its run."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.store_media import FOLDER as MEDIA_FOLDER
from skype_assets.etl.errors import UsageError

if TYPE_CHECKING:  # `skype-assets status` knows tasks, and must not wait for what reads exports
    from skype_assets.etl.export.source import Source

TASK_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What a task id may look like: it is a folder name, a partition key and part of a file name."""

# Measured: a process with Arrow and ADBC loaded, and what a part needs at most as a multiple of its bytes.
_PROCESS_MB = 150
_MEMORY_PER_BYTE = 6
_LEAST_MB = 160
_LARGEST_PART = 64 * 1024 * 1024
_DIGITS: Final = 12
"""Of an export's SHA-256, that are part of its task's id."""

ENDINGS: Final = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip", ".json")
"""How names of exports end. What a file really is, its content says."""


@dataclass(frozen=True)
class Settings:
    """How a task is run. None of these changes what ends up in the database but ``user_display_name`` and ``salvage``,
    and what it says of media being kept.

    Attributes:
        chunk_size: messages in a part, at most.
        batch_size: messages that are transformed at a time.
        memory_limit_mb: what all processes of the run may use together, in MB of anonymous memory.
        parallel_processing: whether parts may be worked on side by side, in further processes.
        max_workers: such processes, at most; None = one per core, once there is work for them.
        user_display_name: name of the export's owner; None = as the export tells.
        media_only: whether an export is welcome that holds no message; else it is refused.
        keep_media: whether the bytes of media are kept in the output folder.
        salvage: whether a damaged export is read as far as it is whole; else it is refused.
        defer_constraints: whether foreign keys that the database lacks are left to ``db complete``, after many loads.
    """

    chunk_size: int = 100_000
    batch_size: int = 16_384
    memory_limit_mb: int = 1024
    parallel_processing: bool = True
    max_workers: int | None = None
    user_display_name: str | None = None
    media_only: bool = False
    keep_media: bool = True
    salvage: bool = False
    defer_constraints: bool = False

    def __post_init__(self) -> None:
        for name, least in (("chunk_size", 1), ("batch_size", 1), ("memory_limit_mb", _LEAST_MB), ("max_workers", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{name} is {value}; it must be {least} or more")

    @property
    def workers(self) -> int:
        """Number of processes for parts: as many as allowed, and as fit into the memory limit."""
        wanted = (self.max_workers or os.cpu_count() or 1) if self.parallel_processing else 1
        return max(1, min(wanted, self.memory_limit_mb // _LEAST_MB - 1 if wanted > 1 else 1))

    @property
    def part_bytes(self) -> int:
        """Bytes of ``messages.json`` in a part, at most; a larger single message makes a part of its own."""
        processes = self.workers + (self.workers > 1)
        share_mb = (self.memory_limit_mb - processes * _PROCESS_MB) // processes
        return min(_LARGEST_PART, max(1, share_mb // _MEMORY_PER_BYTE) * 1024 * 1024)

    @property
    def table_bytes(self) -> int:
        """Bytes of the tables of a part that are held in memory, at most; what is more goes to files meanwhile."""
        return self.part_bytes * _MEMORY_PER_BYTE // 2


@dataclass(frozen=True)
class Task:
    """One export on its way into the database.

    Attributes:
        task_id: name of the task: 1 to 100 letters, digits, '.', '_' or '-'.
        output_dir: folder of all checkpoints.
        source: the export; None if only its checkpoints are left.
        database: libpq URL of the database; None = by environment, else the embedded server.
        settings: how it is run.
        fingerprint: of ``source``, if it is known already; hashing a large export takes a while.
    """

    task_id: str
    output_dir: Path
    source: Path | None = None
    database: str | None = None
    settings: Settings = field(default_factory=Settings)
    fingerprint: "Source | None" = None

    def __post_init__(self) -> None:
        check_task_id(self.task_id)

    @property
    def folder(self) -> Directory:
        """Folder of this task's checkpoints."""
        return Directory(self.output_dir / self.task_id)


def with_environment(settings: Settings) -> Settings:
    """Settings with what the environment says of them at every door.

    Raises:
        UsageError: a variable is neither on nor off.
    """
    return replace(
        settings,
        media_only=settings.media_only or media_only_by_environment(),
        keep_media=settings.keep_media and keep_media_by_environment(),
        salvage=settings.salvage or salvage_by_environment(),
        defer_constraints=settings.defer_constraints or _switch("SKYPE_DEFER_CONSTRAINTS", "off"),
    )


def media_only_by_environment() -> bool:
    """Whether SKYPE_MEDIA_ONLY lets exports in that hold no message, at every door.

    Raises:
        UsageError: it is neither on nor off.
    """
    return _switch("SKYPE_MEDIA_ONLY", "off")


def keep_media_by_environment() -> bool:
    """Whether media are kept; SKYPE_KEEP_MEDIA=off forbids it at every door.

    Raises:
        UsageError: it is neither on nor off.
    """
    return _switch("SKYPE_KEEP_MEDIA", "on")


def salvage_by_environment() -> bool:
    """Whether SKYPE_SALVAGE lets damaged exports be read as far as they are whole, at every door.

    Raises:
        UsageError: it is neither on nor off.
    """
    return _switch("SKYPE_SALVAGE", "off")


def _switch(variable: str, default: str) -> bool:
    value = os.environ.get(variable) or default
    if value not in ("on", "off"):
        raise UsageError(f"{variable} is {value!r}; it must be on or off")
    return value == "on"


def check_task_id(task_id: str) -> str:
    """The task id, if it is one.

    Raises:
        UsageError: it is not; nothing with a path separator, a leading dot or more than 100 characters is.
    """
    if task_id.lower() == MEDIA_FOLDER:
        raise UsageError(f"task id {task_id!r} is not allowed: that folder is where media are kept; use another one")
    if not TASK_ID.fullmatch(task_id):
        raise UsageError(
            f"task id {task_id[:120]!r} is not allowed; use 1 to 100 letters, digits, '.', '_' or '-', "
            "the first a letter or digit"
        )
    return task_id


def task_id_for(source: "Source") -> str:
    """A task id from an export's name and content: the same export gives the same task, wherever it lies."""
    name = source.name
    for ending in sorted(ENDINGS, key=len, reverse=True):
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
            break
    words = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:60]
    return f"{words or 'export'}{end_of_task_id(source.sha256)}"


def end_of_task_id(sha256: str) -> str:
    """How the ids end of tasks that are made from an export of this content, whatever it was called."""
    return f"-{sha256[:_DIGITS]}"


def task_ids_by_end(task_ids: Iterable[str]) -> dict[str, str]:
    """Task ids by their ends."""
    return {task_id[-1 - _DIGITS :]: task_id for task_id in task_ids}


def export_id_for(source_sha256: str) -> str:
    """Id of an export in the database: it depends on its bytes alone."""
    return source_sha256[:16]
