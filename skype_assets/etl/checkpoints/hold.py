"""A hold: as long as a file ``hold`` lies in a task's folder, what the task is about is not removed.

Whoever has to keep data puts it there, with the reason as its first line, and takes it away again. ``unload`` refuses
every export that a held task is about, ``clean`` leaves the task.
"""

from typing import Final

from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.errors import OnHold

FILE: Final = "hold"
_LONGEST: Final = 200


def hold_on(task: Directory) -> str | None:
    """Why a task is held; None if it is not."""
    path = task.file(FILE)
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            reason = stream.readline(_LONGEST).strip()
    except FileNotFoundError:
        return None
    except OSError:  # a folder, or one that this user may not read: somebody put it there
        reason = ""
    return reason or "no reason given"


def refuse_if_held(task: Directory) -> None:
    """Raise ``OnHold`` if a task is held."""
    reason = hold_on(task)
    if reason is not None:
        raise OnHold(
            f"task {task.path.name} is on hold ({reason}); nothing was changed. "
            f"Whoever put {task.file(FILE)} there may remove it"
        )
