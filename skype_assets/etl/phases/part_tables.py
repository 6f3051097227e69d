"""What of a part of transform goes into the database, and the checksum under which the ledger knows it.

A part alone does not tell: what only all parts together say of it is in transform's summary.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

import pyarrow as pa

from skype_assets.etl.checkpoints import parts
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.spilled import Memory
from skype_assets.etl.checkpoints.state import PartRecord
from skype_assets.etl.database.loading import HEAD
from skype_assets.etl.phases.phase import of_part
from skype_assets.etl.rows.duplicates import KEY, only, without
from skype_assets.etl.rows.edits import with_edits
from skype_assets.etl.rows.message_tables import MESSAGE_TABLES
from skype_assets.etl.rows.old_quotes import with_quoted
from skype_assets.etl.rows.superseded import superseded

_OF_OTHER_PARTS: Final = ("duplicates", "edits", "quoted")
_OF_HEAD: Final = ("conversations", "conversation_copies", "participants", "given_names", "rejects")


@dataclass(frozen=True)
class OfOtherParts:
    """What transform's summary knows of the messages of parts: copies that are better elsewhere, edits, quotes."""

    dropped: pa.Table
    edits: pa.Table
    quoted: pa.Table

    @classmethod
    def read(cls, tables: PhaseTables) -> Self:
        """That of all parts."""
        # In one piece each: what is taken out of a piece part by part costs less than out of many.
        return cls(*(tables.summary(name).combine_chunks() for name in _OF_OTHER_PARTS))

    def of(self, part: PartRecord) -> "OfOtherParts":
        """That of one part."""
        return OfOtherParts(*(of_part(rows, part) for rows in (self.dropped, self.edits, self.quoted)))


def part_tables(
    tables: PhaseTables, part: PartRecord, known: OfOtherParts, memory: Memory | None = None
) -> dict[str, pa.Table]:
    """The tables of a part, in memory or as ``memory`` keeps them; ``known`` is what is known of it."""
    return {name: table_of_part(tables, part, known, name, memory) for name in _tables_of(part)}


def rows_of_part(tables: PhaseTables, part: PartRecord, known: OfOtherParts) -> int:
    """How many rows the tables of a part have together; they are read only where other parts have better copies."""
    if part.number != HEAD and known.dropped.num_rows:
        return sum(table_of_part(tables, part, known, name).num_rows for name in _tables_of(part))
    assert tables.state.summary is not None, "transform is complete"
    files = {**part.files, **{name: tables.state.summary.files.get(name) for name in _OF_HEAD if part.number == HEAD}}
    return sum(file.rows for name in _tables_of(part) if (file := files.get(name)) is not None)


def _tables_of(part: PartRecord) -> tuple[str, ...]:
    return (*_OF_HEAD, "media_files") if part.number == HEAD else (*MESSAGE_TABLES, "superseded_copies", "rejects")


def table_of_part(
    tables: PhaseTables, part: PartRecord, known: OfOtherParts, name: str, memory: Memory | None = None
) -> pa.Table:
    """One table of a part, in memory or as ``memory`` keeps it; ``known`` is what is known of the part."""
    if part.number == HEAD and name in _OF_HEAD:
        return tables.summary(name)
    rows = tables.part(part, name, memory)
    if name == "superseded_copies" and known.dropped.num_rows:
        elsewhere = only(tables.part(part, "messages", memory), known.dropped)
        return pa.concat_tables([rows, superseded(elsewhere, is_duplicate=True)])
    if name not in MESSAGE_TABLES:
        return rows
    kept = without(rows, known.dropped)
    if name == "messages":
        return with_edits(kept, known.edits)
    return with_quoted(kept, known.quoted) if name == "quotes" else kept


def loaded_keys(tables: PhaseTables, part: PartRecord, dropped: pa.Table) -> pa.Table:
    """Which messages of a part are loaded, as columns ``KEY``; ``dropped`` are its copies that are better elsewhere."""
    if "messages" not in part.files:
        return tables.schemas["messages"].empty_table().select(KEY)
    return without(parts.read(tables.folder, part.files["messages"]).read(KEY, use_threads=False), dropped)


def all_keys(tables: PhaseTables, part: PartRecord) -> pa.Table:
    """The messages of which a part has copies, as columns ``KEY``; of some several times."""
    return _columns(tables, part, KEY)


def all_copies(tables: PhaseTables, part: PartRecord) -> pa.Table:
    """The same, and where each copy stands in the export, as column source_offset."""
    return _columns(tables, part, [*KEY, "source_offset"])


def offsets(tables: PhaseTables) -> Iterator[pa.Table]:
    """Where the copies of each part stand in the export, as column source_offset, each part when it is asked for."""
    return (_columns(tables, part, ["source_offset"]) for part in tables.state.parts)


def _columns(tables: PhaseTables, part: PartRecord, names: list[str]) -> pa.Table:
    """Some columns of all copies of a part, those included that are better elsewhere."""
    files = [part.files[name] for name in ("messages", "superseded_copies") if name in part.files]
    none = tables.schemas["messages"].empty_table().select(names)
    found = (parts.read(tables.folder, file).read(names, use_threads=False) for file in files)
    return pa.concat_tables([none, *(one.cast(none.schema) for one in found)])


def all_loaded_keys(tables: PhaseTables, known: OfOtherParts) -> Iterator[pa.Table]:
    """What ``loaded_keys`` gives of every part, each when it is asked for; ``known`` is what is known of all parts."""
    return (loaded_keys(tables, part, known.of(part).dropped) for part in tables.state.parts)


def ledger_checksum(tables: PhaseTables, part: PartRecord) -> str:
    """What the ledger has for a part: the checksums of the files that it is loaded from."""
    summary = tables.state.summary
    assert summary is not None, "transform is complete"
    # What only all parts together tell of a part, and for the head its rows, come from the summary.
    relevant = _OF_HEAD if part.number == HEAD else _OF_OTHER_PARTS
    lines = [part.checksum, *(summary.files[name].sha256 for name in relevant if name in summary.files)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
