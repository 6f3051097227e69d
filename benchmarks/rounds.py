"""One round: everything once, each job next to the one that it is compared with, so that both meet the same machine."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.children import Usage, run_command, run_job
from benchmarks.server import Server
from skype_assets.etl.export.archive import open_export
from skype_assets.etl.phases import PHASES
from skype_assets.etl.sample import write_sample

PROJECT = Path(__file__).parents[1]
SMALL = 2_000
"""Messages of the export with which fixed costs are measured."""

Round = dict[str, Usage]
"""What each job of a round has used, by name."""


@dataclass(frozen=True)
class Bench:
    """What all rounds share, and where the one that is going on has its checkpoints.

    Attributes:
        folder: where everything is.
        server: the database server.
        export: the export.
        messages_json: its messages, for those who cannot read archives.
        small: an export of which nothing but the fixed costs are felt.
        output: the folder of the checkpoints.
    """

    folder: Path
    server: Server
    export: Path
    messages_json: Path
    small: Path
    output: Path


Jobs = Callable[[Bench], Round]
"""Some jobs that belong together."""


def prepare(folder: Path, server: Server, messages: int) -> Bench:
    """Write the exports."""
    export, small = folder / "export.tar", folder / "small.tar"
    write_sample(export, messages=messages, oddities=False)
    write_sample(small, messages=min(SMALL, messages))
    messages_json = folder / "messages.json"
    with open_export(export, folder) as opened:
        assert opened.messages, "a sample has messages"
        messages_json.write_bytes(opened.messages.buffer)
    return Bench(folder, server, export, messages_json, small, folder / "output")


def one_round(bench: Bench, measured: Iterable[Jobs], say: Callable[[str], None]) -> Round:
    """Run every job once, from nothing.

    What the round before has left stays: ext4 looks for inodes that were not deleted lately, and where hundreds were, a
    new file takes three times as long.
    """
    bench = replace(bench, output=Path(tempfile.mkdtemp(prefix="output-", dir=bench.folder)))
    done: Round = {}
    for jobs in measured:
        say(jobs.__name__.replace("_", " "))
        done |= jobs(bench)
    return done


def phases(bench: Bench) -> Round:
    """Each phase in one process, and its limits."""
    server, output = bench.server, bench.output / "one"
    limit = {"output": output, "with_constraints": False}
    loaded = server.fresh_database("one")
    return {
        "raw decode": run_job("raw_decode", server, messages_json=bench.messages_json),
        "extract": run_phase(bench, "extract", "one", 1),
        "transform": run_phase(bench, "transform", "one", 1),
        "copy": run_job("bare_copy", server, database=server.fresh_database("copy"), **limit),
        "load": run_phase(bench, "load", "one", 1),
        "copy and constraints": run_job(
            "bare_copy", server, database=server.fresh_database("copy"), **limit | {"with_constraints": True}
        ),
        "text search": run_job("text_search", server, database=loaded),
    }


def with_two_workers(bench: Bench) -> Round:
    """The phases again, side by side as far as they can."""
    bench.server.fresh_database("two")
    return {f"{phase}, 2 workers": run_phase(bench, phase, "two", 2) for phase in PHASES}


def run_phase(bench: Bench, phase: str, name: str, workers: int) -> Usage:
    """Run a phase of the export; ``name`` is that of the database, which is there, and of the folder."""
    bench.server.settle()
    return run_job(
        "phase",
        bench.server,
        export=bench.export,
        output=bench.output / name,
        database=bench.server.url(name),
        phase=phase,
        workers=workers,
    )


def finished_work(bench: Bench) -> Round:
    """The command that did the work, given again."""
    again = ["run", str(bench.export), "--task-id=bench", f"--output-dir={bench.output / 'one'}"]
    environment = {**os.environ, "SKYPE_DATABASE_URL": bench.server.url("one")}
    return {
        "hashing": run_job("hashing", bench.server, export=bench.export),
        "second run": run_command(_skype_assets(*again, "--no-report"), bench.server, env=environment),
    }


def commands(bench: Bench) -> Round:
    """Commands that only tell something."""
    status = _skype_assets("status", f"--output-dir={bench.output / 'one'}")
    return {
        "--help": run_command(_skype_assets("--help"), bench.server),
        "status": run_command(status, bench.server),
    }


def dagster(bench: Bench) -> Round:
    """A small export by Dagster's own command, as users give it, and the same phases called as functions."""
    server, project = bench.server, bench.folder / "project"
    shutil.rmtree(project, ignore_errors=True)
    project.mkdir()
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(PROJECT / name, project)
    database = server.fresh_database("by_dagster")
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"} | {
        "PYTHONPATH": str(PROJECT),
        "SKYPE_DATABASE_URL": database,
        "DAGSTER_POSTGRES_URL": database,
        "SKYPE_MAX_WORKERS": "1",
    }
    add = _skype_assets("add", str(bench.small), "--task-id=small")
    subprocess.run(add, cwd=project, env=environment, stdout=subprocess.DEVNULL, check=True)
    materialize = ["asset", "materialize", "--select=*", "--partition=small", "-m", "skype_assets.definitions"]
    functions = [sys.executable, "-m", "benchmarks.all_phases", str(bench.small), str(project / "functions")]
    return {
        "functions": run_command([*functions, server.fresh_database("by_functions")], server),
        "dagster": run_command(
            [sys.executable, "-m", "dagster", *materialize],
            server,
            cwd=project,
            env=environment,
            stderr=subprocess.DEVNULL,
        ),
    }


def alternatives(bench: Bench) -> Round:
    """What else somebody might load an export with."""
    used: Round = {}
    for name in ("json_and_pandas", "ijson_and_executemany", "duckdb_and_copy"):
        database = bench.server.fresh_database("alternative")
        used[name] = run_job(name, bench.server, messages_json=bench.messages_json, database=database)
    return used


def _skype_assets(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "skype_assets.etl.command_line", *arguments]
