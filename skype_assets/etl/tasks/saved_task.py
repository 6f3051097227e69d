"""A task as its manifest has it: which manifest is meant, and what there is to go on with.

For those who come back to a task from outside: ``skype-assets resume`` and ``verify``.
"""

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from skype_assets.etl.errors import CheckpointError, UsageError
from skype_assets.etl.postgres.url import is_configured
from skype_assets.etl.tasks import manifest as manifests
from skype_assets.etl.tasks.manifest import Manifest
from skype_assets.etl.tasks.record import TaskRecord

logger = logging.getLogger(__name__)


def matching(checkpoints: Iterable[str]) -> list[Path]:
    """Manifests by path or, where there is no such file, by glob.

    Raises:
        UsageError: one of them names nothing.
    """
    found: list[Path] = []
    for checkpoint in checkpoints:
        matches = _matches(checkpoint)
        if not matches:
            raise UsageError(f"there is no checkpoint {checkpoint}; `skype-assets status` shows the tasks there are")
        found += matches
    return list(dict.fromkeys(found))


def newest(paths: Iterable[Path]) -> tuple[Path, Manifest]:
    """The manifest that was written last; of several, those that cannot be read are left out with a warning.

    Raises:
        CheckpointDamaged, CheckpointMismatch: none can be read.
    """
    read: list[tuple[Path, Manifest]] = []
    unreadable: list[CheckpointError] = []
    for path in paths:
        try:
            read.append((path, manifests.load(path)))
        except CheckpointError as error:
            unreadable.append(error)
    if not read:
        raise unreadable[0]
    for error in unreadable:
        logger.warning("left out: %s", error)
    return max(read, key=lambda found: (found[1].serialized_at, found[0]))


def source_at_hand(state: TaskRecord) -> Path | None:
    """The export, if it is where it was.

    Raises:
        UsageError: it is not, and it is needed.
    """
    if state.file_source is not None and state.file_source.exists():
        return state.file_source
    if not state.can_resume_from_phase("transform"):
        raise UsageError(
            f"the export {state.file_source} is not there, and extract is not complete; put it there, or go on with: "
            f"skype-assets run FILE --task-id {state.task_id} --output-dir {state.output_dir}"
        )
    return None


def database(state: TaskRecord) -> str | None:
    """The database for ``Task``: None = by environment where that names one, else the manifest's."""
    return None if is_configured() else state.database


def _matches(checkpoint: str) -> list[Path]:
    path = Path(checkpoint)
    if os.path.lexists(path):
        return [path]
    try:
        return sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    except ValueError as error:  # such as `**` within a name
        raise UsageError(f"{checkpoint}: {error}") from None
