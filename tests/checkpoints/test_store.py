"""What every store promises; the object storage is a real server, reached over HTTP."""

import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from skype_assets.etl.checkpoints import store as stores
from skype_assets.etl.checkpoints.object_store import ObjectStore
from skype_assets.etl.checkpoints.store import Conflict, Store
from skype_assets.etl.errors import StoreRefused, StoreUnavailable, UsageError
from tests.object_storage import CREDENTIALS, Fault, Proxy, Storage, disturbed, once


@pytest.fixture(params=["folder", "object storage"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    url = f"file://{tmp_path}/store" if request.param == "folder" else request.getfixturevalue("s3_url")
    return stores.opened(stores.checked_url(url))


@pytest.fixture
def proxy(object_storage: Storage, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with disturbed(object_storage) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.environment["AWS_ENDPOINT_URL"])
        yield proxy


@pytest.fixture
def behind(proxy: Proxy, s3_url: str) -> ObjectStore:
    """A store behind the proxy; not the one of ``opened``, which knows the server itself."""
    return ObjectStore(s3_url)


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
    sent = pickle.dumps(store) + repr(store).encode()
    assert pickle.loads(pickle.dumps(store)).get("a") == b"1"
    assert not any(secret.encode() in sent for secret in CREDENTIALS.values())


def test_a_store_that_creates_a_name_once_is_trusted_and_keeps_no_trace_of_the_proof(store: Store) -> None:
    stores.prove(store)
    assert store.entries("") == []


def test_a_store_that_ignores_the_condition_is_refused_by_name(behind: ObjectStore, proxy: Proxy) -> None:
    proxy.plan = lambda method, path: "condition ignored" if method == "PUT" else None
    with pytest.raises(StoreRefused, match=behind.url):
        stores.prove(behind)


@pytest.mark.parametrize("fault", ["answer lost", "500", "503"])
def test_a_creation_that_gets_no_answer_is_done_again_and_is_its_own(
    fault: Fault, behind: ObjectStore, proxy: Proxy
) -> None:
    proxy.plan = once(fault, "PUT", "/0.json")
    behind.put_new("t/log/0.json", b"mine")
    assert sum(method == "PUT" for method, _ in proxy.requests) == 2
    assert behind.get("t/log/0.json") == b"mine"


def test_a_conflict_where_nothing_is_means_try_again(behind: ObjectStore, proxy: Proxy) -> None:
    proxy.plan = once("409", "PUT", "/0.json")
    behind.put_new("t/log/0.json", b"mine")
    assert behind.get("t/log/0.json") == b"mine"


def test_a_store_that_cannot_be_reached_is_an_error_of_the_system_and_says_no_secret(
    behind: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skype_assets.etl.checkpoints.object_store._RETRIES", {"max_retries": 0})
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    asks: list[Callable[[ObjectStore], object]] = [
        lambda store: store.get("a"),
        lambda store: store.put("a", b""),
        lambda store: store.put_new("a", b""),
        lambda store: store.entries("a"),
    ]
    for ask in asks:
        with pytest.raises(StoreUnavailable) as raised:
            ask(ObjectStore(behind.url))
        assert isinstance(raised.value, OSError)
        assert behind.url in str(raised.value)
        assert not any(secret in str(raised.value) for secret in CREDENTIALS.values())


def test_credentials_that_are_refused_and_a_bucket_that_is_not_there_are_final(
    behind: ObjectStore, proxy: Proxy
) -> None:
    for store in (ObjectStore("s3://no-such-bucket/folder"),):
        with pytest.raises(StoreRefused, match="no such bucket"):
            store.put("a", b"")
        with pytest.raises(StoreRefused, match="no such bucket"):
            store.entries("a")
    proxy.plan = lambda method, path: "refused"
    with pytest.raises(StoreRefused, match="credentials"):
        behind.get("a")


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
