"""What does not match is refused before anything is done, with the field, both values, and what to do."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from skype_assets import ETLContext, ETLPipeline
from skype_assets.etl.errors import (
    CheckpointDamaged,
    CheckpointMismatch,
    DatabaseError,
    InvalidExport,
    PhaseFailed,
    UsageError,
)
from skype_assets.etl.export.source import fingerprint
from skype_assets.etl.postgres.url import from_config, without_password
from skype_assets.etl.sample import write_sample
from tests.api.conftest import Place
from tests.engine.database_content import digests, query, row_versions
from tests.engine.runs import at, files_of, interrupt


@pytest.fixture
def changed(place: Place) -> Path:
    """The place's export, after a run that stopped in transform, with other contents of the same length."""
    with pytest.raises(PhaseFailed):
        place.pipeline(at("transform", 2, interrupt), task_id="t").run_pipeline(place.export)
    data = place.export.read_bytes()
    place.export.write_bytes(data.replace(b"Mara", b"Sara"))
    return place.export


@pytest.mark.parametrize("door", ["load_from_checkpoint", "task_id"])
def test_a_changed_export_is_refused_with_both_checksums(door: str, changed: Path, place: Place) -> None:
    before = ETLContext.load_from_checkpoint_file(place.manifest).source
    assert before
    files = files_of(place.output_dir)
    resumed = place.pipeline(task_id="t") if door == "task_id" else ETLPipeline.load_from_checkpoint(place.manifest)
    with pytest.raises(CheckpointMismatch, match="source_sha256") as refused:
        resumed.run_pipeline(changed, resume_from_checkpoint=True)
    for named in (before.sha256, fingerprint(changed).sha256, "another task id"):
        assert named in str(refused.value)
    assert refused.value.exit_code == 4
    assert files_of(place.output_dir) == files


def test_an_export_that_changed_is_refused_even_if_its_checkpoints_are_gone(changed: Path, place: Place) -> None:
    for state in place.output_dir.glob("t/*/state.json"):
        state.unlink()
    with pytest.raises(CheckpointMismatch, match="source_sha256"):
        place.pipeline(task_id="t").run_pipeline(changed)


def test_another_export_for_a_named_task_is_refused_and_changes_no_manifest(copied: Place, tmp_path: Path) -> None:
    other = write_sample(tmp_path / "other.tar", messages=100, seed=5).path
    pipeline = copied.pipeline(task_id="t")
    manifest = copied.manifest.read_bytes()
    with pytest.raises(CheckpointMismatch, match="source_size"):
        pipeline.run_pipeline(other)
    assert copied.manifest.read_bytes() == manifest
    assert pipeline.run_pipeline(copied.export)["success"]


def test_another_display_name_is_refused_with_both_names(place: Place) -> None:
    with pytest.raises(PhaseFailed):
        place.pipeline(at("load", 1, interrupt), task_id="t").run_pipeline(place.export, user_display_name="Mara")
    with pytest.raises(CheckpointMismatch, match="user_display_name of the transform checkpoint is 'Mara', now it is"):
        place.pipeline(task_id="t").run_pipeline(place.export, user_display_name="Sara")
    assert ETLPipeline.load_from_checkpoint(place.manifest).run_pipeline(place.export)["success"]
    assert query(place.url, "SELECT owner_name FROM skype.exports") == [("Mara",)]


@pytest.mark.parametrize("given_as", ["dict", "url"])
def test_wrong_credentials_are_found_before_any_work(given_as: str, place: Place, tcp_postgres_url: str) -> None:
    config = {**parse_dsn(tcp_postgres_url), "password": "wrong"}
    pipeline = ETLPipeline(config if given_as == "dict" else from_config(config), place.output_dir)
    with pytest.raises(DatabaseError, match="password authentication failed") as refused:
        pipeline.run_pipeline(place.export)
    assert "wrong" not in str(refused.value)
    assert not place.output_dir.exists()


def test_a_stream_is_not_even_copied_for_a_database_that_refuses(place: Place) -> None:
    with place.export.open("rb") as stream, pytest.raises(DatabaseError):
        ETLPipeline("postgresql://127.0.0.1:1/none", place.output_dir).run_pipeline(file_obj=stream)
    assert not place.output_dir.exists()


def _from_the_caller(url: str, monkeypatch: pytest.MonkeyPatch) -> object:
    return parse_dsn(url)


