from pathlib import Path

import psycopg2
import pytest
from adbc_driver_postgresql import dbapi
from hypothesis import given
from hypothesis import strategies as st
from psycopg2.extensions import parse_dsn
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from skype_assets.etl.errors import UsageError
from skype_assets.etl.postgres import LIBPQ_TARGETS
from skype_assets.etl.postgres.embedded import EmbeddedServer
from skype_assets.etl.postgres.url import (
    from_config,
    normalize,
    password,
    reachable_url,
    redact,
    sqlalchemy_url,
    without_password,
)

printable = st.text(st.characters(min_codepoint=33, exclude_categories=["Cs"]), min_size=1, max_size=20)


@pytest.fixture(autouse=True)
def _no_database_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*LIBPQ_TARGETS, "SKYPE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_an_explicit_url_comes_before_the_variable_and_the_variable_before_those_of_libpq(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGHOST", "third.example")
    assert reachable_url() == "postgresql://"
    monkeypatch.setenv("SKYPE_DATABASE_URL", "postgres://second.example/chats")
    assert reachable_url() == "postgresql://second.example/chats"
    assert reachable_url("postgresql+psycopg2://first.example/chats") == "postgresql://first.example/chats"


def test_libpq_fills_in_what_its_variables_say(tcp_postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = parse_dsn(tcp_postgres_url)
    for keyword in ("host", "port", "user", "password"):
        if keyword in parts:
            monkeypatch.setenv(f"PG{keyword.upper()}", str(parts[keyword]))
    monkeypatch.setenv("PGDATABASE", parts["dbname"])
    assert _database_by_psycopg2(reachable_url()) == parts["dbname"]
    assert _database_by_adbc(reachable_url()) == parts["dbname"]
    assert _database_by_sqlalchemy(reachable_url()) == parts["dbname"]


def test_without_any_setting_the_embedded_server_is_started_in_the_chosen_folder(
    server_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYPE_POSTGRES_DIR", str(server_folder))
    monkeypatch.setenv("PGUSER", "somebody")  # says who, not where
    url = reachable_url()
    assert EmbeddedServer(server_folder).status()
    assert _database_by_psycopg2(url) == _database_by_adbc(url) == _database_by_sqlalchemy(url) == "skype"


def test_a_url_is_understood_by_every_driver_whatever_its_password(tcp_postgres_url: str, postgres_url: str) -> None:
    for url in (tcp_postgres_url, postgres_url):
        expected = parse_dsn(url)["dbname"]
        assert _database_by_psycopg2(url) == expected
        assert _database_by_adbc(url) == expected
        assert _database_by_sqlalchemy(url) == expected


@pytest.mark.parametrize(
    ("db_config", "url"),
    [
        ({}, "postgresql://"),
        ({"dbname": "chats", "user": "ann", "password": None}, "postgresql://ann@/chats"),
        (
            {"database": "chats", "username": "ann", "password": "a@b/c:d%", "hostname": "db.example", "port": 5433},
            "postgresql://ann:a%40b%2Fc%3Ad%25@db.example:5433/chats",
        ),
        ({"host": "/var/run/postgresql", "port": 5433}, "postgresql://?host=%2Fvar%2Frun%2Fpostgresql&port=5433"),
        ({"host": "::1", "dbname": "chats"}, "postgresql://[::1]/chats"),
        ({"host": "a.example,b.example", "port": "1,2"}, "postgresql://?host=a.example%2Cb.example&port=1%2C2"),
        ({"host": "db.example", "sslmode": "verify-full"}, "postgresql://db.example?sslmode=verify-full"),
    ],
)
def test_the_documented_db_config_becomes_a_url(db_config: dict[str, object], url: str) -> None:
    assert from_config(db_config) == url
    assert normalize(url) == url


@given(user=printable, secret=printable, dbname=printable)
def test_whatever_stands_in_a_db_config_comes_back_from_its_url(user: str, secret: str, dbname: str) -> None:
    config = {"user": user, "password": secret, "dbname": dbname, "host": "db.example", "port": "5433"}
    url = from_config(config)
    assert parse_dsn(url) == config
    assert password(url) == secret
    shown = make_url(sqlalchemy_url(url))
    assert (shown.username, shown.password, shown.database) == (user, secret, dbname)
    rest = parse_dsn(without_password(url))
    assert rest == {key: value for key, value in config.items() if key != "password"}


def test_a_keyword_under_two_names_is_refused() -> None:
    with pytest.raises(UsageError, match="names dbname twice"):
        from_config({"dbname": "one", "database": "two"})


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ann:hunter2@db.example/chats",
        "postgresql+asyncpg://ann:hunter2@db.example/chats",
        "postgresql://ann:hun@ter2@db.example/chats",
        "postgresql://ann:hun/ter2@db.example/chats",
        "postgresql://ann:12/hunter2@db.example/chats",
        "host=db.example password=hunter2",
        "hunter2",
    ],
)
def test_a_url_that_libpq_would_misread_is_refused_without_being_quoted(url: str) -> None:
    for function in (normalize, sqlalchemy_url, without_password, password, reachable_url):
        with pytest.raises(UsageError) as caught:
            function(url)
        assert "hun" not in str(caught.value)
        assert "ter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:hunter2@db.example/chats", "postgresql://ann@db.example/chats"),
        ("postgresql://:hunter2@db.example/chats", "postgresql://db.example/chats"),
        ("postgres://ann:@a.example:1,b.example:2/chats", "postgresql://ann@a.example:1,b.example:2/chats"),
        ("postgresql://ann:hun#t?er2@db.example", "postgresql://ann@db.example"),
        (
            "postgresql:///chats?user=ann&password=hunter2&sslmode=require",
            "postgresql:///chats?user=ann&sslmode=require",
        ),
        ("postgresql:///chats?p%61ssword=hunter2", "postgresql:///chats"),
        ("postgresql://ann@[::1]:5433/chats?sslpassword=hunter2", "postgresql://ann@[::1]:5433/chats"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_a_message_of_the_driver_is_shown_without_the_password() -> None:
    url = "postgresql://ann:p%40ss@db.example/chats?sslpassword=other"
    message = f"cannot connect to {url}: password 'p@ss' is wrong, so is other"
    assert redact(message, url) == (
        "cannot connect to postgresql://ann:***@db.example/chats?sslpassword=***: password '***' is wrong, so is ***"
    )


def _database_by_psycopg2(url: str) -> str:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_database()")
            return cursor.fetchall()[0][0]
    finally:
        connection.close()


def _database_by_adbc(url: str) -> str:
    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        return cursor.fetchall()[0][0]


def _database_by_sqlalchemy(url: str) -> str:
    engine = create_engine(sqlalchemy_url(url))
    try:
        with engine.connect() as connection:
            return connection.execute(text("SELECT current_database()")).scalar_one()
    finally:
        engine.dispose()
