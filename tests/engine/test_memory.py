"""Memory is bounded by the parts, whatever the size of the export and however it is divided (promise I11)."""

import time
from pathlib import Path

import pytest

from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Settings, Task
from tests.conftest import NewDatabase
from tests.engine.runs import child

CHUNK_SIZE = 4_000
LIMIT_MB = 250
GROWTH_MB = 40
"""For four times the messages: what the allocator keeps, and some 16 bytes a message for the search for copies."""


@pytest.fixture(scope="module")
def peak_of_a_small_export(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> float:
    return _peak_mb(tmp_path_factory.mktemp("small"), new_database(), messages=8_000, conversations=1)


@pytest.mark.parametrize("conversations", [1, None], ids=["in one conversation", "in many conversations"])
def test_an_export_four_times_as_large_needs_hardly_more_memory(
    conversations: int | None, peak_of_a_small_export: float, new_database: NewDatabase, tmp_path: Path
) -> None:
    peak = _peak_mb(tmp_path, new_database(), messages=32_000, conversations=conversations)
    assert peak < LIMIT_MB
    assert peak - peak_of_a_small_export < GROWTH_MB


def _peak_mb(folder: Path, url: str, *, messages: int, conversations: int | None) -> float:
    """The greatest anonymous memory of a process that runs the engine from beginning to end."""
    export = write_sample(folder / "export.tar", messages=messages, conversations=conversations, media=False).path
    run = Task("t", folder / "out", export, url, Settings(chunk_size=CHUNK_SIZE, max_workers=1))
    peak = 0.0
    with child(run) as process:
        while not process.has_ended():
            peak = max(peak, process.anonymous_mb())
            time.sleep(0.005)
        assert process.result() == "done"
    return peak
