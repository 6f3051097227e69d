"""The bytes of files that messages carry: from the store of media, else from the export, which has to be at hand."""

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from skype_assets.etl.checkpoints.directory import sha256_of
from skype_assets.etl.checkpoints.media_store import MediaStore
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import EtlError
from skype_assets.etl.export.objects import Objects, is_readable
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.reading.messages import Attachment
from skype_assets.etl.tasks import layout, manifest

_OPEN_EXPORTS: Final = 8

# An id finds its object also if case alone differs: then the member has the id.
_OF_ATTACHMENT: Final = """
SELECT a.file_name, a.media_member, f.size_bytes, a.media_sha256, e.task_id, e.source_name, e.source_size
FROM skype.attachments a
JOIN skype.exports e ON e.export_id = a.media_export_id
JOIN skype.media_files f ON f.owner_id = e.owner_id AND f.export_id = e.export_id AND f.member = a.media_member
  AND f.document_id IN (a.document_id, split_part(regexp_replace(a.media_member, '^.*/', ''), '.', 1))
WHERE a.owner_id = $1 AND a.conversation_id = $2 AND a.message_id = $3 AND a.ordinal = $4 AND a.present LIMIT 1"""

_EXPORTS: Final = "SELECT export_id, task_id, source_name, source_size FROM skype.exports"


@dataclass(frozen=True)
class File:
    """A file that a message carries; whoever gets it closes ``content``."""

    name: str | None
    size: int
    content: BinaryIO


@dataclass(frozen=True)
class AtHand:
    """Which files can be had: those that are kept, whichever task does, and those of exports that lie where they lay.

    Attributes:
        store: where files are kept.
        exports: ids of exports that can be read where they lie.
    """

    store: MediaStore
    exports: frozenset[str]

    def __contains__(self, attachment: Attachment) -> bool:
        """Whether the bytes of an attachment are there; they are not read."""
        if not attachment.present:
            return False
        sha256 = attachment.media_sha256
        return attachment.media_export_id in self.exports or (sha256 is not None and sha256 in self.store)


class Files:
    """Finds files; any number of threads may ask at once.

    Args:
        output_dir: where the manifests of tasks are, which know where the exports lie.
    """

    def __init__(self, output_dir: Path) -> None:
        self._output_dir = output_dir
        self._lock = threading.Lock()
        self._store = MediaStore(output_dir)
        self._whole: set[tuple[bytes, int, int]] = set()
        self._exports: OrderedDict[tuple[Path, int, int], Objects] = OrderedDict()

    def open(self, session: Session, of: Conversation, message_id: str, ordinal: int) -> File | None:
        """The bytes of an attachment; None if they are not kept where they can be found."""
        found = session.rows(_OF_ATTACHMENT, of.owner_id, of.conversation_id, message_id, ordinal)
        if not found:
            return None
        name, member, size, sha256, task_id, source_name, source_size = found[0]
        try:
            if sha256 is not None and (kept := self._kept(sha256, size)) is not None:
                return File(name, size, kept)
            export = source_of(self._output_dir, task_id, source_name)
            content = self._objects(export, source_size).open(member, size) if export is not None else None
        except (EtlError, OSError):  # it was moved, changed or damaged: what is shown is that the file is not there
            return None
        return File(name, size, content) if content is not None else None

    def at_hand(self, session: Session) -> AtHand:
        """Which files can be had now."""
        exports = session.rows(_EXPORTS)
        there = (export_id for export_id, *source in exports if self._is_at_hand(*source))
        return AtHand(self._store, frozenset(there))

    def _kept(self, sha256: bytes, size: int) -> BinaryIO | None:
        """An object of the store, whose bytes were compared with their hash since they were last written."""
        content = self._store.open(sha256, size)
        if content is None:
            return None
        status = os.fstat(content.fileno())
        seen = (sha256, status.st_ino, status.st_mtime_ns)
        if seen in self._whole:
            return content
        if sha256_of(self._store.path(sha256)) == sha256.hex():
            self._whole.add(seen)
            return content
        content.close()
        # What is damaged here may be whole in the store: that was compared as it came.
        return self._store.open(sha256, size) if self._store.fetch(sha256) else None

    def _is_at_hand(self, task_id: str, source_name: str, size: int) -> bool:
        try:
            export = source_of(self._output_dir, task_id, source_name)
            return export is not None and (export.is_dir() or export.stat().st_size == size) and is_readable(export)
        except (EtlError, OSError):
            return False

    def _objects(self, export: Path, size: int) -> Objects:
        """The members of an export, whose archive is gone through once as long as it does not change."""
        status = export.stat()
        if not export.is_dir() and status.st_size != size:
            raise FileNotFoundError(export)  # another file has its name now
        key = (export, status.st_size, status.st_mtime_ns)
        with self._lock:
            if key not in self._exports:
                self._exports[key] = Objects(export)
                while len(self._exports) > _OPEN_EXPORTS:
                    self._exports.popitem(last=False)
            self._exports.move_to_end(key)
            return self._exports[key]


def source_of(output_dir: Path, task_id: str, source_name: str) -> Path | None:
    """Where the export of a task lies; None if that is not known, or it is there no more."""
    record = output_dir / layout.manifest_name(task_id)
    candidates = [manifest.load(record).context.file_source] if record.is_file() else []
    candidates.append(str(output_dir / task_id / layout.RECEIVED / source_name))
    return next((Path(path) for path in candidates if path and Path(path).exists()), None)
