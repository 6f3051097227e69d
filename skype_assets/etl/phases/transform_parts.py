"""The parts of transform, each made of a raw part: part 0 the media, the others messages and their tables."""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.checkpoints import parts
from skype_assets.etl.checkpoints.spilled import Memory
from skype_assets.etl.checkpoints.state import PartRecord
from skype_assets.etl.content.names import conversation_key
from skype_assets.etl.phases.phase import PartFiles
from skype_assets.etl.rows.arrays import table_from_rows
from skype_assets.etl.rows.duplicates import DUPLICATES, lesser_copies, occurrences
from skype_assets.etl.rows.edits import EDITS
from skype_assets.etl.rows.media import media_files, unreadable_side_files
from skype_assets.etl.rows.message_tables import EDIT_MARKS, MESSAGE_TABLES, RAW_COLUMNS, Export, MessageRows
from skype_assets.etl.rows.messages import message_rows
from skype_assets.etl.rows.old_quotes import QUOTED
from skype_assets.etl.rows.people import PEOPLE, people_rows
from skype_assets.etl.rows.superseded import superseded
from skype_assets.etl.schema.tables import TABLES

CONSERVATION: Final = pa.schema(
    [
        pa.field("conversation_id", pa.string(), False),
        pa.field("seen", pa.int64(), False),
        pa.field("loaded", pa.int64(), False),
        pa.field("duplicate", pa.int64(), False),
        pa.field("rejected", pa.int64(), False),
    ]
)
"""Per conversation: seen = loaded + duplicate + rejected, or the phase fails (promise I7)."""

UNREADABLE_SIDE_FILES: Final = "unreadable_side_files"
"""The count of side files that describe nothing."""

TRANSFORM_TABLES: Final[Mapping[str, pa.Schema]] = {
    **{name: table.schema for name, table in TABLES.items() if name != "load_parts"},
    "duplicates": DUPLICATES,
    "people": PEOPLE,
    "edit_marks": EDIT_MARKS,
    "edits": EDITS,
    "quoted": QUOTED,
    "conservation": CONSERVATION,
}
"""What a checkpoint of transform has: the tables of the database, and what the phases need beside them."""

_PART_TABLES: Final = (*MESSAGE_TABLES, "edit_marks", "rejects")


@dataclass(frozen=True)
class MediaPart:
    """The media files of an export."""

    made_from: str
    media: pa.Table
    objects: pa.Table
    export: Export
    files: PartFiles

    def __call__(self) -> PartRecord:
        """Write the part."""
        began = time.monotonic()
        rows = media_files(self.media, self.objects, self.export.owner_id, self.export.export_id)
        unreadable = unreadable_side_files(self.media)
        counts = {UNREADABLE_SIDE_FILES: unreadable} if unreadable else {}
        tables = {"media_files": rows}
        return self.files.write(0, tables, began=began, progress=0, counts=counts, cursor=self.made_from)


@dataclass(frozen=True)
class MessagesPart:
    """The messages of a raw part, and all that is in them."""

    raw: PartRecord
    made_from: str
    raw_folder: Path
    export: Export
    batch_size: int
    table_bytes: int
    progress: int
    files: PartFiles

    def __call__(self) -> PartRecord:
        """Write the part."""
        began = time.monotonic()
        seen: Counter[str] = Counter()
        memory = Memory(self.table_bytes, self.files.folder.path)
        read = message_rows(self._batches(seen), self.export, self.batch_size)
        made = [rows.kept(memory.keep) for rows in read]
        copies = lesser_copies(_joined(made, "messages"))
        duplicates = TRANSFORM_TABLES["superseded_copies"].empty_table()
        if copies.num_rows:
            duplicates = memory.keep(_duplicates(_joined(made, "messages"), copies["source_offset"]))
            made = [rows.without(copies["source_offset"]).kept(memory.keep) for rows in made]
        tables = {name: _joined(made, name) for name in _PART_TABLES}
        tables["superseded_copies"] = duplicates
        tables["people"] = pa.concat_tables([PEOPLE.empty_table(), *(people_rows(rows.tables) for rows in made)])
        tables["conservation"] = _conservation(seen, tables["messages"], copies, tables["rejects"])
        counts = {
            "messages": tables["messages"].num_rows,
            "duplicate": copies.num_rows,
            "rejected": tables["rejects"].num_rows,
        }
        return self.files.write(
            self.raw.number, tables, began=began, progress=self.progress, counts=counts, cursor=self.made_from
        )

    def _batches(self, seen: Counter[str]) -> Iterator[pa.RecordBatch]:
        """The raw messages; ``seen`` counts them by conversation."""
        if "messages" in self.raw.files:
            file = parts.read(self.raw_folder, self.raw.files["messages"])
            for batch in file.iter_batches(self.batch_size, columns=list(RAW_COLUMNS), use_threads=False):
                seen.update(_by_conversation(batch))
                yield batch


def _duplicates(messages: pa.Table, source_offsets: pa.ChunkedArray) -> pa.Table:
    """Those of the messages that stand at some offsets, as rows of ``superseded_copies``."""
    are_there = pc.is_in(messages["source_offset"], value_set=source_offsets.combine_chunks())
    return superseded(messages.filter(are_there), is_duplicate=True)


def _by_conversation(raw: pa.RecordBatch) -> Counter[str]:
    """How many raw objects of a batch stand in each conversation."""
    table = pa.table({name: raw[name] for name in ("conversation_index", "conversation_id")})
    counted = table.group_by(table.column_names, use_threads=False).aggregate([([], "count_all")])
    counts: Counter[str] = Counter()
    for row in counted.to_pylist():
        counts[conversation_key(row["conversation_id"], row["conversation_index"])] += row["count_all"]
    return counts


def _conservation(seen: Counter[str], loaded: pa.Table, copies: pa.Table, rejected: pa.Table) -> pa.Table:
    """What became of a part's messages in each conversation."""
    counted = [occurrences(table["conversation_id"]) for table in (loaded, copies, rejected)]
    conversation_ids = sorted(seen.keys() | set().union(*counted))
    return table_from_rows(
        CONSERVATION, [(key, seen[key], *(found[key] for found in counted)) for key in conversation_ids]
    )


def _joined(made: Sequence[MessageRows], name: str) -> pa.Table:
    return pa.concat_tables([TRANSFORM_TABLES[name].empty_table(), *(rows.tables[name] for rows in made)])
