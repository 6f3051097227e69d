"""``skype-assets status``: honest, from files alone."""

import json
import tarfile
from pathlib import Path

import msgspec
import pytest

from skype_assets.etl import engine
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.command_line.status import FOLDERS
from skype_assets.etl.errors import DatabaseError, InvalidExport
from skype_assets.etl.phases.kinds import PHASE_CLASSES
from skype_assets.etl.task import Settings, Task
from tests.command_line.conftest import MESSAGES, Invoke


def _extracted(workplace: Path, source: Path, task_id: str) -> Directory:
    task = Task(task_id, workplace / "output", source, settings=Settings(max_workers=1))
    engine.run_phase(task, "extract")
    engine.run_phase(task, "transform")
    return task.folder


def test_the_folders_are_those_of_the_phases() -> None:
    assert {name: kind.facts.asset for name, kind in PHASE_CLASSES.items()} == FOLDERS
    assert tuple(FOLDERS) == engine.PHASES


def test_without_tasks_it_says_how_to_begin(invoke: Invoke) -> None:
    said = invoke("status")
    assert said.exit_code == 0
    assert said.stdout == "no tasks in output; begin with: skype-assets run FILE\n"
    assert json.loads(invoke("status", "--json").stdout) == {}


def test_every_task_is_listed_and_one_is_shown_in_detail(invoke: Invoke, workplace: Path, sample_tar: Path) -> None:
    _extracted(workplace, sample_tar, "first")
    (workplace / "output" / "not-a-task").mkdir()
    said = invoke("status")
    assert [line.split()[0] for line in said.stdout.splitlines()] == ["first", "extract", "transform", "load", "go"]
    assert f"complete     100 %         {MESSAGES:,} messages" in said.stdout
    assert "load       not started" in said.stdout
    detail = invoke("status", "first").stdout
    for word in ("SHA-256", "parts", "attempts", "fingerprint"):
        assert word in detail


def test_a_phase_made_from_what_is_no_longer_there_is_outdated(
    invoke: Invoke, workplace: Path, sample_tar: Path
) -> None:
    folder = _extracted(workplace, sample_tar, "first").folder("raw_export")
    state = states.read(folder)
    assert state
    folder.put(
        states.STATE_FILE, states.encode(msgspec.structs.replace(state, inputs={**state.inputs, "code_version": "0"}))
    )
    phases = json.loads(invoke("status", "--json").stdout)["first"]
    assert [phase["status"] for phase in phases.values()] == ["complete", "outdated", "not started"]


def test_a_damaged_state_is_said_in_the_list_and_is_an_error_in_detail(
    invoke: Invoke, workplace: Path, sample_tar: Path
) -> None:
    folder = _extracted(workplace, sample_tar, "first").folder("transformed_tables")
    folder.put(states.STATE_FILE, folder.get(states.STATE_FILE)[:-20])
    listed = invoke("status")
    assert listed.exit_code == 0
    assert "transform  damaged" in listed.stdout
    shown = invoke("status", "first")
    assert shown.exit_code == 4
    assert shown.stderr.startswith("error: ")


def test_a_task_that_failed_says_why_and_how_it_goes_on(invoke: Invoke, workplace: Path, sample_tar: Path) -> None:
    folder = _extracted(workplace, sample_tar, "first")
    task = Task("first", folder.path.parent, None, "postgresql://127.0.0.1:1/nowhere", Settings(max_workers=1))
    with pytest.raises(DatabaseError) as failed:
        engine.run_phase(task, "load")
    said = invoke("status").stdout
    assert "load       failed" in said
    assert str(failed.value).splitlines()[0] in said
    assert said.endswith("go on with: skype-assets resume output/etl_checkpoint_first.json\n")
    load = json.loads(invoke("status", "--json").stdout)["first"]["load"]
    assert (load["status"], load["problem"]) == ("failed", str(failed.value).splitlines()[0])


def test_of_an_export_that_is_damaged_further_on_a_whole_copy_is_wanted(
    invoke: Invoke, workplace: Path, sample_tar: Path
) -> None:
    with tarfile.open(sample_tar) as archive:
        member = archive.extractfile("messages.json")
        assert member
        (workplace / "cut.json").write_bytes(member.read()[:-2_000])
    task = Task("cut", workplace / "output", workplace / "cut.json", settings=Settings(chunk_size=100, max_workers=1))
    with pytest.raises(InvalidExport):
        engine.run_phase(task, "extract")
    said = invoke("status").stdout
    assert "extract    failed" in said
    assert "resume" not in said
    assert "run a whole copy of the export" in said


def test_an_unknown_task_is_code_2(invoke: Invoke) -> None:
    said = invoke("status", "nobody")
    assert said.exit_code == 2
    assert said.stderr.startswith("error: there is no task nobody in output")
