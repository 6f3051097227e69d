"""Parquet files of a part: written atomically, verified whenever they are read, handed on lazily."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.spilled import Memory
from skype_assets.etl.checkpoints.state import FileRecord, PartRecord, PhaseState
from skype_assets.etl.checkpoints.working_copy import WorkingCopy
from skype_assets.etl.errors import CheckpointDamaged

if TYPE_CHECKING:
    import pandas  # noqa: TID251 - only the type of what to_pandas() returns

BATCH_ROWS: Final = 8_192
"""Rows of the batches that readers get."""
ROW_GROUP_ROWS: Final = 32_768
"""Rows of a row group: what a reader must hold at once."""
COMPRESSION: Final = "zstd"
COMPRESSION_LEVEL: Final = 1
_DISTINCT: Final = frozenset(
    {"id", "message_id", "ordinal", "offset", "source_offset", "sha256", "raw_sha256", "raw", "content", "text"}
    | {"version", "sent_at"}
)
"""Columns whose values hardly repeat: a dictionary of them is built in vain."""


def write(folder: Directory, number: int | str, epoch: int, tables: Mapping[str, pa.Table]) -> dict[str, FileRecord]:
    """Write the tables of a part; empty ones have no file.

    The attempt's epoch stands in the file name, so that an attempt that was taken over never touches the files of
    the one that took over.
    """
    files: dict[str, FileRecord] = {}
    for table, rows in tables.items():
        if rows.num_rows == 0:
            continue
        part = f"{number:05d}" if isinstance(number, int) else number
        name = f"{table}-{part}-e{epoch}.parquet"
        repeating = [column for column in rows.column_names if column not in _DISTINCT]
        with folder.create(name) as stream:
            sink = _HashingSink(stream)
            pq.write_table(
                rows,
                pa.PythonFile(sink, mode="w"),
                compression=COMPRESSION,
                compression_level=COMPRESSION_LEVEL,
                use_dictionary=repeating,  # pyright: ignore[reportArgumentType] - its stub knows only bool
                write_statistics=False,
                row_group_size=ROW_GROUP_ROWS,
                write_batch_size=ROW_GROUP_ROWS,
                store_schema=True,
            )
        files[table] = FileRecord(name=name, rows=rows.num_rows, bytes=sink.written, sha256=sink.digest.hexdigest())
    return files


def read(folder: Path, record: FileRecord) -> pq.ParquetFile:
    """Open a part's file, verified: what is parsed are the very bytes whose checksum was compared.

    Raises:
        CheckpointDamaged: the file is gone or is not what was written.
    """
    data = _whole(folder, record)
    if data is None and (copy := WorkingCopy.of(folder.parent.parent)) is not None:
        copy.fetch(folder, record)
        data = _whole(folder, record)
    path = folder / record.name
    if data is None and not path.exists():
        raise CheckpointDamaged(f"{path} is missing; resume makes the part again from the phase before")
    if data is None:
        raise CheckpointDamaged(f"{path} is damaged: its SHA-256 is not {record.sha256[:12]}...")
    # Defaults (pre_buffer, threads) would decode ahead and grow with the file.
    return pq.ParquetFile(pa.BufferReader(data), pre_buffer=False)


def here(folder: Path, record: FileRecord) -> Path:
    """Where the file of a part is, on this machine; it is got from the store if that is where it is."""
    path = folder / record.name
    if not path.exists() and (copy := WorkingCopy.of(folder.parent.parent)) is not None:
        copy.fetch(folder, record)
    return path


def _whole(folder: Path, record: FileRecord) -> bytes | None:
    """The bytes of a part's file; None if they are not those that were written."""
    try:
        data = (folder / record.name).read_bytes()
    except FileNotFoundError:
        return None
    return data if hashlib.sha256(data).hexdigest() == record.sha256 else None


@dataclass(frozen=True)
class TableHandle:
    """A table of a checkpoint, not loaded: Arrow batches part by part, or a frame for people.

    Attributes:
        name: the table.
        schema: its Arrow schema.
        folder: the phase's folder.
        files: its files, in the order of the parts.
    """

    name: str
    schema: pa.Schema
    folder: Path
    files: tuple[FileRecord, ...]

    @property
    def num_rows(self) -> int:
        """Rows of all parts."""
        return sum(file.rows for file in self.files)

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Record batches in the order of the parts; memory is bounded by one part's file."""
        for file in self.files:
            yield from read(self.folder, file).iter_batches(BATCH_ROWS, columns=columns, use_threads=False)

    def to_table(self, columns: list[str] | None = None) -> pa.Table:
        """The whole table in memory."""
        schema = self.schema if columns is None else pa.schema([self.schema.field(name) for name in columns])
        return pa.Table.from_batches(list(self.batches(columns)), schema)

    def to_pandas(self, columns: list[str] | None = None) -> "pandas.DataFrame":
        """The whole table as a frame, or some of its columns; needs memory for all of it."""
        return self.to_table(columns).to_pandas()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The table for whatever reads Arrow (Polars, DuckDB, ...), batch by batch and verified as it is read."""
        reader = pa.RecordBatchReader.from_batches(self.schema, self.batches())
        return reader.__arrow_c_stream__(requested_schema)


@dataclass(frozen=True)
class PhaseTables:
    """The tables of a complete phase: what an asset hands to the next one.

    Attributes:
        folder: the phase's folder.
        state: its state.
        schemas: Arrow schema of each table.
    """

    folder: Path
    state: PhaseState
    schemas: Mapping[str, pa.Schema]

    def __getitem__(self, table: str) -> TableHandle:
        """The handle of one table; a table without rows has no files."""
        files = tuple(record.files[table] for record in self.state.records if table in record.files)
        return TableHandle(table, self.schemas[table], self.folder, files)

    def __iter__(self) -> Iterator[str]:
        """Names of the tables."""
        return iter(self.schemas)

    def part(self, part: PartRecord, table: str, memory: Memory | None = None) -> pa.Table:
        """One table of one part, in memory or as ``memory`` keeps it; empty if the part has no rows of it."""
        return _load(self.folder, part.files.get(table), self.schemas[table], memory)

    def summary(self, table: str) -> pa.Table:
        """One table of the phase's summary, in memory."""
        assert self.state.summary is not None, "the phase is complete"
        return self.part(self.state.summary, table)

    def rows(self) -> dict[str, int]:
        """Rows of each table."""
        return {table: self[table].num_rows for table in self.schemas}


def _load(folder: Path, record: FileRecord | None, schema: pa.Schema, memory: Memory | None) -> pa.Table:
    if record is None:
        return schema.empty_table()
    file = read(folder, record)
    if memory is None:
        return file.read(use_threads=False)
    return memory.collect(schema, file.iter_batches(BATCH_ROWS, use_threads=False))


class _HashingSink:
    """Hashes what is written through it: the checksum is of the bytes meant, not of those read back."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()
        self.written = 0
        self.closed = False

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self._stream.write(data)
        self.written += len(data)
        return len(data)

    def tell(self) -> int:
        return self.written

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        self.closed = True

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False
