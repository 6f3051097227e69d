"""An installation without the compiled reader says so; a release cannot be without it."""

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from skype_assets.etl import compiled, engine
from skype_assets.etl.command_line import skype_assets
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Settings, Task

ROOT = Path(__file__).parents[2]
WITHOUT = "sys.modules['skype_assets.etl.compiled._compiled'] = None"
CALL = f"import sys; {WITHOUT}; from skype_assets.etl.command_line import main; main()"


def _said(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", CALL, *arguments]
    environment = {"PYTHONPATH": str(ROOT), "SKYPE_HOME": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)


def test_version_and_status_say_that_it_is_missing(tmp_path: Path) -> None:
    assert compiled.ABSENCE in _said("--version", folder=tmp_path).stdout
    said = _said("status", "--json", folder=tmp_path)
    assert (said.stdout, said.stderr) == ("{}\n", f"note: {compiled.ABSENCE}\n")


def test_nothing_is_said_of_it_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "reader", compiled.reader or object())
    assert compiled.ABSENCE not in CliRunner().invoke(skype_assets, ["status", "--output-dir", str(tmp_path)]).output


def test_the_log_says_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(compiled, "reader", None)
    compiled.warn_of_absence.cache_clear()
    source = write_sample(tmp_path / "export.tar", messages=50, media=False).path
    with caplog.at_level(logging.WARNING):
        for task_id in ("first", "second"):
            task = Task(task_id, tmp_path, source, settings=Settings(max_workers=1))
            engine.run_phase(task, "extract")
            engine.run_phase(task, "transform")
    assert caplog.text.count(compiled.ABSENCE) == 1


@pytest.mark.parametrize("required", [False, True])
def test_without_a_compiler_an_installation_does_and_a_release_does_not_build(required: bool, tmp_path: Path) -> None:
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "skype_assets", tmp_path / "skype_assets", ignore=shutil.ignore_patterns("*.so"))
    release = {"SKYPE_ASSETS_COMPILED": "required"} if required else {}
    environment = {**os.environ, "CC": "false", "CXX": "false", **release}
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--build-lib", "built"]
    built = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (built.returncode != 0) is required, built.stderr
    assert not list((tmp_path / "built").rglob("*.so"))
