"""Exports that machines load whose runs Dagster's daemon hands out; one of them is lost meanwhile.

The machines share a store, a bucket of exports, PostgreSQL and Redis, and nothing else. ``SKYPE_TEST_EXPORTS`` is how
many exports there are.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.dagster_run import FINISHED_STATUSES, DagsterRun

from skype_assets.etl import engine
from skype_assets.etl.checkpoints import store as stores
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Settings, Task
from skype_assets.instance import celery_launcher
from skype_assets.instance.celery_launcher import AskingRunLauncher
from tests.conftest import NewDatabase
from tests.distributed.machines import PROJECT, Machine, free_port, listens, machine, wait_until
from tests.engine.database_content import digests, query
from tests.stores.object_storage import Storage

EXPORTS = int(os.environ.get("SKYPE_TEST_EXPORTS", "6"))
MINUTES = 10 + EXPORTS


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    port = free_port()
    assert shutil.which("redis-server"), "redis-server is not there: install it (Debian: apt install redis-server)"
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd="/") as server:
        wait_until(lambda: listens(port), lambda: "redis-server does not answer")
        yield f"redis://127.0.0.1:{port}/0"
        server.kill()


@dataclass
class Site:
    """What the machines have in common, and the environment of a process on this one."""

    folder: Path
    home: Path
    exports: Path
    storage: Storage
    environment: dict[str, str]

    @contextmanager
    def worker(self, name: str) -> Generator[Machine]:
        """A machine that does runs, one at a time."""
        with machine(name, self.folder) as made:
            urls = ("AWS_ENDPOINT_URL", "SKYPE_DATABASE_URL", "DAGSTER_POSTGRES_URL", "SKYPE_BROKER_URL")
            reached = {url: made.reach(self.environment[url]) for url in urls}
            options = (
                "--hostname",
                f"celery@{name}",
                "--loglevel",
                "INFO",
                "--concurrency",
                1,
                "--include",
                "tests.distributed.hurried",
            )
            made.start(
                "celery",
                *("--app", "skype_assets.instance.celery_worker", "worker", *options, "--without-gossip"),
                **{**self.environment, **reached},
            )
            wait_until(lambda: f"celery@{name} ready" in made.log, lambda: made.log)
            yield made

    @contextmanager
    def daemon(self) -> Generator[Path]:
        """The daemon, which finds the exports by itself; its log."""
        log = Path(f"{self.folder}.daemon.log")
        command = [sys.executable, "-m", "tests.distributed.hurried", "run", "-w", str(self.home / "workspace.yaml")]
        environment = {**os.environ, **self.environment, "SKYPE_INBOX": "on", "PYTHONPATH": str(PROJECT)}
        with log.open("wb") as output:
            daemon = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=output, stderr=output, start_new_session=True
            )
        try:
            yield log
        finally:
            daemon.terminate()
            daemon.wait(60)
            with suppress(ProcessLookupError):  # its code server may take a while
                os.killpg(daemon.pid, signal.SIGKILL)


@pytest.fixture
def site(tmp_path: Path, object_storage: Storage, store_url: str, tcp_postgres_url: str, redis_url: str) -> Site:
    home, exports = tmp_path / "dagster", tmp_path / "exports"
    home.mkdir()
    (tmp_path / "machines").mkdir()
    text = (PROJECT / "deploy" / "dagster.yaml").read_text()
    for what, here in {
        "/srv/skype/dagster": ".dagster",
        "poll_interval_seconds: 10": "poll_interval_seconds: 2",
    }.items():
        assert what in text
        text = text.replace(what, here)
    (home / "dagster.yaml").write_text(text)
    shutil.copy(PROJECT / "workspace.yaml", home)
    bucket = object_storage.new_url()
    for number in range(EXPORTS):
        made = write_sample(exports / f"e{number}.tar", messages=150, seed=number, media=False).path
        stores.opened(bucket).put_file(made.name, made)
    environment = {
        **object_storage.environment,
        **{"DAGSTER_HOME": str(home), "DAGSTER_POSTGRES_URL": tcp_postgres_url, "SKYPE_BROKER_URL": redis_url},
        **{"SKYPE_DATABASE_URL": tcp_postgres_url, "SKYPE_OUTPUT_URL": store_url, "SKYPE_EXPORTS_URL": bucket},
        **{"SKYPE_HOME": str(tmp_path / "control"), "SKYPE_MAX_WORKERS": "1", "SKYPE_KEEP_MEDIA": "off"},
    }
    return Site(tmp_path / "machines", home, exports, object_storage, environment)


def test_machines_share_the_exports_and_what_one_was_at_that_is_lost_the_other_loads(
    site: Site, new_database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = new_database()
    for export in sorted(site.exports.iterdir()):
        engine.run(Task(export.stem, tmp_path / "alone", export, alone, Settings(max_workers=1, keep_media=False)))
    database = site.environment["SKYPE_DATABASE_URL"]
    for name, value in site.environment.items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.from_config(str(site.home)) as instance:
        launcher = instance.run_launcher
        assert isinstance(launcher, AskingRunLauncher)

        def at_work(name: str) -> set[str]:
            active = launcher.celery.control.inspect(timeout=2).active() or {}
            return {task["id"] for task in active.get(f"celery@{name}", ())}

        def started(name: str) -> set[str]:
            runs = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
            return at_work(name) & {run.run_id for run in runs}

        def loaded() -> int:
            done = "SELECT count(*) FROM skype.exports WHERE status = 'complete'"
            made = query(database, "SELECT to_regclass('skype.exports') IS NOT NULL")
            return query(database, done)[0][0] if made == [(True,)] else 0

        with site.daemon() as log, site.worker("first") as first, site.worker("second") as second:

            def said() -> str:
                return "\n".join((log.read_text()[-5_000:], first.log[-5_000:], second.log[-5_000:]))

            begun = list[str]()
            wait_until(lambda: begun.extend(started("first")) or begun, said, MINUTES * 60)
            first.lose()
            lost_at = time.time()
            wait_until(lambda: loaded() == EXPORTS, said, MINUTES * 60)
            lost = _ended(instance, begun[0])
            assert lost.dagster_run.status is dg.DagsterRunStatus.FAILURE, said()
            assert lost.end_time is not None
            assert lost.end_time - lost_at < 60
            failed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
            assert [run.run_id for run in failed] == [begun[0]], said()
            assert _ended(instance, _again(instance, begun[0])).dagster_run.status is dg.DagsterRunStatus.SUCCESS, (
                said()
            )
    assert digests(database) == digests(alone)


def _ended(instance: dg.DagsterInstance, run_id: str) -> dg.RunRecord:
    ended = dg.RunsFilter(run_ids=[run_id], statuses=[*FINISHED_STATUSES])
    wait_until(lambda: instance.get_run_records(ended), lambda: f"{run_id} does not end")
    return instance.get_run_records(ended)[0]


def _again(instance: dg.DagsterInstance, run_id: str) -> str:
    """The run that the daemon has begun in the place of another."""
    found = dg.RunsFilter(tags={"dagster/parent_run_id": run_id})
    wait_until(lambda: instance.get_runs(found), lambda: f"{run_id} is not run again")
    return instance.get_runs(found)[0].run_id


RUN = DagsterRun("load_export", run_id="00000000-0000-0000-0000-000000000001")
AT_IT = {"celery@first": [{"id": RUN.run_id}]}
AT_ANOTHER = {"celery@first": [{"id": "another"}]}
MISSED, MISSED_LONG = celery_launcher.SILENCE - 5, celery_launcher.SILENCE + 5


class _Task:
    """What the broker knows of a run's task."""

    def __init__(self, state: str) -> None:
        self.state = state


