"""Starting a task again: what it has is moved aside, nothing is destroyed (promise I10)."""

from pathlib import Path

from skype_assets.etl import interruption
from skype_assets.etl.checkpoints.attempt import ATTEMPT_FILE, Attempt
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.hold import refuse_if_held
from skype_assets.etl.task import Task
from skype_assets.etl.tasks.layout import manifest_name, set_aside_name


@interruption.gently()
def reset(task: Task) -> Path | None:
    """Move a task's phases and manifest to ``<task_id>.reset-<UTC timestamp>``; that folder, or None if it has none.

    In a store nothing is moved: its log says that the task begins anew, and all that was there before stays.

    The task's own folder stays, with the record of its attempts: were the epochs to begin at 1 again, an attempt that
    was taken over long ago could take itself for the new one, and write.

    Raises:
        OnHold: the task is held.
        TaskBusy: a living attempt owns the task.
    """
    if not task.folder.path.is_dir():
        return None
    refuse_if_held(task.folder)
    attempt = Attempt.take(task.folder)
    try:
        if attempt.forget():  # a store keeps what was there before
            return None
        manifest = task.output_dir / manifest_name(task.task_id)
        phases = [entry for entry in task.folder.path.iterdir() if entry.is_dir()]
        if not phases:
            return None
        aside = Directory(task.output_dir / set_aside_name(task.task_id)).make()
        for entry in (*phases, *([manifest] if manifest.exists() else [])):
            entry.rename(aside.path / entry.name)
        aside.put(ATTEMPT_FILE, task.folder.get(ATTEMPT_FILE))  # last, and durable: with it, what was moved is
        return aside.path
    finally:
        attempt.release()
