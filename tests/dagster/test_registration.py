import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import psycopg2
import pytest

from skype_assets.definitions import defs
from skype_assets.etl import engine
from skype_assets.etl.errors import InvalidExport, UsageError
from skype_assets.etl.export.source import fingerprint
from skype_assets.etl.task import Settings, Task, task_id_for
from skype_assets.etl.tasks.unloading import unload
from skype_assets.instance.configured import configured_instance
from skype_assets.registration import is_unloaded, main, outdated_storage, register, report, report_task, report_unload
from skype_assets.resources.exports import Exports

ASSETS = ("raw_export", "transformed_tables", "loaded_database")


def test_an_export_is_linked_under_its_task_id_and_registered_once(
    workspace: Path, sample_tar: Path, instance: dg.DagsterInstance
) -> None:
    task_id = register(sample_tar, instance=instance)
    assert task_id == task_id_for(fingerprint(sample_tar))
    assert register(sample_tar, instance=instance) == task_id
    assert instance.get_dynamic_partitions("skype_exports") == [task_id]
    (link,) = (workspace / "exports").iterdir()
    assert (link.name, link.readlink()) == (f"{task_id}.tar", sample_tar)
    assert Exports().find(task_id) == sample_tar
    assert (workspace / "exports").stat().st_mode & 0o777 == 0o700


def test_a_relative_path_is_linked_by_its_absolute_one(
    workspace: Path, sample_tar: Path, instance: dg.DagsterInstance
) -> None:
    relative = Path(os.path.relpath(sample_tar, workspace))
    link = workspace / "exports" / f"{register(relative, instance=instance)}.tar"
    assert link.readlink().is_absolute()
    assert link.samefile(sample_tar)


@pytest.mark.parametrize(
    ("name", "link"),
    [
        ("a.tar.gz", "ann-1.tar.gz"), ("A.TGZ", "ann-1.tgz"), ("a.zip", "ann-1.zip"), ("messages.json", "ann-1.json"),
        ("a.tar.xz", "ann-1.tar.xz"), ("a.tar (1)", "ann-1.tar"), ("unpacked/", "ann-1"),
    ],
)  # fmt: skip
def test_the_link_is_called_so_that_the_assets_find_it(
    workspace: Path, tmp_path: Path, name: str, link: str, instance: dg.DagsterInstance
) -> None:
    path = tmp_path / name
    if name.endswith("/"):
        path.mkdir()
        (path / "messages.json").touch()
    else:
        path.write_bytes(b"{}")
    register(path, "ann-1", instance)
    assert [entry.name for entry in (workspace / "exports").iterdir()] == [link]
    assert Exports().find("ann-1") == path


def test_an_export_that_lies_in_the_exports_folder_under_its_name_needs_no_link(
    workspace: Path, sample_tar: Path, instance: dg.DagsterInstance
) -> None:
    inside = workspace / "exports" / "ann-1.tar"
    inside.parent.mkdir()
    inside.write_bytes(sample_tar.read_bytes())
    assert register(inside, "ann-1", instance) == "ann-1"
    assert not inside.is_symlink()
    assert Exports().find("ann-1") == inside


