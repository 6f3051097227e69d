"""The state file of a phase: the pointer to its parts and the truth about them.

A part file that the state does not name does not exist, whatever lies in the folder. The state is replaced as a whole
by the atomic recipe, carries a checksum of itself, and is complete only when it says so, which is written last (I16).
The generation before it stays beside it: if a disk spoils the newer one, only what came between is done again.
"""

import hashlib
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.errors import START_AGAIN, CheckpointDamaged, CheckpointMismatch

FORMAT_VERSION: Final = 1
"""Version of this file's shape. A reader refuses any other."""

STATE_FILE: Final = "state.json"
PREVIOUS_FILE: Final = "state.previous.json"
CHECKSUM_FILE: Final = "SHA256SUMS"

Status = Literal["running", "complete", "unloading", "unloaded"]
"""Of a load also: its rows are being taken out of the database again, or were; the next run does it again."""


class FileRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One Parquet file of a part: its name in the phase's folder, rows, bytes and SHA-256 (hex)."""

    name: str
    rows: int
    bytes: int
    sha256: str


class PartRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One finished part.

    ``files`` by table; ``progress`` in the phase's unit after this part; ``counts`` are what the phase accounts for
    (messages, duplicates, ...); ``cursor`` is the phase's own: where the next part begins, or what it is made from.
    """

    number: int
    epoch: int
    files: dict[str, FileRecord]
    progress: int
    counts: dict[str, int]
    seconds: float
    cursor: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(file.rows for file in self.files.values())

    @property
    def checksum(self) -> str:
        """SHA-256 over the checksums of the part's files: equal parts have equal ones."""
        lines = "".join(f"{table} {file.sha256}\n" for table, file in sorted(self.files.items()))
        return hashlib.sha256(lines.encode()).hexdigest()


class PhaseState(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a phase of a task.

    ``inputs`` is what the phase's result depends on (source, settings, code version, fingerprint of the phase before):
    a state whose inputs differ is not this phase's state. ``source_name`` is the export's file name, for people: the
    same bytes under another name are the same export. ``total`` is the work of all parts in the phase's unit, and
    ``after_parts`` how much of what follows them is done, in the same unit (``pace``). ``epoch`` is that of the last
    attempt, ``deaths`` how many in a row died within the part after the last one (promise I13).
    """

    format_version: int
    task_id: str
    phase: str
    status: Status
    inputs: dict[str, str]
    started_at: datetime
    updated_at: datetime
    total: int
    parts: tuple[PartRecord, ...] = ()
    after_parts: int = 0
    summary: PartRecord | None = None
    attempts: int = 1
    epoch: int = 0
    deaths: int = 0
    source_name: str = ""

    @property
    def progress(self) -> int:
        """Work of the parts done so far, in the phase's unit."""
        return self.parts[-1].progress if self.parts else 0

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the inputs: what this checkpoint is a checkpoint of."""
        return hashlib.sha256(msgspec.json.encode(self.inputs, order="deterministic")).hexdigest()

    @property
    def records(self) -> tuple[PartRecord, ...]:
        """All parts, the summary last."""
        return self.parts if self.summary is None else (*self.parts, self.summary)

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for record in self.records for file in record.files.values())

    def counts(self) -> dict[str, int]:
        """The parts' counts, added up."""
        total: dict[str, int] = {}
        for record in self.records:
            for name, count in record.counts.items():
                total[name] = total.get(name, 0) + count
        return total


class UnreadableState(CheckpointDamaged):
    """The bytes of a state are not those that were written."""


class _Sealed(msgspec.Struct):
    state: msgspec.Raw
    sha256: str


def encode(state: PhaseState) -> bytes:
    """The file's bytes: the state and its checksum."""
    body = msgspec.json.encode(state)
    return msgspec.json.encode(_Sealed(state=msgspec.Raw(body), sha256=hashlib.sha256(body).hexdigest()))


def decode(data: bytes, where: object) -> PhaseState:
    """The state in a file's bytes.

    Raises:
        UnreadableState: it cannot be read, or its checksum does not fit.
        CheckpointMismatch: another version of the format wrote it.
    """
    try:
        sealed = msgspec.json.decode(data, type=_Sealed)
        if hashlib.sha256(bytes(sealed.state)).hexdigest() != sealed.sha256:
            raise UnreadableState(f"{where}: the checksum does not fit; {START_AGAIN}")
        version = msgspec.json.decode(sealed.state, type=dict[str, Any]).get("format_version")
        if version != FORMAT_VERSION:
            raise CheckpointMismatch(
                f"{where}: format_version is {version}, this program reads {FORMAT_VERSION}; "
                f"use the program that wrote it, or {START_AGAIN}"
            )
        return msgspec.json.decode(sealed.state, type=PhaseState)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableState(f"{where}: unreadable ({error}); {START_AGAIN}") from None


def checksum_lines(state: PhaseState) -> bytes:
    """The parts' checksums in the format of ``sha256sum -c``."""
    return "".join(
        f"{file.sha256}  {file.name}\n" for record in state.records for file in record.files.values()
    ).encode()


def read(folder: Directory) -> PhaseState | None:
    """The state of a phase; None if it has none.

    Raises:
        CheckpointDamaged: its bytes are not those that were written, or it is a link, a folder, or the like.
        CheckpointMismatch: another version of the format wrote it.
    """
    try:
        data = folder.get(STATE_FILE)
    except FileNotFoundError:
        return None
    return decode(data, folder.file(STATE_FILE))


def previous(folder: Directory) -> PhaseState | None:
    """The generation before the state; None if there is none that can be read."""
    try:
        return decode(folder.get(PREVIOUS_FILE), folder.file(PREVIOUS_FILE))
    except (FileNotFoundError, CheckpointDamaged):
        return None
