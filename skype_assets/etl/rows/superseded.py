"""Rows of ``superseded_copies`` from rows of ``messages``: copies that are not, or not any more, the message."""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.schema.tables import EDIT, SUPERSEDED_COPIES, WORDING


def superseded(messages: pa.Table, *, is_duplicate: bool = False) -> pa.Table:
    """The same copies, as rows of the other table; duplicates if a better one is in the same export."""
    said = pa.array(np.full(messages.num_rows, is_duplicate))
    columns = [said if name == "is_duplicate" else messages[name] for name in SUPERSEDED_COPIES.schema.names]
    return pa.table(columns, schema=SUPERSEDED_COPIES.schema)


def without_wording(copies: pa.Table) -> pa.Table:
    """The same rows of copies that say exactly what the message says."""
    columns = [
        pa.nulls(copies.num_rows, field.type) if field.name in WORDING else copies[field.name]
        for field in copies.schema
    ]
    return pa.table(columns, schema=copies.schema)


def say_the_same(one: pa.Table, other: pa.Table) -> np.ndarray:
    """Whether the rows of ``messages`` in two tables, pair by pair, say exactly the same."""
    same = np.ones(one.num_rows, np.bool_)
    for name in _SAID:
        equal = pc.fill_null(pc.equal(one[name], other[name]), False)
        both_null = pc.and_(pc.is_null(one[name]), pc.is_null(other[name]))
        same &= pc.or_(equal, both_null).to_numpy()
    return same


_SAID: Final = ("raw_sha256", *EDIT)
