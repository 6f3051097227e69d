"""Checkpoints of other versions: a newer program's are refused untouched, an older one's still serve."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from skype_assets.etl import engine
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.errors import CheckpointMismatch
from skype_assets.etl.phases import EXTRACT, TRANSFORM
from skype_assets.etl.phases.extract import Extract
from skype_assets.etl.task import Task
from skype_assets.etl.tasks import manifest as manifests
from tests.engine.runs import ASSETS

NEWER = str(int(EXTRACT.version) + 1)


def _with(task: Task, phase: str, **changes: object) -> None:
    folder = task.folder.folder(ASSETS[phase])
    state = states.read(folder)
    assert state
    folder.put(states.STATE_FILE, states.encode(msgspec.structs.replace(state, **changes)))


def _newer_format(task: Task) -> None:
    _with(task, "transform", format_version=states.FORMAT_VERSION + 1)


def _newer_code(task: Task) -> None:
    state = states.read(task.folder.folder(ASSETS["transform"]))
    assert state
    _with(task, "transform", inputs={**state.inputs, "code_version": "999"})


def _newer_manifest(task: Task) -> None:
    path = task.output_dir / f"etl_checkpoint_{task.task_id}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "checkpoint_version": "3.0"}))


@pytest.mark.parametrize(
    ("change", "versions"),
    [
        (_newer_format, ("2", "1")),
        (_newer_code, ("999", TRANSFORM.version)),
        (_newer_manifest, ("'3.0'", f"'{manifests.CHECKPOINT_VERSION}'")),
    ],
)
def test_what_a_newer_program_made_is_refused_with_both_versions_and_nothing_is_written(
    change: Callable[[Task], None], versions: tuple[str, str], copied: Task
) -> None:
    change(copied)
    before = _files(copied.output_dir)
    with pytest.raises(CheckpointMismatch, match=rf"{versions[0]}[, ].* {versions[1]}"):
        engine.run(copied)
    assert _files(copied.output_dir) == before


def test_a_raw_checkpoint_of_an_older_extract_serves_if_another_would_be_the_same(
    copied: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Extract, "version", NEWER)
    monkeypatch.setattr(Extract, "superseded", {EXTRACT.version: ""})
    assert all(result.from_checkpoint for result in engine.run(copied))


def test_a_raw_checkpoint_of_an_older_extract_serves_where_the_export_is_not_at_hand_and_that_is_said(
    copied: Task, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Extract, "version", NEWER)
    monkeypatch.setattr(Extract, "superseded", {EXTRACT.version: "it knows more of media"})
    assert all(result.from_checkpoint for result in engine.run(replace(copied, source=None)))
    assert "it knows more of media, for which the export is needed" in caplog.text
    results = engine.run(copied)
    assert [result.from_checkpoint for result in results][0] is False
    assert "extract is done anew: it knows more of media" in caplog.text


def _files(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }
