"""What a disk may hold after its machine has lost its power, from the calls that were recorded before (``shim.c``).

The rules are the weakest that a file system for this program is allowed to have, so that what holds by them holds on
all of them. They are those of ALICE (Pillai and others, "All File Systems Are Not Created Equal: On the Complexity of
Crafting Crash-Consistent Applications", OSDI 2014), without what ALICE found to be kept by some file systems only:

* A call that changes a name (create, link, rename, unlink, mkdir, rmdir) is done whole or not at all: with journaled
  metadata, ALICE found a rename to be atomic on ext3, ext4, XFS and btrfs.
* Of the changes of names that were not synchronised any may have been done, and any other not, in whatever order they
  were asked for. ext4 and XFS have one journal, and so lose only the last ones; btrfs, which has a log of its own for
  each synchronised file, may do a later one without an earlier one.
* A name is safe when its folder was synchronised. That the file was is not enough, as POSIX has it (fsync(2)); ext4
  and XFS would have made the name safe with it, as one journal holds both.
* Bytes are safe when their file was synchronised. Before that, the file is as long as it was, as long as after any of
  its writes, or torn at any border of pages; what the disk has not got of it is missing, or reads as zeros: ext4
  (``data=ordered``, delayed allocation) leaves a file short, XFS and ext4 (``data=writeback``) leave zeros, and pages
  arrive in any order.
* What was synchronised stays. A disk that says so and lies is not meant.

So every state that ext4, XFS or btrfs can leave is among these, and others are that none of them leaves.
"""

import hashlib
import itertools
import math
import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PAGE: Final = 4_096

Key = tuple[int, str]
"""A folder, and a name in it."""

Entry = tuple[str, str | None]
"""A path below the folder, and the SHA-256 of its bytes; None for a folder."""

Tree = tuple[Entry, ...]
"""All paths, sorted."""

_ROOT: Final = 0


@dataclass(frozen=True)
class Call:
    """A call that was recorded."""

    name: str
    inode: int
    offset: int
    data: bytes
    path: str
    other: str


def recorded(log: Path) -> Iterator[Call]:
    """The calls in a record of the shim's."""
    with log.open("rb") as stream:
        while line := stream.readline():
            name, inode, offset, size, path, other = line.decode().rstrip("\n").split("\t")
            yield Call(name, int(inode), int(offset), stream.read(int(size)), path, other)


@dataclass
class _File:
    """The bytes that are safe, and what was done to them since: bytes at an offset, or a length."""

    safe: bytes = b""
    since: list[tuple[int, bytes | None]] = field(default_factory=list[tuple[int, bytes | None]])

    def now(self) -> bytes:
        """What programs read."""
        return self._steps()[-1]

    def synchronise(self) -> None:
        self.safe, self.since = self.now(), []

    def after_a_crash(self) -> list[bytes]:
        """Everything that the disk may have of it."""
        steps = self._steps()
        new = steps[-1]
        old = self.safe[: len(new)].ljust(len(new), b"\0")
        borders = range(PAGE, len(new), PAGE)
        torn = [new[:border] for border in borders if border > len(self.safe)]
        zeros = [new[:border] + old[border:] for border in (0, *borders)]
        out_of_order = [old[:border] + new[border:] for border in borders]
        return list(dict.fromkeys([*steps, *torn, *zeros, *out_of_order]))

    def _steps(self) -> list[bytes]:
        steps = [self.safe]
        for offset, data in self.since:
            before = steps[-1]
            if data is None:
                steps.append(before[:offset].ljust(offset, b"\0"))
            else:
                steps.append(before[:offset].ljust(offset, b"\0") + data + before[offset + len(data) :])
        return steps


