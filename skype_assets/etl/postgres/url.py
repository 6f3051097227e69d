"""Which database: connection URLs, and keeping passwords out of what is shown or stored.

A URL is what libpq takes (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS), with
three spellings of the scheme that people have in their settings; inside the platform it is always ``postgresql://``.
What a URL leaves open, libpq fills in: PGUSER, PGPASSWORD, the password file, the service file.
"""

import os
import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from skype_assets.etl.errors import DatabaseError, UsageError
from skype_assets.etl.postgres.embedded import EmbeddedServer

LIBPQ_TARGETS = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSERVICE")

# The documented names of `db_config` that differ from libpq's.
ALIASES = {"database": "dbname", "username": "user", "hostname": "host"}
SECRETS = ("password", "sslpassword")

_URL = re.compile(
    r"postgres(?:ql)?(?:\+psycopg2)?://"
    r"(?:(?P<user>[^:@/]*)(?::(?P<password>[^@/]*))?@)?"
    r"(?P<hosts>(?:[^][:@/?,]*|\[[^]@/]*\])(?::\d*)?(?:,(?:[^][:@/?,]*|\[[^]@/]*\])(?::\d*)?)*)"
    r"(?:/(?P<dbname>[^@/?]*))?"
    r"(?:\?(?P<query>.*))?",
    re.DOTALL,
)


def database_url(explicit: str | None = None) -> str:
    """Where the tables are: `explicit`, else SKYPE_DATABASE_URL, else libpq's variables, else the embedded server.

    The embedded server is started if it does not run, and stays up for the lifetime of this process at least.
    """
    if chosen := explicit or os.environ.get("SKYPE_DATABASE_URL"):
        return normalize(chosen)
    if any(os.environ.get(name) for name in LIBPQ_TARGETS):
        return "postgresql://"
    server = EmbeddedServer()
    server.start()
    return server.url()


def existing_database_url(explicit: str | None = None) -> str:
    """The same, for those who only want what is there already.

    Raises:
        DatabaseError: it would be an embedded server that nobody has made.
    """
    directory = EmbeddedServer().directory
    if not explicit and not is_configured() and not directory.is_dir():
        raise DatabaseError(f"no database is configured, and there is no embedded server in {directory}")
    return database_url(explicit)


def is_configured() -> bool:
    """Whether the environment names a database."""
    return any(os.environ.get(name) for name in ("SKYPE_DATABASE_URL", *LIBPQ_TARGETS))


def chosen_by(url: str) -> str:
    """What chose the database of a URL from `database_url`, for whoever has to change it."""
    if url == "postgresql://":
        return ", ".join(name for name in LIBPQ_TARGETS if os.environ.get(name))
    if variable := _variable(url):
        return variable
    if quote(str(EmbeddedServer().directory), safe="") in quote(unquote(url), safe=""):
        return "nobody: it is the embedded server"
    return "db_config or the manifest"


def from_config(db_config: Mapping[str, object]) -> str:
    """The URL for a `db_config`: dbname, user, password, host, port (or their aliases), and libpq's other keywords."""
    values: dict[str, str] = {}
    for key, value in db_config.items():
        keyword = ALIASES.get(key, key)
        if keyword in values:
            raise UsageError(f"db_config names {keyword} twice (as {key}, too). Give one of them")
        if value is not None:
            values[keyword] = str(value)
    encoded = {keyword: quote(value, safe="") for keyword, value in values.items()}
    credentials = encoded.pop("user", "")
    if "password" in encoded:
        credentials += ":" + encoded.pop("password")
    location = ""
    # A socket's folder and a list of hosts have their place behind the question mark.
    if "host" in values and not any(character in values["host"] for character in "/,@"):
        host = encoded.pop("host")
        location = f"[{host.replace('%3A', ':')}]" if ":" in values["host"] else host  # IPv6
        location += f":{encoded.pop('port')}" if "port" in encoded else ""
    database = f"/{encoded.pop('dbname')}" if "dbname" in encoded else ""
    query = "&".join(f"{quote(keyword, safe='')}={value}" for keyword, value in encoded.items())
    return f"postgresql://{credentials}{'@' if credentials else ''}{location}{database}{'?' if query else ''}{query}"


def normalize(url: str) -> str:
    """`url` with the scheme ``postgresql://``; refused, without being quoted, if libpq would not read it."""
    _parse(url)
    return "postgresql://" + url.partition("://")[2]


def sqlalchemy_url(url: str) -> str:
    """`url` for SQLAlchemy, which since 2.1 takes ``postgresql://`` for psycopg 3; Dagster works with psycopg2 only."""
    return normalize(url).replace("postgresql://", "postgresql+psycopg2://", 1)


def without_password(url: str) -> str:
    """`url` without any password: to show, to log, to store."""
    match = _parse(url)
    credentials = f"{match['user']}@" if match["user"] else ""
    database = f"/{match['dbname']}" if match["dbname"] else ""
    query = "&".join(f"{keyword}={value}" for keyword, value in _query(match) if keyword not in SECRETS)
    return f"postgresql://{credentials}{match['hosts']}{database}{'?' if query else ''}{query}"


def password(url: str) -> str | None:
    """The password in `url`, decoded; None if libpq finds it elsewhere."""
    match = _parse(url)
    given = dict(_query(match)).get("password", match["password"])
    return unquote(given) if given else None


def redact(text: str, url: str) -> str:
    """`text`, such as a driver's message, with every password of `url` made illegible."""
    match = _parse(url)
    secrets = {value for keyword, value in _query(match) if keyword in SECRETS} | {match["password"] or ""}
    spellings = {spelling for secret in secrets for spelling in (secret, unquote(secret)) if spelling}
    for spelling in sorted(spellings, key=len, reverse=True):
        text = text.replace(spelling, "***")
    return text


def _parse(url: str) -> re.Match[str]:
    match = _URL.fullmatch(url)
    if match is None:
        variable = _variable(url)
        raise UsageError(
            f"the database URL{f' in {variable}' if variable else ''} is not of the form "
            "postgresql://user:password@host:port/database. "
            "Special characters in a password must be percent-encoded (@ as %40, / as %2F)"
        )
    return match


def _variable(url: str) -> str:
    """The variable that has this URL, however its scheme is spelled; empty if none has."""
    for name in ("SKYPE_DATABASE_URL", "DAGSTER_POSTGRES_URL"):
        chosen = os.environ.get(name, "")
        if chosen and url in (chosen, "postgresql://" + chosen.partition("://")[2]):
            return name
    return ""


def _query(match: re.Match[str]) -> list[tuple[str, str]]:
    """The keywords, decoded, and their values, as they stand."""
    pairs = (pair.partition("=") for pair in (match["query"] or "").split("&") if pair)
    return [(unquote(keyword), value) for keyword, _, value in pairs]
