"""T13: the same export gives the same database, whatever the surroundings of the process and the size of parts."""

import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import product

from tests.faults.cases import Case, Report, Size, Test
from tests.faults.checks import after_success
from tests.faults.children import Outcome
from tests.faults.world import Place, World

_PROGRAM = """
import sys
from pathlib import Path
from skype_assets.etl import engine
from skype_assets.etl.task import Settings, Task
source, output_dir, url, chunk_size, workers, *bugs = sys.argv[1:]
if bugs:
    from tests.faults.planted_bugs import BUGS
    for name in bugs:
        BUGS[name].plant()
settings = Settings(chunk_size=int(chunk_size), max_workers=int(workers))
engine.run(Task("t", Path(output_dir), Path(source), url, settings))
"""
_ZONES = (("Asia/Kathmandu", "C", "0"), ("America/St_Johns", "C.UTF-8", "1"), ("UTC", "POSIX", "0"))


def _cases(world: World, size: Size, seed: int) -> Sequence[Case]:
    every = list(product(range(1, 5), range(len(_ZONES)), (1, 7, 30, 100_000), (1, 2)))
    return every if size.every else [(1, 0, 20, 1), (2, 1, 100_000, 1)]


def _run(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    hash_seed, zone, chunk_size, workers = case
    place.begin()
    name, locale, utf8 = _ZONES[zone]
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "TZ": name, "PGTZ": name, "LC_ALL": locale}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _PROGRAM,
            place.world.export,
            place.folder,
            place.url,
            str(chunk_size),
            str(workers),
            *bugs,
        ],
        env={**environment, "PYTHONUTF8": utf8},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    outcome = Outcome("done" if done.returncode == 0 else "failed", done.stderr[-300:])
    wrong = [line for line in after_success(place, outcome) if "parts are not those" not in line]
    return Report(1, {str(case)}, wrong)


TESTS = (Test("T13", "hash seed, time zone, locale, part size, workers", _cases, _run),)
