"""Room on the disk is looked for before a phase begins, and running out of it loses nothing (promise I11)."""

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from skype_assets.etl.errors import NotEnoughSpace, PhaseFailed
from skype_assets.etl.phases import PHASES
from skype_assets.etl.sample import write_sample
from tests.api.conftest import Place
from tests.api.scripts import ROOT
from tests.engine.database_content import digests, query
from tests.engine.runs import at, files_of, interrupt


class Usage(NamedTuple):
    total: int
    used: int
    free: int


Free = Callable[[int], None]


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Free:
    """Sets what the system says of the free space."""

    def say(count: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 10**12 - count, count))

    return say


@pytest.fixture(scope="module")
def size(export: Path) -> int:
    """Bytes of the export's messages.json."""
    return write_sample(export.with_name("size.json"), messages=600).path.stat().st_size


@pytest.mark.parametrize(("ending", "halves"), [(".tar", 1), (".json", 1), (".tar.gz", 3), (".zip", 3), ("", 1)])
def test_extract_needs_half_of_the_messages_and_all_of_them_if_they_are_packed(
    ending: str, halves: int, size: int, place: Place, free: Free
) -> None:
    export = write_sample(place.export.with_name(f"sample{ending or '.tar'}"), messages=600, media=False).path
    if not ending:
        export.with_name("folder").mkdir()
        subprocess.run(["tar", "-xf", export, "-C", export.with_name("folder")], check=True)
        export = export.with_name("folder")
    needed = size // 2 * (halves == 1) + (size // 2 + size) * (halves == 3)
    free(needed - 1)
    with pytest.raises(
        NotEnoughSpace, match=rf"extract needs about {needed / 1e6:.1f} MB in .*Nothing was begun"
    ) as full:
        place.pipeline(task_id="t").run_pipeline(export)
    assert full.value.exit_code == 9
    assert {path.name for path in place.output_dir.rglob("*")} == {"t", "attempt.json", "lock"}
    free(needed)
    with pytest.raises(NotEnoughSpace, match="(transform|load) needs"):
        place.pipeline(task_id="t").run_pipeline(export)


def test_transform_needs_half_as_much_again_as_the_raw_parts_and_load_a_little(place: Place, free: Free) -> None:
    with pytest.raises(PhaseFailed):
        place.pipeline(at("transform", 0, interrupt), task_id="t").run_pipeline(place.export)
    raw = sum(path.stat().st_size for path in place.output_dir.glob("t/raw_export/*.parquet"))
    files = files_of(place.output_dir)
    free(raw * 3 // 2 - 1)
    with pytest.raises(NotEnoughSpace, match="transform needs about"):
        place.pipeline(task_id="t").run_pipeline(place.export)
    assert files_of(place.output_dir) == files
    free(15_999_999)
    with pytest.raises(NotEnoughSpace, match=r"load needs about 16\.0 MB"):
        place.pipeline(task_id="t").run_pipeline(place.export)
    free(16_000_000)
    assert place.pipeline(task_id="t").run_pipeline(place.export)["resumed_from_phase"] == "load"


def test_a_finished_task_needs_no_space(copied: Place, free: Free) -> None:
    free(0)
    assert copied.pipeline(task_id="t").run_pipeline(copied.export)["success"]


# In a mount namespace of its own: fills a small disk in the middle of a phase, and makes room again.
FULL_DISK = """
import os, subprocess, sys
from pathlib import Path
from typing import NamedTuple

disk = Path({disk!r})
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", disk], check=True)

from skype_assets import ETLPipeline
from skype_assets.etl.errors import PhaseFailed

ballast = disk / "ballast"

def fill(progress):
    if (progress.phase, progress.parts) == ({phase!r}, 2) and not ballast.exists():
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                pass

def pipeline():
    return ETLPipeline({url!r}, disk / "output", chunk_size=150, max_workers=1, task_id="t", observer=fill)

try:
    pipeline().run_pipeline({export!r})
except PhaseFailed as failed:
    print(failed.phase, failed.results["success"], "No space left on device" in str(failed))
    print(sorted(path.name for path in disk.rglob(".partial-*")))
ballast.unlink()
# This very process goes on: its first attempt could not even note that it ended.
results = ETLPipeline.load_from_checkpoint(disk / "output" / "etl_checkpoint_t.json").run_pipeline({export!r})
print(results["success"], results["resumed_from_phase"])
"""


@pytest.mark.parametrize("phase", PHASES)
def test_a_disk_that_fills_up_during_a_phase_ends_it_resumably(phase: str, place: Place, finished: Place) -> None:
    disk = place.output_dir.parent / "disk"
    disk.mkdir()
    script = FULL_DISK.format(disk=str(disk), phase=phase, url=place.url, export=str(place.export))
    namespace = ["unshare", "--mount", *(["--user", "--map-root-user"] if os.geteuid() else [])]
    done = subprocess.run(
        [*namespace, sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{phase} False True", "[]", f"True {phase}"]
    assert query(place.url, "SELECT status FROM skype.exports") == [("complete",)]
    assert digests(place.url) == digests(finished.url)
