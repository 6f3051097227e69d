"""Dagster's own storage (runs, events, schedules), as `dagster.yaml` names it.

It lives in PostgreSQL: at ``DAGSTER_POSTGRES_URL`` if that is set, else in the embedded server's database ``dagster``,
started on demand, so that ``dagster dev`` and ``dagster asset materialize`` work with nothing else running and a
dynamic partition registered by one command is there for the next, even without DAGSTER_HOME.

An instance travels to code servers, run workers and steps as its configuration (`InstanceRef`), and each of them builds
this class anew. They inherit the environment, so that is where the server's folder, absolute by then, is left for them.
"""

import math
import os
import time
from contextlib import closing
from typing import Any, Final, Self

import psycopg2
from dagster import Field, StringSource

# What a class that dagster.yaml names is built from: Dagster's guide to such classes has no other place for it either.
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from skype_assets.etl.postgres.embedded import EmbeddedServer
from skype_assets.etl.postgres.url import sqlalchemy_url
from skype_assets.instance.storage_tables import make_whole

IDLE_SECONDS: Final = 5.0
"""After so long, a connection is asked whether it still is one before it is used."""


class PostgresStorage(DagsterPostgresStorage):
    """Dagster's PostgreSQL storage at the configured URL, or in the embedded server.

    Example, in ``dagster.yaml``::

        storage:
          custom:
            module: skype_assets.instance.storage
            class: PostgresStorage
            config: {}            # or postgres_url: {env: ANOTHER_VARIABLE}
    """

    @classmethod
    def config_type(cls) -> dict[str, Field]:
        """`postgres_url`, of any scheme that libpq or SQLAlchemy knows; the environment fills in when it is absent."""
        return {
            "postgres_url": Field(StringSource, is_required=False),
            "should_autocreate_tables": Field(bool, is_required=False, default_value=True),
        }

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Build it, starting the embedded server if nothing else is configured."""
        url = config_value.get("postgres_url") or os.environ.get("DAGSTER_POSTGRES_URL") or _embedded_url()
        storage = cls(
            postgres_url=sqlalchemy_url(url),
            should_autocreate_tables=config_value["should_autocreate_tables"],
            inst_data=inst_data,
        )
        storage._keep_connections()
        if storage.should_autocreate_tables:
            make_whole(storage)
        return storage

    def _keep_connections(self) -> None:
        # Public is `optimize_for_webserver`: a pool for each part of each instance, which add up, and which nobody can
        # give up after a fork. A `connect` of our own in subclasses is not enough: the parts go past it in places.
        for part in (self.run_storage, self.event_log_storage, self.schedule_storage):
            part._engine = _engine(self.postgres_url)  # pyright: ignore[reportAttributeAccessIssue] - of the PostgreSQL classes


_engines: dict[str, Engine] = {}


def _engine(url: str) -> Engine:
    """The connections of this process to a database.

    Dagster opens one for every statement outside of its web server: 125 for one small run, which was a third of its
    time. Kept by an instance they would add up, for a code server makes one for every tick of a sensor.
    """
    if url not in _engines:
        engine = create_engine(url, isolation_level="AUTOCOMMIT", pool_size=3, max_overflow=20, client_encoding="utf8")
        event.listen(engine, "checkin", _note_time)
        event.listen(engine, "checkout", _replace_if_dead)
        _engines[url] = engine
    return _engines[url]


def _leave_connections_to_the_parent() -> None:
    for engine in _engines.values():
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_leave_connections_to_the_parent)


def _note_time(_connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    record.info["idle_since"] = time.monotonic()


def _replace_if_dead(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: Any) -> None:
    """Ask a connection that nobody has used for a while whether its server is still there."""
    # Not before every statement (`pool_pre_ping`), which would double them.
    if time.monotonic() - record.info.get("idle_since", math.inf) < IDLE_SECONDS:
        return
    try:
        with closing(connection.cursor()) as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error as error:
        raise DisconnectionError from error  # the pool opens another one


def _embedded_url() -> str:
    server = EmbeddedServer()
    server.start()
    os.environ["SKYPE_POSTGRES_DIR"] = str(server.directory)
    return server.url("dagster")