def _from_pgpassword(url: str, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("PGPASSWORD", parse_dsn(url)["password"])
    return None


def _from_the_url_in_the_environment(url: str, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("SKYPE_DATABASE_URL", url)
    return None


@pytest.mark.parametrize("given_as", ["dict", "url"])
@pytest.mark.parametrize("password", [_from_the_caller, _from_pgpassword, _from_the_url_in_the_environment])
def test_the_password_for_a_resume_comes_from_the_caller_or_the_environment(
    given_as: str,
    password: Callable[[str, pytest.MonkeyPatch], dict[str, str] | None],
    place: Place,
    tcp_postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_first = tcp_postgres_url if given_as == "url" else parse_dsn(tcp_postgres_url)
    begun = ETLPipeline(at_first, place.output_dir, observer=at("extract", 1, interrupt), task_id="t", max_workers=1)
    with pytest.raises(PhaseFailed):
        begun.run_pipeline(place.export)
    with pytest.raises(DatabaseError):
        ETLPipeline.load_from_checkpoint(place.manifest).run_pipeline(place.export)
    config = password(tcp_postgres_url, monkeypatch)
    resumed = ETLPipeline.load_from_checkpoint(place.manifest, db_config=config)
    assert resumed.run_pipeline(place.export)["success"]
    assert without_password(resumed.get_context().database or "") == without_password(tcp_postgres_url)


def test_a_schema_that_somebody_changed_is_an_error_that_names_it_and_the_run_goes_on_when_it_is_back(
    place: Place, finished: Place
) -> None:
    with pytest.raises(PhaseFailed):
        place.pipeline(at("load", 2, interrupt), task_id="t").run_pipeline(place.export)
    query(place.url, "ALTER TABLE skype.messages RENAME COLUMN kind TO sort")
    rows = row_versions(place.url)["messages"]
    with pytest.raises(PhaseFailed, match="load failed: .*kind") as failed:
        place.pipeline(task_id="t").run_pipeline(place.export)
    assert failed.value.exit_code == 5
    assert row_versions(place.url)["messages"] == rows
    query(place.url, "ALTER TABLE skype.messages RENAME COLUMN sort TO kind")
    assert place.pipeline(task_id="t").run_pipeline(place.export)["resumed_from_phase"] == "load"
    assert digests(place.url) == digests(finished.url)


def test_a_damaged_state_is_never_taken_for_none(copied: Place) -> None:
    state = copied.output_dir / "t" / "raw_export" / "state.json"
    for generation in (state, state.with_name("state.previous.json")):
        generation.write_bytes(generation.read_bytes()[:-20])
    rows = row_versions(copied.url)
    for pipeline in (copied.pipeline(task_id="t"), ETLPipeline.load_from_checkpoint(copied.manifest, copied.url)):
        with pytest.raises((PhaseFailed, CheckpointDamaged), match=re.escape(str(state))):
            pipeline.run_pipeline(copied.export)
    assert row_versions(copied.url) == rows


@pytest.mark.parametrize(
    ("content", "problem"), [(b"", "is empty"), (b"no export", "neither a tar"), (b"%PDF-1.7", "a PDF document")]
)
def test_what_is_no_export_is_refused_before_anything_is_made(content: bytes, problem: str, place: Place) -> None:
    place.export.write_bytes(content)
    with pytest.raises(InvalidExport, match=problem):
        place.pipeline().run_pipeline(place.export)
    with place.export.open("rb") as stream, pytest.raises(InvalidExport, match=problem):
        place.pipeline().run_pipeline(file_obj=stream)
    assert files_of(place.output_dir) == {}


def test_an_export_of_which_nothing_can_be_read_leaves_nothing_to_resume(place: Place) -> None:
    place.export.write_bytes(b"{")
    for path, stream in ((place.export, None), (None, io.BytesIO(b"{"))):
        with pytest.raises(PhaseFailed, match="extract failed: ") as failed:
            place.pipeline().run_pipeline(path, stream)
        assert isinstance(failed.value.__cause__, InvalidExport)
        assert (failed.value.exit_code, failed.value.checkpoint_file) == (3, "")
        assert "resume" not in str(failed.value)
    assert files_of(place.output_dir) == {}
    assert not [path for path in place.output_dir.iterdir() if path.is_dir()]


def test_an_empty_path_is_not_the_current_folder(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.export.parent)
    with pytest.raises(UsageError, match="no export is named"):
        place.pipeline().run_pipeline("")
    for give in (ETLPipeline, ETLContext):
        with pytest.raises(UsageError, match="no output_dir is named"):
            give(output_dir="")
    with pytest.raises(UsageError, match="no output_dir is named"):
        ETLPipeline(output_dir="", context=ETLContext())
    for load in (ETLPipeline.load_from_checkpoint, ETLContext.load_from_checkpoint_file):
        with pytest.raises(UsageError, match="no checkpoint is named"):
            load("")
    assert not place.output_dir.exists()


def test_an_export_without_a_message_is_loaded_if_that_was_asked_for(place: Place) -> None:
    place.export.write_bytes(b'{"userId":"8:live:mara.ostrow","conversations":[{"id":"8:a","MessageList":[]}]}')
    with pytest.raises(PhaseFailed, match=r"the export holds no message.*media_only=True"):
        place.pipeline().run_pipeline(place.export)
    assert ETLPipeline(place.url, place.output_dir, media_only=True).run_pipeline(place.export)["success"]
    assert query(place.url, "SELECT conversation_id FROM skype.conversations") == [("8:a",)]
    assert place.pipeline().run_pipeline(place.export)["success"]  # what was asked for once is there


def test_a_database_url_that_is_none_is_not_quoted(place: Place) -> None:
    with pytest.raises(UsageError) as refused:
        ETLPipeline("postgresql://mara:secret@with@host/", place.output_dir).run_pipeline(place.export)
    assert "secret" not in str(refused.value)
