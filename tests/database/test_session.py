"""Queries that give many rows arrive while they run; a session is kept while it is whole, and can be interrupted."""

import os
import pickle
import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from skype_assets.etl.database.session import Database, Rejected, Session
from skype_assets.etl.database.side_by_side import SideBySide
from skype_assets.etl.errors import DatabaseError, UsageError
from skype_assets.etl.postgres import LIBPQ_TARGETS
from skype_assets.etl.postgres.url import reachable_url

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts, st.lists(texts, max_size=4))
@example("'; DROP TABLE skype.messages; --", ["\\", "\\'", "E'", "$1", "{}", ""])
def test_what_is_asked_for_is_never_read_as_sql(postgres_url: str, text: str, listed: list[str]) -> None:
    with Session(postgres_url) as session, session.transaction():
        [batch] = session.batches("SELECT $1, $2", text, listed)
    assert batch.to_pydict() == {batch.schema.names[0]: [text], batch.schema.names[1]: [listed]}


def test_an_instant_that_python_has_not_is_the_nearest_that_it_has(postgres_url: str) -> None:
    last = datetime.max.replace(tzinfo=UTC)
    listed = ("infinity", "294276-12-31", "10000-01-01", "9999-12-31 23:59:59.999999+00", "2020-01-01+00")
    early = ("-infinity", "0044-03-15 BC", "0001-01-01+00")
    with Session(postgres_url) as session:
        for text in (*listed, *early):
            wanted = datetime.min.replace(tzinfo=UTC) if text in early else last
            wanted = datetime(2020, 1, 1, tzinfo=UTC) if "2020" in text else wanted
            assert session.rows("SELECT $1::text::timestamptz, NULL::timestamptz", text) == [(wanted, None)]


def test_a_result_of_any_size_is_never_in_memory_as_a_whole(postgres_url: str) -> None:
    with Session(postgres_url) as session, session.transaction():
        rows = [
            batch.num_rows for batch in session.batches("SELECT repeat($1, 1000) FROM generate_series(1, 60000)", "x")
        ]
    assert sum(rows) == 60_000
    assert len(rows) > 1


def test_a_session_that_is_ended_within_a_result_is_tried_again(postgres_url: str) -> None:
    ended: list[int] = []

    def count(session: Session) -> int:
        process, rows = _process(session), 0
        with session.transaction():
            for batch in session.batches("SELECT repeat($1, 1000) FROM generate_series(1, 200000)", "x"):
                rows += batch.num_rows
                if not ended:
                    ended.append(process)
                    other.rows("SELECT pg_terminate_backend($1::int, 5000)", process)
        return rows

    with Database(postgres_url) as database, Session(postgres_url) as other:
        assert database.repeatedly(count) == 200_000
    assert ended


def _process(session: Session) -> int:
    return session.rows("SELECT pg_backend_pid()")[0][0]


def test_a_session_is_kept_between_uses_and_closed_at_the_end(postgres_url: str) -> None:
    with Database(postgres_url) as database:
        with database.session() as session:
            process = _process(session)
        assert database.repeatedly(_process) == process
    with Session(postgres_url) as session:
        others = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1"
        assert session.rows(f"SELECT pg_sleep(0.1), ({others})", process)[0][1] == 0


def test_a_session_is_not_used_again_after_an_error(postgres_url: str) -> None:
    with Database(postgres_url) as database:
        process = database.repeatedly(_process)
        with pytest.raises(DatabaseError, match="nowhere"), database.session() as session:
            session.rows("SELECT * FROM nowhere")
        assert database.repeatedly(_process) != process


def test_a_session_that_was_ended_meanwhile_is_replaced(postgres_url: str) -> None:
    with Database(postgres_url) as database, Session(postgres_url) as other:
        process = database.repeatedly(_process)
        other.rows("SELECT pg_terminate_backend($1::int, 5000)", process)
        assert database.repeatedly(_process) != process


