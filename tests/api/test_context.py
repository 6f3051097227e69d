"""The documented API of ETLContext, to the letter."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from skype_assets import ETLContext
from skype_assets.etl.errors import InvalidExport, PhaseFailed, UsageError
from skype_assets.etl.export.source import fingerprint
from skype_assets.etl.phases import PHASES
from tests.api.conftest import MESSAGES, Place
from tests.engine.database_content import query
from tests.engine.runs import at, interrupt

ATTRIBUTES = (
    "task_id", "start_time", "current_phase", "phase_results", "checkpoints", "errors", "metrics", "export_id",
    "file_source", "raw_data", "transformed_data",
)  # fmt: skip


def context_of(place: Place) -> ETLContext:
    return ETLContext.load_from_checkpoint_file(place.manifest)


def test_a_new_context_knows_nothing_but_its_settings() -> None:
    context = ETLContext(chunk_size=7, batch_size=5, memory_limit_mb=300, parallel_processing=False, max_workers=3)
    settings = context.settings
    assert (settings.chunk_size, settings.batch_size, settings.memory_limit_mb) == (7, 5, 300)
    assert (settings.parallel_processing, settings.max_workers, settings.workers) == (False, 3, 1)
    values = {name: getattr(context, name) for name in ATTRIBUTES}
    assert datetime.now(UTC) >= values.pop("start_time")
    assert not any(values.values())


def test_a_finished_context_knows_everything(finished: Place) -> None:
    context = context_of(finished)
    [(export_id, messages)] = query(finished.url, "SELECT export_id, messages_loaded FROM skype.exports")
    assert (context.task_id, context.export_id) == ("t", export_id)
    assert (context.current_phase, context.errors, context.file_source) == (None, [], finished.export)
    assert list(context.checkpoints) == list(context.phase_results) == list(PHASES)
    assert context.checkpoints["load"]["parts"] == context.checkpoints["transform"]["parts"] == 5
    assert context.checkpoints["transform"]["rows"]["messages"] == messages
    assert context.phase_results["load"].messages == messages
    assert context.phase_results["load"].started_at >= context.phase_results["transform"].started_at
    assert context.metrics["peak_memory_mb"] > 50
    assert context.metrics["total_duration_seconds"] > 0


def test_the_data_are_handles_and_are_read_when_they_are_asked_for(finished: Place) -> None:
    context = context_of(finished)
    assert context.raw_data is not None
    assert context.transformed_data is not None
    raw = context.raw_data["messages"]
    assert raw.num_rows == MESSAGES
    batch = next(raw.batches(["raw"]))
    assert isinstance(batch, pa.RecordBatch)
    assert json.loads(batch["raw"][0].as_py())["id"]
    messages = context.transformed_data["messages"]
    assert list(messages.to_pandas()["message_id"]) == messages.to_table(["message_id"])["message_id"].to_pylist()


def test_the_data_are_there_as_soon_as_their_phase_is_complete(place: Place) -> None:
    pipeline = place.pipeline(at("transform", 1, interrupt))
    with pytest.raises(PhaseFailed):
        pipeline.run_pipeline(place.export)
    context = pipeline.get_context()
    assert context.raw_data is not None
    assert context.transformed_data is None
    assert [context.can_resume_from_phase(phase) for phase in PHASES] == [True, True, False]
    assert not context.can_resume_from_phase("upload")


def test_a_phase_is_begun_counted_and_ended() -> None:
    context = ETLContext()
    assert context.get_phase_status("extract") == "pending"
    context.start_phase("extract", total_conversations=3, total_messages=200)
    assert context.current_phase == "extract"
    context.update_progress(conversations=1, messages=50)
    context.update_progress(messages=70)
    assert context.phase_results["extract"].messages == 120
    ended = context.end_phase({"note": "fine"})
    assert context.current_phase is None
    assert context.get_phase_status("extract") == "completed"
    expected = {"phase": "extract", "status": "completed", "conversations_processed": 1, "messages_processed": 120}
    assert expected.items() <= ended.items()
    assert ended["note"] == "fine"
    assert ended["duration_seconds"] >= 0
    json.dumps(ended)


def test_the_result_of_a_phase_replaces_what_was_counted() -> None:
    context = ETLContext()
    context.start_phase("load")
    context.update_progress(messages=5)
    ended = context.end_phase({"status": "failed", "conversations_processed": 2, "messages_processed": 9})
    assert (ended["status"], ended["conversations_processed"], ended["messages_processed"]) == ("failed", 2, 9)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda context: context.end_phase(), ValueError),
        (lambda context: context.update_progress(messages=1), ValueError),
        (lambda context: context.start_phase("upload"), ValueError),
        (lambda context: (context.start_phase("extract"), context.start_phase("load")), ValueError),
        (lambda context: (context.start_phase("extract"), context.end_phase(["done"])), ValueError),
        (lambda context: (context.start_phase("extract"), context.end_phase({"status": "odd"})), ValueError),
        (lambda context: (context.start_phase("extract"), context.end_phase({"it": object()})), TypeError),
        (lambda context: context.set_phase_status("extract", "odd"), ValueError),
        (lambda context: context.set_phase_status("upload", "failed"), ValueError),
        (lambda context: context.save_checkpoint_to_file(), ValueError),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_documented_errors(wrong: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        wrong(ETLContext())


def test_a_status_can_be_set_by_hand() -> None:
    context = ETLContext()
    context.set_phase_status("extract", "failed")
    assert context.get_phase_status("extract") == "failed"


def test_a_fatal_error_ends_the_phase_and_another_does_not() -> None:
    context = ETLContext()
    context.start_phase("extract")
    context.record_error("extract", InvalidExport("is odd"))
    assert (context.current_phase, context.get_phase_status("extract")) == ("extract", "running")
    context.record_error("extract", KeyError("Dear Jonas, ..."), fatal=True)
    assert (context.current_phase, context.get_phase_status("extract")) == (None, "failed")
    told = [(error.phase, error.type, error.message, error.fatal) for error in context.errors]
    assert told == [("extract", "InvalidExport", "is odd", False), ("extract", "KeyError", "", True)]


def test_memory_is_measured_and_the_limit_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    context = ETLContext(memory_limit_mb=160)
    held = b"\1" * (200 * 1024 * 1024)
    assert context.check_memory() > 200
    assert "the limit is 160 MB" in caplog.text
    assert context.metrics["peak_memory_mb"] > 200
    del held
    context.check_memory()
    assert context.metrics["peak_memory_mb"] > 200


def test_the_summary_can_be_written_as_json(finished: Place) -> None:
    summary = json.loads(json.dumps(context_of(finished).get_summary()))
    assert summary["task_id"] == "t"
    assert summary["available_checkpoints"] == list(PHASES)
    assert summary["phases"]["extract"]["messages"] == MESSAGES
    assert summary["error_count"] == 0


def test_a_serialized_context_is_restored_as_it_was(finished: Place) -> None:
    context = context_of(finished)
    document = json.loads(json.dumps(context.serialize_checkpoint()))
    restored = ETLContext.restore_from_checkpoint(document)
    restored.output_dir = context.output_dir
    again = restored.serialize_checkpoint()
    for changing in ("serialized_at", "integrity"):
        del document[changing], again[changing]
    assert again == document
    for name in ATTRIBUTES:
        assert getattr(restored, name) == getattr(context, name), name
    assert restored.settings == context.settings


def test_the_export_can_be_set_before_a_run(place: Place) -> None:
    context = ETLContext(place.url, place.output_dir, chunk_size=150, task_id="mine")
    context.set_file_source(place.export, fingerprint(place.export))
    assert context.export_id == fingerprint(place.export).sha256[:16]
    saved = Path(context.save_checkpoint_to_file())
    assert saved == place.output_dir / "etl_checkpoint_mine.json"
    results = place.pipeline(context=ETLContext.load_from_checkpoint_file(saved)).run_pipeline()
    assert results["success"]
    assert results["task_id"] == "mine"


def test_a_context_handed_in_is_the_one_that_is_kept(place: Place) -> None:
    context = ETLContext(place.url, chunk_size=150, task_id="mine")
    pipeline = place.pipeline(context=context)
    pipeline.run_pipeline(place.export)
    assert pipeline.get_context() is context
    assert list(context.checkpoints) == list(PHASES)
    assert context.output_dir == place.output_dir


def test_usage_errors_are_value_errors() -> None:
    assert issubclass(UsageError, ValueError)
