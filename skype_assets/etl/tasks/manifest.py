"""The manifest ``etl_checkpoint_<task_id>.json``: what a person or a program needs to resume a task.

It refers to the checkpoints and describes the run; the truth about parts is in the phases' state files. It holds no
password, no message text, and only paths relative to its own folder, so that a moved folder still resumes.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

from skype_assets.etl.errors import CheckpointDamaged, CheckpointMismatch
from skype_assets.etl.task import Settings, check_task_id

CHECKPOINT_VERSION: Final = "2.0"
"""Version of the manifest's shape. 1.0 was the earlier implementation's, which pointed to flat files of data."""

_FLAT_FILES: Final = "its data files carry no checksums, so nothing proves that they are whole: run the export anew"
_REMEDY: Final = (
    "Restore it, or remove it and run the export with its task id: the phases have files of their own and go on"
)
_LARGEST: Final = 16 * 1024 * 1024


class PhaseReport(msgspec.Struct, kw_only=True):
    """What is known of a phase.

    ``status`` is ``pending``, ``running``, ``completed``, ``failed``, ``interrupted`` or ``unloaded``;
    ``duration_seconds`` is the wall time of the attempt that ended it; ``messages_resumed`` of its messages were done
    by earlier attempts.
    """

    status: str
    started_at: datetime
    ended_at: datetime | None = None
    duration_seconds: float = 0.0
    conversations: int = 0
    messages: int = 0
    messages_resumed: int = 0
    messages_per_second: float = 0.0
    from_checkpoint: bool = False
    total_conversations: int = 0
    total_messages: int = 0
    peak_memory_mb: float = 0.0
    details: dict[str, Any] = {}


class ErrorReport(msgspec.Struct, kw_only=True):
    """An error that was met: in which phase, of which type, and whether it ended the phase."""

    phase: str
    type: str
    message: str
    fatal: bool
    at: datetime


class SourceReport(msgspec.Struct, kw_only=True):
    """The export: its name, bytes and SHA-256 (hex)."""

    name: str
    size: int
    sha256: str


class ContextReport(msgspec.Struct, kw_only=True):
    """The state of an ``ETLContext``. ``db_config`` never has a password."""

    task_id: str
    start_time: datetime
    current_phase: str | None
    phase_results: dict[str, PhaseReport]
    checkpoints: dict[str, dict[str, Any]]
    errors: list[ErrorReport]
    metrics: dict[str, float]
    export_id: str | None
    file_source: str | None
    settings: Settings
    db_config: dict[str, Any]


class Manifest(msgspec.Struct, kw_only=True):
    """The whole file, without its checksum."""

    checkpoint_version: str
    serialized_at: datetime
    available_checkpoints: list[str]
    data_files: dict[str, str]
    context: ContextReport
    source: SourceReport | None


def to_document(manifest: Manifest) -> dict[str, Any]:
    """The manifest as a JSON-serialisable dict, with its checksum under ``integrity``."""
    document = msgspec.to_builtins(manifest)
    return {**document, "integrity": _checksum(document)}


def from_document(document: Mapping[str, Any], where: object = "checkpoint") -> Manifest:
    """The manifest in a dict.

    Raises:
        CheckpointMismatch: another version wrote it.
        CheckpointDamaged: its checksum does not fit, a field is wrong, or a path leads out of its folder.
    """
    version = document.get("checkpoint_version")
    if version != CHECKPOINT_VERSION:
        raise CheckpointMismatch(
            f"{where}: checkpoint_version is {version!r}, this program reads {CHECKPOINT_VERSION!r}; "
            + (_FLAT_FILES if version == "1.0" else "use the program that wrote it")
        )
    body = {name: value for name, value in document.items() if name != "integrity"}
    if document.get("integrity") != _checksum(body):
        raise CheckpointDamaged(f"{where}: the checksum does not fit, the file was changed. {_REMEDY}")
    try:
        manifest = msgspec.convert(body, Manifest)
    except msgspec.ValidationError as error:
        raise CheckpointDamaged(f"{where}: {error}. {_REMEDY}") from None
    context = manifest.context
    check_task_id(context.task_id)
    if context.current_phase is not None and context.current_phase not in context.phase_results:
        raise CheckpointDamaged(f"{where}: nothing is known of the current phase {context.current_phase[:40]!r}")
    for path in manifest.data_files.values():
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise CheckpointDamaged(f"{where}: the path {path!r} leads out of the checkpoint's folder")
    return manifest


def plain(value: object) -> dict[str, Any]:
    """A record as a JSON-serialisable dict."""
    return msgspec.to_builtins(value)


def encode(manifest: Manifest) -> bytes:
    """The file's bytes, readable by people."""
    # A path may hold bytes that are no UTF-8; json.loads reads them back as they were.
    return json.dumps(to_document(manifest), indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass")


def load(path: Path) -> Manifest:
    """Read and check a manifest file; errors as in ``from_document``."""
    if path.is_symlink() or not path.is_file():
        raise CheckpointDamaged(f"{path} is not a file; give the path of an etl_checkpoint_<task id>.json")
    if path.stat().st_size > _LARGEST:
        raise CheckpointDamaged(f"{path} has {path.stat().st_size} bytes; no manifest is larger than {_LARGEST}")
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise CheckpointDamaged(f"{path} is no readable JSON ({error}). {_REMEDY}") from None
    if not isinstance(document, dict):
        raise CheckpointDamaged(f"{path} is no checkpoint: a JSON object is expected")
    return from_document(document, path)


def _checksum(document: Mapping[str, Any]) -> str:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
