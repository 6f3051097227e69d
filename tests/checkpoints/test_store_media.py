"""Media objects in a store: there once, whole on every machine, and not lost to whoever clears away meanwhile."""

import hashlib
import os
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from skype_assets.etl import engine
from skype_assets.etl.checkpoints import store as stores
from skype_assets.etl.checkpoints.media_store import MediaStore
from skype_assets.etl.checkpoints.store_media import StoreMedia
from skype_assets.etl.checkpoints.working_copy import WorkingCopy, refresh
from skype_assets.etl.task import Settings, Task
from skype_assets.etl.tasks import retention
from skype_assets.etl.tasks.media import KeptMedia, kept_media, objects, remove_damaged, remove_unreferenced
from tests.media.exports import document_id, many, message, messages, write

CALLS = ("get", "blocks", "put", "put_file", "put_new", "entries", "remove")
"""Of these it matters when they come, if they are about objects, or commit to a log."""
BODIES = [b"one", b"two, longer"]

Machine = Callable[[str], Path]


@pytest.fixture
def machine(tmp_path: Path, store_url: str) -> Machine:
    return lambda name: WorkingCopy.made(tmp_path / name, store_url).folder


@pytest.fixture(autouse=True)
def nothing_is_durable(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests write a lot, and the machine stays on."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """An export of two objects."""
    members = {"messages.json": messages(*(message(number, document_id(number)) for number in range(2)))}
    for number, body in enumerate(BODIES):
        members[f"media/{document_id(number)}.1.jpeg"] = body
    return write(tmp_path / "export.tar", members)


def _extract(output: Path, export: Path | None, task_id: str = "t") -> Task:
    task = Task(task_id, output, export, settings=Settings(max_workers=1))
    engine.run_phase(task, "extract")
    return task


def _found(output: Path, task_id: str = "t") -> KeptMedia:
    refresh(output)
    return kept_media(objects(Task(task_id, output).folder), MediaStore(output))


def _writings(url: str) -> list[str]:
    return [entry.name for entry in stores.opened(url).entries("media") if "/sweeps/" not in entry.name]


def test_what_one_machine_kept_another_has_and_does_not_write_again(
    machine: Machine, store_url: str, tmp_path: Path
) -> None:
    export = write(tmp_path / "many.tar", many(30))
    _extract(machine("first"), export)
    written = _writings(store_url)
    found = _found(machine("second"))
    assert found.kept == found.objects == 33
    assert len(written) == len({data for data in many(30).values() if data.startswith(b"\xff\xd8\xff") or not data})
    _extract(machine("second"), export, "again")
    assert _writings(store_url) == written
    assert not list((machine("third") / "media").rglob("*"))
    (row, *_) = (row for row in objects(Task("t", machine("second")).folder) if row["size"])
    content = MediaStore(machine("third")).open(row["sha256"], row["size"])
    assert content is not None
    with content:
        assert hashlib.sha256(content.read()).digest() == row["sha256"]


def test_an_object_of_a_store_goes_when_no_task_of_any_machine_refers_to_it(
    machine: Machine, small: Path, store_url: str
) -> None:
    first, second = machine("first"), machine("second")
    _extract(first, small)
    _extract(second, small, "other")
    refresh(second)
    for task_id, left in (("t", 2), ("other", 0)):
        assert remove_unreferenced(second).objects == 0
        assert remove_unreferenced(second, {task_id}, is_rehearsal=True).objects == 2 - left
        (entry,) = [entry for entry in retention.entries(second) if entry.name == task_id]
        retention.remove(second, entry)
        assert remove_unreferenced(second).objects == 2 - left
        assert len([name for name in _writings(store_url) if "/decided/" not in name]) == left
    assert not list(MediaStore(second).objects_here())


def test_what_is_damaged_in_the_store_is_found_and_written_again(machine: Machine, small: Path, store_url: str) -> None:
    output = machine("first")
    task = _extract(output, small)
    store = stores.opened(store_url)
    (name, _) = _writings(store_url)
    for data in (b"0123456789", b"another size"):
        store.put(name, data[: store.entries(name.rpartition("/")[0])[0].size] if data[0] == 48 else data)
        assert len(_found(output).damaged) == 1
        assert remove_damaged(task.folder, MediaStore(output)) == 1
        assert len(_found(output).missing) == 1
        _extract(output, small)
        assert _found(output).kept == 2
        (name, _) = _writings(store_url)


def test_bytes_that_are_not_those_of_the_name_are_not_given_to_anybody(
    machine: Machine, small: Path, store_url: str
) -> None:
    output = machine("first")
    _extract(output, small)
    other = machine("second")
    store, in_store = MediaStore(other), stores.opened(store_url)
    sha256 = hashlib.sha256(BODIES[0]).digest()
    (entry,) = in_store.entries(f"media/{sha256.hex()[:2]}/{sha256.hex()}")
    in_store.put(entry.name, b"eno")
    assert store.open(sha256, 3) is None
    assert not list(store.objects_here())


def test_whoever_clears_away_at_any_instant_takes_nothing_from_an_extract(
    machine: Machine, small: Path, tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects that nobody refers to are there; an extract finds them, and another machine clears away meanwhile."""
    for at in _each_call(
        lambda at: _extract(machine(f"machine-{at}"), small, f"t{at}"),
        lambda at: remove_unreferenced(machine("cleaner")),
        before=lambda at: _abandon(store_url, tmp_path),
        monkeypatch=monkeypatch,
        store_url=store_url,
    ):
        _gone_but(machine("cleaner"), f"t{at}", store_url)


def test_whoever_is_frozen_at_any_instant_of_clearing_away_takes_nothing_when_he_wakes_up(
    machine: Machine, small: Path, tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While he is, objects that were to go are extracted, and a third machine clears away, too."""

    def meanwhile(at: int) -> None:
        _extract(machine(f"machine-{at}"), small, f"t{at}")
        remove_unreferenced(machine("cleaner"))
        _extract(machine(f"machine-{at}"), small, f"t{at}")

    for at in _each_call(
        lambda at: remove_unreferenced(machine("frozen")),
        meanwhile,
        before=lambda at: _abandon(store_url, tmp_path),
        monkeypatch=monkeypatch,
        store_url=store_url,
    ):
        _gone_but(machine("cleaner"), f"t{at}", store_url)


def _abandon(store_url: str, folder: Path) -> None:
    """Objects that nobody refers to."""
    for body in BODIES:
        (folder / "object").write_bytes(body)
        StoreMedia(stores.opened(store_url)).put(hashlib.sha256(body).digest(), folder / "object")


def _gone_but(output: Path, task_id: str, store_url: str) -> None:
    """What a task refers to is there, also after all is cleared away; then the task goes, and leaves nothing."""
    remove_unreferenced(output)
    found = _found(output, task_id)
    assert (found.kept, found.missing, found.damaged) == (2, [], [])
    (entry,) = [entry for entry in retention.entries(output) if entry.name == task_id]
    retention.remove(output, entry)
    remove_unreferenced(output)
    assert not list(MediaStore(output).objects())
    assert not stores.opened(store_url).entries("media/sweeps")


def _each_call(
    work: Callable[[int], Any],
    meanwhile: Callable[[int], Any],
    *,
    before: Callable[[int], Any],
    monkeypatch: pytest.MonkeyPatch,
    store_url: str,
) -> Iterator[int]:
    """Do some work again and again, and something else right before its first, second, ... call to the store."""
    at, is_reached = 0, True
    while is_reached:
        before(at)
        with monkeypatch.context() as patched, _at_call(at, meanwhile, patched, store_url) as reached:
            work(at)
        is_reached = bool(reached)
        if is_reached:
            yield at
        at += 1
    assert at > 10


@contextmanager
def _at_call(
    at: int, meanwhile: Callable[[int], Any], patched: pytest.MonkeyPatch, store_url: str
) -> Generator[list[int]]:
    lock, left, reached = threading.Lock(), [at], list[int]()

    def hooked(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(store: stores.Store, name: str, *arguments: Any) -> Any:
            with lock:
                is_now = left[0] == 0 and (name.startswith("media") or method.__name__ == "put_new")
                left[0] -= name.startswith("media") or method.__name__ == "put_new"
            if is_now:
                reached.append(at)
                meanwhile(at)
            return method(store, name, *arguments)

        return call

    kind = type(stores.opened(store_url))
    for name in CALLS:
        patched.setattr(kind, name, hooked(getattr(kind, name)))
    yield reached
