"""T17, test the tester: bugs as others have made them. Every one of them must be caught by a case of the campaign."""

# Private names are replaced here: that is what planting a bug is.
# pyright: reportPrivateUsage=false

import contextlib
import os
import signal
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import adbc_driver_manager
import msgspec

from skype_assets.etl import crash_points, interruption
from skype_assets.etl.checkpoints import attempt, directory, parts, state
from skype_assets.etl.checkpoints import phase_checkpoint as phase
from skype_assets.etl.checkpoints.attempt import Attempt
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.phase_checkpoint import PhaseCheckpoint
from skype_assets.etl.command_line import group
from skype_assets.etl.database import session, settings
from skype_assets.etl.database.loading import Loader
from skype_assets.etl.database.matching import Comparison
from skype_assets.etl.engine import loop
from skype_assets.etl.handing import handover
from skype_assets.etl.handing.output import Output
from skype_assets.etl.phases import load, transform, transform_parts
from skype_assets.etl.phases.proof import Proof
from skype_assets.etl.tasks.record import TaskRecord
from tests.faults.cases import Case


@dataclass(frozen=True)
class Bug:
    """A bug, and where the campaign is expected to catch it: a test and what its cases begin with."""

    title: str
    plant: Callable[[], None]
    test: str = ""
    cases: Sequence[Case] = ()


def _naive_save() -> None:
    @contextlib.contextmanager
    def create(self: Directory, name: str | Callable[[], str], *, is_synced: bool = True) -> Generator[Any]:
        path = self.file(name if isinstance(name, str) else ".object")
        with path.open("wb") as stream:
            yield stream
        if not isinstance(name, str):
            path.rename(self.file(name()))

    _replace(Directory, create=create)


def _no_fsync() -> None:
    _replace(directory, os=_with(os, fsync=lambda descriptor: None))


def _no_folder_fsync() -> None:
    _replace(directory, sync_folder=lambda folder: None)


def _renamed_before_written() -> None:
    @contextlib.contextmanager
    def create(self: Directory, name: str) -> Generator[Any]:
        temporary = self.file(f".partial-{name}")
        with temporary.open("wb") as stream:
            temporary.rename(self.file(name))
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        directory.sync_folder(self.path)

    _replace(Directory, create=create)


def _old_state_removed_first() -> None:
    commit = Attempt.commit

    def removed(self: Attempt, folder: Directory, name: str, data: bytes, *, keep: str | None = None) -> None:
        for old in (name, *([keep] if keep else [])):
            folder.remove(old)
        commit(self, folder, name, data, keep=keep)

    _replace(Attempt, commit=removed)


def _fsync_error_ignored() -> None:
    def fsync(descriptor: int) -> None:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)

    _replace(directory, os=_with(os, fsync=fsync))


def _full_disk_swallowed() -> None:
    put = Directory.put

    def swallow(self: Directory, name: str, data: bytes) -> None:
        with contextlib.suppress(OSError):
            put(self, name, data)

    _replace(Directory, put=swallow)


def _marker_first() -> None:
    complete = PhaseCheckpoint.complete

    def marked(self: PhaseCheckpoint, summary: state.PartRecord) -> None:
        now = self.state
        self._save(msgspec.structs.replace(now, status="complete", summary=summary))
        crash_points.reached("phase checksums written")
        self._save(now)
        complete(self, summary)

    _replace(PhaseCheckpoint, complete=marked)


