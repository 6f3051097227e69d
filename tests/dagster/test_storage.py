import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import psycopg2
import pytest
from dagster._core.instance.ref import InstanceRef
from dagster._serdes import serialize_value

from skype_assets.etl.postgres.embedded import EmbeddedServer
from skype_assets.etl.postgres.url import from_config
from skype_assets.instance.storage import PostgresStorage
from skype_assets.resources.database import Database

ROOT = Path(__file__).parents[2]

DEFINITIONS = """
import dagster as dg

exports = dg.DynamicPartitionsDefinition(name="skype_exports")

@dg.asset(partitions_def=exports)
def raw_export() -> dg.MaterializeResult:
    return dg.MaterializeResult()

defs = dg.Definitions(assets=[raw_export], executor=dg.in_process_executor)
"""

# A run worker or code server: gets the instance as text, and works wherever it was started.
WORKER = """
import sys
from dagster import DagsterInstance
from dagster._serdes import deserialize_value
with DagsterInstance.from_ref(deserialize_value(sys.argv[1])) as instance:
    print(*instance.get_dynamic_partitions("skype_exports"))
"""


@pytest.fixture
def project(server_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with this project's `dagster.yaml` as the working directory, and nothing in the environment."""
    monkeypatch.setenv("SKYPE_POSTGRES_DIR", "restored afterwards: the storage sets it")
    for name in ("DAGSTER_HOME", "DAGSTER_POSTGRES_URL", "SKYPE_DATABASE_URL", "SKYPE_POSTGRES_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    folder = server_folder.parent
    shutil.copy(ROOT / "dagster.yaml", folder)
    (folder / "definitions.py").write_text(DEFINITIONS)
    monkeypatch.chdir(folder)
    return folder


def test_a_partition_registered_by_one_command_is_there_for_the_next_without_dagster_home(project: Path) -> None:
    with _instance(project) as instance:
        instance.add_dynamic_partitions("skype_exports", ["export-1"])
    command = ["asset", "materialize", "-f", "definitions.py", "--select", "*", "--partition", "export-1"]
    subprocess.run([sys.executable, "-m", "dagster", *command], check=True, capture_output=True)
    with _instance(project) as instance:
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.SUCCESS
        assert instance.get_materialized_partitions(dg.AssetKey("raw_export")) == {"export-1"}
        assert Path(instance.root_directory) == Path(".dagster")
    assert EmbeddedServer(project / ".postgres").status()
    assert list(project.glob(".tmp_dagster_home*")) == []


def test_a_worker_in_another_folder_reaches_the_same_storage(project: Path) -> None:
    with _instance(project) as instance:
        instance.add_dynamic_partitions("skype_exports", ["export-1", "export-2"])
        command = [sys.executable, "-c", WORKER, serialize_value(instance.get_ref())]
        worker = subprocess.run(command, cwd="/", check=True, capture_output=True, text=True)
    assert worker.stdout.split() == ["export-1", "export-2"]
    assert os.environ["SKYPE_POSTGRES_DIR"] == str(project / ".postgres")


def test_another_server_is_used_when_it_is_configured_and_the_embedded_one_is_not_started(
    project: Path, tcp_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", tcp_postgres_url)
    with _instance(project) as instance:
        instance.optimize_for_webserver(statement_timeout=5000, pool_recycle=3600, max_overflow=2)
        instance.add_dynamic_partitions("skype_exports", ["export-1"])
        # Storing an event notifies listeners, which fails with a driver that Dagster does not know.
        event = dg.AssetMaterialization("raw_export", partition="export-1")
        instance.report_runless_asset_event(event)
        assert instance.get_materialized_partitions(dg.AssetKey("raw_export")) == {"export-1"}
    with closing(psycopg2.connect(tcp_postgres_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT partition FROM dynamic_partitions")
        assert cursor.fetchall() == [("export-1",)]
    assert EmbeddedServer(project / ".postgres").status() is None


def test_connections_are_kept_and_one_that_the_server_ended_is_not_noticed(
    project: Path, tcp_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skype_assets.instance.storage.IDLE_SECONDS", 0.0)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", tcp_postgres_url)
    with (
        _instance(project) as instance,
        closing(psycopg2.connect(tcp_postgres_url)) as connection,
        connection.cursor() as cursor,
    ):
        connection.autocommit = True
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        for _ in range(5):
            instance.add_dynamic_partitions("skype_exports", ["export-1"])
            instance.get_runs()
        cursor.execute(f"SELECT pid {others} ORDER BY pid")
        kept = cursor.fetchall()
        assert 1 <= len(kept) <= 3
        cursor.execute(f"SELECT pg_terminate_backend(pid) {others}")
        assert instance.get_dynamic_partitions("skype_exports") == ["export-1"]
        assert list(instance.get_runs()) == []


def test_instances_of_a_process_share_their_connections_and_leave_them_to_it_when_it_forks(
    project: Path, tcp_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", tcp_postgres_url)
    sessions = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with closing(psycopg2.connect(tcp_postgres_url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for _ in range(5):  # one for every tick of a sensor
            with _instance(project) as instance:
                instance.get_runs()
                instance.get_dynamic_partitions("skype_exports")
        cursor.execute(sessions)
        kept = cursor.fetchall()
        assert 1 <= len(kept) <= 3
        with _instance(project) as instance:
            child = os.fork()
            if not child:
                os._exit(len(instance.get_dynamic_partitions("skype_exports")))
            assert os.waitpid(child, 0) == (child, 0)
            assert instance.get_dynamic_partitions("skype_exports") == []
        cursor.execute(sessions)
        assert cursor.fetchall() == kept


def test_the_url_may_also_stand_in_the_configuration_in_any_spelling(project: Path, postgres_url: str) -> None:
    for spelling in ("postgres", "postgresql", "postgresql+psycopg2"):
        url = postgres_url.replace("postgresql", spelling, 1)
        storage = PostgresStorage.from_config_value(None, {"postgres_url": url, "should_autocreate_tables": False})
        assert storage.postgres_url.startswith("postgresql+psycopg2://")


def test_the_instance_runs_one_export_at_a_time_repeats_only_crashes_and_sends_no_telemetry(
    project: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", postgres_url)
    with _instance(project) as instance:
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        (limit,) = queue.tag_concurrency_limits
        assert limit == {"key": "dagster/partition", "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
        assert instance.run_retries_enabled
        assert instance.run_retries_retry_on_asset_or_op_failure is False
        assert instance.run_monitoring_enabled
        assert instance.telemetry_enabled is False
        assert instance.nux_enabled is False


def test_the_database_of_the_tables_comes_from_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    url = from_config({"host": "db.example", "user": "ann", "password": "p@ss", "dbname": "chats"})
    monkeypatch.setenv("SKYPE_DATABASE_URL", url)
    assert Database().url() == url
    assert list(Database.model_fields) == []


@contextmanager
def _instance(project: Path) -> Generator[dg.DagsterInstance, None, None]:
    """As Dagster's commands do without DAGSTER_HOME: the working directory's configuration, a temporary home."""
    with (
        tempfile.TemporaryDirectory() as home,
        dg.DagsterInstance.from_ref(InstanceRef.from_dir(home, config_dir=str(project))) as instance,
    ):
        yield instance
