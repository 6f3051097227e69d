"""The manifest: there when it is needed, whole or refused, and private."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skype_assets import ETLContext, ETLPipeline
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.engine.journal import Progress
from skype_assets.etl.errors import CheckpointDamaged, CheckpointError, CheckpointMismatch, PhaseFailed, UsageError
from skype_assets.etl.phases import PHASES
from skype_assets.etl.tasks import manifest as manifests
from tests.api.conftest import Place
from tests.engine.runs import at, interrupt


def sealed(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the checksum that fits it: what somebody who knows the format can make."""
    body = {name: value for name, value in document.items() if name != "integrity"}
    return {**body, "integrity": manifests._checksum(body)}


def test_it_is_there_while_a_phase_runs_and_says_which(place: Place) -> None:
    told: list[tuple[str | None, list[str], str]] = []

    def observe(progress: Progress) -> None:
        if progress.parts == 2:
            document = json.loads(place.manifest.read_bytes())
            context = document["context"]
            status = context["phase_results"][progress.phase]["status"]
            told.append((context["current_phase"], document["available_checkpoints"], status))

    place.pipeline(observe).run_pipeline(place.export)
    assert told == [(phase, list(PHASES[:number]), "running") for number, phase in enumerate(PHASES)]


def test_it_has_the_documented_fields(finished: Place) -> None:
    document = json.loads(finished.manifest.read_bytes())
    assert list(document) == [
        "checkpoint_version", "serialized_at", "available_checkpoints", "data_files", "context", "source", "integrity",
    ]  # fmt: skip
    assert document["serialized_at"].endswith("Z")
    assert document["source"].keys() == {"name", "size", "sha256"}
    assert document["source"]["size"] == finished.export.stat().st_size
    for path in document["data_files"].values():
        assert (finished.output_dir / path).is_file()
        assert not Path(path).is_absolute()


def test_a_failed_write_leaves_the_former_one(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PhaseFailed):
        place.pipeline(at("transform", 2, interrupt), task_id="t").run_pipeline(place.export)
    before = place.manifest.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        ETLContext.load_from_checkpoint_file(place.manifest).save_checkpoint_to_file()
    assert place.manifest.read_bytes() == before
    assert [path.name for path in place.output_dir.iterdir() if path.is_file()] == [place.manifest.name]


def test_every_flipped_byte_is_noticed(finished: Place, tmp_path: Path) -> None:
    data = finished.manifest.read_bytes()
    shutil.copytree(finished.output_dir / "t", tmp_path / "t")
    damaged = tmp_path / finished.manifest.name
    for position in range(len(data)):
        damaged.write_bytes(data[:position] + bytes([data[position] ^ 1 << position % 8]) + data[position + 1 :])
        with pytest.raises(CheckpointError):
            manifests.load(damaged)


def test_every_truncation_is_noticed(finished: Place, tmp_path: Path) -> None:
    data = finished.manifest.read_bytes()
    damaged = tmp_path / finished.manifest.name
    for length in range(0, len(data), 7):
        damaged.write_bytes(data[:length])
        with pytest.raises(CheckpointDamaged):
            manifests.load(damaged)


@pytest.mark.parametrize("version", ["2.1", "3.0", 2, None])
def test_another_version_is_refused_by_name(version: object, finished: Place) -> None:
    document = sealed({**json.loads(finished.manifest.read_bytes()), "checkpoint_version": version})
    with pytest.raises(CheckpointMismatch, match=f"checkpoint_version is {version!r}, this program reads '2.0'"):
        ETLContext.restore_from_checkpoint(document)


def test_a_manifest_of_the_earlier_implementation_is_refused_with_the_reason(tmp_path: Path) -> None:
    earlier = tmp_path / "etl_checkpoint_123.json"
    earlier.write_text(json.dumps({"checkpoint_version": "1.0", "available_checkpoints": ["extract"], "context": {}}))
    with pytest.raises(CheckpointMismatch, match="no checksums, so nothing proves that they are whole"):
        ETLPipeline.load_from_checkpoint(earlier)


def _truncated(path: Path) -> None:
    os.truncate(path, 100)


