"""Media objects are kept by content, in every container, whatever happens on the way."""

import hashlib
import io
import os
import random
import subprocess
import tarfile
import time
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skype_assets.etl import engine
from skype_assets.etl.checkpoints.media_store import MediaStore
from skype_assets.etl.engine import space
from skype_assets.etl.errors import InvalidExport, NotEnoughSpace, UsageError
from skype_assets.etl.export.source import fingerprint
from skype_assets.etl.task import Settings, Task
from tests.engine.database_content import query
from tests.engine.runs import Interruption, at, child, interrupt
from tests.media.exports import (
    CONTAINERS,
    document_id,
    hashes,
    many,
    message,
    messages,
    objects,
    read_by_others,
    side_file,
    stored,
    write,
)

OBJECTS = 500
KILLS = int(os.environ.get("SKYPE_MEDIA_KILLS", "10"))


def extracted(task: Task) -> list[dict[str, Any]]:
    made = engine.open_phase(task, "extract")
    assert made
    return made["objects"].to_table().to_pylist()


def expected_store(export: Path) -> dict[str, bytes]:
    found = {hashlib.sha256(data).hexdigest(): data for data in objects(read_by_others(export)).values()}
    return {f"{name[:2]}/{name}": data for name, data in found.items()}


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_object_is_in_the_store_as_an_independent_reader_finds_it(
    container: str, tmp_path: Path, postgres_url: str
) -> None:
    export = write(tmp_path / container, many(OBJECTS))
    task = Task("t", tmp_path / "out", export, postgres_url, Settings(chunk_size=120, max_workers=1))
    engine.run(task)
    members = objects(read_by_others(export))
    assert len(members) == OBJECTS + OBJECTS // 10
    assert stored(task.output_dir) == expected_store(export)
    rows = extracted(task)
    assert {row["member"]: row["sha256"].hex() for row in rows} == hashes(members)
    assert all(row["kept"] and row["problem"] is None for row in rows)
    found = query(
        postgres_url, "SELECT member, encode(sha256, 'hex'), kept, source_offset, flags FROM skype.media_files"
    )
    assert {row[0]: row[1] for row in found} == hashes(members)
    assert all(kept and not flags for _, _, kept, _, flags in found)
    for member, sha256, _, offset, _ in found:
        if offset is not None and export.is_file():  # as `tail -c +OFFSET | head -c SIZE | sha256sum` finds it
            data = export.read_bytes()[offset : offset + len(members[member])]
            assert hashlib.sha256(data).hexdigest() == sha256
    assert all((offset is None) == (container in ("export.tar.gz", "deflated.zip")) for _, _, _, offset, _ in found)


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_member_is_accounted_for_and_the_list_of_devices_is_kept_as_it_is(container: str, tmp_path: Path) -> None:
    members = many(30)
    task = Task("t", tmp_path / "out", write(tmp_path / container, members))
    made = engine.run_phase(task, "extract").tables
    counted = {row["kind"]: (row["members"], row["bytes"]) for row in made["members"].to_table().to_pylist()}
    bodies = objects(members)
    sides = [data for name, data in members.items() if name.startswith("media/") and name.endswith(".json")]
    assert counted == {
        "messages": (1, len(members["messages.json"])),
        "media": (len(bodies), sum(map(len, bodies.values()))),
        "side file": (30, sum(map(len, sides))),
        "endpoints": (1, len(members["endpoints.json"])),
        "other": (1, len(members["notes.txt"])),
    }
    assert sum(count for count, _ in counted.values()) == len(members) == made.state.counts()["members"]
    (devices,) = made["endpoints"].to_table().to_pylist()
    assert devices["raw"] == members["endpoints.json"]
    assert devices["sha256"] == hashlib.sha256(devices["raw"]).digest()


@pytest.mark.parametrize("container", ["export.tar", "stored.zip", "folder"])
def test_one_reading_finds_the_hash_of_the_export_and_those_of_what_lies_in_it(container: str, tmp_path: Path) -> None:
    export = write(tmp_path / container, many(40))
    members = read_by_others(export)
    source = fingerprint(export)
    media = {name: data for name, data in members.items() if name.startswith("media/")}
    assert sorted(digest.sha256 for digest in source.digests.values()) == sorted(
        hashlib.sha256(data).digest() for data in media.values()
    )
    if export.is_file():
        assert source.sha256 == hashlib.sha256(export.read_bytes()).hexdigest()


