"""The process that stops the embedded server when nobody uses it any more.

Every process that uses the server holds a shared ``flock`` on ``users.lock`` for its lifetime; the kernel lets go of
it however the process ends, ``kill -9`` included. This process sleeps in the request for the exclusive lock, so it
wakes when the last user has gone. If then nobody came back within the grace period and no client is connected (psql,
a database browser), it shuts the server down. It keeps the exclusive lock meanwhile: a new user waits for the
shutdown to end, and starts the server anew.

Run as a script, by path and isolated (``python -IS watchdog.py JSON``), with the standard library alone: it stays for
as long as the server does, and should cost little.
"""

import fcntl
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

SESSIONS = (
    "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity "
    "WHERE backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid()"
)
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}


@dataclass(frozen=True)
class Watch:
    """What to watch: the locks, the server, its programs and role, the account that runs it (None: this one)."""

    users_lock: str
    watchdog_lock: str
    data: str
    socket_dir: str
    binaries: str
    role: str
    uid: int | None
    gid: int | None
    idle_seconds: float


def spawn(watch: Watch, log: int) -> None:
    """Start a watchdog in the background, unless one is on duty; `log` receives what it has to say."""
    subprocess.run(
        [sys.executable, "-IS", __file__, json.dumps(asdict(watch))],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",
        env=ENVIRONMENT,
        start_new_session=True,  # Ctrl-C in the terminal is not meant for it
        check=True,
    )


def on_duty(lock: Path) -> bool:
    """Whether a watchdog holds its lock."""
    with lock.open("rb") as file:
        return not _try_lock(file.fileno())


def main(watch: Watch) -> None:
    """Take the post, go to the background, wait, stop the server."""
    with Path(watch.watchdog_lock).open("rb") as post, Path(watch.users_lock).open("rb") as users:
        if not _try_lock(post.fileno()):
            return
        if os.fork() != 0:
            return  # whoever waits for this process goes on; the child has inherited the lock
        _wait_until_unused(watch, users.fileno())
        # The post first: whoever gets the users' lock next must find it vacant and fill it.
        fcntl.flock(post, fcntl.LOCK_UN)


def _wait_until_unused(watch: Watch, users: int) -> None:
    """Return, with the users' lock held exclusively, when the server is down."""
    said = ""
    while True:
        fcntl.flock(users, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_UN)
        time.sleep(watch.idle_seconds)
        if not _try_lock(users):
            continue
        try:
            if _is_down(watch):
                return
        except OSError as error:  # no process or no memory to be had: that passes, and nobody else stops the server
            if str(error) != said:
                said = str(error)
                print(f"watchdog: cannot stop the server that nobody uses: {error}; it goes on trying", flush=True)


def _is_down(watch: Watch) -> bool:
    """Whether the server is down, after it was stopped if it has no clients."""
    if not Path(watch.data).exists():
        return True
    sessions = _run(watch, "psql", "-XAtqw", "-h", watch.socket_dir, "-U", watch.role, "-c", SESSIONS, "postgres")
    if sessions.stdout.strip() == "0":
        _run(watch, "pg_ctl", "stop", "--silent", "--mode=fast", "--timeout=600", "-D", watch.data)
    return _run(watch, "pg_ctl", "status", "-D", watch.data).returncode != 0


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _run(watch: Watch, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [f"{watch.binaries}/{program}", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env=ENVIRONMENT | {"PGPORT": "5432"},
        user=watch.uid,
        group=watch.gid,
        extra_groups=None if watch.uid is None else [],
        check=False,
    )


if __name__ == "__main__":
    main(Watch(**json.loads(sys.argv[1])))
