"""Whatever stopped a pipeline, its manifest is where it goes on: the same database, and nothing done twice."""

import logging
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from skype_assets import ETLContext, ETLPipeline
from skype_assets.etl import engine
from skype_assets.etl.engine.journal import Progress
from skype_assets.etl.errors import CheckpointDamaged, PhaseFailed, UsageError
from skype_assets.etl.export.source import fingerprint
from skype_assets.etl.phases import FOLDERS, PHASES
from skype_assets.etl.task import Settings, Task
from tests.api.conftest import CHUNK_SIZE, Place
from tests.api.scripts import kill_in
from tests.conftest import NewDatabase
from tests.engine.database_content import digests, query, row_versions
from tests.engine.runs import at, files_of, interrupt, recorded_files

Damage = Callable[[Path], object]


def task_of(place: Place) -> Task:
    return Task("t", place.output_dir, place.export, place.url, Settings(chunk_size=CHUNK_SIZE, max_workers=1))


def interrupted(place: Place, phase: str, parts: int) -> None:
    with pytest.raises(PhaseFailed):
        place.pipeline(at(phase, parts, interrupt), task_id="t").run_pipeline(place.export)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def part(place: Place, phase: str, table: str, number: int) -> Path:
    [found] = (place.output_dir / "t" / FOLDERS[phase]).glob(f"{table}-{number:05d}-*.parquet")
    return found


@pytest.mark.parametrize("phase", PHASES)
def test_a_run_killed_in_a_phase_goes_on_from_its_manifest(phase: str, place: Place, finished: Place) -> None:
    kill_in(place, phase)
    recorded = recorded_files(task_of(place))
    context = ETLContext.load_from_checkpoint_file(place.manifest)
    assert (context.current_phase, context.get_phase_status(phase)) == (None, "interrupted")
    told: list[Progress] = []
    pipeline = ETLPipeline(context=context, observer=told.append)
    assert pipeline.get_available_checkpoints() == list(PHASES[: PHASES.index(phase)])
    results = pipeline.run_pipeline(file_path=place.export, resume_from_checkpoint=True)
    assert (results["success"], results["resumed"], results["resumed_from_phase"]) == (True, True, phase)
    assert next(progress for progress in told if progress.phase == phase).parts == 2
    assert recorded.items() <= recorded_files(task_of(place)).items()
    assert digests(place.url) == digests(finished.url)


@pytest.mark.parametrize("phase", PHASES)
def test_a_failed_run_goes_on_with_and_without_the_flag(phase: str, place: Place, finished: Place) -> None:
    interrupted(place, phase, 2)
    assert ETLContext.load_from_checkpoint_file(place.manifest).get_phase_status(phase) == "failed"
    with pytest.raises(PhaseFailed) as failed:
        place.pipeline(at(phase, 4, interrupt), task_id="t").run_pipeline(place.export)
    assert failed.value.results["resumed_from_phase"] == phase
    results = place.pipeline(task_id="t").run_pipeline(place.export, resume_from_checkpoint=True)
    assert (results["resumed"], results["resumed_from_phase"], results["error_count"]) == (True, phase, 0)
    before = PHASES.index(phase)
    assert [results["phases"][name]["from_checkpoint"] for name in PHASES] == [n < before for n in range(3)]
    context = ETLContext.load_from_checkpoint_file(place.manifest)
    assert [error.phase for error in context.errors] == [phase, phase]
    assert digests(place.url) == digests(finished.url)


def test_the_rate_of_a_resumed_phase_counts_only_what_was_done_anew(place: Place) -> None:
    interrupted(place, "transform", 4)
    results = place.pipeline(task_id="t").run_pipeline(place.export)
    figures = results["phases"]["transform"]
    report = ETLContext.load_from_checkpoint_file(place.manifest).phase_results["transform"]
    assert 0 < report.messages_resumed < figures["messages"]
    done = figures["messages"] - report.messages_resumed
    assert figures["messages_per_second"] == pytest.approx(done / figures["duration_seconds"], rel=0.01)


