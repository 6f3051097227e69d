"""The compiled reader stands some seconds of what ``make fuzz`` does to it, which finds what it is there to find."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzzing import inputs
from tests.fuzzing.building import ROOT

# By what is planted: the file, what stands there, what is put in its place.
PLANTED = {
    "a byte beyond the object": (
        "json.cpp",
        "if (at_ == end_ || *at_ != wanted) return false;",
        "if (*at_ != wanted) return false;",
    ),
    "a wrong row": (
        "module.cpp",
        "message.version = whole_number(json.digits());",
        "message.version = whole_number(json.digits().substr(1));",
    ),
    "no end": ("json.cpp", "at_ += length;", "at_ += length - length;"),
}
SAID = {
    "a byte beyond the object": "heap-buffer-overflow",
    "a wrong row": "AssertionError: messages",
    "no end": "",
}
HAS_COMPILER = shutil.which("g++") is not None


def fuzz(folder: Path, *options: object, seconds: float = 3) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.fuzzing", "--folder", folder, "--minutes", seconds / 60, "--seed", 1]
    return subprocess.run(
        [*map(str, command), *map(str, options)], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which everything is built, if it can be here, for all who run these tests side by side."""
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "fuzzing"
    done = fuzz(folder, "--repeat", inputs.CORPUS)
    assert done.returncode == (0 if HAS_COMPILER else 2), done.stderr
    return folder


def test_nothing_is_found_in_a_few_seconds(built: Path) -> None:
    done = fuzz(built)
    assert done.returncode == (0 if HAS_COMPILER else 2), done.stderr
    assert not list(built.glob("found-*"))


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_planted_is_found_and_can_be_repeated(planted: str, built: Path, tmp_path: Path) -> None:
    name, there, instead = PLANTED[planted]
    source, folder = tmp_path / "source", tmp_path / "fuzzing"
    shutil.copytree(ROOT / "skype_assets" / "etl" / "compiled", source / "skype_assets" / "etl" / "compiled")
    shutil.copy(ROOT / "pyproject.toml", source)
    path = source / "skype_assets" / "etl" / "compiled" / name
    text = path.read_text(encoding="utf-8")
    assert text.count(there) == 1
    path.write_text(text.replace(there, instead), encoding="utf-8")
    shutil.copytree(built, folder)

    done = fuzz(folder, "--source", source, seconds=60)

    assert done.returncode == (1 if HAS_COMPILER else 2), done.stdout
    for found in folder.glob("found-*.txt"):
        assert SAID[planted] in found.with_suffix(".log").read_text(encoding="utf-8")
        assert str(found) in done.stdout
        assert fuzz(folder, "--source", source, "--repeat", found).returncode == 1
        assert fuzz(built, "--repeat", found).returncode == 0