@pytest.mark.parametrize("container", ["export.tar", "folder"])
def test_what_changed_since_it_was_hashed_is_never_kept_under_the_old_hash(container: str, tmp_path: Path) -> None:
    export = write(tmp_path / container, many(20))
    source = fingerprint(export)
    victim = export if export.is_file() else export / f"media/{document_id(3)}.1.jpeg"
    place = export.read_bytes().index(many(20)[f"media/{document_id(3)}.1.jpeg"]) if export.is_file() else 0
    times = victim.stat()
    with victim.open("r+b") as file:
        file.seek(place + 5)
        file.write(b"changed")
    os.utime(victim, ns=(times.st_atime_ns, times.st_mtime_ns))
    task = Task("t", tmp_path / "out", export, fingerprint=source)
    with pytest.raises(InvalidExport, match="was changed while it was read"):
        engine.run_phase(task, "extract")
    for name, data in stored(task.output_dir).items():
        assert hashlib.sha256(data).hexdigest() == name.partition("/")[2]


@pytest.mark.parametrize("container", ["export.tar", "stored.zip"])
def test_members_that_are_there_twice_are_each_kept_with_their_own_bytes(container: str, tmp_path: Path) -> None:
    name, side = f"media/{document_id(1)}.1.jpeg", f"media/{document_id(1)}.json"
    twice = [(name, b"one"), (name, b"two"), (name, b"two"), (side, side_file("1.jpg")), (side, side_file("2.jpg"))]
    export = tmp_path / container
    if container == "export.tar":
        with tarfile.open(export, "w") as tar:
            for member, data in [("messages.json", messages(message(1, document_id(1)))), *twice]:
                info = tarfile.TarInfo(member)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    else:
        with zipfile.ZipFile(export, "w") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            for member, data in [("messages.json", messages(message(1, document_id(1)))), *twice]:
                archive.writestr(member, data)
    made = engine.run_phase(Task("t", tmp_path / "out", export), "extract").tables
    kept = [(row["member"], row["sha256"]) for row in made["objects"].to_table().to_pylist()]
    assert kept == [(name, hashlib.sha256(data).digest()) for data in (b"one", b"two", b"two")]
    assert set(stored(tmp_path / "out").values()) == {b"one", b"two"}
    sides = [row["raw"] for row in made["media"].to_table().to_pylist() if row["is_side_file"]]
    assert sides == [side_file("1.jpg"), side_file("2.jpg")]


def test_what_is_known_to_be_kept_is_not_written_again(tmp_path: Path) -> None:
    export = write(tmp_path / "export.tar", many(40))
    engine.run_phase(Task("first", tmp_path / "out", export), "extract")
    before = {path: path.stat().st_ino for path in (tmp_path / "out" / "media").rglob("*/*")}
    for container in ("deflated.zip", "export.tar.gz"):
        again = write(tmp_path / container, many(40))
        engine.run_phase(Task(container.split(".")[0], tmp_path / "out", again), "extract")
    assert {path: path.stat().st_ino for path in before} == before


@pytest.mark.parametrize("container", CONTAINERS)
def test_two_copies_of_one_document_with_different_bytes_are_both_kept_and_flagged(
    container: str, tmp_path: Path, postgres_url: str
) -> None:
    document = document_id(1)
    members = {
        "messages.json": messages(message(1, document)),
        f"media/{document}.1.jpeg": b"\xff\xd8\xff first",
        f"media/again/{document}.1.jpg": b"\xff\xd8\xff second, larger",
        f"media/{document}.1.jpe": b"\xff\xd8\xff first",
        f"media/{document_id(2)}.1.jpeg": b"\xff\xd8\xff",
    }
    task = Task("t", tmp_path / "out", write(tmp_path / container, members), postgres_url)
    engine.run(task)
    assert set(stored(task.output_dir).values()) == set(objects(members).values())
    found = query(postgres_url, "SELECT document_id, size_bytes, flags FROM skype.media_files ORDER BY document_id")
    assert sorted(found) == sorted([(document, 18, ["copies_differ"]), (document_id(2), 3, [])])


