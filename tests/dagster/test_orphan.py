"""A step that outlives its run worker commits nothing once another run has taken over (promises I1, I5, I14)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import psutil
import pytest

from skype_assets.etl import engine
from skype_assets.etl.task import Settings, Task
from skype_assets.registration import register
from tests.conftest import NewDatabase
from tests.engine.database_content import digests, query, row_versions

PATIENCE = 120.0

# A code location whose steps are processes of their own, as with Dagster's default executor. The step of the load
# stops itself, if the worker is told so, when it has committed its first part: from then on it neither lives nor dies.
DEFINITIONS = """
import os
import signal
import dagster as dg
from skype_assets.definitions import build_defs
from skype_assets.etl import crash_points
from skype_assets.etl.checkpoints import attempt

attempt.LEASE_SECONDS = 1.0

def stop(point):
    if point == "part committed":
        os.kill(os.getpid(), signal.SIGSTOP)

if os.environ.get("STOPS"):
    crash_points.listener = stop

def job():
    steps = dg.define_asset_job("steps", selection="*", executor_def=dg.multiprocess_executor)
    return dg.Definitions.merge(build_defs_without_executor(), dg.Definitions(jobs=[steps])).resolve_job_def("steps")

def build_defs_without_executor():
    project = build_defs()
    return dg.Definitions(assets=project.assets, resources=project.resources)
"""

# A run worker: what Dagster's launcher starts for a run.
WORKER = """
import sys
import dagster as dg
import steps

if __name__ == "__main__":
    task_id, *failed = sys.argv[1:]
    again = dg.ReexecutionOptions.from_failure(failed[0], dg.DagsterInstance.get()) if failed else None
    with dg.DagsterInstance.get() as instance:
        tags = {"dagster/partition": task_id}
        with dg.execute_job(dg.reconstructable(steps.job), instance, reexecution_options=again, tags=tags) as result:
            sys.exit(0 if result.success else 1)
"""


@pytest.fixture
def project(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(workspace))
    (workspace / "steps.py").write_text(DEFINITIONS)
    (workspace / "worker.py").write_text(WORKER)
    return workspace


def test_an_orphaned_step_of_a_killed_run_is_taken_over_and_changes_nothing_when_it_wakes_up(
    project: Path, sample_tar: Path, postgres_url: str, new_database: NewDatabase
) -> None:
    with dg.DagsterInstance.get() as instance:
        task_id = register(sample_tar, instance=instance)
        worker = _worker(task_id, STOPS="1")
        orphan = _wait(lambda: _stopped_step(worker))
        worker.kill()
        worker.wait()
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.STARTED  # Dagster's monitoring finds out, and does this:
        instance.report_run_failed(run)
        assert orphan.status() == psutil.STATUS_STOPPED

        assert _worker(task_id, run.run_id).wait(PATIENCE) == 0
        rows = row_versions(postgres_url)
        orphan.send_signal(signal.SIGCONT)
        _wait(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE)
        assert row_versions(postgres_url) == rows

    assert query(postgres_url, "SELECT part, attempt FROM skype.load_parts ORDER BY part") == [(0, 1), (1, 2)]
    expected = new_database()
    engine.run(Task(task_id, project / "elsewhere", sample_tar, expected, Settings(max_workers=1)))
    assert digests(postgres_url) == digests(expected)


def _worker(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "worker.py", *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=Path("worker.log").open("ab"),  # noqa: SIM115 - the process has it
        start_new_session=True,
    )


def _stopped_step(worker: subprocess.Popen[bytes]) -> psutil.Process | None:
    assert worker.poll() is None, Path("worker.log").read_text()[-2000:]
    children = psutil.Process(worker.pid).children(recursive=True)
    return next((child for child in children if child.status() == psutil.STATUS_STOPPED), None)


def _wait(holds: Callable[[], object]) -> psutil.Process:
    deadline = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < deadline, Path("worker.log").read_text()[-2000:]
        time.sleep(0.05)
    return found  # pyright: ignore[reportReturnType]
