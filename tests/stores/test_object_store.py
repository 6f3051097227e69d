"""What every store promises, of object storage, and what is its own: answers that are lost, refusals, secrets."""

import pickle
from collections.abc import Callable

import pytest

from skype_assets.etl.checkpoints import store as stores
from skype_assets.etl.checkpoints.object_store import ObjectStore
from skype_assets.etl.errors import StoreRefused, StoreUnavailable
from tests.checkpoints.test_store import *  # noqa: F403 - what is promised of both
from tests.stores.object_storage import CREDENTIALS, Fault, Proxy, once


@pytest.fixture
def behind(proxy: Proxy, store_url: str) -> ObjectStore:
    """A store behind the proxy; not the one of ``opened``, which knows the server itself."""
    return ObjectStore(store_url)


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


@pytest.mark.parametrize("fault", ["answer lost", "500", "503"])
def test_a_removal_that_gets_no_answer_is_done_again(fault: Fault, behind: ObjectStore, proxy: Proxy) -> None:
    behind.put("t/a.json", b"1")
    left: list[Fault] = [fault]
    proxy.plan = lambda method, path: left.pop() if method in ("POST", "DELETE") and left else None
    behind.remove("t/a.json")
    assert not left
    assert behind.entries("t") == []


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
    elsewhere = ObjectStore("s3://no-such-bucket/folder")
    with pytest.raises(StoreRefused, match="no such bucket"):
        elsewhere.put("a", b"")
    with pytest.raises(StoreRefused, match="no such bucket"):
        elsewhere.entries("a")
    proxy.plan = lambda method, path: "refused"
    with pytest.raises(StoreRefused, match="credentials"):
        behind.get("a")


def test_neither_what_travels_nor_what_is_shown_of_a_store_has_secrets_in_it(behind: ObjectStore) -> None:
    shown = pickle.dumps(behind) + repr(behind).encode()
    assert not any(secret.encode() in shown for secret in CREDENTIALS.values())
