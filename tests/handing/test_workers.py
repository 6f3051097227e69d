"""Other processes help to hand over: it makes no difference to any byte, and whoever kills one is told."""

import filecmp
import os
import signal
from collections.abc import Callable
from itertools import repeat
from pathlib import Path

import pytest

from skype_assets.etl.errors import WorkerLost
from skype_assets.etl.handing import html
from skype_assets.etl.handing.handover import Format, HandOver, hand_over
from skype_assets.etl.handing.html import HTML
from skype_assets.etl.handing.rsmf import writing
from skype_assets.etl.handing.rsmf.writing import rsmf
from skype_assets.etl.handing.selection import Wanted


def handed(url: str, folder: Path, output_dir: Path, format_: Format, workers: int) -> Path:
    return hand_over(
        *(lambda: url, format_, folder, Wanted(time_zone="Europe/Berlin"), output_dir),
        with_media=True,
        progress=lambda *_: None,
        workers=workers,
    ).folder


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("format_", [HTML, rsmf(with_load_file=True)], ids=["html", "rsmf"])
def test_however_many_processes_help_the_bytes_are_the_same(
    tmp_path: Path, sample_url: str, output_dir: Path, format_: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = handed(sample_url, tmp_path / "one", output_dir, format_, workers=1)
    monkeypatch.setattr(html, "SOME", 40)
    monkeypatch.setattr(writing, "SOME", 40)
    two = handed(sample_url, tmp_path / "two", output_dir, format_, workers=2)
    assert files(one) == files(two)
    assert filecmp.cmpfiles(one, two, files(one), shallow=False) == (files(one), [], [])


def test_a_day_that_is_much_is_written_in_its_place_as_others_are(
    tmp_path: Path, sample_url: str, output_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = handed(sample_url, tmp_path / "one", output_dir, rsmf(with_load_file=True), workers=1)
    monkeypatch.setattr(writing, "MOST_AT_ONCE", 3)
    two = handed(sample_url, tmp_path / "two", output_dir, rsmf(with_load_file=True), workers=1)
    assert files(one) == files(two)
    assert filecmp.cmpfiles(one, two, files(one), shallow=False) == (files(one), [], [])


def test_a_process_that_is_killed_leaves_nothing_and_is_told(tmp_path: Path, sample_url: str, output_dir: Path) -> None:
    here = os.getpid()
    die: Callable[[], None] = _Die(here)

    def write(hand: HandOver) -> None:
        list(hand.made(repeat(die)))  # until another process has begun, this one does it

    with pytest.raises(WorkerLost, match="run the same command again"):
        handed(sample_url, tmp_path / "handed", output_dir, Format("dying", write, 1), workers=2)
    assert list(tmp_path.iterdir()) == []


class _Die:
    def __init__(self, survivor: int) -> None:
        self._survivor = survivor

    def __call__(self) -> None:
        if os.getpid() != self._survivor:
            os.kill(os.getpid(), signal.SIGKILL)
