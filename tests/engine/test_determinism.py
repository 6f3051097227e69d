"""The same export gives the same digest for any part size, workers, hash seed, time zone, locale (promise I8)."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from skype_assets.etl import engine
from skype_assets.etl.phases import PHASES
from skype_assets.etl.task import Settings, Task
from tests.engine.database_content import digests

ROOT = Path(__file__).parents[2]
RUN = """
import sys
from pathlib import Path
from skype_assets.etl import engine
from skype_assets.etl.task import Settings, Task
source, output_dir, url = sys.argv[1:]
engine.run(Task("t", Path(output_dir), Path(source), url, Settings(chunk_size=100, max_workers=1)))
"""


@pytest.mark.parametrize(("chunk_size", "workers"), [(1_000, 1), (100_000, 1), (100, 2)])
def test_part_size_and_workers_do_not_show_in_the_database(
    chunk_size: int, workers: int, fresh: Task, finished: Task
) -> None:
    engine.run(replace(fresh, settings=Settings(chunk_size=chunk_size, max_workers=workers)))
    assert digests(fresh.database) == digests(finished.database)


class _Counting(ProcessPoolExecutor):
    """An executor of somebody else's, which counts what it is given."""

    submitted = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.submitted += 1
        return super().submit(fn, *args, **kwargs)


def test_an_executor_that_is_given_does_the_parts_of_every_phase_and_is_left_open(fresh: Task, finished: Task) -> None:
    with _Counting(2, mp_context=get_context("forkserver")) as executor:
        for count, phase in enumerate(PHASES, 1):
            engine.run_phase(replace(fresh, settings=Settings(chunk_size=100, max_workers=2)), phase, executor=executor)
            assert executor.submitted > 2 * count
        assert executor.submit(os.getpid).result() != os.getpid()
    assert digests(fresh.database) == digests(finished.database)


@pytest.mark.parametrize(
    "surroundings",
    [
        {"PYTHONHASHSEED": "1", "TZ": "Asia/Kathmandu", "LC_ALL": "C", "PYTHONUTF8": "0", "PGTZ": "Asia/Kathmandu"},
        {"PYTHONHASHSEED": "2", "TZ": "America/St_Johns", "LC_ALL": "C.UTF-8", "PGDATESTYLE": "German, DMY"},
    ],
    ids=json.dumps,
)
def test_hash_seed_time_zone_and_locale_do_not_show_in_the_database(
    surroundings: dict[str, str], fresh: Task, finished: Task
) -> None:
    assert fresh.source
    assert fresh.database
    subprocess.run(
        [sys.executable, "-c", RUN, fresh.source, fresh.output_dir, fresh.database],
        env={**os.environ, **surroundings},
        cwd=ROOT,
        check=True,
    )
    assert digests(fresh.database) == digests(finished.database)
    assert _ids(fresh) == _ids(finished)


def _ids(of: Task) -> list[tuple[object, ...]]:
    """The keys of the transformed messages; their order depends on the size of parts."""
    tables = engine.open_phase(of, "transform")
    assert tables
    keys = tables["messages"].to_table(["conversation_id", "message_id", "raw_sha256"]).to_pydict()
    return sorted(zip(*keys.values(), strict=True))