def test_an_attachment_names_its_object_and_its_preview_whichever_archive_has_them(
    tmp_path: Path, postgres_url: str
) -> None:
    whole, both = document_id(1), document_id(2)
    first = {
        "messages.json": messages(message(1, whole), message(2, both), message(3, document_id(3))),
        f"media/{both}.1.mp4": b"the film",
    }
    second = {f"media/{whole}.1.jpeg": b"the photo", f"media/{both}.2.jpeg": b"its preview", f"{both}.json": b"{}"}
    second["messages.json"] = messages()
    for name, members in (("first", first), ("second", second)):
        settings = Settings(media_only=True)
        export = write(tmp_path / f"{name}.tar", members)
        engine.run(Task(name, tmp_path / "out", export, postgres_url, settings))
    found = query(
        postgres_url,
        "SELECT document_id, present, encode(media_sha256, 'hex'), encode(preview_sha256, 'hex') "
        "FROM skype.attachments ORDER BY message_id",
    )
    sha256 = {data: hashlib.sha256(data).hexdigest() for data in (b"the photo", b"the film", b"its preview")}
    assert found == [
        (whole, True, sha256[b"the photo"], None),
        (both, True, sha256[b"the film"], sha256[b"its preview"]),
        (document_id(3), False, None, None),
    ]


@pytest.mark.parametrize("container", CONTAINERS)
def test_without_media_nothing_is_kept_and_a_later_run_keeps_them_without_the_messages_being_read_again(
    container: str, tmp_path: Path, postgres_url: str
) -> None:
    export = write(tmp_path / container, many(40))
    settings = Settings(chunk_size=15, max_workers=1, keep_media=False)
    task = Task("t", tmp_path / "out", export, postgres_url, settings)
    engine.run(task)
    assert stored(task.output_dir) == {}
    assert {row["member"]: row["sha256"].hex() for row in extracted(task)} == hashes(objects(read_by_others(export)))
    assert query(postgres_url, "SELECT DISTINCT kept FROM skype.media_files") == [(False,)]
    assert all(result.from_checkpoint for result in engine.run(task))
    before = _inodes(task, "messages")
    keeping = replace(task, settings=replace(settings, keep_media=True))
    engine.run(keeping)
    assert stored(task.output_dir) == expected_store(export)
    assert _inodes(task, "messages") == before
    assert query(postgres_url, "SELECT DISTINCT kept FROM skype.media_files") == [(True,)]
    assert all(result.from_checkpoint for result in engine.run(keeping))


def _inodes(task: Task, table: str) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in (task.folder.path / "raw_export").glob(f"{table}-*")}


@pytest.mark.parametrize("damage", ["gone", "cut", "a folder"])
def test_what_has_gone_from_the_store_is_kept_again_from_the_export(damage: str, tmp_path: Path) -> None:
    export = write(tmp_path / "export.tar", many(40))
    task = Task("t", tmp_path / "out", export, settings=Settings(chunk_size=15, max_workers=1))
    engine.run_phase(task, "extract")
    victim = sorted((tmp_path / "out" / "media").glob("*/*"))[7]
    victim.unlink()
    if damage == "cut":
        victim.write_bytes(b"")
    if damage == "a folder":
        victim.parent.joinpath("lost").mkdir()
    engine.run_phase(task, "extract")
    assert stored(task.output_dir) == expected_store(export)


