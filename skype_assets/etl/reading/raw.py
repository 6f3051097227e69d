"""The bytes of an object of an export: in the export itself, where it lies, or else in the raw checkpoint.

Either is taken as it is: whoever asks compares the hash.
"""

from bisect import bisect_right
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skype_assets.etl import interruption
from skype_assets.etl.checkpoints import parts
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.phase_checkpoint import open_complete
from skype_assets.etl.errors import EtlError
from skype_assets.etl.export.archive import open_export
from skype_assets.etl.export.objects import Objects
from skype_assets.etl.export.unpacking import readable
from skype_assets.etl.schema.raw_tables import RAW_TABLES

_ROWS: Final = 1_000


def in_export(export: Path, member: str, offset: int, length: int) -> bytes | None:
    """A range of a member, read in place; None if nothing can be read in place, or there is no such member."""
    try:
        content = Objects(export).open_only(member)
        if content is None:
            return None
        with content, readable(member):
            content.seek(offset)
            return content.read(length)
    except (EtlError, OSError):  # it was moved, changed or damaged: `verify` says what is wrong with it
        return None


def unpacked(export: Path, member: str, offset: int, length: int) -> bytes | None:
    """The same of a compressed export, which is unpacked for it."""
    try:
        with interruption.temporary_folder() as scratch, open_export(export, scratch) as opened:
            if opened.messages is None or opened.messages.name != member:
                return None
            return bytes(opened.messages.buffer[offset : offset + length])
    except (EtlError, OSError):
        return None


def in_checkpoint(folder: Path, offset: int) -> bytes | None:
    """The object at an offset, from the raw checkpoint, of which a small piece is in memory at a time."""
    try:
        tables = open_complete(Directory(folder), RAW_TABLES) if folder.is_dir() else None
        records = tables.state.records if tables is not None else ()
        files = [record.files["messages"] for record in records if "messages" in record.files]
        # They are in the order of the export.
        number = bisect_right(files, offset, key=lambda file: _first_offset(parts.here(folder, file)))
        return _in_part(parts.here(folder, files[number - 1]), offset) if number else None
    except (EtlError, OSError, pa.ArrowException):  # not complete, or damaged: `verify` says what is wrong with it
        return None
    finally:
        pa.default_memory_pool().release_unused()


def _first_offset(path: Path) -> int:
    with pq.ParquetFile(path, pre_buffer=False) as part:
        return int(_offsets(part, 0)[0])


def _offsets(part: pq.ParquetFile, group: int) -> Any:
    return part.read_row_group(group, columns=["offset"], use_threads=False)["offset"].to_numpy()


def _in_part(path: Path, offset: int) -> bytes | None:
    with pq.ParquetFile(path, pre_buffer=False) as part:
        for group in range(part.num_row_groups):
            offsets = _offsets(part, group)
            place = int(np.searchsorted(offsets, offset))  # they are in the order of the export
            if place == len(offsets) or offsets[place] != offset:
                continue
            for batch in part.iter_batches(_ROWS, row_groups=[group], columns=["raw"], use_threads=False):
                if place < batch.num_rows:
                    return batch["raw"][place].as_py()
                place -= batch.num_rows
    return None
