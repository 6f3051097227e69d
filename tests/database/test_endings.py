"""A session that is ended when it has just begun is replaced; if nothing helps, the line says why, and what to do."""

import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa
import pytest
from psycopg2.extensions import parse_dsn

from skype_assets.etl.database import endings
from skype_assets.etl.database.refused import committed
from skype_assets.etl.database.session import Database, Session
from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.postgres.url import from_config
from tests.engine.database_content import connected, query
from tests.poolers import PGBOUNCER, POOLERS, pooled

TIMEOUTS: Final = (
    "idle_session_timeout", "transaction_timeout", "idle_in_transaction_session_timeout", "statement_timeout",
    "lock_timeout",
)  # fmt: skip

CLOSED: Final = "server closed the connection unexpectedly\n\tThis probably means that it was ended\n"

each_pooler = pytest.mark.parametrize("pooler", POOLERS, ids=lambda path: Path(path).stem)


def elsewhere(url: str) -> str:
    """A database of the same server for which nothing is set."""
    return from_config({**parse_dsn(url), "dbname": "template1"})


@contextmanager
def altered(url: str, *settings: str, whose: str = "DATABASE {0}") -> Generator[None]:
    """Settings of a database, or of a role in it, until the end."""
    of = whose.format(parse_dsn(url)["dbname"], parse_dsn(url)["user"])
    try:
        for setting in settings:
            query(elsewhere(url), f"ALTER {of} SET {setting}")
        yield
    finally:
        query(elsewhere(url), f"ALTER {of} RESET ALL")


def use(url: str) -> None:
    """Open a session, and do something in it now and then, as a load does."""
    with Session(url) as session:
        for _ in range(3):
            assert session.rows("SELECT 1 FROM pg_sleep(0.02)") == [(1,)]
            threading.Event().wait(0.02)


@pytest.mark.parametrize("whose", ["DATABASE {0}", "ROLE {1} IN DATABASE {0}"])
@pytest.mark.parametrize("names", [*((name,) for name in TIMEOUTS), TIMEOUTS], ids="+".join)
def test_a_timeout_of_a_millisecond_does_not_count(names: tuple[str, ...], whose: str, postgres_url: str) -> None:
    with altered(postgres_url, *(f"{name} = 1" for name in names), whose=whose):
        for _ in range(3):
            use(postgres_url)


def test_a_server_that_has_not_every_timeout_is_not_asked_for_it(tcp_postgres_url: str) -> None:
    assert query(tcp_postgres_url, "SELECT current_setting('transaction_timeout', true)") == [(None,)]
    with altered(tcp_postgres_url, "idle_session_timeout = 1"):
        for _ in range(3):
            use(tcp_postgres_url)