def test_a_copy_in_another_process_keeps_no_session(postgres_url: str) -> None:
    with Database(postgres_url) as database:
        process = database.repeatedly(_process)
        copy: Database = pickle.loads(pickle.dumps(database))  # noqa: S301 - our own
        assert len({process, copy.repeatedly(_process), copy.repeatedly(_process)}) == 3


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """SIGINT is what it is for a program in a terminal, however the tests were started."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt_after(seconds: float) -> None:
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_between_and_within_short_statements_is_not_lost(postgres_url: str) -> None:
    delays = random.Random(5)
    for _ in range(30):
        with Database(postgres_url) as database:
            database.repeatedly(_process)
            with pytest.raises(KeyboardInterrupt):
                keep_busy(database, delays.uniform(0, 0.01))


def keep_busy(database: Database, interrupted_after: float) -> None:
    interrupt_after(interrupted_after)
    for _ in range(10_000):
        database.repeatedly(_process)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_a_statement_at_once(postgres_url: str) -> None:
    with Session(postgres_url) as other:
        with Database(postgres_url) as database:
            process = database.repeatedly(_process)
            begin = time.monotonic()
            with pytest.raises(KeyboardInterrupt):
                database.repeatedly(sleep_and_be_interrupted)
            assert time.monotonic() - begin < 30
        assert not other.rows("SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND state = 'active'", process)


def sleep_and_be_interrupted(session: Session) -> None:
    interrupt_after(0.1)
    sleep_a_minute(session)


def sleep_a_minute(session: Session) -> None:
    for _ in range(3):
        session.rows("SELECT pg_sleep(20)")


def test_an_error_ends_what_other_sessions_do_meanwhile(postgres_url: str) -> None:
    slow: list[Future[None]] = []

    def fail(beside: SideBySide) -> None:
        slow.append(beside.submit(sleep_a_minute))
        beside.submit(lambda session: session.rows("SELECT * FROM nowhere")).result()

    begin = time.monotonic()
    with Session(postgres_url) as session:
        with pytest.raises(Rejected, match="nowhere"), SideBySide.opened(session, 2) as beside:
            fail(beside)
        assert time.monotonic() - begin < 15
        assert isinstance(slow[0].exception(), Rejected)


def test_a_database_that_refuses_is_named_by_what_chose_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SKYPE_DATABASE_URL", *LIBPQ_TARGETS):
        monkeypatch.delenv(name, raising=False)
    url = "postgresql://mara:secret@127.0.0.1:1/none"
    with pytest.raises(Rejected, match=r"\(this database was chosen by db_config or the manifest\)$"):
        Session(url)
    monkeypatch.setenv("SKYPE_DATABASE_URL", url.replace("postgresql", "postgres"))
    with pytest.raises(Rejected, match=r"\(this database was chosen by SKYPE_DATABASE_URL\)$") as refused:
        Session(reachable_url())
    assert "secret" not in str(refused.value)
    monkeypatch.delenv("SKYPE_DATABASE_URL")
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", "1")
    with pytest.raises(Rejected, match=r"\(this database was chosen by PGHOST, PGPORT\)$"):
        Session(reachable_url())


def test_a_url_that_is_none_is_named_by_its_variable_and_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYPE_DATABASE_URL", "mysql://mara:secret@host/")
    with pytest.raises(UsageError, match="the database URL in SKYPE_DATABASE_URL is not of the form") as refused:
        reachable_url()
    assert "secret" not in str(refused.value)


def test_a_transaction_within_another_is_part_of_it(postgres_url: str) -> None:
    is_there = "SELECT to_regclass('public.within') IS NOT NULL"

    def make(session: Session, other: Session) -> None:
        with session.transaction():
            session.execute("CREATE TABLE public.within (a int)")
            with session.transaction(snapshot=True):
                assert session.rows(is_there) == [(True,)]
            assert other.rows(is_there) == [(False,)]
            raise ZeroDivisionError

    with Session(postgres_url) as session, Session(postgres_url) as other:
        with pytest.raises(ZeroDivisionError):
            make(session, other)
        assert other.rows(is_there) == [(False,)]
