"""``make`` takes the interpreter that is asked for, or says why it cannot; so does the package."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]


def interpreter(path: Path, version: str, body: str = "", *, name: str = "CPython") -> Path:
    """A script that answers like an interpreter of that version as far as ``make`` asks."""
    major, minor, *_ = version.split(".")
    code = (
        f"import platform, sys; platform.python_version = lambda: {version!r}; "
        f"platform.python_implementation = lambda: {name!r}; sys.version_info = ({major}, {minor}); "
        f"sys.version = {version!r}; {body or 'pass'}; sys.argv = sys.argv[1:]; exec(sys.argv[1])"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile and nothing to install."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "setup.py", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    return folder


def make(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHON", "MAKEFLAGS", "EXPORT", "TESTS")}
    return subprocess.run(
        ["make", *arguments], cwd=checkout, env={**kept, **environment}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("version", "name", "body", "reason"),
    [
        ("3.10.13", "CPython", "", "CPython 3.10.13: CPython 3.11 or newer is needed"),
        ("3.11.9", "PyPy", "", "PyPy 3.11.9: CPython 3.11 or newer is needed"),
        ("3.11.2", "CPython", "sys.modules['ensurepip'] = None", "ensurepip"),
    ],
)
def test_an_interpreter_that_cannot_be_used_is_refused_by_name_before_anything_is_made(
    version: str, name: str, body: str, reason: str, checkout: Path, tmp_path: Path
) -> None:
    asked = interpreter(tmp_path / "bin" / "python", version, body, name=name)
    for given in (("run", f"PYTHON={asked}"), ("test", f"PYTHON={asked}")):
        refused = make(checkout, *given)
        assert refused.returncode == 2
        assert f"{asked}: cannot be used" in refused.stderr
        assert reason in refused.stderr
        assert "Traceback" not in refused.stderr
    assert not list(checkout.glob(".venv*"))


def test_an_interpreter_that_is_not_there_is_refused_by_name(checkout: Path) -> None:
    refused = make(checkout, "run", PYTHON="/nowhere/python")
    assert refused.returncode == 2
    assert "/nowhere/python: cannot be used" in refused.stderr
    assert not list(checkout.glob(".venv*"))


def test_another_interpreter_than_that_of_the_environment_gets_one_of_its_own(checkout: Path, tmp_path: Path) -> None:
    asked = interpreter(tmp_path / "bin" / "python", "3.11.2")
    assert ".venv/bin/skype-assets run" in make(checkout, "-n", "run", f"PYTHON={asked}").stdout
    interpreter(checkout / ".venv" / "bin" / "python", "3.13.1")
    for own in (make(checkout, "-n", "run", f"PYTHON={asked}"), make(checkout, "-n", "run", PYTHON=str(asked))):
        assert ".venv-3.11.2/bin/skype-assets run" in own.stdout
        assert "pip install" in own.stdout
        assert ".venv/" not in own.stdout.replace(f"{checkout}/.venv/", "")
    assert ".venv/bin/skype-assets run" in make(checkout, "-n", "run").stdout
    same = make(checkout, "-n", "run", f"PYTHON={checkout}/.venv/bin/python")
    assert ".venv/bin/skype-assets run" in same.stdout


@pytest.mark.parametrize("module", ["skype_assets.etl.command_line", "skype_assets.registration"])
def test_the_package_says_which_python_it_needs_in_one_line(module: str) -> None:
    code = f"import sys, runpy; sys.version_info = (3, 9, 18); runpy.run_module({module!r}, run_name='__main__')"
    refused = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert refused.stderr == f"skype-assets needs CPython 3.11 or newer; this is cpython 3.9, {sys.executable}\n"
