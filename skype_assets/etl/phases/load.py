"""Load: tables → PostgreSQL, one transaction a part, and a Parquet record of what is in the database afterwards.

Part 0 is what the others refer to: conversations, participants, media. The ledger in the database says what was
loaded; the checkpoint follows it. A part that the ledger has with the same checksum is not loaded again, a part that
only the checkpoint has is. Before the export is called complete every row is compared with the tables that it was sent
from: where rows have only gone, their parts are loaded again; where some are altered, nothing is.
"""

import logging
import time
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final

import pyarrow as pa

from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.hold import mark
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.spilled import Memory
from skype_assets.etl.checkpoints.state import PartRecord
from skype_assets.etl.database import completion, ddl, holds, upgrading
from skype_assets.etl.database.comparison import Ours, compare_rejects
from skype_assets.etl.database.counting import rows_of_load
from skype_assets.etl.database.loading import HEAD, Claim, Loader, is_complete, ledger
from skype_assets.etl.database.matching import Comparison
from skype_assets.etl.database.refused import committed
from skype_assets.etl.database.replacing import Made, changes, recalled
from skype_assets.etl.database.session import Database, Session
from skype_assets.etl.errors import DatabaseDiffers
from skype_assets.etl.phases import KEYS_DEFERRED, LOAD, UNREADABLE, PhaseFacts
from skype_assets.etl.phases.part_tables import (
    OfOtherParts,
    all_loaded_keys,
    ledger_checksum,
    offsets,
    part_tables,
    table_of_part,
)
from skype_assets.etl.phases.phase import PartFiles, Told, Work, cumulative, of_part, upstream
from skype_assets.etl.phases.proof import compare_part, prove
from skype_assets.etl.phases.transform import Transform
from skype_assets.etl.postgres.url import reachable_url
from skype_assets.etl.processes import Tenure
from skype_assets.etl.rows.arrays import table_from_rows
from skype_assets.etl.schema.tables import TABLES
from skype_assets.etl.task import Task

logger = logging.getLogger(__name__)

LOADED_PARTS: Final = pa.schema(
    [
        pa.field("part", pa.int32(), False),
        pa.field("table", pa.string(), False),
        pa.field("rows", pa.int64(), False),
        pa.field("checksum", pa.string(), False),
    ]
)
"""What was loaded: rows of each table of each part, and the checksum that the ledger has for it."""

DATABASE_STATE: Final = pa.schema(
    [
        pa.field("table", pa.string(), False),
        pa.field("rows", pa.int64(), False),
    ]
)
"""What is in the database afterwards: rows per table, of the export's conversations, whichever export brought them."""

REPLACED: Final = pa.schema(
    [
        pa.field("table", pa.string(), False),
        pa.field("added", pa.int64(), False),
        pa.field("changed", pa.int64(), False),
        pa.field("removed", pa.int64(), False),
    ]
)
"""How many rows became others, where newer code made anew what was there of the export; else it is empty."""

_RECORD_BYTES: Final = 16_000_000

_ROWS_OF_A_SESSION: Final = 20_000
"""As many have to be compared for a further session to be worth its opening."""


class Load:
    """The third phase: tables → database."""

    facts: ClassVar[PhaseFacts] = LOAD
    version: ClassVar[str] = LOAD.version
    superseded: ClassVar[Mapping[str, str]] = {}
    schemas: ClassVar[Mapping[str, pa.Schema]] = {
        "loaded_parts": LOADED_PARTS,
        "database_state": DATABASE_STATE,
        "replaced": REPLACED,
    }
    outdated: ClassVar[str] = "the database no longer holds it"

    def __init__(self, task: Task) -> None:
        self._task = task
        self._tables = upstream(task, Transform, self.facts.name)

    @property
    def source_name(self) -> str:
        """File name of the export, for people."""
        return self._tables.state.source_name

    @property
    def parts_total(self) -> int:
        """One for each part of the tables."""
        return len(self._tables.state.parts)

    def inputs(self) -> dict[str, str]:
        """The checkpoint of transform; not the database: what that one holds is asked of its ledger."""
        source = {name: value for name, value in self._tables.state.inputs.items() if name.startswith("source_")}
        return {**source, Transform.facts.asset: self._tables.state.fingerprint}

    def bytes_needed(self, done: int) -> int:
        """A record of what was loaded is small, however much that is."""
        return _RECORD_BYTES

    @contextmanager
    def open(self, task_folder: Directory) -> Generator["_OpenLoad"]:
        """Find the database."""
        with Database(reachable_url(self._task.database)) as database:
            yield _OpenLoad(self._task, self._tables, database)


