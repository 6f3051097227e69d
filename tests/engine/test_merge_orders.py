"""Overlapping exports make one history, in whatever order and however often they are loaded (promises I6, I10)."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from skype_assets.etl import engine
from skype_assets.etl.sample import write_overlapping
from skype_assets.etl.task import Task
from tests.conftest import NewDatabase
from tests.engine.database_content import differences_from_reference, digests, row_versions
from tests.engine.runs import Interruption, at, interrupt, task

RUN_TABLES = {"exports", "attempts"}


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_overlapping(tmp_path_factory.mktemp("exports"), exports=3, messages=300)


@pytest.fixture(scope="module")
def transformed(exports: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[Task]:
    """A task for each export, ready to be loaded anywhere; parts of different sizes."""
    folder = tmp_path_factory.mktemp("transformed")
    tasks = [task(f"t{n}", folder, path, None, 150 + 100 * n) for n, path in enumerate(exports)]
    for one in tasks:
        engine.run_phase(one, "extract")
        engine.run_phase(one, "transform")
    return tasks


@pytest.fixture(scope="module")
def merged(transformed: list[Task], new_database: NewDatabase) -> Task:
    """The database after the exports in the order of their dates, as that of the last task."""
    return _load(transformed, new_database())[-1]


def _load(tasks: list[Task], url: str) -> list[Task]:
    """Load tasks one after the other; what their checkpoints say was loaded elsewhere, the ledger does not know."""
    loaded = [replace(one, database=url) for one in tasks]
    for one in loaded:
        engine.run_phase(one, "load")
    return loaded


def test_three_exports_make_the_history_of_the_reference(merged: Task, exports: list[Path]) -> None:
    assert merged.database
    assert differences_from_reference(merged.database, exports) == []


@pytest.mark.parametrize("order", [order for order in permutations(range(3)) if order != (0, 1, 2)])
def test_three_exports_in_any_order_make_the_same_history(
    order: tuple[int, ...], transformed: list[Task], merged: Task, new_database: NewDatabase
) -> None:
    url = new_database()
    _load([transformed[number] for number in order], url)
    assert digests(url) == digests(merged.database)


@pytest.mark.parametrize("order", [(0, 2), (2, 0)])
def test_two_exports_make_the_history_of_the_reference(
    order: tuple[int, ...], transformed: list[Task], exports: list[Path], new_database: NewDatabase
) -> None:
    url = new_database()
    _load([transformed[number] for number in order], url)
    assert differences_from_reference(url, [exports[0], exports[2]]) == []


@pytest.mark.parametrize("number", range(3))
def test_an_export_that_is_loaded_changes_no_row_when_another_task_loads_it(
    number: int, exports: list[Path], merged: Task, new_database: NewDatabase, tmp_path: Path
) -> None:
    url = new_database(like=merged.database)
    before = row_versions(url)
    results = engine.run(task("another", tmp_path, exports[number], url, 150 + 100 * number))
    assert not any(result.from_checkpoint for result in results)
    after = row_versions(url)
    assert {name for name in before if before[name] != after[name]} <= RUN_TABLES
    assert digests(url) == digests(merged.database)


@pytest.mark.parametrize("chunk_size", [30, 10_000])
def test_an_export_loaded_again_in_parts_of_another_size_makes_the_same_history(
    chunk_size: int, exports: list[Path], merged: Task, new_database: NewDatabase, tmp_path: Path
) -> None:
    url = new_database(like=merged.database)
    engine.run(task("another", tmp_path, exports[0], url, chunk_size))
    assert digests(url) == digests(merged.database)


def test_a_merge_that_is_interrupted_goes_on_to_the_same_history(
    transformed: list[Task], merged: Task, new_database: NewDatabase
) -> None:
    url = new_database()
    _load(transformed[1:], url)
    late = replace(transformed[0], database=url)
    with pytest.raises(Interruption):
        engine.run_phase(late, "load", at("load", 2, interrupt))
    engine.run_phase(late, "load")
    assert digests(url) == digests(merged.database)
