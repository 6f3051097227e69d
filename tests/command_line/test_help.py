"""``--help``: quick, and true."""

import subprocess
import sys
from pathlib import Path

import pytest

from skype_assets.etl import errors
from skype_assets.etl.command_line.commands import COMMANDS
from tests.command_line.conftest import PROJECT, Invoke

HEAVY = ("dagster", "pandas", "pyarrow", "numpy", "rich", "adbc_driver_manager", "psycopg2")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["verify", "--help"], ["status"], ["db", "--help"], ["--version"]]
)
def test_what_must_be_quick_imports_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    called = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "skype_assets.etl.command_line", *arguments],
        cwd=tmp_path,
        env={"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in called.stderr.splitlines()}
    assert "click" in imported
    assert not imported & set(HEAVY)


def test_every_command_is_listed_and_explained(invoke: Invoke) -> None:
    text = invoke("--help").stdout
    for command in COMMANDS:
        assert f"\n  {command} " in text
        shown = invoke(command, "--help")
        assert shown.exit_code == 0
        assert shown.stdout.startswith("Usage: ")


def test_the_exit_codes_are_those_of_the_errors(invoke: Invoke) -> None:
    listed = dict(line.split(None, 1) for line in invoke("--help").stdout.split("Exit codes:\n")[1].splitlines())
    for error in (
        errors.UsageError,
        errors.InvalidExport,
        errors.CheckpointError,
        errors.DatabaseError,
        errors.TaskBusy,
        errors.Fenced,
        errors.NotConserved,
        errors.VerificationFailed,
    ):
        assert error.__doc__
        assert error.__doc__.startswith(listed[str(error.exit_code)].rstrip(".")[:40])
    assert {"0", "70", "74", "130", "143"} <= set(listed)
