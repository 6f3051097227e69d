"""Calls to ``skype_assets.registration``, the side of Dagster, in a process of its own.

Importing Dagster takes seconds, and the plain library must neither need it nor be broken by it.
"""

import sys
from dataclasses import dataclass
from typing import Final

from skype_assets.etl import interruption, places

WARNING: Final = "warning: "
"""How a line begins that somebody should read although the call succeeded."""


@dataclass(frozen=True)
class Answer:
    """How the call ended: its exit code, what it wrote to stdout, why it failed, and what it warns about."""

    returncode: int
    text: str
    reason: str
    warnings: tuple[str, ...] = ()


def registration(*arguments: str, database: str | None = None) -> Answer:
    """Run ``python -m skype_assets.registration`` with these arguments, paths absolute, where Dagster's files are.

    ``database`` is the one of the task; None = the environment names it.
    """
    place = places.find()
    chosen = {"SKYPE_DATABASE_URL": database} if database else {}  # its password is nothing for argv
    done = interruption.run_child(
        [sys.executable, "-m", "skype_assets.registration", *arguments],
        errors="backslashreplace",
        # What dagster.yaml says of folders is meant from there; and nobody asked for Dagster's telemetry.
        cwd=place.home if place.home.is_dir() else None,
        env={**place.environment, "DAGSTER_DISABLE_TELEMETRY": "1", **chosen},
    )
    complaints = [line for line in done.stderr.splitlines() if line.strip()]
    reason = complaints[-1].removeprefix("error: ") if complaints else f"exit code {done.returncode}"
    warnings = tuple(line for line in complaints if line.startswith(WARNING))
    return Answer(done.returncode, done.stdout.strip(), reason, warnings)
