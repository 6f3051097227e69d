"""A task as its manifest has it: which manifest is meant, and what there is to go on with.

For those who come back to a task from outside: ``skype-assets resume`` and ``verify``, and scripts.
"""

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from skype_assets.etl.errors import CheckpointError, UsageError
from skype_assets.etl.export.source import fingerprint
from skype_assets.etl.postgres.url import is_configured
from skype_assets.etl.tasks import layout
from skype_assets.etl.tasks import manifest as manifests
from skype_assets.etl.tasks.manifest import Manifest, SourceReport
from skype_assets.etl.tasks.record import TaskRecord, warn_of_lost_server

logger = logging.getLogger(__name__)

_LISTED: Final = 10


def find_manifests(checkpoints: Iterable[str]) -> list[Path]:
    """Manifests by path or, where there is no such file, by glob.

    Raises:
        UsageError: one of them names nothing, or is empty.
    """
    found: list[Path] = []
    for checkpoint in checkpoints:
        matches = _matches(checkpoint)
        if not matches:
            raise UsageError(f"there is no checkpoint {checkpoint}; `skype-assets status` shows the tasks there are")
        found += matches
    return list(dict.fromkeys(found))


def choose_manifest(paths: Sequence[Path], export: Path | None = None) -> tuple[Path, Manifest]:
    """The manifest that is meant: the only one, or of several that of the export. Nothing is guessed.

    Whether it is the export's, its fingerprint says or, if the export is gone, its name. The only manifest is not
    compared with the bytes of an export: the run does it. Of several, those that cannot be read are left out with a
    warning.

    Raises:
        CheckpointDamaged, CheckpointMismatch: none can be read.
        UsageError: none is the export's, or more than one; it says which there are.
        InvalidExport: the export is there and cannot be read.
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
    is_of = _is_of(export, compare_bytes=len(paths) > 1)
    candidates = [found for found in read if is_of(found[1].source)]
    if len(candidates) == 1:
        return candidates[0]
    if export is None:
        raise UsageError(f"{len(read)} checkpoints match, name one of them, or its export with -f: {_listed(read)}")
    if not candidates:
        raise UsageError(f"no checkpoint of the export {export} among the {len(read)} that match: {_listed(read)}")
    raise UsageError(
        f"{len(candidates)} checkpoints are of the export {export}, name one of them: {_listed(candidates)}"
    )


def without_export(output_dir: Path, export: Path, task_id: str | None = None) -> TaskRecord | None:
    """The record of a task that goes on without its export, which is not there any more; None if none does.

    Args:
        output_dir: where the task is.
        export: where the export was; without a task id, its name says which task is meant.
        task_id: the task.

    Raises:
        CheckpointDamaged, CheckpointMismatch: the manifest of the task cannot be read.
        UsageError: the export's name is that of several tasks; it says which.
    """
    if task_id is not None:
        named = [output_dir / layout.manifest_name(task_id)]
    else:
        named = [
            output_dir / layout.manifest_name(folder.name)
            for folder, kind in layout.folders(output_dir)
            if kind == "task" and _source_name(output_dir / layout.manifest_name(folder.name)) == export.name
        ]
    if len(named) > 1:
        raise UsageError(
            f"{export} is not there, and several tasks are of an export of that name; say which with --task-id: "
            + ", ".join(path.name for path in named)
        )
    if not named or not named[0].exists():
        return None
    record = TaskRecord.load(named[0])
    return record if record.can_resume_from_phase("transform") else None


def source_at_hand(record: TaskRecord, given: Path | None = None) -> Path | None:
    """The export, if it is where it is said to be, or was.

    Raises:
        UsageError: it is not, and it is needed.
    """
    path = given if given is not None else record.file_source
    if path is not None and path.exists():
        return path
    if not record.can_resume_from_phase("transform"):
        raise UsageError(
            f"the export {path} is not there, and extract is not complete; put it there, or go on with: "
            f"skype-assets run FILE --task-id {record.task_id} --output-dir {record.output_dir}"
        )
    return None


def database(record: TaskRecord) -> str | None:
    """The database for ``Task``: None = by environment where that names one, else the manifest's."""
    warn_of_lost_server(record)
    return None if is_configured() else record.database


def _source_name(manifest: Path) -> str | None:
    """The name of a manifest's export; None if there is no manifest that can be read."""
    if not manifest.exists():
        return None
    try:
        source = manifests.load(manifest).source
    except CheckpointError:
        return None
    return source.name if source is not None else None


def _matches(checkpoint: str) -> list[Path]:
    path = layout.manifest_path(checkpoint)
    if os.path.lexists(path):
        return [path]
    try:
        return sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    except ValueError as error:  # such as `**` within a name
        raise UsageError(f"{checkpoint}: {error}") from None


def _is_of(export: Path | None, *, compare_bytes: bool) -> Callable[[SourceReport | None], bool]:
    """Tells whether a manifest's source is this export; without an export every source is accepted."""
    if export is None or (export.exists() and not compare_bytes):  # the run compares them, and tells both values
        return lambda _: True
    if not export.exists():
        return lambda source: source is not None and source.name == export.name
    found = fingerprint(export, salvage=True)  # whether it may be, the run says
    return lambda source: source is not None and (source.size, source.sha256) == (found.size, found.sha256)


def _listed(found: Sequence[tuple[Path, Manifest]]) -> str:
    told = [
        f"{path} (of {manifest.source.name if manifest.source else 'an unknown export'})" for path, manifest in found
    ]
    more = [f"and {len(told) - _LISTED} more"] if len(told) > _LISTED else []
    return ", ".join(told[:_LISTED] + more)
