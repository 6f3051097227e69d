"""What ended a session, or kept it from beginning, in words that are true: what happened, and what to do.

Of an error with which a connection ends the driver has nothing but the text, in which it puts its own query as well.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

import adbc_driver_manager

from skype_assets.etl.database.settings import wrong_encoding

# What the driver says before the words of the server, of a pooler or of libpq.
_FRAME = re.compile(
    r"[A-Z_]+: (?:\[libpq\] )?(?:Failed to (?:execute query '.*?'|[a-z ]+): )?(?:FATAL:\s+)?(?=\S)", re.DOTALL
)
# What libpq says after them, or instead of them.
_CLOSED = re.compile(r"(?:(?<=\S)\s+server closed the connection unexpectedly)?\s+This probably means .*", re.DOTALL)

# Serialization failure, deadlock, too many connections, lock not available, server shuts down, crashed, starts up,
# session or transaction idle for too long, transaction too long.
_TRANSIENT: Final = frozenset(
    {"40001", "40P01", "53300", "55P03", "57P01", "57P02", "57P03", "57P05", "25P03", "25P04"}
)

_UNREACHABLE: Final = "Failed to connect"

# PgBouncer (from 1.20 on it names the option), RDS Proxy.
_NO_OPTIONS = re.compile(r"startup parameter|command-line options")


def words(error: Exception) -> str:
    """What is wrong; of the server's own words only the message, which names of parts are the server's language."""
    details = error.details if isinstance(error, adbc_driver_manager.Error) else []
    for name, value in details:
        if name in ("PG_DIAG_MESSAGE_PRIMARY", b"PG_DIAG_MESSAGE_PRIMARY"):  # one version's type is not its annotation
            return bytes(value).decode(errors="replace")
    return _CLOSED.sub("", _FRAME.sub("", str(error), count=1))


def is_transient(error: adbc_driver_manager.Error) -> bool:
    """Whether it may be otherwise soon: the connection was lost, or the server asks to try again."""
    if error.sqlstate is None:
        return error.status_code == adbc_driver_manager.AdbcStatusCode.IO
    return error.sqlstate in _TRANSIENT or error.sqlstate.startswith("08")


def is_unreachable(error: Exception) -> bool:
    """Whether no session has begun: nobody answers, or who answers refuses."""
    return _UNREACHABLE in str(error)


def refused_options(text: str, options: Collection[str]) -> set[str]:
    """Which options of ours were refused: by a server of a version that does not know one, or by a pooler, all."""
    return set(options) if _NO_OPTIONS.search(text) else {name for name in options if name in text}


@dataclass(frozen=True)
class Ending:
    """One of the ways in which a session ends.

    Attributes:
        sqlstate: as the server has it (PostgreSQL documentation, appendix A), or the nearest; None if it said nothing.
        advice: what to do; it may name what the pattern has found.
        is_transient: whether another session may have more luck.
    """

    pattern: re.Pattern[str]
    sqlstate: str | None
    advice: str
    is_transient: bool = True


def _of_setting(said: str, sqlstate: str, name: str, what: str) -> Ending:
    return Ending(
        re.compile(said),
        sqlstate,
        f"{what} {name} allows, which is set for the server, the database or the role: ALTER ROLE or ALTER DATABASE "
        f"... RESET {name}, or set it to more",
    )


_CRASHED_OR_ENDED: Final = (
    "the server crashed or was stopped, or a timeout such as idle_session_timeout, set for the server, the database or "
    "the role, ended the session"
)

_ENDINGS: Final = (
    Ending(
        re.compile("server closed the connection unexpectedly"),
        None,
        f"its log says why, and it may be printed above: {_CRASHED_OR_ENDED}",
    ),
    Ending(
        re.compile(r"server (?:conn crashed\?|connection closed)"),
        None,
        f"the pooler between lost its session with the server, whose log says why: {_CRASHED_OR_ENDED}",
    ),
    Ending(
        re.compile("query_wait_timeout"),
        "08P01",
        "the pooler between had no session with the server to give for so long: the server does not let it in (its log "
        "says why), or others keep all of its pool busy",
    ),
    _of_setting("due to idle-session timeout", "57P05", "idle_session_timeout", "the session was idle for longer than"),
    _of_setting("due to transaction timeout", "25P04", "transaction_timeout", "the transaction took longer than"),
    Ending(
        re.compile("due to idle-in-transaction timeout"),
        "25P03",
        "the process did nothing for too long within a transaction: it, or its machine, was stopped for a minute, or "
        "idle_in_transaction_session_timeout is set to milliseconds for the server, the database or the role",
    ),
    Ending(
        re.compile("due to administrator command"),
        "57P01",
        "somebody ended the session (pg_terminate_backend), or stops the server: try again when it is there",
    ),
    Ending(re.compile("because of crash of another server process"), "57P02", "see the server's log for what crashed"),
    Ending(
        re.compile("invalid server parameter"),
        "08P01",
        "the pooler between could not pass on to its server what this session began with; its log says why. A timeout "
        "of milliseconds for the server, the database or the role (statement_timeout, idle_session_timeout, "
        "transaction_timeout: ALTER ROLE or ALTER DATABASE ... RESET it), a value in PGTZ, PGDATESTYLE or the URL that "
        "the server does not take, or a database whose encoding is not UTF8. Else use the server's own port",
    ),
    Ending(
        re.compile(r"unsupported (?:options )?startup parameter(?: in options)?: (?P<name>\w+)"),
        "08P01",
        "the pooler between does not take {name}: leave it out of the URL and the environment (PGOPTIONS, PGGEQO), "
        "have it ignored (PgBouncer: ignore_startup_parameters = {name}), or use the server's own port",
        is_transient=False,
    ),
    Ending(
        re.compile("conversion between (?P<client>\\w+) and UTF8 is not supported"),
        "0A000",
        "client_encoding {client} is set for the server, the database or the role, and the pooler between begins with "
        "it: ALTER ROLE or ALTER DATABASE ... RESET client_encoding, or use the server's own port",
        is_transient=False,
    ),
    Ending(
        re.compile("conversion between \\w+ and (?P<encoding>\\w+) is not supported"),
        "0A000",
        wrong_encoding("the database", "{encoding}"),
        is_transient=False,
    ),
)


def ending(text: str) -> Ending | None:
    """How a session ended of whose end this was said, with what to do; None if what was said is all that is known."""
    for known in _ENDINGS:
        if match := known.pattern.search(text):
            return replace(known, advice=known.advice.format_map(match.groupdict()))
    return None


STATEMENT_TIMEOUT: Final = (
    ": so little is set for the server, the database or the role (ALTER ROLE or ALTER DATABASE ... RESET "
    "statement_timeout) or in the options of a service file, and what stands between, or the file, takes no others to "
    "lift it: change it there, or use the server's own port"
)
"""What ends the refusal, where the driver's own questions took longer."""
