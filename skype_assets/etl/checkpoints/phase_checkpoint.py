"""A phase's checkpoint: what is on disk of it, and how it moves from part to part.

``begin`` compares what is there with what the phase would be made from, and decides: continue, or refuse. Then
``record`` adds a part, ``complete`` ends the phase. Every change of the state is one fenced, atomic commit.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
import pyarrow as pa

from skype_assets.etl import crash_points
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.attempt import Attempt
from skype_assets.etl.checkpoints.directory import Directory, sha256_of
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.state import FileRecord, PartRecord, PhaseState, UnreadableState
from skype_assets.etl.checkpoints.working_copy import WorkingCopy
from skype_assets.etl.errors import CheckpointDamaged

logger = logging.getLogger(__name__)


class PhaseCheckpoint:
    """The checkpoint of one phase of one task, held by an attempt.

    Args:
        attempt: the right to commit.
        folder: the phase's folder.
        state: what is recorded.
    """

    def __init__(self, attempt: Attempt, folder: Directory, state: PhaseState) -> None:
        self._attempt = attempt
        self.folder = folder
        self.state = state

    @classmethod
    def begin(
        cls,
        attempt: Attempt,
        folder: Directory,
        *,
        task_id: str,
        phase: str,
        inputs: dict[str, str],
        source_name: str,
        total: int,
    ) -> "PhaseCheckpoint":
        """Continue the phase where it stopped, or start it; recorded parts are verified first.

        The caller has compared ``inputs`` with the state that is there (see ``engine``): a state with other inputs
        is replaced here, its files stay until the new state is complete.
        """
        now = datetime.now(UTC)
        folder.make()
        folder.sweep()
        former = states.read(folder)
        if former is not None and former.inputs == inputs:
            parts = _valid_prefix(folder, former.parts)
            state = msgspec.structs.replace(
                former,
                parts=parts,
                after_parts=former.after_parts if len(parts) == len(former.parts) else 0,
                summary=None,
                status="running",
                updated_at=now,
                attempts=former.attempts + 1,
                epoch=attempt.epoch,
                deaths=former.deaths + (former.status == "running" and former.epoch == attempt.died),
            )
        else:
            state = PhaseState(
                format_version=states.FORMAT_VERSION,
                task_id=task_id,
                phase=phase,
                status="running",
                inputs=inputs,
                source_name=source_name,
                started_at=now,
                updated_at=now,
                total=total,
                epoch=attempt.epoch,
            )
        checkpoint = cls(attempt, folder, state)
        checkpoint._save(state)
        crash_points.reached("phase begun")
        return checkpoint

    @property
    def epoch(self) -> int:
        """Epoch of the attempt, for the names of part files."""
        return self._attempt.epoch

    def keep(self, parts: Sequence[PartRecord]) -> None:
        """Forget the parts that no longer hold; ``parts`` are the first ones of those recorded."""
        if len(parts) < len(self.state.parts):
            self._save(msgspec.structs.replace(self.state, parts=tuple(parts), after_parts=0))

    def record(self, part: PartRecord) -> None:
        """Add a finished part; parts are recorded in their order."""
        assert part.number == len(self.state.parts), "parts are recorded in order"
        parts = (*self.state.parts, part)
        self._save(
            msgspec.structs.replace(self.state, parts=parts, after_parts=0, updated_at=datetime.now(UTC), deaths=0)
        )
        crash_points.reached("part recorded")

    def note_after_parts(self, done: int) -> None:
        """Note how much of what follows the last part is done: no attempt after this one says less."""
        if done > self.state.after_parts:
            self._save(msgspec.structs.replace(self.state, after_parts=done, updated_at=datetime.now(UTC)))

    def count_death(self) -> None:
        """Note that a worker process died, though the attempt did not."""
        self._save(msgspec.structs.replace(self.state, deaths=self.state.deaths + 1))

    def complete(self, summary: PartRecord) -> None:
        """End the phase; files that belong to no part any more are removed afterwards."""
        self._attempt.commit(
            self.folder,
            states.CHECKSUM_FILE,
            states.checksum_lines(msgspec.structs.replace(self.state, summary=summary)),
        )
        crash_points.reached("phase checksums written")
        self._save(
            msgspec.structs.replace(
                self.state, summary=summary, status="complete", after_parts=0, updated_at=datetime.now(UTC), deaths=0
            )
        )
        # Nothing comes after it, so that the generation before it can be the same.
        self._attempt.commit(self.folder, states.PREVIOUS_FILE, states.encode(self.state))
        crash_points.reached("phase complete")
        _sweep(self.folder, self.state)
        crash_points.reached("phase swept")

    def _save(self, state: PhaseState) -> None:
        self._attempt.commit(self.folder, states.STATE_FILE, states.encode(state), keep=states.PREVIOUS_FILE)
        self.state = state


def mark(attempt: Attempt, folder: Directory, status: Literal["unloading", "unloaded"]) -> None:
    """Say of a phase's state that it does not hold any more; what it was stays recorded."""
    state = states.read(folder)
    assert state is not None, "there is something that does not hold any more"
    data = states.encode(msgspec.structs.replace(state, status=status, updated_at=datetime.now(UTC)))
    attempt.commit(folder, states.STATE_FILE, data, keep=states.PREVIOUS_FILE)


