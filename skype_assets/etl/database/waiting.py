"""Who holds the lock that a statement waits for: asked beside it, from a session of its own.

Of other sessions only what they are is told - process, program, user, state -, never what they run: a query can quote
messages.
"""

import logging
import threading
import time
from collections.abc import Callable
from itertools import chain, repeat
from typing import Any, Final

logger = logging.getLogger(__name__)

_AFTER_SECONDS: Final = (2.0, 3.0, 10.0, 45.0)
"""Between the looks at one statement; then, every minute. The first is not told: most waits are short."""

HOLDERS: Final = """
SELECT h.pid, a.application_name, a.usename::text, a.client_addr::text, a.state,
       to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SS')
FROM (SELECT DISTINCT unnest(pg_blocking_pids($1::integer))) h (pid) LEFT JOIN pg_stat_activity a ON a.pid = h.pid
ORDER BY a.xact_start NULLS LAST, h.pid"""
"""Of a server process, who holds what it waits for. Without pg_read_all_stats some of it is null."""


class Watch:
    """Looks at one statement, which begins now, in threads that nobody waits for.

    Args:
        ask: gives the rows of ``HOLDERS``.
    """

    def __init__(self, ask: Callable[[], list[tuple[Any, ...]]]) -> None:
        self._ask = ask
        self._looking: threading.Thread | None = None
        self._begin = time.monotonic()
        self._pauses = chain(_AFTER_SECONDS, repeat(60.0))
        self._next = self._begin + next(self._pauses)
        self.holders = ""
        """Who held the lock at the last look; empty if it waited for none."""

    def look(self) -> None:
        """Look once more, if it is time."""
        if (now := time.monotonic()) < self._next:
            return
        self._next = now + next(self._pauses)
        if self._looking is None or not self._looking.is_alive():  # a pooler may have no connection to look from
            self._looking = threading.Thread(target=self._look, args=(now - self._begin,), daemon=True)
            self._looking.start()

    def _look(self, seconds: float) -> None:
        try:
            self.holders = " and ".join(_named(*row) for row in self._ask())
        except Exception:  # noqa: BLE001 - no reason for anything: it was only for the log
            logger.debug("nobody can be asked who holds a lock", exc_info=True)
            return
        if self.holders and seconds > 2 * _AFTER_SECONDS[0]:
            logger.warning("database: waiting for %d s for a lock held by %s", seconds, self.holders)


def _named(
    pid: int, program: str | None, user: str | None, address: str | None, state: str | None, since: str | None
) -> str:
    if not pid:
        return "a prepared transaction (see pg_prepared_xacts)"
    known = [program, user and f"user {user}", address and f"at {address}", state, since and f"since {since} UTC"]
    return f"process {pid} ({', '.join(filter(None, known))})"
