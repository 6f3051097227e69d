"""A bad export is refused with the place where it is bad, and what was recorded before stays (promise I16)."""

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from skype_assets.etl import engine
from skype_assets.etl.checkpoints import state
from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.sample import write_sample
from tests.engine.runs import ASSETS, files_of, task


def _archive(path: Path, *members: tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def _truncated(path: Path) -> Path:
    data = write_sample(path, messages=600).path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def _two_messages(path: Path) -> Path:
    document = json.dumps({"userId": "8:live:mara.ostrow", "conversations": []}).encode()
    return _archive(path, ("messages.json", document), ("copy/messages.json", document))


def _no_messages(path: Path) -> Path:
    return _archive(path, ("readme.txt", b"nothing of Skype's"))


def _no_archive(path: Path) -> Path:
    path.write_bytes(b"Dear diary, " * 100)
    return path


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (_truncated, "messages.json: the archive ends within this member"),
        (_two_messages, "holds messages twice: messages.json and copy/messages.json"),
        (_no_messages, "holds neither messages.json nor media"),
        (_no_archive, "this is neither a tar or zip archive nor JSON at byte 0"),
    ],
)
def test_what_is_no_export_is_refused_and_leaves_the_task_free_for_the_right_one(
    make: Callable[[Path], Path], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidExport, match=problem) as refused:
        engine.run_phase(task("t", tmp_path / "out", make(tmp_path / "bad.tar"), None), "extract")
    assert refused.value.exit_code == 3
    good = write_sample(tmp_path / "good.tar", messages=600).path
    assert engine.run_phase(task("t", tmp_path / "out", good, None), "extract").tables["messages"].num_rows == 600


def test_invalid_json_in_the_middle_is_named_by_member_and_byte_and_the_parts_before_it_stay(tmp_path: Path) -> None:
    messages = [{"id": str(number), "content": f"message {number}"} for number in range(300)]
    document = {"userId": "8:live:mara.ostrow", "conversations": [{"id": "8:tbrannock", "MessageList": messages}]}
    text = json.dumps(document).encode()
    place = text.index(b'"content": "message 250"') + len(b'"content"')
    export = _archive(tmp_path / "export.tar", ("messages.json", text[:place] + b";" + text[place + 1 :]))
    broken = task("t", tmp_path / "out", export, None, chunk_size=50)
    with pytest.raises(InvalidExport) as refused:
        engine.run_phase(broken, "extract")
    assert (refused.value.member, refused.value.offset) == ("messages.json", place)
    assert f"at byte {place}" in str(refused.value)
    assert "message 250" not in str(refused.value)

    recorded = state.read(broken.folder.folder(ASSETS["extract"]))
    assert recorded
    assert (recorded.status, len(recorded.parts), recorded.counts()["messages"]) == ("running", 6, 250)
    files = files_of(broken.output_dir)
    with pytest.raises(InvalidExport, match=f"at byte {place}"):
        engine.run_phase(broken, "extract")
    parts = {name for name in files if name.endswith(".parquet")}
    assert {name: files_of(broken.output_dir)[name] for name in parts} == {name: files[name] for name in parts}
    assert engine.open_phase(broken, "extract") is None


@pytest.mark.parametrize("make", [_truncated, _two_messages, _no_messages, _no_archive])
def test_a_refused_file_leaves_no_task(make: Callable[[Path], Path], tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(InvalidExport):
            engine.run_phase(task("t", tmp_path / "out", make(tmp_path / "bad.tar"), None), "extract")
        assert files_of(tmp_path / "out") == {}
        assert not list((tmp_path / "out").iterdir())


def test_what_lies_in_a_folder_that_a_task_was_to_have_stays(tmp_path: Path) -> None:
    mine = tmp_path / "out" / "t" / "thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(InvalidExport):
        engine.run_phase(task("t", tmp_path / "out", _no_archive(tmp_path / "bad.tar"), None), "extract")
    assert mine.read_text() == "mine"


def test_a_checkpoint_outlives_the_file_it_was_made_from(tmp_path: Path) -> None:
    export = write_sample(tmp_path / "a.tar", messages=300).path
    mine = task("t", tmp_path / "out", export, None)
    engine.run_phase(mine, "extract")
    files = files_of(mine.output_dir)
    export.write_bytes(b"")
    with pytest.raises(InvalidExport, match="empty"):
        engine.run_phase(mine, "extract")
    assert {name: data for name, data in files_of(mine.output_dir).items() if name.endswith(".parquet")} == {
        name: data for name, data in files.items() if name.endswith(".parquet")
    }


MEDIA = ("media/0-weu-d4-f08fdde142b15a71193dfd6abe4c0174.1.jpeg", b"picture")
EMPTY = ("messages.json", b'{"userId":"8:a","conversations":[{"id":"8:b","MessageList":[]}]}')


@pytest.mark.parametrize(
    ("members", "problem"), [((MEDIA,), "media, but no messages.json"), ((MEDIA, EMPTY), "no message")]
)
def test_an_export_without_a_message_is_refused_unless_that_was_asked_for(
    members: tuple[tuple[str, bytes], ...], problem: str, tmp_path: Path
) -> None:
    export = _archive(tmp_path / "files.tar", *members)
    refusing = task("t", tmp_path / "out", export, None)
    with pytest.raises(InvalidExport, match=f"files.tar: the export holds {problem}. .*--media-only"):
        engine.run_phase(refusing, "extract")
    assert not list((tmp_path / "out").iterdir())
    asked = replace(refusing, settings=replace(refusing.settings, media_only=True))
    assert engine.run_phase(asked, "extract").tables["media"].num_rows == 1
    assert engine.run_phase(refusing, "extract").from_checkpoint  # of what is done, nobody is asked again


def test_objects_that_are_no_messages_are_accounted_for_and_not_taken_for_none(tmp_path: Path) -> None:
    document = b'{"userId":"8:a","conversations":[{"id":"8:b","MessageList":7}, 8]}'
    export = _archive(tmp_path / "a.tar", ("messages.json", document))
    assert engine.run_phase(task("t", tmp_path / "out", export, None), "extract").tables["rejects"].num_rows == 2
