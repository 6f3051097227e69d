"""Names that are names: Skype's clients put a person's id where they know no name (format reference, 10).

Such a text says nothing that the id does not say, and would hide what another source knows.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.content.names import bare
from skype_assets.etl.rows.arrays import mapped

_NAMES: Final = (
    ("messages", "sender_id", "sender_name"),
    ("call_participants", "user_id", "display_name"),
    ("quotes", "author_id", "author_name"),
    ("thread_events", "initiator_id", "initiator_name"),
    ("thread_events", "target_id", "target_name"),
)


def with_proper_names(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """The same tables, but without names that only repeat the id of whom they name."""
    named = dict(tables)
    for table, id_column, name_column in _NAMES:
        rows = named[table]
        names = rows[name_column]
        if names.null_count < len(names):
            place = rows.schema.get_field_index(name_column)
            proper = proper_names(names, rows[id_column])
            named[table] = rows.set_column(place, rows.schema.field(place), proper)
    return named


def proper_names(names: pa.ChunkedArray, ids: pa.ChunkedArray) -> pa.Array:
    """Names, but null where one only repeats the id beside it, or is empty."""
    names, ids = names.combine_chunks(), ids.combine_chunks()
    if not _may_repeat(names, ids):
        return names
    repeats = pc.equal(mapped(bare, names), mapped(bare, ids))
    return pc.if_else(pc.or_(pc.fill_null(repeats, False), pc.equal(names, "")), pa.scalar(None, pa.string()), names)


def _may_repeat(names: pa.Array, ids: pa.Array) -> bool:
    """Whether any of the names is one of the ids, or empty: rare, and told by the few that differ."""
    bare_names, bare_ids = ({bare(text) for text in pc.unique(some).drop_null().to_pylist()} for some in (names, ids))
    return not {"", *bare_ids}.isdisjoint(bare_names)
