import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import dagster as dg
import msgspec
import pytest

from skype_assets.etl import engine
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.errors import CheckpointDamaged
from skype_assets.etl.task import Settings, Task
from skype_assets.io_managers.parquet import ParquetCheckpointIOManager
from skype_assets.partitions import EXPORTS
from skype_assets.resources.checkpoints import Checkpoints

IO_MANAGER = ParquetCheckpointIOManager(checkpoints=Checkpoints())


@pytest.fixture
def raw_export(workspace: Path, sample_tar: Path) -> PhaseTables:
    """The complete extract of task `ann-1`."""
    return _extract("ann-1", sample_tar)


def test_the_complete_checkpoint_is_accepted_and_its_place_is_told(
    raw_export: PhaseTables, instance: dg.DagsterInstance
) -> None:
    context = _output("ann-1", instance)
    IO_MANAGER.handle_output(context, raw_export)
    assert context.get_logged_metadata() == {"checkpoint": dg.MetadataValue.path(raw_export.folder)}


def test_a_checkpoint_that_is_not_complete_is_not_handed_on(
    raw_export: PhaseTables, sample_tar: Path, instance: dg.DagsterInstance
) -> None:
    for state in raw_export.folder.glob("state*.json"):
        state.unlink()
    _refused("has no complete checkpoint; materialize it first", lambda: _store("ann-1", raw_export, instance))
    _refused("has no complete checkpoint; materialize it first", lambda: _load("ann-1", instance))

    class Stopped(Exception):
        pass

    def stop(progress: object) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        engine.run_phase(Task("ann-1", Path("output"), sample_tar, settings=Settings(max_workers=1)), "extract", stop)
    assert (raw_export.folder / "state.json").exists()
    _refused("has no complete checkpoint; materialize it first", lambda: _load("ann-1", instance))


def test_a_value_that_another_attempt_has_replaced_meanwhile_is_not_handed_on(
    raw_export: PhaseTables, instance: dg.DagsterInstance
) -> None:
    stale = replace(raw_export, state=msgspec.structs.replace(raw_export.state, inputs={"code_version": "0"}))
    _refused(
        "the asset gave checkpoint .* holds .* materialize raw_export again", lambda: _store("ann-1", stale, instance)
    )


def test_the_checkpoint_of_another_task_is_not_handed_on(
    raw_export: PhaseTables, sample_tar: Path, instance: dg.DagsterInstance
) -> None:
    _extract("ann-2", sample_tar)
    _refused("the asset gave checkpoint", lambda: _store("ann-2", raw_export, instance))
    Path("output/ann-1").rename("output/ann-3")
    _refused("is of task ann-1", lambda: _load("ann-3", instance))


def test_an_input_is_what_was_materialized_last_or_the_step_fails(
    raw_export: PhaseTables, instance: dg.DagsterInstance
) -> None:
    assert _load("ann-1", instance).state == raw_export.state  # nothing was materialized: nothing contradicts
    _materialized("ann-1", raw_export.state.fingerprint, instance)
    assert _load("ann-1", instance).state == raw_export.state
    _materialized("ann-2", "another task's fingerprint", instance)
    assert _load("ann-1", instance).state == raw_export.state
    _materialized("ann-1", "0123456789abcdef", instance)
    _refused(
        "the one materialized last was 0123456789ab; materialize raw_export again", lambda: _load("ann-1", instance)
    )


def test_an_input_is_opened_without_reading_it_and_verified_when_it_is_read(
    raw_export: PhaseTables, instance: dg.DagsterInstance
) -> None:
    part = next(raw_export.folder.glob("messages-*.parquet"))
    good = part.read_bytes()
    part.write_bytes(b"\0" * len(good))
    tables = _load("ann-1", instance)
    assert tables.rows()["messages"] == 300
    with pytest.raises(CheckpointDamaged, match="is damaged"):
        tables["messages"].to_table()
    part.write_bytes(good)
    assert tables["messages"].to_table().num_rows == 300


def test_an_input_with_a_part_missing_fails_the_step_for_good(
    raw_export: PhaseTables, instance: dg.DagsterInstance
) -> None:
    next(raw_export.folder.glob("messages-*.parquet")).unlink()
    _refused("messages-.* is missing", lambda: _load("ann-1", instance))


@pytest.mark.parametrize("key", ["../ann-1", "/etc", "a" * 300, "..%2fann-1", "a\0b", ""])
def test_a_partition_key_that_is_no_task_id_is_refused_on_the_way_in_and_out(
    raw_export: PhaseTables, key: str, instance: dg.DagsterInstance
) -> None:
    _refused("task id .* is not allowed", lambda: _load(key, instance))
    _refused("task id .* is not allowed", lambda: _store(key, raw_export, instance))


def _extract(task_id: str, source: Path) -> PhaseTables:
    task = Task(task_id, Path("output").absolute(), source, settings=Settings(max_workers=1))
    return engine.run_phase(task, "extract").tables


def _output(key: str, instance: dg.DagsterInstance) -> dg.OutputContext:
    instance.add_dynamic_partitions(str(EXPORTS.name), [key])
    return dg.build_output_context(
        asset_key="raw_export", partition_key=key, asset_partitions_def=EXPORTS, instance=instance
    )


def _store(key: str, tables: PhaseTables, instance: dg.DagsterInstance) -> None:
    IO_MANAGER.handle_output(_output(key, instance), tables)


def _load(key: str, instance: dg.DagsterInstance) -> PhaseTables:
    instance.add_dynamic_partitions(str(EXPORTS.name), [key])
    context = dg.build_input_context(
        asset_key="raw_export",
        partition_key=key,
        asset_partitions_def=EXPORTS,
        asset_partition_key_range=dg.PartitionKeyRange(key, key),
        instance=instance,
    )
    return IO_MANAGER.load_input(context)


def _materialized(task_id: str, version: str, instance: dg.DagsterInstance) -> None:
    tags = {"dagster/data_version": version}
    instance.report_runless_asset_event(dg.AssetMaterialization("raw_export", partition=task_id, tags=tags))


def _refused(message: str, action: Callable[[], object]) -> None:
    with pytest.raises(dg.Failure) as refusal:
        action()
    assert re.search(message, str(refusal.value.description))
    assert refusal.value.allow_retries is False
