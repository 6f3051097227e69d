"""From a message back to its bytes: which export it was taken from, where in it, and the object as exported."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.phase_checkpoint import open_complete
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import EtlError
from skype_assets.etl.phases import EXTRACT
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.schema.raw_tables import RAW_TABLES

_OF_MESSAGE: Final = """
SELECT m.message_id, m.message_type, m.kind, m.version, m.flags, m.content, m.properties, m.source_member,
       m.source_offset, m.source_length, m.raw_sha256, e.export_id, e.source_name, e.source_size, e.source_sha256,
       e.exported_at, e.task_id
FROM skype.messages m JOIN skype.exports e USING (export_id)
WHERE m.owner_id = $1 AND m.conversation_id = $2 AND (m.message_id = $3 OR m.edit_of = $3)
ORDER BY m.edit_of NULLS FIRST, m.message_id"""


@dataclass(frozen=True)
class Evidence:
    """Where a row of ``messages`` was taken from. ``raw`` are the object's bytes, None if they are not at hand."""

    message_id: str
    message_type: str | None
    kind: str
    version: int | None
    flags: list[str]
    content: str | None
    properties: str | None
    member: str
    offset: int
    length: int
    sha256: str
    export_id: str
    source_name: str
    source_size: int
    source_sha256: str
    exported_at: datetime | None
    task_id: str
    raw: bytes | None

    @property
    def is_as_exported(self) -> bool | None:
        """Whether the bytes have the hash that was recorded when they were read; None without bytes."""
        return None if self.raw is None else hashlib.sha256(self.raw).hexdigest() == self.sha256


def evidence(session: Session, of: Conversation, message_id: str, output_dir: Path) -> list[Evidence]:
    """That of a message, and of the copies that an edit left of it; empty if there is no such message."""
    found: list[Evidence] = []
    for row in session.rows(_OF_MESSAGE, of.owner_id, of.conversation_id, message_id):
        values: tuple[Any, ...] = row[:10]
        sha256, export_id, source_name, source_size, source_sha256, exported_at, task_id = row[10:]
        found.append(
            Evidence(
                *values,
                sha256=sha256.hex(),
                export_id=export_id,
                source_name=source_name,
                source_size=source_size,
                source_sha256=source_sha256.hex(),
                exported_at=exported_at,
                task_id=task_id,
                raw=_raw(output_dir / task_id / EXTRACT.asset, values[8]),
            )
        )
    return found


def _raw(folder: Path, offset: int) -> bytes | None:
    """The object at an offset, from the raw checkpoint."""
    try:
        tables = open_complete(Directory(folder), RAW_TABLES) if folder.is_dir() else None
        for record in tables.state.records if tables is not None else ():
            if (file := record.files.get("messages")) is not None:
                rows: Any = pq.read_table(folder / file.name, columns=["raw"], filters=[("offset", "=", offset)])
                if rows.num_rows:
                    return rows["raw"][0].as_py()
    except (EtlError, OSError):  # not complete, or damaged: `verify` says what is wrong with it
        return None
    return None
