"""What ``run`` and ``resume`` have in common: the phases with their progress, and what follows them."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from skype_assets.etl import places
from skype_assets.etl.api.reporting import registration
from skype_assets.etl.command_line import terminal
from skype_assets.etl.phases import PHASES

if TYPE_CHECKING:
    from skype_assets.etl.command_line.display import Display
    from skype_assets.etl.command_line.summary import PhaseRun
    from skype_assets.etl.engine.journal import Progress
    from skype_assets.etl.export.source import Source
    from skype_assets.etl.task import Task
    from skype_assets.etl.tasks.record import TaskRecord

HASHING_SHOWN: Final = 200_000_000
"""Bytes from which reading an export for its fingerprint takes long enough to be shown."""


def fingerprint_shown(file: Path, shown: "Display", *, salvage: bool) -> "Source":
    """The fingerprint of an export, with a progress display if it is large; ``salvage`` is that of ``fingerprint``."""
    from skype_assets.etl.export.source import fingerprint, size_of

    total = size_of(file, salvage=salvage)
    if total < HASHING_SHOWN:
        return fingerprint(file, salvage=salvage)
    shown.begin("fingerprint")
    source = fingerprint(file, lambda done: shown.advance("fingerprint", done, total, "bytes"), salvage=salvage)
    shown.end("fingerprint", f"SHA-256 {source.sha256[:12]}...")
    return source


def open_database(explicit: str | None = None, *, create: bool = True) -> str:
    """The URL of the database, as ``reachable_url`` gives it; says so if its server has to be waited for."""
    from skype_assets.etl.postgres.url import reachable_url, server_of

    server = server_of(explicit)
    if server is not None and (create or server.exists) and server.status() is None:
        what = "starting the embedded PostgreSQL" if server.exists else "creating an embedded PostgreSQL, once,"
        terminal.say(f"{what} in {server.directory} ...")
    return reachable_url(explicit, create=create)


def check_database(explicit: str | None = None) -> None:
    """Open the database: one that refuses should do so before any work. Tables of an older version are upgraded."""
    from skype_assets.etl.database import upgrading
    from skype_assets.etl.database.session import Session

    with Session(open_database(explicit)) as session:
        if upgrade := upgrading.bring_up_to_date(session):
            terminal.say(f"upgraded the tables: schema version {upgrade.version} to {upgrading.NEWEST}")


def run_phases(
    task: "Task",
    shown: "Display",
    state: "TaskRecord | None" = None,
    phases: Sequence[str] = PHASES,
    executor: str | None = None,
) -> "list[PhaseRun]":
    """Run what is not done of a task.

    Args:
        task: the task.
        shown: the display.
        state: what its manifest tells, if that was read already.
        phases: of these, what is not done.
        executor: the address of a scheduler whose workers do the parts.
    """
    from skype_assets.etl import engine
    from skype_assets.etl.command_line.summary import PhaseRun

    before: dict[str, float] = {}  # share of the work that an earlier run has done

    def observe(progress: "Progress") -> None:
        before.setdefault(progress.phase, progress.done / progress.total)
        shown.advance(
            progress.phase, progress.done, progress.total, progress.unit, progress.after_parts, progress.doing
        )

    runs: list[PhaseRun] = []
    for phase in phases:
        shown.begin(phase)
        result = engine.run_phase(task, phase, observe, state, executor)
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


def lay_out_here() -> None:
    """Make the place one that Dagster works in, and tell it what was loaded before; nothing if it is one already."""
    from skype_assets.etl.project import lay_out

    place = places.find()
    if place.has_dagster:
        place.require_dagster_home()
        return
    terminal.say(f"laid out: {place.home} ({', '.join(lay_out(place.home))})")
    if place.output_dir.is_dir():
        told = registration("report", "--output-dir", str(place.output_dir))
        if told.returncode:
            terminal.say(f"warning: what is loaded already was not reported to Dagster: {told.reason}")


def report(command: str, task: "Task", done: str) -> None:
    """Tell Dagster, if there is one here. It is ``done`` by now: nothing that goes wrong there undoes it."""
    if not places.find().has_dagster:
        return
    named = {"--task-id": task.task_id, "--output-dir": str(task.output_dir.absolute())}
    if task.source is not None and not task.source.is_relative_to(places.find().spool_dir):
        named["--source"] = str(task.source.absolute())
    arguments = [command, *(text for pair in named.items() for text in pair)]
    with terminal.err().status("checking what was done, and reporting to Dagster"):
        reported = registration(*arguments, database=task.database)
    for warning in reported.warnings:
        terminal.say(warning)
    if reported.returncode:
        terminal.say(
            f"warning: {done}, but was not reported to Dagster: {reported.reason} "
            f"(again with: python -m skype_assets.registration {shlex.join(arguments)})"
        )
