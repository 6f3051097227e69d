"""Rows sought, byte by byte, among the records that PostgreSQL sends of what it has (``record_send``)."""

from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa

from skype_assets.etl import compiled

_TYPES: Final[Mapping[pa.DataType, int]] = {
    pa.bool_(): 16,
    pa.binary(): 17,
    pa.int64(): 20,
    pa.int32(): 23,
    pa.string(): 25,
    pa.float64(): 701,
    pa.timestamp("us", tz="UTC"): 1184,
    pa.json_(): 3802,
}
"""Which number each type has in the server's catalogue."""
_TEXTS: Final = 1009


class Sought:
    """Rows of which each is to be found once.

    Attributes:
        left: how many were not found yet.

    Args:
        rows: the rows; JSON as the server spells it.
        key: how many columns are their key, the first ones.
    """

    def __init__(self, rows: pa.Table, key: int) -> None:
        assert compiled.reader is not None, "whoever calls this has looked"
        self._reader = compiled.reader
        self.left = rows.num_rows
        batches = tuple((tuple(map(_described, batch.columns)), batch.num_rows) for batch in rows.to_batches())
        self._rows = self._reader.sought(batches, key)

    def find(self, records: pa.BinaryArray) -> bool:
        """Whether these records are rows that were not found before."""
        _, borders, data = records.buffers()
        if not len(records):
            return True
        width = 4
        ends = borders.slice(records.offset * width, (len(records) + 1) * width)
        found = self._reader.find(self._rows, ends, data or b"")
        self.left -= found
        return found == len(records)


def _described(column: pa.Array) -> tuple[Any, ...]:
    """What ``sought`` takes of a column."""
    if isinstance(column, pa.ListArray):
        assert column.type.value_type == pa.string(), "there are no other lists"
        validity, borders, *_ = column.buffers()
        return _TEXTS, column.offset, len(column), validity, borders, None, _described(column.values)
    type_ = _TYPES[column.type]
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    validity, *borders, values = column.buffers()
    return type_, column.offset, len(column), validity, borders[0] if borders else None, values, None
