"""Which database: connection URLs, and keeping passwords out of what is shown or stored.

A URL is what libpq takes (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS), with
three spellings of the scheme that people have in their settings; inside the platform it is always ``postgresql://``.
What a URL leaves open, libpq fills in: PGUSER, PGPASSWORD, the password file, the service file.

The embedded server is named by its folder, ``embedded:/path/.postgres``: where its socket is, is known only while it
runs. So it is that name which is kept, in manifests above all.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from skype_assets.etl.errors import UsageError
from skype_assets.etl.postgres import DATABASE_VARIABLES, LIBPQ_TARGETS
from skype_assets.etl.postgres.embedded import DATABASES, ROLE, EmbeddedServer

EMBEDDED: Final = "embedded:"
"""How the name of an embedded server begins; its folder follows."""

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


def reachable_url(explicit: str | None = None, *, create: bool = True) -> str:
    """Where the tables are: `explicit`, else SKYPE_DATABASE_URL, else libpq's variables, else the embedded server.

    An embedded server is started if it does not run, and stays up for the lifetime of this process at least; of another
    server nothing is asked.

    Args:
        explicit: a URL, or the name of an embedded server.
        create: whether an embedded server may be created that is not there.
    """
    if (server := server_of(explicit)) is None:
        return normalize(explicit or os.environ.get("SKYPE_DATABASE_URL") or "postgresql://")
    server.start(create=create)
    return server.url()


def server_of(explicit: str | None = None) -> EmbeddedServer | None:
    """The embedded server, if that is where `reachable_url` finds the tables."""
    if chosen := explicit or os.environ.get("SKYPE_DATABASE_URL"):
        return embedded_server(chosen)
    return None if is_configured() else EmbeddedServer()


def creates_server(explicit: str | None = None) -> bool:
    """Whether `database_url` would create an embedded server."""
    server = server_of(explicit)
    return server is not None and not server.exists


def embedded_server(url: str) -> EmbeddedServer | None:
    """The embedded server that `url` means: by its folder, or by the socket that it has or had; None if it is another.

    Only the tables' own database counts: one that somebody made beside it is named by its URL.
    """
    if url.startswith(EMBEDDED):
        return EmbeddedServer(Path(url.removeprefix(EMBEDDED)).resolve())
    socket_dir = _socket_dir(url)
    return EmbeddedServer.behind(socket_dir) if socket_dir is not None else None


def embedded_name(server: EmbeddedServer) -> str:
    """The name of an embedded server, to be given for a URL."""
    return f"{EMBEDDED}{server.directory}"


def is_stale_socket(url: str) -> bool:
    """Whether `url` is that of a socket as the embedded server has one, in a folder that is gone: nobody answers."""
    socket_dir = _socket_dir(url)
    return socket_dir is not None and not socket_dir.exists() and _parse(url)["user"] == ROLE


def _socket_dir(url: str) -> Path | None:
    """The folder of the socket by which `url` reaches a database of the tables' name."""
    match = _parse(url)
    values = {keyword: unquote(value) for keyword, value in _query(match)}
    host = values.get("host", unquote(match["hosts"]))
    name = values.get("dbname", unquote(match["dbname"] or ""))
    return Path(host) if host.startswith("/") and name == DATABASES[0] else None


def is_configured() -> bool:
    """Whether the environment names a database."""
    return any(os.environ.get(name) for name in DATABASE_VARIABLES)


def chosen_by(url: str) -> str:
    """What chose the database of a URL from `reachable_url`, for whoever has to change it."""
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


def with_keywords(url: str, **keywords: str) -> str:
    """`url` with some of libpq's keywords, which hold whatever it, the environment or a service file has for them."""
    added = "&".join(f"{keyword}={quote(value, safe='')}" for keyword, value in keywords.items())
    return f"{url}{'?' if _parse(url)['query'] is None else '&'}{added}"  # of several, libpq takes the last


def with_options(url: str, options: Mapping[str, str]) -> str:
    """`url` with settings for the session as options, after those that it or the environment has.

    Those of a service file cannot be told: where there is one, it stays as it is.
    """
    query = dict(_query(_parse(url)))
    if not options or "service" in query or os.environ.get("PGSERVICE"):
        return url
    given = unquote(query["options"]) if "options" in query else os.environ.get("PGOPTIONS", "")
    ours = " ".join(f"-c {name}={value}" for name, value in options.items())
    return with_keywords(url, options=f"{given} {ours}".strip())


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
