"""Which exports of an account have a copy of a message, and which of these wins: as the checkpoints say it.

Of a message that several exports have, only the best copy is in the tables. The rule is that of the merge
(``database.merging``): the greatest of version, time of export, hash of the bytes, id of the export.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.phase_checkpoint import open_complete
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import CheckpointError
from skype_assets.etl.phases.kinds import PHASE_CLASSES
from skype_assets.etl.rows.duplicates import KEY
from skype_assets.etl.tasks.finding import Tasks

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_OF_COPY: Final = ("version", "source_member", "source_offset", "source_length", "raw_sha256")

_CRITERIA: Final = (
    "its version is greater",
    "the versions are equal; it was exported later",
    "version and time of export are equal; the hash of its bytes is greater",
    "it is the same copy in all; the id of its export is greater",
)

_EXPORTS: Final = """
SELECT export_id, source_name, exported_at, task_id FROM skype.exports
WHERE owner_id = $1 ORDER BY exported_at NULLS FIRST, export_id"""


@dataclass(frozen=True)
class Copy:
    """A copy of a message in an export."""

    version: int | None
    member: str
    offset: int
    length: int
    sha256: str


@dataclass(frozen=True)
class OfExport:
    """What an export of the account has of a message.

    Attributes:
        copy: its best copy; None if it has none, or if that is not known.
        problem: why it is not known; empty if it is.
        is_loaded: whether the row in the tables says that it is of this export.
        against: why the row in the tables wins against this copy; empty for that row itself, or if it should not.
    """

    export_id: str
    source_name: str
    exported_at: datetime | None
    task_id: str
    copy: Copy | None
    problem: str
    is_loaded: bool
    against: str


def copies(session: Session, key: tuple[str, str, str], folders: Sequence[Path]) -> list[OfExport]:
    """What the exports of an account have of a message.

    Args:
        session: with the database.
        key: of the message in ``messages``.
        folders: output folders that have the checkpoints.
    """
    owner_id, conversation_id, message_id = key
    row = session.rows(_LOADED, *key)
    tasks, found = Tasks(folders), list[OfExport]()
    exports = session.rows(_EXPORTS, owner_id)
    times = {export_id: exported_at for export_id, _, exported_at, _ in exports}
    winner = _rank(row[0][0], times.get(row[0][2]), row[0][1].hex(), row[0][2]) if row else None
    for export_id, source_name, exported_at, task_id in exports:
        copy, problem = _of_export(tasks, export_id, task_id, conversation_id, message_id)
        is_loaded = bool(row) and row[0][2] == export_id
        against = ""
        if copy is not None and winner is not None and not is_loaded:
            against = _why(winner, _rank(copy.version, exported_at, copy.sha256, export_id))
        found.append(OfExport(export_id, source_name, exported_at, task_id, copy, problem, is_loaded, against))
    return found


_LOADED: Final = """
SELECT version, raw_sha256, export_id FROM skype.messages
WHERE owner_id = $1 AND conversation_id = $2 AND message_id = $3"""


def _rank(version: int | None, exported_at: datetime | None, sha256: str, export_id: str) -> tuple[Any, ...]:
    return (-1 if version is None else version, exported_at or _NEVER, sha256, export_id)


def _why(winner: tuple[Any, ...], other: tuple[Any, ...]) -> str:
    """What decides for the winner; empty if nothing does."""
    for criterion, one, another in zip(_CRITERIA, winner, other, strict=True):
        if one != another:
            return criterion if one > another else ""
    return ""


def _of_export(
    tasks: Tasks, export_id: str, task_id: str, conversation_id: str, message_id: str
) -> tuple[Copy | None, str]:
    """The copy of an export, or why it is not known; that of the task that loaded it, if that has a checkpoint."""
    kind, problem = PHASE_CLASSES["transform"], "no checkpoint of it is here"
    for task in sorted(tasks.tasks_about(export_id), key=lambda task: task.path.name != task_id):
        try:
            tables = open_complete(task.folder(kind.facts.asset), kind.schemas)
            if tables is not None:
                return _in_tables(tables, conversation_id, message_id), ""
            problem = "its checkpoint is not complete"
        except (CheckpointError, OSError, pa.ArrowException):
            problem = "its checkpoint is damaged; `skype-assets verify` says more"
    return None, problem


def _in_tables(tables: PhaseTables, conversation_id: str, message_id: str) -> Copy | None:
    """The best copy in the parts of a transform checkpoint; each has its own best one."""
    dropped = set(zip(*(tables.summary("duplicates")[name].to_pylist() for name in ("part", *KEY)), strict=True))
    for part in tables.state.parts:
        file = part.files.get("messages")
        if file is not None and (part.number, conversation_id, message_id) not in dropped:
            found = _in_part(tables.folder / file.name, conversation_id, message_id)
            if found is not None:
                return found
    return None


def _in_part(path: Path, conversation_id: str, message_id: str) -> Copy | None:
    with pq.ParquetFile(path, pre_buffer=False) as part:
        for group in range(part.num_row_groups):
            keys = part.read_row_group(group, columns=KEY, use_threads=False)
            places = pc.indices_nonzero(
                pc.and_(pc.equal(keys[KEY[0]], conversation_id), pc.equal(keys[KEY[1]], message_id))
            )
            if len(places):
                rows = part.read_row_group(group, columns=list(_OF_COPY), use_threads=False)
                version, member, offset, length, sha256 = (rows[name][places[0].as_py()].as_py() for name in _OF_COPY)
                return Copy(version, member, offset, length, sha256.hex())
    return None
