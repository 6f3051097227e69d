"""Damage and tampering are found, never loaded (promises I7, I16)."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest

from skype_assets.etl import engine
from skype_assets.etl.checkpoints import parts, state
from skype_assets.etl.checkpoints.state import PartRecord
from skype_assets.etl.errors import CheckpointDamaged, NotConserved
from skype_assets.etl.task import Task
from tests.engine.database_content import digests
from tests.engine.runs import ASSETS, Interruption, at, interrupt, recorded_files

Damage = Callable[[Path], None]


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(("phase", "damage"), [("extract", _flip), ("transform", _truncate), ("load", Path.unlink)])
def test_a_damaged_part_of_a_running_phase_is_made_again(
    phase: str, damage: Damage, fresh: Task, finished: Task
) -> None:
    with pytest.raises(Interruption):
        engine.run(fresh, at(phase, 3, interrupt))
    recorded = recorded_files(fresh)
    table = {"extract": "messages", "transform": "messages", "load": "loaded_parts"}[phase]
    damaged = next(name for name in recorded if name.startswith(f"{ASSETS[phase]}/{table}-00001"))
    damage(fresh.folder.file(damaged))
    engine.run(fresh)
    after = recorded_files(fresh)
    kept = {name for name, stamp in recorded.items() if after.get(name) == stamp}
    again = {name for name in recorded if name.startswith(ASSETS[phase]) and "-00000-" not in name}
    assert kept == recorded.keys() - again
    assert digests(fresh.database) == digests(finished.database)


@pytest.mark.parametrize("damage", [_flip, _truncate, Path.unlink])
def test_a_damaged_part_of_a_finished_phase_is_named_when_it_is_read(damage: Damage, copied: Task) -> None:
    tables = engine.open_phase(copied, "transform")
    assert tables
    damaged = _part_of_messages(copied)
    damage(damaged)
    with pytest.raises(CheckpointDamaged) as found:
        tables["messages"].to_table()
    assert str(damaged) in str(found.value)
    assert found.value.exit_code == 4


@pytest.mark.parametrize("phase", ["extract", "transform", "load"])
def test_a_damaged_part_that_nothing_reads_is_found_and_made_again(
    phase: str, copied: Task, caplog: pytest.LogCaptureFixture
) -> None:
    first = sorted(copied.folder.folder(ASSETS[phase]).path.glob("*-00000-*"))
    whole, damaged = [path.read_bytes() for path in first], first[0]
    _flip(damaged)
    results = engine.run(copied)
    assert str(damaged) in caplog.text
    assert [result.from_checkpoint for result in results if result.phase == phase] == [False]
    state_after = state.read(copied.folder.folder(ASSETS[phase]))
    assert state_after
    made_again = sorted(copied.folder.folder(ASSETS[phase]).file(f.name) for f in state_after.parts[0].files.values())
    assert [path.read_bytes() for path in made_again] == whole


@pytest.mark.parametrize("damage", [_flip, Path.unlink])
def test_a_damaged_part_of_a_finished_phase_is_made_again_and_never_loaded(
    damage: Damage, copied: Task, finished: Task, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(copied.folder.folder(ASSETS["load"]).path)
    damaged = _part_of_messages(copied)
    raw = recorded_files(copied)
    damage(damaged)
    results = engine.run(copied)
    assert str(damaged) in caplog.text
    assert results[0].from_checkpoint
    again = recorded_files(copied)
    kept = {name for name, stamp in raw.items() if again.get(name) == stamp}
    made = {name for name in raw if name.startswith(ASSETS["transform"]) and name.split("-")[1] >= "00002"}
    assert kept == raw.keys() - made
    assert digests(copied.database) == digests(finished.database)


@pytest.mark.parametrize("damage", [_flip, _truncate, Path.unlink])
@pytest.mark.parametrize("phase", engine.PHASES)
def test_a_damaged_state_is_replaced_by_the_one_before_it(
    phase: str, damage: Damage, copied: Task, caplog: pytest.LogCaptureFixture
) -> None:
    folder = copied.folder.folder(ASSETS[phase])
    whole = folder.get(state.STATE_FILE)
    damage(folder.file(state.STATE_FILE))
    assert all(result.from_checkpoint for result in engine.run(copied))
    assert str(folder.path) in caplog.text
    assert folder.get(state.STATE_FILE) == whole


def test_after_damage_in_the_middle_of_a_phase_at_most_one_part_is_made_again(fresh: Task, finished: Task) -> None:
    with pytest.raises(Interruption):
        engine.run(fresh, at("transform", 3, interrupt))
    recorded = recorded_files(fresh)
    folder = fresh.folder.folder(ASSETS["transform"])
    _flip(folder.file(state.STATE_FILE))
    engine.run(fresh)
    kept = {name for name, stamp in recorded.items() if recorded_files(fresh).get(name) == stamp}
    assert {name.split("-")[1] for name in recorded.keys() - kept} == {"00002"}
    assert digests(fresh.database) == digests(finished.database)


@pytest.mark.parametrize("phase", engine.PHASES)
def test_a_state_that_is_damaged_with_the_one_before_it_is_named(phase: str, copied: Task) -> None:
    folder = copied.folder.folder(ASSETS[phase])
    for name in (state.STATE_FILE, state.PREVIOUS_FILE):
        _flip(folder.file(name))
    with pytest.raises(CheckpointDamaged) as found:
        engine.run(copied)
    assert str(folder.file(state.STATE_FILE)) in str(found.value)


def test_a_link_in_the_place_of_a_state_is_refused(copied: Task, tmp_path: Path) -> None:
    path = copied.folder.folder(ASSETS["extract"]).file(state.STATE_FILE)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointDamaged, match="not a regular file"):
        engine.run(copied)


@pytest.mark.parametrize("phase", engine.PHASES)
def test_a_finished_phase_can_be_verified_with_sha256sum(phase: str, finished: Task) -> None:
    folder = finished.folder.folder(ASSETS[phase]).path
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    assert {line.partition(":")[0] for line in checked.stdout.splitlines()} == {
        p.name for p in folder.glob("*.parquet")
    }


@pytest.mark.parametrize("table", ["messages", "conservation"])
def test_a_part_that_lost_a_row_before_the_summary_is_not_conserved(table: str, fresh: Task) -> None:
    with pytest.raises(Interruption):
        engine.run(fresh, at("transform", 5, interrupt))
    folder = fresh.folder.folder(ASSETS["transform"])
    recorded = state.read(folder)
    assert recorded
    changed = tuple(_without_first_row(part, table, fresh) if part.number == 2 else part for part in recorded.parts)
    folder.put(state.STATE_FILE, state.encode(msgspec.structs.replace(recorded, parts=changed)))
    with pytest.raises(NotConserved, match="conversation ") as found:
        engine.run_phase(fresh, "transform")
    assert found.value.exit_code == 8
    assert engine.open_phase(fresh, "transform") is None


def _without_first_row(part: PartRecord, table: str, of: Task) -> PartRecord:
    """The part with a row less, recorded as if that were right."""
    folder = of.folder.folder(ASSETS["transform"])
    rows: pa.Table = parts.read(folder.path, part.files[table]).read()
    written = parts.write(folder, part.number, part.epoch, {table: rows.slice(1)})
    return msgspec.structs.replace(part, files={**part.files, **written})


def _part_of_messages(of: Task) -> Path:
    return next((of.folder.path / ASSETS["transform"]).glob("messages-00002-*"))
