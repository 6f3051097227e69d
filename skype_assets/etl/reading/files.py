"""The bytes of files that messages carry. Today they are in the exports alone, which have to be at hand."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import EtlError
from skype_assets.etl.export.objects import Objects, is_readable
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.tasks import layout, manifest

_OPEN_EXPORTS: Final = 8

_OF_ATTACHMENT: Final = """
SELECT a.file_name, a.media_member, f.size_bytes, e.task_id, e.source_name, e.source_size
FROM skype.attachments a
JOIN skype.exports e ON e.export_id = a.media_export_id
JOIN skype.media_files f ON f.document_id = a.document_id AND f.member = a.media_member AND f.export_id = e.export_id
WHERE a.owner_id = $1 AND a.conversation_id = $2 AND a.message_id = $3 AND a.ordinal = $4 AND a.present
ORDER BY (f.owner_id = a.owner_id) DESC LIMIT 1"""


@dataclass(frozen=True)
class File:
    """A file that a message carries; whoever gets it closes ``content``."""

    name: str | None
    size: int
    content: BinaryIO


class Files:
    """Finds files; any number of threads may ask at once.

    Args:
        output_dir: where the manifests of tasks are, which know where the exports lie.
    """

    def __init__(self, output_dir: Path) -> None:
        self._output_dir = output_dir
        self._lock = threading.Lock()
        self._exports: OrderedDict[tuple[Path, int, int], Objects] = OrderedDict()

    def open(self, session: Session, of: Conversation, message_id: str, ordinal: int) -> File | None:
        """The bytes of an attachment; None if they are not kept where they can be found."""
        found = session.rows(_OF_ATTACHMENT, of.owner_id, of.conversation_id, message_id, ordinal)
        if not found:
            return None
        name, member, size, task_id, source_name, source_size = found[0]
        try:
            export = source_of(self._output_dir, task_id, source_name)
            content = self._objects(export, source_size).open(member, size) if export is not None else None
        except (EtlError, OSError):  # it was moved, changed or damaged: what is shown is that the file is not there
            return None
        return File(name, size, content) if content is not None else None

    def at_hand(self, session: Session) -> set[str]:
        """Ids of the exports whose files can be read where they lie."""
        exports = session.rows("SELECT export_id, task_id, source_name, source_size FROM skype.exports")
        return {export_id for export_id, *of_source in exports if self._is_at_hand(*of_source)}

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
