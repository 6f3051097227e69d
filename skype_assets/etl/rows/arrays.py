"""Arrow arrays and tables from Python values, or from arrays that are not quite of the type."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from skype_assets.etl.schema.tables import TABLES


def table_from_rows(schema: pa.Schema, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    """An Arrow table from tuples in the order of the schema; instants as microseconds or datetimes."""
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.table([array(list(c), f.type, len(rows)) for c, f in zip(columns, schema, strict=True)], schema=schema)


def table_from_columns(schema: pa.Schema, columns: Mapping[str, Any], count: int) -> pa.Table:
    """A table of so many rows from ``array`` of its columns by name, and perhaps of others, which it does not take.

    Raises:
        KeyError: a column is missing: only one that is given as None is null. It names the table and the column.
    """
    if missing := [name for name in schema.names if name not in columns]:
        table = next((table.name for table in TABLES.values() if table.schema == schema), "a table")
        raise KeyError(f"{table}: nothing was made for its column {', '.join(missing)}")
    return pa.table([array(columns[field.name], field.type, count) for field in schema], schema=schema)


def array(values: Any, type_: pa.DataType, count: int) -> pa.Array:
    """A column from values or an array; None is a column of nulls; instants may come as microseconds."""
    if values is None:
        return pa.nulls(count, type_)
    storage = type_.storage_type if isinstance(type_, pa.JsonType) else type_
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.cast(storage) if values.type != storage else values
    array = pa.array(values, storage)
    return pa.ExtensionArray.from_storage(type_, array) if storage is not type_ else array


def each(function: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
    """The function of each value, computed once per distinct value: senders, names and types repeat."""
    known = {value: function(value) for value in set(values)}
    return [known[value] for value in values]


def mapped(function: Callable[[Any], Any], values: pa.Array) -> pa.Array:
    """The text that a function makes of each value, computed once per distinct value."""
    encoded = values.dictionary_encode("encode")
    made = pa.array([function(value) for value in encoded.dictionary.to_pylist()], pa.string())
    return made.take(encoded.indices)
