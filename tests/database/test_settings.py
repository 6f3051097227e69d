"""Whatever is set for a server, a database, a role or a process: what is loaded is what it is, or refused by name."""

import os
import re
import time
from pathlib import Path
from typing import Final

import psycopg2
import pyarrow as pa
import pytest
from psycopg2.extensions import parse_dsn

from skype_assets.etl.database.session import Rejected, Session
from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.postgres.embedded import EmbeddedServer
from skype_assets.etl.postgres.url import from_config
from tests.database.settings_of_others import SETTINGS, assignment
from tests.database.small_loads import CONVERSATION, export, head, messages, query, register
from tests.engine.database_content import Digests, digests

TEXT: Final = "Grüße, Привет, こんにちは, \U0001f600 \\ ' \\'"


def load(url: str) -> None:
    """A load, and a second one of the same account, whose part is merged."""
    for export_id, version in (("e1", 1), ("e2", 2)):
        with Session(url) as session:
            loader = register(session, export(export_id, days=version))
            loader.commit_head(0, "head", head(export_id, display_name=TEXT))
            loader.commit_part(1, "part", part_of(export_id, version))
            loader.finish(export(export_id, days=version), head()["conversations"].select(["conversation_id"]), 2)


def part_of(export_id: str, version: int) -> dict[str, pa.Table]:
    """The part of one of these exports."""
    return messages("1", "2", export_id=export_id, text=TEXT, version=version, details=f'{{"a": "{version}"}}')


@pytest.fixture(scope="module")
def expected(server: str) -> Digests:
    """What a database holds after ``load`` where nothing was set."""
    query(server, "CREATE DATABASE plain")
    url = with_database(server, "plain")
    load(url)
    assert query(url, "SELECT DISTINCT text FROM skype.messages") == [(TEXT,)]
    assert query(url, f"SELECT count(*) FROM skype.messages WHERE conversation_id = '{CONVERSATION}'") == [(2,)]
    return digests(url)


@pytest.fixture(scope="module")
def server(_embedded_server_url: str) -> str:
    """URL of the server's own database."""
    return _embedded_server_url


def with_database(url: str, name: str) -> str:
    return from_config({**parse_dsn(url), "dbname": name})


def database_of(url: str) -> str:
    return parse_dsn(url)["dbname"]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_load_is_the_same_whatever_is_set_for_the_database(name: str, postgres_url: str, expected: Digests) -> None:
    server, database = with_database(postgres_url, "postgres"), database_of(postgres_url)
    query(server, f"ALTER DATABASE {database} SET {assignment(name)}")
    load(postgres_url)
    query(server, f"ALTER DATABASE {database} RESET ALL")
    assert digests(postgres_url) == expected


def test_a_load_is_the_same_on_a_server_of_another_version(tcp_postgres_url: str, expected: Digests) -> None:
    for name in ("client_encoding", "datestyle", "quote_all_identifiers", "default_transaction_read_only"):
        query(tcp_postgres_url, f"ALTER DATABASE {database_of(tcp_postgres_url)} SET {assignment(name)}")
    load(tcp_postgres_url)
    query(with_database(tcp_postgres_url, "template1"), f"ALTER DATABASE {database_of(tcp_postgres_url)} RESET ALL")
    assert digests(tcp_postgres_url) == expected


def test_a_load_is_the_same_whatever_is_set_for_the_role(postgres_url: str, expected: Digests) -> None:
    query(postgres_url, "DROP ROLE IF EXISTS mara; DROP ROLE IF EXISTS tables_owner")
    query(postgres_url, "CREATE ROLE tables_owner; CREATE ROLE mara LOGIN; GRANT tables_owner TO mara")
    query(postgres_url, f"GRANT CREATE ON DATABASE {database_of(postgres_url)} TO tables_owner")
    for name, value in (("client_encoding", "WIN1252"), ("role", "tables_owner"), ("bytea_output", "escape")):
        query(postgres_url, f"ALTER ROLE mara SET {name} = {value}")
    load(from_config({**parse_dsn(postgres_url), "user": "mara"}))
    assert digests(postgres_url) == expected
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'skype'"
    assert query(postgres_url, owners) == [("tables_owner",)]
    query(postgres_url, "DROP OWNED BY tables_owner, mara; DROP ROLE mara, tables_owner")


def test_what_only_a_superuser_may_set_back_is_refused_by_name(postgres_url: str) -> None:
    query(postgres_url, "DROP ROLE IF EXISTS theo; CREATE ROLE theo LOGIN")
    query(postgres_url, "ALTER ROLE theo SET session_replication_role = replica")
    with pytest.raises(DatabaseError, match=r'"session_replication_role" .* foreign keys off.* RESET'):
        Session(from_config({**parse_dsn(postgres_url), "user": "theo"}))
    query(postgres_url, "DROP ROLE theo")


