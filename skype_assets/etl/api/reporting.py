"""Calls to ``skype_assets.registration``, the side of Dagster, in a process of its own.

Importing Dagster takes seconds, and the plain library must neither need it nor be broken by it.
"""

import os
import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """How the call ended: its exit code, what it wrote to stdout, and the line that says why it failed."""

    returncode: int
    text: str
    reason: str


def registration(*arguments: str, database: str | None = None) -> Answer:
    """Run ``python -m skype_assets.registration`` with these arguments; None = the environment names the database."""
    done = subprocess.run(
        [sys.executable, "-m", "skype_assets.registration", *arguments],
        stdin=subprocess.DEVNULL,
        env=os.environ | ({"SKYPE_DATABASE_URL": database} if database else {}),  # its password is nothing for argv
        capture_output=True,
        text=True,
        errors="backslashreplace",
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if line.strip()]
    reason = complaints[-1].removeprefix("error: ") if complaints else f"exit code {done.returncode}"
    return Answer(done.returncode, done.stdout.strip(), reason)