@pytest.mark.parametrize(
    ("state", "answers", "missed", "status"),
    [
        ("STARTED", AT_IT, 0, WorkerStatus.RUNNING),
        ("STARTED", AT_IT, MISSED_LONG, WorkerStatus.RUNNING),
        ("STARTED", AT_ANOTHER, MISSED, WorkerStatus.RUNNING),
        ("STARTED", AT_ANOTHER, MISSED_LONG, WorkerStatus.NOT_FOUND),
        ("STARTED", None, MISSED, WorkerStatus.RUNNING),
        ("STARTED", None, MISSED_LONG, WorkerStatus.NOT_FOUND),
        ("PENDING", AT_IT, MISSED_LONG, WorkerStatus.RUNNING),
        ("PENDING", AT_ANOTHER, MISSED_LONG, WorkerStatus.NOT_FOUND),
        ("SUCCESS", None, MISSED_LONG, WorkerStatus.SUCCESS),
        ("FAILURE", None, 0, WorkerStatus.FAILED),
    ],
    ids=[
        *("at work", "at work again", "begun since", "its worker began anew", "silent for a moment", "silent"),
        *("forgotten by the broker", "lost by the broker", "ended", "its process died"),
    ],
)
def test_a_run_that_nobody_is_at_is_noticed_and_no_other(
    state: str,
    answers: dict[str, list[dict[str, str]]] | None,
    missed: float,
    status: WorkerStatus,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    launcher = AskingRunLauncher("redis://127.0.0.1:1/0")
    monkeypatch.setattr(launcher.celery, "AsyncResult", lambda _: _Task(state))
    monkeypatch.setattr(type(launcher.celery.control.inspect()), "active", lambda _: answers)
    launcher._missed[RUN.run_id] = time.monotonic() - missed
    assert launcher.check_run_worker_health(RUN).status is status


def test_a_run_that_is_ended_is_not_one_that_is_lost(redis_url: str) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        launcher = AskingRunLauncher(redis_url)
        launcher.register_instance(instance)
        run = instance.add_run(DagsterRun("load_export", status=dg.DagsterRunStatus.STARTED))
        assert launcher.terminate(run.run_id)
        assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.CANCELING  # pyright: ignore[reportOptionalMemberAccess]
        instance.report_run_canceled(run)
        assert not launcher.terminate(run.run_id)


def test_where_the_broker_does_not_answer_nothing_is_held_against_a_run_then_or_later() -> None:
    launcher = AskingRunLauncher(f"redis://127.0.0.1:{free_port()}/0")
    launcher._missed[RUN.run_id] = time.monotonic() - MISSED_LONG
    assert launcher.check_run_worker_health(RUN).status is WorkerStatus.RUNNING
    assert not launcher._missed
