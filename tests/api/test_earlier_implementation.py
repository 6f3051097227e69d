"""What users of the earlier implementation of this API met: one test for each history."""

import json
import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from psycopg2.extensions import parse_dsn

from skype_assets import ETLPipeline
from skype_assets.etl.checkpoints.phase_checkpoint import PhaseCheckpoint
from skype_assets.etl.checkpoints.state import PartRecord
from skype_assets.etl.errors import CheckpointMismatch, InvalidExport, NotConserved, PhaseFailed, UsageError
from skype_assets.etl.phases import FOLDERS, PHASES, transform_parts
from skype_assets.etl.rows.message_tables import MessageRows
from skype_assets.etl.sample import write_sample
from tests.api.conftest import MESSAGES, Place
from tests.api.scripts import KILLED, run, start
from tests.conftest import NewDatabase
from tests.engine.database_content import digests, query
from tests.engine.runs import at, interrupt

# Kills its process at the n-th fsync of the n-th save of the manifest, when all bytes but not the name are written.
KILL_WHILE_SAVING = """
import os, signal
from skype_assets import ETLContext

context = ETLContext.load_from_checkpoint_file({manifest!r})
context.metrics["saved_again"] = 1.0
real, calls = os.{call}, 0

def kill(*arguments, **options):
    global calls
    calls += 1
    if calls == {number}:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **options)

os.{call} = kill
context.save_checkpoint_to_file()
"""


def messages_json(folder: Path, conversations: list[dict[str, Any]], name: str = "messages.json") -> Path:
    document = {"userId": "8:mara", "exportDate": "2025-05-20T08:12", "conversations": conversations}
    path = folder / name
    path.write_text(json.dumps(document))
    return path


def conversation(name: str, *messages: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "displayName": None, "version": 1.0, "properties": {}, "MessageList": list(messages)}


def message(number: int, conversation_id: str, **changed: Any) -> dict[str, Any]:
    return {
        "id": str(1_600_000_000_000 + number),
        "displayName": None,
        "originalarrivaltime": "2020-09-13T12:26:40.123Z",
        "messagetype": "RichText",
        "version": float(1_600_000_000_000 + number),
        "content": f"message {number}",
        "conversationid": conversation_id,
        "from": "8:mara",
        "properties": None,
        "amsreferences": None,
        **changed,
    }


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_a_kill_during_a_checkpoint_save_destroyed_the_earlier_good_checkpoint(call: str, copied: Place) -> None:
    good = copied.manifest.read_bytes()
    for number in (1, 2):
        script = KILL_WHILE_SAVING.format(manifest=str(copied.manifest), call=call, number=number)
        process = start(script, copied.output_dir.parent / "scripts")
        _, err = process.communicate(timeout=60)
        if process.returncode != KILLED:
            assert process.returncode == 0, err
            break  # there is no such call
        found = copied.manifest.read_bytes()
        assert found == good or json.loads(found)["context"]["metrics"]["saved_again"]
        assert ETLPipeline.load_from_checkpoint(copied.manifest).get_available_checkpoints() == list(PHASES)


