"""Commands that are interrupted: real processes, real signals, and how they end."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

COMMAND = (sys.executable, "-m", "skype_assets.etl.command_line")

_UNTIL_HEARD = 60.0


@dataclass(frozen=True)
class Ended:
    """How a command ended, and how long after the signal."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def lines(self) -> list[str]:
        """What it says of its end: all but what it says of its work."""
        begins = ("place: ", "starting ", "creating ", "laid out", "moved aside", "extract", "transform", "load")
        return [line for line in self.err.splitlines() if not line.startswith(begins)]


def begin(
    command: Sequence[object], *, cwd: Path, ignored: int = 0, new_group: bool = False
) -> "subprocess.Popen[str]":
    """Start a command, and wait until it hears signals: before that it is Python that starts, not this program."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, command)],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=new_group,
        preexec_fn=lambda: _dispositions(ignored),
    )
    until = time.monotonic() + _UNTIL_HEARD
    while process.poll() is None and not hears(process.pid):
        assert time.monotonic() < until, "it never hears signals"
    return process


def interrupted(command: Sequence[object], number: signal.Signals, seconds: float, *, cwd: Path) -> Ended:
    """A command that gets a signal some time after it began to hear them."""
    process = begin(command, cwd=cwd)
    time.sleep(seconds)
    process.send_signal(number)
    sent = time.monotonic()
    out, err = process.communicate(timeout=60)
    return Ended(process.returncode, out, err, time.monotonic() - sent)


def has_ended_well(ended: Ended, number: signal.Signals) -> bool:
    """Whether a command ended as it must: by the signal with one line, or by itself, before or while it came."""
    if ended.code == 0:
        return ended.lines == []
    if ended.code == -number:  # its work was done: nothing but Python's own end was left
        return ended.lines == []
    return ended.code == 128 + number and len(ended.lines) == 1 and ended.lines[0].startswith("interrupted")


def _dispositions(ignored: int) -> None:
    # Whoever runs the tests in the background ignores Ctrl-C.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN if number == ignored else signal.SIG_DFL)


def hears(pid: int) -> bool:
    """Whether it has handlers of its own; that of SIGINT is always there."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    caught = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")), "0")
    return any(int(caught, 16) >> (number - 1) & 1 for number in (signal.SIGTERM, signal.SIGHUP))
