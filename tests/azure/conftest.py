"""Azure's object storage: azurite, a server on this machine, in the place of the folder that other tests have."""

import base64
import hashlib
import hmac
import os
import shutil
import urllib.request
from collections.abc import Iterator
from email.utils import formatdate
from itertools import count
from pathlib import Path

import pytest

from tests.checkpoints.machines import machine
from tests.checkpoints.test_store import store
from tests.stores.object_storage import listening

__all__ = ["machine", "store"]

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Of every azurite: they are in its documentation."""
_VERSION = "2021-12-02"

_numbers = count(1)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server; its port. Which program it is, ``AZURITE`` says, or the path."""
    program = os.environ.get("AZURITE") or shutil.which("azurite-blob")
    assert program is not None, "azurite is not there: make test-azure installs it, and says where"
    folder = tmp_path_factory.mktemp("azurite")
    options = ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    with listening(lambda port: [program, *options, "--blobPort", str(port), "--location", folder]) as port:
        yield port


@pytest.fixture
def store_url(azurite: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty store, for which this process has credentials."""
    for name, value in {
        "AZURE_STORAGE_USE_EMULATOR": "true",
        "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": KEY,
        "AZURITE_BLOB_STORAGE_URL": f"http://127.0.0.1:{azurite}",
        "AZURE_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    container = f"container-{os.getpid()}-{next(_numbers)}"
    _create(azurite, container)
    return f"az://{container}/some/folder"


def _create(port: int, container: str) -> None:
    """Create a container, by a request that is signed as Azure wants it."""
    date = formatdate(usegmt=True)
    named = f"x-ms-date:{date}\nx-ms-version:{_VERSION}\n/{ACCOUNT}/{ACCOUNT}/{container}\nrestype:container"
    signed = hmac.new(base64.b64decode(KEY), ("PUT" + "\n" * 12 + named).encode(), hashlib.sha256).digest()
    headers = {
        "x-ms-date": date,
        "x-ms-version": _VERSION,
        "Content-Length": "0",
        "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(signed).decode()}",
    }
    address = f"http://127.0.0.1:{port}/{ACCOUNT}/{container}?restype=container"
    with urllib.request.urlopen(urllib.request.Request(address, method="PUT", headers=headers), timeout=60):
        pass