def _recorded_before_written() -> None:
    def write(folder: Directory, number: Any, epoch: int, tables: Any) -> dict[str, state.FileRecord]:
        files = real(folder, number, epoch, tables)
        for file in files.values():
            with folder.file(file.name).open("r+b") as stream:  # the system has not written the end yet
                stream.truncate(file.bytes // 2)
        return files

    real = parts.write
    _replace(parts, write=write)


def _ledger_in_another_transaction() -> None:
    @contextlib.contextmanager
    def part(self: Loader, number: int, checksum: str, tables: Any, *, lock: str) -> Generator[None]:
        with self.session.transaction():
            self.check()
            yield
        crash_points.reached("part in ledger")
        with self.session.transaction():
            self._enter(number, checksum, tables)
        crash_points.reached("part committed")

    _replace(Loader, _part=part)


def _ledger_first() -> None:
    @contextlib.contextmanager
    def part(self: Loader, number: int, checksum: str, tables: Any, *, lock: str) -> Generator[None]:
        with self.session.transaction():
            self._enter(number, checksum, tables)
        crash_points.reached("part in ledger")
        with self.session.transaction():
            self.check()
            yield
        crash_points.reached("part committed")

    _replace(Loader, _part=part)


def _lost_commit_taken_for_done() -> None:
    commit = session.Session._commit

    def taken_for_done(self: session.Session) -> None:
        with contextlib.suppress(adbc_driver_manager.Error):
            commit(self)

    _replace(session.Session, _commit=taken_for_done)
    _database_believed()  # else the part would be missed, and loaded again


def _database_believed() -> None:
    _replace(load, prove=lambda *args: Proof())
    _replace(load, compare_part=lambda *args: Comparison())


def _no_epoch_check() -> None:
    _replace(Attempt, _check=lambda self: None)


def _no_epoch_in_the_database() -> None:
    _replace(Loader, check=lambda self: None)


def _no_epoch_in_names() -> None:
    real = parts.write
    _replace(parts, write=lambda folder, number, epoch, tables: real(folder, number, 1, tables))


def _nobody_is_alive() -> None:
    _replace(attempt, is_alive=lambda owner: False)


def _checksums_of_parts_skipped() -> None:
    def read(folder: Any, record: state.FileRecord) -> Any:
        return parts.pq.ParquetFile(folder / record.name)

    _replace(parts, read=read)
    for module in (phase, loop):
        _replace(module, damaged_file=lambda folder, part: None)


def _checksum_of_the_state_skipped() -> None:
    def decode(data: bytes, where: object) -> state.PhaseState:
        return msgspec.json.decode(msgspec.json.decode(data, type=state._Sealed).state, type=state.PhaseState)

    _replace(state, decode=decode)


def _source_hash_ignored() -> None:
    real = loop._inputs

    def inputs(of: Any) -> dict[str, str]:
        return {**real(of), "source_sha256": "0" * 64, "source_size": "0"}

    _replace(loop, _IDENTITY=("task_id",), _inputs=inputs)
    _replace(TaskRecord, _refuse_other_than=lambda self, source: None)


def _identity_from_hash() -> None:
    _replace(transform, export_id_for=lambda sha256: f"{hash(sha256) & (2**64 - 1):016x}")


def _message_lost() -> None:
    real = transform_parts._joined

    def joined(made: Any, name: str) -> Any:
        rows = real(made, name)
        return rows.slice(1) if name == "messages" else rows

    _replace(transform_parts, _joined=joined)
    _replace(transform, _balance=lambda *account: None)


def _settings_left_to_others() -> None:
    _replace(session, with_keywords=lambda url, **keywords: url)
    _replace(settings, opening=lambda role, **kinds: "SELECT 1", check_canary=lambda text, data: None)


def _nobody_listens() -> None:
    _replace(interruption, listen=lambda: None)


def _closed_terminals_not_heard() -> None:
    _replace(interruption, SIGNALS=(signal.SIGINT, signal.SIGTERM))


def _noted_and_forgotten() -> None:
    _replace(interruption, check=lambda: None, PATIENCE=3600.0)


def _no_word_on_how_to_go_on() -> None:
    _replace(group, _interrupted=lambda context: "interrupted")


def _named_before_whole() -> None:
    @contextlib.contextmanager
    def output(target: Path) -> Generator[Output]:
        target.mkdir()
        filled = Output(target)
        yield filled
        crash_points.reached("hand-over written")
        filled.finish()

    _replace(handover, output=output)


def _short_pauses() -> None:
    _replace(session, PAUSES=(0.05, 0.1))


def _replace(owner: Any, **others: Any) -> None:
    """Put others in the place of what a module or a class has under these names: a name that is gone is no bug."""
    for name, other in others.items():
        assert hasattr(owner, name), f"{owner.__name__} has no {name}"
        setattr(owner, name, other)


def _with(module: ModuleType, **others: Any) -> ModuleType:
    """A copy of a module with some other functions."""
    copy = ModuleType(module.__name__)
    copy.__dict__.update(module.__dict__)
    _replace(copy, **others)
    return copy


_COUNT = ("transform", 0)


def _told(number: signal.Signals, command: str = "run", point: tuple[str, int] = ("part recorded", 2)) -> Case:
    return (command, int(number), False, False, point, 0.0)


BUGS: dict[str, Bug] = {
    "naive save": Bug("files are written in place", _naive_save, "T3", [_COUNT]),
    "no fsync": Bug("nothing is synchronised", _no_fsync, "T3", [_COUNT]),
    "no folder fsync": Bug("folders are not synchronised", _no_folder_fsync, "T3", [_COUNT]),
    "no fsync, and no power": Bug("nothing is synchronised", _no_fsync, "T4", [("run",)]),
    "no folder fsync, and no power": Bug("folders are not synchronised", _no_folder_fsync, "T4", [("run",)]),
    "renamed before written": Bug("names come before bytes", _renamed_before_written, "T4", [("run",)]),
    "old state removed first": Bug(
        "both generations of a state go before the new one is there", _old_state_removed_first, "T4", [("run",)]
    ),
    "fsync error ignored": Bug("a failed fsync is ignored", _fsync_error_ignored, "T3", [("fsync of a part",)]),
    "full disk swallowed": Bug("errors of a save are swallowed", _full_disk_swallowed, "T3", [("write of a state",)]),
    "marker first": Bug(
        "complete before it is", _marker_first, "T2", [("extract", "phase checksums written", "kill", 1, False)]
    ),
    "recorded before written": Bug(
        "a part is recorded before its bytes are there", _recorded_before_written, "T2",
        [("transform", "part recorded", "kill", 2, False)],
    ),
    "ledger in another transaction": Bug(
        "rows, then the ledger", _ledger_in_another_transaction, "T2", [("load", "part in ledger", "kill", 2, False)]
    ),
    "ledger first": Bug("the ledger, then rows", _ledger_first, "T2", [("load", "part in ledger", "kill", 2, False)]),
    "lost COMMIT": Bug(
        "a COMMIT without an answer is taken for done", _lost_commit_taken_for_done, "T6",
        [("cut", "before", number) for number in range(21, 33)],
    ),
    "database believed": Bug(
        "rows are not looked at", _database_believed, "T19 restores",
        [("after the load", "truncate messages", folder) for folder in ("the same folder", "a fresh folder")],
    ),
    "no epoch check": Bug("no comparison of epochs", _no_epoch_check, "T7", [("woken", "transform", "part done", 1)]),
    "no epoch in the database": Bug("none in the database", _no_epoch_in_the_database, "T7", [("raced",)]),
    "no epoch in names": Bug(
        "attempts share file names", _no_epoch_in_names, "T7", [("woken", "transform", "phase claimed", 1)]
    ),
    "nobody is alive": Bug("a living owner is taken over", _nobody_is_alive, "T7", [("crowd", 4)]),
    "part checksums skipped": Bug(
        "parts are not verified", _checksums_of_parts_skipped, "T5",
        [("part", phase, "bit flipped", seed) for seed in range(4) for phase in ("transform", "extract")],
    ),
    "state checksum skipped": Bug(
        "states are not verified", _checksum_of_the_state_skipped, "T5", [("tampered", "transform", "status", 0)]
    ),
    "source hash ignored": Bug("another export goes on", _source_hash_ignored, "T9", [("changed", 0)]),
    "identity from hash()": Bug("ids depend on the process", _identity_from_hash, "T13", [(1, 0, 30, 1)]),
    "message lost": Bug("a message of every part is lost", _message_lost, "T1", [("transform", 1, 8)]),
    "settings left to others": Bug("a session sets nothing", _settings_left_to_others, "T19", [(145,), (315,)]),
    "nobody listens": Bug("signals do what the system does", _nobody_listens, "T18", [_told(signal.SIGTERM)]),
    "closed terminal": Bug("SIGHUP is not heard", _closed_terminals_not_heard, "T18", [_told(signal.SIGHUP)]),
    "noted and forgotten": Bug("nobody asks for signals", _noted_and_forgotten, "T18", [_told(signal.SIGINT)]),
    "no last word": Bug("no word on how to go on", _no_word_on_how_to_go_on, "T18", [_told(signal.SIGINT)]),
    "named before whole": Bug(
        "a hand-over has its name before it is whole", _named_before_whole, "T18",
        [_told(signal.SIGTERM, "export text", ("hand-over written", 1))],
    ),
    "short pauses": Bug("no bug: the tests do not want to wait", _short_pauses),
}  # fmt: skip
