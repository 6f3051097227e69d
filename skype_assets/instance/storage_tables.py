"""Dagster's tables, all of them.

Dagster creates its tables one by one, each statement a transaction of its own, and takes them for created once the
first of each kind is there. What was interrupted meanwhile it never goes on with: every later command that needs one of
the others fails. So they are looked at once more, until somebody has noted that all are there.
"""

from typing import Final

# Public is `DagsterInstance.upgrade`, which does nothing: the revision is noted with the first tables.
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
from dagster._core.storage.runs.schema import RunStorageSqlMetadata
from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata
from dagster._core.storage.sql import stamp_alembic_rev
from dagster_postgres import DagsterPostgresStorage, run_storage
from dagster_postgres.utils import pg_alembic_config
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import ProgrammingError

_NOTE: Final = "skype-assets/tables"
_WHOLE: Final = "all there"
_LOCK: Final = 0x536B7970_44616773  # "SkypDags"


def make_whole(storage: DagsterPostgresStorage) -> None:
    """Create the tables and indexes that an interrupted creation has left out, and note that all are there.

    Tables of another revision than this Dagster's are left as they are: `dagster instance migrate` is for them.
    """
    if _is_noted(storage):
        return
    revision, newest = storage.run_storage.alembic_version() or (None, None)
    if revision not in (None, newest):
        return
    with create_engine(storage.postgres_url, poolclass=NullPool).connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        connection.commit()
        with connection.begin():
            _create(connection)
        _note_what_new_tables_need(storage)
        storage.run_storage.set_cursor_values({_NOTE: _WHOLE})


def _is_noted(storage: DagsterPostgresStorage) -> bool:
    try:
        return storage.run_storage.get_cursor_values({_NOTE}).get(_NOTE) == _WHOLE
    except ProgrammingError:  # where notes are kept is one of the tables
        return False


def _create(connection: Connection) -> None:
    for metadata in (RunStorageSqlMetadata, SqlEventLogStorageMetadata, ScheduleStorageSqlMetadata):
        metadata.create_all(connection)
        for table in metadata.sorted_tables:
            for index in table.indexes:
                index.create(connection, checkfirst=True)
    stamp_alembic_rev(pg_alembic_config(run_storage.__file__), connection)


def _note_what_new_tables_need(storage: DagsterPostgresStorage) -> None:
    """Have Dagster fill the columns that it came to need later, and note that they are; what is noted it leaves."""
    storage.run_storage.migrate()
    storage.run_storage.optimize()
    storage.event_log_storage.reindex_events()
    storage.event_log_storage.reindex_assets()
    storage.schedule_storage.migrate()
    storage.schedule_storage.optimize()