@pytest.mark.parametrize(
    "variables",
    [
        {"PGCLIENTENCODING": "LATIN1"},
        {"PGOPTIONS": "-c client_encoding=LATIN1 -c default_transaction_read_only=on"},
        {"PGTZ": "America/St_Johns", "PGDATESTYLE": "German"},
        {"PGGEQO": "off", "PGAPPNAME": "somebody's"},
        {"PGSERVICE": "a"},
    ],
    ids=lambda variables: "+".join(variables),
)
def test_a_load_is_the_same_whatever_the_environment_has_for_libpq(
    variables: dict[str, str], postgres_url: str, expected: Digests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "services").write_text("[a]\nclient_encoding=LATIN1\noptions=-c datestyle=German\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    load(postgres_url)
    for name in variables:
        monkeypatch.delenv(name)
    assert digests(postgres_url) == expected


@pytest.mark.parametrize(
    "keywords", ["client_encoding=LATIN1", "options=-c%20client_encoding%3DLATIN1%20-c%20bytea_output%3Descape"]
)
def test_a_load_is_the_same_whatever_its_url_says(keywords: str, postgres_url: str, expected: Digests) -> None:
    load(f"{postgres_url}&{keywords}")
    assert digests(postgres_url) == expected


def test_options_of_the_url_and_the_environment_stay_in_force(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = "SELECT current_setting('work_mem')"
    with Session(f"{postgres_url}&options=-c%20work_mem%3D5MB") as session:
        assert session.rows(asked) == [("5MB",)]
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=6MB")
    with Session(postgres_url) as session:
        assert session.rows(asked) == [("6MB",)]


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP", "WIN1252"])
def test_a_database_of_another_encoding_is_refused_with_what_to_do(encoding: str, server: str) -> None:
    name = f"in_{encoding.lower()}"
    made = f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
    query(server, made)
    with pytest.raises(DatabaseError, match=f"database {name} has the encoding {encoding}.* must be UTF8") as refused:
        Session(with_database(server, name))
    remedy = re.search(r"\((CREATE DATABASE name .*?)\)", str(refused.value))
    assert remedy
    query(server, remedy[1].replace(" name ", f" {name}_remedy "))
    Session(with_database(server, f"{name}_remedy")).close()
    for each in (name, f"{name}_remedy"):
        query(server, f"DROP DATABASE {each}")


def test_a_standby_is_refused_for_a_load_and_will_do_for_questions(new_server_folder: Path) -> None:
    server = EmbeddedServer(new_server_folder, settings={"wal_level": "replica", "max_wal_senders": "2"})
    server.start()
    load(server.url())
    server.stop()
    (server.data / "standby.signal").touch()
    server.start()
    with pytest.raises(DatabaseError, match=r"database skype is a standby, .* name the primary"):
        Session(server.url())
    with Session(server.url(), read_only=True) as session:
        assert session.rows("SELECT count(*) FROM skype.messages") == [(2,)]


def test_a_session_for_questions_cannot_write(postgres_url: str) -> None:
    with Session(postgres_url, read_only=True) as session:
        for _ in range(2):
            with pytest.raises(Rejected, match="read-only"), session.transaction():
                session.execute("CREATE TABLE public.x (y integer)")


def test_nothing_that_a_session_sets_stays_in_the_connection(postgres_url: str) -> None:
    """Behind a pooler the next one who gets it may be somebody else."""
    with Session(postgres_url) as session, psycopg2.connect(postgres_url) as other, other.cursor() as cursor:
        session.rows("SELECT 1")
        plain = session._connection.cursor()  # pyright: ignore[reportPrivateUsage] - a statement without a transaction of ours
        plain.execute("SELECT current_setting('timezone'), current_setting('row_security'), current_setting('role')")
        cursor.execute("SELECT current_setting('timezone'), current_setting('row_security'), current_setting('role')")
        assert plain.fetchall() == cursor.fetchall()
        plain.close()


def test_a_machine_of_which_nothing_is_heard_is_asked_after_half_a_minute(tcp_postgres_url: str) -> None:
    """One that is gone within a COPY would hold its locks for the two hours after which Linux asks by itself."""
    with Session(tcp_postgres_url) as session, session.transaction():
        [(server, client)] = session.rows("SELECT inet_server_port(), inet_client_port()")
        assert 0 < seconds_to_keepalive(server, client) <= 30
        asked = "SELECT current_setting($1)::integer"
        assert [session.rows(asked, f"tcp_keepalives_{name}") for name in ("interval", "count")] == [[(10,)], [(3,)]]


def seconds_to_keepalive(port: int, peer: int) -> float:
    """In how many seconds the system asks whether the other end of a connection is there (proc_pid_net(5))."""
    for _ in range(500):
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            _, local, remote, _, _, timer, *_ = line.split()
            if (int(local.split(":")[1], 16), int(remote.split(":")[1], 16)) == (port, peer):
                kind, ticks = timer.split(":")
                if kind == "02":  # until then, that of something that is not confirmed yet
                    return int(ticks, 16) / os.sysconf("SC_CLK_TCK")
        time.sleep(0.01)
    raise AssertionError("nobody is going to ask")


def test_a_connection_that_is_lost_between_two_transactions_is_replaced(postgres_url: str) -> None:
    with Session(postgres_url) as session, Session(postgres_url) as other:
        process = session.rows("SELECT pg_backend_pid()")[0][0]
        other.rows("SELECT pg_terminate_backend($1::integer, 5000)", process)
        assert session.rows("SELECT pg_backend_pid()")[0][0] != process


def test_between_two_transactions_none_is_open(postgres_url: str) -> None:
    with Session(postgres_url) as session, Session(postgres_url) as other:
        process = session.rows("SELECT pg_backend_pid()")[0][0]
        assert other.rows("SELECT state FROM pg_stat_activity WHERE pid = $1::integer", process) == [("idle",)]


def test_the_servers_language_shows_no_values_of_rows(postgres_url: str) -> None:
    """What is behind DETAIL, CONTEXT and LINE quotes rows, and is called otherwise in other languages."""
    with Session(postgres_url) as session, pytest.raises(Rejected) as refused, session.transaction():
        session.execute("SELECT 'my secret diary', * FROM nowhere")
    assert str(refused.value) == 'database: relation "nowhere" does not exist'
