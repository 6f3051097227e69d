"""Folders to work in that nobody has named: no variable says where anything is."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from skype_assets.etl import places
from skype_assets.etl.postgres import DATABASE_VARIABLES
from skype_assets.etl.sample import write_sample

ROOT = Path(__file__).parents[2]

Call = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def sample_tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("downloads") / "ann.tar"
    write_sample(path, messages=300, seed=7, media=False)
    return path


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory: an empty folder that is no project, and a data folder that is not there."""
    for name in ("SKYPE_HOME", "DAGSTER_POSTGRES_URL", *places.VARIABLES, *DATABASE_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    folder = tmp_path / "somewhere"
    folder.mkdir(mode=0o755)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def call(nowhere: Path) -> Call:
    """Call the command line in a process of its own."""

    def run(*arguments: object, code: int = 0) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "skype_assets.etl.command_line", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
        assert done.returncode == code, done.stderr
        return done

    return run
