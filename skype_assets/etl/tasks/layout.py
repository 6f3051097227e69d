"""What lies in an output folder, under which names. Nothing else spells these names.

::

    etl_checkpoint_<task id>.json      the manifest
    <task id>/                         a task
        attempt.json, lock             whose it is (``checkpoints.attempt``)
        log.json                       in the working copy of a store: what was got of its log
        hold                           it is kept until that goes (``checkpoints.hold``)
        raw_export/ ...                a folder per phase (``phases.FOLDERS``, ``checkpoints.state``)
        given_names.json               names that were given beside the export (``phases.given_names``)
        received/                      a copy of the export, if it came as a stream
    media/ab/ab12...                   bytes of media objects, by SHA-256 (``checkpoints.media_store``)
    store.json                         the store whose working copy this is (``checkpoints.working_copy``)
    <task id>.reset-<UTC time>/        what ``--reset`` moved aside
    received-<16 hex digits>/          a stream that is being received
    .removing-<name>/                  what ``clean`` has begun to remove
"""

import os
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from skype_assets.etl.checkpoints.attempt import ATTEMPT_FILE
from skype_assets.etl.checkpoints.store import is_url
from skype_assets.etl.checkpoints.working_copy import MANIFEST, output_folder, refresh
from skype_assets.etl.phases import FOLDERS
from skype_assets.etl.places import named_path
from skype_assets.etl.task import TASK_ID, check_task_id

RECEIVED: Final = "received"
"""Folder of a task's copy of a stream."""

REMOVING: Final = ".removing-"
"""How the name of a folder begins that is being removed."""

_MANIFEST: Final = re.compile(MANIFEST.format(f"({TASK_ID.pattern})"))
_SET_ASIDE: Final = re.compile(r".+\.reset-[0-9]{8}T[0-9]{6}\.[0-9]{6}Z")
_RECEIVING: Final = re.compile(r"received-[0-9a-f]{16}")

FolderKind = Literal["task", "set aside", "received", "being removed"]
"""A task; what ``--reset`` moved aside; the copy of a stream; or what an earlier removal left."""


def manifest_name(task_id: str) -> str:
    """Name of a task's manifest."""
    return MANIFEST.format(check_task_id(task_id))


def manifest_path(given: str | os.PathLike[str]) -> Path:
    """The manifest that somebody names by its path or, in a store, by its address; what a store has is got here.

    Raises:
        UsageError: it is empty, or no address of a store.
    """
    if is_url(given):
        url, _, name = str(given).rpartition("/")
        path = output_folder(url, "checkpoint") / name
    else:
        path = named_path(given, "checkpoint")
    refresh(path.parent, match[1] if (match := _MANIFEST.fullmatch(path.name)) else None)
    return path


def set_aside_name(task_id: str) -> str:
    """Name of the folder that a task's phases move to now."""
    return f"{task_id}.reset-{datetime.now(UTC).strftime('%Y%m%dT%H%M%S.%fZ')}"


def receiving_name() -> str:
    """Name of a folder for a stream whose task is not known yet."""
    return f"{RECEIVED}-{secrets.token_hex(8)}"


def folders(output_dir: Path) -> Iterator[tuple[Path, FolderKind]]:
    """The platform's folders in an output folder, by name; whatever else lies there is not mentioned."""
    for folder in sorted(output_dir.iterdir()) if output_dir.is_dir() else ():
        kind = _kind(folder)
        if kind is not None and folder.is_dir() and not folder.is_symlink():
            yield folder, kind


def tasks(output_dir: Path) -> Iterator[Path]:
    """The folders in an output folder that have checkpoints, by name: those of tasks, and those set aside."""
    return (folder for folder, kind in folders(output_dir) if kind in ("task", "set aside"))


def _kind(folder: Path) -> FolderKind | None:
    if folder.name.startswith(REMOVING):
        return "being removed"
    if _SET_ASIDE.fullmatch(folder.name):
        return "set aside"
    if TASK_ID.fullmatch(folder.name) and any((folder / name).exists() for name in (ATTEMPT_FILE, *FOLDERS.values())):
        return "task"
    return "received" if _RECEIVING.fullmatch(folder.name) else None
