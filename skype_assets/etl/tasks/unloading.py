"""Taking an export out of the database again, as if it had never been loaded.

What other exports of the account also had stays, in the copy that then wins; where that copy is not in the database,
it comes from the checkpoint that the other export was loaded from. Whether everything needed is at hand is known before
anything changes. The database changes in one transaction. Before it the task's load checkpoint says ``unloading``,
afterwards ``unloaded``: whatever is killed in between, the same call finishes it, and a run loads the export again.
"""

import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from skype_assets.etl import crash_points, interruption
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.attempt import Attempt
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.hold import refuse_if_held
from skype_assets.etl.checkpoints.phase_checkpoint import mark, recover
from skype_assets.etl.checkpoints.state import PhaseState, UnreadableState
from skype_assets.etl.database import ddl, holds, upgrading
from skype_assets.etl.database.loading import Claim, Loader
from skype_assets.etl.database.registered import Registered, registered_as
from skype_assets.etl.database.session import Database, Session
from skype_assets.etl.database.unloading import Changes, Needed, rehearsal, require, take_out
from skype_assets.etl.errors import CheckpointError, DatabaseError, UsageError
from skype_assets.etl.phases import FOLDERS
from skype_assets.etl.phases.kinds import PHASE_CLASSES
from skype_assets.etl.postgres.url import reachable_url, without_password
from skype_assets.etl.processes import Tenure
from skype_assets.etl.task import Task
from skype_assets.etl.tasks import layout
from skype_assets.etl.tasks.finding import Tasks, export_id_of, whole
from skype_assets.etl.tasks.kept import KeptTables, Summaries
from skype_assets.etl.tasks.record import TaskRecord

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unloaded:
    """What became of an export.

    Attributes:
        export_id: its id in the database.
        status: ``unloaded`` now, ``would be unloaded`` if it was a rehearsal, or nothing to do: ``not loaded``.
        changes: rows that went, and that came back; none known of what an earlier call did that was interrupted.
        loaded_by: the task that loaded it last; None if the database does not have it any more.
    """

    export_id: str
    status: Literal["unloaded", "would be unloaded", "not loaded"]
    changes: Changes | None = None
    loaded_by: str | None = None


def unload(
    task: Task, *, checkpoints: Sequence[Path] = (), export_id: str | None = None, is_rehearsal: bool = False
) -> Unloaded:
    """Take the export of a task out of the database.

    Args:
        task: the task. Its folder need not be there any more: the database knows what it loaded.
        checkpoints: further folders that have checkpoints of other exports.
        export_id: which export, if not that of the task's checkpoint or the only one that the task loaded.
        is_rehearsal: do it, count, and take it back: nothing changes, and no attempt ends.

    Raises:
        UsageError: there is no such task, or it loaded nothing, or several exports.
        OnHold: the export is held.
        CheckpointError: the checkpoint of another export is needed, and is gone or damaged.
        TaskBusy: another process is at the task, and lives.
        Fenced: another process has taken the task over; this one changes nothing any more.
        DatabaseError: the export is in another database; or this one refuses.
    """
    state = _load_state(task)
    wanted = export_id or (export_id_of(state) if state is not None else None)
    folders = _Folders([task.output_dir, *checkpoints])
    url = reachable_url(task.database, create=False)
    with Session(url) as session:  # one that cannot be reached says so now, not after several tries
        if is_rehearsal:
            upgrading.require_newest(session)
        else:
            upgrading.bring_up_to_date(session)
    with Database(url) as database:
        record = database.repeatedly(lambda session: _record(session, task, wanted))
        if record is None:
            return _without_rows(task, state, url, export_id, is_rehearsal=is_rehearsal)
        for held in (task.folder, *folders.tasks_about(record.export_id)):
            refuse_if_held(held)
        with database.session() as session:
            holds.refuse_if_held(session, record.export_id)
        rows = _Rows(database, record, folders)
        if is_rehearsal:
            return Unloaded(record.export_id, "would be unloaded", rows.rehearse(), record.task_id)
        if state is None or export_id_of(state) != record.export_id:  # no checkpoint here says that it is loaded
            rows.require()
            rows.claim(None)
            return Unloaded(record.export_id, "unloaded", rows.take_out(), record.task_id)
        with _checkpoint_of(task) as checkpoint:
            rows.require()
            checkpoint.begin(rows.claim)
            changes = rows.take_out()
            checkpoint.finish()
        return Unloaded(record.export_id, "unloaded", changes, record.task_id)


