"""The documented API of ETLPipeline, to the letter."""

import inspect
import os
import shutil
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

from skype_assets import ETLContext, ETLPipeline
from skype_assets.etl.engine.journal import Progress
from skype_assets.etl.errors import PhaseFailed, TaskBusy, UsageError
from skype_assets.etl.phases import PHASES
from skype_assets.etl.sample import write_sample
from tests.api.conftest import MESSAGES, Place
from tests.api.scripts import ending, run, start
from tests.conftest import NewDatabase
from tests.engine.database_content import digests, query, row_versions
from tests.engine.runs import Interruption, at, files_of, interrupt

KEYS = {
    "success", "status", "task_id", "export_id", "phases", "start_time", "end_time", "total_duration_seconds",
    "conversation_count", "message_count", "error_count", "checkpoint_file",
}  # fmt: skip
PHASE_KEYS = {"status", "duration_seconds", "conversations", "messages", "messages_per_second", "from_checkpoint"}

SNIPPETS = """
from skype_assets import ETLPipeline, ETLContext
db_config = {url!r}

pipeline = ETLPipeline(db_config=db_config, output_dir="output")
results  = pipeline.run_pipeline(file_path="skype_export.tar")
checkpoint_file = pipeline.save_checkpoint()                       # output/etl_checkpoint_<task_id>.json

assert checkpoint_file == f"output/etl_checkpoint_{{results['task_id']}}.json", checkpoint_file
import os
os.rename(checkpoint_file, "output/etl_checkpoint_123.json")

pipeline = ETLPipeline.load_from_checkpoint("output/etl_checkpoint_123.json")
results  = pipeline.run_pipeline(file_path="skype_export.tar", resume_from_checkpoint=True)
assert results["success"] and results["resumed"], results
"""

# Without `if __name__ == "__main__"`: the workers must not run it again.
WITH_WORKERS = """
import psutil
from skype_assets import ETLPipeline

print("begun")
workers = [0]

def observe(progress):
    found = psutil.Process().children(recursive=True)
    workers.append(sum(any("popen_loky" in word for word in child.cmdline()) for child in found))

pipeline = ETLPipeline({url!r}, "output", chunk_size=60, observer=observe, **{settings!r})
print(pipeline.run_pipeline(file_path="skype_export.tar")["success"], max(workers))
"""


def test_the_documented_snippets_run_as_they_are_written(place: Place, finished: Place) -> None:
    run(SNIPPETS.format(url=place.url), place.output_dir.parent)
    assert digests(place.url) == digests(finished.url)


@pytest.mark.parametrize(
    ("settings", "workers"),
    [({"max_workers": 2}, 2), ({"max_workers": 1}, 0), ({"max_workers": 2, "parallel_processing": False}, 0)],
)
def test_a_script_without_a_guard_runs_once_with_as_many_workers_as_it_says(
    settings: dict[str, Any], workers: int, place: Place, finished: Place
) -> None:
    told = run(WITH_WORKERS.format(url=place.url, settings=settings), place.output_dir.parent).splitlines()
    assert told == ["begun", f"True {workers}"]
    assert digests(place.url) == digests(finished.url)


def test_the_constructors_take_what_is_documented() -> None:
    documented = [
        "db_config", "output_dir", "memory_limit_mb", "parallel_processing", "chunk_size", "batch_size", "max_workers",
        "task_id",
    ]  # fmt: skip
    context, pipeline = (inspect.signature(kind).parameters for kind in (ETLContext, ETLPipeline))
    assert list(context) == [*documented, "media_only", "keep_media", "salvage", "defer_constraints"]
    assert list(pipeline) == [
        *documented,
        "context",
        "observer",
        "media_only",
        "keep_media",
        "salvage",
        "defer_constraints",
        "executor",
    ]
    for parameters in (context, pipeline):
        assert parameters["output_dir"].default is parameters["max_workers"].default is None
        assert parameters["memory_limit_mb"].default == 1024
        assert parameters["parallel_processing"].default is True


def test_the_methods_take_what_is_documented() -> None:
    def parameters(method: str) -> dict[str, Any]:
        found = inspect.signature(getattr(ETLPipeline, method)).parameters
        return {name: parameter.default for name, parameter in found.items() if name != "self"}

    assert parameters("save_checkpoint") == {"checkpoint_dir": None}
    assert parameters("load_from_checkpoint") == {"checkpoint_file": inspect.Parameter.empty, "db_config": None}
    assert parameters("run_pipeline") == {
        "file_path": None,
        "file_obj": None,
        "user_display_name": None,
        "resume_from_checkpoint": False,
    }