class _OpenLoad:
    def __init__(self, task: Task, tables: PhaseTables, database: Database) -> None:
        self._task_id = task.task_id
        self._task_folder = task.folder
        self._tables = tables
        self._database = database
        self._settings = task.settings
        self._rows = {name: count for name, count in tables.rows().items() if name in TABLES}
        self._sessions = min(task.settings.workers, 1 + sum(self._rows.values()) // _ROWS_OF_A_SESSION)
        self._exports = tables.summary("exports")
        self._export_id: str = self._exports["export_id"][0].as_py()
        self._owner_id: str = self._exports["owner_id"][0].as_py()
        self._claim: tuple[Claim, dict[int, str]] | None = None

    @property
    def total(self) -> int:
        """Messages to load."""
        return self._exports["messages_loaded"][0].as_py()

    def confirmed(self, done: Sequence[PartRecord]) -> Sequence[PartRecord]:
        """The parts that the ledger has, too, with what the checkpoint says was loaded."""
        with self._database.session() as session:  # the first: a database that cannot be reached is said at once
            entries = ledger(session, self._export_id)
        for index, part in enumerate(self._tables.state.parts[: len(done)]):
            if entries.get(part.number) != ledger_checksum(self._tables, part):
                return done[:index]
        return done

    def holds(self) -> bool:
        """Whether the database says that the load is complete, and has every row.

        Nothing less is believed: it may be one of before, restored, and rows may have gone under the ledger.
        """
        with self._database.session() as session:
            self._mark_if_held(session)
            self._say_if_due(session)
            is_said = is_complete(session, self._exports, defers_keys=self._settings.defer_constraints)
            return is_said and prove(session, self._tables, self._sessions).total.is_equal

    def claim(self, tenure: Tenure | None) -> None:
        """Register as the attempt that loads the export: from now on no earlier one commits."""
        self._claim = self._database.repeatedly(partial(self._register, tenure))

    def work(self, done: Sequence[PartRecord], files: PartFiles) -> Iterator[Work]:
        """The head, then one part for each part of transform."""
        claim, entries = self._claimed()
        self._database.repeatedly(partial(self._complete_head, claim, entries))
        known = OfOtherParts.read(self._tables)
        amounts = [
            (part.files["messages"].rows if "messages" in part.files else 0) - of_part(known.dropped, part).num_rows
            for part in self._tables.state.parts
        ]
        progress = cumulative(done, amounts)
        for part in self._tables.state.parts[len(done) :]:
            checksum = ledger_checksum(self._tables, part)
            yield _LoadPart(
                part=part,
                tables=self._tables,
                known=known.of(part),
                database=self._database,
                table_bytes=self._settings.table_bytes,
                claim=claim,
                checksum=checksum,
                is_committed=entries.get(part.number) == checksum,
                progress=next(progress),
                files=files,
            )

    def _register(self, tenure: Tenure | None, session: Session) -> tuple[Claim, dict[int, str]]:
        upgrading.bring_up_to_date(session)
        ddl.create(session)
        loader = Loader.register(session, self._exports, tenure)
        return loader.claim, loader.ledger()

    def _claimed(self) -> tuple[Claim, dict[int, str]]:
        assert self._claim is not None, "work and summary come after claim"
        return self._claim

    def summary(self, done: Sequence[PartRecord], tell: Told) -> tuple[Mapping[str, pa.Table], dict[str, int]]:
        """All rows compared with the tables, and the figures over all exports of the account brought up to date."""
        rows = self._database.repeatedly(partial(self._finish, tell))
        replaced = self._database.repeatedly(self._replaced)
        counts = {
            UNREADABLE: self._tables.state.counts().get(UNREADABLE, 0),
            KEYS_DEFERRED: int(
                self._settings.defer_constraints and not self._database.repeatedly(completion.is_complete)
            ),
        }
        return {
            "database_state": table_from_rows(DATABASE_STATE, list(rows.items())),
            "replaced": table_from_rows(REPLACED, replaced),
        }, {name: count for name, count in counts.items() if count}

    def _replaced(self, session: Session) -> list[tuple[str, int, int, int]]:
        for task_id in recalled(session, self._owner_id):
            logger.warning(
                "task %s has to be run again: what newer code no longer makes of this export, that one may have",
                task_id,
            )
        found = changes(session, self._export_id, self._claimed()[0].code_version)
        return [(change.table, change.added, change.changed, change.removed) for change in found]

    def _made(self) -> Made:
        return Made(
            messages=lambda: all_loaded_keys(self._tables, OfOtherParts.read(self._tables)),
            offsets=lambda: offsets(self._tables),
            rejects=lambda: (pa.Table.from_batches([batch]) for batch in self._tables["rejects"].batches(["ordinal"])),
            media_files=self._tables["media_files"].to_table(["document_id", "media_index"]),
        )

    def _finish(self, tell: Told, session: Session) -> dict[str, int]:
        """Compare the rows, and complete the tables: every row is looked at once for either, which is what is counted.

        Raises:
            DatabaseDiffers: a row is not what was sent, and loading it again would not change that.
        """
        counted = _Counted(2 * sum(self._rows.values()), tell)
        loader = Loader(session, self._claimed()[0])
        conversations = self._tables.summary("conversations").select(["conversation_id"])
        loader.remove_left_over(conversations, self._made())
        counted.doing("comparing all rows")
        proof = prove(session, self._tables, self._sessions, counted.more)
        if _is_only_lacking(proof.total):
            self._load_again(loader, proof.lacking, proof.total)
            proof = prove(session, self._tables, self._sessions)
        if not proof.total.is_equal:
            raise _differs(self._export_id, self._task_id, proof.total)
        counted.half()
        counted.doing("indexes and foreign keys")
        self._say_if_due(session)
        loader.finish(
            self._exports,
            conversations,
            self._sessions,
            completed=lambda table: counted.more(self._rows.get(table, 0)),
            last_part=max(part.number for part in self._tables.state.parts),
            defers_keys=self._settings.defer_constraints,
        )
        self._mark_if_held(session)
        return rows_of_load(session, self._owner_id, self._export_id, conversations["conversation_id"].to_pylist())

    def _say_if_due(self, session: Session) -> None:
        """A load that defers nothing completes what others have left: this takes as long as theirs were large."""
        if not self._settings.defer_constraints and completion.is_due(session):
            logger.warning("%s, or this load, now", completion.INCOMPLETE)

    def _mark_if_held(self, session: Session) -> None:
        """A hold that was there before the task keeps its checkpoints as well, as it keeps the rows."""
        if (held := holds.on_export(session, self._export_id)) is not None:
            mark(self._task_folder, *held)

    def _complete_head(self, claim: Claim, entries: Mapping[int, str], session: Session) -> None:
        """What messages refer to comes before them, also where it has gone from the database since it was loaded."""
        head = self._tables.state.parts[HEAD]
        if entries.get(HEAD) == ledger_checksum(self._tables, head):
            known = OfOtherParts.read(self._tables).of(head)
            tables = partial(table_of_part, self._tables, head, known)
            ours = Ours.of(self._exports)
            found = compare_part(session, ours, head, tables)
            found.add(compare_rejects(session, ours, self._tables["rejects"].to_table()))
            if found.wrong and not claim.replaces:  # what older code made goes
                raise _differs(self._export_id, self._task_id, found)
            if found.missing:
                self._load_again(Loader(session, claim), {HEAD}, found)

    def _load_again(self, loader: Loader, numbers: Collection[int], found: Comparison) -> None:
        """Load the parts of which rows have gone, although the ledger has them; ``found`` says which."""
        known = OfOtherParts.read(self._tables)
        logger.warning("loaded again: %s", found)
        for part in self._tables.state.parts:
            if part.number in numbers:
                tables = part_tables(self._tables, part, known.of(part))
                loader.commit(part.number, ledger_checksum(self._tables, part), tables, again=True)


def _is_only_lacking(found: Comparison) -> bool:
    """Whether rows have gone and all others are as they must be: to load these again changes nothing else."""
    return found.missing > 0 and not found.wrong


def _differs(export_id: str, task_id: str, found: Comparison) -> DatabaseDiffers:
    return DatabaseDiffers(
        f"export {export_id}: {found}. A trigger or a rule changed what was loaded, or somebody did afterwards: remove "
        f"what changes it, then put the rows right with `skype-assets verify {task_id} --repair`, or take the export "
        f"out with `skype-assets unload {task_id}`; and run it again"
    )


class _Counted:
    """Counts rows, and tells which share of them it has counted."""

    def __init__(self, total: int, tell: Told) -> None:
        self._total = max(1, total)
        self._tell = tell
        self._count = 0
        self._doing = ""

    def doing(self, what: str) -> None:
        """From now on the rows are counted for this."""
        self._doing = what
        self.more(0)

    def more(self, rows: int) -> None:
        """Count so many rows; other exports may have brought more than were expected."""
        self._count = min(self._count + rows, self._total)
        self._tell(self._count / self._total, self._doing)

    def half(self) -> None:
        """The first half is done, whatever was counted of it."""
        self._count = self._total // 2


@dataclass(frozen=True)
class _LoadPart:
    part: PartRecord
    tables: PhaseTables
    known: OfOtherParts
    database: Database
    table_bytes: int
    claim: Claim
    checksum: str
    is_committed: bool
    progress: int
    files: PartFiles

    def __call__(self) -> PartRecord:
        began = time.monotonic()
        memory = Memory(self.table_bytes, self.files.folder.path)
        tables = part_tables(self.tables, self.part, self.known, memory)
        if not self.is_committed:
            committed(self.database, tables, partial(self._commit, tables))
        loaded = [(self.part.number, name, rows.num_rows, self.checksum) for name, rows in tables.items()]
        return self.files.write(
            self.part.number,
            {"loaded_parts": table_from_rows(LOADED_PARTS, loaded)},
            began=began,
            progress=self.progress,
            counts={name: rows.num_rows for name, rows in tables.items() if rows.num_rows},
        )

    def _commit(self, tables: Mapping[str, pa.Table], session: Session) -> None:
        loader = Loader(session, self.claim)
        if loader.ledger().get(self.part.number) == self.checksum:
            return  # an earlier try committed it, and the answer was lost
        loader.commit(self.part.number, self.checksum, tables)
