"""Where everything is there, a load needs no rights to create and waits for no reader; who is waited for is named."""

import re
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pyarrow as pa
import pytest
from psycopg2.extensions import parse_dsn

from skype_assets.etl.database import completion, ddl, waiting
from skype_assets.etl.database.loading import lock_owner
from skype_assets.etl.database.refreshing import touch
from skype_assets.etl.database.rejoining import rejoin
from skype_assets.etl.database.session import Rejected, Session
from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.postgres.url import from_config
from skype_assets.etl.version import SCHEMA
from tests.database.small_loads import OWNER, query, register
from tests.database.test_names_of_others import ask, everything
from tests.database.test_settings import database_of, load
from tests.engine.database_content import digests

OBJECT = (
    "INSERT INTO skype.media_files (owner_id, document_id, media_index, member, size_bytes, export_id, flags, kept) "
    "VALUES ('{0}', 'photo', 1, 'media/photo.1.jpg', {1}, 'of {0}', '{{}}', false)"
)


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
        completion.complete(session)


@pytest.mark.parametrize("read", [*ddl.VIEWS_DDL, "messages"])
def test_a_reader_that_stays_blocks_no_load_and_no_further_reader(read: str, postgres_url: str) -> None:
    load(postgres_url)
    with reading(postgres_url, read):
        done = in_background(lambda: load(postgres_url))
        while done.is_alive():
            with closing(psycopg2.connect(postgres_url)) as another, another.cursor() as cursor:
                cursor.execute("SET lock_timeout = '2s'")
                cursor.execute(f"SELECT count(*) FROM skype.{read}")
            done.join(0.05)


def test_loads_do_not_meet_at_the_lock_of_creation_where_there_is_nothing_to_create(postgres_url: str) -> None:
    load(postgres_url)
    with creating(postgres_url):
        done = in_background(lambda: load(postgres_url))
        done.join(60)
        assert not done.is_alive()


@pytest.mark.parametrize(
    "undone",
    [
        "DROP VIEW skype.message_history",
        "DELETE FROM skype.schema_version",
        "DROP TABLE skype.unloads",
        "DROP SCHEMA skype CASCADE",
    ],
)
def test_what_is_missing_is_created_by_one_and_found_by_the_others(undone: str, postgres_url: str) -> None:
    load(postgres_url)
    there = "SELECT relname FROM pg_class WHERE relnamespace = 'skype'::regnamespace AND relkind <> 'i' ORDER BY 1"
    expected = query(postgres_url, there)
    query(postgres_url, undone)
    with creating(postgres_url) as creator:
        others = [in_background(lambda: create(postgres_url)) for _ in range(2)]
        until(lambda: len(query(postgres_url, "SELECT pid FROM pg_locks WHERE NOT granted")) == 2)
        creator.rollback()
        for other in others:
            other.join(60)
    assert query(postgres_url, there) == expected
    assert query(postgres_url, "SELECT version_num FROM skype.schema_version") == [(SCHEMA,)]


def create(url: str) -> None:
    with Session(url) as session:
        ddl.create(session)


@contextmanager
def creating(url: str) -> Generator[psycopg2.extensions.connection]:
    """Somebody who has the lock of creation."""
    with closing(psycopg2.connect(url)) as creator, creator.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ddl.CREATION_LOCK])
        yield creator


def test_loads_of_two_accounts_lock_the_attachments_of_both_in_the_order_of_their_keys(postgres_url: str) -> None:
    """The last key lies first in the table. Whoever took it first would have it while he waits for another's."""
    create(postgres_url)
    for owner in "cba":
        query(
            postgres_url,
            "INSERT INTO skype.attachments "
            "(owner_id, conversation_id, message_id, ordinal, document_id, kind, present) "
            f"VALUES ('{owner}', 'x', '1', 0, 'photo', 'image', false)",
        )
    query(postgres_url, OBJECT.format("b", 3))
    free = "SELECT owner_id FROM skype.attachments ORDER BY 1 FOR UPDATE SKIP LOCKED"

    def rejoin_attachments() -> None:
        with Session(postgres_url) as session, session.transaction():
            touch(session, pa.table({"conversation_id": ["x"]}))
            rejoin(session, "b")

    with closing(psycopg2.connect(postgres_url)) as holder, holder.cursor() as cursor:
        cursor.execute("SELECT FROM skype.attachments WHERE owner_id = 'a' FOR UPDATE")
        done = in_background(rejoin_attachments)
        until(lambda: query(postgres_url, "SELECT pid FROM pg_locks WHERE NOT granted"))
        assert query(postgres_url, free) == [("b",), ("c",)]
        query(postgres_url, OBJECT.format("d", 4))
        holder.rollback()
        done.join(60)
    rejoined = query(postgres_url, "SELECT owner_id, media_export_id FROM skype.attachments ORDER BY 1")
    assert rejoined == [("a", "of d"), ("b", "of b"), ("c", "of d")]  # what came while it was waited for, too


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


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