def test_the_result_has_the_documented_keys(place: Place) -> None:
    began = time.time()
    results = place.pipeline(task_id="t").run_pipeline(place.export)
    took = time.time() - began
    assert results.keys() == KEYS
    assert list(results["phases"]) == list(PHASES)
    assert all(phase.keys() == PHASE_KEYS for phase in results["phases"].values())
    assert (results["success"], results["status"], results["error_count"]) == (True, "completed", 0)
    assert (results["task_id"], results["checkpoint_file"]) == ("t", str(place.manifest))
    [(export_id, messages, conversations)] = query(
        place.url, "SELECT export_id, messages_loaded, conversation_count FROM skype.exports"
    )
    assert results["export_id"] == export_id
    assert (results["message_count"], results["conversation_count"]) == (messages, conversations)
    assert results["phases"]["extract"]["messages"] == MESSAGES
    assert query(place.url, "SELECT count(*) FROM skype.messages") == [(messages,)]
    seconds = [phase["duration_seconds"] for phase in results["phases"].values()]
    assert 0 < sum(seconds) <= results["total_duration_seconds"] <= took
    for phase in results["phases"].values():
        assert phase["messages_per_second"] == pytest.approx(phase["messages"] / phase["duration_seconds"], rel=0.01)


def test_a_failure_carries_the_result_names_the_phase_and_the_checkpoint(place: Place) -> None:
    with pytest.raises(PhaseFailed, match="transform failed: ") as failed:
        place.pipeline(at("transform", 2, interrupt), task_id="t").run_pipeline(place.export)
    assert isinstance(failed.value.__cause__, Interruption)
    assert (failed.value.phase, failed.value.checkpoint_file) == ("transform", str(place.manifest))
    assert str(place.manifest) in str(failed.value)
    results = failed.value.results
    assert results.keys() == KEYS
    assert all(phase.keys() == PHASE_KEYS for phase in results["phases"].values())
    assert (results["success"], results["status"], results["error_count"]) == (False, "failed", 1)
    assert [phase["status"] for phase in results["phases"].values()] == ["completed", "failed", "pending"]


def test_the_completed_phases_are_listed_in_their_order(place: Place) -> None:
    seen: list[list[str]] = []

    def observe(progress: Progress) -> None:
        if progress.parts == 0:
            seen.append(pipeline.get_available_checkpoints())

    pipeline = place.pipeline(observe)
    assert pipeline.get_available_checkpoints() == []
    pipeline.run_pipeline(place.export)
    assert seen == [[], ["extract"], ["extract", "transform"]]
    assert pipeline.get_available_checkpoints() == list(PHASES)


def test_the_same_export_again_changes_nothing_and_another_one_is_another_task(place: Place, tmp_path: Path) -> None:
    other = write_sample(tmp_path / "other.tar", messages=200, seed=2).path
    pipeline = place.pipeline()
    first = pipeline.run_pipeline(place.export)
    files, rows = files_of(place.output_dir), row_versions(place.url)
    again = pipeline.run_pipeline(place.export)
    assert (files_of(place.output_dir), row_versions(place.url)) == (files, rows)
    assert all(phase["from_checkpoint"] for phase in again["phases"].values())
    assert (again["task_id"], again["message_count"]) == (first["task_id"], first["message_count"])
    second = pipeline.run_pipeline(other)
    assert second["task_id"] != first["task_id"]
    assert pipeline.get_context().task_id == second["task_id"]
    assert query(place.url, "SELECT count(*) FROM skype.exports") == [(2,)]


def test_the_same_export_in_another_place_is_the_same_task(place: Place, tmp_path: Path) -> None:
    first = place.pipeline().run_pipeline(place.export)
    (tmp_path / "elsewhere").mkdir()
    again = place.pipeline().run_pipeline(place.export.rename(tmp_path / "elsewhere" / place.export.name))
    assert again["task_id"] == first["task_id"]
    assert all(phase["from_checkpoint"] for phase in again["phases"].values())


def test_three_pipelines_at_once_do_not_disturb_each_other(
    place: Place, new_database: NewDatabase, tmp_path: Path
) -> None:
    exports = [write_sample(tmp_path / f"{seed}.tar", messages=300, seed=seed).path for seed in (1, 2, 3)]

    def load(export: Path) -> bool:
        return place.pipeline(task_id=f"task-{export.stem}").run_pipeline(export)["success"]

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(load, exports)) == [True] * 3
    one_by_one = Place(tmp_path / "one by one", new_database(), place.export)
    for export in exports:
        one_by_one.pipeline().run_pipeline(export)
    assert digests(place.url) == digests(one_by_one.url)


def test_a_second_pipeline_of_one_task_is_refused_and_named_the_first(place: Place) -> None:
    owner = start(ending(place, "extract", 2, "SIGSTOP"), place.output_dir.parent / "scripts")
    try:
        while psutil.Process(owner.pid).status() != psutil.STATUS_STOPPED:
            assert owner.poll() is None
            time.sleep(0.01)
        with pytest.raises(TaskBusy, match=f"process {owner.pid} on {socket.gethostname()} since"):
            place.pipeline(task_id="t").run_pipeline(place.export)
    finally:
        owner.kill()
        owner.communicate()


@pytest.mark.parametrize("resume", [True, False])
def test_without_a_folder_it_fails_at_once(resume: bool) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    with pytest.raises(UsageError, match="output_dir is missing"):
        ETLPipeline(nowhere).run_pipeline("not there either.tar", resume_from_checkpoint=resume)


