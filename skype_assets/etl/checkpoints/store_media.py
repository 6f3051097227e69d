"""Media objects in a store: their bytes once, for all tasks of all machines; and how those go that nobody refers to.

``media/ab/ab12.../<nonce>`` is one writing of an object. A name is drawn for each and never used again, so that a
removal that comes late - of a machine that was frozen, by a network that was slow - meets nothing but what was to go.

No lock says that nobody adds objects while some are removed. Instead, who adds *refers first and looks then*: once the
parts that name objects are committed, he looks whether all are there, and writes those again that are not, or that are
about to go; only then is his phase complete (``look``). And who removes *says first and asks then*: he creates
``media/sweeps/<nonce>`` with the names that may go, asks all tasks after that what they refer to, and creates
``media/decided/<nonce>`` with the names that go. Whichever of the two was first, the other sees it. A sweep whose
machine is gone is ended by the next one: what was decided goes; where nothing was, nothing goes, and whoever was to
decide finds that done.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from skype_assets.etl import crash_points, interruption
from skype_assets.etl.checkpoints.store import Conflict, Store, Stored, side_by_side
from skype_assets.etl.errors import CheckpointDamaged

FOLDER: Final = "media"
"""Outermost folder of all that is here, in a store as in an output folder; no task is called so."""

_SWEEPS: Final = f"{FOLDER}/sweeps"
_DECIDED: Final = f"{FOLDER}/decided"
_WRITING: Final = re.compile(rf"{FOLDER}/([0-9a-f]{{2}})/(\1[0-9a-f]{{62}})/[0-9a-f]{{32}}")


class Swept(msgspec.Struct, frozen=True):
    """Objects that nobody refers to: how many writings of them went or would go, and their bytes."""

    objects: int = 0
    bytes: int = 0


class StoreMedia:
    """The media objects in a store.

    Args:
        store: the store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def look(self, wanted: Iterable[bytes]) -> dict[bytes, int]:
        """Sizes of the objects, of those that are wanted, which are there and are not about to go."""
        sought = set(wanted)
        # In this order: what was removed between the two looks is missed by the second.
        going = self._going() if sought else set[str]()
        found: dict[bytes, int] = {}

        def look_for(sha256: bytes) -> None:
            interruption.check()
            sizes = [one.size for one in self._writings(sha256) if one.name not in going]
            if sizes:
                found[sha256] = max(sizes)

        side_by_side(partial(look_for, sha256) for sha256 in sought)
        return found

    def put(self, sha256: bytes, path: Path) -> None:
        """Write an object from a file that has its bytes."""
        self._store.put_file(f"{_folder(sha256)}/{secrets.token_hex(16)}", path)
        crash_points.reached("object in store")

    def get(self, sha256: bytes, stream: BinaryIO) -> bool:
        """Write the bytes of an object into an empty stream; False if none are there that have its SHA-256."""
        for one in self._writings(sha256):
            try:
                stream.seek(0)
                stream.truncate()
                if self._copy(one, stream) == sha256:
                    return True
            except FileNotFoundError:  # it has gone meanwhile; another may be there
                continue
        return False

    def is_whole(self, sha256: bytes, size: int) -> bool:
        """Whether an object is there, and every writing of it has its size and its bytes."""
        writings = self._writings(sha256)
        return bool(writings) and all(one.size == size and self._copy(one, None) == sha256 for one in writings)

    def objects(self) -> Iterator[tuple[bytes, int]]:
        """SHA-256 and size of every writing of an object, in order."""
        return ((sha256, one.size) for sha256, one in self._everything())

    def remove(self, sha256: bytes) -> None:
        """Remove all writings of an object that is damaged; tasks go on referring to it."""
        for one in self._writings(sha256):
            self._store.remove(one.name)

    def sweep(self, referred: Callable[[], Collection[bytes]], *, is_rehearsal: bool = False) -> Swept:
        """Remove what nobody refers to; whoever adds objects meanwhile loses none.

        Args:
            referred: asks all tasks, as they are in the store now, which objects they refer to.
            is_rehearsal: only count.
        """
        if not is_rehearsal:
            self._end_sweeps()
        there = list(self._everything())
        needed = referred() if there else ()
        sizes = {one.name: one.size for sha256, one in there if sha256 not in needed}
        if is_rehearsal or not sizes:
            return Swept(len(sizes), sum(sizes.values()))
        nonce = secrets.token_hex(16)
        self._store.put_new(f"{_SWEEPS}/{nonce}", msgspec.json.encode(sorted(sizes)))
        crash_points.reached("sweep said")
        needed = referred()
        decided = self._decide(nonce, sorted(name for name in sizes if bytes.fromhex(name.split("/")[2]) not in needed))
        self._end(nonce, decided)
        return Swept(len(decided), sum(sizes.get(name, 0) for name in decided))

    def _end_sweeps(self) -> None:
        """End the sweeps of machines that are gone, or slow: those can decide nothing after that."""
        for nonce in self._sweeps():
            self._end(nonce, self._decide(nonce, []))

    def _decide(self, nonce: str, names: list[str]) -> list[str]:
        """Decide what goes, unless somebody has; returns what was decided."""
        try:
            self._store.put_new(f"{_DECIDED}/{nonce}", _decision(names))
        except Conflict:
            return self._names(f"{_DECIDED}/{nonce}")
        crash_points.reached("sweep decided")
        return names

    def _end(self, nonce: str, names: list[str]) -> None:
        side_by_side(partial(self._store.remove, name) for name in names)
        crash_points.reached("sweep done")
        self._store.remove(f"{_SWEEPS}/{nonce}")
        # It stays, with nothing in it, so that nobody decides again.
        self._store.put(f"{_DECIDED}/{nonce}", _decision([]))

    def _going(self) -> set[str]:
        """The writings that a sweep has named, or decided on, and perhaps not removed yet."""
        going: set[str] = set()
        for nonce in self._sweeps():
            try:
                named = self._names(f"{_SWEEPS}/{nonce}")
                going.update(self._names_if_there(f"{_DECIDED}/{nonce}", named))
            except FileNotFoundError:  # it has ended
                continue
        return going

    def _sweeps(self) -> list[str]:
        return [entry.name.rpartition("/")[2] for entry in self._store.entries(_SWEEPS)]

    def _names(self, name: str) -> list[str]:
        try:
            names = msgspec.json.decode(self._store.get(name), type=list[str])
        except msgspec.MsgspecError as error:
            raise CheckpointDamaged(f"{self._store.url}/{name} is damaged ({error})") from None
        return [one for one in names if _WRITING.fullmatch(one)]

    def _names_if_there(self, name: str, otherwise: list[str]) -> list[str]:
        try:
            return self._names(name)
        except FileNotFoundError:
            return otherwise

    def _everything(self) -> Iterator[tuple[bytes, Stored]]:
        for entry in self._store.entries(FOLDER):
            if match := _WRITING.fullmatch(entry.name):
                yield bytes.fromhex(match[2]), entry

    def _writings(self, sha256: bytes) -> list[Stored]:
        return [entry for entry in self._store.entries(_folder(sha256)) if _WRITING.fullmatch(entry.name)]

    def _copy(self, one: Stored, stream: BinaryIO | None) -> bytes:
        """Copy a writing into a stream, if there is one; returns the SHA-256 of its bytes."""
        digest = hashlib.sha256()
        for block in self._store.blocks(one.name):
            digest.update(block)
            if stream is not None:
                stream.write(block)
        return digest.digest()


def _folder(sha256: bytes) -> str:
    name = sha256.hex()
    return f"{FOLDER}/{name[:2]}/{name}"


def _decision(names: list[str]) -> bytes:
    """What is decided. Two who decide the same decide it once: it has nothing of its own."""
    return msgspec.json.encode(names)
