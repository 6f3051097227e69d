"""Which database the tables are loaded into."""

import dagster as dg

from skype_assets.etl.postgres.url import reachable_url


class Database(dg.ConfigurableResource["Database"]):
    """The PostgreSQL database of the tables.

    It has no fields: the connection comes from the environment of the process that runs the step
    (``SKYPE_DATABASE_URL``, libpq's variables, else the embedded server). Whoever can start a run in the web UI can
    edit its configuration, and must not be able to point it to a database of their own.

    Example::

        @dg.asset
        def loaded_database(database: Database) -> None:
            load(..., url=database.url())
    """

    def url(self) -> str:
        """The connection URL; starts the embedded server if that is the database and it does not run."""
        return reachable_url()