def _emptied(path: Path) -> None:
    os.truncate(path, 0)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("damage", [_truncated, _emptied, _folder, _linked, _dangling, _fifo])
def test_what_is_no_manifest_is_refused_by_name_and_left_alone(damage: Callable[[Path], None], copied: Place) -> None:
    path = copied.manifest
    damage(path)
    kind = path.lstat().st_mode
    for resume in (
        lambda: ETLPipeline.load_from_checkpoint(path),
        lambda: copied.pipeline(task_id="t").run_pipeline(copied.export),
    ):
        with pytest.raises(CheckpointDamaged, match=path.name):
            resume()
    assert path.lstat().st_mode == kind


def test_a_damaged_manifest_can_be_removed_and_the_task_goes_on(copied: Place) -> None:
    copied.manifest.unlink()
    results = copied.pipeline(task_id="t").run_pipeline(copied.export)
    assert all(phase["from_checkpoint"] for phase in results["phases"].values())
    assert list(ETLContext.load_from_checkpoint_file(copied.manifest).checkpoints) == list(PHASES)


def test_a_manifest_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointDamaged, match="etl_checkpoint_x.json is not a file"):
        ETLPipeline.load_from_checkpoint(tmp_path / "etl_checkpoint_x.json")


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["context"].update(task_id="../x"),
        lambda document: document["context"].update(task_id=""),
        lambda document: document["data_files"].update(extract="/etc/passwd"),
        lambda document: document["data_files"].update(extract="t/../../x/state.json"),
        lambda document: document["context"].update(current_phase="upload"),
        lambda document: document["context"]["settings"].update(chunk_size="many"),
        lambda document: document["context"]["settings"].update(chunk_size=0),
        lambda document: document.pop("context"),
        lambda document: document.update(source=17),
    ],
)
def test_a_manifest_made_by_hand_leads_nowhere(change: Callable[[dict[str, Any]], object], finished: Place) -> None:
    document = json.loads(finished.manifest.read_bytes())
    change(document)
    with pytest.raises((CheckpointDamaged, UsageError)):
        ETLContext.restore_from_checkpoint(sealed(document))


def test_the_manifest_of_another_task_is_refused(copied: Place) -> None:
    copied.manifest.rename(copied.output_dir / "etl_checkpoint_other.json")
    with pytest.raises(CheckpointMismatch, match="task_id is 't', its name says 'other'"):
        copied.pipeline(task_id="other").run_pipeline(copied.export)


def test_a_task_id_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    for task_id in ("../x", "/x", "a/b", ".hidden", "", "a" * 101, "a\0b", "a\n"):
        with pytest.raises(UsageError, match="is not allowed"):
            ETLPipeline(output_dir=tmp_path, task_id=task_id)


def test_a_path_of_any_bytes_can_be_kept(finished: Place, tmp_path: Path) -> None:
    context = ETLContext.load_from_checkpoint_file(finished.manifest)
    context.file_source = Path(os.fsdecode(b"/exports/caf\xe9 \xf0\x9f\x98\x80.tar"))
    Directory(tmp_path).put("etl_checkpoint_t.json", context.encoded())
    assert ETLContext.load_from_checkpoint_file(tmp_path / "etl_checkpoint_t.json").file_source == context.file_source


@pytest.fixture
def _umask() -> Any:
    former = os.umask(0)
    yield
    os.umask(former)


@pytest.mark.usefixtures("_umask")
def test_files_and_folders_are_private_under_any_umask(place: Place, tmp_path: Path) -> None:
    pipeline = place.pipeline(task_id="t", max_workers=2, chunk_size=60)
    with place.export.open("rb") as stream:
        pipeline.run_pipeline(file_obj=stream)
    pipeline.save_checkpoint(tmp_path / "a" / "copy")
    made = [place.output_dir, *place.output_dir.rglob("*"), tmp_path / "a", *(tmp_path / "a").rglob("*")]
    assert {oct(path.stat().st_mode & 0o777) for path in made if path.is_dir()} == {"0o700"}
    assert {oct(path.stat().st_mode & 0o777) for path in made if path.is_file()} == {"0o600"}
    assert len([path for path in made if path.is_file()]) > 40
