"""Where everything is there, a load needs no rights to create and waits for no reader; who is waited for is named."""

import re
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from skype_assets.etl.database import ddl, waiting
from skype_assets.etl.database.loading import lock_owner
from skype_assets.etl.database.session import Rejected, Session
from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.postgres.url import from_config
from tests.database.small_loads import OWNER, query, register
from tests.database.test_names_of_others import ask, everything
from tests.database.test_settings import database_of, load
from tests.engine.database_content import digests


@pytest.fixture
def loader_url(postgres_url: str) -> Generator[str]:
    """As the second role of docs/database.md, with the rights that it says, in a database that somebody else loads."""
    load(postgres_url)
    query(postgres_url, "DROP ROLE IF EXISTS loader; CREATE ROLE loader LOGIN PASSWORD 'x'")
    query(postgres_url, f"REVOKE ALL ON DATABASE {database_of(postgres_url)} FROM public")
    for statement in grants("to load into them"):
        query(postgres_url, statement.replace("DATABASE skype", f"DATABASE {database_of(postgres_url)}"))
    yield from_config({**parse_dsn(postgres_url), "user": "loader", "password": "x"})
    query(postgres_url, "DROP OWNED BY loader; DROP ROLE loader")


def test_a_second_role_loads_verifies_and_unloads_with_the_documented_grants(
    postgres_url: str, loader_url: str
) -> None:
    expected = digests(postgres_url)
    with Session(loader_url) as session, pytest.raises(Rejected, match="permission denied"), session.transaction():
        session.execute("CREATE TABLE skype.another (x integer)")
    load(loader_url)
    assert digests(postgres_url) == expected
    everything(loader_url)


def test_a_reader_verifies_with_the_documented_grants(postgres_url: str) -> None:
    load(postgres_url)
    query(postgres_url, "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN")
    query(postgres_url, f"REVOKE ALL ON DATABASE {database_of(postgres_url)} FROM public")
    for statement in grants("to verify"):
        query(postgres_url, statement.replace("DATABASE skype", f"DATABASE {database_of(postgres_url)}"))
    ask(from_config({**parse_dsn(postgres_url), "user": "reader"}))
    query(postgres_url, "DROP OWNED BY reader; DROP ROLE reader")


def test_what_only_the_owner_may_do_is_said_so(postgres_url: str, loader_url: str) -> None:
    query(postgres_url, "DROP TABLE skype.unloads")
    with Session(loader_url) as session, pytest.raises(DatabaseError, match=r"permission denied .* their owner"):
        ddl.create(session)
    query(postgres_url, "ALTER TABLE skype.rejects DROP CONSTRAINT rejects_export_id_fkey")
    with Session(loader_url) as session, pytest.raises(DatabaseError, match=r"must be owner .* their owner"):
        ddl.complete(session)


@pytest.mark.parametrize("read", ["calls", "messages"])
def test_a_reader_that_stays_blocks_no_load_and_no_further_reader(read: str, postgres_url: str) -> None:
    load(postgres_url)
    with reading(postgres_url, read):
        done = in_background(lambda: load(postgres_url))
        while done.is_alive():
            with closing(psycopg2.connect(postgres_url)) as another, another.cursor() as cursor:
                cursor.execute("SET lock_timeout = '2s'")
                cursor.execute(f"SELECT count(*) FROM skype.{read}")
            done.join(0.05)


@contextmanager
def reading(url: str, relation: str) -> Generator[int]:
    """Somebody who has read, and whose transaction stays open: the number of that process."""
    with closing(psycopg2.connect(url, application_name="somebody's notebook")) as reader, reader.cursor() as cursor:
        cursor.execute(f"SELECT count(*), pg_backend_pid() FROM skype.{relation}")
        yield cursor.fetchall()[0][1]


