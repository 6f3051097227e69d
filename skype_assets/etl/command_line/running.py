"""What ``run`` and ``resume`` have in common: the phases with their progress, and what follows them."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

from skype_assets.etl.api.reporting import registration
from skype_assets.etl.command_line import terminal

if TYPE_CHECKING:
    from skype_assets.etl.command_line.display import Display
    from skype_assets.etl.command_line.summary import PhaseRun
    from skype_assets.etl.engine.journal import Progress
    from skype_assets.etl.export.source import Source
    from skype_assets.etl.task import Task
    from skype_assets.etl.tasks.record import TaskRecord

HASHING_SHOWN: Final = 200_000_000
"""Bytes from which reading an export for its fingerprint takes long enough to be shown."""


def fingerprint_shown(file: Path, shown: "Display") -> "Source":
    """The fingerprint of an export, with a progress display if it is large."""
    from skype_assets.etl.export.source import fingerprint, size_of

    total = size_of(file)
    if total < HASHING_SHOWN:
        return fingerprint(file)
    shown.begin("fingerprint")
    source = fingerprint(file, lambda done: shown.advance("fingerprint", done, total, "bytes"))
    shown.end("fingerprint", f"SHA-256 {source.sha256[:12]}...")
    return source


def run_phases(task: "Task", shown: "Display", state: "TaskRecord | None" = None) -> "list[PhaseRun]":
    """Run what is not done of a task; ``state`` is what its manifest tells, if that was read already."""
    from skype_assets.etl import engine
    from skype_assets.etl.command_line.summary import PhaseRun

    before: dict[str, float] = {}  # share of the work that an earlier run has done

    def observe(progress: "Progress") -> None:
        before.setdefault(progress.phase, progress.done / progress.total)
        shown.advance(
            progress.phase, progress.done, progress.total, progress.unit, progress.after_parts, progress.doing
        )

    runs: list[PhaseRun] = []
    for phase in engine.PHASES:
        shown.begin(phase)
        result = engine.run_phase(task, phase, observe, state)
        shown.end(phase, "from checkpoint" if result.from_checkpoint else terminal.duration(result.seconds))
        runs.append(PhaseRun(result, before.get(phase, 1.0)))
    return runs


def conclude(task: "Task", phases: "list[PhaseRun]", *, as_json: bool, no_report: bool) -> None:
    """Give the account of a run, and tell Dagster."""
    from skype_assets.etl.command_line import summary

    if as_json:
        terminal.write_json(summary.as_json(task, phases))
    else:
        summary.show(terminal.out(), task, phases)
    if not no_report:
        report("report", task, "the load is complete")


def report(command: str, task: "Task", done: str) -> None:
    """Tell Dagster, if there is one here. It is ``done`` by now: nothing that goes wrong there undoes it."""
    if not os.environ.get("DAGSTER_HOME") and not Path("dagster.yaml").is_file():
        return
    places = {"--task-id": task.task_id, "--output-dir": str(task.output_dir)}
    if task.source is not None:
        places["--source"] = str(task.source)
    arguments = [command, *(text for pair in places.items() for text in pair)]
    with terminal.err().status("checking what was done, and reporting to Dagster"):
        reported = registration(*arguments, database=task.database)
    if reported.returncode:
        terminal.say(
            f"warning: {done}, but was not reported to Dagster: {reported.reason} "
            f"(again with: python -m skype_assets.registration {shlex.join(arguments)})"
        )
