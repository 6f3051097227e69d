"""What a session sets for every transaction, and what it asks of the server before it is used.

A value of a setting can come from anywhere - the server, the database, the role, the environment, a service file, the
URL, another client of a pooler - so nothing that a transaction depends on is left to them. It is set for the
transaction alone: nothing survives it, neither for us, who may get another server process of a pooler's for the next
one, nor for others, who may get ours.
"""

from dataclasses import dataclass
from typing import Final

from skype_assets.etl.errors import DatabaseError

APPLICATION: Final = "skype-assets"

LOCK_PATIENCE: Final = "10min"
"""How long a lock is waited for. Others who load, complete tables or unload hold theirs for minutes at most."""

SETTINGS: Final = {
    "application_name": APPLICATION,
    "client_encoding": "UTF8",
    # Names that are not qualified - functions, operators, types - are PostgreSQL's own, not somebody's of that name.
    "search_path": "pg_catalog, pg_temp",
    # How statements are read, and what PostgreSQL answers about names.
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    "array_nulls": "on",
    "quote_all_identifiers": "off",
    # Digests are of the text of rows, which must not depend on how a server is configured.
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    # A row that a policy hides is an error, not a row that is missing.
    "row_security": "off",
    "default_table_access_method": "heap",
    # Statements take as long as they take; locks and clients that are stopped have limits of their own.
    "statement_timeout": "0",
    "lock_timeout": LOCK_PATIENCE,
    # A process that was stopped in the middle of a transaction must not hold its locks for ever (see LEASE_SECONDS).
    "idle_in_transaction_session_timeout": "60s",
    # Of a machine that is gone within a COPY nothing is heard, and Linux asks after two hours: here, after a minute.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    # What a load reads again it has just written: it is in memory, where an index costs less than sorting does.
    "random_page_cost": "1.1",
}

CONNECTING: Final = {
    "search_path": "pg_catalog,pg_temp",
    "quote_all_identifiers": "off",
    "statement_timeout": "0",
    "lock_timeout": LOCK_PATIENCE,
    "idle_in_transaction_session_timeout": SETTINGS["idle_in_transaction_session_timeout"],
}
"""The same for what the driver does when it connects, and between BEGIN and the settings, as options of the session."""

AGAINST_ENDING: Final = {"idle_session_timeout": "0", "transaction_timeout": "0"}
"""Further options, for the session that takes the place of one that was ended. Not every version of PostgreSQL has them
(14, 17), and where nothing is ended, what is set for idle sessions holds for ours, too."""

# Only where they are otherwise: one that is not there (before PostgreSQL 17), one that only a superuser may set, and
# one of which some values promise more than ours.
_WHERE_OTHERWISE: Final = (
    ("transaction_timeout", "<> '0'", "0"),
    ("session_replication_role", "<> 'origin'", "origin"),  # else foreign keys are not checked
    ("synchronous_commit", "= 'off'", "on"),  # else what is complete can be lost
)

NOT_ALLOWED: Final = (
    " to what a load needs; a superuser has set it otherwise for the server, the database or the role (as replica, it "
    "turns foreign keys off): have it reset, with ALTER DATABASE or ALTER ROLE ... RESET"
)
"""What ends the refusal of one that only a superuser may set."""

_CANARY: Final = "\u00e9\u20ac\U0001f600"

INSPECTION: Final = """
SELECT current_setting('server_encoding'), pg_is_in_recovery(), current_database()::text, current_setting('role'),
       (SELECT datctype::text FROM pg_database WHERE datname = 'template0')"""
"""The columns of ``Surroundings``."""

CANARY: Final = f"SELECT '{_CANARY}', convert_to('{_CANARY}', 'UTF8')"


@dataclass(frozen=True)
class Surroundings:
    """What a server says of itself; see ``INSPECTION``."""

    encoding: str
    is_standby: bool
    database: str
    role: str
    locale: str

    def check(self, *, read_only: bool) -> None:
        """Whether a load can be right here.

        Raises:
            DatabaseError: it cannot; the message says why, and what to do.
        """
        if not isinstance(self.encoding, str):  # pyright: ignore[reportUnnecessaryIsInstance] - then it is bytes
            raise DatabaseError(
                "quote_all_identifiers is on when the driver connects, which it cannot bear, and the pooler between "
                "takes no options: ALTER ROLE or ALTER DATABASE ... RESET quote_all_identifiers, or use the server's "
                "own port"
            )
        if self.encoding != "UTF8":
            raise DatabaseError(wrong_encoding(f"database {self.database}", self.encoding, self.locale))
        if self.is_standby and not read_only:
            raise DatabaseError(
                f"the server of database {self.database} is a standby, which takes no rows: name the primary server "
                "(of several hosts in one URL, target_session_attrs=read-write finds it)"
            )


def wrong_encoding(database: str, encoding: str, locale: str = "") -> str:
    """The refusal of a database that has another encoding than UTF8, and what to do.

    Args:
        database: which one, as in a sentence.
        encoding: its encoding.
        locale: of the server's template, empty if that is not known: not every locale goes with UTF8.
    """
    fits = locale in ("C", "POSIX") or locale.lower().replace("-", "").endswith("utf8")
    chosen = "" if fits else " LC_COLLATE 'C' LC_CTYPE 'C'"
    return (
        f"{database} has the encoding {encoding}, which cannot hold every message: it must be UTF8. Make another one "
        f"(CREATE DATABASE name ENCODING 'UTF8'{chosen} TEMPLATE template0), and name that"
    )


def check_canary(text: str, data: bytes) -> None:
    """Whether text comes to the server, and back, as it is.

    Raises:
        DatabaseError: something between changes it.
    """
    if (text, data) != (_CANARY, _CANARY.encode()):
        raise DatabaseError(
            "text does not come to the database as it is: something between changes its encoding. Connect to the "
            "server itself, not through a proxy"
        )


def opening(role: str, *, read_only: bool, snapshot: bool = False) -> str:
    """The statements with which every transaction begins, before any other of it.

    Args:
        role: the setting ``role`` that the session began with; empty where that is not known yet.
        read_only: whether the transaction must not write.
        snapshot: whether it sees all tables as they are at one instant, whoever commits meanwhile.
    """
    access = "READ ONLY" if read_only else "READ WRITE"
    # What waits for a lock has to see afterwards what the other has done: only READ COMMITTED does.
    level = "REPEATABLE READ" if snapshot else "READ COMMITTED"
    statements = [f"SET TRANSACTION ISOLATION LEVEL {level}, {access}, NOT DEFERRABLE"]
    if role:
        statements.append("SET LOCAL ROLE " + ("NONE" if role == "none" else _identifier(role)))
    statements += [f"SET LOCAL {name} = {value if ',' in value else _text(value)}" for name, value in SETTINGS.items()]
    statements += [
        f"SELECT set_config('{name}', '{value}', true) WHERE current_setting('{name}', true) {otherwise}"
        for name, otherwise, value in _WHERE_OTHERWISE
    ]
    return "; ".join(statements)


def _text(value: str) -> str:
    return f"'{value}'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
