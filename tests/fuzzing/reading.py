"""``python -m tests.fuzzing.reading``: the process with the instrumented module in it. ``__main__`` starts it.

Whatever it is about to read stands in a file before, so that it is known if the process ends there.
"""

import argparse
import ctypes
import importlib.util
import resource
import signal
import sys
import time
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Final

from typing_extensions import Buffer

from tests.fuzzing import inputs
from tests.fuzzing.mutating import mutated

MODULE: Final = "skype_assets.etl.compiled._compiled"
CURRENT: Final = "current.txt"
LEARNED: Final = "learned.txt"
"""In the folder: what is read now; inputs that reached something new, for the next time."""

_CPU_SECONDS: Final = 10
"""More for one input is an endless loop."""

_TOGETHER: Final = 50
_TOLD_AFTER: Final = 60


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing.reading", description=__doc__)
    parser.add_argument("module", type=Path, help="the instrumented module")
    parser.add_argument("coverage", type=Path, help="the library that counts what is reached")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeat", type=Path, help="read the inputs of this file, nothing else")
    parser.add_argument("--distil", type=Path, help="write what is worth keeping of what was learned to this file")
    options = parser.parse_args()
    load(options.module)
    blocks_reached = ctypes.CDLL(str(options.coverage)).blocks_reached
    blocks_reached.restype = ctypes.c_long
    reading = Reading(options.folder / CURRENT, blocks_reached)
    if options.repeat:
        reading.read(inputs.written(options.repeat))
        return
    known = reading.read(inputs.of_other_tests())
    learned = sorted({*inputs.written(inputs.CORPUS), *inputs.written(options.folder / LEARNED)}, key=len)
    found = reading.read(learned)
    if options.distil:
        inputs.write(options.distil, found)
        return
    found += fuzz(reading, known + found, Random(options.seed), time.monotonic() + options.seconds)
    inputs.write(options.folder / LEARNED, found)


def load(path: Path) -> None:
    """Let the instrumented module be the one that the package imports."""
    spec = importlib.util.spec_from_file_location(MODULE, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module
    spec.loader.exec_module(module)


def fuzz(reading: "Reading", corpus: list[bytes], random: Random, deadline: float) -> list[bytes]:
    """Read mutants of what is known, and know those that reach something new; these are returned."""
    corpus, known, told, count = [*corpus], len(corpus), time.monotonic(), 0

    def tell() -> None:
        learned, blocks = len(corpus) - known, reading.blocks
        print(f"{count:,} objects, {reading.taken:,} read, {blocks:,} blocks reached, {learned:,} learned", flush=True)

    while (now := time.monotonic()) < deadline:
        corpus += reading.read(mutated(random, *random.choices(corpus, k=2)) for _ in range(_TOGETHER))
        count += _TOGETHER
        if now - told > _TOLD_AFTER:
            told = now
            tell()
    tell()
    return corpus[known:]


class Reading:
    """Has objects read, one by one in memory of exactly their size, then together, compared with the general reader.

    ``blocks`` is how many of the module's basic blocks have been reached, ``taken`` how many objects it has read.
    """

    def __init__(self, current: Path, blocks_reached: Callable[[], int]) -> None:
        # Only now: the package takes the module that is loaded.
        from skype_assets.etl import compiled
        from skype_assets.etl.compiled.columns import _READERS, emoji
        from tests.compiled.test_same_elements import assert_found_as_scanned
        from tests.compiled.test_same_raw_columns import assert_kept_as_read
        from tests.compiled.test_same_rows import assert_same, batch_of
        from tests.compiled.test_sought_records import assert_found_where_equal
        from tests.database.test_jsonb import assert_normal_as_written

        assert compiled.reader is sys.modules[MODULE], "else another one would be fuzzed"
        self._reader, self._readers, self._emoji = compiled.reader, _READERS, emoji
        self._assert_same, self._batch_of = assert_same, batch_of
        self._assert_found_as_scanned, self._assert_kept_as_read = assert_found_as_scanned, assert_kept_as_read
        self._assert_found_where_equal, self._assert_normal_as_written = (
            assert_found_where_equal,
            assert_normal_as_written,
        )
        self._current, self._blocks_reached = current, blocks_reached
        self.blocks = self.taken = 0

    def read(self, objects: Iterable[bytes]) -> list[bytes]:
        """Read them; those that reached something new are returned.

        Raises:
            AssertionError: an object is read as the general reader does not read it; it stands in ``current``.
        """
        new: list[bytes] = []
        taken: list[bytes] = []
        for raw in objects:
            if self._takes(raw):
                taken.append(raw)
            if (blocks := self._blocks_reached()) > self.blocks:
                self.blocks = blocks
                new.append(raw)
        self.taken += len(taken)
        for first in range(0, len(taken), _TOGETHER):
            self._compare(taken[first : first + _TOGETHER])
        return new

    def _takes(self, raw: bytes) -> bool:
        """Have it read alone; whether it is."""
        self._begin([raw])
        twice = b"%b ,%b]" % (raw, raw)
        found = self._assert_found_as_scanned(twice, self._elements)
        if found.offsets:
            self._assert_kept_as_read(_exact(twice[: found.end]), 0, found)
        self._assert_normal_as_written(raw.decode(errors="replace"))
        self._assert_found_where_equal(raw)
        borders, exact = array("q", [0, len(raw)]), _exact(raw)
        tables = self._reader.read(borders, exact, b"\0", self._readers, self._emoji, 40)
        return tables["messages"]["row"][1][1] > 0

    def _elements(self, text: memoryview, begin: int, end: int) -> tuple[bytes, bytes, bytes]:
        return self._reader.elements(_exact(bytes(text)), begin, end)

    def _compare(self, objects: list[bytes]) -> None:
        self._begin(objects)
        try:
            self._assert_same(self._batch_of(objects, [(0, "8:tbrannock")] * len(objects)))
        except AssertionError:
            for raw in objects if len(objects) > 1 else ():
                self._compare([raw])
            raise

    def _begin(self, objects: list[bytes]) -> None:
        inputs.write(self._current, objects)
        signal.setitimer(signal.ITIMER_PROF, _CPU_SECONDS)


def _exact(data: bytes) -> Buffer:
    """The bytes in memory behind which nothing may be read, not even the NUL that ends every bytes object."""
    return ctypes.create_string_buffer(data, len(data))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
