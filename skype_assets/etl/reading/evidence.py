"""From a message back to its bytes: which export it was taken from, where in it, and the object as exported."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import EtlError
from skype_assets.etl.phases import EXTRACT
from skype_assets.etl.reading import by_key, raw
from skype_assets.etl.reading.by_key import Key
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.reading.files import source_of
from skype_assets.etl.tasks.finding import Tasks

_OF_MESSAGE: Final = """
SELECT m.message_id, m.message_type, m.kind, m.version, m.flags, m.content, m.properties, m.source_member,
       m.source_offset, m.source_length, m.raw_sha256, e.export_id, e.source_name, e.source_size, e.source_sha256,
       e.exported_at, e.task_id
FROM skype.messages m JOIN skype.exports e USING (export_id)
WHERE m.owner_id = $1 AND m.conversation_id = $2 AND (m.message_id = $3 OR m.edit_of = $3)
ORDER BY m.edit_of NULLS FIRST, m.message_id"""


_ORIGINS: Final = by_key.statement(
    "messages", "message_id, export_id, source_member, source_offset, source_length, raw_sha256"
)


@dataclass(frozen=True)
class Origin:
    """The object that a message was taken from: its place in an export, and the hash of its bytes (hex)."""

    export_id: str
    member: str
    offset: int
    length: int
    sha256: str


def origins(session: Session, owner_id: str, keys: Sequence[Key]) -> dict[Key, Origin]:
    """Those of messages of an account, by conversation and id."""
    return {
        (chat, id): Origin(export_id, member, offset, length, sha256.hex())
        for chat, id, export_id, member, offset, length, sha256 in by_key.rows(session, _ORIGINS, owner_id, keys)
    }


@dataclass(frozen=True)
class Evidence:
    """Where a row of ``messages`` was taken from.

    ``raw`` are the object's bytes, None if they are not at hand, and ``found_in`` is where these are: the export, or
    the folder of a raw checkpoint.
    """

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
    found_in: Path | None

    @property
    def is_as_exported(self) -> bool | None:
        """Whether the bytes have the hash that was recorded when they were read; None without bytes."""
        return None if self.raw is None else _is_of(self.sha256, self.raw)


def evidence(
    session: Session, of: Conversation, message_id: str, *folders: Path, in_place: bool = False
) -> list[Evidence]:
    """That of a message, and of the copies that an edit left of it; empty if there is no such message.

    Args:
        session: with the database.
        of: the message's conversation.
        message_id: its id.
        folders: output folders, whose manifests know where the exports lie, and that have the raw checkpoints.
        in_place: whether the bytes of the export itself come before those of the checkpoint, which are found sooner.
            Then a compressed export is unpacked, if there is no checkpoint.
    """
    found: list[Evidence] = []
    for row in session.rows(_OF_MESSAGE, of.owner_id, of.conversation_id, message_id):
        values: tuple[Any, ...] = row[:10]
        sha256, export_id, source_name, source_size, source_sha256, exported_at, task_id = row[10:]
        sources = (_source_of(folder, task_id, source_name) for folder in folders)
        export = next((source for source in sources if source is not None), None)
        checkpoints = _checkpoints(folders, task_id, export_id)
        found_raw, found_in = _bytes(sha256.hex(), values[7:10], export, checkpoints, in_place=in_place)
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
                raw=found_raw,
                found_in=found_in,
            )
        )
    return found


def _bytes(
    sha256: str, place: tuple[str, int, int], export: Path | None, checkpoints: Iterator[Path], *, in_place: bool
) -> tuple[bytes | None, Path | None]:
    """Bytes with this hash and where they are, or else what stands there instead of them."""
    other: tuple[bytes | None, Path | None] = (None, None)
    for where, read in _places(place, export, checkpoints, in_place=in_place):
        found = read()
        if found is not None and _is_of(sha256, found):
            return found, where
        if found is not None and other[0] is None:
            other = (found, where)
    return other


def _places(
    place: tuple[str, int, int], export: Path | None, checkpoints: Iterator[Path], *, in_place: bool
) -> Iterator[tuple[Path, Callable[[], bytes | None]]]:
    """Where the bytes may be, in the order in which it is looked, each with what reads them."""
    if in_place and export is not None:
        yield export, partial(raw.in_export, export, *place)
    for folder in checkpoints:
        yield folder, partial(raw.in_checkpoint, folder, place[1])
    if export is not None:
        yield export, partial(raw.unpacked if in_place else raw.in_export, export, *place)


def _checkpoints(folders: Sequence[Path], task_id: str, export_id: str) -> Iterator[Path]:
    """The raw checkpoints of an export: those of the task that loaded it first."""
    named = [folder / task_id / EXTRACT.asset for folder in folders]
    yield from named
    others = (task.folder(EXTRACT.asset).path for task in Tasks(folders).tasks_about(export_id))
    yield from (folder for folder in others if folder not in named)


def _source_of(folder: Path, task_id: str, source_name: str) -> Path | None:
    try:
        return source_of(folder, task_id, source_name)
    except EtlError:  # its manifest cannot be read: `verify` says so
        return None


def _is_of(sha256: str, found: bytes) -> bool:
    return hashlib.sha256(found).hexdigest() == sha256
