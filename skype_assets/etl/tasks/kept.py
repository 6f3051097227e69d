"""The tables that an export was loaded from, part by part: for what takes their rows out, or puts them back."""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.database.loading import HEAD
from skype_assets.etl.phases.part_tables import OfOtherParts, all_copies, all_keys, ledger_checksum, part_tables
from skype_assets.etl.rows.duplicates import message_keys


class KeptTables:
    """What an export was loaded from: a ``Kept`` of ``database.unloading``.

    Attributes:
        checksums: of every part what the ledger has for it.
    """

    def __init__(self, tables: PhaseTables, summaries: "Summaries") -> None:
        self._tables = tables
        self._parts = {part.number: part for part in tables.state.parts}
        self._summaries = summaries
        self.checksums = {number: ledger_checksum(tables, part) for number, part in self._parts.items()}

    def media_files(self) -> pa.Table:
        """The media files, which are in part 0."""
        return self._tables.part(self._parts[HEAD], "media_files")

    def messages(self, part: int) -> pa.Table:
        """Which messages a part has, duplicates included."""
        return all_keys(self._tables, self._parts[part])

    def attachments(self, part: int) -> pa.Table:
        """The attachments of a part, as exported."""
        return self._tables.part(self._parts[part], "attachments")

    def tables(self, part: int) -> Mapping[str, pa.Table]:
        """All tables of a part of messages."""
        known = self._summaries.of(self._tables).of(self._parts[part])
        return part_tables(self._tables, self._parts[part], known)

    def messages_at(self, offsets: Iterable[int]) -> set[tuple[str, str]]:
        """The conversation and the id of the messages of which copies stand at some offsets of the export."""
        found, wanted = set[tuple[str, str]](), pa.array(sorted(offsets), pa.int64())
        for part in self._parts.values() if len(wanted) else ():
            copies = all_copies(self._tables, part)
            found.update(message_keys(copies.filter(pc.is_in(copies["source_offset"], value_set=wanted))))
        return found


class Summaries:
    """What the summary knows of the parts of a checkpoint, of one at a time: that of all would grow with them."""

    def __init__(self) -> None:
        self._read: tuple[PhaseTables, OfOtherParts] | None = None

    def of(self, tables: PhaseTables) -> OfOtherParts:
        """That of a checkpoint."""
        if self._read is None or self._read[0] is not tables:
            self._read = (tables, OfOtherParts.read(tables))
        return self._read[1]
