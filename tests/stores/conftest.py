"""Object storage: a server, reached over HTTP, in the place of the folder that all other tests have for a store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkpoints.machines import machine
from tests.checkpoints.test_store import store
from tests.command_line.conftest import database, invoke, sample_tar, start, workplace
from tests.command_line.test_several_machines import begin
from tests.command_line.test_store_commands import on
from tests.dagster.conftest import instance, workspace
from tests.stores.object_storage import CREDENTIALS, Proxy, Storage, disturbed, served

__all__ = [
    "begin",
    "database",
    "instance",
    "invoke",
    "machine",
    "on",
    "sample_tar",
    "start",
    "store",
    "workplace",
    "workspace",
]


@pytest.fixture(scope="session")
def object_storage() -> Iterator[Storage]:
    """A server of object storage, over HTTP."""
    with served() as storage:
        yield storage


@pytest.fixture
def store_url(object_storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty store, for which this process has credentials; none of them is written anywhere."""
    for name, value in object_storage.environment.items():
        monkeypatch.setenv(name, value)
    yield object_storage.new_url()
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(secret.encode() in data for data in written for secret in CREDENTIALS.values())


@pytest.fixture
def proxy(object_storage: Storage, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Stands before the server; what is opened from now on goes through it."""
    with disturbed(object_storage) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.environment["AWS_ENDPOINT_URL"])
        yield proxy
