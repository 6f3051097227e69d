"""The command line as its users meet it: in a folder of their own, with a database of their own."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from skype_assets.etl.command_line import skype_assets
from skype_assets.etl.sample import write_sample

PROJECT = Path(__file__).parents[2]
MESSAGES = 1_200

PLACE = re.compile(rb"^place: .*\n", re.MULTILINE)

Invoke = Callable[..., Result]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def sample_tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exports") / "sample.tar"
    write_sample(path, messages=MESSAGES, media=False)
    return path


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, empty, which is the place; without Dagster and without a database."""
    monkeypatch.chdir(tmp_path)
    for name in ("DAGSTER_HOME", "SKYPE_DATABASE_URL", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.setenv("SKYPE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def database(workplace: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SKYPE_DATABASE_URL", postgres_url)
    return postgres_url


@pytest.fixture
def invoke(workplace: Path) -> Invoke:
    """Call the command line in this process. The line on the place, which `test_places` is about, is left out."""

    def call(*arguments: object) -> Result:
        result = CliRunner().invoke(skype_assets, [str(argument) for argument in arguments])
        result.stderr_bytes = PLACE.sub(b"", result.stderr_bytes)
        result.output_bytes = PLACE.sub(b"", result.output_bytes)
        return result

    return call


@pytest.fixture
def start(workplace: Path) -> Start:
    """Start the command line as a process, where signals and exit codes are real."""

    def begin(*arguments: object) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "skype_assets.etl.command_line", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )

    return begin
