"""Which process it is, for good, by nothing that setting a clock changes.

Numbers of processes are used again; start times are not. Those that are counted from 1970 move when the clock is set,
and a process would not be the one that it was: here they are the kernel's clock ticks since it was booted, and which
boot that was belongs to the name. So do the namespaces: a container has numbers of its own, and looks for another's
processes in vain.
"""

import os
import socket
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACES: Final = ("pid", "time")
# Of the fields of /proc/<pid>/stat that follow the name, which may hold anything (proc(5)).
_STATE: Final = 0
_START_TICKS: Final = 19
_HAS_ENDED: Final = ("Z", "X")


class Tenure(NamedTuple):
    """Which attempt at a task it is, where several machines share the task.

    Attributes:
        log: names the log that counts the attempts, for good.
        epoch: number of the attempt; of one log, the greater one has taken over.
    """

    log: str
    epoch: int


class Process(msgspec.Struct, frozen=True):
    """A process.

    Attributes:
        system: where ``pid`` and ``start_ticks`` mean something, see ``system``; empty if that is not known.
        pid: its number there.
        start_ticks: when it started, in clock ticks since that system was booted.
    """

    system: str
    pid: int
    start_ticks: int

    @classmethod
    def myself(cls) -> "Process":
        """The process that asks."""
        pid, here = os.getpid(), system()
        found = _look(pid) if here else None
        return cls(here, pid, found[1]) if found is not None else cls("", pid, 0)

    def is_alive(self) -> bool | None:
        """Whether it lives; None if that cannot be told from here."""
        if not self.system or self.system != system():
            return None
        try:
            found = _look(self.pid)
        except OSError:
            return None
        if found is None:  # gone, or another user's that /proc hides
            return None if _has_number(self.pid) else False
        state, start_ticks = found
        return start_ticks == self.start_ticks and state not in _HAS_ENDED


def system() -> str:
    """What a process's number and start belong to: host name, boot, namespaces. Empty if it cannot be told."""
    try:
        if Path("/proc/self").readlink().name != str(os.getpid()):  # /proc is of another namespace
            return ""
        boot = _BOOT_ID.read_text().strip()
        namespaces = [str(Path("/proc/self/ns", name).stat().st_ino) for name in _NAMESPACES if _has_namespace(name)]
    except OSError:
        return ""
    # The name tells apart what was copied as it ran: two machines of one boot.
    return " ".join((socket.gethostname(), boot, *namespaces))


def _has_namespace(name: str) -> bool:
    return Path("/proc/self/ns", name).exists()


def _look(pid: int) -> tuple[str, int] | None:
    """State and start of a process; None if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[_STATE].decode(), int(fields[_START_TICKS])


def _has_number(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
