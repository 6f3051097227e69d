"""Databases for the tests: a fresh, empty one for each test that asks.

`postgres_url` lies in an embedded server, reached through its socket. `tcp_postgres_url` lies in a server of another
version, reached over TCP with a password that needs escaping: `SKYPE_TEST_DATABASE_URL` if that is set (its user must
be allowed to create databases), else a PostgreSQL 16 started for the purpose.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import hypothesis
import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from skype_assets.etl import places
from skype_assets.etl.postgres.account import make_reachable, server_account
from skype_assets.etl.postgres.embedded import EmbeddedServer, binaries
from skype_assets.etl.postgres.url import from_config

NOT_DURABLE = {
    **{"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"},
    **{"shared_buffers": "64MB", "max_wal_size": "128MB"},
}
PASSWORD = "p@ss/w:rd%20?#"

NewDatabase = Callable[..., str]

_numbers = count(1)
_made: list[tuple[str, str]] = []

# Whoever starts the tests in the background of a script, or by nohup, has them ignore these, and with them every
# process that they start; Dagster, which handles SIGTERM as SIGINT, would ignore that, too.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# The same examples every time, on machines of any speed.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def _no_place_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a test forgets to place must not end up in the data folder of whoever runs it, nor be found there."""
    os.environ["XDG_DATA_HOME"] = str(tmp_path_factory.mktemp("data"))
    for name in ("SKYPE_HOME", "SKYPE_OUTPUT_URL", *places.VARIABLES):
        os.environ.pop(name, None)


@pytest.fixture
def postgres_url(_embedded_server_url: str) -> Iterator[str]:
    with _fresh_database(_embedded_server_url) as url:
        yield url


@pytest.fixture
def tcp_postgres_url(_tcp_server_url: str) -> Iterator[str]:
    with _fresh_database(_tcp_server_url) as url:
        yield url


@pytest.fixture(scope="session")
def new_database(_embedded_server_url: str) -> NewDatabase:
    """Makes a database as often as called, empty or like another one.

    What a test makes goes with it, unless it lasts; what a fixture makes goes with the server of the session.
    """

    def create(like: str | None = None, *, lasts: bool = False) -> str:
        name = f"made_{next(_numbers)}"
        template = parse_dsn(like)["dbname"] if like else "template1"
        _execute(_embedded_server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
        if not lasts:
            _made.append((_embedded_server_url, name))
        return from_config({**parse_dsn(_embedded_server_url), "dbname": name})

    return create


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    before = len(_made)
    try:
        return (yield)
    finally:
        while len(_made) > before:
            _drop(*_made.pop())


@pytest.fixture
def new_server_folder() -> Iterator[Path]:
    """The folder, not there yet, of an embedded server of the test's own; the server is stopped afterwards."""
    with _temporary_folder() as folder:
        directory = folder / "project" / ".postgres"
        try:
            yield directory
        finally:
            EmbeddedServer(directory).stop("immediate")


@pytest.fixture
def server_folder(_cluster: Path, new_server_folder: Path) -> Path:
    """The same with a cluster in it, which saves the time to create one; the server does not run."""
    new_server_folder.parent.mkdir()
    subprocess.run(["cp", "-a", _cluster, new_server_folder], check=True)
    return new_server_folder


@pytest.fixture(scope="session")
def _cluster() -> Iterator[Path]:
    with _temporary_folder() as folder:
        server = EmbeddedServer(folder / ".postgres", idle_seconds=0)
        server.start()
        server.stop()
        yield server.directory


@pytest.fixture(scope="session")
def _embedded_server_url() -> Iterator[str]:
    with _temporary_folder() as folder:
        server = EmbeddedServer(folder / ".postgres", idle_seconds=1, settings=NOT_DURABLE)
        server.start()
        try:
            yield server.url("postgres")
        finally:
            server.stop("immediate")


@pytest.fixture(scope="session")
def _tcp_server_url() -> Iterator[str]:
    if given := os.environ.get("SKYPE_TEST_DATABASE_URL"):
        yield given
        return
    with _temporary_folder() as folder, _tcp_server(folder) as url:
        yield url


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """The address of an empty store: a folder; in ``tests/stores``, object storage."""
    return f"file://{tmp_path}/store"


@contextmanager
def _temporary_folder() -> Generator[Path, None, None]:
    """In memory where there is room for a few clusters: they flush a lot, and the disk has other work to do."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2**30
    parent = memory if roomy else Path(tempfile.gettempdir())
    for left in parent.glob("skype-test-*-*"):
        if not Path("/proc", left.name.split("-")[2]).exists():  # tests that were killed leave gigabytes of memory
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"skype-test-{os.getpid()}-", dir=parent) as folder:
        yield Path(folder)


@contextmanager
def _tcp_server(folder: Path) -> Generator[str, None, None]:
    account = server_account(folder)
    programs = binaries().parents[1] / "pginstall" / "bin"
    make_reachable(programs, account, "Install it elsewhere")
    password_file = folder / "password"
    password_file.write_text(PASSWORD)
    for path in (folder, password_file):
        os.chown(path, account.uid, account.gid)
    environment = {"PATH": os.defpath, "LC_ALL": "C"}
    subprocess.run(
        [programs / "initdb", "-D", folder / "data", "--no-sync", "--username=tester", "--encoding=UTF8"]
        + ["--locale=C", "--auth=scram-sha-256", f"--pwfile={password_file}"],
        stdout=subprocess.DEVNULL,
        check=True,
        cwd="/",
        env=environment,
        **account.identity,
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {**NOT_DURABLE, "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": ""}
    # The shell ends the server when its standard input closes: by this fixture, or by the kernel if pytest is killed.
    shell = ["sh", "-c", '"$@" & read -r _; kill -INT $!; wait', "sh"]
    options = [f"--{name}={value}" for name, value in settings.items()]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*shell, programs / "postgres", "-D", folder / "data", *options],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C ends the tests first, then the server
            cwd="/",
            env=environment,
            **account.identity,
        )
    try:
        url = from_config(
            {"host": "127.0.0.1", "port": port, "user": "tester", "password": PASSWORD, "dbname": "postgres"}
        )
        _wait_for(url)
        yield url
    finally:
        assert server.stdin
        server.stdin.close()
        server.wait(timeout=60)


def _wait_for(url: str) -> None:
    for attempt in count():
        try:
            psycopg2.connect(url).close()
            return
        except psycopg2.OperationalError:
            if attempt == 300:
                raise
            time.sleep(0.05)


@contextmanager
def _fresh_database(server_url: str) -> Generator[str, None, None]:
    name = f"test_{os.getpid()}_{next(_numbers)}"
    _execute(server_url, f"CREATE DATABASE {name}")
    try:
        yield from_config({**parse_dsn(server_url), "dbname": name})
    finally:
        _drop(server_url, name)


def _drop(server_url: str, name: str) -> None:
    # Not WITH (FORCE), which may not end an autovacuum worker: a plain DROP sends it away and waits for the others.
    own = f"FROM pg_stat_activity WHERE datname = '{name}' AND usename = current_user"
    _execute(server_url, f"SELECT pg_terminate_backend(pid) {own}")
    _execute(server_url, f"DROP DATABASE {name}")


def _execute(url: str, statement: str) -> None:
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