def _load_state(task: Task) -> PhaseState | None:
    folder = task.folder.folder(FOLDERS["load"])
    try:
        return states.read(folder)
    except UnreadableState:
        if previous := states.previous(folder):
            return previous
        raise


def _record(session: Session, task: Task, export_id: str | None) -> Registered | None:
    if export_id is not None:
        found = registered_as(session, "export_id", export_id)
    else:
        found = registered_as(session, "task_id", task.task_id)
    if len(found) > 1:
        raise UsageError(
            f"task {task.task_id} loaded several exports; name one of them with --export: "
            + ", ".join(f"{export.export_id} ({export.source_name})" for export in found)
        )
    return found[0] if found else None


def _without_rows(
    task: Task, state: PhaseState | None, url: str, export_id: str | None, *, is_rehearsal: bool
) -> Unloaded:
    """What to say, or to finish, if the database does not have the export."""
    where = f"the database {without_password(url)}"
    if export_id is not None and (state is None or export_id != export_id_of(state)):
        raise UsageError(f"{where} has no export {export_id}")
    if not task.folder.path.is_dir():
        raise UsageError(f"there is no task {task.task_id} in {task.output_dir}, and {where} knows of none")
    if state is None or (state.status == "running" and not state.parts):
        raise UsageError(f"task {task.task_id} has not loaded anything: there is nothing to unload")
    if state.status in ("unloading", "unloaded"):
        status = "not loaded" if state.status == "unloaded" else "unloaded"
        if is_rehearsal:
            return Unloaded(export_id_of(state), "not loaded")
        with _checkpoint_of(task) as checkpoint:
            checkpoint.finish()
        return Unloaded(export_id_of(state), status)
    raise DatabaseError(
        f"task {task.task_id}: its export {export_id_of(state)} is not in {where}. It is in another one (name that "
        "with SKYPE_DATABASE_URL), or its rows are gone already (then `run` loads it again); nothing was changed"
    )


class _Rows:
    """The rows of an export in the database, and what comes into their place."""

    def __init__(self, database: Database, record: Registered, folders: "_Folders") -> None:
        self._database = database
        self._record = record
        self._folders = folders
        self._kept: dict[str, KeptTables] = {}
        self._claim: Claim | None = None
        self._changes: Changes | None = None

    def require(self) -> None:
        """Find the checkpoints that are needed; see ``unload`` for what is raised if one is not there."""
        self._in_rehearsal(lambda session: require(session, self._record, self._kept))

    def rehearse(self) -> Changes:
        """Count what ``take_out`` would do."""
        self._in_rehearsal(self._take_out)
        assert self._changes is not None, "it was just done"
        return self._changes

    def claim(self, tenure: Tenure | None) -> None:
        """Take the export over: from now on no earlier attempt commits any part of it."""
        self._claim = self._database.repeatedly(partial(self._take_over, tenure))

    def take_out(self) -> Changes:
        """Take the rows out, in one transaction."""
        self._with_checkpoints(self._commit)
        assert self._changes is not None, "it was just done"
        return self._changes

    def _take_over(self, tenure: Tenure | None, session: Session) -> Claim:
        ddl.create(session)
        return Loader.take_over(session, self._record.export_id, self._record.owner_id, tenure).claim

    def _in_rehearsal(self, action: Callable[[Session], None]) -> None:
        def rehearsed(session: Session) -> None:
            with rehearsal(session, self._record.owner_id):
                action(session)

        self._with_checkpoints(rehearsed)

    def _commit(self, session: Session) -> None:
        assert self._claim is not None, "take_out comes after claim"
        loader = Loader(session, self._claim)
        if self._changes is not None and not registered_as(session, "export_id", self._record.export_id):
            return  # an earlier try committed it, and the answer was lost
        with loader.transaction():
            self._take_out(session)
            crash_points.reached("rows unloaded")
        crash_points.reached("unload committed")

    def _take_out(self, session: Session) -> None:
        self._changes = take_out(session, self._record, self._kept)

    def _with_checkpoints(self, action: Callable[[Session], None]) -> None:
        """Do something; as long as it needs further checkpoints, because exports are loaded meanwhile, again."""
        while True:
            try:
                return self._database.repeatedly(action)
            except Needed as needed:
                for export, entries in needed.exports:
                    self._kept[export.export_id] = self._folders.checkpoint_of(export, entries)


