"""The record of a task: which export it is about, where and how it runs, what happened. The manifest keeps it.

The engine writes it, every door reads it. It decides one thing: which export the task is about, also when no phase's
state is left to say so. The truth about parts is in the phases' states.
"""

import dataclasses
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.attempt import is_worked_on
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.phase_checkpoint import open_complete
from skype_assets.etl.checkpoints.working_copy import output_folder
from skype_assets.etl.errors import START_AGAIN, CheckpointDamaged, CheckpointMismatch, UsageError
from skype_assets.etl.export.source import Source
from skype_assets.etl.phases import EXTRACT, FOLDERS, PHASES
from skype_assets.etl.phases.kinds import PHASE_CLASSES
from skype_assets.etl.postgres.embedded import EmbeddedServer
from skype_assets.etl.postgres.url import (
    ALIASES,
    SECRETS,
    embedded_name,
    embedded_server,
    from_config,
    is_configured,
    is_stale_socket,
    normalize,
    password,
    without_password,
)
from skype_assets.etl.task import Settings, Task, check_task_id, export_id_for
from skype_assets.etl.tasks import layout
from skype_assets.etl.tasks import manifest as manifests
from skype_assets.etl.tasks.history import History
from skype_assets.etl.tasks.manifest import ContextReport, Manifest, SourceReport

logger = logging.getLogger(__name__)

DbConfig = Mapping[str, object] | str | None
"""Connection parameters as libpq names them, or a URL; None = by environment, else the embedded server."""

_EMBEDDED: Final = "embedded"
"""In a manifest's ``db_config``: the folder of the embedded server, relative to the manifest."""


