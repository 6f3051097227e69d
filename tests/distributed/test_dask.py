"""Parts that workers of Dask do, who share nothing with the run but the store and the database."""

import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from dask import config
from distributed import Client

from skype_assets import ETLPipeline
from skype_assets.etl import engine
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.working_copy import WorkingCopy
from skype_assets.etl.command_line import skype_assets
from skype_assets.etl.crash_points import VARIABLE
from skype_assets.etl.database.session import Database
from skype_assets.etl.engine import elsewhere
from skype_assets.etl.engine.elsewhere import ADDRESS, Elsewhere
from skype_assets.etl.errors import ExecutorUnavailable, PhaseFailed, UsageError, WorkerLost
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Settings, Task
from tests.conftest import PASSWORD, NewDatabase
from tests.distributed.dask_cluster import Cluster, certified, cluster
from tests.distributed.machines import free_port, wait_until
from tests.engine.database_content import digests, query
from tests.stores.object_storage import Storage

SETTINGS = Settings(chunk_size=100, max_workers=1, keep_media=False)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("sample") / "export.tar", messages=600).path


@pytest.fixture(scope="session")
def here(sample: Path, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Task:
    """The same export, loaded by this machine alone."""
    task = Task("t", tmp_path_factory.mktemp("here"), sample, new_database(lasts=True), SETTINGS)
    engine.run(task)
    return task


@pytest.fixture
def task(here: Task, store_url: str, tcp_postgres_url: str, tmp_path: Path) -> Task:
    """The task, not yet begun, in a working copy of this machine's."""
    copy = WorkingCopy.made(tmp_path / "working", store_url)
    return replace(here, output_dir=copy.folder, database=tcp_postgres_url)


@pytest.fixture
def dask(task: Task, object_storage: Storage, tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "machines").mkdir()
    with cluster(tmp_path / "machines", object_storage, str(task.database)) as running:
        yield running


def _done(dask: Cluster) -> list[int]:
    """How many parts each worker has done."""
    with Client(dask.address, set_as_default=False) as client:
        done: Any = client.run(lambda dask_worker: dask_worker.state.executed_count)
    return list(done.values())


def test_machines_do_the_parts_some_twice_and_the_tables_are_those_of_one_machine(
    dask: Cluster, task: Task, here: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, results = Elsewhere.submit, list[Future[Any]]()

    def twice(self: Elsewhere, fn: Callable[[], Any]) -> Future[Any]:
        results.extend((submit(self, fn), submit(self, fn)))
        return results[-1 - len(results) // 2 % 2]

    monkeypatch.setattr(Elsewhere, "submit", twice)
    dask.worker()
    dask.worker()
    engine.run(task, executor=dask.address)
    assert digests(task.database) == digests(here.database)
    assert len(results) >= 2 * 2 * 5
    assert all(done >= 2 for done in _done(dask))
    assert not [future for future in results if future.done() and future.exception()]
    assert query(task.database, "SELECT count(*) FROM skype.load_parts") == query(
        here.database, "SELECT count(*) FROM skype.load_parts"
    )


def test_what_a_worker_dies_of_another_does(
    dask: Cluster, task: Task, here: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One dies in transform, one in the load, between its COPY and its COMMIT."""
    monkeypatch.setenv(ADDRESS, dask.address)
    first = dask.worker(**{VARIABLE: "file synced:kill:4"})
    engine.run_phase(task, "extract")
    dask.worker()
    engine.run_phase(task, "transform")
    wait_until(first.is_lost, lambda: first.log)
    second = dask.worker(**{VARIABLE: "part copied:kill:1"})
    engine.run_phase(task, "load")
    wait_until(second.is_lost, lambda: second.log)
    assert digests(task.database) == digests(here.database)


def test_where_all_workers_are_gone_it_is_said_in_time_and_what_they_did_is_kept(
    dask: Cluster, task: Task, here: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "PATIENCE", 5.0)
    engine.run_phase(task, "extract")
    worker = dask.worker(**{VARIABLE: "part copied:kill:2"})
    engine.run_phase(task, "transform", executor=dask.address)
    with pytest.raises(ExecutorUnavailable, match=f"{dask.address} had no worker for 5 s") as raised:
        engine.run_phase(task, "load", executor=dask.address)
    assert isinstance(raised.value, OSError)
    assert worker.is_lost()
    loaded = query(task.database, "SELECT part FROM skype.load_parts ORDER BY 1")
    assert loaded == [(0,), (1,)]
    dask.lose_scheduler()
    with pytest.raises(ExecutorUnavailable, match=f"no scheduler of Dask answers at {dask.address}"):
        engine.run_phase(task, "load", executor=dask.address)
    engine.run_phase(task, "load")
    assert digests(task.database) == digests(here.database)


def test_a_part_that_ends_its_workers_is_a_death_as_on_one_machine(
    task: Task, object_storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "machines").mkdir()
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    engine.run_phase(task, "extract")
    with cluster(tmp_path / "machines", object_storage, str(task.database)) as dask:
        dask.worker(**{VARIABLE: "file synced:kill:2"})
        with pytest.raises(WorkerLost, match=f"ended every worker of {dask.address} that was at it, 1 so far"):
            engine.run_phase(task, "transform", executor=dask.address)
    recorded = states.read(task.folder.folder("transformed_tables"))
    assert recorded is not None
    assert recorded.deaths == 1


def test_a_scheduler_that_is_lost_ends_the_run(dask: Cluster, task: Task) -> None:
    engine.run_phase(task, "extract")
    dask.worker(**{VARIABLE: "file synced:kill:2"})
    executor = Elsewhere(dask.address, task.folder.folder("transformed_tables"))
    with executor:
        waits = executor.submit(time.sleep, 600)
        wait_until(lambda: executor._client is not None and _has_begun(executor), lambda: "")
        dask.lose_scheduler()
        with pytest.raises(ExecutorUnavailable, match="is gone"):
            waits.result(120)


def _has_begun(executor: Elsewhere) -> bool:
    client: Any = executor._client
    return any(client.processing().values())


def test_a_worker_of_another_version_or_without_a_database_is_refused_by_name(dask: Cluster, task: Task) -> None:
    engine.run_phase(task, "extract")
    dask.worker(DASK_DISTRIBUTED__WORKER__PRELOAD="tests.distributed.another_version")
    with pytest.raises(UsageError, match=r"has skype-assets 0\.0\.1 \(.*, and the run .* install the same") as raised:
        engine.run_phase(task, "transform", executor=dask.address)
    assert any("on the worker tcp://" in note for note in raised.value.__notes__)
    dask.lose_workers()
    dask.worker(SKYPE_DATABASE_URL="")
    with pytest.raises(UsageError, match="has no database: set SKYPE_DATABASE_URL"):
        engine.run_phase(task, "transform", executor=dask.address)


def test_over_tls_nobody_gets_parts_done_without_a_certificate(
    task: Task, object_storage: Storage, tmp_path: Path
) -> None:
    (tmp_path / "machines").mkdir()
    settings = certified(tmp_path / "certificates")
    engine.run_phase(task, "extract")
    with cluster(tmp_path / "machines", object_storage, str(task.database), settings) as dask:
        dask.worker()
        with pytest.raises(UsageError, match="asks for a certificate"):
            engine.run_phase(task, "transform", executor=dask.address)
        named = {name.removeprefix("DASK_").lower().replace("__", "."): value for name, value in settings.items()}
        with config.set(named):
            engine.run_phase(task, "transform", executor=dask.address)
            assert _done(dask)[0] > 2


@pytest.mark.parametrize("address", ["localhost:8786", "http://host:1", "tcp://host", "tcp://user:secret@host:1"])
def test_what_is_no_address_of_a_scheduler_is_refused_before_anything_is_done(address: str, task: Task) -> None:
    with pytest.raises(UsageError, match="no address of a scheduler"):
        engine.run_phase(task, "extract", executor=address)
    assert not task.folder.path.exists()


def test_without_a_store_there_are_no_parts_for_others(here: Task, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Keep the checkpoints in a store"):
        engine.run_phase(replace(here, output_dir=tmp_path / "folder"), "extract", executor="tcp://127.0.0.1:1")


def test_every_door_takes_an_executor(
    task: Task, store_url: str, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "PATIENCE", 0.5)
    monkeypatch.setenv("SKYPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SKYPE_DATABASE_URL", str(task.database))
    nobody = f"tcp://127.0.0.1:{free_port()}"
    options = ["--task-id", "t", "--output-dir", store_url, "--chunk-size", "100", "--no-media", "--executor", nobody]
    ran = CliRunner().invoke(skype_assets, ["run", str(sample), *options])
    assert (ran.exit_code, nobody in ran.output) == (ExecutorUnavailable.exit_code, True), ran.output
    manifest = f"{store_url}/etl_checkpoint_t.json"
    resumed = CliRunner().invoke(skype_assets, ["resume", manifest, "--executor", nobody])
    assert (resumed.exit_code, nobody in resumed.output) == (ExecutorUnavailable.exit_code, True), resumed.output
    pipeline = ETLPipeline(task.database, store_url, task_id="t", chunk_size=100, keep_media=False, executor=nobody)
    with pytest.raises(PhaseFailed, match=nobody):
        pipeline.run_pipeline(sample)


def test_no_secret_travels_and_a_worker_uses_its_own(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql://tester:{PASSWORD.replace('/', '%2F')}@127.0.0.1/db"
    place = task.folder.path / "transformed_tables"
    packed = elsewhere._packed(_Sent(Database(url), place), task.output_dir)
    assert b"tester" not in packed
    assert str(task.output_dir).encode() not in packed
    monkeypatch.setenv("SKYPE_DATABASE_URL", "postgresql://worker@elsewhere/db")
    sent: Any = elsewhere._Unpickler(io.BytesIO(packed), tmp_path / "there").load()
    assert sent.place == tmp_path / "there" / "t" / "transformed_tables"
    assert sent.database._url == "postgresql://worker@elsewhere/db"


class _Sent:
    def __init__(self, database: Database, place: Path) -> None:
        self.database, self.place = database, place

    def __call__(self) -> None: ...