def in_background(action: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    return thread


def test_a_view_that_is_as_it_should_be_is_left_alone_and_another_is_replaced(postgres_url: str) -> None:
    version = "SELECT xmin FROM pg_rewrite WHERE ev_class = 'skype.calls'::regclass"
    load(postgres_url)
    [before], definition = query(postgres_url, version), "SELECT pg_get_viewdef('skype.calls'::regclass)"
    [expected] = query(postgres_url, definition)
    load(postgres_url)
    assert query(postgres_url, version) == [before]
    query(postgres_url, f"CREATE OR REPLACE VIEW skype.calls AS {expected[0].rstrip('; ')} LIMIT 1")
    with Session(postgres_url) as session:
        ddl.create(session)
    assert query(postgres_url, definition) == [expected]


def test_a_view_that_is_read_for_ever_is_given_up_and_its_reader_named(postgres_url: str) -> None:
    load(postgres_url)
    [[definition]] = query(postgres_url, "SELECT pg_get_viewdef('skype.calls'::regclass)")
    query(postgres_url, f"CREATE OR REPLACE VIEW skype.calls AS {definition.rstrip('; ')} LIMIT 1")
    holder = r"process {} \(somebody's notebook, user \w+, idle in transaction, since .* UTC\)"
    with (
        reading(postgres_url, "calls") as process,
        Session(postgres_url) as session,
        pytest.raises(Rejected, match="lock timeout; the lock is held by " + holder.format(process)) as refused,
    ):
        ddl.create(session)
    assert refused.value.is_transient


def test_a_lock_that_is_waited_for_is_named_while_it_is(
    postgres_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_AFTER_SECONDS", (0.2, 0.5, 0.5, 0.5))
    with one_waiting_for_another(postgres_url) as process:
        give_up = time.monotonic() + 60
        while "waiting for" not in caplog.text:
            assert time.monotonic() < give_up
            time.sleep(0.05)
    assert f"s for a lock held by process {process} (skype-assets, user " in caplog.text
    assert "SELECT" not in caplog.text


def test_a_lock_that_is_waited_for_shortly_is_not_worth_a_line(
    postgres_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_AFTER_SECONDS", (0.1, 60.0))
    with one_waiting_for_another(postgres_url):
        time.sleep(1)
    assert "waiting for" not in caplog.text


@contextmanager
def one_waiting_for_another(url: str) -> Generator[int]:
    """Two loads of an account, of which one holds the lock that the other waits for: the number of its process."""
    with Session(url) as holder, Session(url) as waiter:

        def wait() -> None:
            with waiter.transaction():
                lock_owner(waiter, OWNER)

        register(holder)
        with holder.transaction():
            process = holder.rows("SELECT pg_backend_pid()")[0][0]
            lock_owner(holder, OWNER)
            waits = in_background(wait)
            yield process
        waits.join(30)
        assert not waits.is_alive()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("CREATE RULE nothing AS ON DELETE TO skype.links DO INSTEAD NOTHING", r"skype\.links has a rule .*nothing"),
        (
            "ALTER TABLE skype.quotes ENABLE ROW LEVEL SECURITY; ALTER TABLE skype.quotes FORCE ROW LEVEL SECURITY; "
            "CREATE POLICY first ON skype.quotes USING (ordinal = 0)",
            r"skype\.quotes has row-level security, which hides rows",
        ),
        (
            "CREATE TABLE public.heir () INHERITS (skype.links)",
            r"table public\.heir inherits from skype\.links, .*NO INHERIT",
        ),
    ],
)
def test_rules_heirs_and_policies_of_others_are_refused_by_name(
    change: str, named: str, postgres_url: str, loader_url: str
) -> None:
    query(postgres_url, change)
    with Session(loader_url) as session, pytest.raises(DatabaseError, match=named):
        ddl.create(session)


def test_triggers_of_others_are_named(postgres_url: str, caplog: pytest.LogCaptureFixture) -> None:
    load(postgres_url)
    query(
        postgres_url,
        "CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$; "
        "CREATE TRIGGER audited BEFORE INSERT ON skype.messages FOR EACH ROW EXECUTE FUNCTION audit()",
    )
    with Session(postgres_url) as session:
        ddl.create(session)
    assert "skype.messages has a trigger of somebody else's: audited" in caplog.text


def grants(purpose: str) -> list[str]:
    """The statements that docs/database.md gives for a purpose."""
    page = (Path(__file__).parents[2] / "docs" / "database.md").read_text(encoding="utf-8")
    [block] = [text for text in re.findall(r"```sql\n(.*?)```", page, re.DOTALL) if purpose in text]
    return [statement for line in block.splitlines() if (statement := line.partition("--")[0].strip())]