class TaskRecord(History):
    """What is told of one task; ``ETLContext``, its public form, describes arguments and attributes."""

    def __init__(
        self,
        db_config: DbConfig = None,
        output_dir: str | os.PathLike[str] | None = None,
        memory_limit_mb: int = Settings.memory_limit_mb,
        parallel_processing: bool = Settings.parallel_processing,
        chunk_size: int = Settings.chunk_size,
        batch_size: int = Settings.batch_size,
        max_workers: int | None = None,
        task_id: str | None = None,
        media_only: bool = Settings.media_only,
        keep_media: bool = Settings.keep_media,
        salvage: bool = Settings.salvage,
        defer_constraints: bool = Settings.defer_constraints,
    ) -> None:
        super().__init__(
            Settings(
                chunk_size=chunk_size,
                batch_size=batch_size,
                memory_limit_mb=memory_limit_mb,
                parallel_processing=parallel_processing,
                max_workers=max_workers,
                media_only=media_only,
                keep_media=keep_media,
                salvage=salvage,
                defer_constraints=defer_constraints,
            )
        )
        self.db_config = db_config
        self.output_dir = output_folder(output_dir, "output_dir") if output_dir is not None else None
        self.task_id = check_task_id(task_id) if task_id is not None else None
        self.start_time = datetime.now(UTC)
        self.file_source: Path | None = None
        self.source: Source | None = None

    @classmethod
    def for_task(cls, task: Task) -> Self:
        """The record of a task that is about to run: its history is what its manifest has, if there is one."""
        record = cls(task.database, task.output_dir, task_id=task.task_id)
        record.settings, record.source = task.settings, task.fingerprint
        record.file_source = task.source.absolute() if task.source is not None else None
        record.recall()
        return record

    @property
    def database(self) -> str | None:
        """URL of the database, or the embedded server's name; None if it is left to the environment.

        A manifest has no password: SKYPE_DATABASE_URL provides it, if it names the same database. The embedded server
        of a manifest is the default that it was: the environment may name another database. If it is not there any
        more, as when the checkpoints alone were moved, it is that of the place where the run goes on.
        """
        if not self.db_config:
            return None
        if not isinstance(self.db_config, str) and _EMBEDDED in self.db_config:
            server = EmbeddedServer(self._folder.joinpath(str(self.db_config[_EMBEDDED])).resolve())
            return embedded_name(server) if server.exists and not is_configured() else None
        url = self.db_config if isinstance(self.db_config, str) else from_config(self.db_config)
        if (server := embedded_server(url)) is not None:
            return embedded_name(server)
        url = normalize(url)
        environment = os.environ.get("SKYPE_DATABASE_URL", "")
        if not environment or password(url) is not None or without_password(environment) != without_password(url):
            return url
        return normalize(environment)

    @property
    def task(self) -> Task:
        """What the engine runs.

        Raises:
            UsageError: there is no output_dir, or neither an export nor a task id.
        """
        if self.output_dir is None:
            raise UsageError("output_dir is missing; checkpoints need a folder, e.g. output_dir='output'")
        if self.task_id is None:
            raise UsageError("there is no task yet: name an export (set_file_source) or a task_id")
        return Task(self.task_id, self.output_dir, self.file_source, self.database, self.settings, self.source)

    @property
    def export_id(self) -> str | None:
        """Id of the export in the database: the first 16 hex digits of its SHA-256; None until it is known."""
        return export_id_for(self.source.sha256) if self.source else None

    @property
    def checkpoints(self) -> dict[str, dict[str, Any]]:
        """The completed phases, in order: fingerprint, rows per table, parts, and when they were completed.

        A damaged one ends the list: the next run makes it again, or says why it cannot.
        """
        found: dict[str, dict[str, Any]] = {}
        for phase in PHASES:
            try:
                tables = self.tables(phase)
            except CheckpointDamaged as damage:
                logger.warning("%s cannot be used: %s", phase, damage)
                break
            if tables is None:
                break
            state = tables.state
            found[phase] = {
                "fingerprint": state.fingerprint,
                "rows": tables.rows(),
                "parts": len(state.parts),
                "completed_at": state.updated_at.isoformat(),
            }
        return found

    def tables(self, phase: str) -> PhaseTables | None:
        """The tables of a phase, not loaded into memory; None until it is complete."""
        if self.output_dir is None or self.task_id is None:
            return None
        kind = PHASE_CLASSES[phase]
        return open_complete(Directory(self.output_dir / self.task_id / kind.facts.asset), kind.schemas)

    def set_file_source(self, file_path: str | os.PathLike[str], source: Source | None = None) -> None:
        """Say which export the task is about; ``source`` if its fingerprint is known already.

        Raises:
            CheckpointMismatch: the task is about another one.
        """
        if source is not None:
            self._refuse_other_than(source)
            self.source = source
        self.file_source = Path(file_path).absolute()

    def forget_file_source(self) -> None:
        """Say that the export is not at hand; what is known of it stays."""
        self.file_source = None

    def use_display_name(self, user_display_name: str) -> None:
        """Say what the owner of the export is called."""
        self.settings = dataclasses.replace(self.settings, user_display_name=user_display_name)

    @property
    def checkpoint_file(self) -> str:
        """Path of the manifest in ``output_dir``."""
        task = self.task
        return str(task.output_dir / layout.manifest_name(task.task_id))

    @property
    def is_begun(self) -> bool:
        """Whether there is anything to resume."""
        return self.task.folder.folder(EXTRACT.asset).file(states.STATE_FILE).is_file()

    def can_resume_from_phase(self, phase_name: str) -> bool:
        """Whether the phases before this one are complete, so that a run can begin with it."""
        return phase_name in PHASES and set(PHASES[: PHASES.index(phase_name)]) <= self.checkpoints.keys()

    def encoded(self, folder: Path | None = None) -> bytes:
        """The bytes of the manifest file, for the folder of checkpoints or for another."""
        return manifests.encode(self.manifest(folder))

    def recall(self) -> None:
        """Take over what the task's manifest tells of earlier runs, if there is one here.

        Raises:
            CheckpointDamaged, CheckpointMismatch: see ``load``; or it is another task's or export's.
        """
        path = Path(self.checkpoint_file)
        if not os.path.lexists(path):
            return
        manifest = manifests.load(path)
        if manifest.context.task_id != self.task_id:
            raise CheckpointMismatch(f"{path}: task_id is {manifest.context.task_id!r}, its name says {self.task_id!r}")
        path, source = self.file_source, self.source
        self._take_over(manifest)
        if path is not None:
            self.set_file_source(path, source)

    @classmethod
    def load(cls, checkpoint_file: str | os.PathLike[str]) -> Self:
        """The record in a manifest file; its folder is the ``output_dir``, wherever it was moved to.

        Raises:
            CheckpointMismatch: another version wrote it.
            CheckpointDamaged: its checksum does not fit, a field is wrong, or a path leads out of its folder.
        """
        path = layout.manifest_path(checkpoint_file)
        record = cls._restored(manifests.load(path))
        record.output_dir = path.parent
        if not is_worked_on(record.task.folder):
            record.note_interruption()
        return record

    @classmethod
    def _restored(cls, manifest: Manifest) -> Self:
        report = manifest.context
        record = cls(_remembered(report.db_config), task_id=report.task_id)
        record.settings = report.settings
        record._take_over(manifest)
        return record

    def _take_over(self, manifest: Manifest) -> None:
        report = manifest.context
        self.start_time, self.current_phase = report.start_time, report.current_phase
        self.phase_results, self.errors, self.metrics = report.phase_results, report.errors, report.metrics
        self.file_source = Path(report.file_source) if report.file_source is not None else None
        self.source = Source(**manifests.plain(manifest.source)) if manifest.source is not None else None

    def _refuse_other_than(self, source: Source) -> None:
        for field in ("size", "sha256"):
            known, given = getattr(self.source or source, field), getattr(source, field)
            if known != given:
                raise CheckpointMismatch(
                    f"task {self.task_id}: source_{field} of its export is {known!r}, "
                    f"now it is {given!r} ({source.name}); use another task id, or {START_AGAIN}"
                )

    @property
    def _folder(self) -> Path:
        return (self.output_dir or Path()).resolve()

    def manifest(self, folder: Path | None = None) -> Manifest:
        """What the manifest file says now, in the folder of checkpoints or in another."""
        task = self.task
        checkpoints = self.checkpoints
        return Manifest(
            checkpoint_version=manifests.CHECKPOINT_VERSION,
            serialized_at=datetime.now(UTC),
            available_checkpoints=list(checkpoints),
            data_files={
                phase: f"{task.task_id}/{FOLDERS[phase]}/{states.STATE_FILE}"
                for phase in PHASES
                if task.folder.folder(FOLDERS[phase]).file(states.STATE_FILE).is_file()
            },
            context=ContextReport(
                task_id=task.task_id,
                start_time=self.start_time,
                current_phase=self.current_phase,
                phase_results=self.phase_results,
                checkpoints=checkpoints,
                errors=self.errors,
                metrics=self.metrics,
                export_id=self.export_id,
                file_source=str(self.file_source) if self.file_source is not None else None,
                settings=self.settings,
                db_config=self._database_to_remember((folder or self._folder).resolve()),
            ),
            source=_reported(self.source) if self.source else None,
        )

    def _database_to_remember(self, folder: Path) -> dict[str, Any]:
        """What the manifest in a folder has of the database; nothing if that is the environment's."""
        database = self.database
        if database is None and is_configured():
            return {}
        server = EmbeddedServer() if database is None else embedded_server(database)
        if server is not None:
            # Not its URL: that is of a socket, which is there while the server runs.
            return {_EMBEDDED: os.path.relpath(server.directory, folder)}
        return _without_secrets(self.db_config)


