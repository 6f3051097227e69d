"""``skype-assets verify``: everything about a task that can be checked, checked."""

import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug
from skype_assets.etl.errors import CheckpointError, UsageError, VerificationFailed

if TYPE_CHECKING:
    from skype_assets.etl.task import Task
    from skype_assets.etl.tasks.verification import Findings, Sample


def _percent(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    try:
        percent = float(value.removesuffix("%"))
    except ValueError:
        percent = 0.0
    if not 0 < percent <= 100:
        raise click.BadParameter(f"{value!r} is no share above 0 % and up to 100 %")
    return percent


@click.command()
@click.argument("task_id", metavar="TASK")
@options.output_dir
@click.option("--source", type=options.Named("export", exists=True), help="The export.  [default: where it was]")
@click.option("--sample", "percent", callback=_percent, metavar="N%", help="Read N percent of the files, not all.")
@click.option("--seed", type=int, help="Draw the same sample again.  [default: another one every time]")
@options.as_json
@click.option("--report", type=options.Named(dir_okay=False), help="Write the result to this file, too.")
@debug
@options.placed
def verify(
    task_id: str,
    output_dir: Path,
    source: Path | None,
    percent: float | None,
    seed: int | None,
    as_json: bool,
    report: Path | None,
) -> None:
    """Compare TASK's files, its export and the database with what was recorded.

    Read again are: the export (size, SHA-256), the files of all phases, the bytes of every message in the export, the
    account of messages, the ledger and the tables in the database. Every row must be there column by column as the
    checkpoint says, whatever was loaded since; but for messages of which another export has a better copy.

    Nothing is changed. What is compressed is unpacked to TMPDIR meanwhile. The exit code is 0 only if nothing failed.
    """
    import secrets

    from skype_assets.etl.checkpoints.directory import Directory
    from skype_assets.etl.tasks.verification import Sample, verify

    task = saved(task_id, output_dir, source)
    sample = None
    if percent is not None:
        sample = Sample(percent, secrets.randbelow(2**32) if seed is None else seed)
    began = datetime.now(UTC)
    with terminal.err().status("") as status:
        findings = verify(task, sample, begun=lambda check: status.update(f"checking: {check}"))
    document = _document(task, sample, findings, began)
    if report is not None:
        Directory(report.parent).make().put(report.name, json.dumps(document, indent=2).encode())
    if as_json:
        terminal.write_json(document)
    else:
        _show(task, sample, findings)
    if failed := findings.failed:
        names = ", ".join(check.name for check in failed)
        raise VerificationFailed(f"task {task_id}: {len(failed)} of {len(findings.checks)} checks failed: {names}")


def saved(task_id: str, output_dir: Path, source: Path | None = None) -> "Task":
    """The task, with what its manifest tells of export and database, if it can be read."""
    from skype_assets.etl.task import Task
    from skype_assets.etl.tasks import resuming
    from skype_assets.etl.tasks.layout import manifest_name
    from skype_assets.etl.tasks.record import TaskRecord

    if not output_dir.is_dir() and options.is_given("output_dir"):
        raise UsageError(f"--output-dir: there is no folder {output_dir}")
    manifest = output_dir / manifest_name(task_id)
    try:
        state = TaskRecord.load(manifest) if manifest.exists() else None
    except CheckpointError:  # the verification says so
        state = None
    if state is None:
        return Task(task_id, output_dir, source)
    if source is None and state.file_source is not None and state.file_source.exists():
        source = state.file_source
    return Task(task_id, output_dir, source, resuming.database(state))


def _document(task: "Task", sample: "Sample | None", findings: "Findings", began: datetime) -> dict[str, Any]:
    """The result for programs, and to be filed: no message text, no password."""
    ended = datetime.now(UTC)
    return {
        "task_id": task.task_id,
        "passed": not findings.failed,
        "started_at": began.isoformat(),
        "seconds": round((ended - began).total_seconds(), 3),
        "sample": {"percent": sample.percent, "seed": sample.seed} if sample else None,
        "checks": [
            {"check": check.name, "status": check.status.lower(), "detail": check.detail} for check in findings.checks
        ],
        "phases": _phases(task),
        "tables": {table: {"rows": rows} for table, rows in findings.rows.items()},
        "source": str(task.source) if task.source else None,
        "database": findings.server or None,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def _phases(task: "Task") -> dict[str, Any]:
    from skype_assets.etl.checkpoints import state as states
    from skype_assets.etl.phases import FOLDERS

    found: dict[str, Any] = {}
    for phase, asset in FOLDERS.items():
        try:
            state = states.read(task.folder.folder(asset))
        except CheckpointError:  # the checks have it
            continue
        if state is not None:
            found[phase] = {
                "status": state.status,
                "updated_at": state.updated_at.isoformat(),
                "attempts": state.attempts,
                "parts": len(state.parts),
                "bytes": sum(file.bytes for record in state.records for file in record.files.values()),
                "counts": state.counts(),
                "inputs": state.inputs,
                "fingerprint": state.fingerprint,
            }
    return found


def _show(task: "Task", sample: "Sample | None", findings: "Findings") -> None:
    if sample is not None:
        print(f"{task.task_id}: a sample of {sample.percent:g} % of the files (again with: --seed {sample.seed})")
    width = max(len(check.name) for check in findings.checks)
    for check in findings.checks:
        print(f"{check.name:<{width}}  {check.status:<11}  {terminal.printable(check.detail)}")
