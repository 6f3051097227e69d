"""Dagster's own storage (runs, events, schedules), as `dagster.yaml` names it.

It lives in PostgreSQL: at ``DAGSTER_POSTGRES_URL`` if that is set, else in the embedded server's database ``dagster``,
started on demand, so that ``dagster dev`` and ``dagster asset materialize`` work with nothing else running and a
dynamic partition registered by one command is there for the next, even without DAGSTER_HOME.

An instance travels to code servers, run workers and steps as its configuration (`InstanceRef`), and each of them builds
this class anew. They inherit the environment, so that is where the server's folder, absolute by then, is left for them.
"""

import os
from typing import Any, Self

from dagster import Field, StringSource
from dagster._config.config_schema import UserConfigSchema
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from skype_assets.etl.database.embedded import EmbeddedServer
from skype_assets.etl.database.url import sqlalchemy_url


class PostgresStorage(DagsterPostgresStorage):
    """Dagster's PostgreSQL storage at the configured URL, or in the embedded server.

    Example, in ``dagster.yaml``::

        storage:
          custom:
            module: skype_assets.storage
            class: PostgresStorage
            config: {}            # or postgres_url: {env: ANOTHER_VARIABLE}
    """

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """`postgres_url`, of any scheme that libpq or SQLAlchemy knows; the environment fills in when it is absent."""
        return {
            "postgres_url": Field(StringSource, is_required=False),
            "should_autocreate_tables": Field(bool, is_required=False, default_value=True),
        }

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Build it, starting the embedded server if nothing else is configured."""
        url = config_value.get("postgres_url") or os.environ.get("DAGSTER_POSTGRES_URL") or _embedded_url()
        return cls(
            postgres_url=sqlalchemy_url(url),
            should_autocreate_tables=config_value["should_autocreate_tables"],
            inst_data=inst_data,
        )


def _embedded_url() -> str:
    server = EmbeddedServer()
    server.start()
    os.environ["SKYPE_POSTGRES_DIR"] = str(server.directory)
    return server.url("dagster")
