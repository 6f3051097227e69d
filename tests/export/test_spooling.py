"""An export that lies in a bucket is here while it is worked on: whole, private, and not longer."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from skype_assets.etl.checkpoints import store as stores
from skype_assets.etl.checkpoints.store import Store
from skype_assets.etl.errors import InvalidExport, NotEnoughSpace, UsageError
from skype_assets.etl.tasks import spooling
from skype_assets.etl.tasks.spooling import spooled

DATA = bytes(range(256)) * 20_000


@pytest.fixture
def bucket(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A bucket with an export in it."""
    monkeypatch.setenv("SKYPE_HOME", str(tmp_path / "home"))
    store = stores.opened(store_url)
    store.put("e/x.tar", DATA)
    return store


def test_it_is_whole_and_private_and_goes_when_the_work_ends_well_or_not(bucket: Store, tmp_path: Path) -> None:
    spool = tmp_path / "home" / "spool"
    with spooled(f"{bucket.url}/e/x.tar") as path:
        assert path.name == "x.tar"
        assert path.read_bytes() == DATA
        assert [entry.stat().st_mode & 0o077 for entry in (path, *path.parents[:2])] == [0, 0, 0]
    assert not list(spool.iterdir())
    with pytest.raises(RuntimeError, match="of the work"), spooled(f"{bucket.url}/e/x.tar"):
        raise RuntimeError("of the work")
    assert not list(spool.iterdir())


def test_what_a_killed_process_has_left_goes_with_the_next_and_what_a_living_one_has_stays(
    bucket: Store, tmp_path: Path
) -> None:
    code = "import os, signal, sys; from skype_assets.etl.tasks.spooling import spooled\n" \
        "with spooled(sys.argv[1]): os.kill(os.getpid(), signal.SIGKILL)"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code, f"{bucket.url}/e/x.tar"], env=dict(os.environ), check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list((tmp_path / "home" / "spool").iterdir())) == 1
    with spooled(f"{bucket.url}/e/x.tar") as one, spooled(f"{bucket.url}/e/x.tar") as other:
        assert one.read_bytes() == other.read_bytes() == DATA
        assert len(list((tmp_path / "home" / "spool").iterdir())) == 2


def test_one_that_is_replaced_while_it_is_got_is_not_taken_for_either(
    bucket: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(bucket)
    blocks = kind.blocks

    def replaced(store: Store, name: str) -> Iterator[bytes]:
        yield from blocks(store, name)  # pyright: ignore[reportArgumentType] - of its own kind
        store.put(name, DATA[::-1])

    monkeypatch.setattr(kind, "blocks", replaced)
    with pytest.raises(InvalidExport, match="replaced"), spooled(f"{bucket.url}/e/x.tar"):
        pass
    assert not list((tmp_path / "home" / "spool").iterdir())


def test_nothing_is_got_that_there_is_no_room_for(
    bucket: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooling.shutil, "disk_usage", lambda path: SimpleNamespace(free=len(DATA) - 1))
    with pytest.raises(NotEnoughSpace, match="SKYPE_SPOOL_DIR"), spooled(f"{bucket.url}/e/x.tar"):
        pass
    assert not list((tmp_path / "home" / "spool").iterdir())


def test_one_that_is_not_there_has_a_path_with_nothing_under_it(bucket: Store) -> None:
    with spooled(f"{bucket.url}/e/y.tar") as path:
        assert path.name == "y.tar"
        assert not path.exists()


@pytest.mark.parametrize("url", ["s3://bucket", "s3://key:secret@bucket/x.tar", "ftp://host/x.tar"])
def test_what_names_no_export_in_a_bucket_is_refused_without_repeating_secrets(url: str) -> None:
    with pytest.raises(UsageError) as refused, spooled(url):
        pass
    assert "secret" not in str(refused.value)
