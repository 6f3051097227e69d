import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest

from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.postgres.account import Account, make_reachable, server_account
from skype_assets.etl.postgres.embedded import DATABASES, SOCKET_NAME, EmbeddedServer

ROOT = Path(__file__).parents[2]

# A process that uses the server in the folder argv[1] until it is killed. It says the server's process number.
USER = """
import sys, time
from pathlib import Path
from skype_assets.etl.postgres.embedded import EmbeddedServer
print(EmbeddedServer(Path(sys.argv[1]), idle_seconds=0.3).start().pid, flush=True)
time.sleep(600)
"""

StartUser = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start_user() -> Iterator[StartUser]:
    users: list[subprocess.Popen[str]] = []

    def start(folder: Path, umask: int = -1) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", USER, str(folder)]
        users.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, umask=umask))
        return users[-1]

    yield start
    for user in users:
        user.kill()
        user.communicate()


def test_a_first_start_creates_both_databases_and_a_second_adopts_the_server(new_server_folder: Path) -> None:
    server = EmbeddedServer(new_server_folder)
    first = server.start()
    assert EmbeddedServer(new_server_folder).start() == first
    for database in DATABASES:
        assert _query(server.url(database), "SELECT current_database()") == [(database,)]
    assert server.stop() is True
    assert server.status() is None
    assert server.stop() is False
    assert server.start().pid != first.pid


def test_the_server_is_durable_has_checksums_and_no_tcp_port(server_folder: Path) -> None:
    server = EmbeddedServer(server_folder)
    server.start()
    names = ["fsync", "synchronous_commit", "full_page_writes", "data_checksums", "listen_addresses", "TimeZone"]
    shown = [_query(server.url(), f"SHOW {name}")[0][0] for name in names]
    assert shown == ["on", "on", "on", "on", "", "UTC"]
    assert _query(server.url(), "SELECT upper('é'), 'z' < 'ä', 'Z' < 'a'") == [("É", True, True)]