def test_without_an_export_or_with_two_it_fails_at_once(place: Place) -> None:
    with pytest.raises(UsageError, match="file_path is missing"):
        place.pipeline().run_pipeline()
    with place.export.open("rb") as stream, pytest.raises(UsageError, match="file_path and file_obj"):
        place.pipeline().run_pipeline(file_path=place.export, file_obj=stream)


def test_an_export_can_be_a_stream_which_is_kept_only_while_it_is_needed(place: Place, finished: Place) -> None:
    with place.export.open("rb") as stream, pytest.raises(PhaseFailed):
        place.pipeline(at("extract", 2, interrupt)).run_pipeline(file_obj=stream)
    pipeline = ETLPipeline.load_from_checkpoint(place.manifest, place.url)
    source = pipeline.get_context().file_source
    assert source is not None
    assert source.read_bytes() == place.export.read_bytes()
    place.export.unlink()
    results = pipeline.run_pipeline(resume_from_checkpoint=True)
    assert results["success"]
    assert results["task_id"].startswith("skype-export-")
    assert not source.exists()
    assert digests(place.url) == digests(finished.url)
    names = {path.name for path in place.output_dir.iterdir()}
    assert names == {results["task_id"], place.manifest.name, "media"}


def test_a_saved_copy_of_a_checkpoint_resumes_on_its_own(place: Place, finished: Place, tmp_path: Path) -> None:
    pipeline = place.pipeline(at("transform", 3, interrupt), task_id="t")
    with pytest.raises(PhaseFailed):
        pipeline.run_pipeline(place.export)
    copy = pipeline.save_checkpoint(tmp_path / "copy")
    assert copy == str(tmp_path / "copy" / "etl_checkpoint_t.json")
    shutil.rmtree(place.output_dir)
    place.export.unlink()
    done: list[Progress] = []
    resumed = ETLPipeline(place.url, context=ETLContext.load_from_checkpoint_file(copy), observer=done.append)
    results = resumed.run_pipeline(resume_from_checkpoint=True)
    assert results["resumed_from_phase"] == "transform"
    assert done[0].parts == 3
    assert digests(place.url) == digests(finished.url)


def test_a_saved_copy_does_not_change_with_the_original(copied: Place, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    ETLPipeline.load_from_checkpoint(copied.manifest).save_checkpoint(copy)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    for state in (copied.output_dir / "t").glob("*/state.json"):
        state.unlink()
    copied.pipeline(task_id="t", chunk_size=60).run_pipeline(copied.export)
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def test_the_display_name_is_the_name_of_the_owner(place: Place) -> None:
    place.pipeline().run_pipeline(place.export, user_display_name="Mara the Great")
    assert query(place.url, "SELECT owner_name FROM skype.exports") == [("Mara the Great",)]


def test_the_chunk_size_is_the_messages_of_a_part(place: Place) -> None:
    results = place.pipeline(task_id="t", chunk_size=100).run_pipeline(place.export)
    rows = [pq.read_metadata(file).num_rows for file in place.output_dir.glob("t/raw_export/messages-*.parquet")]
    assert sum(rows) == results["phases"]["extract"]["messages"]
    assert max(rows) == 100
    assert len(rows) == MESSAGES // 100


def test_the_batch_size_is_the_messages_transformed_at_a_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    iter_batches = pq.ParquetFile.iter_batches

    def noting(file: pq.ParquetFile, batch_size: int = 65_536, **options: Any) -> Any:
        asked.append(batch_size)
        return iter_batches(file, batch_size, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", noting)
    place.pipeline(batch_size=37).run_pipeline(place.export)
    assert 37 in asked
    asked.clear()
    place.pipeline(batch_size=37, task_id="again").run_pipeline(place.export)
    assert 37 in asked


@pytest.mark.parametrize("name", ["chunk_size", "batch_size", "memory_limit_mb", "max_workers"])
def test_a_setting_that_cannot_work_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is 0"):
        ETLPipeline(**{name: 0})  # pyright: ignore[reportArgumentType]


MEMORY = """
from skype_assets import ETLPipeline
pipeline = ETLPipeline({url!r}, "output", memory_limit_mb={limit}, chunk_size=1_000_000)
pipeline.run_pipeline("large.json")
print(pipeline.get_context().metrics["peak_memory_mb"])
"""


@pytest.mark.parametrize("limit", [160, 480])
def test_the_memory_limit_bounds_what_all_processes_use(limit: int, place: Place, tmp_path: Path) -> None:
    write_sample(tmp_path / "large.json", messages=12_000, conversations=1, media=False)
    process = start(MEMORY.format(url=place.url, limit=limit), tmp_path)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _anonymous_mb(process.pid))
        time.sleep(0.01)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert 50 < peak <= limit
    assert 50 < float(out) <= limit


def _anonymous_mb(pid: int) -> float:
    """Anonymous memory of a process and all its children, as the kernel counts it."""
    try:
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    kilobytes = 0
    for process in processes:
        try:
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
    return kilobytes / 1024


def test_importing_the_api_imports_no_dagster(place: Place) -> None:
    script = "import sys; from skype_assets import ETLPipeline, ETLContext; print('dagster' in sys.modules)"
    assert run(script, place.output_dir.parent, PATH=os.defpath) == "False\n"
