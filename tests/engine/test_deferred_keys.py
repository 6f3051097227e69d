"""A campaign may leave foreign keys to its end: the rows are the same, and nobody takes the tables for complete."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from skype_assets.etl import engine
from skype_assets.etl.database import completion
from skype_assets.etl.database.registered import all_registered
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.phases import KEYS_DEFERRED
from skype_assets.etl.sample import write_overlapping, write_sample
from skype_assets.etl.task import Task
from skype_assets.etl.tasks.findings import references
from skype_assets.etl.tasks.record import TaskRecord
from skype_assets.etl.tasks.unloading import unload
from tests.conftest import NewDatabase
from tests.engine.database_content import Digests, digests, query
from tests.engine.runs import Interruption, at, interrupt, task

KEYS = "SELECT conname FROM pg_constraint WHERE connamespace = 'skype'::regnamespace AND contype = 'f'"
INDEXES = "SELECT count(*) FROM pg_indexes WHERE schemaname = 'skype' AND indexname NOT LIKE '%pkey'"


@pytest.fixture(scope="module")
def transformed(tmp_path_factory: pytest.TempPathFactory) -> list[Task]:
    """Two exports of an account, and one of another."""
    folder = tmp_path_factory.mktemp("campaign")
    paths = [*write_overlapping(folder, exports=2, messages=200), folder / "other.tar"]
    write_sample(paths[-1], messages=100, owner="8:live:other")
    tasks = [task(path.stem, folder / "out", path, None, 70) for path in paths]
    for one in tasks:
        engine.run_phase(one, "extract")
        engine.run_phase(one, "transform")
    return tasks


@pytest.fixture(scope="module")
def expected(transformed: list[Task], new_database: NewDatabase) -> Digests:
    url = new_database()
    for one in transformed:
        engine.run_phase(replace(one, database=url), "load")
    return digests(url)


@pytest.fixture
def campaign(transformed: list[Task], new_database: NewDatabase) -> list[Task]:
    """The same, to be loaded into a new database with keys deferred."""
    url = new_database()
    deferring = replace(transformed[0].settings, defer_constraints=True)
    return [replace(one, database=url, settings=deferring) for one in transformed]


def loaded(campaign: list[Task]) -> str:
    for one in campaign:
        engine.run_phase(one, "load")
    assert campaign[0].database
    return campaign[0].database


def with_session(url: str, ask: Callable[[Session], bool]) -> bool:
    with Session(url) as session:
        return ask(session)


def test_rows_are_the_same_without_keys_and_with_those_that_come_after_the_last(
    campaign: list[Task], expected: Digests
) -> None:
    url = loaded(campaign)
    assert query(url, KEYS) == []
    assert query(url, INDEXES)[0][0] > 0
    assert digests(url) == expected
    assert with_session(url, completion.is_due)
    with Session(url) as session:
        completion.complete(session, sessions=2)
    assert not with_session(url, completion.is_due)
    assert digests(url) == expected


def test_a_load_that_is_interrupted_goes_on_with_keys_deferred(campaign: list[Task], expected: Digests) -> None:
    with pytest.raises(Interruption):
        engine.run_phase(campaign[0], "load", at("load", 2, interrupt))
    url = loaded(campaign)
    assert query(url, KEYS) == []
    assert digests(url) == expected


def test_a_deferring_load_is_done_for_a_deferring_run_and_another_completes_the_tables_and_says_so(
    campaign: list[Task], expected: Digests, caplog: pytest.LogCaptureFixture
) -> None:
    url = loaded(campaign)
    again = engine.run_phase(campaign[0], "load")
    assert again.from_checkpoint
    assert again.state.counts()[KEYS_DEFERRED] == 1
    assert "db complete" not in caplog.text
    strict = replace(campaign[0], settings=replace(campaign[0].settings, defer_constraints=False))
    with caplog.at_level(logging.WARNING):
        result = engine.run_phase(strict, "load")
    assert "`skype-assets db complete` does it, or this load, now" in caplog.text
    assert not result.from_checkpoint
    assert KEYS_DEFERRED not in result.state.counts()
    assert with_session(url, completion.is_complete)
    assert digests(url) == expected
    assert engine.run_phase(campaign[1], "load").from_checkpoint


def test_the_check_of_references_asks_what_it_can_while_they_are_deferred(campaign: list[Task]) -> None:
    url = loaded(campaign)
    with Session(url) as session:
        export = all_registered(session)[-1]
        assert references(session, export, defers_keys=True).passed
        assert completion.INCOMPLETE in references(session, export).detail
        assert not references(session, export).passed
        query(url, "UPDATE skype.messages SET edit_of = 'nothing'")
        assert not references(session, export, defers_keys=True).passed


def test_in_a_database_that_has_its_keys_nothing_is_deferred(campaign: list[Task], transformed: list[Task]) -> None:
    url = loaded([replace(campaign[0], settings=transformed[0].settings)])
    result = engine.run_phase(campaign[1], "load")
    assert KEYS_DEFERRED not in result.state.counts()
    assert with_session(url, completion.is_complete)


def test_an_export_is_unloaded_while_keys_are_deferred(
    campaign: list[Task], transformed: list[Task], new_database: NewDatabase
) -> None:
    url, without = loaded(campaign), new_database()
    for one in transformed[1:]:
        engine.run_phase(replace(one, database=without), "load")
    assert unload(campaign[0]).status == "unloaded"
    assert digests(url) == digests(without)
    engine.run_phase(campaign[0], "load")  # as it was for the others


def test_rows_that_refer_to_nothing_keep_the_tables_from_being_complete(campaign: list[Task]) -> None:
    url = loaded(campaign)
    query(url, "INSERT INTO skype.rejects VALUES ('e', 1, 'messages.json', 0, 1, '19:c', 'not an object')")
    for _ in range(2):
        with Session(url) as session, pytest.raises(DatabaseError, match="rejects_export_id_fkey"):
            completion.complete(session)
        assert with_session(url, completion.is_due)
    query(url, "DELETE FROM skype.rejects WHERE export_id = 'e'")
    with Session(url) as session:
        completion.complete(session)
    assert with_session(url, completion.is_complete)


def test_a_task_that_is_resumed_defers_as_it_did(campaign: list[Task], tmp_path: Path) -> None:
    record = TaskRecord.for_task(campaign[0])
    (tmp_path / "manifest.json").write_bytes(record.encoded())
    assert TaskRecord.load(tmp_path / "manifest.json").settings.defer_constraints
