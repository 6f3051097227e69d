"""Every Python and shell block in README.md and docs/ does what it says: it is run.

Blocks marked ```python and ```bash are run in their order, those of one page in one folder, which has a sample export
(skype_export.tar), the examples, and `python` and `skype-assets` on its path; the environment names a database.
A block must end well, or as its mark says (```bash exit=1). What is not to be run is marked otherwise, e.g. ```text.
Blocks that need an extra (```python needs=frames) are run by the tests that have it.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from skype_assets.etl.sample import write_sample

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(r"^(?P<fence>```+)(?P<mark>[^\n`]*)\n(?P<code>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL)
_PROGRAMS = {"python": [sys.executable], "bash": ["bash", "-euo", "pipefail"]}


@dataclass(frozen=True)
class Block:
    """A block that is to be run: where it begins, in what language it is, and the exit code that it ends with."""

    line: int
    language: str
    code: str
    exit_code: int


def blocks(page: Path, *extras: str) -> Iterator[Block]:
    """The blocks of a page that are to be run, where these extras are installed."""
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        language, *options = found["mark"].split() or [""]
        named = dict(option.split("=") for option in options) if language in _PROGRAMS else {}
        if language in _PROGRAMS and named.get("needs") in (None, *extras):
            line = text.count("\n", 0, found.start()) + 1
            yield Block(line, language, found["code"], int(named.get("exit", 0)))


@pytest.mark.parametrize("page", [page for page in PAGES if list(blocks(page))], ids=lambda page: page.name)
def test_the_snippets_of_a_page_run(page: Path, postgres_url: str, tmp_path: Path) -> None:
    run(page, tmp_path, postgres_url)


def run(page: Path, folder: Path, database: str, *extras: str) -> None:
    """Run the blocks of a page in an empty folder; each must end as it says."""
    environment = prepare(folder, database)
    for block in blocks(page, *extras):
        script = folder / f"block-{block.line}"
        script.write_text(block.code, encoding="utf-8")
        done = subprocess.run(
            [*_PROGRAMS[block.language], script.name],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == block.exit_code, f"{page.name}:{block.line}\n{done.stdout}\n{done.stderr}"


def test_there_are_snippets_in_both_languages_and_some_that_fail_on_purpose() -> None:
    found = [block for page in PAGES for block in blocks(page)]
    assert {block.language for block in found} == set(_PROGRAMS)
    assert {block.exit_code for block in found} == {0, 1, 2}


def prepare(folder: Path, database: str) -> dict[str, str]:
    """Fill the folder of a page; the environment for its blocks."""
    write_sample(folder / "skype_export.tar", messages=1_000)
    (folder / "examples").symlink_to(ROOT / "examples")
    programs = folder / ".bin"
    programs.mkdir()
    for name, arguments in (("python", ""), ("skype-assets", " -m skype_assets.etl.command_line")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n')
        program.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME" and not name.startswith("PG")}
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    place = {"SKYPE_HOME": str(folder), "SKYPE_DATABASE_URL": database}
    return {**kept, **place, "PATH": path, "PYTHONPATH": str(ROOT)}