class Machine:
    """A folder in memory and on disk, which differ by what was not synchronised.

    Args:
        folder: what it was recorded of. As it is now, it is safe.
    """

    def __init__(self, folder: Path) -> None:
        self.contents: dict[str, bytes] = {}
        self._folder = str(folder)
        self._files: dict[int, _File] = {}
        self._folders = {_ROOT}
        self._numbers = itertools.count(_ROOT + 1)
        self._of_inodes: dict[int, int] = {}
        self._names: dict[Key, int] = {}
        self._since: list[dict[Key, int | None]] = []
        for path in sorted(folder.rglob("*")):
            is_folder = path.is_dir()
            number = self._new(str(path), path.stat().st_ino, is_folder=is_folder)
            if not is_folder:
                self._files[number].safe = path.read_bytes()
        self._safe, self._since = dict(self._names), []

    def do(self, call: Call) -> None:
        """What a call does in memory; to the disk, if it synchronises."""
        match call.name:
            case "open":
                number = self._find(call.path)
                if number is None:
                    self._new(call.path, call.inode)
                elif call.offset:  # cut to nothing
                    self._files[number].since.append((0, None))
            case "write" | "truncate":
                if file := self._files.get(self._of_inodes.get(call.inode, -1)):
                    file.since.append((call.offset, call.data if call.name == "write" else None))
            case "mkdir":
                self._new(call.path, 0, is_folder=True)
            case "link":
                self._change({self._key(call.other): self._there(call.path)})
            case "unlink":
                self._change({self._key(call.path): None})
            case "rename":
                moved = self._there(call.path)
                if self._find(call.other) != moved:  # two names of one file stay
                    self._change({self._key(call.path): None, self._key(call.other): moved})
            case "fsync":
                number = self._find(call.path)
                if number in self._folders:
                    self._synchronise(number)
                elif file := self._files.get(self._of_inodes.get(call.inode, -1)):
                    file.synchronise()
            case _:
                raise AssertionError(call)

    def in_memory(self) -> Tree:
        """What programs see."""
        paths = self._paths(self._names)
        return _tree(paths, {number: self._remember(self._files[number].now()) for number in self._files_of(paths)})

    def read(self, path: str) -> bytes | None:
        """What programs read below the folder."""
        number = self._find(f"{self._folder}/{path}")
        return self._files[number].now() if number in self._files else None

    def after_a_crash(self, most: int, rng: random.Random) -> Iterator[Tree]:
        """Everything that may be on the disk, or, where that is more than ``most``, so many of it."""
        done = [*itertools.product((False, True), repeat=len(self._since))] if 2 ** len(self._since) <= most else None
        if done is None:
            every = len(self._since)
            last_ones_lost = [tuple(i < n for i in range(every)) for n in range(every + 1)]
            done = last_ones_lost + [tuple(rng.random() < 0.5 for _ in range(every)) for _ in range(most)]
        share = max(1, most // len(done))
        left: dict[int, list[str]] = {}
        for chosen in done:
            names = dict(self._safe)
            for is_done, change in zip(chosen, self._since, strict=True):
                if is_done:
                    _apply(names, change)
            paths = self._paths(names)
            numbers = self._files_of(paths)
            for number in numbers:
                if number not in left:
                    left[number] = [self._remember(data) for data in self._files[number].after_a_crash()]
            choices = [left[number] for number in numbers]
            if math.prod(map(len, choices)) <= share:
                drawn: Iterator[tuple[str, ...]] = itertools.product(*choices)
            else:
                drawn = (tuple(map(rng.choice, choices)) for _ in range(share))
            for contents in drawn:
                yield _tree(paths, dict(zip(numbers, contents, strict=True)))

    def _new(self, path: str, inode: int, *, is_folder: bool = False) -> int:
        number = next(self._numbers)
        if is_folder:
            self._folders.add(number)
        else:
            self._files[number], self._of_inodes[inode] = _File(), number
        self._change({self._key(path): number})
        return number

    def _change(self, change: dict[Key, int | None]) -> None:
        self._since.append(change)
        _apply(self._names, change)

    def _synchronise(self, folder: int) -> None:
        """The names in a folder are safe, and so is what had to come before."""
        safe: list[dict[Key, int | None]] = []
        keys: set[Key] = set()
        for change in reversed(self._since):
            if keys & change.keys() or any(of == folder for of, _ in change):
                keys |= change.keys()
                safe.insert(0, change)
        for change in safe:
            _apply(self._safe, change)
        self._since = [change for change in self._since if not any(change is one for one in safe)]

    def _find(self, path: str) -> int | None:
        number: int | None = _ROOT
        for name in path.removeprefix(self._folder).strip("/").split("/"):
            if name and number is not None:
                number = self._names.get((number, name))
        return number

    def _there(self, path: str) -> int:
        number = self._find(path)
        assert number is not None, f"{path} appeared without a call that was recorded"
        return number

    def _key(self, path: str) -> Key:
        folder, _, name = path.rpartition("/")
        return self._there(folder), name

    def _paths(self, names: Mapping[Key, int]) -> dict[str, int]:
        below: dict[int, list[tuple[str, int]]] = {}
        for (folder, name), number in names.items():
            below.setdefault(folder, []).append((name, number))
        paths: dict[str, int] = {}
        todo = [("", _ROOT)]
        while todo:
            path, folder = todo.pop()
            for name, number in below.get(folder, ()):
                paths[path + name] = number
                if number in self._folders:
                    todo.append((f"{path}{name}/", number))
        return paths

    def _files_of(self, paths: Mapping[str, int]) -> list[int]:
        return sorted({number for number in paths.values() if number in self._files})

    def _remember(self, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        self.contents.setdefault(sha256, data)
        return sha256


_entries: dict[Entry, Entry] = {}
"""Each entry once: tens of thousands of trees, which a process that is forked for each would copy, differ by few."""


def _tree(paths: Mapping[str, int], contents: Mapping[int, str]) -> Tree:
    entries = sorted((path, contents.get(number)) for path, number in paths.items())
    return tuple(_entries.setdefault(entry, entry) for entry in entries)


def _apply(names: dict[Key, int], change: Mapping[Key, int | None]) -> None:
    for key, number in change.items():
        if number is None:
            names.pop(key, None)
        else:
            names[key] = number


def lay_out(tree: Tree, contents: Mapping[str, bytes], folder: Path) -> None:
    """Make a tree of files in an empty folder."""
    for path, sha256 in tree:
        if sha256 is None:
            (folder / path).mkdir(mode=0o700)
        else:
            descriptor = os.open(folder / path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(contents[sha256])
