"""What the database says of an export that was loaded: questions only."""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.merging import rank
from skype_assets.etl.database.session import Session

COPY_COLUMNS: Final = ["conversation_id", "message_id", "version", "raw_sha256"]
"""The columns of messages that ``copies`` compares."""


@dataclass(frozen=True)
class LoadedExport:
    """The database's own record of an export.

    ``task_id`` is the task that loaded it last. ``since`` counts the exports of the same account that were loaded, or
    begun, or unloaded after it; ``since_elsewhere`` those of other accounts, whose archives may hold objects for its
    attachments; ``unloaded_since`` are how many of all these are not loaded any more.
    """

    export_id: str
    owner_id: str
    task_id: str
    status: str
    since: int
    since_elsewhere: int
    unloaded_since: int


@dataclass(frozen=True)
class Copies:
    """Of some messages, how many are in the database in this copy, in a better one, in a lesser one, or not at all.

    Copies are the same if their bytes are, whichever export they came from.
    """

    this: int = 0
    better: int = 0
    lesser: int = 0
    missing: int = 0

    def __add__(self, other: "Copies") -> "Copies":
        return Copies(
            self.this + other.this,
            self.better + other.better,
            self.lesser + other.lesser,
            self.missing + other.missing,
        )


def server_version(session: Session) -> str:
    """Version of PostgreSQL."""
    with session.transaction():
        return session.rows("SELECT current_setting('server_version')")[0][0]


def loaded_export(session: Session, export_id: str) -> LoadedExport | None:
    """The database's record of an export; None if it has none."""
    with session.transaction():
        if not session.rows("SELECT to_regclass($1) IS NOT NULL", f"{SCHEMA}.exports")[0][0]:
            return None
        # A database that was made before anything could be unloaded does not have that table.
        unloads = session.rows("SELECT to_regclass($1) IS NOT NULL", f"{SCHEMA}.unloads")[0][0]
        found = session.rows(_LOADED_EXPORT.format(_UNLOADED_SINCE if unloads else ""), export_id)
    return LoadedExport(*found[0]) if found else None


def copies(session: Session, export_id: str, owner_id: str, messages: pa.Table) -> Copies:
    """Compare an export's messages (columns ``COPY_COLUMNS``) with what the database has under their keys."""
    versions = pc.fill_null(messages["version"], -1)
    columns = [messages["conversation_id"], messages["message_id"], versions, messages["raw_sha256"]]
    if not messages.num_rows:
        return Copies()
    with session.transaction():
        return Copies(*session.rows(_COPIES, export_id, owner_id, *(column.to_pylist() for column in columns))[0])


_LOADED_EXPORT: Final = f"""
WITH ours AS (SELECT * FROM {SCHEMA}.exports WHERE export_id = $1), since AS (
    SELECT e.owner_id = ours.owner_id AS same_owner, false AS is_unloaded FROM {SCHEMA}.exports e, ours
    WHERE e.export_id <> ours.export_id
      AND (e.loaded_at IS NULL OR e.loaded_at > ours.loaded_at OR e.status <> 'complete'
           OR EXISTS (SELECT FROM {SCHEMA}.load_parts p
                      WHERE p.export_id = e.export_id AND p.committed_at > ours.loaded_at)){{}}
)
SELECT export_id, owner_id, task_id, status, (SELECT count(*) FROM since WHERE same_owner),
       (SELECT count(*) FROM since WHERE NOT same_owner), (SELECT count(*) FROM since WHERE is_unloaded) FROM ours"""

_UNLOADED_SINCE: Final = f"""
    UNION ALL SELECT DISTINCT ON (u.export_id) u.owner_id = ours.owner_id, true FROM {SCHEMA}.unloads u, ours
    WHERE u.unloaded_at > ours.loaded_at AND NOT EXISTS (SELECT FROM {SCHEMA}.exports e WHERE e.export_id = u.export_id)
"""

# Null, and so in no count, where the message is missing.
_SAME_COPY: Final = "(m.raw_sha256 = o.raw_sha256 AND coalesce(m.version, -1) = o.version)"

_COPIES: Final = f"""
SELECT count(*) FILTER (WHERE {_SAME_COPY}),
       count(*) FILTER (WHERE NOT {_SAME_COPY} AND {rank("m", "theirs")} > {rank("o", "ours")}),
       count(*) FILTER (WHERE NOT {_SAME_COPY} AND {rank("m", "theirs")} <= {rank("o", "ours")}),
       count(*) FILTER (WHERE m.message_id IS NULL)
FROM (SELECT *, $1 AS export_id FROM unnest($3, $4, $5, $6)
      AS given (conversation_id, message_id, version, raw_sha256)) o
JOIN {SCHEMA}.exports ours ON ours.export_id = o.export_id
LEFT JOIN {SCHEMA}.messages m
  ON m.owner_id = $2 AND m.conversation_id = o.conversation_id AND m.message_id = o.message_id
LEFT JOIN {SCHEMA}.exports theirs ON theirs.export_id = m.export_id"""
