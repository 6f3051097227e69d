"""``skype-assets run``: an export, through all phases, into the database."""

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from skype_assets.etl.command_line import terminal
from skype_assets.etl.command_line.exit_codes import debug, resumable
from skype_assets.etl.command_line.registration import registration

if TYPE_CHECKING:
    from skype_assets.etl.command_line.progress import Display
    from skype_assets.etl.command_line.summary import PhaseRun
    from skype_assets.etl.export.source import Source
    from skype_assets.etl.journal import Progress
    from skype_assets.etl.task import Task

HASHING_SHOWN: Final = 200_000_000
"""Bytes from which reading an export for its fingerprint takes long enough to be shown."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--task-id", help="Name of the task.  [default: made from the export's name and content]")
@click.option(
    "--output-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default="output",
    show_default=True,
    help="Folder of all checkpoints.",
)
@click.option("--reset", "is_reset", is_flag=True, help="Start again; what is there is moved aside, not removed.")
@click.option("--max-workers", type=int, help="Processes that work at the same time.  [default: one per core]")
@click.option("--chunk-size", type=int, help="Messages in a part, at most.  [default: 100000]")
@click.option("--user-display-name", help="Name of the export's owner, where the export does not tell.")
@click.option("--json", "as_json", is_flag=True, help="Write the result as one JSON object to stdout.")
@click.option("--no-report", is_flag=True, help="Do not tell Dagster what was done.")
@debug
@click.pass_context
def run(
    context: click.Context,
    file: Path,
    task_id: str | None,
    output_dir: Path,
    is_reset: bool,
    max_workers: int | None,
    chunk_size: int | None,
    user_display_name: str | None,
    as_json: bool,
    no_report: bool,
) -> None:
    """Load an export into the database.

    FILE is what Skype delivered: a .tar, or what became of it (.tar.gz, .zip, messages.json, an unpacked folder).

    Interrupted at any point, by anything, the same command goes on where it stopped. Doing what is done already
    changes nothing. The database is SKYPE_DATABASE_URL, else that of libpq's variables, else the embedded server.
    """
    resumable(context, "--reset")

    from skype_assets.etl.checkpoints.reset import reset
    from skype_assets.etl.command_line import summary
    from skype_assets.etl.command_line.progress import display
    from skype_assets.etl.database.session import Session
    from skype_assets.etl.database.url import database_url
    from skype_assets.etl.task import Settings, Task, task_id_for

    settings = Settings(max_workers=max_workers, user_display_name=user_display_name)
    if chunk_size is not None:
        settings = replace(settings, chunk_size=chunk_size)
    with display(terminal.err()) as shown:
        source = _fingerprint(file, shown)
        name = task_id_for(source) if task_id is None else task_id
        task = Task(name, output_dir, file, settings=settings, fingerprint=source)
        Session(database_url()).close()  # a database that refuses should do so now, not after extract
        if is_reset and (aside := reset(task)):
            terminal.say(f"moved aside: {aside}")
        phases = _run_phases(task, shown)
    if as_json:
        terminal.write_json(summary.as_json(task, phases))
    else:
        summary.show(terminal.out(), task, phases)
    if not no_report:
        _report(task)


def _fingerprint(file: Path, shown: "Display") -> "Source":
    from skype_assets.etl.export.source import fingerprint

    total = _bytes_to_hash(file)
    if total < HASHING_SHOWN:
        return fingerprint(file)
    shown.begin("fingerprint")
    source = fingerprint(file, lambda done: shown.advance("fingerprint", done, total, "bytes"))
    shown.end("fingerprint", f"SHA-256 {source.sha256[:12]}...")
    return source


def _bytes_to_hash(file: Path) -> int:
    """Bytes of an export; of a folder at most so many, of what is not there none."""
    files = file.rglob("*") if file.is_dir() else [file]
    return sum(path.lstat().st_size for path in files if path.is_file())


def _run_phases(task: "Task", shown: "Display") -> "list[PhaseRun]":
    from skype_assets.etl import engine
    from skype_assets.etl.command_line.summary import PhaseRun

    before: dict[str, float] = {}  # share of the work that an earlier run has done

    def observe(progress: "Progress") -> None:
        before.setdefault(progress.phase, progress.done / progress.total if progress.total else 0.0)
        shown.advance(progress.phase, progress.done, progress.total, progress.unit)

    runs: list[PhaseRun] = []
    for phase in engine.PHASES:
        shown.begin(phase)
        result = engine.run_phase(task, phase, observe)
        shown.end(phase, "from checkpoint" if result.from_checkpoint else terminal.duration(result.seconds))
        runs.append(PhaseRun(result, before.get(phase, 1.0)))
    return runs


def _report(task: "Task") -> None:
    """Tell Dagster, if there is one here. The load has succeeded by now: nothing that goes wrong there undoes it."""
    if not os.environ.get("DAGSTER_HOME") and not Path("dagster.yaml").is_file():
        return
    places = {"--task-id": task.task_id, "--output-dir": str(task.output_dir), "--source": str(task.source)}
    arguments = ["report", *(text for pair in places.items() for text in pair)]
    with terminal.err().status("reporting to Dagster"):
        reported = registration(*arguments)
    if reported.returncode:
        terminal.say(
            f"warning: the load is complete, but was not reported to Dagster: {reported.reason} "
            f"(again with: python -m skype_assets.registration {shlex.join(arguments)})"
        )
