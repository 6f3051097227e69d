"""Exports in a bucket: the sensor finds them, and a run gets its own to whatever machine it is on."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from skype_assets.definitions import defs
from skype_assets.etl.checkpoints import store as stores
from skype_assets.etl.checkpoints.store import Store
from skype_assets.partitions import OBJECT_TAG
from tests.engine.database_content import query

SENSOR = defs.resolve_sensor_def("inbox")
JOB = defs.resolve_job_def("load_export")
LOADED = "SELECT task_id, status FROM skype.exports"


@pytest.fixture
def bucket(workspace: Path, sample_tar: Path, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A bucket with an export in a folder of it."""
    monkeypatch.setenv("SKYPE_EXPORTS_URL", store_url)
    monkeypatch.setenv("SKYPE_HOME", str(workspace))
    store = stores.opened(store_url)
    store.put_file("2019/ann.tar", sample_tar)
    return store


def tick(instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    """What the sensor asks for; its partitions are added, as the daemon does."""
    context = dg.build_sensor_context(
        instance, definitions=defs, sensor_name="inbox",
        resources={"skype_exports": (defs.resources or {})["skype_exports"]},
    )  # fmt: skip
    result: Any = SENSOR(context)
    for request in result.dynamic_partitions_requests or []:
        instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
    return list(result.run_requests or [])


def run(instance: dg.DagsterInstance, task_id: str, asset: str | None = None, **tags: str) -> dg.ExecuteInProcessResult:
    selection = [dg.AssetKey(asset)] if asset is not None else None
    return JOB.execute_in_process(
        instance=instance, tags={"dagster/partition": task_id, **tags}, asset_selection=selection, raise_on_error=False
    )


def test_an_export_in_a_bucket_is_loaded_once_and_leaves_nothing_on_the_machine(
    bucket: Store, workspace: Path, postgres_url: str, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    (request,) = tick(instance)
    assert request.tags[OBJECT_TAG] == "2019/ann.tar"
    task_id = str(request.partition_key)
    monkeypatch.setenv("SKYPE_HOME", str(workspace / "another machine"))
    assert run(instance, task_id, **{OBJECT_TAG: request.tags[OBJECT_TAG]}).success
    assert query(postgres_url, LOADED) == [(task_id, "complete")]
    assert not list((workspace / "another machine" / "spool").iterdir())
    assert tick(instance) == []


def test_what_is_extracted_is_not_got_again_and_what_is_gone_or_another_now_is_named(
    bucket: Store, sample_tar: Path, workspace: Path, store_url: str, instance: dg.DagsterInstance
) -> None:
    (request,) = tick(instance)
    task_id = str(request.partition_key)
    assert run(instance, task_id, "raw_export").success
    bucket.remove("2019/ann.tar")
    assert run(instance, task_id, "raw_export").success
    bucket.put("2019/bo.tar", sample_tar.read_bytes() + b"\0" * 512)
    (other,) = tick(instance)
    bucket.put("2019/bo.tar", sample_tar.read_bytes())
    failed = run(instance, str(other.partition_key), "raw_export")
    (event,) = failed.get_step_failure_events()
    error = event.step_failure_data.error
    assert error is not None
    assert f"no export {other.partition_key} in {workspace}/exports and {store_url}" in error.to_string()
