"""The inbox sensor: what lies in the folder of exports is loaded, once per content, and only when it is whole."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from skype_assets import sensors
from skype_assets.definitions import defs
from skype_assets.etl.export.source import Source, fingerprint
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import task_id_for
from skype_assets.etl.tasks import inbox as inboxes
from skype_assets.registration import register

INBOX = defs.resolve_sensor_def("inbox")


@pytest.fixture
def exports(workspace: Path) -> Path:
    folder = workspace / "exports"
    folder.mkdir()
    return folder


class Ticks:
    """Evaluates the sensor as Dagster's daemon does: cursor kept, partitions added, runs recorded."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._cursor: str | None = None
        self.reasons: list[str] = []

    def tick(self) -> list[str]:
        """The partitions that runs were requested for."""
        context = dg.build_sensor_context(
            self._instance, cursor=self._cursor, definitions=defs, sensor_name="inbox",
            resources={"skype_exports": (defs.resources or {})["skype_exports"]},
        )  # fmt: skip
        result: Any = INBOX(context)
        self._cursor = result.cursor
        self.reasons.append(result.skip_reason.skip_message if result.skip_reason else "")
        for request in result.dynamic_partitions_requests or []:
            if isinstance(request, dg.DeleteDynamicPartitionsRequest):
                for key in request.partition_keys:
                    self._instance.delete_dynamic_partition(request.partitions_def_name, key)
            else:
                self._instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
        requested = [request.partition_key for request in result.run_requests or []]
        for key in requested:
            self._instance.create_run_for_job(
                defs.resolve_job_def("load_export"), tags={"dagster/partition": key}, status=None
            )
        return requested


@pytest.fixture
def ticks(instance: dg.DagsterInstance) -> Ticks:
    return Ticks(instance)


def test_a_new_export_is_registered_linked_and_run_when_two_ticks_have_seen_it_unchanged(
    exports: Path, sample_tar: Path, ticks: Ticks, instance: dg.DagsterInstance
) -> None:
    shutil.copy(sample_tar, exports / "ann.tar")
    task_id = task_id_for(fingerprint(sample_tar))
    assert [ticks.tick(), ticks.tick(), ticks.tick()] == [[], [task_id], []]
    assert "1 may still be growing" in ticks.reasons[0]
    assert instance.get_dynamic_partitions("skype_exports") == [task_id]
    assert (exports / f"{task_id}.tar").readlink() == Path("ann.tar")


def test_a_file_that_is_being_copied_waits_until_it_has_stopped_growing(
    exports: Path, sample_tar: Path, ticks: Ticks
) -> None:
    data = sample_tar.read_bytes()
    requested: list[list[str]] = []
    with (exports / "ann.tar").open("wb", buffering=0) as copy:
        for start in range(0, len(data), len(data) // 3 + 1):
            copy.write(data[start : start + len(data) // 3 + 1])
            requested.append(ticks.tick())
    assert requested == [[], [], []]
    assert ticks.tick() == [task_id_for(fingerprint(sample_tar))]


def test_the_same_content_under_another_name_is_not_loaded_again(exports: Path, sample_tar: Path, ticks: Ticks) -> None:
    for name in ("ann.tar", "copy of ann.tar"):
        shutil.copy(sample_tar, exports / name)
    ticks.tick()
    assert ticks.tick() == [task_id_for(fingerprint(exports / "ann.tar"))]
    shutil.copy(sample_tar, exports / "third.tar")
    (exports / "ann.tar").rename(exports / "renamed.tar")
    assert [ticks.tick(), ticks.tick(), ticks.tick()] == [[], [], []]


def test_another_content_under_the_same_name_is_another_export(exports: Path, sample_tar: Path, ticks: Ticks) -> None:
    shutil.copy(sample_tar, exports / "ann.tar")
    ticks.tick()
    first = ticks.tick()
    (exports / "ann.tar").unlink()
    write_sample(exports / "ann.tar", messages=50, seed=8)
    ticks.tick()
    second = ticks.tick()
    assert second == [task_id_for(fingerprint(exports / "ann.tar"))]
    assert first != second


def test_what_was_registered_by_hand_is_run_under_the_name_it_was_given(
    exports: Path, sample_tar: Path, ticks: Ticks, instance: dg.DagsterInstance
) -> None:
    register(sample_tar, "ann-1", instance)
    ticks.tick()
    assert [ticks.tick(), ticks.tick()] == [["ann-1"], []]


def test_a_link_left_by_a_tick_that_was_interrupted_gets_no_second_name(
    exports: Path, sample_tar: Path, ticks: Ticks
) -> None:
    shutil.copy(sample_tar, exports / "ann.tar")
    task_id = task_id_for(fingerprint(sample_tar))
    (exports / f"{task_id}.tar").symlink_to("ann.tar")
    ticks.tick()
    assert ticks.tick() == [task_id]


def test_what_is_loaded_already_is_not_run(
    exports: Path, sample_tar: Path, ticks: Ticks, instance: dg.DagsterInstance
) -> None:
    task_id = register(sample_tar, instance=instance)
    instance.report_runless_asset_event(dg.AssetMaterialization("loaded_database", partition=task_id))
    assert [ticks.tick(), ticks.tick()] == [[], []]


def test_what_is_no_export_is_left_alone(exports: Path, ticks: Ticks) -> None:
    (exports / "notes.txt").write_text("no export")
    (exports / ".hidden.tar").write_text("no export")
    (exports / "ann.tar.part").write_text("a download")
    (exports / "gone.tar").symlink_to("nowhere.tar")
    os.mkfifo(exports / "pipe.tar")
    assert [ticks.tick(), ticks.tick()] == [[], []]
    assert ticks.reasons[-1] == "0 exports, each loaded or tried; 1 cannot be read"


def test_an_unpacked_export_is_a_folder_that_has_stopped_changing(exports: Path, ticks: Ticks) -> None:
    write_sample(exports / "messages.json", messages=30, seed=9)
    (exports / "unpacked").mkdir()
    (exports / "messages.json").rename(exports / "unpacked" / "messages.json")
    assert ticks.tick() == []
    assert ticks.tick() == [task_id_for(fingerprint(exports / "unpacked"))]


def test_names_that_are_no_task_ids_give_task_ids(exports: Path, sample_tar: Path, ticks: Ticks) -> None:
    for name in ("%2e%2e%2fetc.tar", "-rf.tar", "a b\nc.tar", "é" * 100 + ".tar"):
        (exports / name).write_bytes(sample_tar.read_bytes() + name.encode())
    ticks.tick()
    requested = ticks.tick()
    assert len(requested) == 4
    assert all(inboxes.TASK_ID.fullmatch(key) for key in requested)


def test_the_queue_gets_so_many_runs_at_a_time_and_none_is_forgotten(
    exports: Path, ticks: Ticks, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "WAITING_RUNS", 2)
    for number in range(5):
        write_sample(exports / f"export-{number}.json", messages=5, seed=number)
    requested = [ticks.tick()]
    for _ in range(6):
        requested.append(ticks.tick())
        for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])):
            instance.delete_run(run.run_id)
            instance.report_runless_asset_event(
                dg.AssetMaterialization("loaded_database", partition=run.tags["dagster/partition"])
            )
    assert max(map(len, requested)) <= 2
    assert sorted(key for keys in requested for key in keys) == sorted(instance.get_dynamic_partitions("skype_exports"))
    assert len(instance.get_dynamic_partitions("skype_exports")) == 5


