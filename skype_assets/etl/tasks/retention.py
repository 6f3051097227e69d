"""Retention: which tasks of an output folder may go, and how they go. The database is never touched.

A task leaves in two steps, so that a kill between them leaves nothing that looks like a task and is none: its manifest
moves into its folder, and the folder becomes ``.removing-<task id>``, both under the task's lock, so that no attempt
can begin meanwhile. Then that folder is emptied, by whoever comes first.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from skype_assets.etl.checkpoints import left_over, store_attempt
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.attempt import ATTEMPT_FILE, Owner, Watch, is_worked_on, seems_alive
from skype_assets.etl.checkpoints.directory import LOCK_FILE, Directory
from skype_assets.etl.checkpoints.hold import hold_on, refuse_if_held
from skype_assets.etl.checkpoints.left_over import LeftOver
from skype_assets.etl.checkpoints.state import PhaseState
from skype_assets.etl.checkpoints.store_media import FOLDER as MEDIA
from skype_assets.etl.checkpoints.working_copy import LOG_FILE, WorkingCopy
from skype_assets.etl.errors import CheckpointError, TaskBusy
from skype_assets.etl.phases import EXTRACT, FOLDERS, given_names
from skype_assets.etl.task import TASK_ID
from skype_assets.etl.tasks import layout
from skype_assets.etl.tasks import manifest as manifests
from skype_assets.etl.tasks.layout import REMOVING, FolderKind

LEFT_OVER_AFTER: Final = timedelta(days=1)
"""Age from which what ``--reset`` moved aside, and the copy of a stream, are left-overs."""

CLOCKS_DIFFER_BY: Final = timedelta(minutes=5)
"""How far apart the clocks of two hosts may be that share a folder."""


@dataclass(frozen=True)
class Entry:
    """Something in an output folder that takes room.

    Attributes:
        name: its folder's name.
        kind: what it is.
        is_complete: all three phases are complete.
        updated_at: last change of a phase's state; of what has none, of the folder.
        bytes: room that its removal frees (files that are linked elsewhere free none).
        source_sha256: the export it is about, if that is known.
        has_rows: whether it has loaded what was not taken out of the database again.
        kept: why it stays whatever is asked; empty if it need not.
        watch: of the attempt that owns the task, since it was found.
    """

    name: str
    kind: FolderKind
    is_complete: bool
    updated_at: datetime
    bytes: int
    source_sha256: str | None = None
    has_rows: bool = False
    kept: str = ""
    watch: Watch | None = None


def entries(output_dir: Path, now: datetime | None = None) -> list[Entry]:
    """Everything in a folder that retention is about, the newest first; only reads.

    What was changed later than ``now``, the present, was changed under another clock: it stays, and is newer than
    nothing.
    """
    now = now or datetime.now(UTC)
    found = sorted(_entries(output_dir), key=lambda entry: (entry.updated_at, entry.name), reverse=True)
    needed = _received_by_tasks(output_dir, found)
    newest: set[str | None] = set()  # sources of which a newer complete checkpoint was met
    result: list[Entry] = []
    for entry in found:
        kept, is_dated = entry.kept, entry.updated_at <= now + CLOCKS_DIFFER_BY
        if not is_dated and entry.kind != "being removed":
            kept = kept or "its last change has a time that is yet to come: a clock was or is wrong"
        elif entry.is_complete:
            if not newest:
                kept = kept or "the newest complete one"
            elif entry.source_sha256 not in newest:
                kept = kept or "the newest complete one of its export"
            newest.add(entry.source_sha256)
        if entry.name in needed:
            kept = f"task {needed[entry.name]} needs it to resume"
        result.append(replace(entry, kept=kept))
    return result


def removable(
    found: Sequence[Entry], *, keep: int | None = None, older_than: timedelta | None = None, now: datetime | None = None
) -> list[Entry]:
    """What may go of ``entries``.

    Args:
        found: what there is, the newest first.
        keep: complete tasks beyond so many of the newest may go.
        older_than: what was last changed longer ago may go; only with this also tasks that are not complete. Given
            both, what may go is what may go by both.
        now: the present.
    """
    now = now or datetime.now(UTC)
    complete = [entry for entry in found if entry.kind == "task" and entry.is_complete]
    dated = [entry for entry in complete if entry.updated_at <= now + CLOCKS_DIFFER_BY]
    ranks = {entry.name: rank for rank, entry in enumerate(dated)}

    def may_go(entry: Entry) -> bool:
        age = now - entry.updated_at
        if entry.kind == "being removed":
            return True
        if entry.kept or (older_than is not None and age < older_than):
            return False
        if entry.kind != "task":
            return age >= LEFT_OVER_AFTER
        if not entry.is_complete:
            return older_than is not None
        return keep is None or ranks[entry.name] >= keep

    return [entry for entry in found if may_go(entry)]


def remove(output_dir: Path, entry: Entry) -> None:
    """Remove it; what an earlier removal left under its name goes, too.

    Raises:
        TaskBusy: an attempt works on the task.
        OnHold: the task is held.
    """
    if entry.kind == "being removed":
        _empty(output_dir / entry.name)
        return
    _empty(output_dir / f"{REMOVING}{entry.name}")
    if entry.kind == "task":
        _put_task_away(output_dir, entry.name, entry.watch)
    else:
        _put_away(output_dir / entry.name)
    _empty(output_dir / f"{REMOVING}{entry.name}")


def remove_left_over(output_dir: Path, task_id: str | None = None, *, is_rehearsal: bool = False) -> LeftOver:
    """Remove what a task, or all, have left over in the store whose working copy a folder is; nothing if it is none.

    Args:
        output_dir: the folder.
        task_id: the task; None = all, and those that were removed.
        is_rehearsal: only count.
    """
    if (copy := WorkingCopy.of(output_dir)) is None:
        return LeftOver()
    if not is_rehearsal:
        left_over.remove_probes(copy.store)
    names = (
        [task_id] if task_id else [name for name in copy.store.folders() if TASK_ID.fullmatch(name) and name != MEDIA]
    )
    return left_over.remove(copy.store, names, is_rehearsal=is_rehearsal)


def withdraw(output_dir: Path, task_id: str) -> None:
    """Remove a task that has just been begun, for an export of which no message could be read.

    Nothing happens if more than such a beginning lies in its folder, or another attempt has taken it over.
    """
    beginning = {EXTRACT.asset, ATTEMPT_FILE, LOCK_FILE, LOG_FILE, layout.RECEIVED, given_names.KEPT}
    if {path.name for path in (output_dir / task_id).iterdir()} <= beginning:
        with suppress(TaskBusy):
            _put_task_away(output_dir, task_id)
            _empty(output_dir / f"{REMOVING}{task_id}")


def _put_task_away(output_dir: Path, task_id: str, watch: Watch | None = None) -> None:
    folder = Directory(output_dir / task_id)
    watch = watch or Watch(folder)
    while watch.look() is None:
        watch.wait()
    with folder.lock(LOCK_FILE):
        if watch.look() is not False and watch.owner is not None:
            raise TaskBusy(f"task {task_id} is {_in_use(watch.owner)}")
        if (copy := WorkingCopy.of(output_dir)) is not None:
            copy.get_beside(folder)
        refuse_if_held(folder)
        if copy is not None:
            store_attempt.remove(copy, task_id)
        manifest = output_dir / layout.manifest_name(task_id)
        if manifest.exists():
            manifest.rename(folder.file(manifest.name))
        _put_away(folder.path)


def _put_away(folder: Path) -> None:
    folder.rename(folder.with_name(f"{REMOVING}{folder.name}"))


def _empty(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder, onerror=_unless_missing)


def _unless_missing(
    _function: Any, _path: str, error: tuple[type[BaseException], BaseException, TracebackType | None]
) -> None:
    """Another clean may be at the same folder."""
    if not isinstance(error[1], FileNotFoundError):
        raise error[1]


def _entries(output_dir: Path) -> Iterator[Entry]:
    for folder, kind in layout.folders(output_dir):
        changed = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
        if kind == "task":
            task, manifest = _task(folder), output_dir / layout.manifest_name(folder.name)
            yield replace(task, bytes=task.bytes + (manifest.stat().st_size if manifest.is_file() else 0))
        elif kind == "set aside":
            aside = _task(folder)
            yield replace(aside, kind=kind, updated_at=max(aside.updated_at, changed), kept=_hold(Directory(folder)))
        else:
            yield Entry(folder.name, kind, False, changed, _bytes(folder))


def _task(folder: Path) -> Entry:
    task = Directory(folder)
    found = [_state(task.folder(asset)) for asset in FOLDERS.values()]
    known = [state for state in found if state is not None]
    load, watch = found[-1], Watch(task)
    return Entry(
        name=folder.name,
        kind="task",
        is_complete=all(state is not None and state.status == "complete" for state in found),
        updated_at=max(
            (state.updated_at for state in known), default=datetime.fromtimestamp(folder.stat().st_mtime, UTC)
        ),
        bytes=max(_bytes(folder), _bytes_in_store(folder.parent, known)),
        source_sha256=known[0].inputs.get("source_sha256") if known else None,
        has_rows=load is not None and load.status != "unloaded" and bool(load.parts),
        kept=_use(watch) or _use_elsewhere(task) or _hold(task),
        watch=watch,
    )


def _state(folder: Directory) -> PhaseState | None:
    try:
        return states.read(folder)
    except CheckpointError:  # not complete, whatever it is
        return None


def _use(watch: Watch) -> str:
    """Who uses a task; whoever cannot be asked whether he does is watched when the task is to go."""
    try:
        watch.look()
    except CheckpointError:
        return "its attempt.json is damaged, so that nobody knows whether it is in use"
    return _in_use(watch.owner) if watch.owner is not None and seems_alive(watch.owner) else ""


def _use_elsewhere(task: Directory) -> str:
    return "in use on another machine" if is_worked_on(task) else ""


def _bytes_in_store(output_dir: Path, known: Sequence[PhaseState]) -> int:
    return sum(state.bytes for state in known) if WorkingCopy.of(output_dir) is not None else 0


def _hold(task: Directory) -> str:
    reason = hold_on(task)
    return f"on hold: {reason}" if reason is not None else ""


def _in_use(owner: Owner) -> str:
    return f"in use by process {owner.pid} on {owner.host}"


def _received_by_tasks(output_dir: Path, found: Sequence[Entry]) -> dict[str, str]:
    """Copies of streams that tasks which are not complete were given, and those tasks."""
    needed: dict[str, str] = {}
    for entry in found:
        if entry.kind != "task" or entry.is_complete:
            continue
        manifest = output_dir / layout.manifest_name(entry.name)
        if manifest.exists():
            try:
                source = manifests.load(manifest).context.file_source
            except CheckpointError:  # nobody resumes from that
                continue
            if source is not None:
                needed[Path(source).parent.name] = entry.name
    return needed


def _bytes(folder: Path) -> int:
    files = (Path(root, name).lstat() for root, _, names in os.walk(folder) for name in names)
    return sum(file.st_size for file in files if file.st_nlink == 1)
