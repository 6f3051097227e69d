"""How long a command was ready and got no CPU: what a busy machine adds to the time that it takes.

Linux counts it for every thread (``/proc/PID/task/TID/schedstat``, the second number, in nanoseconds). It is no measure
of how busy the machine is in general, but the very time that was taken from this command.
"""

import time
from contextlib import suppress
from pathlib import Path

_EVERY = 0.1


class Waits:
    """Looks at a process and those that it started, until they have ended; a thread's last 0.1 s go unseen."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._threads: dict[int, int] = {}
        self._seen: list[tuple[float, int]] = []

    def look(self) -> None:
        """Have a look, unless the last one was just now."""
        now = time.monotonic()
        if self._seen and now - self._seen[-1][0] < _EVERY:
            return
        self._look_at(self._pid)
        self._seen.append((now, sum(self._threads.values())))

    def since(self, instant: float) -> float:
        """Seconds for which threads waited for a CPU since then, added up, by the look before it."""
        if not self._seen:
            return 0.0
        before = max((waited for when, waited in self._seen if when <= instant), default=0)
        return (self._seen[-1][1] - before) / 1e9

    def _look_at(self, pid: int) -> None:
        with suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with suppress(OSError, IndexError):  # it has ended
                    self._threads[int(thread.name)] = int((thread / "schedstat").read_text().split()[1])
                    for child in (thread / "children").read_text().split():
                        self._look_at(int(child))
