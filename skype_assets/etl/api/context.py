"""``ETLContext``: the record of a task as the documented API shows it."""

import os
from collections.abc import Mapping
from typing import Any, Self

from skype_assets.etl.checkpoints import attempt
from skype_assets.etl.checkpoints.copying import copy_phase
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.media_store import MediaStore
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.phases import FOLDERS, given_names
from skype_assets.etl.places import named_path
from skype_assets.etl.tasks import layout, media
from skype_assets.etl.tasks import manifest as manifests
from skype_assets.etl.tasks.record import TaskRecord


class ETLContext(TaskRecord):
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
        media_only: whether an export is welcome that holds no message; else it is refused.
        keep_media: whether the bytes of media are kept, in ``media/`` of ``output_dir``.
        salvage: whether a damaged export is read as far as it is whole; else it is refused.
        defer_constraints: whether foreign keys that the database lacks are left to ``skype-assets db complete``.

    Attributes:
        task_id: see above; None until the export is known.
        start_time: when the task was begun, UTC.
        current_phase: the phase under way, or None.
        phase_results: what is known of each phase that was begun.
        errors: each error that was met.
        metrics: figures over all runs: ``peak_memory_mb``, ``total_duration_seconds`` (of the phases).
        file_source: path of the export, or None.
        source: name, size and SHA-256 of the export, or None.
    """

    @property
    def raw_data(self) -> PhaseTables | None:
        """The raw checkpoint, not loaded into memory; None until extract is complete."""
        return self.tables("extract")

    @property
    def transformed_data(self) -> PhaseTables | None:
        """The transformed tables, not loaded into memory; None until transform is complete."""
        return self.tables("transform")

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
        return manifests.to_document(self.manifest())

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
        folder = task.output_dir if checkpoint_dir is None else named_path(checkpoint_dir, "checkpoint_dir")
        Directory(folder).make()
        if folder.resolve() != task.output_dir.resolve() and task.folder.path.is_dir():
            for name in FOLDERS.values():
                copy_phase(task.folder.folder(name), Directory(folder / task.task_id / name))
            given_names.keep(Directory(folder / task.task_id), given_names.kept(task.folder))
            media.copy_kept(task.folder, MediaStore(task.output_dir), MediaStore(folder))
        attempt.put(
            Directory(folder / task.task_id),
            Directory(folder),
            layout.manifest_name(task.task_id),
            self.encoded(folder),
        )
        return str(folder / layout.manifest_name(task.task_id))

    @classmethod
    def load_from_checkpoint_file(cls, checkpoint_file: str | os.PathLike[str]) -> Self:
        """The context of a manifest file; its folder is the ``output_dir``, wherever it was moved to.

        Raises:
            CheckpointMismatch: another version wrote it.
            CheckpointDamaged: its checksum does not fit, a field is wrong, or a path leads out of its folder.
        """
        return cls.load(checkpoint_file)
