"""A program that uses the library, and Ctrl-C: heard the first time, wherever it comes, and nothing else changes."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skype_assets.etl import engine
from skype_assets.etl.checkpoints.attempt import read_owner
from skype_assets.etl.task import Task
from tests.engine.database_content import digests

ROOT = Path(__file__).parents[2]
INSTANTS = int(os.environ.get("SKYPE_TEST_INSTANTS") or 6)

# Runs a task of small parts over and over; `handler` is what the program has for SIGINT, and where the engine runs.
PROGRAM = """
import signal, sys, threading, time
from pathlib import Path
from skype_assets.etl import engine
from skype_assets.etl.task import Settings, Task

folder, source, url, kind = sys.argv[1:]
heard = []

class Own(Exception):
    pass

def own(number, frame):
    heard.append(number)
    raise Own

if kind == "own":
    signal.signal(signal.SIGINT, own)
before = signal.getsignal(signal.SIGINT)
print("ready", flush=True)
try:
    for _ in range(1000):
        engine.run(Task("t", Path(folder), Path(source), url, Settings(chunk_size=20, max_workers=1)))
        import shutil; shutil.rmtree(Path(folder) / "t")
except KeyboardInterrupt:
    print("interrupted", flush=True)
except Own:
    print("own", flush=True)
assert signal.getsignal(signal.SIGINT) is before
"""


def _interrupt(fresh: Task, kind: str, seconds: float) -> tuple[str, str, float]:
    """What a program says that is interrupted some time after its begin, its errors, and how long it took."""
    arguments = [str(fresh.output_dir), str(fresh.source), str(fresh.database), kind]
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert program.stdout
    assert program.stdout.readline() == "ready\n"
    time.sleep(seconds)
    program.send_signal(signal.SIGINT)
    sent = time.monotonic()
    out, err = program.communicate(timeout=60)
    return out.strip(), err, time.monotonic() - sent


def test_ctrl_c_at_any_instant_is_raised_once_the_attempt_has_ended(fresh: Task, finished: Task) -> None:
    rng = random.Random(4)
    for _ in range(INSTANTS):
        said, errors, _ = _interrupt(fresh, "default", rng.uniform(0.0, 3.0))
        assert said == "interrupted", errors
        assert "Traceback" not in errors
        owner = read_owner(fresh.folder) if fresh.folder.path.exists() else None
        assert owner is None or owner.released
    engine.run(fresh)
    assert digests(fresh.database) == digests(finished.database)


def test_handlers_of_the_program_are_its_own(fresh: Task) -> None:
    assert _interrupt(fresh, "own", 1.0)[0] == "own"


def test_a_second_ctrl_c_is_raised_where_the_program_is(fresh: Task) -> None:
    def twice(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            engine.run_phase(fresh, "extract", twice)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
