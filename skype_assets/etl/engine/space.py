"""Is there room for a phase? Asked before it begins, so that a full disk ends no run half-way (promise I11).

A disk that fills up all the same ends the phase resumably.
"""

import shutil

from skype_assets.etl.checkpoints.state import PhaseState
from skype_assets.etl.errors import NotEnoughSpace
from skype_assets.etl.phases.phase import Phase
from skype_assets.etl.task import Task


def check(task: Task, phase: Phase, begun: PhaseState | None) -> None:
    """Compare the free space of a task's folder with what a phase needs.

    Args:
        task: the task.
        phase: the phase.
        begun: what is there of it, if it goes on.

    Raises:
        NotEnoughSpace: it needs more; nothing was begun.
    """
    needed = phase.bytes_needed(begun.bytes if begun is not None else 0)
    free = shutil.disk_usage(task.output_dir).free
    if free < needed:
        raise NotEnoughSpace(
            f"{phase.facts.name} needs about {_megabytes(needed)} in {task.output_dir}, {_megabytes(free)} are free; "
            "make room and run the same again. Nothing was begun"
        )


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"