def test_a_task_that_has_another_export_is_refused_and_keeps_it(
    workspace: Path, sample_tar: Path, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    register(sample_tar, "ann-1", instance)
    other = tmp_path / "other.zip"
    other.write_bytes(b"{}")
    with pytest.raises(UsageError, match=f"task ann-1 has another export already: {sample_tar}"):
        register(other, "ann-1", instance)
    assert Exports().find("ann-1") == sample_tar


def test_a_link_to_an_export_that_was_moved_is_renewed(
    workspace: Path, sample_tar: Path, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    old = tmp_path / "old.tar"
    old.write_bytes(sample_tar.read_bytes())
    register(old, "ann-1", instance)
    moved = old.rename(tmp_path / "moved.tar")
    assert Exports().find("ann-1") is None
    register(moved, "ann-1", instance)
    assert Exports().find("ann-1") == moved


def test_what_is_no_export_gets_neither_a_link_nor_a_partition(
    workspace: Path, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    (tmp_path / "thesis.pdf").write_bytes(b"%PDF-1.7\n")
    (tmp_path / "folder").mkdir()
    for name, what in (("thesis.pdf", "a PDF document"), ("folder", "is no export")):
        for task_id in (None, "ann-1"):
            with pytest.raises(InvalidExport, match=what):
                register(tmp_path / name, task_id, instance)
    assert not (workspace / "exports").exists()
    assert instance.get_dynamic_partitions("skype_exports") == []


def test_two_exports_of_one_name_are_refused(workspace: Path) -> None:
    (workspace / "exports").mkdir()
    for name in ("ann-1.tar", "ann-1.zip"):
        (workspace / "exports" / name).touch()
    with pytest.raises(UsageError, match=r"more than one export in .*: ann-1\.tar, ann-1\.zip; leave one of them"):
        Exports().find("ann-1")


@pytest.mark.parametrize("task_id", ["../x", "/tmp/x", "a" * 101, "", "a\0b"])
def test_a_task_id_that_is_none_is_refused_before_anything_is_made(
    workspace: Path, sample_tar: Path, task_id: str, instance: dg.DagsterInstance
) -> None:
    for refused in (lambda: register(sample_tar, task_id, instance), lambda: Exports().find(task_id)):
        with pytest.raises(UsageError, match="is not allowed"):
            refused()
    assert not (workspace / "exports").exists()
    assert instance.get_dynamic_partitions("skype_exports") == []


def test_a_file_that_is_not_there_is_refused(workspace: Path, instance: dg.DagsterInstance) -> None:
    for task_id in (None, "ann-1"):
        with pytest.raises(InvalidExport, match="cannot be read"):
            register(Path("nowhere.tar"), task_id, instance)
    assert instance.get_dynamic_partitions("skype_exports") == []


def test_where_dagster_is_not_configured_nothing_is_registered_and_nothing_reported(
    workspace: Path, sample_tar: Path
) -> None:
    (workspace / "dagster.yaml").unlink()
    with pytest.raises(UsageError, match=r"set DAGSTER_HOME, go to the folder that has dagster\.yaml, or make one"):
        register(sample_tar)
    assert not (workspace / "exports").exists()
    task = Task("ann-1", workspace / "output", sample_tar, settings=Settings(max_workers=1))
    engine.run_phase(task, "extract")
    assert report_task(task) == []


def test_what_the_library_finished_is_reported_once_per_checkpoint(
    workspace: Path, sample_tar: Path, instance: dg.DagsterInstance
) -> None:
    task = Task("ann-1", workspace / "output", sample_tar, settings=Settings(max_workers=1))
    results = engine.run(task)
    assert [report(task, result, instance) for result in results] == [True, True, True]
    assert [report(task, result, instance) for result in results] == [False, False, False]
    assert instance.get_dynamic_partitions("skype_exports") == ["ann-1"]
    for asset, result in zip(ASSETS, results, strict=True):
        (record,) = instance.fetch_materializations(dg.AssetKey(asset), limit=10).records
        event = record.asset_materialization
        assert event is not None
        assert event.partition == "ann-1"
        assert (event.tags or {})["dagster/data_version"] == result.state.fingerprint
        assert event.metadata["fingerprint"].value == result.state.fingerprint
        assert event.metadata["checkpoint"].value == str(result.tables.folder)


def test_the_checks_of_what_the_library_finished_are_those_of_a_run(
    workspace: Path, sample_tar: Path, instance: dg.DagsterInstance
) -> None:
    task = Task("ann-1", workspace / "output", sample_tar, settings=Settings(max_workers=1))
    for result in engine.run(task):
        report(task, result, instance)
    job = defs.resolve_job_def("load_export")
    register(sample_tar, "ann-2", instance)
    run = job.execute_in_process(instance=instance, partition_key="ann-2")
    expected = {found.asset_check_key: found for found in run.get_asset_check_evaluations()}
    assert len(expected) == 10
    for key, of_run in expected.items():
        reported = instance.event_log_storage.get_asset_check_execution_history(key, limit=2)[-1].event
        assert reported is not None
        assert reported.dagster_event is not None
        evaluation = reported.dagster_event.asset_check_evaluation_data
        assert evaluation.target_materialization_data is not None
        assert (evaluation.passed, evaluation.severity, evaluation.blocking, evaluation.description) == (
            of_run.passed, of_run.severity, of_run.blocking, of_run.description,
        )  # fmt: skip
        assert {name: value.value for name, value in evaluation.metadata.items()} == {
            name: "ann-1" if name == "export" else value.value for name, value in of_run.metadata.items()
        }
        (made,) = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=key.asset_key, asset_partitions=["ann-1"]), limit=10
        ).records
        assert evaluation.target_materialization_data.storage_id == made.storage_id


def test_a_report_from_a_process_of_its_own_is_there_for_every_later_one(workspace: Path, sample_tar: Path) -> None:
    task = Task("ann-1", workspace / "output", sample_tar, settings=Settings(max_workers=1))
    engine.run(task)
    arguments = ["report", "--task-id", "ann-1", "--output-dir", "output", "--source", str(sample_tar)]
    command = [sys.executable, "-m", "skype_assets.registration", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, list(ASSETS)), done.stderr
    assert report_task(task) == []
    with configured_instance() as lasting:
        assert lasting is not None
        for asset in ASSETS:
            assert lasting.get_materialized_partitions(dg.AssetKey(asset)) == {"ann-1"}


def test_an_unload_is_observed_once_and_what_is_loaded_again_is_materialized_again(
    workspace: Path, sample_tar: Path
) -> None:
    task = Task("ann-1", workspace / "output", sample_tar, settings=Settings(max_workers=1))
    assert report_unload("ann-1") == []  # nothing says that it was loaded
    engine.run(task)
    assert report_task(task) == list(ASSETS)
    unload(task)
    assert main(["unloaded", "--task-id", "ann-1", "--output-dir", "output", "--source", str(sample_tar)]) == 0
    assert report_unload("ann-1") == []
    with configured_instance() as lasting:
        assert lasting is not None
        assert is_unloaded(lasting, "ann-1")
        (record,) = lasting.fetch_observations(dg.AssetKey("loaded_database"), limit=10).records
        assert record.asset_observation is not None
        assert record.asset_observation.partition == "ann-1"
        assert report_task(task) == []
        engine.run(task)
        assert report_task(task) == ["loaded_database"]
        assert not is_unloaded(lasting, "ann-1")


def test_the_module_says_what_is_wrong_in_one_line_with_the_errors_exit_code(
    workspace: Path, sample_tar: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["add", str(sample_tar), "--task-id", "../x"]) == UsageError.exit_code
    assert main(["add", "nowhere.tar"]) == InvalidExport.exit_code
    written = capsys.readouterr()
    assert written.out == ""
    assert [line.partition(" ")[0] for line in written.err.splitlines()] == ["error:", "error:"]


def test_a_storage_that_an_earlier_dagster_made_is_said_with_the_command(
    workspace: Path, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["storage"]) == 0
    assert capsys.readouterr().err == ""
    with psycopg2.connect(postgres_url) as connection, connection.cursor() as cursor:
        # The revision before the newest one of Dagster 1.13.
        cursor.execute("UPDATE alembic_version SET version_num = '7e2f3204cf8e'")
    connection.close()
    assert main(["storage"]) == 0
    assert "dagster instance migrate" in capsys.readouterr().err


def test_a_storage_without_versions_has_nothing_to_migrate(instance: dg.DagsterInstance) -> None:
    assert outdated_storage(instance) is None
