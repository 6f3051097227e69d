"""Rows that were found against rows that must be there: matched by key, compared as columns, exact.

Only where columns differ is a row looked at by itself.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.database import instants
from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.jsonb import normal_texts
from skype_assets.etl.database.session import Session
from skype_assets.etl.schema.tables import JSON, TABLES

NAMED: Final = 20
"""How many of the rows that differ are named; the others are counted."""

ALL: Final = sys.maxsize
"""All of them, for whoever puts them right; this takes memory for each."""

Places = np.ndarray[tuple[int], np.dtype[np.int64]]
Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]

_SHOWN: Final = 3
NOT_EXPORTED: Final = "is not in the export"


@dataclass(frozen=True)
class Difference:
    """A row, or a part of the schema, that is not as it must be; never with a value, which may be message text."""

    table: str
    key: tuple[str, ...]
    what: str

    def __str__(self) -> str:
        key = f"({', '.join(self.key)}) " if self.key else ""
        return f"{SCHEMA}.{self.table} {key}{self.what}"


@dataclass
class Comparison:
    """What came of comparing.

    Attributes:
        rows: that are as they must be.
        messages: that are there in this copy, as it must be or not.
        superseded: copies that are there beside the messages, likewise.
        better_of: messages that are there in a better copy, of another export: how many of which.
        missing: rows that are not there, or only in a lesser copy: to load them again is enough.
        wrong: rows that are otherwise than they must be, or must not be there.
        named: rows that are missing or wrong, some of them.
        most: how many of these are named.
    """

    rows: int = 0
    messages: int = 0
    superseded: int = 0
    better_of: Counter[str] = field(default_factory=Counter[str])
    missing: int = 0
    wrong: int = 0
    named: list[Difference] = field(default_factory=list[Difference])
    most: int = NAMED

    @property
    def is_equal(self) -> bool:
        """Whether everything is there, and nothing else."""
        return not self.missing and not self.wrong

    @property
    def better(self) -> int:
        """Messages that are there in a better copy."""
        return self.better_of.total()

    def __str__(self) -> str:
        counts = ((self.missing, "missing"), (self.wrong, "not as they must be"))
        said = " and ".join(f"{count:,} {'row' if count == 1 else 'rows'} {what}" for count, what in counts if count)
        more = "; ..." if self.missing + self.wrong > _SHOWN else ""
        return f"{said}: {'; '.join(map(str, self.named[:_SHOWN]))}{more}" if said else f"{self.rows:,} rows are there"

    def add(self, other: "Comparison") -> None:
        """Count what came of another comparison as well."""
        self.rows += other.rows
        self.messages += other.messages
        self.superseded += other.superseded
        self.better_of += other.better_of
        self.missing += other.missing
        self.wrong += other.wrong
        self.named = [*self.named, *other.named][: self.most]

    def note_missing(self, table: str, rows: pa.Table, what: str = "is missing") -> None:
        """Rows that are not there, or a lesser copy of them; only their keys are read."""
        self.missing += rows.num_rows
        self._name(table, rows, what)

    def note_wrong(self, table: str, rows: pa.Table, what: str) -> None:
        """Rows that are wrong; only their keys are read."""
        self.wrong += rows.num_rows
        self._name(table, rows, what)

    def note(self, difference: Difference) -> None:
        """Something else that is wrong."""
        self.wrong += 1
        self.named = [*self.named, difference][: self.most]

    def _name(self, table: str, rows: pa.Table, what: str) -> None:
        room = max(0, self.most - len(self.named))
        for key in rows.select(list(TABLES[table].key)).slice(0, room).to_pylist():
            self.named.append(Difference(table, tuple(map(str, key.values())), what))


class Expected:
    """Rows of a table that must be in the database, all of one account or of one export.

    Attributes:
        rows: in any order.
        is_seen: of each, whether it was found.
    """

    def __init__(self, table: str, rows: pa.Table) -> None:
        self.table = table
        self.rows = rows
        self.is_seen: Mask = np.zeros(rows.num_rows, np.bool_)
        self._key = TABLES[table].key[1:] or TABLES[table].key  # the first is the same in all rows

    @cached_property
    def _keys(self) -> pa.Array:
        return joined(self.rows, self._key)

    def places(self, found: pa.Table) -> Places:
        """Where the row of each found one is, by their keys; -1 if it is nowhere."""
        places = pc.index_in(joined(found, self._key), value_set=self._keys)
        return pc.fill_null(places, -1).cast(pa.int64()).to_numpy()

    def meet(self, found: pa.Table, places: Places, comparison: Comparison, apart: Sequence[str] = ()) -> None:
        """Compare found rows with their places, but for columns that are looked at apart; say that they were seen."""
        self.is_seen[places] = True
        wanted = self.rows.take(pa.array(places))
        names = [name for name in self.rows.column_names if name not in apart]
        altered: dict[int, list[str]] = {}
        for name in names:
            for row in _differing(found[name], wanted[name]):
                altered.setdefault(row, []).append(name)
        for row, columns in altered.items():
            what = f"{', '.join(columns)} {'is' if len(columns) == 1 else 'are'} not what the export says"
            comparison.note_wrong(self.table, found.slice(row, 1), what)
        comparison.rows += found.num_rows - len(altered)

    def compare(self, batches: Iterable[pa.Table], comparison: Comparison) -> None:
        """Compare with all rows that there are: none may be missing, and there may be no other."""
        for found in batches:
            self.meet_all(found, comparison)
        self.note_missing(comparison)

    def meet_all(self, found: pa.Table, comparison: Comparison) -> None:
        """Compare found rows: there may be no others."""
        places = self.places(found)
        known = places >= 0
        self.meet(where(found, known), places[known], comparison)
        comparison.note_wrong(self.table, where(found, ~known), NOT_EXPORTED)

    def note_equal(self, comparison: Comparison) -> Mask:
        """Say that all were seen, and are as they must be; a mask of all."""
        self.is_seen[:] = True
        comparison.rows += self.rows.num_rows
        return self.is_seen

    def note_seen(self, places: Places) -> None:
        """Say that rows were seen, whatever they say; -1 is none."""
        self.is_seen[places[places >= 0]] = True

    def note_missing(self, comparison: Comparison) -> None:
        """Say which rows were not seen."""
        comparison.note_missing(self.table, where(self.rows, ~self.is_seen))


def found_rows(session: Session, table: str, condition: str, *parameters: str | list[str]) -> Iterator[pa.Table]:
    """Within a transaction: the rows of a table, which is ``t`` in the condition."""
    columns = ", ".join(f"t.{name}" for name in TABLES[table].schema.names)
    for batch in session.batches(f"SELECT {columns} FROM {SCHEMA}.{table} t {condition}", *parameters):
        yield pa.Table.from_batches([batch])


def joined(rows: pa.Table, columns: Sequence[str]) -> pa.Array:
    """Columns as one text, which names a row; PostgreSQL's texts have no NUL."""
    texts = [_one(rows[name]).cast(pa.string()) for name in columns]
    return texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, "\0")


def where(rows: pa.Table, mask: Mask) -> pa.Table:
    """The rows for which a mask says so; not copied if these are all, or none."""
    if mask.all():
        return rows
    return rows.filter(pa.array(mask)) if mask.any() else rows.slice(0, 0)


def _one(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)


def _differing(found: pa.ChunkedArray, wanted: pa.ChunkedArray) -> list[int]:
    """The rows in which two columns differ."""
    if wanted.type == JSON:
        found, wanted = _texts(found), _texts(wanted)
        if not found.equals(wanted):
            wanted = normal_texts(wanted)
    elif pa.types.is_timestamp(wanted.type):
        found, wanted = instants.numbers(found), instants.numbers(wanted)
    if found.equals(wanted):
        return []
    pairs = zip(found.to_pylist(), wanted.to_pylist(), strict=True)
    return [row for row, (one, other) in enumerate(pairs) if not _is_same(one, other)]


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return one == other


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    storages = [chunk.storage if isinstance(chunk, pa.ExtensionArray) else chunk for chunk in column.chunks]
    return pa.chunked_array(storages, pa.string())
