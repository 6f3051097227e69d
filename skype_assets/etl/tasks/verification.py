"""Verification of a task: its files, the export, and the database, each against what was recorded.

Nothing is believed that can be read again, and nothing is changed: no attempt is taken, no file is written, the
database is asked in read-only transactions. Memory is bounded by one part, whatever the size of the export.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

import hashlib
import math
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Final, Literal, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.checkpoints import parts
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.directory import sha256_of
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.state import FileRecord, PhaseState
from skype_assets.etl.database import comparison
from skype_assets.etl.database.comparison import Copies, LoadedExport
from skype_assets.etl.database.digests import DIGESTED, TableDigest, digests_of_load
from skype_assets.etl.database.loading import ledger
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import CheckpointError, EtlError, UsageError, VerificationFailed
from skype_assets.etl.export.archive import open_export
from skype_assets.etl.export.source import fingerprint
from skype_assets.etl.phases import FOLDERS, PHASES
from skype_assets.etl.phases.kinds import KINDS
from skype_assets.etl.postgres.url import database_url, without_password
from skype_assets.etl.rows.duplicates import without
from skype_assets.etl.schema.tables import TABLES
from skype_assets.etl.task import Task, export_id_for
from skype_assets.etl.tasks import layout
from skype_assets.etl.tasks import manifest as manifests

T = TypeVar("T")

_NOT_COMPLETE: Final = {
    "running": "is not complete",
    "unloading": "is being unloaded, or that was interrupted: unload it again, or run it again",
    "unloaded": "was unloaded",
}

_CONSERVED: Final = ("seen", "loaded", "duplicate", "rejected")


@dataclass(frozen=True)
class Check:
    """One thing that was checked, or was not: ``detail`` says what was found, or why not."""

    name: str
    status: Literal["ok", "FAILED", "not checked"]
    detail: str


@dataclass(frozen=True)
class Sample:
    """A share of the files, drawn anew by every seed; at least one where there are any."""

    percent: float
    seed: int

    def of(self, items: Sequence[T]) -> list[T]:
        """The items drawn, in their order."""
        count = math.ceil(len(items) * self.percent / 100)
        return [items[index] for index in sorted(random.Random(self.seed).sample(range(len(items)), count))]


@dataclass
class Findings:
    """What a verification found, while it goes on and when it is done.

    Attributes:
        checks: in the order in which they were made.
        server: version of PostgreSQL and the database's URL without password; empty if it was not reached.
        recorded: digests of the tables when they were loaded.
        found: digests of the same rows now.
    """

    checks: list[Check] = field(default_factory=list)
    server: dict[str, str] = field(default_factory=dict)
    recorded: list[TableDigest] = field(default_factory=list)
    found: list[TableDigest] = field(default_factory=list)

    @property
    def failed(self) -> list[Check]:
        """The checks that failed."""
        return [check for check in self.checks if check.status == "FAILED"]


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
    findings = Findings()
    with ExitStack() as resources:
        for name, check in _Verification(task, sample, findings, resources).checks():
            if begun:
                begun(name)
            findings.checks.append(_outcome(name, check))
    return findings


class _NotPossible(Exception):
    """Why something cannot be checked."""


def _outcome(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, "ok", check())
    except _NotPossible as reason:
        return Check(name, "not checked", str(reason))
    except EtlError as error:
        return Check(name, "FAILED", " ".join(str(error).split()))


class _Verification:
    """The checks. Each gives what it found, or raises: ``_NotPossible``, or any error of ours, which is a failure."""

    def __init__(self, task: Task, sample: Sample | None, findings: Findings, resources: ExitStack) -> None:
        self._task = task
        self._sample = sample
        self._findings = findings
        self._resources = resources
        self._opened: tuple[Session, LoadedExport] | None = None

    def checks(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Names and functions, in order; what comes last depends on what was found."""
        yield "manifest", self._manifest
        for phase in PHASES:
            yield f"{phase} files", partial(self._files, phase)
        yield "phases", self._phases
        yield "source", self._source
        yield "raw messages", self._raw_messages
        yield "verbatim", self._verbatim
        yield "conservation", self._conservation
        yield "database", self._database
        yield "ledger", self._ledger
        yield "digests", self._digests
        if self._findings.found and self._findings.found != self._findings.recorded:
            yield "messages in the database", self._messages_in_database

    def _manifest(self) -> str:
        path = self._task.output_dir / layout.manifest_name(self._task.task_id)
        if not path.exists():
            raise _NotPossible(f"{path} is not there; the phases do not need it")
        manifest = manifests.load(path)
        inputs = self._state("extract").inputs
        if manifest.source and manifest.source.sha256 != inputs["source_sha256"]:
            raise VerificationFailed(
                f"it is about an export with SHA-256 {manifest.source.sha256}, extract about {inputs['source_sha256']}"
            )
        return f"its checksum fits; complete: {', '.join(manifest.available_checkpoints) or 'nothing'}"

    def _files(self, phase: str) -> str:
        folder = self._task.folder.folder(FOLDERS[phase])
        state = states.read(folder)
        if state is None:
            raise _NotPossible(f"{phase} was not begun")
        files = [file for record in state.records for file in record.files.values()]
        chosen = self._drawn(files)
        damaged = [file.name for file in chosen if _is_damaged(folder.file(file.name), file)]
        if damaged:
            raise VerificationFailed(
                f"{len(damaged)} of {len(chosen)} files are missing or not what was written: {folder.file(damaged[0])}"
                + (", ..." if len(damaged) > 1 else "")
            )
        incomplete = "" if state.status == "complete" else f"; {phase} {_NOT_COMPLETE[state.status]}"
        return f"{_drawn(len(chosen), len(files))} files, {sum(file.bytes for file in chosen):,} bytes{incomplete}"

    def _phases(self) -> str:
        """Each phase was made from the one before it, as that is now."""
        for before, phase in (("extract", "transform"), ("transform", "load")):
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
        recorded, found = self._state("extract").inputs, fingerprint(source)
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
        with tempfile.TemporaryDirectory() as scratch, open_export(source, Path(scratch)) as export:
            if export.messages is None:
                raise _NotPossible("the export has no messages.json")
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

    def _conservation(self) -> str:
        transform = self._complete("transform")
        export, table = transform.summary("exports").to_pylist()[0], transform.summary("conservation")
        totals = {name: pc.sum(table[name], min_count=0).as_py() for name in _CONSERVED}
        for row in table.to_pylist():
            if row["seen"] != row["loaded"] + row["duplicate"] + row["rejected"]:
                raise VerificationFailed(f"a conversation does not balance: {[row[name] for name in _CONSERVED]}")
        counted = {
            "seen": [export["messages_seen"], self._complete("extract")["messages"].num_rows],
            "loaded": [export["messages_loaded"], transform["messages"].num_rows - transform["duplicates"].num_rows],
            "duplicate": [export["messages_duplicate"]],
            "rejected": [export["messages_rejected"]],
        }
        if self._is_complete("load"):
            counted["loaded"].append(_loaded(self._complete("load"), "messages"))
        for name, counts in counted.items():
            if set(counts) != {totals[name]}:
                raise VerificationFailed(f"{name}: {totals[name]} by conversation, but {counts} elsewhere")
        seen, loaded, duplicate, rejected = totals.values()
        return (
            f"{seen:,} seen = {loaded:,} loaded + {duplicate:,} duplicate + {rejected:,} rejected, "
            f"in {table.num_rows:,} conversations"
        )

    def _database(self) -> str:
        self._complete("load")
        url = database_url(self._task.database, create=False)
        session = self._resources.enter_context(Session(url))
        comparison.make_read_only(session)
        version = comparison.server_version(session)
        self._findings.server = {"version": version, "url": without_password(url)}
        export = comparison.loaded_export(session, self._export_id)
        if export is None:
            raise VerificationFailed(f"export {self._export_id} is not in this database; run the task again")
        if export.status != "complete":
            raise VerificationFailed(f"export {self._export_id} is {export.status}; run the task again")
        self._opened = session, export
        return f"PostgreSQL {version} has export {self._export_id}, complete"

    def _ledger(self) -> str:
        session, export = self._in_database()
        rows = self._complete("load")["loaded_parts"].to_table(["part", "checksum"]).to_pylist()
        recorded = {row["part"]: row["checksum"] for row in rows}
        with session.transaction():
            entries = ledger(session, self._export_id)
        wrong = [part for part, checksum in recorded.items() if entries.get(part) != checksum]
        if wrong and export.task_id != self._task.task_id:
            raise _NotPossible(f"task {export.task_id} has loaded the same export since; verify that one")
        if wrong:
            raise VerificationFailed(f"{len(wrong)} of {len(recorded)} parts are not in the ledger as they were loaded")
        return f"{len(recorded)} parts, each with its checksum"

    def _digests(self) -> str:
        session, export = self._in_database()
        conversations = self._complete("transform").summary("conversations")["conversation_id"].to_pylist()
        recorded = self._complete("load").summary("database_state").to_pylist()
        self._findings.recorded = [TableDigest(row["table"], row["rows"], row["sha256"]) for row in recorded]
        self._findings.found = digests_of_load(session, export.owner_id, self._export_id, conversations)
        found = {digest.table: digest for digest in self._findings.found}
        different = [digest.table for digest in self._findings.recorded if found.get(digest.table) != digest]
        unexplained = [table for table in different if not self._may_differ(table, export)]
        if unexplained:
            raise VerificationFailed(f"not what was loaded any more: {', '.join(unexplained)}")
        if different:
            raise _NotPossible(
                f"{_others(export, self._task)} since, so that these may rightly differ: {', '.join(different)}"
            )
        rows = sum(digest.rows for digest in found.values())
        return f"{len(DIGESTED)} tables, {rows:,} rows, are what was loaded"

    def _may_differ(self, table: str, export: LoadedExport) -> bool:
        """Whether other exports may have changed an export's rows of a table since; its own record they may not."""
        if export.task_id != self._task.task_id:
            return True
        if TABLES[table].key[0] == "export_id":
            return False
        return export.since > 0 or (table == "attachments" and export.since_elsewhere > 0)

    def _messages_in_database(self) -> str:
        """Where digests cannot tell: every message is in the database in this copy, or in a better one."""
        session, export = self._in_database()
        transform, total = self._complete("transform"), Copies()
        duplicates = transform.summary("duplicates")
        for part in transform.state.parts:
            dropped = duplicates.filter(pc.equal(duplicates["part"], part.number))
            if "messages" in part.files:
                file = parts.read(transform.folder, part.files["messages"])
                for batch in file.iter_batches(parts.BATCH_ROWS, columns=comparison.COPY_COLUMNS, use_threads=False):
                    messages = without(pa.Table.from_batches([batch]), dropped)
                    total += comparison.copies(session, self._export_id, export.owner_id, messages)
        if total.missing or total.lesser:
            raise VerificationFailed(f"{total.missing:,} messages are missing, {total.lesser:,} are in a lesser copy")
        return f"{total.this:,} messages are there in this copy, {total.better:,} in a better one"

    @cached_property
    def _export_id(self) -> str:
        return export_id_for(self._state("extract").inputs["source_sha256"])

    def _state(self, phase: str) -> PhaseState:
        try:
            state = states.read(self._task.folder.folder(FOLDERS[phase]))
        except CheckpointError:
            raise _NotPossible(f"the state of {phase} cannot be read") from None
        if state is None:
            raise _NotPossible(f"{phase} was not begun")
        return state

    def _is_complete(self, phase: str) -> bool:
        try:
            return self._state(phase).status == "complete"
        except _NotPossible:
            return False

    def _complete(self, phase: str) -> PhaseTables:
        """The tables of a phase, without looking at all of its files; those that are read are verified."""
        state, kind = self._state(phase), KINDS[phase]
        if state.status != "complete":
            raise _NotPossible(f"{phase} {_NOT_COMPLETE[state.status]}")
        return PhaseTables(self._task.folder.folder(kind.asset).path, state, kind.schemas)

    def _source_at_hand(self) -> Path:
        if self._task.source is None:
            raise _NotPossible("the export is not where it was; name it with --source")
        return self._task.source

    def _in_database(self) -> tuple[Session, LoadedExport]:
        if self._opened is None:
            self._complete("load")
            raise _NotPossible("see database")
        return self._opened

    def _drawn(self, items: Sequence[T]) -> Sequence[T]:
        return items if self._sample is None else self._sample.of(items)

    def _raw_files(self) -> Sequence[FileRecord]:
        return self._drawn(self._complete("extract")["messages"].files)

    def _raw_batches(self, files: Sequence[FileRecord], columns: list[str]) -> Iterator[pa.RecordBatch]:
        folder = self._task.folder.folder(FOLDERS["extract"]).path
        for file in files:
            yield from parts.read(folder, file).iter_batches(parts.BATCH_ROWS, columns=columns, use_threads=False)


def _is_damaged(path: Path, record: FileRecord) -> bool:
    return not path.is_file() or path.stat().st_size != record.bytes or sha256_of(path) != record.sha256


def _drawn(count: int, total: int) -> str:
    return f"{count:,}" if count == total else f"{count:,} of {total:,}"


def _loaded(load: PhaseTables, table: str) -> int:
    return sum(row["rows"] for row in load["loaded_parts"].to_table().to_pylist() if row["table"] == table)


def _others(export: LoadedExport, task: Task) -> str:
    """What happened to the account, or to archives that hold its objects."""
    if export.task_id != task.task_id:
        return f"the same export was loaded by task {export.task_id}"
    all_of_them = export.since + export.since_elsewhere
    happened = {"loaded": all_of_them - export.unloaded_since, "unloaded": export.unloaded_since}
    return " and ".join(f"{number} other exports were {what}" for what, number in happened.items() if number)
