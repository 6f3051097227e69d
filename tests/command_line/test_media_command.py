"""``skype-assets media``, and what other commands say of media."""

import json
import os
from pathlib import Path

import pytest

from skype_assets.etl import crash_points
from skype_assets.etl.crash_points import fail_at
from skype_assets.etl.task import Task
from skype_assets.etl.tasks.media_files import write_files
from tests.command_line.conftest import Invoke
from tests.media.exports import document_id, many, stored, write


@pytest.fixture
def export(workplace: Path) -> Path:
    return write(workplace / "export.tar", many(12))


def test_media_are_kept_found_again_and_written_out_when_the_export_is_gone(
    workplace: Path, database: str, invoke: Invoke, export: Path
) -> None:
    done = invoke("run", export, "--task-id", "t", "--no-report")
    assert "All 14 media objects of export.tar are kept; `skype-assets media extract` writes them" in done.stdout
    assert "media: 14 objects, 14 kept" in invoke("status", "t").stdout
    export.unlink()
    status = invoke("media", "status", "--json")
    found = json.loads(status.stdout)
    assert (found["tasks"]["t"]["kept"], found["tasks"]["t"]["missing"]) == (14, [])
    assert found["store"]["objects"] == len(stored(workplace / "output"))
    written = invoke("media", "extract", "t", workplace / "files", "--json")
    assert json.loads(written.stdout)["files"] == 14
    assert len(list((workplace / "files").iterdir())) == 14


def test_what_is_damaged_ends_with_11_and_is_written_again_from_the_export(
    workplace: Path, database: str, invoke: Invoke, export: Path
) -> None:
    assert invoke("run", export, "--task-id", "t", "--no-report").exit_code == 0
    before = stored(workplace / "output")
    gone, spoilt, *_ = (path for path in sorted((workplace / "output/media").glob("*/*")) if path.stat().st_size)
    gone.unlink()
    spoilt.write_bytes(bytes(spoilt.stat().st_size))
    status = invoke("media", "status", "t")
    assert status.exit_code == 11
    assert "media keep EXPORT" in status.stderr
    assert invoke("media", "status", "t", "--quick").exit_code == 11
    verified = invoke("verify", "t", "--json")
    assert verified.exit_code == 11
    (check,) = [check for check in json.loads(verified.stdout)["checks"] if check["status"] != "ok"]
    assert check["check"] == "media"
    assert invoke("media", "extract", "t", workplace / "files").exit_code == 11
    assert len(list((workplace / "files").iterdir())) < 14
    assert invoke("media", "keep", export, "--no-report").exit_code == 0
    assert stored(workplace / "output") == before
    assert invoke("verify", "t").exit_code == 0


def test_what_was_loaded_without_media_keeps_them_later(
    workplace: Path, database: str, invoke: Invoke, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = invoke("media", "keep", export)
    assert unknown.exit_code == 2
    assert "no task" in unknown.stderr
    done = invoke("run", export, "--task-id", "t", "--no-report", "--no-media")
    assert "Keep export.tar: 14 of its 14 media objects are nowhere else." in done.stdout
    assert stored(workplace / "output") == {}
    monkeypatch.setenv("SKYPE_KEEP_MEDIA", "off")
    forbidden = invoke("media", "keep", export)
    assert forbidden.exit_code == 2
    assert "SKYPE_KEEP_MEDIA is off" in forbidden.stderr
    assert invoke("run", export, "--task-id", "t", "--no-report").exit_code == 0
    assert stored(workplace / "output") == {}
    monkeypatch.delenv("SKYPE_KEEP_MEDIA")
    assert invoke("media", "keep", export, "--no-report").exit_code == 0
    assert len(stored(workplace / "output")) > 0


@pytest.mark.parametrize("point", ["phase claimed", "part committed", "load finished"])
def test_keeping_that_was_interrupted_in_the_load_ends_the_load_when_it_is_repeated(
    workplace: Path, database: str, invoke: Invoke, export: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    assert invoke("run", export, "--task-id", "t", "--no-report", "--no-media").exit_code == 0
    hit = 3 if point == "phase claimed" else 1
    monkeypatch.setattr(crash_points, "listener", fail_at(point, "exception", hit))
    assert invoke("media", "keep", export, "--no-report").exit_code == 70
    monkeypatch.setattr(crash_points, "listener", None)
    assert invoke("verify", "t").exit_code != 0
    assert invoke("media", "keep", export, "--no-report").exit_code == 0
    assert invoke("verify", "t").exit_code == 0


def test_what_an_extraction_left_that_was_killed_goes_with_the_next_one(
    workplace: Path, database: str, invoke: Invoke, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert invoke("run", export, "--task-id", "t", "--no-report").exit_code == 0
    files = workplace / "files"
    pid = os.fork()
    if pid == 0:
        crash_points.listener = fail_at("file written", "kill", 5)
        write_files(Task("t", workplace / "output"), files)
        os._exit(1)
    os.waitpid(pid, 0)
    left = {path.name for path in files.iterdir()}
    assert (len(left), sum(name.startswith(".partial-") for name in left)) == (5, 1)
    (files / ".partial-of somebody else").touch()
    assert invoke("media", "extract", "t", files).exit_code == 0
    assert len(list(files.iterdir())) == 14 + 1
    assert [path.name for path in files.glob(".*")] == [".partial-of somebody else"]


def test_clean_removes_the_objects_that_no_task_refers_to(
    workplace: Path, database: str, invoke: Invoke, export: Path
) -> None:
    other = many(12)
    other[f"media/{document_id(1)}.1.jpeg"] = b"another one"
    for name, path in (("one", export), ("two", write(workplace / "other.tar", other))):
        assert invoke("run", path, "--task-id", name, "--no-report").exit_code == 0
    store = stored(workplace / "output")
    rehearsed = json.loads(invoke("clean", "--older-than", "0", "--dry-run", "--json").stdout)
    assert rehearsed["media"]["objects"] == 0  # the newest of each export stays
    for folder in (workplace / "output" / "two").iterdir():
        if folder.is_dir():
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
    cleaned = invoke("clean", "--older-than", "0", "--json")
    assert cleaned.exit_code == 0
    assert json.loads(cleaned.stdout)["media"]["objects"] == 1
    assert set(stored(workplace / "output").values()) == set(store.values()) - {b"another one"}
