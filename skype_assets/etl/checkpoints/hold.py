"""A hold: as long as a file ``hold`` lies in a task's folder, what the task is about is not removed.

Whoever has to keep data puts it there, with the reason as its first line, and takes it away again; so do ``hold`` and
the end of a load for what is held in the database, until that is released. ``unload`` refuses every export that a held
task is about, ``clean`` leaves the task.
"""

import re
from typing import Final

from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.working_copy import BESIDE, WorkingCopy
from skype_assets.etl.errors import OnHold

FILE: Final = BESIDE[0]
_LONGEST: Final = 200
_OF_DATABASE: Final = re.compile(r"hold (\d+): ")


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


def mark(task: Directory, number: int, reason: str) -> None:
    """Say of a task that a hold of the database keeps it. A file that somebody put there by hand stays."""
    if hold_on(task) is None or number_on(task) is not None:
        task.put_unowned(FILE, f"{line(number, reason)}\n".encode())
        _share(task)


def release(task: Directory) -> None:
    """Say of a task that no hold of the database keeps it any more."""
    task.remove(FILE)
    _share(task)


def _share(task: Directory) -> None:
    """Let the store have it, too, if the task is in the working copy of one: nobody removes it from there, either."""
    if (copy := WorkingCopy.of(task.path.parent)) is not None:
        copy.put_beside(task, FILE)


def line(number: int, reason: str) -> str:
    """What the file of a hold of the database says."""
    return f"hold {number}: {' '.join(reason.split())}"[:_LONGEST].strip()


def number_on(task: Directory) -> int | None:
    """The number of the database's hold that keeps a task; None if none does, or somebody put the file there."""
    found = _OF_DATABASE.match(hold_on(task) or "")
    return int(found[1]) if found is not None else None


def refuse_if_held(task: Directory) -> None:
    """Raise ``OnHold`` if a task is held."""
    reason, number = hold_on(task), number_on(task)
    if reason is not None:
        release = (
            f"Whoever put {task.file(FILE)} there may remove it"
            if number is None
            else f"Whoever may release it: skype-assets hold release {number}"
        )
        raise OnHold(f"task {task.path.name} is on hold ({reason}); nothing was changed. {release}")
