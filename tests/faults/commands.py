"""Commands of the command line in forked processes, with signals that wait for them, and how they end."""

import contextlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from skype_assets.etl import command_line, crash_points
from tests.command_line.signals import COMMAND, hears
from tests.faults.waits import Waits
from tests.faults.world import Place

# A child that had to import what its command works with would do so for longer than it runs.
for module in (
    "command_line.commands", "command_line.display", "command_line.running", "command_line.summary",
    "command_line.verify", "tasks.retention", "tasks.unloading", "tasks.verification", "tasks.proving",
    "tasks.repairing", "tasks.holding", "tasks.media_files", "database.equality", "reading.find", "reading.copies",
    "reading.evidence", "reading.whole", "pages.site", "pages.serve", "handing.html", "handing.text", "handing.sheets",
    "handing.parquet", "handing.rsmf.writing",
):  # fmt: skip
    import_module(f"skype_assets.etl.{module}")

HUNG_AFTER = 20.0
"""Seconds after which a command that was told to end is taken for one that never does."""
LATE_AFTER = 2.0
"""Seconds in which it must have ended, without those for which it was ready and got no CPU (``waits``)."""
_ORPHANS_END_IN = 3.0


@dataclass(frozen=True)
class Sent:
    """What is sent, to whom, how often."""

    number: int
    to_group: bool
    twice: bool

    def send(self, pid: int) -> None:
        """Send it to a process that leads a group, or to the group."""
        for _ in range(1 + self.twice):
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if self.to_group else os.kill)(pid, self.number)


@dataclass(frozen=True)
class End:
    """How a command ended.

    Attributes:
        code: its exit code, negative if the signal ended it.
        said: what it wrote to stderr.
        seconds: how long it took from the signal on; None if it had ended by itself before.
        lasted: how long it went on after it had begun to hear signals.
        waited: how much of that it waited for a CPU, all its threads together.
        orphans: commands of the processes that it left behind.
        points: crash points that it came to.
    """

    code: int
    said: list[str]
    seconds: float | None
    lasted: float
    waited: float
    orphans: list[str]
    points: dict[str, int]


def interrupted(
    place: Place,
    arguments: Sequence[str],
    sent: Sent,
    *,
    at: tuple[str, int] | None = None,
    after: float = 0.0,
    bugs: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    is_cold: bool = False,
) -> End:
    """Run a command, and send it signals: at a crash point, or some time after it began to hear them.

    ``environment`` is what it gets beside this process's; None = the place's database. ``is_cold`` starts it as a shell
    does; else it has imported everything already.
    """
    environment = {"SKYPE_DATABASE_URL": place.url} if environment is None else environment
    log = place.folder.with_suffix(".said")
    log.write_bytes(b"")
    reached = place.folder.with_suffix(".points")
    reached.write_text("")
    pid = os.fork()
    if pid == 0:
        _be(arguments, sent, at, bugs, log, reached, {"SKYPE_HOME": str(place.folder / "home"), **environment}, is_cold)
    began, waits = time.monotonic(), Waits(pid)
    while not hears(pid) and time.monotonic() - began < HUNG_AFTER and _wait(pid, 0.0) is None:
        time.sleep(0.001)
    heard = time.monotonic()
    if at is None:
        time.sleep(after)
        waits.look()
    has_ended = _ended(pid)
    if at is None and not has_ended:
        sent.send(pid)
    asked = time.monotonic()
    code = _wait(pid, HUNG_AFTER * (6 if at else 1), waits)
    ended = time.monotonic()
    hung = code is None
    if hung:
        os.kill(pid, signal.SIGKILL)
        code = _wait(pid, HUNG_AFTER)
    points = Counter(reached.read_text().splitlines())
    if at is not None:
        has_ended, asked = points[at[0]] < at[1], _sent_at(reached, asked)
    seconds = None if has_ended else (HUNG_AFTER if hung else ended - asked)
    said = log.read_text(errors="replace").splitlines()
    code = -signal.SIGKILL if code is None else code
    return End(code, said, seconds, ended - heard, waits.since(asked), _orphans(pid), dict(points))


def _be(
    arguments: Sequence[str],
    sent: Sent,
    at: tuple[str, int] | None,
    bugs: Sequence[str],
    log: Path,
    reached: Path,
    environment: Mapping[str, str],
    is_cold: bool,
) -> None:
    """Be the command, in a session of its own."""
    code: object = 1
    try:
        os.setsid()
        for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
            signal.signal(number, handler)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND), 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", 1, closefd=False)
        os.environ.update(environment)
        if is_cold:
            os.execv(sys.executable, [*COMMAND, *arguments])
        crash_points.listener = _listener(reached, sent, at)
        for name in bugs:
            from tests.faults.planted_bugs import BUGS

            BUGS[name].plant()
        sys.argv = ["skype-assets", *arguments]
        command_line.main()
        code = 0
    except SystemExit as ended:
        code = ended.code
    finally:
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _listener(reached: Path, sent: Sent, at: tuple[str, int] | None) -> Callable[[str], None]:
    note = os.open(reached, os.O_WRONLY | os.O_APPEND)
    seen: Counter[str] = Counter()

    def listen(point: str) -> None:
        seen[point] += 1
        is_now = at == (point, seen[point])
        os.write(note, f"{point}\n".encode())
        if is_now:
            reached.with_suffix(".sent").write_text(str(time.monotonic()))
            sent.send(os.getpid())

    return listen


def _sent_at(reached: Path, otherwise: float) -> float:
    """When the command has sent itself a signal."""
    sent = reached.with_suffix(".sent")
    if not sent.exists():
        return otherwise
    instant = float(sent.read_text())
    sent.unlink()
    return instant


def _ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _wait(pid: int, seconds: float, waits: Waits | None = None) -> int | None:
    """The exit code of a process that ends in time; for a look (0 s) it stays to be waited for."""
    until = time.monotonic() + seconds
    while True:
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | (0 if seconds else os.WNOWAIT))
        if found is not None:
            return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
        if time.monotonic() >= until:
            return None
        if waits is not None:
            waits.look()
        time.sleep(0.002)


def _orphans(session: int) -> list[str]:
    """Processes of a session that stay; they are ended."""
    until = time.monotonic() + _ORPHANS_END_IN
    while (left := _of_session(session)) and time.monotonic() < until:
        time.sleep(0.02)
    found: list[str] = []
    for pid in left:
        with contextlib.suppress(OSError):
            found.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:100])
            os.kill(pid, signal.SIGKILL)
    return found


def _of_session(session: int) -> list[int]:
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == session and fields[0] not in "ZX":
                    found.append(int(folder.name))
    return found
