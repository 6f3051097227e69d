import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from skype_assets.definitions import build_defs, defs
from skype_assets.etl.errors import UsageError
from skype_assets.etl.phases.kinds import PHASE_CLASSES
from skype_assets.partitions import EXPORTS
from skype_assets.resources.checkpoints import Checkpoints
from skype_assets.resources.exports import Exports

ROOT = Path(__file__).parents[2]
RESOURCES = {"skype_exports", "skype_checkpoints", "skype_database", "skype_io_manager"}

# Imports every module of the plain library where Dagster and pandas do not exist.
WITHOUT_DAGSTER = """
import importlib, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"dagster", "dagster_postgres", "pandas"}:
            raise ModuleNotFoundError(f"{name} does not exist here", name=name)

sys.meta_path.insert(0, Absent())
import skype_assets
import skype_assets.etl
for module in pkgutil.walk_packages(skype_assets.etl.__path__, "skype_assets.etl."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
        print(module.name)
"""


def test_the_code_location_of_workspace_yaml_is_valid_and_uses_nothing_deprecated(workspace: Path) -> None:
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "All code locations passed validation" in done.stdout
    assert re.findall(r".*(?:Deprecation|Beta|Preview)Warning.*", done.stdout) == []


def test_the_three_assets_are_chained_and_each_is_of_its_phase() -> None:
    specs = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
    assert {name: [dep.asset_key.to_user_string() for dep in spec.deps] for name, spec in specs.items()} == {
        "raw_export": [],
        "transformed_tables": ["raw_export"],
        "loaded_database": ["transformed_tables"],
    }
    for kind in PHASE_CLASSES.values():
        spec = specs[kind.facts.asset]
        assert spec.code_version is kind.version
        assert spec.group_name == "skype"
        assert spec.kinds == {"postgres" if kind.facts.asset == "loaded_database" else "parquet"}
        assert isinstance(spec.metadata["dagster/column_schema"], dg.TableSchemaMetadataValue | dg.TableSchema)


def test_everything_is_partitioned_by_export() -> None:
    graph = defs.resolve_asset_graph()
    keys = graph.get_all_asset_keys()
    assert len(keys) == 3
    assert {key: graph.get(key).partitions_def for key in keys} == dict.fromkeys(keys, EXPORTS)


def test_checks_run_in_the_steps_of_their_assets_so_that_none_loads_all_partitions() -> None:
    job = defs.resolve_job_def("load_export")
    assert len(defs.resolve_asset_graph().asset_check_keys) == 10
    assert len(job.nodes) == 3


def test_the_job_loads_an_export_through_all_three_assets() -> None:
    job = defs.resolve_job_def("load_export")
    assert job.partitions_def == EXPORTS
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == {
        "raw_export", "transformed_tables", "loaded_database",
    }  # fmt: skip
    assert job.executor_def is dg.in_process_executor


@pytest.mark.parametrize(
    "run_config",
    [
        *(
            {"resources": {name: {"config": {field: "/etc"}}}}
            for name in sorted(RESOURCES)
            for field in ("path", "url")
        ),
        {"resources": {"skype_io_manager": {"config": {"checkpoints": {"folder": "/etc"}}}}},
        {"ops": {"raw_export": {"config": {"path": "/etc/passwd"}}}},
        {"ops": {"transformed_tables": {"inputs": {"raw_export": {"value": "/etc/passwd"}}}}},
    ],
    ids=str,
)
def test_run_configuration_has_no_place_for_a_path_or_a_url(run_config: Mapping[str, Any]) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError):
        dg.validate_run_config(defs.resolve_job_def("load_export"), run_config)


def test_resources_can_be_replaced_by_name() -> None:
    exports, checkpoints = Exports(), Checkpoints()
    replaced = build_defs(resource_overrides={"skype_exports": exports, "skype_checkpoints": checkpoints})
    resources: dict[str, Any] = dict(replaced.resources or {})
    assert set(resources) == RESOURCES
    assert resources["skype_exports"] is exports
    assert resources["skype_checkpoints"] is checkpoints
    assert resources["skype_io_manager"].checkpoints is checkpoints
    with pytest.raises(UsageError, match="there is no resource exports to override; there are skype_exports, "):
        build_defs(resource_overrides={"exports": exports})


def test_folders_come_from_the_environment_when_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports, checkpoints = Exports(), Checkpoints()
    monkeypatch.chdir(tmp_path)
    for name in ("SKYPE_EXPORTS_DIR", "SKYPE_OUTPUT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SKYPE_HOME", str(tmp_path))
    assert (exports.folder(), checkpoints.folder()) == (tmp_path / "exports", tmp_path / "output")
    monkeypatch.setenv("SKYPE_EXPORTS_DIR", "in")
    monkeypatch.setenv("SKYPE_OUTPUT_DIR", "/srv/out")
    assert (exports.folder(), checkpoints.folder()) == (tmp_path / "in", Path("/srv/out"))


def test_a_wrong_number_of_workers_is_refused_by_name(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYPE_MAX_WORKERS", "many")
    with pytest.raises(UsageError, match="SKYPE_MAX_WORKERS is 'many'"):
        Checkpoints().task("ann-1")


def test_the_plain_library_needs_neither_dagster_nor_pandas() -> None:
    command = [sys.executable, "-c", WITHOUT_DAGSTER]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert {"skype_assets.etl.engine", "skype_assets.etl.database.loading"} <= set(done.stdout.split())
