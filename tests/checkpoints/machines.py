"""Machines that share a store: of each the folder of one task, and what attempts there do.

A machine is an output folder of its own: no process can say of the other folder's attempt more than the store.
"""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from skype_assets.etl.checkpoints import parts, phase_checkpoint, task_log
from skype_assets.etl.checkpoints.attempt import Attempt
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.phase_checkpoint import PhaseCheckpoint
from skype_assets.etl.checkpoints.state import PartRecord
from skype_assets.etl.checkpoints.task_log import TaskLog
from skype_assets.etl.checkpoints.working_copy import WorkingCopy

TABLES = {"messages": pa.schema([("id", pa.int64())])}
Machine = Callable[[str], Directory]


@pytest.fixture
def machine(tmp_path: Path, store_url: str) -> Machine:
    return lambda name: Directory(WorkingCopy.made(tmp_path / name, store_url).folder / "task")


def silence(attempt: Attempt) -> None:
    """As if its process were frozen, or its machine gone."""
    in_store = attempt._in_store
    assert in_store is not None
    in_store._ended.set()
    in_store._heart.join()


def begun(attempt: Attempt, task: Directory) -> PhaseCheckpoint:
    return PhaseCheckpoint.begin(
        attempt, task.folder("phase"), task_id="task", phase="phase", inputs={"of": "x"}, source_name="x.tar", total=10
    )


def made_part(checkpoint: PhaseCheckpoint, number: int, ids: list[int]) -> PartRecord:
    tables = {"messages": pa.table({"id": ids}, TABLES["messages"])}
    files = parts.write(checkpoint.folder, number, checkpoint.epoch, tables)
    return PartRecord(number=number, epoch=checkpoint.epoch, files=files, progress=number + 1, counts={}, seconds=0.0)


def ids_of(task: Directory) -> list[int]:
    tables = phase_checkpoint.open_complete(task.folder("phase"), TABLES)
    assert tables is not None
    return tables["messages"].to_table()["id"].to_pylist()


def log_of(task: Directory) -> list[task_log.Entry]:
    copy = WorkingCopy.of(task.path.parent)
    assert copy is not None
    log = TaskLog(copy.store, "task")
    newest = log.newest_number()
    return [log.entry(number) for number in range(newest + 1)] if newest is not None else []