def test_where_no_options_can_be_given_a_timeout_is_named(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service file may have options of its own, which ours would replace."""
    (tmp_path / "services").write_text("[a]\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    for name, line in (
        ("idle_session_timeout", "terminating connection due to idle-session timeout: the session was idle for longer"),
        ("transaction_timeout", "terminating connection due to transaction timeout: the transaction took longer"),
        ("statement_timeout", "canceling statement due to statement timeout: so little is set"),
    ):
        with altered(postgres_url, f"{name} = 1"):
            refusals = [said for _ in range(20) if (said := refusal(f"{postgres_url}&service=a"))]
        assert refusals
        for said in refusals:
            # What the server says while nothing is asked of it, libpq prints, and tells nobody.
            true = rf"{line}.*RESET {name}\b|server closed the connection unexpectedly: its log says why.*idle_session"
            assert re.match(f"database: (?:{true})", said), said


def refusal(url: str) -> str:
    """With what a session is refused, or what is done in it; empty if it is not."""
    try:
        use(url)
    except DatabaseError as refused:
        return str(refused)
    return ""


def test_sessions_that_somebody_ends_as_they_begin_are_replaced_or_say_so(postgres_url: str) -> None:
    done = threading.Event()

    def end_all() -> None:
        name = parse_dsn(postgres_url)["dbname"]
        with connected(elsewhere(postgres_url)) as other, other.cursor() as cursor:
            while not done.wait(0.001):
                cursor.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    ending = threading.Thread(target=end_all)
    ending.start()
    try:
        refusals = {said for _ in range(50) if (said := refusal(postgres_url))}
    finally:
        done.set()
        ending.join()
    for said in refusals:
        assert "SELECT" not in said
        assert "administrator command: somebody ended the session" in said or "connection unexpectedly" in said, said
    use(postgres_url)


def test_a_session_that_is_ended_again_and_again_is_no_death_of_the_server(postgres_url: str) -> None:
    """Else the messages of a part would be named for what they have nothing to do with."""
    ended = 0

    def end(session: Session) -> None:
        nonlocal ended
        if ended < 3:
            ended += 1
            session.rows("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(5)")

    with Database(postgres_url) as database:
        committed(database, {"messages": pa.table({})}, end)
    assert ended == 3


@pytest.mark.parametrize("pooler", [None, *POOLERS], ids=lambda path: Path(path or "direct").stem)
@pytest.mark.parametrize(("encoding", "client"), [("WIN1252", "LATIN1"), ("MULE_INTERNAL", "DEFAULT")])
def test_a_database_that_cannot_even_be_talked_to_is_refused_for_its_encoding(
    encoding: str, client: str, pooler: str | None, postgres_url: str
) -> None:
    name = f"in_{encoding.lower()}"
    query(postgres_url, f"DROP DATABASE IF EXISTS {name}")
    made = f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
    query(postgres_url, made)
    url = from_config({**parse_dsn(postgres_url), "dbname": name})
    with altered(url, f"client_encoding = {client}"):
        if pooler is None:
            said = refusal(url)
        else:
            with pooled(url, 1, pooler) as between:
                said = refusal(between)
    query(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")
    if encoding == "MULE_INTERNAL" and pooler == PGBOUNCER:  # which says no more than in its log
        assert re.search("invalid server parameter: .* a database whose encoding is not UTF8", said), said
        return
    remedy = re.search(rf"has the encoding {encoding}, .* must be UTF8\. Make another one \((CREATE .*?)\)", said)
    assert remedy, said
    query(postgres_url, remedy[1].replace(" name ", f" {name}_remedy "))
    query(postgres_url, f"DROP DATABASE {name}_remedy")


@each_pooler
def test_options_that_a_pooler_does_not_take_are_named(pooler: str, postgres_url: str) -> None:
    with pooled(postgres_url, 1, pooler) as url:
        said = refusal(f"{url}&options=-c%20work_mem%3D5MB")
        assert "does not take options: leave it out of the URL and the environment (PGOPTIONS" in said
        assert "ignore_startup_parameters = options" in said
        use(url)


@each_pooler
def test_a_value_that_a_pooler_cannot_pass_on_is_looked_for_by_its_log(
    pooler: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pooled(postgres_url, 1, pooler) as url:
        monkeypatch.setenv("PGTZ", "Nowhere/Never")
        said = refusal(url)
    # The tests' own pooler passes the server's answer on.
    true = "invalid server parameter: .*PGTZ" if pooler == PGBOUNCER else 'invalid value for parameter "TimeZone"'
    assert re.search(true, said), said


@each_pooler
def test_timeouts_behind_a_pooler_do_not_count_or_are_named(pooler: str, postgres_url: str) -> None:
    for name in ("idle_session_timeout", "transaction_timeout", "statement_timeout"):
        with altered(postgres_url, f"{name} = 1"), pooled(postgres_url, 1, pooler) as url:
            for said in {refusal(url) for _ in range(10)} - {""}:
                assert re.search(f"RESET {name}|the pooler between .*idle_session_timeout", said), said
                assert "SELECT" not in said


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("IO: [libpq] Failed to execute query 'SELECT a != 'b'': FATAL:  sorry", "sorry"),
        (f"IO: Failed to prepare query: FATAL:  bye\n{CLOSED}", "bye"),
        (f"IO: [libpq] Failed to begin transaction: {CLOSED}", "server closed the connection unexpectedly"),
        (
            'IO: [libpq] Failed to connect: connection to server at "h" failed: x',
            'connection to server at "h" failed: x',
        ),
        ("nothing of the kind", "nothing of the kind"),
    ],
)
def test_what_the_driver_adds_is_not_shown(said: str, line: str) -> None:
    assert endings.words(OSError(said)) == line


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("unsupported startup parameter: geqo", "does not take geqo: .*PGGEQO"),
        ("unsupported startup parameter in options: work_mem", "does not take work_mem: .*parameters = work_mem"),
        (
            "conversion between MULE_INTERNAL and UTF8 is not supported",
            "client_encoding MULE_INTERNAL .* RESET client_enc",
        ),
        ("terminating connection due to idle-in-transaction timeout", "stopped for a minute, or idle_in_transaction"),
        ("server conn crashed?", "the pooler between lost its session with the server, whose log says why"),
        ("server connection closed", "the pooler between lost its session with the server, whose log says why"),
        ("query_wait_timeout", "had no session with the server to give"),
        ("terminating connection because of crash of another server process", "server's log"),
    ],
)
def test_each_ending_says_what_to_do(words: str, advice: str) -> None:
    ending = endings.ending(words)
    assert ending
    assert re.search(advice, ending.advice)


def test_an_ending_that_is_not_known_says_no_more_than_the_server() -> None:
    assert endings.ending("sorry, too many clients already") is None
