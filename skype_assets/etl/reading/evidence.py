"""From a message back to its bytes: which export it was taken from, where in it, and the object as exported."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.phase_checkpoint import open_complete
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import EtlError
from skype_assets.etl.phases import EXTRACT
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.schema.raw_tables import RAW_TABLES

_ROWS: Final = 1_000

_OF_MESSAGE: Final = """
SELECT m.message_id, m.message_type, m.kind, m.version, m.flags, m.content, m.properties, m.source_member,
       m.source_offset, m.source_length, m.raw_sha256, e.export_id, e.source_name, e.source_size, e.source_sha256,
       e.exported_at, e.task_id
FROM skype.messages m JOIN skype.exports e USING (export_id)
WHERE m.owner_id = $1 AND m.conversation_id = $2 AND (m.message_id = $3 OR m.edit_of = $3)
ORDER BY m.edit_of NULLS FIRST, m.message_id"""


_SOURCES: Final = """
SELECT message_id, export_id, source_member, source_offset, source_length, raw_sha256 FROM skype.messages
WHERE owner_id = $1 AND conversation_id = $2 AND message_id = ANY ($3)"""


@dataclass(frozen=True)
class Source:
    """The object that a message was taken from: its place in an export, and the hash of its bytes (hex)."""

    export_id: str
    member: str
    offset: int
    length: int
    sha256: str


def sources(session: Session, of: Conversation, ids: Sequence[str]) -> dict[str, Source]:
    """Those of messages of a conversation, by message id."""
    return {
        message_id: Source(export_id, member, offset, length, sha256.hex())
        for message_id, export_id, member, offset, length, sha256 in session.rows(
            _SOURCES, of.owner_id, of.conversation_id, list(ids)
        )
    }


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
    """The object at an offset, from the raw checkpoint, of which a small piece is in memory at a time."""
    try:
        tables = open_complete(Directory(folder), RAW_TABLES) if folder.is_dir() else None
        for record in tables.state.records if tables is not None else ():
            if (file := record.files.get("messages")) is not None:
                raw = _in_part(folder / file.name, offset)
                if raw is not None:
                    return raw
    except (EtlError, OSError, pa.ArrowException):  # not complete, or damaged: `verify` says what is wrong with it
        return None
    finally:
        pa.default_memory_pool().release_unused()
    return None


def _in_part(path: Path, offset: int) -> bytes | None:
    with pq.ParquetFile(path, pre_buffer=False) as part:
        for group in range(part.num_row_groups):
            offsets: Any = part.read_row_group(group, columns=["offset"], use_threads=False)["offset"].to_numpy()
            place = int(np.searchsorted(offsets, offset))  # they are in the order of the export
            if place == len(offsets) or offsets[place] != offset:
                continue
            for batch in part.iter_batches(_ROWS, row_groups=[group], columns=["raw"], use_threads=False):
                if place < batch.num_rows:
                    return batch["raw"][place].as_py()
                place -= batch.num_rows
    return None
