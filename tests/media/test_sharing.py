"""Several tasks share the store: an object stays as long as one of them refers to it, and goes when none does."""

import shutil
from pathlib import Path

import pytest

from skype_assets import ETLContext
from skype_assets.etl import engine
from skype_assets.etl.checkpoints.media_store import MediaStore
from skype_assets.etl.task import Settings, Task
from skype_assets.etl.tasks import retention
from skype_assets.etl.tasks.media import Unreferenced, kept_media, objects, remove_damaged, remove_unreferenced
from skype_assets.etl.tasks.reset import reset
from tests.engine.runs import child
from tests.media.exports import Members, document_id, many, stored, write


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Three tasks: the objects of the first are among those of the second; the third has some of its own."""
    members = many(12)
    own = {f"media/{document_id(100)}.1.jpeg": b"of the third alone"}
    shared = {name: data for name, data in members.items() if "media" not in name or "00a" not in name}
    for name, of in (("first", shared), ("second", members), ("third", {**members, **own})):
        extract(tmp_path, name, of)
    return tmp_path / "out"


def extract(folder: Path, name: str, members: Members) -> Task:
    task = Task(name, folder / "out", write(folder / name / "export.tar", members), settings=Settings(max_workers=1))
    engine.run_phase(task, "extract")
    return task


def remove(output: Path, name: str) -> None:
    (entry,) = [entry for entry in retention.entries(output) if entry.name == name]
    retention.remove(output, entry)


def test_an_object_goes_when_no_task_refers_to_it_and_not_before(output: Path) -> None:
    before = stored(output)
    assert remove_unreferenced(output) == Unreferenced()
    remove(output, "second")
    assert remove_unreferenced(output) == Unreferenced()
    assert stored(output) == before
    assert remove_unreferenced(output, {"third"}, is_rehearsal=True).objects == len(before) - len(
        _kept(output, "first")
    )
    assert stored(output) == before
    remove(output, "third")
    gone = remove_unreferenced(output)
    assert gone.objects == len(before) - len(stored(output)) > 0
    assert gone.bytes == sum(map(len, before.values())) - sum(map(len, stored(output).values()))
    assert {name.partition("/")[2] for name in stored(output)} == _kept(output, "first")
    remove(output, "first")
    remove_unreferenced(output)
    assert stored(output) == {}


def _kept(output: Path, name: str) -> set[str]:
    return {row["sha256"].hex() for row in objects(Task(name, output).folder)}


def test_what_reset_moved_aside_still_refers_to_its_objects(output: Path) -> None:
    before = stored(output)
    reset(Task("third", output))
    assert remove_unreferenced(output) == Unreferenced()
    assert stored(output) == before


def test_nothing_goes_while_an_export_is_being_extracted(output: Path) -> None:
    remove(output, "third")
    before = stored(output)
    with MediaStore(output).shared():
        assert remove_unreferenced(output).reason == "an export is being extracted"
    assert stored(output) == before
    assert remove_unreferenced(output).objects == 1


@pytest.mark.parametrize("damaged", ["state.json", "objects"])
def test_nothing_goes_if_a_task_cannot_be_asked(damaged: str, output: Path) -> None:
    remove(output, "third")
    (victim, *_) = (output / "first" / "raw_export").glob(f"{damaged}*")
    victim.write_bytes(victim.read_bytes()[:-7])
    before = stored(output)
    assert "cannot be told" in remove_unreferenced(output).reason
    assert stored(output) == before


def test_clearing_away_beside_an_extract_takes_nothing_from_it(tmp_path: Path) -> None:
    task = Task("t", tmp_path / "out", write(tmp_path / "export.tar", many(150)), settings=Settings(chunk_size=20))
    with child(task) as working:
        while not working.has_ended():
            remove_unreferenced(task.output_dir)
    engine.run_phase(task, "extract")
    found = kept_media(objects(task.folder), MediaStore(task.output_dir))
    assert found.kept == found.objects == 165


def test_what_is_damaged_is_found_and_written_again(output: Path, tmp_path: Path) -> None:
    store = MediaStore(output)
    (name, data), *_ = ((name, data) for name, data in stored(output).items() if data)
    path = output / "media" / name
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    task = Task("third", output, tmp_path / "third" / "export.tar", settings=Settings(max_workers=1))
    found = kept_media(objects(task.folder), store)
    assert found.damaged
    assert not found.missing
    assert engine.run_phase(task, "extract").from_checkpoint  # whoever runs it does not read them all
    assert remove_damaged(task.folder, store) == 1
    engine.run_phase(task, "extract")
    assert stored(output)[name] == data
    path.write_bytes(data + b"x")
    for quick in (False, True):  # the second is what `media status --quick` asks
        longer = kept_media(objects(task.folder), store, quick=quick)
        assert (longer.damaged, longer.missing) == (found.damaged, [])
    assert remove_damaged(task.folder, store) == 1
    assert kept_media(objects(task.folder), store).missing == found.damaged


def test_a_copy_of_a_checkpoint_has_its_objects(output: Path, tmp_path: Path) -> None:
    context = ETLContext(output_dir=output, task_id="third")
    context.set_file_source(tmp_path / "third" / "export.tar")
    context.save_checkpoint_to_file(tmp_path / "backup")
    expected = {name: data for name, data in stored(output).items() if name.partition("/")[2] in _kept(output, "third")}
    assert stored(tmp_path / "backup") == expected
    shutil.rmtree(output)
    copy = Task("third", tmp_path / "backup")
    store = MediaStore(copy.output_dir)
    assert kept_media(objects(copy.folder), store).kept == len(expected)
