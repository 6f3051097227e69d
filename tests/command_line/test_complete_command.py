"""``run --defer-constraints`` and ``db complete``: a database that is not complete says so at every door."""

from pathlib import Path

import pytest

from skype_assets.etl.crash_points import VARIABLE
from skype_assets.etl.database.completion import INCOMPLETE
from tests.command_line.conftest import Invoke, Start
from tests.engine.database_content import digests, query

UNCHECKED = "SELECT count(*) FILTER (WHERE NOT convalidated), count(*) FROM pg_constraint WHERE contype = 'f'"


@pytest.fixture
def deferred(invoke: Invoke, database: str, sample_tar: Path) -> str:
    ran = invoke("run", sample_tar, "--task-id", "sample", "--defer-constraints")
    assert ran.exit_code == 0
    assert query(database, UNCHECKED) == [(0, 0)]
    return database


def test_it_says_so_at_every_door_until_it_is_completed(invoke: Invoke, deferred: str, start: Start) -> None:
    assert "1 of these left foreign keys to skype-assets db complete" in invoke("status").stderr
    assert f"tables: {INCOMPLETE}" in invoke("db", "status").stdout
    for command in (("verify", "sample"), ("verify", "--all")):
        verified = invoke(*command)
        assert verified.exit_code == 11
        assert INCOMPLETE in verified.stdout + verified.stderr
    reader = start("read", "--no-open", "--port", 0)
    assert reader.stdout
    assert reader.stdout.readline().startswith("reader: ")
    reader.terminate()
    assert f"note: {INCOMPLETE}" in reader.communicate(timeout=30)[1]
    before = digests(deferred)
    completed = invoke("db", "complete")
    assert completed.exit_code == 0
    assert "messages: done" in completed.stderr
    assert "complete: every row refers to rows that are there" in completed.stdout
    assert "tables: nothing is to be done for them" in invoke("db", "status").stdout
    assert invoke("verify", "sample").exit_code == 0
    assert invoke("verify", "--all").exit_code == 0
    assert digests(deferred) == before
    assert "nothing to do" in invoke("db", "complete").stdout


@pytest.mark.parametrize("point", ["foreign keys added", "table completed"])
def test_interrupted_it_is_repeated(
    point: str, invoke: Invoke, deferred: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"{point}:kill:1")
    killed = start("db", "complete", "--max-workers", 1)
    killed.communicate(timeout=60)
    assert killed.returncode == -9
    monkeypatch.delenv(VARIABLE)
    unchecked, keys = query(deferred, UNCHECKED)[0]
    assert keys >= unchecked > 0
    assert f"tables: {INCOMPLETE}" in invoke("db", "status").stdout
    assert invoke("db", "complete").exit_code == 0
    assert query(deferred, UNCHECKED) == [(0, keys)]


def test_the_environment_defers_as_well_and_a_run_without_completes(
    invoke: Invoke, database: str, sample_tar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYPE_DEFER_CONSTRAINTS", "on")
    assert invoke("run", sample_tar, "--task-id", "sample").exit_code == 0
    assert query(database, UNCHECKED) == [(0, 0)]
    monkeypatch.delenv("SKYPE_DEFER_CONSTRAINTS")
    assert invoke("run", sample_tar, "--task-id", "sample").exit_code == 0
    assert "nothing to do" in invoke("db", "complete").stdout


def test_a_database_without_tables_is_none_to_complete(invoke: Invoke, database: str) -> None:
    refused = invoke("db", "complete")
    assert refused.exit_code == 5
    assert "no export is loaded in this database" in refused.stderr
    assert "tables: nothing is to be done" in invoke("db", "status").stdout
