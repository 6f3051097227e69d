"""A store: where the checkpoints of an output folder are kept for several machines, under one address.

The interface is what object storage has: whole objects, lists that are up to date, and one thing on which everything
else rests - that of several who create an object under the same name one succeeds (``put_new``). A store has to prove
that before anything is entrusted to it. A local or mounted folder is one (``file:///...``), so that the same tests and
the same faults meet both.
"""

import functools
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, Protocol
from urllib.parse import urlsplit

from skype_assets.etl.errors import StoreRefused, StoreUnavailable, UsageError

_TRIES: Final = 5
"""How often an object is created before its store counts as unavailable. ``put`` is repeated by the store itself."""
PROBES: Final = ".probes"
"""Folder of a store in which it proves itself; no task is called so."""
_SIDE_BY_SIDE: Final = 8
_LOCAL: Final = "file"
_OBJECTS: Final = ("s3", "gs", "az")


class Stored(NamedTuple):
    """An object of a store: its name, its bytes, and when it was written by the clock of the store.

    ``version`` differs once the object has other bytes; it is the ETag, where there are such.
    """

    name: str
    size: int
    modified: datetime
    version: str = ""


class Conflict(Exception):
    """Another's bytes are there under a name that was to be created."""


class AlreadyThere(Exception):
    """A store's answer to a creation; whose bytes are there, it does not say."""


class Store(Protocol):
    """Objects by name; the names have no leading slash, and folders where they have slashes.

    Every method raises ``StoreUnavailable``, an ``OSError``, if the store cannot be reached: what was to be written may
    be written or not. And ``StoreRefused`` if it will not do it however often it is asked.
    """

    @property
    def url(self) -> str:
        """Its address, without credentials; ``opened`` makes the store of it in any process."""
        ...

    def get(self, name: str) -> bytes:
        """The bytes of an object; ``FileNotFoundError`` if there is none."""
        ...

    def look(self, name: str) -> Stored:
        """What is told of an object; ``FileNotFoundError`` if there is none."""
        ...

    def blocks(self, name: str) -> Iterator[bytes]:
        """The same in pieces, for what may be larger than memory; errors come with any of them."""
        ...

    def put(self, name: str, data: bytes) -> None:
        """Write an object, whole or not at all, durably; one that is there is replaced."""
        ...

    def put_file(self, name: str, path: Path) -> None:
        """The same of a file's bytes, which need not fit into memory."""
        ...

    def put_new(self, name: str, data: bytes) -> None:
        """Write an object where none is; of several who do so at once, one succeeds.

        Whoever gets no answer may do it again with the same bytes: his own write is no conflict. So bytes that must
        not be taken for another's have something in them that is theirs alone.

        Raises:
            Conflict: another's bytes are there.
        """
        ...

    def entries(self, folder: str, after: str = "") -> list[Stored]:
        """The objects in a folder and in its folders, by name; only those behind ``after``, if that is given."""
        ...

    def folders(self) -> list[str]:
        """Names of the outermost folders."""
        ...

    def remove(self, name: str) -> None:
        """Remove an object; a missing one is no error."""
        ...


def is_url(text: str | os.PathLike[str]) -> bool:
    """Whether somebody means a store, and not a folder."""
    return "://" in str(text)


def checked_url(text: str) -> str:
    """The address of a store as it is written anywhere: without a slash at its end, and without credentials.

    Raises:
        UsageError: it is none, or has credentials in it.
    """
    parts = urlsplit(text)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            f"the address of a store ({parts.scheme}://...) is a name and a path; what else is in it, such as "
            "credentials, belongs in the environment, as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    path = parts.path.strip("/")
    is_plain = not {"", ".", ".."} & set(path.split("/")) or not path
    if is_plain and parts.scheme == _LOCAL and not parts.netloc and path:
        return f"{_LOCAL}:///{path}"
    if is_plain and parts.scheme in _OBJECTS and parts.netloc:
        return f"{parts.scheme}://{parts.netloc}/{path}".rstrip("/")
    schemes = ", ".join(f"{scheme}://" for scheme in (*_OBJECTS, _LOCAL))
    raise UsageError(f"{text} is no address of a store; there are {schemes}, as in s3://bucket/folder")


def opened(url: str) -> Store:
    """The store of an address; the same one whenever a process asks.

    Raises:
        UsageError: what reaches it is not installed.
    """
    return _opened(url, os.getpid())


@functools.cache
def _opened(url: str, _process: int) -> Store:
    if url.startswith(f"{_LOCAL}://"):
        from skype_assets.etl.checkpoints.local_store import LocalStore

        return LocalStore(Path(urlsplit(url).path))
    from skype_assets.etl.checkpoints.object_store import ObjectStore

    return ObjectStore(url)


@functools.cache
def prove(store: Store) -> None:
    """Prove that a store creates objects as ``put_new`` needs it; once in a process.

    Raises:
        StoreRefused: it lets one object be created twice, so that two machines could own a task.
    """
    name = f"{PROBES}/{secrets.token_hex(16)}"
    first, second = (secrets.token_bytes(16) for _ in range(2))
    store.put_new(name, first)
    try:
        store.put_new(name, second)
        is_refused = False
    except Conflict:
        is_refused = True
    kept = store.get(name)
    store.remove(name)
    if not is_refused or kept != first:
        raise StoreRefused(
            f"{store.url} creates an object that is there already (it ignores If-None-Match: *): two machines could "
            "own one task. Use a store that honours it, as S3, Azure, Google and Ceph do"
        )


def now(store: Store) -> datetime:
    """The time by the clock of a store, which is the one that ``Stored.modified`` is of."""
    name = f"{PROBES}/{secrets.token_hex(16)}"
    store.put(name, b"")
    found = [entry.modified for entry in store.entries(PROBES) if entry.name == name]
    store.remove(name)
    if not found:
        raise StoreUnavailable(f"{store.url} does not list what was just written")
    return found[0]


def side_by_side(work: Iterable[Callable[[], None]]) -> None:
    """Do several things that wait for a store; the first error ends it."""
    waiting = list(work)
    if len(waiting) < 2:
        for do in waiting:
            do()
        return
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as threads:
        for _ in threads.map(lambda do: do(), waiting):
            pass


def create(name: str, data: bytes, attempt: Callable[[], None], get: Callable[[str], bytes]) -> None:
    """``Store.put_new``, made of a store's own creation and of reading back what is there.

    Args:
        name: of the object.
        data: its bytes.
        attempt: creates it; ``AlreadyThere`` if the store says that it is there.
        get: reads it.

    Raises:
        Conflict: another's bytes are there.
        StoreUnavailable: whether it was created is not known.
    """
    for last in (*[False] * (_TRIES - 1), True):
        try:
            attempt()
        except AlreadyThere:
            try:
                there = get(name)
            except FileNotFoundError:  # somebody was about to create it, and has not: a store may say so
                continue
            if there == data:  # a first answer was lost
                return
            raise Conflict(name) from None
        except StoreUnavailable:
            if last:
                raise
        else:
            return
    raise StoreUnavailable(f"{name} can be neither created nor read")
