"""The benchmarks' own PostgreSQL server: what it uses belongs to the job that runs."""

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import psycopg2

from skype_assets.etl.postgres.embedded import EmbeddedServer


class Server:
    """A server and its CPU seconds, those of ended sessions included.

    Args:
        embedded: the server, started.
    """

    def __init__(self, embedded: EmbeddedServer) -> None:
        self._embedded = embedded
        self._postmaster = psutil.Process(embedded.start().pid)

    def cpu_seconds(self) -> float:
        """Of the server since its start."""
        total = 0.0
        for process in (self._postmaster, *self._postmaster.children(recursive=True)):
            try:
                used = process.cpu_times()
            except psutil.NoSuchProcess:  # it has just ended: the postmaster has its times
                continue
            total += used.user + used.system + used.children_user + used.children_system
        return total

    def url(self, database: str) -> str:
        """The URL of a database."""
        return self._embedded.url(database)

    def fresh_database(self, name: str) -> str:
        """The URL of a new, empty database; nothing of earlier jobs is left for the server to write."""
        self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}", "CHECKPOINT")
        return self.url(name)

    def settle(self) -> None:
        """Write what earlier jobs have left, so that the next one does not pay for it."""
        self._execute("CHECKPOINT")

    def _execute(self, *statements: str) -> None:
        with closing(psycopg2.connect(self.url("postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)


@contextmanager
def server(folder: Path, **settings: str) -> Generator[Server]:
    """A server as ``skype-assets`` starts it, but for autovacuum, which comes when it likes, during any job."""
    embedded = EmbeddedServer(folder / ".postgres", settings={"autovacuum": "off", **settings})
    try:
        yield Server(embedded)
    finally:
        embedded.stop("immediate")