@pytest.mark.parametrize("container", ["export.tar", "export.tar.gz", "deflated.zip"])
def test_what_has_gone_is_put_back_and_what_is_complete_stays_complete_meanwhile(
    container: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Task("t", tmp_path / "out", write(tmp_path / container, many(30)), None, Settings(chunk_size=10))
    engine.run_phase(task, "extract")
    whole, before = stored(tmp_path / "out"), task.folder.file("raw_export/state.json").read_bytes()
    store = MediaStore(tmp_path / "out")
    for sha256, _ in [*store.objects()][:20]:
        store.remove(sha256)
    put, left = MediaStore.put, iter(range(4))

    def interrupted(self: MediaStore, blocks: Any) -> bytes:
        if next(left, None) is None:
            raise Interruption
        return put(self, blocks)

    with monkeypatch.context() as patch:
        patch.setattr(MediaStore, "put", interrupted)
        with pytest.raises(Interruption):
            engine.run_phase(task, "extract")
    assert engine.open_phase(task, "extract") is not None
    assert len([*store.objects()]) == len(whole) - 16
    assert engine.run_phase(task, "extract").from_checkpoint
    assert stored(tmp_path / "out") == whole
    assert task.folder.file("raw_export/state.json").read_bytes() == before


def test_what_stands_in_the_place_of_an_object_is_named(tmp_path: Path) -> None:
    task = Task("t", tmp_path / "out", write(tmp_path / "export.tar", many(3)), None)
    engine.run_phase(task, "extract")
    store = MediaStore(tmp_path / "out")
    (sha256, _), *_ = store.objects()
    store.remove(sha256)
    store.path(sha256).mkdir()
    with pytest.raises(IsADirectoryError) as failed:
        engine.run_phase(task, "extract")
    assert failed.value.filename == str(store.path(sha256))
    store.path(sha256).rmdir()
    assert engine.run_phase(task, "extract").from_checkpoint
    assert store.path(sha256).is_file()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("container", ["export.tar", "export.tar.gz", "deflated.zip"])
def test_a_run_that_was_interrupted_within_the_media_goes_on_behind_them(
    container: str, workers: int, tmp_path: Path
) -> None:
    export = write(tmp_path / container, many(60))
    task = Task("t", tmp_path / "out", export, settings=Settings(chunk_size=20, max_workers=workers))
    with pytest.raises(Interruption):
        engine.run_phase(task, "extract", at("extract", 6, interrupt))
    done = engine.run_phase(task, "extract").tables.state
    assert [part.number for part in done.parts] == list(range(len(done.parts)))
    assert done.attempts == 2
    assert stored(task.output_dir) == expected_store(export)
    assert [row["ordinal"] for row in extracted(task)] == sorted(row["ordinal"] for row in extracted(task))


@pytest.mark.parametrize("container", ["export.tar", "export.tar.gz"])
def test_killed_at_random_moments_and_resumed_the_store_is_the_same(container: str, tmp_path: Path) -> None:
    export = write(tmp_path / container, many(150, largest=20_000))
    task = Task("t", tmp_path / "out", export, settings=Settings(chunk_size=25, max_workers=1))
    drawn, expected = random.Random(container), expected_store(export)
    for _ in range(KILLS // 2):
        with child(task) as victim:
            time.sleep(drawn.uniform(0.0, 0.6))
            victim.kill()
        found = {name: data for name, data in stored(task.output_dir).items() if ".partial-" not in name}
        assert found.items() <= expected.items()
    engine.run_phase(task, "extract")
    assert stored(task.output_dir) == expected
    rows = extracted(task)
    assert len({row["ordinal"] for row in rows}) == len(rows) == len(objects(read_by_others(export)))


def test_an_object_that_the_archive_does_not_give_costs_nobody_the_messages(tmp_path: Path, postgres_url: str) -> None:
    members = many(20)
    export = write(tmp_path / "stored.zip", members)
    broken, strange, headless = (f"media/{document_id(number)}.1.jpeg" for number in (3, 4, 5))
    content = bytearray(export.read_bytes())
    with zipfile.ZipFile(export) as archive:
        content[archive.getinfo(broken).header_offset + 30 + len(broken) + 5] ^= 1
        content[archive.getinfo(headless).header_offset] ^= 1
    place = content.rindex(strange.encode()) - 46  # its entry in the directory of the archive
    content[place + 10 : place + 12] = (9).to_bytes(2, "little")
    export.write_bytes(content)
    task = Task("t", tmp_path / "out", export, postgres_url)
    engine.run(task)
    problems = {row["member"]: row["problem"] for row in extracted(task) if row["problem"]}
    assert set(problems) == {broken, strange, headless}
    assert "Deflate64" in problems[strange]
    assert "CRC" in problems[broken]
    flagged = query(postgres_url, "SELECT member, sha256, kept FROM skype.media_files WHERE flags = '{unreadable}'")
    assert sorted(flagged) == [(one, None, False) for one in sorted(problems)]
    assert query(postgres_url, "SELECT count(*) FROM skype.messages") == [(20,)]
    assert len(stored(task.output_dir)) == len(expected_store_without(members, set(problems)))


def expected_store_without(members: dict[str, bytes], left_out: set[str]) -> set[str]:
    return {sha for name, sha in hashes(objects(members)).items() if name not in left_out}


def test_a_bomb_among_the_media_of_a_zip_is_left_and_entries_that_lie_on_each_other_are_refused(tmp_path: Path) -> None:
    export = tmp_path / "deflated.zip"
    members = {"messages.json": messages(message(1, document_id(1))), f"media/{document_id(1)}.1.jpeg": b"\xff\xd8\xff"}
    write(export, members)
    with zipfile.ZipFile(export, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"media/{document_id(2)}.1.mp4", bytes(100 << 20))
    task = Task("t", tmp_path / "out", export)
    engine.run_phase(task, "extract")
    (row,) = [row for row in extracted(task) if row["problem"]]
    assert "over 1000 times as many" in str(row["problem"])
    assert set(stored(task.output_dir).values()) == {b"\xff\xd8\xff"}
    content = bytearray(export.read_bytes())
    first = content.index(b"PK\1\2")
    content[first + 20 : first + 24] = (2**31).to_bytes(4, "little")
    export.write_bytes(content)
    with pytest.raises(InvalidExport, match="larger together than the file"):
        engine.run_phase(Task("u", tmp_path / "out", export), "extract")


def test_room_for_the_media_is_asked_for_before_anything_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = write(tmp_path / "export.tar", many(60, largest=50_000))
    size = sum(map(len, objects(read_by_others(export)).values()))

    def free(count: int) -> None:
        usage = lambda _path: type("Usage", (), {"free": count})  # noqa: E731
        monkeypatch.setattr(space.shutil, "disk_usage", usage)

    free(size)
    with pytest.raises(NotEnoughSpace):
        engine.run_phase(Task("t", tmp_path / "out", export), "extract")
    assert stored(tmp_path / "out") == {}
    free(size // 2)
    hashed = Task("t", tmp_path / "out", export, settings=Settings(keep_media=False))
    engine.run_phase(hashed, "extract")
    free(2 * size)
    engine.run_phase(replace(hashed, settings=Settings()), "extract")
    free(size // 2)  # another export with the same media
    members = {**many(60, largest=50_000), "more.txt": b"more"}
    engine.run_phase(Task("u", tmp_path / "out", write(tmp_path / "other.tar", members)), "extract")


def test_what_is_kept_is_private_and_can_be_checked_without_this_program(tmp_path: Path) -> None:
    export = write(tmp_path / "export.tar", many(20))
    before = os.umask(0)
    try:
        engine.run_phase(Task("t", tmp_path / "out", export), "extract")
    finally:
        os.umask(before)
    for path in (tmp_path / "out" / "media").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)
        if path.is_file() and path.name != "lock":
            printed = subprocess.run(["sha256sum", path], check=True, capture_output=True, text=True).stdout
            assert printed.split()[0] == path.name


def test_an_export_that_is_refused_leaves_nothing_in_the_store(tmp_path: Path) -> None:
    for name, members in {
        "without": {f"media/{document_id(1)}.1.jpeg": b"a photo"},
        "empty": {"messages.json": messages(), f"media/{document_id(1)}.1.jpeg": b"a photo"},
    }.items():
        export = write(tmp_path / name / "export.tar", members)
        with pytest.raises(InvalidExport, match="no message"):
            engine.run_phase(Task("t", tmp_path / "out", export), "extract")
        assert list((tmp_path / "out").iterdir()) == []


def test_a_task_is_not_called_as_the_store_is() -> None:
    with pytest.raises(UsageError, match="where media are kept"):
        Task("media", Path("out"))


def test_objects_are_found_by_hash_and_size_alone(tmp_path: Path) -> None:
    store = MediaStore(tmp_path)
    sha256 = store.put(iter([b"one ", b"object"]))
    assert sha256 == hashlib.sha256(b"one object").digest()
    assert store.is_here(sha256, 10)
    assert not store.is_here(sha256, 11)
    store.path(sha256).write_bytes(b"another...")
    assert store.is_here(sha256, 10)
    assert not store.is_whole(sha256, 10)
    store.remove(sha256)
    store.path(sha256).symlink_to(tmp_path / "elsewhere")
    assert not store.is_here(sha256, 10)
    assert store.open(sha256, 10) is None


def test_a_claim_of_the_side_file_that_the_bytes_contradict_is_flagged(tmp_path: Path, postgres_url: str) -> None:
    honest, lie = document_id(1), document_id(2)
    members = {
        "messages.json": messages(message(1, honest), message(2, lie)),
        f"media/{honest}.1.jpeg": b"\xff\xd8\xff\xe0",
        f"media/{honest}.json": side_file("a.jpg", "image/jpg"),
        f"media/{lie}.1.jpeg": b"MZ" + bytes(58) + b"\x80\0\0\0",
        f"media/{lie}.json": side_file("b.jpg", "image/jpeg"),
    }
    engine.run(Task("t", tmp_path / "out", write(tmp_path / "export.tar", members), postgres_url))
    found = query(postgres_url, "SELECT document_id, content_type, mime_type, flags FROM skype.media_files")
    assert sorted(found) == sorted(
        [
            (honest, "image/jpeg", "image/jpg", []),
            (lie, "application/vnd.microsoft.portable-executable", "image/jpeg", ["type_differs"]),
        ]
    )
