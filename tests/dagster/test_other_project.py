"""The definitions within another project's, in which everything is called as it is here."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from skype_assets.definitions import build_defs
from skype_assets.etl.database.session import Session
from skype_assets.etl.phases.kinds import PHASE_CLASSES
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Task
from skype_assets.partitions import EXPORTS, asset_key
from skype_assets.registration import register, report_task
from skype_assets.resources.exports import Exports
from tests.dagster.conftest import ROOT

# Their assets, group, check, job, sensor and resources are called as this project's are, or might have been; they have
# an executor.
THEIRS = """
from pathlib import Path

import dagster as dg

from skype_assets.resources.exports import Exports
from skype_assets.definitions import build_defs


class TextFiles(dg.ConfigurableIOManager):
    def handle_output(self, context, obj):
        Path(f"theirs-{context.asset_key.path[-1]}.txt").write_text(obj)

    def load_input(self, context):
        return Path(f"theirs-{context.asset_key.path[-1]}.txt").read_text()


@dg.asset(io_manager_key="parquet_io_manager", group_name="skype")
def raw_export(exports: dg.ResourceParam[str], checkpoints: dg.ResourceParam[str]) -> str:
    return f"{exports} {checkpoints}"


@dg.asset(io_manager_key="parquet_io_manager", group_name="skype")
def transformed_tables(raw_export: str) -> str:
    return raw_export.upper()


@dg.asset(io_manager_key="parquet_io_manager", group_name="skype")
def loaded_database(transformed_tables: str, database: dg.ResourceParam[str]) -> str:
    return f"{transformed_tables} {database}"


@dg.asset_check(asset=raw_export, name="checkpoint_intact")
def check():
    return dg.AssetCheckResult(passed=True)


load_export = dg.define_asset_job("load_export", dg.AssetSelection.groups("skype"))


@dg.sensor(job=load_export)
def inbox():
    return dg.SkipReason("theirs")


defs = dg.Definitions.merge(
  dg.Definitions(
    assets=[raw_export, transformed_tables, loaded_database],
    asset_checks=[check],
    jobs=[load_export],
    sensors=[inbox],
    resources={
        "exports": "their exports", "checkpoints": "their checkpoints", "database": "their database",
        "parquet_io_manager": TextFiles(), "io_manager": TextFiles(),
    },
    executor=dg.multiprocess_executor,
  ),
  build_defs(key_prefix=["comms", "chats"], group_name="chats"),
)
"""


@pytest.fixture
def project(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another project, with a Dagster of its own: nothing of this project's configuration is there."""
    for name in ("dagster.yaml", "workspace.yaml"):
        (workspace / name).unlink()
    (workspace / "home").mkdir()
    (workspace / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(workspace / "home"))
    monkeypatch.setenv("SKYPE_HOME", str(workspace))  # as docs/code-location.md says
    (workspace / "their_project.py").write_text(THEIRS)
    return workspace


def succeeded() -> list[str | None]:
    """The steps of the latest run that ended well; not from what it printed, whose end Dagster may not pass on."""
    with dg.DagsterInstance.get() as instance:
        [run] = instance.get_runs(limit=1)
        return [entry.step_key for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)]


def test_both_are_materialized_through_dagster_and_neither_gets_the_others(
    project: Path, sample_tar: Path, postgres_url: str
) -> None:
    task_id = register(sample_tar)
    dagster("asset", "materialize", "-m", "their_project", "--select", "group:chats", "--partition", task_id)
    assert len(succeeded()) == len(PHASE_CLASSES)
    assert not list(project.glob("theirs-*"))
    dagster("asset", "materialize", "-m", "their_project", "--select", "group:skype")
    assert len(succeeded()) == len(PHASE_CLASSES) + 1  # and their check
    assert (project / "theirs-loaded_database.txt").read_text() == "THEIR EXPORTS THEIR CHECKPOINTS their database"

    with Session(postgres_url) as session:
        [(messages,)] = session.rows("SELECT count(*) FROM skype.messages")
    assert messages > 0
    with dg.DagsterInstance.get() as instance:
        for kind in PHASE_CLASSES.values():
            assert instance.get_materialized_partitions(asset_key(kind.facts.asset, ["comms", "chats"])) == {task_id}
            assert instance.get_materialized_partitions(asset_key(kind.facts.asset, [])) == set()