def test_nothing_to_resume_is_said_and_the_run_begins(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    results = place.pipeline(task_id="t").run_pipeline(place.export, resume_from_checkpoint=True)
    assert "task t has nothing to resume; it begins at the beginning" in caplog.text
    assert "resumed" not in results


def test_a_finished_run_has_nothing_left_to_resume(copied: Place) -> None:
    files, rows = files_of(copied.output_dir), row_versions(copied.url)
    pipeline = ETLPipeline.load_from_checkpoint(copied.manifest, copied.url)
    results = pipeline.run_pipeline(copied.export, resume_from_checkpoint=True)
    assert (results["resumed"], results["resumed_from_phase"]) == (True, None)
    assert (files_of(copied.output_dir), row_versions(copied.url)) == (files, rows)


@pytest.mark.parametrize("phase", PHASES)
def test_a_moved_folder_resumes(phase: str, place: Place, finished: Place, tmp_path: Path) -> None:
    interrupted(place, phase, 2)
    moved = tmp_path / "elsewhere" / "moved"
    moved.parent.mkdir()
    place.output_dir.rename(moved)
    pipeline = ETLPipeline.load_from_checkpoint(moved / "etl_checkpoint_t.json")
    results = pipeline.run_pipeline(place.export, resume_from_checkpoint=True)
    assert results["resumed_from_phase"] == phase
    assert results["checkpoint_file"] == str(moved / "etl_checkpoint_t.json")
    assert not place.output_dir.exists()
    assert digests(place.url) == digests(finished.url)


@pytest.mark.parametrize("name_it", [True, False])
def test_the_export_may_be_gone_once_extract_is_complete(name_it: bool, place: Place, finished: Place) -> None:
    interrupted(place, "transform", 2)
    place.export.unlink()
    pipeline = ETLPipeline.load_from_checkpoint(place.manifest)
    results = pipeline.run_pipeline(place.export if name_it else None, resume_from_checkpoint=True)
    assert results["success"]
    assert digests(place.url) == digests(finished.url)


def test_the_export_may_not_be_gone_before_that(place: Place) -> None:
    interrupted(place, "extract", 2)
    files = files_of(place.output_dir)
    place.export.unlink()
    pipeline = ETLPipeline.load_from_checkpoint(place.manifest)
    with pytest.raises(UsageError, match=r"skype_export\.tar is not there, and it is needed until extract is complete"):
        pipeline.run_pipeline(resume_from_checkpoint=True)
    assert files_of(place.output_dir) == files


@pytest.mark.parametrize("emptied", ["DROP SCHEMA skype CASCADE", "TRUNCATE skype.exports CASCADE", "another database"])
def test_an_emptied_database_is_loaded_again(
    emptied: str, copied: Place, finished: Place, new_database: NewDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    url = copied.url
    if emptied == "another database":
        url = new_database()
    else:
        query(copied.url, emptied)
        if emptied.startswith("TRUNCATE"):
            query(copied.url, "TRUNCATE skype.conversations, skype.load_parts, skype.media_files CASCADE")
    results = ETLPipeline.load_from_checkpoint(copied.manifest, url).run_pipeline(copied.export)
    assert [results["phases"][phase]["from_checkpoint"] for phase in PHASES] == [True, True, False]
    assert results["resumed_from_phase"] == "load"
    assert "the database no longer holds it" in caplog.text
    assert digests(url) == digests(finished.url)


def test_what_the_engine_began_is_resumed_from_its_manifest(place: Place, finished: Place) -> None:
    engine.run_phase(task_of(place), "extract")
    pipeline = ETLPipeline.load_from_checkpoint(place.manifest)
    results = pipeline.run_pipeline(resume_from_checkpoint=True)
    assert results["resumed_from_phase"] == "transform"
    assert all(result.from_checkpoint for result in engine.run(task_of(place)))
    assert digests(place.url) == digests(finished.url)


def test_other_settings_may_be_used_on_the_way(place: Place, finished: Place) -> None:
    interrupted(place, "extract", 3)
    with pytest.raises(PhaseFailed):
        place.pipeline(at("transform", 3, interrupt), task_id="t", chunk_size=40).run_pipeline(place.export)
    place.pipeline(task_id="t", chunk_size=500, batch_size=11, max_workers=2).run_pipeline(place.export)
    assert digests(place.url) == digests(finished.url)


# Damage behind a phase that is complete


@pytest.mark.parametrize("damage", [flip, Path.unlink])
@pytest.mark.parametrize("table", ["messages-00002", "conversations-00005"])
def test_a_damaged_transformed_part_is_made_again_when_load_meets_it(
    damage: Damage, table: str, place: Place, finished: Place, caplog: pytest.LogCaptureFixture
) -> None:
    interrupted(place, "load", 0)
    intact = recorded_files(task_of(place))
    name, number = table.split("-")
    damaged = part(place, "transform", name, int(number))
    damage(damaged)
    results = place.pipeline(task_id="t").run_pipeline(place.export)
    assert results["success"]
    assert digests(place.url) == digests(finished.url)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert any(str(damaged) in warning for warning in warnings)
    raw = {file: stamp for file, stamp in intact.items() if file.startswith("raw_export")}
    first = {file: stamp for file, stamp in intact.items() if "-00001-" in file}
    assert {**raw, **first}.items() <= recorded_files(task_of(place)).items()


@pytest.mark.parametrize("damage", [flip, Path.unlink])
@pytest.mark.parametrize("chunk_size", [CHUNK_SIZE, 40])
def test_a_damaged_raw_part_is_made_again_from_the_export(
    damage: Damage, chunk_size: int, place: Place, finished: Place, caplog: pytest.LogCaptureFixture
) -> None:
    interrupted(place, "transform", 2)
    damaged = part(place, "extract", "messages", 3)
    damage(damaged)
    results = place.pipeline(task_id="t", chunk_size=chunk_size).run_pipeline(place.export)
    assert results["success"]
    assert digests(place.url) == digests(finished.url)
    assert str(damaged) in caplog.text


def test_transformed_parts_of_raw_parts_that_became_others_are_made_again(place: Place, finished: Place) -> None:
    interrupted(place, "transform", 5)
    flip(part(place, "extract", "conversations", 2))  # only the end of transform reads it
    place.pipeline(task_id="t", chunk_size=40).run_pipeline(place.export)
    assert digests(place.url) == digests(finished.url)


def test_a_damaged_raw_part_without_the_export_is_an_error_that_says_so(place: Place, finished: Place) -> None:
    interrupted(place, "transform", 2)
    damaged = part(place, "extract", "messages", 3)
    intact = damaged.read_bytes()
    flip(damaged)
    recorded = recorded_files(task_of(place))
    export = place.export.rename(place.export.with_name("away"))
    with pytest.raises(PhaseFailed, match="only the export can replace it") as failed:
        ETLPipeline.load_from_checkpoint(place.manifest).run_pipeline()
    assert isinstance(failed.value.__cause__, CheckpointDamaged)
    assert failed.value.exit_code == 4
    assert str(damaged) in str(failed.value)
    assert recorded.items() <= recorded_files(task_of(place)).items()
    damaged.write_bytes(intact)
    assert ETLPipeline.load_from_checkpoint(place.manifest).run_pipeline()["success"]
    assert digests(place.url) == digests(finished.url)
    export.rename(place.export)


def test_damage_in_two_phases_is_made_again_in_their_order(place: Place, finished: Place) -> None:
    interrupted(place, "load", 2)
    flip(part(place, "extract", "messages", 2))
    flip(part(place, "transform", "messages", 2))
    place.pipeline(task_id="t").run_pipeline(place.export)
    assert digests(place.url) == digests(finished.url)


@pytest.mark.parametrize("phase", PHASES)
def test_a_phase_whose_folder_is_gone_is_done_again_with_a_warning(
    phase: str, copied: Place, finished: Place, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(copied.output_dir / "t" / FOLDERS[phase])
    results = ETLPipeline.load_from_checkpoint(copied.manifest, copied.url).run_pipeline(copied.export)
    assert results["success"]
    assert not results["phases"][phase]["from_checkpoint"]
    assert f"{phase} is done again: its checkpoint is gone" in caplog.text
    assert digests(copied.url) == digests(finished.url)


def test_a_missing_file_of_a_complete_phase_shows_in_the_list_of_checkpoints(copied: Place) -> None:
    part(copied, "transform", "messages", 2).unlink()
    pipeline = ETLPipeline.load_from_checkpoint(copied.manifest, copied.url)
    assert pipeline.get_available_checkpoints() == ["extract"]
    assert pipeline.run_pipeline(copied.export)["success"]
    assert pipeline.get_available_checkpoints() == list(PHASES)


def test_the_fingerprint_of_a_folder_resumes_too(place: Place, finished: Place, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    subprocess.run(["tar", "-xf", place.export, "-C", folder], check=True)
    unpacked = Place(place.output_dir, place.url, folder)
    kill_in(unpacked, "extract")
    results = ETLPipeline.load_from_checkpoint(place.manifest).run_pipeline(folder, resume_from_checkpoint=True)
    assert results["resumed_from_phase"] == "extract"
    assert results["export_id"] == fingerprint(folder).sha256[:16]