def recover(attempt: Attempt, folder: Directory) -> None:
    """Put the generation before it into the place of a state whose bytes were spoilt, or that is gone.

    Of a complete phase, whatever an attempt has left that was killed when all but the sweeping was done, is removed.

    Raises:
        CheckpointDamaged: there is no such generation; or what is there was never a state (a link, a folder).
        CheckpointMismatch: another version of the format wrote it.
    """
    try:
        state = states.read(folder)
        if state is not None:
            if state.status == "complete":
                _sweep(folder, state)
            return
        damage = None
    except UnreadableState as error:
        damage = error
    previous = states.previous(folder)
    if previous is None:
        if damage is not None:
            raise damage
        return
    logger.warning("%s; what came after the state before it is done again", damage or f"{folder.path} has no state")
    attempt.commit(folder, states.STATE_FILE, states.encode(previous))


def open_complete(folder: Directory, schemas: Mapping[str, pa.Schema]) -> PhaseTables | None:
    """The tables of a phase if it is complete and its files are all there, else None.

    Checksums are compared when the tables are read.
    """
    state = states.read(folder)
    if state is None or state.status != "complete":
        return None
    if _working_copy(folder) is not None:  # its files need not be here: they are got when they are read
        return PhaseTables(folder.path, state, schemas)
    for record in state.records:
        for file in record.files.values():
            path = folder.file(file.name)
            if not path.is_file() or path.stat().st_size != file.bytes:
                raise CheckpointDamaged(f"{path} is missing or has another size; resume makes the part again")
    return PhaseTables(folder.path, state, schemas)


def damaged_file(folder: Directory, part: PartRecord) -> Path | None:
    """The first file of a part that is not what was written; None if all are."""
    return next((folder.file(file.name) for file in part.files.values() if is_damaged(folder, file)), None)


def is_damaged(folder: Directory, file: FileRecord) -> bool:
    """Whether a recorded file is missing, or its bytes are not those that were written.

    Of a working copy, it is got from the store before it counts as damaged.
    """
    path = folder.file(file.name)

    def differs() -> bool:
        return not path.is_file() or path.stat().st_size != file.bytes or sha256_of(path) != file.sha256

    if not differs():
        return False
    if (copy := _working_copy(folder)) is None:
        return True
    copy.fetch(folder.path, file)
    return differs()


def _working_copy(phase: Directory) -> WorkingCopy | None:
    return WorkingCopy.of(phase.path.parent.parent)


def _sweep(folder: Directory, state: PhaseState) -> None:
    """Remove what belongs to no part of a complete phase."""
    folder.sweep()
    kept = {file.name for record in state.records for file in record.files.values()}
    for name in folder.names():
        if name.endswith(".parquet") and name not in kept:
            folder.remove(name)


def _valid_prefix(folder: Directory, parts: tuple[PartRecord, ...]) -> tuple[PartRecord, ...]:
    """The parts up to the first one that is not what was written; that one and those after it are made again."""
    for index, part in enumerate(parts):
        if path := damaged_file(folder, part):
            logger.warning("%s is missing or damaged; part %d and those after it are made again", path, part.number)
            return parts[:index]
    return parts