def test_what_takes_longer_to_read_than_a_tick_may_take_is_read_on_in_the_background(
    exports: Path, sample_tar: Path, ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go, reads = threading.Event(), []

    def slowly(path: Path, *, salvage: bool) -> Source:
        reads.append(path.name)
        let_go.wait(30)
        return fingerprint(path, salvage=salvage)

    monkeypatch.setattr(inboxes, "fingerprint", slowly)
    monkeypatch.setattr(sensors, "_READING_SECONDS", 0.05)
    shutil.copy(sample_tar, exports / "large.tar")
    assert [ticks.tick(), ticks.tick(), ticks.tick()] == [[], [], []]
    assert "1 being read" in ticks.reasons[-1]
    let_go.set()
    monkeypatch.setattr(sensors, "_READING_SECONDS", 10.0)
    assert ticks.tick() == [task_id_for(fingerprint(exports / "large.tar"))]
    assert reads == ["large.tar"]


def test_an_export_is_read_once_in_its_life_even_if_the_process_is_another(
    exports: Path, sample_tar: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(sample_tar, exports / "ann.tar")
    first = Ticks(instance)
    first.tick()
    first.tick()
    monkeypatch.setattr(inboxes, "fingerprint", _must_not_be_called)
    assert Ticks(instance).tick() == []


def test_the_sensor_is_off_unless_somebody_wants_it() -> None:
    assert INBOX.default_status is dg.DefaultSensorStatus.STOPPED
    program = "from skype_assets.definitions import defs; print(defs.resolve_sensor_def('inbox').default_status.value)"
    for switch, status in (("on", "RUNNING"), ("off", "STOPPED")):
        environment = {**os.environ, "SKYPE_INBOX": switch}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        assert done.stdout.strip() == status


def _must_not_be_called(path: Path) -> Source:
    raise AssertionError(path)


def test_what_cannot_be_read_is_said_once_and_looked_at_again_when_it_changes(
    exports: Path, sample_tar: Path, ticks: Ticks
) -> None:
    (exports / "fake.tar").write_bytes(b"%PDF-1.7 and so on")
    (exports / "empty").mkdir()
    for _ in range(5):
        assert ticks.tick() == []
    assert ticks.reasons[2:] == ["0 exports, each loaded or tried; 2 cannot be read"] * 3
    shutil.copy(sample_tar, exports / "fake.tar")
    assert [ticks.tick(), ticks.tick()] == [[], [task_id_for(fingerprint(exports / "fake.tar"))]]


def test_a_refused_export_that_is_taken_away_again_leaves_no_partition_and_no_link(
    exports: Path, sample_tar: Path, ticks: Ticks, instance: dg.DagsterInstance
) -> None:
    (exports / "cut.tar").write_bytes(sample_tar.read_bytes()[:90_000])
    [], [task_id] = ticks.tick(), ticks.tick()
    (exports / "cut.tar").unlink()
    ticks.tick()
    assert instance.get_dynamic_partitions("skype_exports") == []
    assert not (exports / f"{task_id}.tar").is_symlink()


def test_an_export_that_lies_elsewhere_and_is_away_for_a_while_stays_registered(
    exports: Path, sample_tar: Path, tmp_path: Path, ticks: Ticks, instance: dg.DagsterInstance
) -> None:
    elsewhere = tmp_path / "elsewhere.tar"
    shutil.copy(sample_tar, elsewhere)
    task_id = register(elsewhere, instance=instance)
    elsewhere.unlink()
    ticks.tick()
    assert instance.get_dynamic_partitions("skype_exports") == [task_id]
