"""A checkpoint is used if everything matches, refused or said to be done anew if not (promise I4)."""

import string
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skype_assets.etl import engine
from skype_assets.etl.checkpoints import state
from skype_assets.etl.errors import CheckpointMismatch, UsageError
from skype_assets.etl.export.source import Source, fingerprint
from skype_assets.etl.phases.load import Load
from skype_assets.etl.phases.transform import Transform
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Settings, Task, check_task_id, export_id_for, task_id_for
from tests.engine.database_content import digests, query
from tests.engine.runs import ASSETS, files_of, recorded_files, task

LETTERS_AND_DIGITS = string.ascii_letters + string.digits


def test_a_changed_export_under_the_same_task_is_refused_with_both_hashes(copied: Task, tmp_path: Path) -> None:
    other = write_sample(tmp_path / "export.tar", messages=600, seed=2).path
    files = files_of(copied.output_dir)
    with pytest.raises(CheckpointMismatch) as refused:
        engine.run(replace(copied, source=other))
    assert copied.source
    for named in ("source_sha256", fingerprint(copied.source).sha256, fingerprint(other).sha256):
        assert named in str(refused.value)
    assert refused.value.exit_code == 4
    assert files_of(copied.output_dir) == files


def test_a_changed_export_is_refused_in_the_middle_of_a_phase_as_well(fresh: Task, tmp_path: Path) -> None:
    engine.run_phase(fresh, "extract")
    folder = fresh.folder.folder(ASSETS["extract"])
    complete = state.read(folder)
    assert complete
    folder.put(state.STATE_FILE, state.encode(msgspec.structs.replace(complete, status="running", summary=None)))
    other = write_sample(tmp_path / "export.tar", messages=600, seed=2).path
    with pytest.raises(CheckpointMismatch, match="source_sha256"):
        engine.run(replace(fresh, source=other))


def test_another_name_for_the_owner_is_refused_with_both_names(copied: Task) -> None:
    with pytest.raises(CheckpointMismatch, match="user_display_name of the transform checkpoint is '', now .*'Mara'"):
        engine.run(replace(copied, settings=replace(copied.settings, user_display_name="Mara")))


def test_a_checkpoint_of_another_task_is_refused_with_both_names(copied: Task) -> None:
    copied.folder.path.rename(copied.output_dir / "moved")
    with pytest.raises(CheckpointMismatch, match="'t'.*'moved'"):
        engine.run(replace(copied, task_id="moved"))


def test_part_size_and_number_of_workers_are_no_mismatch(copied: Task) -> None:
    results = engine.run(replace(copied, settings=Settings(chunk_size=7, max_workers=2)))
    assert all(result.from_checkpoint for result in results)


def test_a_phase_with_newer_code_is_done_anew_with_those_behind_it(
    copied: Task, finished: Task, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = recorded_files(copied)
    monkeypatch.setattr(Transform, "version", "newer")
    results = engine.run(copied)
    assert [result.from_checkpoint for result in results] == [True, False, False]
    after = recorded_files(copied)
    raw = {name for name in before if name.startswith(ASSETS["extract"])}
    assert {name for name in before if after.get(name) == before[name]} == raw
    assert "transform is done anew" in caplog.text
    assert query(copied.database, "SELECT code_version FROM skype.exports") == [("newer",)]
    assert digests(copied.database) == digests(finished.database)


def test_a_load_with_newer_code_keeps_what_was_transformed(copied: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Load, "version", "newer")
    assert [result.from_checkpoint for result in engine.run(copied)] == [True, True, False]


@pytest.mark.parametrize("phase", ["transform", "load"])
def test_a_phase_asks_for_the_one_before_it(phase: str, fresh: Task) -> None:
    with pytest.raises(UsageError, match=f"{phase} needs a complete"):
        engine.run_phase(fresh, phase)
    assert engine.open_phase(fresh, phase) is None


def test_extract_without_an_export_asks_for_it(fresh: Task) -> None:
    with pytest.raises(UsageError, match="name its file"):
        engine.run(replace(fresh, source=None))


def test_the_account_of_every_conversation_balances(finished: Task, sample: Path) -> None:
    tables = engine.open_phase(finished, "transform")
    assert tables
    # Parts have accounts of their own; that of the export is the summary's.
    rows = tables.summary("conservation").to_pylist()
    assert all(row["seen"] == row["loaded"] + row["duplicate"] + row["rejected"] for row in rows)
    made = write_sample(sample.with_name("again.tar"), messages=600)
    totals = [sum(row[name] for row in rows) for name in ("seen", "loaded", "duplicate", "rejected")]
    assert totals == [made.messages, made.distinct, made.duplicates, len(made.rejects)]
    assert len(rows) == made.distinct_conversations
    assert query(
        finished.database, "SELECT count(*), (SELECT messages_loaded FROM skype.exports) FROM skype.messages"
    ) == [(made.distinct, made.distinct)]


def test_every_file_and_folder_is_for_its_owner_only(finished: Task) -> None:
    for path in finished.folder.path.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_password_of_the_database_is_in_no_file(finished: Task) -> None:
    assert finished.database
    for path in finished.folder.path.rglob("*"):
        assert path.is_dir() or finished.database.encode() not in path.read_bytes()


@given(
    st.one_of(
        st.text(max_size=110),
        st.text(LETTERS_AND_DIGITS + "._-/\\\n", max_size=110),
        st.sampled_from(["..", ".", "", "../x", "a/b", "a\0", "a\n", "-x", "_x", "é", "a" * 100, "a" * 101, "٣"]),
    )
)
def test_a_task_id_is_what_the_pattern_allows_and_nothing_else(text: str) -> None:
    allowed = (
        0 < len(text) <= 100
        and text[0] in LETTERS_AND_DIGITS
        and all(character in LETTERS_AND_DIGITS + "._-" for character in text)
    )
    if allowed:
        assert Task(text, Path("out")).folder.path.parent == Path("out")
    else:
        with pytest.raises(UsageError, match="task id"):
            check_task_id(text)
        with pytest.raises(UsageError, match="task id"):
            Task(text, Path("out"))


@given(st.text(max_size=120), st.binary(min_size=32, max_size=32))
def test_every_export_has_an_allowed_task_id_from_its_name_and_bytes(name: str, digest: bytes) -> None:
    made = task_id_for(Source(name, 1, digest.hex()))
    assert check_task_id(made) == made
    assert made.endswith(f"-{digest.hex()[:12]}")
    assert export_id_for(digest.hex()) == digest.hex()[:16]


def test_nothing_outside_the_output_folder_is_written(sample: Path, tmp_path: Path) -> None:
    around = tmp_path / "around"
    engine.run_phase(task("inside", around / "out", sample, None), "extract")
    assert [path.name for path in around.iterdir()] == ["out"]
    assert {path.name for path in (around / "out").iterdir() if path.is_dir()} == {"inside", "media"}
