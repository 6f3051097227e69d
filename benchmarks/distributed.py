"""What distributed work costs beside what it must cost: ``python -m benchmarks.distributed``, some minutes.

Each function in ``MEASURED`` yields lines of the table; ``--only`` names some of them. Seconds differ between machines,
so lines are ratios of what was measured by turns in the same run. The exit code is 1 if something takes more than it
must.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import psycopg2

from benchmarks.lines import Result, as_table
from benchmarks.rounds import PROJECT
from benchmarks.server import Server, server
from skype_assets.etl import engine
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Task

_SAMPLE_SECONDS: Final = 0.01
_WAITING: Final = "SELECT locktype FROM pg_locks WHERE NOT granted AND database IS NOT NULL"


@dataclass(frozen=True)
class Bench:
    """What all lines share.

    Attributes:
        folder: where everything is.
        server: the database server.
        rounds: how often each thing is measured.
        messages: of an export of middle size.
        loaders: how many loads there are at once.
    """

    folder: Path
    server: Server
    rounds: int
    messages: int
    loaders: int


Measure = Callable[[Bench], Iterator[Result]]


def main() -> int:
    options = _options()
    found: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="skype-bench-", dir=options.folder) as folder, server(Path(folder)) as used:
        bench = Bench(Path(folder), used, options.rounds, options.messages, options.loaders)
        for name in options.only or MEASURED:
            _say(name)
            found += MEASURED[name](bench)
    print(as_table(found))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    lines = [asdict(result) | {"verdict": result.verdict} for result in found]
    about = {"cores": len(os.sched_getaffinity(0)), "load_average": os.getloadavg(), "messages": options.messages}
    options.json.write_text(json.dumps({**about, "lines": lines}, indent=1) + "\n", encoding="utf-8")
    _say(f"all figures: {options.json}")
    return int(any(result.verdict == "MISSED" for result in found))


def loaders(bench: Bench) -> Iterator[Result]:
    """Loads of different accounts at once: what they wait for, and what the locks of ours cost."""
    tasks = [_transformed(bench, f"loader_{number}", number) for number in range(bench.loaders)]
    first = _transformed(bench, "first", bench.loaders)
    walls: dict[str, list[float]] = {"phase": [], "unlocked": []}
    waits: list[Counter[str]] = []
    for number in range(bench.rounds):
        for job in list(walls)[:: 1 if number % 2 == 0 else -1]:  # neither is always the first
            database = bench.server.fresh_database("loaders")
            _load(first, database)
            bench.server.settle()
            wall, waited = _at_once(job, tasks, database)
            walls[job].append(wall)
            if job == "phase":
                waits.append(waited)
    by_lock = {lock: [float(waited[lock]) for waited in waits] for lock in sorted(set().union({"advisory"}, *waits))}
    what = f"{bench.loaders} loaders of different accounts"
    for lock, samples in by_lock.items():
        must = 0.0 if lock in ("advisory", "relation", "object") else None
        yield _result(f"{what}: samples of waits for a lock, {lock}", "samples", samples, must)
    ratios = [one / other for one, other in zip(walls["phase"], walls["unlocked"], strict=True)]
    yield _result(f"{what} ÷ without our locks, wall", "×", ratios, 1 / 0.9)
    yield _result(f"{what}: exports a minute", "/ min", [60 * bench.loaders / wall for wall in walls["phase"]])


MEASURED: Final[Mapping[str, Measure]] = {"loaders": loaders}
"""What is measured, by name. A further one yields lines of its own."""


def _result(measure: str, unit: str, values: Sequence[float], must: float | None = None) -> Result:
    return Result(measure, unit, median(values), must, None, values)


def _transformed(bench: Bench, name: str, seed: int) -> Task:
    """An export of an account of its own, ready to be loaded."""
    export = bench.folder / f"{name}.tar"
    write_sample(export, messages=bench.messages, seed=seed, owner=f"8:live:{name}", oddities=False)
    task = Task("bench", bench.folder / name, export)
    for phase in ("extract", "transform"):
        engine.run_phase(task, phase)
    return task


def _load(task: Task, database: str) -> None:
    child = _child("phase", task, database)
    _go(child)
    _end(child)


def _at_once(job: str, tasks: Sequence[Task], database: str) -> tuple[float, Counter[str]]:
    """Load tasks at the same time: the seconds until the last has ended, and how often one waited for which lock."""
    children = [_child(job, task, database) for task in tasks]
    waited: Counter[str] = Counter()
    with closing(psycopg2.connect(database)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        began = time.monotonic()
        for child in children:
            _go(child)
        while any(child.poll() is None for child in children):
            cursor.execute(_WAITING)
            waited.update(lock for (lock,) in cursor.fetchall())
            time.sleep(_SAMPLE_SECONDS)
        wall = time.monotonic() - began
    for child in children:
        _end(child)
    return wall, waited


def _child(job: str, task: Task, database: str) -> "subprocess.Popen[str]":
    """A process that loads a task when it is told to; what it imports, it has imported."""
    # Loaded anew each time: what an earlier round has loaded, its database has.
    output = Path(tempfile.mkdtemp(prefix=f"{task.output_dir.name}-", dir=task.output_dir.parent))
    subprocess.run(["cp", "-al", f"{task.output_dir}/.", str(output)], check=True)
    arguments: dict[str, Any] = {
        **{"export": str(task.source), "output": str(output), "database": database},
        **{"phase": "load", "workers": 1},
    }
    command = [sys.executable, "-m", "benchmarks.child", job, json.dumps(arguments)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    assert child.stdout
    if child.stdout.readline() != "ready\n":
        raise RuntimeError(f"benchmark {job} could not be prepared; its error is above")
    return child


def _go(child: "subprocess.Popen[str]") -> None:
    assert child.stdin
    child.stdin.write("go\n")
    child.stdin.close()


def _end(child: "subprocess.Popen[str]") -> None:
    assert child.stdout
    child.stdout.read()
    child.stdout.close()
    if code := child.wait():
        raise RuntimeError(f"a load failed with exit code {code}; its error is above")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.distributed", description=__doc__)
    parser.add_argument("--only", action="append", choices=MEASURED, help="what to measure (default: everything)")
    parser.add_argument("--messages", type=int, default=5_000, help="of each export (default: %(default)s)")
    parser.add_argument("--loaders", type=int, default=16, help="at once (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="the median of which counts (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="for exports, checkpoints and database (default: temporary)")
    default = PROJECT / "benchmarks" / "results" / f"distributed-{time.strftime('%Y-%m-%dT%H%M%S')}.json"
    parser.add_argument(
        "--json", type=Path, default=default, help="where all figures go (default: benchmarks/results/)"
    )
    return parser.parse_args()


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
