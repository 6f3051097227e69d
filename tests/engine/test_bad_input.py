"""A bad export is refused with the place where it is bad, and what was recorded before stays (promise I16)."""

import io
import json
import tarfile
from collections.abc import Callable
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