def test_a_crash_between_commit_and_save_doubled_every_message(
    place: Place, finished: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = PhaseCheckpoint.record

    def crash(checkpoint: PhaseCheckpoint, part: PartRecord) -> None:
        if checkpoint.state.phase == "load" and part.number == 2:
            interrupt()  # the transaction is committed, the checkpoint does not know
        record(checkpoint, part)

    monkeypatch.setattr(PhaseCheckpoint, "record", crash)
    with pytest.raises(PhaseFailed):
        place.pipeline(task_id="t").run_pipeline(place.export)
    monkeypatch.undo()
    assert query(place.url, "SELECT max(part) FROM skype.load_parts") == [(2,)]
    ETLPipeline.load_from_checkpoint(place.manifest, place.url).run_pipeline(place.export, resume_from_checkpoint=True)
    assert digests(place.url) == digests(finished.url)


def test_running_the_same_export_twice_doubled_every_message(copied: Place, finished: Place, tmp_path: Path) -> None:
    copied.pipeline(task_id="t").run_pipeline(copied.export)
    Place(tmp_path / "another folder", copied.url, copied.export).pipeline().run_pipeline(copied.export)
    assert digests(copied.url) == digests(finished.url)


def test_a_complete_checkpoint_resumed_against_an_empty_database_said_success_with_nothing_loaded(
    copied: Place, finished: Place, new_database: NewDatabase
) -> None:
    empty = new_database()
    pipeline = ETLPipeline.load_from_checkpoint(copied.manifest, db_config=parse_dsn(empty))
    results = pipeline.run_pipeline(resume_from_checkpoint=True)
    assert results["success"]
    assert query(empty, "SELECT count(*) FROM skype.messages") == [(results["message_count"],)]
    assert digests(empty) == digests(finished.url)


@pytest.mark.parametrize("phase", PHASES)
def test_a_missing_or_moved_data_file_caused_a_silent_full_rerun_of_whatever_file_was_passed(
    phase: str, copied: Place, finished: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = copied.output_dir / "t" / FOLDERS[phase]
    shutil.move(data, tmp_path / "moved")
    other = write_sample(tmp_path / "other.tar", messages=50, seed=9).path
    with pytest.raises(CheckpointMismatch, match="source_size"):
        ETLPipeline.load_from_checkpoint(copied.manifest, copied.url).run_pipeline(other)
    ETLPipeline.load_from_checkpoint(copied.manifest, copied.url).run_pipeline(copied.export)
    assert f"{phase} is done again: its checkpoint is gone" in caplog.text
    assert digests(copied.url) == digests(finished.url)


def test_an_edited_data_file_was_accepted(place: Place, finished: Place, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(PhaseFailed):
        place.pipeline(at("load", 0, interrupt), task_id="t").run_pipeline(place.export)
    edited = next(place.output_dir.glob("t/transformed_tables/messages-00001-*.parquet"))
    other = next(place.output_dir.glob("t/transformed_tables/messages-00002-*.parquet"))
    shutil.copyfile(other, edited)
    place.pipeline(task_id="t").run_pipeline(place.export)
    assert str(edited) in caplog.text
    assert digests(place.url) == digests(finished.url)


def test_one_null_timestamp_silently_dropped_the_whole_conversation(place: Place, tmp_path: Path) -> None:
    messages = [message(1, "8:jonas"), message(2, "8:jonas", originalarrivaltime=None), message(3, "8:jonas")]
    results = place.pipeline().run_pipeline(messages_json(tmp_path, [conversation("8:jonas", *messages)]))
    assert results["message_count"] == 3
    assert query(place.url, "SELECT count(*), count(sent_at) FROM skype.messages")[0][0] == 3


def test_one_nul_character_or_lone_surrogate_failed_the_whole_load(place: Place, tmp_path: Path) -> None:
    odd = [message(1, "8:jonas", content="a\0b"), message(2, "8:jonas", content="a\ud800b"), message(3, "8:jonas")]
    results = place.pipeline().run_pipeline(messages_json(tmp_path, [conversation("8:jonas", *odd)]))
    assert results["message_count"] == 3
    assert query(place.url, "SELECT text FROM skype.messages ORDER BY message_id")[:2] == [("a\ufffdb",)] * 2
    flags = query(place.url, "SELECT cardinality(flags) FROM skype.messages ORDER BY message_id")
    assert flags[0][0]
    assert flags[1][0]


def test_endpoints_json_first_in_the_tar_broke_extract(place: Place, tmp_path: Path) -> None:
    messages = messages_json(tmp_path, [conversation("8:jonas", message(1, "8:jonas"))])
    (tmp_path / "endpoints.json").write_text('{"endpoints": []}')
    with tarfile.open(tmp_path / "export.tar", "w") as archive:
        archive.add(tmp_path / "endpoints.json", "endpoints.json")
        archive.add(messages, "messages.json")
    assert place.pipeline().run_pipeline(tmp_path / "export.tar")["message_count"] == 1


def test_the_same_conversation_id_twice_overwrote_the_first(place: Place, tmp_path: Path) -> None:
    twice = [conversation("8:jonas", message(1, "8:jonas")), conversation("8:jonas", message(2, "8:jonas"))]
    results = place.pipeline().run_pipeline(messages_json(tmp_path, twice))
    assert (results["conversation_count"], results["message_count"]) == (1, 2)
    assert query(place.url, "SELECT message_count FROM skype.conversations") == [(2,)]


@pytest.mark.parametrize("conversations", [[], [conversation("8:jonas")]])
def test_an_empty_export_failed_in_parallel_mode(
    conversations: list[dict[str, Any]], place: Place, tmp_path: Path
) -> None:
    """Now it is refused by name, unless it is known to hold no message; then it loads, in any mode."""
    export = messages_json(tmp_path, conversations)
    with pytest.raises((InvalidExport, PhaseFailed), match="message"):
        place.pipeline(parallel_processing=True, max_workers=2).run_pipeline(export)
    results = place.pipeline(parallel_processing=True, max_workers=2, media_only=True).run_pipeline(export)
    assert (results["success"], results["message_count"]) == (True, 0)
    assert query(place.url, "SELECT status FROM skype.exports") == [("complete",)]


def test_more_than_about_600000_messages_could_never_load(place: Place) -> None:
    """All messages went through one value of bounded size. Now no transaction has more than a part's messages."""
    results = place.pipeline(task_id="t", chunk_size=20).run_pipeline(place.export)
    transactions = query(place.url, "SELECT count(*) FROM skype.messages GROUP BY xmin")
    assert len(transactions) == MESSAGES // 20
    assert max(rows for (rows,) in transactions) == 20
    assert sum(rows for (rows,) in transactions) == results["message_count"]


def test_1_m_messages_took_7_5_gb(place: Place, tmp_path: Path) -> None:
    """Memory grew by 7.5 kB with every message. Now it is bounded, here far below that of as many messages."""
    export = write_sample(tmp_path / "large.json", messages=12_000, conversations=1, media=False).path
    script = f"""
        from skype_assets import ETLPipeline
        pipeline = ETLPipeline({place.url!r}, {str(place.output_dir)!r}, chunk_size=2_000, max_workers=1)
        pipeline.run_pipeline({str(export)!r})
        peaks = [phase.peak_memory_mb for phase in pipeline.get_context().phase_results.values()]
        print(max(peaks) - peaks[0])
        """
    assert float(run(script, tmp_path / "scripts")) < 12_000 * 0.0075


def test_it_reported_success_and_no_errors_with_3_of_500_messages_loaded(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted bug: of every batch only three messages become rows."""
    rows_of = transform_parts.message_rows

    def lossy(batches: Iterable[pa.RecordBatch], *arguments: Any) -> Iterator[MessageRows]:
        return rows_of((batch.slice(0, 3) for batch in batches), *arguments)

    monkeypatch.setattr(transform_parts, "message_rows", lossy)
    with pytest.raises(PhaseFailed) as failed:
        place.pipeline(task_id="t").run_pipeline(place.export)
    assert isinstance(failed.value.__cause__, NotConserved)
    assert failed.value.exit_code == 8
    results = failed.value.results
    assert (results["success"], results["error_count"]) == (False, 1)
    assert query(place.url, "SELECT to_regclass('skype.messages')") == [(None,)]
    assert failed.value.phase == "transform"


def test_passwords_stood_in_clear_in_0644_manifests(place: Place) -> None:
    former = os.umask(0o022)
    try:
        ETLPipeline({**parse_dsn(place.url), "password": "canary"}, place.output_dir).run_pipeline(place.export)
    finally:
        os.umask(former)
    assert place.manifest.stat().st_mode & 0o777 == 0o600
    assert b"canary" not in place.manifest.read_bytes()
    assert "password" not in json.loads(place.manifest.read_bytes())["context"]["db_config"]


def test_a_task_id_with_dots_and_a_slash_wrote_outside(place: Place) -> None:
    before = sorted(place.output_dir.parent.iterdir())
    with pytest.raises(UsageError, match="is not allowed"):
        place.pipeline(task_id="../outside").run_pipeline(place.export)
    assert sorted(place.output_dir.parent.iterdir()) == before
