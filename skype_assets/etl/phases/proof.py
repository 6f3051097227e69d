"""Is what a complete transform checkpoint says in the database? Every row of it is compared, part by part.

What must be there is read from the Parquet files, and never from what the database answered before.
"""

from collections.abc import Callable, Container
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import pyarrow as pa

from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.state import PartRecord
from skype_assets.etl.database.comparison import (
    Ours,
    compare_head,
    compare_keys,
    compare_messages,
    compare_offsets,
    compare_records,
    compare_rejects,
    count_messages,
    count_superseded,
)
from skype_assets.etl.database.loading import HEAD, LOADED
from skype_assets.etl.database.matching import NAMED, Comparison
from skype_assets.etl.database.session import Session
from skype_assets.etl.database.side_by_side import SideBySide
from skype_assets.etl.phases.part_tables import (
    OfOtherParts,
    all_loaded_keys,
    ledger_checksum,
    offsets,
    rows_of_part,
    table_of_part,
)
from skype_assets.etl.rows.arrays import table_from_rows
from skype_assets.etl.schema.tables import TABLES


@dataclass
class Proof:
    """What came of comparing an export's checkpoint with the database.

    Attributes:
        total: of all parts.
        lacking: numbers of the parts of which rows are missing.
    """

    total: Comparison = field(default_factory=Comparison)
    lacking: set[int] = field(default_factory=set[int])


def prove(
    session: Session,
    tables: PhaseTables,
    sessions: int = 1,
    compared: Callable[[int], None] = lambda rows: None,
    wanted: Container[int] | None = None,
    most: int = NAMED,
) -> Proof:
    """Compare all parts of an export with the database.

    Args:
        session: with the database.
        tables: the complete transform.
        sessions: how many compare side by side; each has one table of one part in memory.
        compared: called with how many more rows have been looked at, in the caller's thread.
        wanted: numbers of the parts that must be there; None = all.
        most: how many of the rows that differ are named.
    """
    proof, ours, known = Proof(Comparison(most=most)), Ours.of(tables.summary("exports")), OfOtherParts.read(tables)
    with SideBySide.opened(session, sessions) as beside:
        under_way = {
            beside.submit(partial(_compared, ours=ours, tables=tables, part=part, known=known, most=most)): part
            for part in tables.state.parts
            if wanted is None or part.number in wanted
        }
        for done in as_completed(under_way):
            part, comparison = under_way[done], done.result()
            proof.total.add(comparison)
            if comparison.missing:
                proof.lacking.add(part.number)
            compared(sum(file.rows for file in part.files.values()))
    proof.total.add(compare_rejects(session, ours, tables["rejects"].to_table(), most))
    if count_messages(session, ours.export_id) != proof.total.messages:
        proof.total.add(compare_keys(session, ours, all_loaded_keys(tables, known), most))
    if count_superseded(session, ours.export_id) != proof.total.superseded:
        proof.total.add(compare_offsets(session, ours, offsets(tables), most))
    return proof


def prove_records(
    session: Session, tables: PhaseTables, entries: Container[int] | None = None, most: int = NAMED
) -> Comparison:
    """Compare what the database records of an export: its row, and the ledger.

    Args:
        session: with the database.
        tables: the complete transform.
        entries: numbers of the parts that the ledger has, if the load is not complete.
        most: how many of the rows that differ are named.
    """
    status = loaded_status(tables) if entries is None else "loading"
    return compare_records(session, tables.summary("exports"), ledger_of(tables, entries), status, most)


def loaded_status(tables: PhaseTables) -> str:
    """What is said of an export once it is loaded from these tables."""
    return LOADED[tables.summary("exports")["unreadable_bytes"][0].is_valid]


def ledger_of(tables: PhaseTables, entries: Container[int] | None = None) -> pa.Table:
    """The ledger that a complete load makes, or one that has made these entries; without what no checkpoint says."""
    export_id, known = tables.summary("exports")["export_id"][0].as_py(), OfOtherParts.read(tables)
    ledger = [
        (export_id, part.number, rows_of_part(tables, part, known.of(part)), ledger_checksum(tables, part))
        for part in tables.state.parts
        if entries is None or part.number in entries
    ]
    return table_from_rows(pa.schema([TABLES["load_parts"].schema.field(name) for name in _RECORDED]), ledger)


_RECORDED: Final = ("export_id", "part", "rows", "checksum")


def compare_part(
    session: Session, ours: Ours, part: PartRecord, tables: Callable[[str], pa.Table], most: int = NAMED
) -> Comparison:
    """Compare a part with the database; ``tables`` gives those of the part by name, each once."""
    compare = compare_head if part.number == HEAD else compare_messages
    return compare(session, ours, tables, most)


def _compared(
    session: Session, ours: Ours, tables: PhaseTables, part: PartRecord, known: OfOtherParts, most: int
) -> Comparison:
    return compare_part(session, ours, part, partial(table_of_part, tables, part, known.of(part)), most)
