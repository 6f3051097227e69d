"""``db create``: the tables before anything is loaded, in partitions if that is asked for."""

from pathlib import Path

import pytest

from tests.command_line.conftest import Invoke
from tests.engine.database_content import query

KINDS = "SELECT relkind, count(*) FROM pg_class WHERE relnamespace = 'skype'::regnamespace AND relname ~ '^links' "
TABLES = f"{KINDS} AND relkind IN ('r', 'p') GROUP BY 1 ORDER BY 1"


def test_tables_are_created_in_partitions_loaded_and_verified(invoke: Invoke, database: str, sample_tar: Path) -> None:
    created = invoke("db", "create", "--partitions", 4)
    assert (created.exit_code, created.stdout) == (0, "the tables are there, in 4 partitions\n")
    assert query(database, TABLES) == [("p", 1), ("r", 4)]
    assert invoke("run", sample_tar, "--task-id", "sample").exit_code == 0
    assert invoke("verify", "sample").exit_code == 0
    assert invoke("verify", "--all").exit_code == 0
    again = invoke("db", "create", "--partitions", 4)
    assert again.exit_code == 5
    assert "the tables are there already" in again.stderr
    assert invoke("db", "create").exit_code == 0
    assert query(database, TABLES) == [("p", 1), ("r", 4)]


def test_without_partitions_they_are_what_the_first_load_makes(invoke: Invoke, database: str) -> None:
    assert invoke("db", "create").stdout == "the tables are there\n"
    assert query(database, TABLES) == [("r", 1)]


def test_a_number_of_partitions_that_makes_no_sense_is_refused(invoke: Invoke, database: str) -> None:
    assert invoke("db", "create", "--partitions", 1).exit_code == 2
    assert query(database, "SELECT to_regnamespace('skype') IS NULL") == [(True,)]


def test_an_older_server_is_refused_by_name(
    invoke: Invoke, tcp_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYPE_DATABASE_URL", tcp_postgres_url)
    refused = invoke("db", "create", "--partitions", 4)
    assert refused.exit_code == 5
    assert "this server is PostgreSQL 1" in refused.stderr
