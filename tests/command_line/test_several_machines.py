"""Processes that share nothing but a store and PostgreSQL: of one that is frozen and one that took over, one loads."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from skype_assets.etl.errors import Fenced
from tests.command_line.conftest import PROJECT, Invoke
from tests.database.small_loads import query

Process = subprocess.Popen[str]
Begin = Callable[..., Process]

_STOPS_ITSELF = """
import os, signal, sys
from itertools import count
from skype_assets.etl import crash_points
from skype_assets.etl.checkpoints import task_log
from skype_assets.etl.command_line import main

task_log.LEASE_SECONDS = 1.0
point, hit, hits = sys.argv[1], int(sys.argv[2]), count(1)

def stop(reached):
    if reached == point and next(hits) == hit:
        os.kill(os.getpid(), signal.SIGSTOP)

crash_points.listener = stop
sys.argv[1:] = sys.argv[3:]
main()
"""


@pytest.fixture
def begin(workplace: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """Begin a command on a machine, where it stops itself at a point as if it was frozen."""
    begun: list[Process] = []

    def start(machine: str, point: str, hit: int, *arguments: object) -> Process:
        process = subprocess.Popen(
            [sys.executable, "-c", _STOPS_ITSELF, point, str(hit), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
            env={**os.environ, "SKYPE_HOME": str(workplace / machine)},
        )
        begun.append(process)
        deadline = time.monotonic() + 300
        while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, f"it never came to {point} {hit}"
            time.sleep(0.02)
        return process

    monkeypatch.setenv("SKYPE_KEEP_MEDIA", "off")
    yield start
    for process in begun:
        process.kill()
        process.communicate()


def _go_on(process: Process) -> tuple[int, str]:
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate()
    return process.returncode, said


@pytest.mark.parametrize(("point", "hit"), [("phase begun", 3), ("phase claimed", 3), ("part copied", 2)])
def test_what_was_taken_over_does_not_take_over_when_it_wakes_up_before_during_or_after_it_registers(
    point: str, hit: int, begin: Begin, store_url: str, database: str, invoke: Invoke, sample_tar: Path
) -> None:
    small = ("--chunk-size", 300, "--max-workers", 1)
    frozen = begin("first", point, hit, "run", sample_tar, "--task-id", "t", "--output-dir", store_url, *small)
    owner = begin("second", "phase claimed", 1, "resume", f"{store_url}/etl_checkpoint_t.json")
    before = [query(database, f"SELECT * FROM skype.{table}") for table in ("attempts", "load_parts")]
    code, said = _go_on(frozen)
    assert code == Fenced.exit_code, said
    assert [query(database, f"SELECT * FROM skype.{table}") for table in ("attempts", "load_parts")] == before
    code, said = _go_on(owner)
    assert code == 0, said
    verified = invoke("verify", "t", "--output-dir", store_url, "--source", sample_tar)
    assert verified.exit_code == 0, verified.output
