"""A pooler between client and server that hands a server process from one transaction to the next.

It is PgBouncer where that is installed (``apt-get install pgbouncer``, as CI does), and one of the tests' own, which
does the same in Python (``tests/transaction_pooler.py``): on a machine with nothing but Python no test is left out.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from psycopg2.extensions import parse_dsn

from skype_assets.etl.postgres.account import Identity, server_account

PORT: Final = "6432"
_CONFIGURATION: Final = """
[databases]
* = host={host} port={port}
[pgbouncer]
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 100
listen_addr =
listen_port = {listen}
unix_socket_dir = {folder}
auth_type = trust
auth_file = {folder}/users
query_wait_timeout = 30
logfile = {folder}/log
"""


PGBOUNCER: Final = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
POOLERS: Final = (*([PGBOUNCER] if PGBOUNCER else []), str(Path(__file__).with_name("transaction_pooler.py")))
"""What can be put between, the best first."""


@contextmanager
def pooled(url: str, size: int, pooler: str = POOLERS[0]) -> Generator[str]:
    """The same database, reached through a pooler that has so many connections with its server."""
    server = parse_dsn(url)
    with tempfile.TemporaryDirectory(prefix="pool", dir="/tmp") as name:
        folder = Path(name)
        account = server_account(folder)  # PgBouncer does not run as root either
        (folder / "users").write_text(f'"{server["user"]}" ""\n')
        settings = {"host": server["host"], "port": server["port"], "size": size, "listen": PORT, "folder": folder}
        (folder / "ini").write_text(_CONFIGURATION.format(**settings))
        os.chown(folder, account.uid, account.gid)
        program, identity = [pooler, "--quiet", str(folder / "ini")], account.identity
        if pooler != PGBOUNCER:
            program, identity = [sys.executable, pooler, server["host"], str(size)], Identity()
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LD_"))}
        process = subprocess.Popen(program, cwd=folder, env=environment, stderr=subprocess.DEVNULL, **identity)
        try:
            _wait_for(folder / f".s.PGSQL.{PORT}")
            yield f"postgresql://{server['user']}@/{server['dbname']}?host={quote(name)}&port={PORT}"
        finally:
            process.kill()
            process.wait()


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        with socket.socket(socket.AF_UNIX) as client:
            if client.connect_ex(str(path)) == 0:
                return
        assert time.monotonic() < deadline, f"{path}: nobody listens"
        time.sleep(0.01)
