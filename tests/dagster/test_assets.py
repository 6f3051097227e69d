import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg2
import pytest
from pydantic import PrivateAttr

from skype_assets.definitions import build_defs
from skype_assets.etl import engine
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.database.digests import digests
from skype_assets.etl.database.session import Session
from skype_assets.etl.engine.journal import Progress
from skype_assets.etl.schema.tables import TABLES
from skype_assets.etl.task import Settings, Task
from skype_assets.registration import register
from skype_assets.resources.database import Database
from tests.engine.runs import Interruption, at, interrupt

ASSETS = ("raw_export", "transformed_tables", "loaded_database")


def test_dagster_asset_materialize_gives_the_same_database_as_the_engine_and_a_second_time_changes_no_row(
    workspace: Path, sample_tar: Path, postgres_url: str, tcp_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SKYPE_MAX_WORKERS")
    task_id = register(sample_tar)
    first = _dagster_asset_materialize(task_id)
    assert "nothing to do" not in first

    engine.run(Task(task_id, workspace / "elsewhere", sample_tar, tcp_postgres_url, Settings(max_workers=1)))
    assert _database(postgres_url) == _database(tcp_postgres_url)
    assert dict((table, rows) for table, rows, _ in _database(postgres_url))["messages"] > 250

    before = _row_versions(postgres_url)
    second = _dagster_asset_materialize(task_id)
    assert _lines(second, "INFO", "(extract|transform|load): nothing to do") == 3
    assert _row_versions(postgres_url) == before


def test_a_materialization_says_what_was_made_and_whether_it_had_been_made_before(
    workspace: Path, sample_tar: Path, instance: dg.DagsterInstance
) -> None:
    task_id = register(sample_tar, instance=instance)
    first, second = (_materialize(task_id, instance) for _ in range(2))
    for asset in ASSETS:
        made, found = _metadata(first, asset), _metadata(second, asset)
        assert (made.pop("from_checkpoint"), found.pop("from_checkpoint")) == (False, True)
        assert made == found
        state = _state(workspace, task_id, asset)
        assert made["fingerprint"] == state.fingerprint
        assert made["source"] == "ann.tar"
        (event,) = first.asset_materializations_for_node(asset)
        assert event.tags is not None
        assert event.tags["dagster/data_version"] == state.fingerprint
        assert event.tags["dagster/code_version"] == state.inputs["code_version"]
    raw, transformed, loaded = (_metadata(first, asset) for asset in ASSETS)
    (account,) = (record.data for record in transformed["conservation"].records)
    assert account["seen"] == raw["dagster/partition_row_count"] == 300
    assert account["seen"] == account["loaded"] + account["duplicate"] + account["rejected"]
    assert account["loaded"] == transformed["dagster/partition_row_count"] == loaded["dagster/partition_row_count"]
    assert {record.data["table"] for record in loaded["database"].records} == set(TABLES) - {"load_parts"}
    assert transformed["first_message_at"] < transformed["last_message_at"]


def test_metadata_holds_neither_names_nor_text_of_the_archive_and_nothing_that_dagster_renders(
    workspace: Path, sample_tar: Path, instance: dg.DagsterInstance
) -> None:
    task_id = register(sample_tar, instance=instance)
    result = _materialize(task_id, instance)
    tables = engine.open_phase(Task(task_id, workspace / "output"), "transform")
    assert tables is not None
    shown = repr([event.metadata for asset in ASSETS for event in result.asset_materializations_for_node(asset)])
    people = {name for name in tables["participants"].to_table()["display_name"].to_pylist() if name}
    texts = {text for text in tables["messages"].to_table()["text"].to_pylist() if text and " " in text}
    assert len(people) > 3
    assert len(texts) > 100
    assert [secret for secret in people | texts if secret in shown] == []
    rendered = (dg.MarkdownMetadataValue, dg.UrlMetadataValue, dg.PathMetadataValue, dg.NotebookMetadataValue)
    for asset in ASSETS:
        (event,) = result.asset_materializations_for_node(asset)
        assert {key for key, value in event.metadata.items() if isinstance(value, rendered)} <= {
            "checkpoint",
            "picture",
        }


def test_after_a_failure_the_rest_is_materialized_from_the_checkpoints_of_what_was_done(
    workspace: Path, sample_tar: Path, postgres_url: str, tcp_postgres_url: str, instance: dg.DagsterInstance
) -> None:
    task_id = register(sample_tar, instance=instance)
    _materialize(task_id, instance, ["raw_export"])
    part = next((workspace / "output" / task_id / "raw_export").glob("messages-*.parquet"))
    good = part.read_bytes()
    part.write_bytes(good[:100] + bytes([good[100] ^ 1]) + good[101:])
    (workspace / "exports" / f"{task_id}.tar").unlink()

    failed = _materialize(task_id, instance, list(ASSETS[1:]))
    assert _failures(failed) == {"transformed_tables": f"{part} is damaged"}
    assert _events(failed, "STEP_UP_FOR_RETRY") == []

    part.write_bytes(good)
    resumed = _materialize(task_id, instance, ["transformed_tables", "loaded_database"])
    assert [event.step_key for event in resumed.get_step_success_events()] == list(ASSETS[1:])
    engine.run(Task(task_id, workspace / "elsewhere", sample_tar, tcp_postgres_url, Settings(max_workers=1)))
    assert _database(postgres_url) == _database(tcp_postgres_url)


def test_a_damaged_raw_part_is_made_again_from_the_export(
    workspace: Path, sample_tar: Path, instance: dg.DagsterInstance
) -> None:
    task_id = register(sample_tar, instance=instance)
    _materialize(task_id, instance, ["raw_export"])
    part = next((workspace / "output" / task_id / "raw_export").glob("messages-*.parquet"))
    part.write_bytes(bytes(part.stat().st_size))
    result = _materialize(task_id, instance)
    assert result.success
    assert _metadata(result, "raw_export")["from_checkpoint"] is False
    shown = {e.check_name: e.passed for e in result.get_asset_check_evaluations() if e.asset_key.path == ["raw_export"]}
    assert shown == {"checkpoint_intact": True}
    again = _materialize(task_id, instance, ["raw_export"])
    assert _metadata(again, "raw_export")["from_checkpoint"] is True


def test_an_attempt_begun_by_the_library_is_finished_by_dagster_part_by_part(
    workspace: Path, sample_tar: Path, instance: dg.DagsterInstance
) -> None:
    task_id = register(sample_tar, instance=instance)
    task = Task(task_id, workspace / "output", sample_tar, settings=Settings(chunk_size=50, max_workers=1))

    class Stopped(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.phase == "transform" and progress.parts == 3:
            raise Stopped

    with pytest.raises(Stopped):
        engine.run(task, stop)
    before = _state(workspace, task_id, "transformed_tables").parts
    result = _materialize(task_id, instance)
    assert [_metadata(result, asset)["from_checkpoint"] for asset in ASSETS] == [True, False, False]
    after = _state(workspace, task_id, "transformed_tables").parts
    assert len(before) == 3 < len(after)
    assert after[:3] == before


def test_what_dagster_finished_is_nothing_to_do_for_the_library(
    workspace: Path, sample_tar: Path, instance: dg.DagsterInstance
) -> None:
    task_id = register(sample_tar, instance=instance)
    _materialize(task_id, instance)
    assert [result.from_checkpoint for result in engine.run(Task(task_id, Path("output"), sample_tar))] == [True] * 3


def test_the_owners_name_that_was_given_at_the_other_door_holds(
    workspace: Path, sample_tar: Path, instance: dg.DagsterInstance
) -> None:
    task_id = register(sample_tar, instance=instance)
    engine.run(
        Task(task_id, Path("output"), sample_tar, settings=Settings(max_workers=1, user_display_name="Ann Example"))
    )
    result = _materialize(task_id, instance)
    assert [_metadata(result, asset)["from_checkpoint"] for asset in ASSETS] == [True] * 3


def test_a_names_file_beside_the_export_is_taken_and_another_one_makes_the_tables_anew(
    workspace: Path, sample_tar: Path, postgres_url: str, instance: dg.DagsterInstance
) -> None:
    task_id = register(sample_tar, instance=instance)
    names = workspace / "exports" / f"{task_id}.names.csv"
    for name, before in (("Ann", [False] * 3), ("Ann", [True] * 3), ("Anne", [True, False, False])):
        names.write_text(f"id,name\n8:live:somebody,{name}\n")
        result = _materialize(task_id, instance)
        assert [_metadata(result, asset)["from_checkpoint"] for asset in ASSETS] == before
        with Session(postgres_url) as session:
            assert session.rows("SELECT user_id, name FROM skype.given_names") == [("8:live:somebody", name)]
    names.unlink()
    result = _materialize(task_id, instance)
    assert [_metadata(result, asset)["from_checkpoint"] for asset in ASSETS] == [True] * 3


def test_without_the_export_everything_after_extract_still_works(
    workspace: Path, sample_tar: Path, instance: dg.DagsterInstance
) -> None:
    task_id = register(sample_tar, instance=instance)
    _materialize(task_id, instance, ["raw_export"])
    (workspace / "exports" / f"{task_id}.tar").unlink()
    result = _materialize(task_id, instance)
    assert result.success
    assert _metadata(result, "raw_export")["from_checkpoint"] is True


def test_without_the_export_and_its_checkpoint_the_failure_says_where_to_put_it(
    workspace: Path, instance: dg.DagsterInstance
) -> None:
    instance.add_dynamic_partitions("skype_exports", ["ann-1"])
    failed = _materialize("ann-1", instance)
    assert _failures(failed) == {"raw_export": f"no export ann-1 in {workspace}/exports; put it there as ann-1.tar"}
    assert list((workspace / "output").glob("**/*.parquet")) == []


@pytest.mark.parametrize("typed", ["ann-1", "my export", "../x", "a" * 300])
def test_a_partition_that_somebody_typed_does_not_stay_red(
    workspace: Path, typed: str, instance: dg.DagsterInstance
) -> None:
    instance.add_dynamic_partitions("skype_exports", [typed])
    (failure,) = _events(_materialize(typed, instance), "STEP_FAILURE")
    assert "was removed again" in _description(failure)
    assert instance.get_dynamic_partitions("skype_exports") == []


def test_the_partition_of_an_export_that_is_away_for_a_while_stays(
    workspace: Path, sample_tar: Path, instance: dg.DagsterInstance
) -> None:
    task_id = register(sample_tar, instance=instance)
    with pytest.raises(Interruption):
        engine.run_phase(Task(task_id, Path("output"), sample_tar), "extract", at("extract", 1, interrupt))
    (workspace / "exports" / f"{task_id}.tar").unlink()
    assert not _materialize(task_id, instance).success
    assert instance.get_dynamic_partitions("skype_exports") == [task_id]


class AwayForAMoment(Database):
    """A database that is not there when it is asked for the first time."""

    _asked: int = PrivateAttr(default=0)

    def url(self) -> str:
        self._asked += 1
        return "postgresql://127.0.0.1:1/nowhere" if self._asked == 1 else super().url()


def test_a_database_that_comes_back_is_waited_for(
    workspace: Path, sample_tar: Path, postgres_url: str, instance: dg.DagsterInstance
) -> None:
    task_id = register(sample_tar, instance=instance)
    result = _materialize(task_id, instance, skype_database=AwayForAMoment())
    assert result.success
    assert [event.step_key for event in _events(result, "STEP_UP_FOR_RETRY")] == ["loaded_database"]
    assert sum(rows for _, rows, _ in _database(postgres_url)) > 300


def test_a_database_that_stays_away_fails_the_load_with_its_cause_and_what_to_do(
    workspace: Path, sample_tar: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skype_assets.resources.failures.MAX_RETRIES", 0)
    task_id = register(sample_tar, instance=instance)
    with monkeypatch.context() as away:
        away.setenv("SKYPE_DATABASE_URL", "postgresql://127.0.0.1:1/nowhere")
        failed = _materialize(task_id, instance)
    assert [event.step_key for event in failed.get_step_success_events()] == list(ASSETS[:2])
    (failure,) = _events(failed, "STEP_FAILURE")
    cause, remedy = _description(failure).splitlines()[:2]
    assert re.match(r"database: .*refused", cause)
    assert "re-execute the run from failure" in remedy
    assert _materialize(task_id, instance, ["loaded_database"]).success


MALFORMED = ["../x", "/etc", "a" * 300, "..%2f", "a\0b", ".hidden", "a/b", ""]


@pytest.mark.parametrize("selection", ASSETS[:2])
@pytest.mark.parametrize("key", MALFORMED)
def test_a_partition_key_that_is_no_task_id_is_refused_and_nothing_is_touched(
    workspace: Path, key: str, selection: str, instance: dg.DagsterInstance
) -> None:
    instance.add_dynamic_partitions("skype_exports", [key])
    before = _everything(workspace.parent)
    failed = _materialize(key, instance, [selection])
    assert list(_failures(failed)) == [selection]
    assert _failures(failed)[selection].startswith("task id ")
    assert _events(failed, "STEP_UP_FOR_RETRY") == []
    assert _everything(workspace.parent) == before


def test_an_export_that_is_not_registered_is_refused_before_it_is_read(
    workspace: Path, sample_tar: Path, instance: dg.DagsterInstance
) -> None:
    task_id = register(sample_tar, instance=instance)
    instance.delete_dynamic_partition("skype_exports", task_id)
    failed = _materialize(task_id, instance)
    assert _failures(failed) == {"raw_export": f"{task_id} is not a registered export"}
    assert not (workspace / "output").exists()


def _materialize(
    task_id: str, instance: dg.DagsterInstance, assets: Sequence[str] = ASSETS, **resources: Any
) -> dg.ExecuteInProcessResult:
    """As the web UI does: a run with the partition as a tag, whatever it is."""
    job = build_defs(resource_overrides=resources).resolve_job_def("load_export")
    return job.execute_in_process(
        instance=instance,
        tags={"dagster/partition": task_id},
        asset_selection=[dg.AssetKey(asset) for asset in assets],
        raise_on_error=False,
    )


def _dagster_asset_materialize(task_id: str) -> str:
    command = ["asset", "materialize", "--select", "*", "-m", "skype_assets.definitions", "--partition", task_id]
    done = subprocess.run([sys.executable, "-m", "dagster", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def _lines(log: str, level: str, pattern: str) -> int:
    return len(re.findall(rf" - {level} - .* - {pattern}", log))


def _events(result: dg.ExecuteInProcessResult, kind: str) -> list[dg.DagsterEvent]:
    return [event for event in result.all_events if event.event_type_value == kind]


def _failures(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Per failed step, the first words of its failure's description."""
    return {
        str(event.step_key): re.split(r": its|;? \(or|; register|\n", str(description))[0]
        for event in _events(result, "STEP_FAILURE")
        if (description := _description(event))
    }


def _description(event: dg.DagsterEvent) -> str:
    error = event.step_failure_data.error
    assert error is not None
    return error.message.removeprefix("dagster._core.definitions.events.Failure: ")


def _metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node(asset)
    return {
        key: value if isinstance(value, dg.TableMetadataValue) else value.value for key, value in event.metadata.items()
    }


def _state(workspace: Path, task_id: str, asset: str) -> states.PhaseState:
    state = states.read(Task(task_id, workspace / "output").folder.folder(asset))
    assert state is not None
    return state


def _database(url: str) -> list[tuple[str, int, str]]:
    with Session(url) as session:
        return [(digest.table, digest.rows, digest.sha256) for digest in digests(session)]


def _row_versions(url: str) -> dict[str, list[tuple[str, str]]]:
    """Of every row the transaction that wrote it, and where it lies: both change when it is written again."""
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        found: dict[str, list[tuple[str, str]]] = {}
        for table in TABLES:
            cursor.execute(f"SELECT xmin::text, ctid::text FROM skype.{table} ORDER BY ctid")
            found[table] = cursor.fetchall()
    connection.close()
    return found


def _everything(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if ".dagster" not in path.parts)
