"""Exports that lie in a bucket: got to this machine for as long as they are worked on, in one go, and compared.

An export is read several times, and mapped into memory, so that a file is needed. It is private, as exports are; it
goes when the work ends, or, if the process was killed, with the next one that is got.
"""

import secrets
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from skype_assets.etl import interruption, places, quantities
from skype_assets.etl.checkpoints import store as stores
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.store import Store, Stored
from skype_assets.etl.errors import InvalidExport, NotEnoughSpace, UsageError
from skype_assets.etl.export.members import printable

_LOCK: Final = "lock"


@contextmanager
def spooled(url: str) -> Generator[Path]:
    """An export of a bucket as a file of this machine, with the same name; what is not there has a path all the same.

    Args:
        url: its address, as in s3://bucket/folder/export.tar.

    Raises:
        UsageError: it is none, or has credentials in it.
        NotEnoughSpace: there is no room for it; nothing was got.
        InvalidExport: it was replaced while it was got, or is not whole.
        StoreUnavailable, StoreRefused: the store does not answer, or will not give it.
    """
    address, _, name = stores.checked_url(url).rpartition("/")
    if address.endswith(":/") or not name:
        raise UsageError(f"{url} names a bucket, not an export in it; as in {url.rstrip('/')}/export.tar")
    store, root = stores.opened(address), Directory(places.find().spool_dir).make()
    folder = root.folder(secrets.token_hex(8))
    with root.alone():
        _sweep(root)
        lock = folder.make().open_lock(_LOCK)
        lock.acquire()
    try:
        with suppress(FileNotFoundError):
            _get(store, name, folder)
        yield folder.file(name)
    finally:
        shutil.rmtree(folder.path, ignore_errors=True)
        lock.close()


def _get(store: Store, name: str, folder: Directory) -> None:
    there = store.look(name)
    free = shutil.disk_usage(folder.path).free
    if free < there.size:
        raise NotEnoughSpace(
            f"{store.url}/{name} has {quantities.size(there.size)}, {quantities.size(free)} are free in {folder.path}; "
            "SKYPE_SPOOL_DIR names another folder. Nothing was got"
        )
    size = 0
    with folder.create(name) as stream:
        for block in store.blocks(name):
            interruption.check()
            size += stream.write(block)
        _check(store, name, there, size)


def _check(store: Store, name: str, there: Stored, size: int) -> None:
    """Raise if an object was another one before or afterwards, or not all of it was got."""
    if size != there.size or store.look(name) != there:
        raise InvalidExport("was replaced while it was got", member=printable(name), remedy="Run the same again")


def _sweep(root: Directory) -> None:
    """Remove what killed processes have left."""
    for path in root.path.iterdir() if root.path.is_dir() else ():
        with suppress(OSError):
            lock = Directory(path).open_lock(_LOCK)
            try:
                if lock.is_alone():
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                lock.close()
