"""Assets over a store: what one machine has materialized another goes on with. A machine is a place of its own."""

from pathlib import Path

import dagster as dg
import pytest

from skype_assets.definitions import build_defs
from skype_assets.etl import engine
from skype_assets.etl.task import Settings, Task
from skype_assets.registration import register
from tests.engine.database_content import digests

ASSETS = ("raw_export", "transformed_tables", "loaded_database")


def _materialize(task_id: str, instance: dg.DagsterInstance, asset: str) -> dg.ExecuteInProcessResult:
    job = build_defs().resolve_job_def("load_export")
    tags = {"dagster/partition": task_id}
    return job.execute_in_process(instance=instance, tags=tags, asset_selection=[dg.AssetKey(asset)])


def test_each_asset_may_be_materialized_on_another_machine_and_only_the_first_needs_the_export(
    workspace: Path,
    sample_tar: Path,
    store_url: str,
    postgres_url: str,
    tcp_postgres_url: str,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SKYPE_OUTPUT_URL", store_url)
    monkeypatch.setenv("SKYPE_KEEP_MEDIA", "off")
    monkeypatch.setenv("SKYPE_HOME", str(workspace / "machine of raw_export"))
    task_id = register(sample_tar, instance=instance)
    for asset in ASSETS:
        monkeypatch.setenv("SKYPE_HOME", str(workspace / f"machine of {asset}"))
        (event,) = _materialize(task_id, instance, asset).asset_materializations_for_node(asset)
        assert event.metadata["checkpoint"] == dg.MetadataValue.url(f"{store_url}/{task_id}/{asset}")
    alone = Task(task_id, workspace / "alone", sample_tar, tcp_postgres_url, Settings(max_workers=1, keep_media=False))
    engine.run(alone)
    assert digests(postgres_url) == digests(tcp_postgres_url)
