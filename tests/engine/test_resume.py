"""Whatever was killed or failed on the way, a run ends with the database of an uninterrupted one (promises I1, I2)."""

import random
import time
from dataclasses import replace

import psutil
import pytest

from skype_assets.etl import engine
from skype_assets.etl.checkpoints.phase_checkpoint import PhaseCheckpoint
from skype_assets.etl.checkpoints.state import PartRecord
from skype_assets.etl.engine import loop
from skype_assets.etl.engine.journal import Progress
from skype_assets.etl.task import Task
from tests.conftest import NewDatabase
from tests.engine.database_content import digests, query, row_versions
from tests.engine.runs import Interruption, Pause, at, child, files_of, interrupt, recorded_files, stopped_child

KILLS = 4

_CONSTRAINTS_AND_INDEXES = (
    "SELECT conname FROM pg_constraint WHERE connamespace = 'skype'::regnamespace AND contype IN ('p', 'f') "
    "UNION SELECT indexname FROM pg_indexes WHERE schemaname = 'skype' ORDER BY 1"
)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_killed_at_random_instants_ends_like_an_uninterrupted_one(seed: int, finished: Task, fresh: Task) -> None:
    instants = random.Random(seed)
    recorded: dict[str, tuple[int, int]] = {}
    for _ in range(KILLS):
        with child(fresh) as victim:
            time.sleep(instants.uniform(0.02, 0.8))
            victim.kill()
        recorded |= recorded_files(fresh)
    engine.run(fresh)
    assert digests(fresh.database) == digests(finished.database)
    assert recorded.items() <= recorded_files(fresh).items()


@pytest.mark.parametrize("phase", engine.PHASES)
def test_a_phase_that_fails_goes_on_behind_the_parts_it_recorded(phase: str, finished: Task, fresh: Task) -> None:
    with pytest.raises(Interruption):
        engine.run(fresh, at(phase, 2, interrupt))
    recorded = recorded_files(fresh)
    told: list[Progress] = []
    results = engine.run(fresh, told.append)
    before = engine.PHASES.index(phase)
    assert [result.from_checkpoint for result in results] == [index < before for index in range(len(results))]
    assert recorded.items() <= recorded_files(fresh).items()
    assert next(progress for progress in told if progress.phase == phase).parts == 2
    assert digests(fresh.database) == digests(finished.database)


def test_a_first_load_that_was_interrupted_gets_its_foreign_keys_and_indexes_when_it_goes_on(
    finished: Task, fresh: Task
) -> None:
    with pytest.raises(Interruption):
        engine.run(fresh, at("load", 2, interrupt))
    begun, whole = (query(task.database, _CONSTRAINTS_AND_INDEXES) for task in (fresh, finished))
    assert begun
    assert len(begun) < len(whole)
    engine.run(fresh)
    assert query(fresh.database, _CONSTRAINTS_AND_INDEXES) == whole


def test_progress_never_goes_back_and_keeps_its_total_over_a_resume(fresh: Task) -> None:
    told: list[Progress] = []

    def observe(progress: Progress) -> None:
        told.append(progress)
        if len(told) in (3, 9, 14):
            interrupt()

    for _ in range(3):
        with pytest.raises(Interruption):
            engine.run(fresh, observe)
    engine.run(fresh, observe)
    for phase in engine.PHASES:
        own = [progress for progress in told if progress.phase == phase]
        done = [progress.done for progress in own]
        assert done == sorted(done)
        assert {progress.total for progress in own} == {done[-1]}


def test_what_follows_the_last_part_is_counted_and_said_and_no_later_attempt_says_less(
    fresh: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_BETWEEN_WORDS", 0.0)
    told: list[Progress] = []
    interrupted: set[str] = set()

    def observe(progress: Progress) -> None:
        told.append(progress)
        if progress.doing and progress.doing not in interrupted:
            interrupted.add(progress.doing)
            interrupt()

    while True:
        try:
            engine.run(fresh, observe)
        except Interruption:
            continue
        break
    assert {"comparing all rows", "indexes and foreign keys"} <= interrupted
    for phase in engine.PHASES:
        own = [progress for progress in told if progress.phase == phase]
        assert [progress.done for progress in own] == sorted(progress.done for progress in own)
        assert {progress.total for progress in own} == {own[-1].done}
        assert all(progress.done < progress.total for progress in own[:-1])
    afterwards = [progress for progress in told if progress.phase == "load" and progress.doing]
    assert {progress.handled for progress in afterwards} == {afterwards[0].to_handle}
    assert len({progress.done for progress in afterwards}) > 10


def test_a_crash_between_the_commit_and_its_record_doubles_nothing(
    finished: Task, fresh: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.run_phase(fresh, "extract")
    engine.run_phase(fresh, "transform")
    record = PhaseCheckpoint.record

    def crash(checkpoint: PhaseCheckpoint, part: PartRecord) -> None:
        if part.number == 2:
            interrupt()
        record(checkpoint, part)

    monkeypatch.setattr(PhaseCheckpoint, "record", crash)
    with pytest.raises(Interruption):
        engine.run_phase(fresh, "load")
    monkeypatch.undo()
    assert query(fresh.database, "SELECT part FROM skype.load_parts ORDER BY part") == [(0,), (1,), (2,)]
    committed = query(fresh.database, "SELECT message_id, xmin::text FROM skype.messages")
    engine.run_phase(fresh, "load")
    assert digests(fresh.database) == digests(finished.database)
    assert set(committed) <= set(query(fresh.database, "SELECT message_id, xmin::text FROM skype.messages"))


def test_a_complete_checkpoint_is_loaded_again_into_an_empty_database(
    copied: Task, finished: Task, new_database: NewDatabase
) -> None:
    elsewhere = replace(copied, database=new_database())
    results = engine.run(elsewhere)
    assert [result.from_checkpoint for result in results] == [True, True, False]
    assert digests(elsewhere.database) == digests(finished.database)


def test_parts_that_the_ledger_lost_are_loaded_again(copied: Task, finished: Task) -> None:
    query(copied.database, "DELETE FROM skype.load_parts WHERE part >= 2")
    assert not engine.run_phase(copied, "load").from_checkpoint
    assert digests(copied.database) == digests(finished.database)


def test_a_second_run_writes_nothing(copied: Task, finished: Task) -> None:
    files, rows = files_of(copied.output_dir), row_versions(copied.database)
    assert all(result.from_checkpoint for result in engine.run(copied))
    assert files_of(copied.output_dir) == files
    assert row_versions(copied.database) == rows


def test_the_export_is_not_needed_once_it_is_extracted(fresh: Task, finished: Task) -> None:
    engine.run_phase(fresh, "extract")
    engine.run(replace(fresh, source=None))
    assert digests(fresh.database) == digests(finished.database)


def test_the_workers_of_a_killed_run_end_with_it(fresh: Task) -> None:
    """Else they wait for work for ever, and with them the connections and the memory that they hold."""
    wide = replace(fresh, settings=replace(fresh.settings, chunk_size=30, max_workers=2))
    with stopped_child(wide, Pause("extract", 2)) as victim:
        workers = psutil.Process(victim.pid).children(recursive=True)
        assert workers
        victim.kill()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []
