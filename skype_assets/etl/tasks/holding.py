"""Holds of the database, told to the tasks: a file ``hold`` in each task whose export has what is held."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.hold import FILE, hold_on
from skype_assets.etl.database.holds import Hold
from skype_assets.etl.tasks.finding import Tasks, export_id_of

_OURS: Final = re.compile(r"hold \d+: ")


def mark(output_dir: Path, held: Mapping[str, Hold]) -> list[str]:
    """Put a file into each task about one of these exports, and take it from others; the tasks that are held.

    A file that somebody put there by hand stays.
    """
    marked: list[str] = []
    for task, state in Tasks([output_dir]).known:
        hold, reason = held.get(export_id_of(state)), hold_on(task)
        is_ours = reason is not None and _OURS.match(reason) is not None
        if hold is not None:
            marked.append(task.path.name)
            if reason is None or is_ours:
                _put(task, f"hold {hold.number}: {hold.reason}")
        elif is_ours:
            task.remove(FILE)
    return marked


def _put(task: Directory, reason: str) -> None:
    task.put(FILE, f"{' '.join(reason.split())}\n".encode())
