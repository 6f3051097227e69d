"""Tables that would be too much for memory, in files without names.

A part is cut by the bytes of its source. What is made of these is a little more, unless somebody wanted otherwise. A
table in a mapped file is read as any other; its pages are the system's, which takes them back when it needs them.
"""

import mmap
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa

ROWS_AT_A_TIME: Final = 8_192
"""Rows of a table that are written at a time."""


class Memory:
    """Keeps tables, in memory as long as these are not more than ``most`` bytes together, then in files in a folder."""

    def __init__(self, most: int, folder: Path) -> None:
        self._left = most
        self._folder = folder

    def keep(self, table: pa.Table) -> pa.Table:
        """The table, or the same one in a file."""
        self._left -= table.nbytes
        return table if self._left >= 0 or not table.num_rows else self._in_file(table.schema, iter([table]))

    def collect(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> pa.Table:
        """One table of batches."""
        held: list[pa.RecordBatch] = []
        for batch in batches:
            self._left -= batch.nbytes
            held.append(batch)
            if self._left < 0:
                every = _after(held, batches)
                return self._in_file(schema, (pa.Table.from_batches([one], schema) for one in every))
        return pa.Table.from_batches(held, schema)

    def _in_file(self, schema: pa.Schema, tables: Iterator[pa.Table]) -> pa.Table:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._folder) as file:
            with pa.ipc.new_stream(pa.PythonFile(file, "w"), schema) as writer:
                for table in tables:
                    writer.write_table(table, max_chunksize=ROWS_AT_A_TIME)
            file.flush()
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return pa.ipc.open_stream(pa.py_buffer(mapping)).read_all()


def _after(held: list[pa.RecordBatch], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """First what is held, letting go of it, then the others."""
    held.reverse()
    while held:
        yield held.pop()
    yield from batches
