"""What the database itself knows of the exports in it: the rows of ``exports``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.loading import LOADED
from skype_assets.etl.database.session import Session

_REGISTERED: Final = f"SELECT e.export_id, e.owner_id, e.task_id, e.source_name, e.status FROM {SCHEMA}.exports e"


@dataclass(frozen=True)
class Registered:
    """The database's own record of an export. ``task_id`` is the task that loaded it last."""

    export_id: str
    owner_id: str
    task_id: str
    source_name: str
    status: str

    @property
    def is_loaded(self) -> bool:
        """Whether all of it is there, or all that could be read of it."""
        return self.status in LOADED

    def fits(self, checksums: Mapping[int, str], entries: Mapping[int, str]) -> bool:
        """Whether a checkpoint with such checksums is what was loaded: ``entries`` is the ledger of the export.

        A load that was interrupted has put some parts in; what is not in the ledger is not in the tables.
        """
        loaded = checksums if self.is_loaded else checksums.keys() & entries.keys()
        return all(entries.get(part) == checksums[part] for part in loaded)


def registered(session: Session, condition: str, *parameters: str) -> list[Registered]:
    """The exports ``e`` for which a condition in SQL holds, by id."""
    return [
        Registered(*row) for row in session.rows(f"{_REGISTERED} WHERE {condition} ORDER BY e.export_id", *parameters)
    ]


def registered_as(session: Session, column: Literal["export_id", "task_id"], value: str) -> list[Registered]:
    """The exports that the database has under an export id or a task id; none if it has no tables."""
    if not session.rows("SELECT to_regclass($1) IS NOT NULL", f"{SCHEMA}.exports")[0][0]:
        return []
    return registered(session, f"e.{column} = $1", value)


def all_registered(session: Session) -> list[Registered]:
    """The exports that the database has, account by account."""
    order = "ORDER BY e.owner_id, e.exported_at NULLS FIRST, e.export_id"
    return [Registered(*row) for row in session.rows(f"{_REGISTERED} {order}")]


def export_hashes(session: Session) -> dict[str, str]:
    """SHA-256 (hex) of every export, by id."""
    return dict(session.rows(f"SELECT export_id, encode(source_sha256, 'hex') FROM {SCHEMA}.exports"))


def loads(session: Session) -> list[tuple[str, ...]]:
    """What tells, if it is asked twice, whether an export was loaded or taken out meanwhile."""
    return session.rows(f"SELECT export_id, status, started_at::text, loaded_at::text FROM {SCHEMA}.exports ORDER BY 1")
