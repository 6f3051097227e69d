"""A part that kills its process is tried in a process of its own, and then reported, not retried (promise I13)."""

import os
import subprocess
import sys
from pathlib import Path

from skype_assets.etl import engine
from skype_assets.etl.checkpoints import state
from skype_assets.etl.crash_points import VARIABLE
from skype_assets.etl.errors import PoisonPart
from skype_assets.etl.task import Task
from tests.engine.database_content import digests
from tests.engine.runs import ASSETS

ROOT = Path(__file__).parents[2]
RUN = """
import sys
from pathlib import Path
from skype_assets.etl import engine
from skype_assets.etl.errors import EtlError
from skype_assets.etl.task import Settings, Task
source, output_dir, url, phase = sys.argv[1:]
try:
    engine.run_phase(Task("t", Path(output_dir), Path(source), url, Settings(chunk_size=150, max_workers=1)), phase)
except EtlError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def _run(task: Task, phase: str, fault: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN, str(task.source), task.output_dir, str(task.database), phase],
        env={**os.environ, VARIABLE: fault},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def _load(task: Task) -> subprocess.CompletedProcess[str]:
    """Load in a process in which the first part of messages is deadly."""
    return _run(task, "load", "part copied:kill:1")


def test_a_part_that_killed_two_attempts_is_tried_alone_and_reported_and_can_be_tried_again(
    fresh: Task, finished: Task
) -> None:
    engine.run_phase(fresh, "extract")
    engine.run_phase(fresh, "transform")
    assert [_load(fresh).returncode for _ in range(engine.DEADLY)] == [-9] * engine.DEADLY
    for times in (3, 4):
        alone = _load(fresh)
        assert alone.returncode == PoisonPart.exit_code
        assert f"load: part 1 has ended its process {times} times" in alone.stdout
    recorded = state.read(fresh.folder.folder(ASSETS["load"]))
    assert recorded
    assert (len(recorded.parts), recorded.deaths) == (1, 4)

    engine.run_phase(fresh, "load")  # the cause is gone
    assert digests(fresh.database) == digests(finished.database)
    recorded = state.read(fresh.folder.folder(ASSETS["load"]))
    assert recorded
    assert recorded.deaths == 0


def test_an_attempt_that_fails_or_is_interrupted_is_no_death(fresh: Task) -> None:
    for _ in range(engine.DEADLY + 1):
        failed = _run(fresh, "extract", "part done:exception:2")
        assert "CrashPointError" in failed.stderr
    recorded = state.read(fresh.folder.folder(ASSETS["extract"]))
    assert recorded
    assert recorded.deaths == 0