def _reported(source: Source) -> SourceReport:
    return SourceReport(name=source.name, size=source.size, sha256=source.sha256)


def warn_of_lost_server(record: TaskRecord) -> None:
    """Say that another embedded server is used than the manifest's, if that is not there any more."""
    if not isinstance(record.db_config, Mapping) or _EMBEDDED not in record.db_config or is_configured():
        return
    recorded = EmbeddedServer(
        (record.output_dir or Path()).resolve().joinpath(str(record.db_config[_EMBEDDED])).resolve()
    )
    if not recorded.exists:
        logger.warning(
            "task %s was loaded into the embedded server in %s, which is not there; the one in %s is used now",
            record.task_id,
            recorded.directory,
            EmbeddedServer().directory,
        )


def _remembered(db_config: dict[str, Any]) -> DbConfig:
    """The database that a manifest has. Dagster's runs once wrote the URL of the embedded server's socket."""
    url: str | None = db_config.get("url")
    if url is None:
        return db_config
    if (server := embedded_server(url)) is not None:
        return {_EMBEDDED: str(server.directory)}
    return None if is_stale_socket(url) else url


def _without_secrets(db_config: DbConfig) -> dict[str, Any]:
    if db_config is None:
        return {}
    if isinstance(db_config, str):
        return {"url": without_password(normalize(db_config))}
    return {name: value for name, value in db_config.items() if ALIASES.get(name, name) not in SECRETS}