def test_what_the_library_finished_is_reported_to_the_assets_of_the_prefix(
    project: Path, sample_tar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYPE_KEY_PREFIX", "comms/chats")
    done = subprocess.run(
        [sys.executable, "-m", "skype_assets.etl.command_line", "run", sample_tar, "--task-id", "ann", "--no-report"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert report_task(Task("ann", project / "output")) == [kind.facts.asset for kind in PHASE_CLASSES.values()]
    with dg.DagsterInstance.get() as instance:
        assert instance.get_materialized_partitions(dg.AssetKey(["comms", "chats", "loaded_database"])) == {"ann"}
    assert {key.path[0] for key in build_defs().resolve_asset_graph().get_all_asset_keys()} == {"comms"}


def test_the_sensor_of_a_prefix_starts_the_job_of_the_prefix(
    project: Path, sample_tar: Path, instance: dg.DagsterInstance
) -> None:
    merged = build_defs(key_prefix="chats")
    (project / "exports").mkdir()
    shutil.copy(sample_tar, project / "exports" / "ann.tar")
    sensor = merged.resolve_sensor_def("chats_inbox")

    def tick(cursor: str | None) -> Any:
        resources = {"skype_exports": Exports()}
        context = dg.build_sensor_context(
            instance, cursor, definitions=merged, sensor_name=sensor.name, resources=resources
        )
        return sensor(context)

    [request] = tick(tick(None).cursor).run_requests
    assert sensor.job_name == "chats_load_export"
    instance.add_dynamic_partitions("skype_exports", [request.partition_key])
    job = merged.resolve_job_def("chats_load_export")
    assert job.execute_in_process(instance=instance, partition_key=request.partition_key).success
    assert instance.get_materialized_partitions(dg.AssetKey(["chats", "loaded_database"])) == {request.partition_key}


def test_the_documented_definitions_load_and_their_schedule_asks_for_what_is_not_loaded(
    project: Path, sample_tar: Path
) -> None:
    page = (ROOT / "docs" / "code-location.md").read_text()
    (project / "documented.py").write_text(page.split("```python\n")[1].split("```")[0])
    assert "All code locations passed validation" in dagster("definitions", "validate", "-m", "documented")
    registered = {register(sample_tar), register(write_sample(project / "bob.tar", messages=40, seed=8).path)}
    task_id = sorted(registered)[0]
    assert requested() == registered
    dagster("asset", "materialize", "-m", "documented", "--select", "*", "--partition", task_id)
    assert len(succeeded()) == len(PHASE_CLASSES) + 1
    assert requested() == registered - {task_id}


@pytest.mark.filterwarnings("ignore:Parameter `include_sources`")  # Dagster's own use of it
def test_an_asset_of_theirs_follows_each_load(instance: dg.DagsterInstance) -> None:
    @dg.asset(
        partitions_def=EXPORTS,
        deps=[["chats", "loaded_database"]],
        automation_condition=dg.AutomationCondition.eager(),
    )
    def theirs() -> None: ...

    defs = dg.Definitions.merge(dg.Definitions(assets=[theirs]), build_defs(key_prefix="chats"))
    instance.add_dynamic_partitions(str(EXPORTS.name), ["ann", "bob"])
    found = dg.evaluate_automation_conditions(defs, instance)
    assert found.total_requested == 0
    for task_id in ("ann", "bob"):
        instance.report_runless_asset_event(
            dg.AssetMaterialization(dg.AssetKey(["chats", "loaded_database"]), partition=task_id)
        )
        found = dg.evaluate_automation_conditions(defs, instance, cursor=found.cursor)
        assert found.get_requested_partitions(dg.AssetKey("theirs")) == {task_id}


def requested() -> set[str]:
    """What the documented schedule asks for, evaluated as Dagster does."""
    program = """
import datetime, dagster as dg, documented
night = datetime.datetime(2025, 6, 1, 2, tzinfo=datetime.UTC)
with dg.DagsterInstance.get() as instance:
    repository = documented.defs.get_repository_def()
    context = dg.build_schedule_context(instance, scheduled_execution_time=night, repository_def=repository)
    tick = repository.get_schedule_def("nightly").evaluate_tick(context)
    print(*(request.partition_key for request in tick.run_requests))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def dagster(*arguments: str) -> str:
    """A command of Dagster's that must end well; everything that it wrote."""
    command = [sys.executable, "-m", "dagster", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout
