"""``skype-assets verify``: everything about a task that can be checked, checked."""

import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug, resumable
from skype_assets.etl.errors import CheckpointError, NotAllChecked, UsageError, VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skype_assets.etl.database.matching import Difference
    from skype_assets.etl.task import Task
    from skype_assets.etl.tasks.outcomes import Findings
    from skype_assets.etl.tasks.repairing import Repairs


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
@click.argument("task_id", metavar="[TASK]", required=False)
@click.option("--all", "everything", is_flag=True, help="Prove the whole database against all checkpoints.")
@options.output_dir
@options.checkpoints
@click.option("--repair", is_flag=True, help="First put right what somebody has altered in the database.")
@click.option("--allow-missing", is_flag=True, help="Accept that something cannot be checked (exit code 0, not 14).")
@click.option("--source", type=options.Export(exists=True), help="The export.  [default: where it was]")
@click.option("--sample", "percent", callback=_percent, metavar="N%", help="Read N percent of the files, not all.")
@click.option("--seed", type=int, help="Draw the same sample again.  [default: another one every time]")
@options.as_json
@click.option("--report", type=options.Named(dir_okay=False), help="Write the result to this file, too.")
@debug
@click.pass_context
@options.placed
def verify(
    context: click.Context,
    task_id: str | None,
    everything: bool,
    output_dir: Path,
    checkpoints: tuple[Path, ...],
    repair: bool,
    allow_missing: bool,
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

    With --all the whole database is proven: every row of every table is explained by exactly one checkpoint, every row
    of the checkpoints is there or beaten by a better copy, and the schema is the one that this program makes. What
    differs is named by table and key.

    With --repair rows that were altered, removed or added by hand become first what the checkpoints say, those of the
    account of TASK or, without TASK, all; each is named by table and key. An account is one transaction, and its tasks
    are in use meanwhile. What no checkpoint tells is left as it is, and named. Killed, the same command does it again.

    Nothing else is changed. What is compressed is unpacked to TMPDIR meanwhile. The exit code is 0 only if nothing
    failed (else 11) and nothing was left unchecked (else 14; --allow-missing accepts that).
    """
    everything = everything or (repair and task_id is None)
    if everything == (task_id is not None):
        raise UsageError("name a task, or --all")
    if everything and (source or percent is not None):
        raise UsageError("--source and --sample are for one task: with --all every row is compared")
    began = datetime.now(UTC)
    repairs = _repair(context, task_id, output_dir, checkpoints) if repair else None
    if task_id is None:
        about, document, findings = "the database", *_prove(output_dir, checkpoints, began)
    else:
        about, document, findings = f"task {task_id}", *_verify(task_id, output_dir, source, percent, seed, began)
    if repairs is not None:
        document["repaired"] = _listed(repairs.repaired)
        document["not_repaired"] = list(repairs.left)
    if report is not None:
        from skype_assets.etl.checkpoints.directory import Directory

        Directory(report.parent).make().put_unowned(report.name, json.dumps(document, indent=2).encode())
    if as_json:
        terminal.write_json(document)
    else:
        if repairs is not None:
            _show_repairs(repairs)
        _show(document, findings)
    _conclude(about, findings, allow_missing=allow_missing)


def _prove(output_dir: Path, checkpoints: tuple[Path, ...], began: datetime) -> "tuple[dict[str, Any], Findings]":
    from skype_assets.etl.tasks.proving import prove_all

    folders = [_there(output_dir), *checkpoints]
    with terminal.err().status("") as status:
        findings = prove_all(folders, None, begun=lambda check: status.update(f"checking: {check}"))
    document = {"checkpoints": [str(folder) for folder in folders], **_document(findings, began)}
    return document, findings


def _repair(context: click.Context, task_id: str | None, output_dir: Path, checkpoints: tuple[Path, ...]) -> "Repairs":
    from skype_assets.etl.task import export_id_for
    from skype_assets.etl.tasks.finding import known_state
    from skype_assets.etl.tasks.repairing import repair

    task = saved(task_id, output_dir) if task_id is not None else None
    state = known_state(task.folder) if task is not None else None
    if task is not None and state is None:
        raise UsageError(f"there is no task {task_id} in {output_dir} that tells which export it is about")
    export_id = export_id_for(state.inputs["source_sha256"]) if state is not None else None
    resumable(context)
    with terminal.err().status("looking for what was altered") as status:
        return repair(
            [_there(output_dir), *checkpoints],
            task.database if task is not None else None,
            export_id,
            begun=lambda what: status.update(f"putting right: {terminal.printable(what)}"),
        )


def _show_repairs(repairs: "Repairs") -> None:
    for difference in repairs.repaired:
        print(f"repaired: {terminal.printable(str(difference))}")
    for what in repairs.left:
        print(f"not repaired: {terminal.printable(what)}")
    print(f"{len(repairs.repaired):,} rows were put right" if repairs.repaired else "nothing was put right")


def _verify(
    task_id: str, output_dir: Path, source: Path | None, percent: float | None, seed: int | None, began: datetime
) -> "tuple[dict[str, Any], Findings]":
    import secrets

    from skype_assets.etl.tasks.verification import Sample, verify

    task = saved(task_id, output_dir, source)
    sample = None
    if percent is not None:
        sample = Sample(percent, secrets.randbelow(2**32) if seed is None else seed)
    with terminal.err().status("") as status:
        findings = verify(task, sample, begun=lambda check: status.update(f"checking: {check}"))
    document = {
        "task_id": task.task_id,
        "sample": {"percent": sample.percent, "seed": sample.seed} if sample else None,
        "phases": _phases(task),
        "source": str(task.source) if task.source else None,
        **_document(findings, began),
    }
    return document, findings


def _conclude(about: str, findings: "Findings", *, allow_missing: bool) -> None:
    total = len(findings.checks)
    if failed := findings.failed:
        names = ", ".join(check.name for check in failed)
        raise VerificationFailed(f"{about}: {len(failed)} of {total} checks failed: {names}")
    if (missing := findings.missing) and not allow_missing:
        names = ", ".join(check.name for check in missing)
        raise NotAllChecked(
            f"{about}: nothing is wrong, but {len(missing)} of {total} checks could not be made: {names}; to accept "
            "that, add --allow-missing"
        )


def _there(output_dir: Path) -> Path:
    if not output_dir.is_dir() and options.is_given("output_dir"):
        raise UsageError(f"--output-dir: there is no folder {output_dir}")
    return output_dir


def saved(task_id: str, output_dir: Path, source: Path | None = None) -> "Task":
    """The task, with what its manifest tells of export and database, if it can be read."""
    from skype_assets.etl.task import Task
    from skype_assets.etl.tasks import resuming
    from skype_assets.etl.tasks.layout import manifest_name
    from skype_assets.etl.tasks.record import TaskRecord

    manifest = _there(output_dir) / manifest_name(task_id)
    try:
        state = TaskRecord.load(manifest) if manifest.exists() else None
    except CheckpointError:  # the verification says so
        state = None
    if state is None:
        return Task(task_id, output_dir, source)
    if source is None and state.file_source is not None and state.file_source.exists():
        source = state.file_source
    return Task(task_id, output_dir, source, resuming.database(state))


def _document(findings: "Findings", began: datetime) -> dict[str, Any]:
    """The result for programs, and to be filed: no message text, no password."""
    ended = datetime.now(UTC)
    return {
        "passed": not findings.failed,
        "is_whole": not findings.missing,
        "started_at": began.isoformat(),
        "seconds": round((ended - began).total_seconds(), 3),
        "checks": [
            {
                "check": check.name,
                "status": check.status.lower(),
                "detail": check.detail,
                "differences": _listed(check.named),
            }
            for check in findings.checks
        ],
        "tables": {table: {"rows": rows} for table, rows in findings.rows.items()},
        "database": findings.server or None,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def _listed(differences: "Sequence[Difference]") -> list[dict[str, Any]]:
    return [{"table": one.table, "key": list(one.key), "what": one.what} for one in differences]


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


def _show(document: dict[str, Any], findings: "Findings") -> None:
    if sample := document.get("sample"):
        share, seed = sample["percent"], sample["seed"]
        print(f"{document['task_id']}: a sample of {share:g} % of the files (again with: --seed {seed})")
    width = max(len(check.name) for check in findings.checks)
    for check in findings.checks:
        print(f"{terminal.printable(check.name):<{width}}  {check.status:<11}  {terminal.printable(check.detail)}")
        for difference in check.named[3:]:  # the first are in the detail
            print(f"{'':<{width}}  {'':<11}  {terminal.printable(str(difference))}")