def test_the_variables_of_libpq_do_not_mislead_it(server_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGPORT": "6543", "PGDATA": "/nowhere", "PGHOST": "db.example", "PGUSER": "somebody"}.items():
        monkeypatch.setenv(name, value)
    server = EmbeddedServer(server_folder)
    server.start()
    assert _query(server.url(), "SELECT current_user") == [("skype",)]


def test_four_processes_that_start_at_once_share_one_server(new_server_folder: Path, start_user: StartUser) -> None:
    users = [start_user(new_server_folder) for _ in range(4)]
    postmasters = {_said(user) for user in users}
    assert len(postmasters) == 1
    assert len(_processes_of(new_server_folder, "watchdog.py")) == 1


def test_the_server_stops_when_its_last_user_has_been_killed(server_folder: Path, start_user: StartUser) -> None:
    first, second = start_user(server_folder), start_user(server_folder)
    assert _said(first) == _said(second)
    first.kill()
    time.sleep(1)
    server = EmbeddedServer(server_folder)
    assert server.status()
    second.kill()
    _wait_until(lambda: server.status() is None)
    _wait_until(lambda: not _processes_of(server_folder, "watchdog.py"))
    assert "database system is shut down" in server.log.read_text()


def test_the_server_stays_while_a_client_is_connected(server_folder: Path, start_user: StartUser) -> None:
    user = start_user(server_folder)
    _said(user)
    server = EmbeddedServer(server_folder)
    with closing(psycopg2.connect(server.url())) as connection:
        user.send_signal(signal.SIGTERM)
        user.wait()
        time.sleep(1)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    _wait_until(lambda: server.status() is None)


def test_a_server_whose_watchdog_was_killed_gets_another_from_the_next_user(
    server_folder: Path, start_user: StartUser
) -> None:
    first = start_user(server_folder)
    pid = _said(first)
    (watchdog,) = _processes_of(server_folder, "watchdog.py")
    watchdog.kill()
    watchdog.wait()
    first.kill()
    time.sleep(1)
    server = EmbeddedServer(server_folder)
    assert server.status()
    second = start_user(server_folder)
    assert _said(second) == pid
    second.kill()
    _wait_until(lambda: server.status() is None)


def test_a_watchdog_that_can_start_no_process_says_so_and_stops_the_server_later(
    server_folder: Path, start_user: StartUser
) -> None:
    user = start_user(server_folder)
    _said(user)
    (watchdog,) = _processes_of(server_folder, "watchdog.py")
    before = watchdog.rlimit(psutil.RLIMIT_NOFILE)
    watchdog.rlimit(psutil.RLIMIT_NOFILE, (3, before[1]))
    user.kill()
    server = EmbeddedServer(server_folder)
    _wait_until(lambda: "it goes on trying" in server.log.read_text())
    assert server.status()
    watchdog.rlimit(psutil.RLIMIT_NOFILE, before)
    _wait_until(lambda: server.status() is None)


def test_a_killed_server_comes_back_with_every_committed_row(server_folder: Path) -> None:
    server = EmbeddedServer(server_folder)
    server.start()
    with closing(psycopg2.connect(server.url())) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS id")
        _kill_postmaster(server)
        assert server.status() is None
        server.start()
    assert _query(server.url(), "SELECT count(*) FROM kept") == [(1000,)]


def test_a_process_that_bears_the_number_of_a_dead_server_is_neither_adopted_nor_signalled(server_folder: Path) -> None:
    server = EmbeddedServer(server_folder)
    server.start()
    pid_file = server.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    _kill_postmaster(server)
    stranger = subprocess.Popen(["sleep", "600"], cwd="/", **server_account(server_folder).identity)
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        assert server.status() is None
        assert server.stop() is False
        assert server.start().pid != stranger.pid
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("remains", ["", "not a number"])
def test_a_pid_file_that_a_power_cut_has_emptied_is_pruned(server_folder: Path, remains: str) -> None:
    server = EmbeddedServer(server_folder)
    server.start()
    server.stop()
    (server.data / "postmaster.pid").write_text(remains)
    assert server.status() is None
    assert server.start().ready


def test_a_creation_that_is_killed_half_way_leaves_nothing_that_passes_for_a_cluster(
    new_server_folder: Path, start_user: StartUser
) -> None:
    killed = start_user(new_server_folder)
    _wait_until(lambda: list(new_server_folder.glob("data.new-*/PG_VERSION")) != [])
    killed.kill()
    server = EmbeddedServer(new_server_folder)
    assert not server.data.exists()
    server.start()
    assert _query(server.url("dagster"), "SELECT 1") == [(1,)]


def test_a_server_that_cannot_start_says_why_and_where_its_log_is(server_folder: Path) -> None:
    server = EmbeddedServer(server_folder)
    server.start()
    server.stop()
    (server.data / "postgresql.conf").write_text("shared_buffers = 'plenty'\n")
    with pytest.raises(DatabaseError, match=r"shared_buffers.*server\.log"):
        server.start()


@pytest.mark.parametrize("name", ["d" * 120, 'it\'s, "our" $HOME; chats', "überall so"])
def test_any_folder_will_do_however_long_or_odd_its_name_and_it_may_be_moved(server_folder: Path, name: str) -> None:
    server = EmbeddedServer(server_folder.rename(server_folder.with_name(name)))
    socket_dir = server.start().socket_dir
    try:
        assert _query(server.url(), "SELECT 1") == [(1,)]
        assert len(os.fsencode(socket_dir / SOCKET_NAME)) <= 103
        assert socket_dir.stat().st_mode & 0o777 == 0o700
    finally:
        server.stop("immediate")
        if not socket_dir.is_relative_to(server.directory):
            shutil.rmtree(socket_dir)


def test_a_socket_folder_that_somebody_else_has_prepared_is_refused(
    server_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(server_folder.parent))
    server = EmbeddedServer(server_folder.rename(server_folder.with_name("d" * 120)))
    socket_dir = server.start().socket_dir
    assert socket_dir.parent == server_folder.parent
    server.stop()
    shutil.rmtree(socket_dir)
    elsewhere = server_folder.parent / "elsewhere"
    elsewhere.mkdir()
    socket_dir.symlink_to(elsewhere)
    with pytest.raises(DatabaseError, match=str(socket_dir)):
        server.start()
    assert list(elsewhere.iterdir()) == []


def test_nothing_in_the_folder_is_open_to_others_whatever_the_umask(
    new_server_folder: Path, start_user: StartUser
) -> None:
    _said(start_user(new_server_folder, umask=0))
    found = [new_server_folder, *new_server_folder.rglob("*")]
    assert new_server_folder / "run" / SOCKET_NAME in found
    assert [path for path in found if path.lstat().st_mode & 0o077] == []


def test_the_log_has_neither_statements_nor_values(server_folder: Path) -> None:
    server = EmbeddedServer(server_folder)
    server.start()
    with pytest.raises(psycopg2.errors.UniqueViolation, match="dear diary"):
        _query(
            server.url(), "CREATE TABLE t (text text PRIMARY KEY); INSERT INTO t VALUES ('dear diary'), ('dear diary')"
        )
    log = server.log.read_text()
    assert "duplicate key value violates unique constraint" in log
    assert "diary" not in log


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "thesis.txt"
    mine.write_text("mine")
    tmp_path.chmod(0o755)
    before = tmp_path.stat()
    for attempt in (EmbeddedServer(tmp_path).start, EmbeddedServer(tmp_path).stop, EmbeddedServer(mine).start):
        with pytest.raises(DatabaseError):
            attempt()
    assert list(tmp_path.iterdir()) == [mine]
    assert (tmp_path.stat().st_mode, tmp_path.stat().st_uid) == (before.st_mode, before.st_uid)


def test_asking_for_a_server_that_never_was_creates_nothing(new_server_folder: Path) -> None:
    server = EmbeddedServer(new_server_folder)
    assert server.status() is None
    assert server.stop() is False
    with pytest.raises(DatabaseError, match="not running"):
        server.url()
    assert not new_server_folder.exists()


def test_the_account_of_the_server_may_walk_through_closed_parents_but_not_list_them(
    new_server_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    closed = new_server_folder.parents[1]
    new_server_folder.mkdir(parents=True)
    closed.chmod(0o700)
    stranger = Account(uid=54321, gid=54321, switch=True)
    make_reachable(new_server_folder, stranger, "Set SKYPE_POSTGRES_DIR to a folder elsewhere")
    assert closed.stat().st_mode & 0o777 == 0o701
    assert str(closed) in caplog.text
    caplog.clear()
    make_reachable(new_server_folder, stranger, "Set SKYPE_POSTGRES_DIR to a folder elsewhere")
    assert caplog.text == ""


@pytest.mark.parametrize("home", ["", "project"])
def test_the_home_of_root_is_never_opened(new_server_folder: Path, monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    new_server_folder.mkdir(parents=True)
    root_home = new_server_folder.parents[1] / home
    monkeypatch.setenv("HOME", str(root_home))
    root_home.chmod(0o700)
    with pytest.raises(DatabaseError, match="root's home") as caught:
        make_reachable(
            new_server_folder, Account(54321, 54321, switch=True), "Set SKYPE_POSTGRES_DIR to a folder elsewhere"
        )
    assert "Set SKYPE_POSTGRES_DIR to a folder elsewhere" in str(caught.value)
    assert root_home.stat().st_mode & 0o777 == 0o700


def _query(url: str, statement: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def _said(user: subprocess.Popen[str]) -> str:
    assert user.stdout
    line = user.stdout.readline()
    assert line.strip().isdigit()
    return line


def _kill_postmaster(server: EmbeddedServer) -> None:
    postmaster = server.status()
    assert postmaster
    process = psutil.Process(postmaster.pid)
    process.kill()
    _wait_until(lambda: server.status() is None)


def _processes_of(folder: Path, program: str) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if program in command and str(folder) in command:
            found.append(process)
    return found


def _wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.02)
