"""T6: the server is stopped, ends sessions, refuses them, has no room; the connection breaks around a COMMIT."""

import os
import random
import selectors
import signal
import socket
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from urllib.parse import quote

from tests.engine.database_content import query
from tests.faults.cases import Case, Report, Size, Test
from tests.faults.checks import after_a_fault, after_success, resumed
from tests.faults.children import Armed, Child, Outcome, run
from tests.faults.world import Place, World

_SOCKET = ".s.PGSQL.5432"
_COMMIT = b"COMMIT\0"  # the statement, not the isolation level of that name
_NO_ROOM = """
CREATE FUNCTION skype.no_room() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER no_room BEFORE INSERT ON skype.messages FOR EACH ROW EXECUTE FUNCTION skype.no_room()"""
_ROOM = "DROP FUNCTION skype.no_room CASCADE"


def _cases(world: World, size: Size, seed: int) -> Sequence[Case]:
    rng = random.Random(seed)
    stops = [("stopped", rng.randrange(2**32)) for _ in range(size.stops)]
    ended = [("ended", rng.randrange(2**32)) for _ in range(size.stops)]
    cuts = [("cut", when, number) for when in ("before", "after") for number in range(1, 40 if size.every else 3)]
    if not size.every:
        cuts = [("cut", "before", rng.randint(6, 12)), ("cut", "after", rng.randint(6, 12))]
    return [*stops, *ended, *cuts, ("full",), ("refused",)]


def _disturb(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    kind, *details = case
    place.begin("load")
    return {"stopped": _stopped, "ended": _ended, "cut": _cut, "full": _full, "refused": _refused}[kind](
        place, bugs, *details
    )


def _stopped(place: Place, bugs: tuple[str, ...], seed: int) -> Report:
    """`pg_ctl stop -m immediate` at a random instant; the server comes back when the run has failed, or a bit later."""
    rng = random.Random(seed)
    child = Child(place.task(), ("load",), Armed(bugs=(*bugs, "short pauses") if rng.random() < 0.5 else bugs))
    time.sleep(rng.uniform(0.05, 0.8))
    place.world.server.stop("immediate")
    if rng.random() < 0.5:
        time.sleep(rng.uniform(0, 1.0))
        place.world.server.start()
        outcome = child.outcome()
    else:
        outcome = child.outcome()
        place.world.server.start()
    return _report(place, bugs, outcome, f"stopped {seed}")


def _ended(place: Place, bugs: tuple[str, ...], seed: int) -> Report:
    """The administrator ends all sessions, several times."""
    rng = random.Random(seed)
    child = Child(place.task(), ("load",), Armed(bugs=bugs))
    for _ in range(rng.randint(1, 4)):
        time.sleep(rng.uniform(0.05, 0.4))
        query(
            place.url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
    return _report(place, bugs, child.outcome(), f"ended {seed}")


def _cut(place: Place, bugs: tuple[str, ...], when: str, number: int) -> Report:
    """The connection breaks before the number-th COMMIT arrives, or after it was done and before its answer."""
    with _proxy(place, when, number) as url:
        outcome = run(replace(place.task(), database=url), ("load",), Armed(bugs=bugs))
    report = _report(place, bugs, outcome, f"cut {when} COMMIT {number}")
    if outcome.how != "done" and not bugs and number > 2:  # the first session is not repeated: see `confirmed`
        report.wrong.append(f"one broken connection ended the run: {outcome.message}")
    return report


def _full(place: Place, bugs: tuple[str, ...]) -> Report:
    """The server has no room for rows; then it has."""
    run(place.task(), ("load",), Armed(("phase claimed", "exception", 1)))
    query(place.url, _NO_ROOM)
    outcome = run(place.task(), ("load",), Armed(bugs=bugs))
    wrong = [] if outcome.how == "Rejected" else [f"no room, and the run ended with {outcome.how}"]
    query(place.url, _ROOM)
    report = _report(place, bugs, outcome, "no room")
    report.wrong += wrong
    return report


def _refused(place: Place, bugs: tuple[str, ...]) -> Report:
    """The server takes no more connections; then it does."""
    name = place.folder.name
    query(place.world.url("postgres"), f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    outcome = run(place.task(), ("load",), Armed(bugs=bugs))
    query(place.world.url("postgres"), f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    report = _report(place, bugs, outcome, "connections refused")
    report.wrong += [] if outcome.how == "Rejected" else [f"no connections, and the run ended with {outcome.how}"]
    return report


def _report(place: Place, bugs: tuple[str, ...], outcome: Outcome, point: str) -> Report:
    report = Report(1, {point}, after_a_fault(place, outcome))
    if outcome.how not in ("done", "Rejected"):
        report.wrong.append(f"the run ended with {outcome.how}: {outcome.message}")
    if outcome.how == "done":  # before the resume, which would mend it
        report.wrong += after_success(place, outcome)
    report.wrong += resumed(place, tuple(bug for bug in bugs if bug != "short pauses"))
    return report


@contextmanager
def _proxy(place: Place, when: str, number: int) -> Generator[str]:
    """A server's socket that forwards to the real one, in a process of its own, and breaks once."""
    postmaster = place.world.server.status()
    assert postmaster
    with tempfile.TemporaryDirectory(prefix="p") as folder:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{folder}/{_SOCKET}")
        listener.listen()
        pid = os.fork()
        if pid == 0:
            try:
                _forward(listener, str(postmaster.socket_dir / _SOCKET), when, number)
            finally:
                os._exit(0)
        listener.close()
        try:
            yield place.url.partition("?")[0] + f"?host={quote(folder)}&port=5432"
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _forward(listener: socket.socket, target: str, when: str, number: int) -> None:
    commits = 0
    peers: dict[socket.socket, socket.socket] = {}
    clients: set[socket.socket] = set()
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is listener:
                    client, server = listener.accept()[0], socket.socket(socket.AF_UNIX)
                    server.connect(target)
                    clients.add(client)
                    for one, other in ((client, server), (server, client)):
                        peers[one] = other
                        selector.register(one, selectors.EVENT_READ)
                    continue
                one = key.fileobj
                assert isinstance(one, socket.socket)
                if one not in peers:
                    continue
                other, data = peers[one], b""
                with suppress(ConnectionError):
                    data = one.recv(1 << 16)
                breaks = False
                if one in clients and _COMMIT in data:
                    commits += 1
                    breaks = commits == number
                if breaks and when == "after":
                    other.sendall(data)
                    other.recv(1 << 16)  # the answer, which the client never gets
                if breaks or not data:
                    for end in (one, other):
                        selector.unregister(end)
                        del peers[end]
                        end.close()
                    continue
                with suppress(ConnectionError):
                    other.sendall(data)


TESTS = (Test("T6", "server stopped, sessions ended, COMMIT cut off, no room", _cases, _disturb, alone=True),)
