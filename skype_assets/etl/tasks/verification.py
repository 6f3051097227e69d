"""Verification of a task: its files, the export, and the database, each against what was recorded.

Nothing is believed that can be read again, and nothing is changed: no attempt is taken, no file is written, the
database is asked in read-only transactions. Memory is bounded by one part, whatever the size of the export.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

import hashlib
import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Final, TypeVar

import pyarrow as pa

from skype_assets.etl import interruption
from skype_assets.etl.checkpoints import parts
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.media_store import MediaStore
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.state import FileRecord, PhaseState
from skype_assets.etl.database import comparison, upgrading
from skype_assets.etl.database.counting import rows_of_load
from skype_assets.etl.database.loading import ledger
from skype_assets.etl.database.registered import Registered, registered_as
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import CheckpointError, UsageError, VerificationFailed
from skype_assets.etl.export.members import printable
from skype_assets.etl.export.salvage import opened
from skype_assets.etl.export.source import fingerprint
from skype_assets.etl.phases import FOLDERS, PHASES, UNREADABLE
from skype_assets.etl.phases.extract import SALVAGE
from skype_assets.etl.phases.kinds import PHASE_CLASSES
from skype_assets.etl.postgres.url import reachable_url, without_password
from skype_assets.etl.task import Task, export_id_for
from skype_assets.etl.tasks import findings, layout, media
from skype_assets.etl.tasks import manifest as manifests
from skype_assets.etl.tasks.findings import Found
from skype_assets.etl.tasks.outcomes import Findings, NotPossible, outcome

T = TypeVar("T")

_NOT_COMPLETE: Final = {
    "running": "is not complete",
    "unloading": "is being unloaded, or that was interrupted: unload it again, or run it again",
    "unloaded": "was unloaded",
}


@dataclass(frozen=True)
class Sample:
    """A share of the files, drawn anew by every seed; at least one where there are any."""

    percent: float
    seed: int

    def of(self, items: Sequence[T]) -> list[T]:
        """The items drawn, in their order."""
        count = math.ceil(len(items) * self.percent / 100)
        return [items[index] for index in sorted(random.Random(self.seed).sample(range(len(items)), count))]

    @staticmethod
    def confidence(drawn: int, total: int, damaged: int) -> float:
        """How probable it is that at least one damaged item is among those drawn, if so many of all are damaged."""
        return 1 - math.comb(total - damaged, drawn) / math.comb(total, drawn)


def verify(task: Task, sample: Sample | None = None, begun: Callable[[str], None] | None = None) -> Findings:
    """Check everything that can be checked of a task.

    Args:
        task: the task; its ``source`` is the export if it is at hand.
        sample: the share of the files to read; None = all.
        begun: told the name of each check when it begins.

    Raises:
        UsageError: there is no such task.
    """
    if not task.folder.path.is_dir():
        raise UsageError(f"there is no task {task.task_id} in {task.output_dir}")
    result = Findings()
    with ExitStack() as resources:
        for name, check in _Verification(task, sample, result, resources).checks():
            if begun:
                begun(name)
            result.checks.append(outcome(name, check))
    return result


def _confidence(drawn: int, total: int) -> str:
    """What a sample proves: with which probability damage of some extent would have been found."""
    extents = sorted({1, *(math.ceil(total * percent / 100) for percent in (1, 10))})
    said = (f"{Sample.confidence(drawn, total, damaged):.1%} if {damaged} of {total}" for damaged in extents)
    return f"damage is found with a probability of {', '.join(said)}"


class _Verification:
    """The checks, in their order. Each gives what it found; ``NotPossible``, or any error of ours, ends it, a failure.

    What Dagster's checks compare as well is in ``findings``.
    """

    def __init__(self, task: Task, sample: Sample | None, result: Findings, resources: ExitStack) -> None:
        self._task = task
        self._sample = sample
        self._result = result
        self._resources = resources
        self._opened: tuple[Session, Registered] | None = None

    def checks(self) -> Iterator[tuple[str, Callable[[], Found | str]]]:
        """Names and functions, in order; what comes last depends on what was found."""
        yield "manifest", self._manifest
        for phase in PHASES:
            yield f"{phase} files", partial(self._files, phase)
        yield "phases", self._phases
        yield "source", self._source
        yield "raw messages", self._raw_messages
        yield "verbatim", self._verbatim
        yield "media", self._media
        yield "conservation", self._conservation
        if UNREADABLE in self._counts():
            yield "whole", lambda: findings.whole(self._complete("transform"))
        yield "database", self._database
        if self._is("load", "unloaded"):
            return
        yield "ledger", self._ledger
        yield "references", self._references
        yield "holds", self._holds
        yield "rows", self._rows

    def _manifest(self) -> str:
        path = self._task.output_dir / layout.manifest_name(self._task.task_id)
        if not path.exists():
            raise NotPossible(f"{path} is not there; the phases do not need it")
        manifest = manifests.load(path)
        inputs = self._state("extract").inputs
        if manifest.source and manifest.source.sha256 != inputs["source_sha256"]:
            raise VerificationFailed(
                f"it is about an export with SHA-256 {manifest.source.sha256}, extract about {inputs['source_sha256']}"
            )
        return f"its checksum fits; complete: {', '.join(manifest.available_checkpoints) or 'nothing'}"

    def _files(self, phase: str) -> Found:
        folder = self._task.folder.folder(FOLDERS[phase])
        state = states.read(folder)
        if state is None:
            raise NotPossible(f"{phase} was not begun")
        recorded = [file for record in state.records for file in record.files.values()]
        drawn = self._drawn(recorded)
        found = findings.files(folder, drawn, len(recorded))
        if found.passed and len(drawn) < len(recorded):
            found = replace(found, detail=f"{found.detail}; {_confidence(len(drawn), len(recorded))}")
        if found.passed and state.status != "complete":
            return replace(found, detail=f"{found.detail}; {phase} {_NOT_COMPLETE[state.status]}")
        return found

    def _phases(self) -> str:
        """Each phase was made from the one before it, as that is now."""
        for before, phase in (("extract", "transform"), ("transform", "load")):
            if self._is(phase, "unloaded"):
                continue
            made_from = self._complete(phase).state.inputs[FOLDERS[before]]
            fingerprint_now = self._complete(before).state.fingerprint
            if made_from != fingerprint_now:
                raise VerificationFailed(
                    f"{phase} was made from {before} {made_from[:12]}..., which is {fingerprint_now[:12]}... now; "
                    "run the task again"
                )
        return "each was made from the one before it"

    def _source(self) -> str:
        source = self._source_at_hand()
        recorded = self._state("extract").inputs
        found = fingerprint(source, salvage=SALVAGE in recorded)
        for name, value in (("size", str(found.size)), ("sha256", found.sha256)):
            if recorded[f"source_{name}"] != value:
                raise VerificationFailed(f"{source}: its {name} is {value}, recorded is {recorded[f'source_{name}']}")
        return f"{found.size:,} bytes, SHA-256 {found.sha256}"

    def _raw_messages(self) -> str:
        count = 0
        files = self._raw_files()
        for batch in self._raw_batches(files, ["offset", "sha256", "raw"]):
            for offset, digest, raw in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                if hashlib.sha256(raw).digest() != digest:
                    raise VerificationFailed(f"the message at byte {offset} does not have its SHA-256")
            count += batch.num_rows
        return f"{count:,} messages have their SHA-256"

    def _verbatim(self) -> str:
        """The bytes that were kept are those of the export. What is compressed in it is unpacked to TMPDIR."""
        source, count = self._source_at_hand(), 0
        files = self._raw_files()
        is_salvaged = SALVAGE in self._state("extract").inputs
        with interruption.temporary_folder() as scratch, opened(source, scratch, salvage=is_salvaged) as (export, _):
            if export.messages is None:
                return "the export has no messages.json"
            for batch in self._raw_batches(files, ["offset", "length", "raw"]):
                offset = 0
                for offset, length, raw in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    if bytes(export.messages.buffer[offset : offset + length]) != raw:
                        raise VerificationFailed(
                            f"{export.messages.name}: the message at byte {offset} is not the one that was kept"
                        )
                export.messages.forget(offset)
                count += batch.num_rows
        return f"{count:,} messages are, byte for byte, what is in the export"

    def _media(self) -> Found:
        """What was kept of media is there, byte for byte, and every member was of some kind."""
        raw, store = self._complete("extract"), MediaStore(self._task.output_dir)
        members = media.members_of(self._task.folder)
        if members is None:
            raise NotPossible("an older release has extracted it: media have no hashes. `media keep EXPORT` makes them")
        folder, columns = self._task.folder.folder(FOLDERS["extract"]).path, media.COLUMNS
        drawn = self._drawn(raw["objects"].files)
        rows = (row for file in drawn for row in parts.read(folder, file).read(columns, use_threads=False).to_pylist())
        found = media.kept_media(rows, store)
        if lost := [*found.missing, *found.damaged]:
            raise VerificationFailed(
                f"{len(found.missing)} media objects are missing and {len(found.damaged)} damaged, the first "
                f"{printable(lost[0])}; `media keep EXPORT` writes them again"
            )
        if not members.balances:
            raise VerificationFailed(f"members of the export: {members}, which is not the same")
        said = f"{found.kept:,} of {found.objects:,} objects are kept and have their SHA-256; members: {members}"
        if found.unreadable:
            lost = (
                f"{len(found.unreadable):,} could not be read in the export, the first {printable(found.unreadable[0])}"
            )
            return Found(None, f"{said}; {lost}")
        return Found(True, said)

    def _counts(self) -> dict[str, int]:
        try:
            return self._complete("transform").state.counts()
        except NotPossible:
            return {}

    def _conservation(self) -> Found:
        load = self._complete("load") if self._is("load", "complete") else None
        return findings.conservation(self._complete("transform"), self._complete("extract"), load)

    def _database(self) -> str:
        is_unloaded = self._is("load", "unloaded")
        if not is_unloaded:
            self._complete("load")
        url = reachable_url(self._task.database, create=False)
        session = self._resources.enter_context(Session(url, read_only=True))
        upgrading.require_newest(session)
        version = comparison.server_version(session)
        self._result.server = {"version": version, "url": without_password(url)}
        upgrading.require_newest(session)
        export = next(iter(registered_as(session, "export_id", self._export_id)), None)
        if is_unloaded:
            return self._not_in_database(export)
        if export is None:
            raise VerificationFailed(f"export {self._export_id} is not in this database; run the task again")
        if not export.is_loaded:
            raise VerificationFailed(f"export {self._export_id} is {export.status}; run the task again")
        self._opened = session, export
        return f"PostgreSQL {version} has export {self._export_id}, {export.status}"

    def _not_in_database(self, export: Registered | None) -> str:
        """After an unload."""
        if export is None:
            return f"export {self._export_id} is not in it: it was unloaded"
        if export.task_id != self._task.task_id:
            raise NotPossible(f"task {export.task_id} has loaded the same export; verify that one")
        raise VerificationFailed(f"export {self._export_id} was unloaded, and yet it is there; unload it again")

    def _ledger(self) -> str:
        session, export = self._in_database()
        rows = self._complete("load")["loaded_parts"].to_table(["part", "checksum"]).to_pylist()
        recorded = {row["part"]: row["checksum"] for row in rows}
        with session.transaction():
            entries = ledger(session, self._export_id)
        wrong = [part for part, checksum in recorded.items() if entries.get(part) != checksum]
        if wrong and export.task_id != self._task.task_id:
            raise NotPossible(f"task {export.task_id} has loaded the same export since; verify that one")
        if wrong:
            raise VerificationFailed(f"{len(wrong)} of {len(recorded)} parts are not in the ledger as they were loaded")
        return f"{len(recorded)} parts, each with its checksum"

    def _references(self) -> Found:
        return findings.references(*self._in_database())

    def _rows(self) -> Found:
        session, export = self._in_database()
        transform = self._complete("transform")
        conversations = transform.summary("conversations")["conversation_id"].to_pylist()
        self._result.rows = rows_of_load(session, export.owner_id, export.export_id, conversations)
        return findings.rows_in_database(session, transform)

    def _holds(self) -> str:
        return findings.holds_on(self._in_database()[0])

    @cached_property
    def _export_id(self) -> str:
        return export_id_for(self._state("extract").inputs["source_sha256"])

    def _state(self, phase: str) -> PhaseState:
        try:
            state = states.read(self._task.folder.folder(FOLDERS[phase]))
        except CheckpointError:
            raise NotPossible(f"the state of {phase} cannot be read") from None
        if state is None:
            raise NotPossible(f"{phase} was not begun")
        return state

    def _is(self, phase: str, status: str) -> bool:
        try:
            return self._state(phase).status == status
        except NotPossible:
            return False

    def _complete(self, phase: str) -> PhaseTables:
        """The tables of a phase, without looking at all of its files; those that are read are verified."""
        state, kind = self._state(phase), PHASE_CLASSES[phase]
        if state.status != "complete":
            raise NotPossible(f"{phase} {_NOT_COMPLETE[state.status]}")
        return PhaseTables(self._task.folder.folder(kind.facts.asset).path, state, kind.schemas)

    def _source_at_hand(self) -> Path:
        if self._task.source is None:
            raise NotPossible("the export is not where it was; name it with --source")
        return self._task.source

    def _in_database(self) -> tuple[Session, Registered]:
        if self._opened is None:
            self._complete("load")
            raise NotPossible("see database")
        return self._opened

    def _drawn(self, items: Sequence[T]) -> Sequence[T]:
        return items if self._sample is None else self._sample.of(items)

    def _raw_files(self) -> Sequence[FileRecord]:
        return self._drawn(self._complete("extract")["messages"].files)

    def _raw_batches(self, files: Sequence[FileRecord], columns: list[str]) -> Iterator[pa.RecordBatch]:
        folder = self._task.folder.folder(FOLDERS["extract"]).path
        for file in files:
            yield from parts.read(folder, file).iter_batches(parts.BATCH_ROWS, columns=columns, use_threads=False)
