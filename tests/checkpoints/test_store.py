"""What every store promises, of a folder; ``tests/stores`` asks the same of object storage."""

import pickle
import sys
import threading

import pytest

from skype_assets.etl.checkpoints import store as stores
from skype_assets.etl.checkpoints.object_store import ObjectStore
from skype_assets.etl.checkpoints.store import Conflict, Store
from skype_assets.etl.errors import UsageError


@pytest.fixture
def store(store_url: str) -> Store:
    return stores.opened(stores.checked_url(store_url))


def test_what_is_put_is_what_is_got_and_replaces_what_was_there(store: Store) -> None:
    with pytest.raises(FileNotFoundError):
        store.get("t/a.json")
    store.put("t/a.json", b"one")
    store.put("t/a.json", bytes(range(256)) * 5_000)
    assert store.get("t/a.json") == bytes(range(256)) * 5_000
    with pytest.raises(FileNotFoundError):
        store.get("t/b.json")


def test_a_name_is_created_once_and_its_own_writer_is_no_conflict(store: Store) -> None:
    store.put_new("t/log/0.json", b"mine")
    store.put_new("t/log/0.json", b"mine")
    with pytest.raises(Conflict):
        store.put_new("t/log/0.json", b"another's")
    assert store.get("t/log/0.json") == b"mine"


def test_of_many_that_create_a_name_at_once_one_succeeds(store: Store) -> None:
    for number in range(5):
        won: list[int] = []

        def create(mine: int, number: int = number, won: list[int] = won) -> None:
            try:
                store.put_new(f"t/log/{number}.json", b"of %d" % mine)
            except Conflict:
                return
            won.append(mine)

        threads = [threading.Thread(target=create, args=(mine,)) for mine in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert store.get(f"t/log/{number}.json") == b"of %d" % won[0]


def test_a_list_has_what_was_just_written_in_order_and_not_what_was_just_removed(store: Store) -> None:
    for name in ("t/log/00000002.json", "t/log/00000000.json", "t/log/00000001.json", "t/logs.json", "u/log/7.json"):
        store.put(name, name.encode())
    store.remove("t/log/00000001.json")
    store.remove("t/log/00000001.json")
    assert [(entry.name, entry.size) for entry in store.entries("t/log")] == [
        ("t/log/00000000.json", 19),
        ("t/log/00000002.json", 19),
    ]
    assert [entry.name for entry in store.entries("t/log", "t/log/00000000.json")] == ["t/log/00000002.json"]
    assert [entry.name for entry in store.entries("t")] == [
        "t/log/00000000.json",
        "t/log/00000002.json",
        "t/logs.json",
    ]
    assert store.entries("v") == []
    assert store.folders() == ["t", "u"]


def test_a_store_travels_as_its_address_alone(store: Store) -> None:
    store.put("a", b"1")
    assert pickle.loads(pickle.dumps(store)).get("a") == b"1"


def test_a_store_that_creates_a_name_once_is_trusted_and_keeps_no_trace_of_the_proof(store: Store) -> None:
    stores.prove(store)
    assert store.entries("") == []


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ("gs://bucket/a", "gs://bucket/a"),
        ("az://container/a", "az://container/a"),
        ("file:///srv/store/", "file:///srv/store"),
    ],
)
def test_an_address_has_one_spelling(given: str, address: str) -> None:
    assert stores.checked_url(given) == address


@pytest.mark.parametrize(
    "given",
    [
        "s3://",
        "s3:///a",
        "s3://bucket/../other",
        "s3://bucket/a//b",
        "s3://key:secret@bucket/a",
        "s3://bucket/a?secret=1",
        "az://container/a#secret",
        "file://host/a",
        "file:///",
        "file:///a/../b",
        "ftp://host/a",
        "memory:///",
    ],
)
def test_what_is_no_address_of_a_store_is_refused_without_repeating_secrets(given: str) -> None:
    with pytest.raises(UsageError) as refused:
        stores.checked_url(given)
    assert "secret" not in str(refused.value)


def test_object_storage_without_its_extra_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(UsageError, match=r"skype-assets\[cloud\]"):
        ObjectStore("s3://bucket/folder")