class _Folders(Tasks):
    """The folders in which checkpoints are looked for."""

    def __init__(self, folders: Sequence[Path]) -> None:
        super().__init__(folders)
        self._summaries = Summaries()

    def checkpoint_of(self, export: Registered, entries: Mapping[int, str]) -> KeptTables:
        """What an export was loaded from, whole.

        Raises:
            CheckpointError: it is not there, or not whole.
        """
        reasons: list[str] = []
        for folder in self.tasks_about(export.export_id):
            try:
                tables = whole(folder)
            except CheckpointError as damage:
                reasons.append(str(damage))
                continue
            checkpoint = KeptTables(tables, self._summaries)
            made_by = tables.state.inputs["code_version"]
            if made_by != PHASE_CLASSES["transform"].facts.version:
                reasons.append(f"{tables.folder} was made by older code, version {made_by}")
                continue
            if export.fits(checkpoint.checksums, entries):
                return checkpoint
            reasons.append(f"{tables.folder} is not what was loaded; it was made anew since")
        where = ", ".join(map(str, self.folders))
        raise CheckpointError(
            f"export {export.export_id} ({export.source_name}, task {export.task_id}) may have copies of what would "
            f"go, so that its checkpoint is needed: {'; '.join(reasons) or f'there is none in {where}'}. Nothing was "
            f"changed; run that export again (as task {export.task_id}), or name the folder that has its checkpoint "
            "with --checkpoints"
        )


class _LoadCheckpoint:
    """The load checkpoint and the manifest of the task, held by an attempt."""

    def __init__(self, task: Task, attempt: Attempt) -> None:
        self._task = task
        self._attempt = attempt
        self._folder = task.folder.folder(FOLDERS["load"])

    def begin(self, claim: Callable[[Tenure | None], None]) -> None:
        """Say that the rows are about to go; ``claim`` them while nobody can take over the task."""
        mark(self._attempt, self._folder, "unloading")
        crash_points.reached("unload marked")
        with self._attempt.held():
            claim(self._attempt.tenure)

    def finish(self) -> None:
        """Say that the rows are gone; nothing is written if that is said already."""
        state = states.read(self._folder)
        if state is not None and state.status != "unloaded":
            mark(self._attempt, self._folder, "unloaded")
        self._tell_manifest()
        crash_points.reached("unload recorded")

    def _tell_manifest(self) -> None:
        path = self._task.output_dir / layout.manifest_name(self._task.task_id)
        if not path.exists():
            return
        try:
            record = TaskRecord.load(path)
        except CheckpointError as damage:  # no phase needs it
            logger.warning("the manifest does not say that the export was unloaded: %s", damage)
            return
        if record.get_phase_status("load") != "unloaded":
            record.note_interruption()
            record.set_phase_status("load", "unloaded")
            self._attempt.commit(Directory(self._task.output_dir), path.name, record.encoded())


@contextmanager
def _checkpoint_of(task: Task) -> Generator[_LoadCheckpoint]:
    with interruption.gently():
        attempt = Attempt.take(task.folder)
        try:
            recover(attempt, task.folder.folder(FOLDERS["load"]))
            yield _LoadCheckpoint(task, attempt)
        finally:
            attempt.release()
