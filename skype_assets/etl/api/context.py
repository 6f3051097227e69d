"""``ETLContext``: the state of a task as the documented API shows it, and its journal while it runs."""

import dataclasses
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.attempt import is_alive, read_owner
from skype_assets.etl.checkpoints.copying import copy_phase
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.phase import open_complete
from skype_assets.etl.errors import CheckpointDamaged, CheckpointMismatch, UsageError
from skype_assets.etl.export.source import Source
from skype_assets.etl.phases import KINDS, PHASES
from skype_assets.etl.postgres.url import ALIASES, SECRETS, from_config, normalize, password, without_password
from skype_assets.etl.task import Settings, Task, check_task_id, export_id_for
from skype_assets.etl.tasks import manifest as manifests
from skype_assets.etl.tasks.history import History
from skype_assets.etl.tasks.manifest import ContextReport, Manifest, SourceReport

logger = logging.getLogger(__name__)

DbConfig = Mapping[str, object] | str | None
"""Connection parameters as libpq names them, or a URL; None = by environment, else the embedded server."""


class ETLContext(History):
    """The state of one task: where its checkpoints are, how far it is, what happened.

    Args:
        db_config: the database, as parameters (dbname, user, password, host, port, ...) or as a URL.
        output_dir: folder of all checkpoints.
        memory_limit_mb: what all processes of the run may use together, in MB.
        parallel_processing: whether parts may be worked on side by side.
        chunk_size: messages in a part.
        batch_size: messages that are transformed at a time.
        max_workers: processes, at most; None = one per core, once there is work for them.
        task_id: name of the task; None = made from the export's name and content.

    Attributes:
        task_id: see above; None until the export is known.
        start_time: when the task was begun, UTC.
        current_phase, phase_results, errors, metrics: see ``History``.
        file_source: path of the export, or None.
        source: name, size and SHA-256 of the export, or None.
    """

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
    ) -> None:
        super().__init__(
            Settings(
                chunk_size=chunk_size,
                batch_size=batch_size,
                memory_limit_mb=memory_limit_mb,
                parallel_processing=parallel_processing,
                max_workers=max_workers,
            )
        )
        self.db_config = db_config
        self.output_dir = Path(output_dir) if output_dir is not None else None
        self.task_id = check_task_id(task_id) if task_id is not None else None
        self.start_time = datetime.now(UTC)
        self.file_source: Path | None = None
        self.source: Source | None = None

    @classmethod
    def for_task(cls, task: Task) -> Self:
        """The context of a task that is about to run: its history is what its manifest has, if there is one."""
        context = cls(task.database, task.output_dir, task_id=task.task_id)
        context.settings, context.source = task.settings, task.fingerprint
        context.file_source = task.source.absolute() if task.source is not None else None
        context.recall()
        return context

    @property
    def database(self) -> str | None:
        """libpq URL of the database; None if it is left to the environment.

        A manifest has no password: SKYPE_DATABASE_URL provides it, if it names the same database.
        """
        if not self.db_config:
            return None
        url = normalize(self.db_config) if isinstance(self.db_config, str) else from_config(self.db_config)
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
                tables = self._tables(phase)
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

    @property
    def raw_data(self) -> PhaseTables | None:
        """The raw checkpoint, not loaded into memory; None until extract is complete."""
        return self._tables("extract")

    @property
    def transformed_data(self) -> PhaseTables | None:
        """The transformed tables, not loaded into memory; None until transform is complete."""
        return self._tables("transform")

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
        return str(task.output_dir / manifests.file_name(task.task_id))

    @property
    def is_begun(self) -> bool:
        """Whether there is anything to resume."""
        return self.task.folder.folder(KINDS[PHASES[0]].asset).file(states.STATE_FILE).is_file()

    def can_resume_from_phase(self, phase_name: str) -> bool:
        """Whether the phases before this one are complete, so that a run can begin with it."""
        return phase_name in PHASES and set(PHASES[: PHASES.index(phase_name)]) <= self.checkpoints.keys()

    def get_summary(self) -> dict[str, Any]:
        """The task in figures, JSON-serialisable."""
        return {
            "task_id": self.task_id,
            "export_id": self.export_id,
            "start_time": self.start_time.isoformat(),
            "current_phase": self.current_phase,
            "available_checkpoints": list(self.checkpoints),
            "phases": {name: manifests.plain(report) for name, report in self.phase_results.items()},
            "error_count": len(self.errors),
            "metrics": dict(self.metrics),
        }

    def serialize_checkpoint(self) -> dict[str, Any]:
        """The manifest as a JSON-serialisable dict: no password, paths relative to ``output_dir``."""
        return manifests.to_document(self._manifest())

    def encoded(self) -> bytes:
        """The bytes of the manifest file."""
        return manifests.encode(self._manifest())

    @classmethod
    def restore_from_checkpoint(cls, checkpoint_data: Mapping[str, Any]) -> Self:
        """The context that ``serialize_checkpoint`` made the dict from; ``output_dir`` is for the caller to set."""
        return cls._restored(manifests.from_document(checkpoint_data))

    def save_checkpoint_to_file(self, checkpoint_dir: str | os.PathLike[str] | None = None) -> str:
        """Write the manifest and return its path.

        Args:
            checkpoint_dir: another folder than ``output_dir``: gets a complete copy of the checkpoint, which resumes
                on its own (parts are linked where the file system can, not copied).
        """
        task = self.task
        folder = task.output_dir if checkpoint_dir is None else Path(checkpoint_dir)
        Directory(folder).make()
        if folder.resolve() != task.output_dir.resolve() and task.folder.path.is_dir():
            for kind in KINDS.values():
                copy_phase(task.folder.folder(kind.asset), Directory(folder / task.task_id / kind.asset))
        Directory(folder).put(manifests.file_name(task.task_id), self.encoded())
        return str(folder / manifests.file_name(task.task_id))

    @classmethod
    def load_from_checkpoint_file(cls, checkpoint_file: str | os.PathLike[str]) -> Self:
        """The context of a manifest file; its folder is the ``output_dir``, wherever it was moved to.

        Raises:
            CheckpointMismatch: another version wrote it.
            CheckpointDamaged: its checksum does not fit, a field is wrong, or a path leads out of its folder.
        """
        path = Path(checkpoint_file)
        context = cls._restored(manifests.load(path))
        context.output_dir = path.parent
        owner = read_owner(context.task.folder)
        if owner is None or not is_alive(owner):
            context.note_interruption()
        return context

    def recall(self) -> None:
        """Take over what the task's manifest tells of earlier runs, if there is one.

        Raises:
            CheckpointDamaged, CheckpointMismatch: see ``load_from_checkpoint_file``; or another task's or export's.
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
    def _restored(cls, manifest: Manifest) -> Self:
        report = manifest.context
        context = cls(report.db_config.get("url") or report.db_config, task_id=report.task_id)
        context.settings = report.settings
        context._take_over(manifest)
        return context

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
                    f"now it is {given!r} ({source.name}); use another task id, or --reset to start again"
                )

    def _manifest(self) -> Manifest:
        task = self.task
        checkpoints = self.checkpoints
        return Manifest(
            checkpoint_version=manifests.CHECKPOINT_VERSION,
            serialized_at=datetime.now(UTC),
            available_checkpoints=list(checkpoints),
            data_files={
                phase: f"{task.task_id}/{KINDS[phase].asset}/{states.STATE_FILE}"
                for phase in PHASES
                if task.folder.folder(KINDS[phase].asset).file(states.STATE_FILE).is_file()
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
                db_config=_without_secrets(self.db_config),
            ),
            source=SourceReport(**vars(self.source)) if self.source else None,
        )

    def _tables(self, phase: str) -> PhaseTables | None:
        if self.output_dir is None or self.task_id is None:
            return None
        kind = KINDS[phase]
        return open_complete(Directory(self.output_dir / self.task_id / kind.asset), kind.schemas)


def _without_secrets(db_config: DbConfig) -> dict[str, Any]:
    if db_config is None:
        return {}
    if isinstance(db_config, str):
        return {"url": without_password(normalize(db_config))}
    return {name: value for name, value in db_config.items() if ALIASES.get(name, name) not in SECRETS}
