"""``skype-assets status``: how far each task is, from the files of its checkpoints alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from skype_assets.etl import compiled, quantities
from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug
from skype_assets.etl.errors import CheckpointError, InvalidExport, UsageError
from skype_assets.etl.phases import EXTRACT, FACTS, FOLDERS, KEYS_DEFERRED, UNREADABLE
from skype_assets.etl.tasks.pace import percent, work

if TYPE_CHECKING:
    from skype_assets.etl.checkpoints.directory import Directory
    from skype_assets.etl.checkpoints.state import PhaseState
    from skype_assets.etl.tasks.media import Members

_INDENT: Final = " " * 13


@dataclass(frozen=True)
class PhaseStatus:
    """Where a phase stands.

    ``status`` is ``complete``, ``partial`` (complete, of what is whole of a damaged export), ``running`` (a living
    process works on it), ``interrupted`` (none does any more), ``failed`` (likewise, and the manifest knows why:
    ``problem``), ``outdated`` (made by older code, or from what the phase before it no longer is; done anew by the next
    run), ``not started``, ``unloading`` or ``unloaded`` (of a load: its rows are being taken out of the database, or
    were), ``damaged`` (``problem`` says how), or ``being removed`` (``clean`` was interrupted; the next one finishes).
    """

    status: str
    state: "PhaseState | None" = None
    problem: str = ""
    is_final: bool = False
    """Whether another try would fail the same way."""

    @property
    def percent(self) -> int:
        """Share of the phase's work that is recorded."""

        if self.state is None:
            return 0
        return 0 if self.state.status == "unloaded" else percent(*work(self.state))


@click.command()
@click.argument("task", required=False)
@options.output_dir
@options.as_json
@debug
@options.placed
def status(task: str | None, output_dir: Path, as_json: bool) -> None:
    """Show how far every task is, or one TASK in detail.

    Reads the files of the checkpoints, nothing else; whatever works on a task meanwhile is not disturbed.
    """
    found = {name: phases_of(output_dir / name) for name in ([task] if task else _tasks(output_dir))}
    if task:
        _check(task, output_dir, found[task])
    if as_json:
        folder = output_dir / task if task else None
        terminal.write_json({name: _as_json(phases, folder) for name, phases in found.items()})
    elif not found:
        print(f"no tasks in {terminal.printable(output_dir)}; begin with: {terminal.command('run', 'FILE')}")
    for name, phases in found.items():
        if not as_json:
            _show(name, output_dir, phases, in_detail=task is not None)
    if deferred := sum(_is_deferred(phases) for phases in found.values()):
        terminal.say(
            f"note: {deferred:,} of these left foreign keys to {terminal.command('db', 'complete')}; whether that is "
            f"still to be done: {terminal.command('db', 'status')}"
        )
    if compiled.reader is None:
        terminal.say(f"note: {compiled.ABSENCE}")


def phases_of(folder: Path) -> dict[str, PhaseStatus]:
    """Where each phase of a task stands."""
    from skype_assets.etl.checkpoints.attempt import is_worked_on
    from skype_assets.etl.checkpoints.directory import Directory
    from skype_assets.etl.tasks.layout import REMOVING

    if folder.name.startswith(REMOVING):
        return {name: PhaseStatus("being removed") for name in FOLDERS}
    task = Directory(folder)
    try:
        is_running = is_worked_on(task)
    except CheckpointError:
        is_running = False
    phases: dict[str, PhaseStatus] = {}
    before: PhaseState | None = None
    for name, asset in FOLDERS.items():
        phases[name] = _phase(name, task.folder(asset), before, is_running=is_running)
        before = phases[name].state
    return {name: _with_failure(folder, name, phase) for name, phase in phases.items()}


def _is_deferred(phases: dict[str, PhaseStatus]) -> bool:
    load = phases["load"].state
    return load is not None and KEYS_DEFERRED in load.counts()


def _with_failure(folder: Path, name: str, phase: PhaseStatus) -> PhaseStatus:
    """The phase, with why it ended if it failed: states do not tell that, the manifest does."""
    from skype_assets.etl.tasks import manifest as manifests
    from skype_assets.etl.tasks.layout import manifest_name

    path = folder.parent / manifest_name(folder.name)
    if phase.status not in ("interrupted", "not started") or not path.is_file():
        return phase
    try:
        known = manifests.load(path).context
    except CheckpointError:  # what it knows is for people only
        return phase
    report = known.phase_results.get(name)
    errors = [error for error in known.errors if error.phase == name and error.fatal]
    if report is None or report.status != "failed" or not errors:
        return phase
    problem = errors[-1].message.partition("\n")[0] or errors[-1].type
    return PhaseStatus("failed", phase.state, problem, is_final=errors[-1].type == InvalidExport.__name__)


def _phase(name: str, folder: "Directory", before: "PhaseState | None", *, is_running: bool) -> PhaseStatus:
    from skype_assets.etl.checkpoints.state import read

    try:
        state = read(folder)
    except CheckpointError as error:
        return PhaseStatus("damaged", problem=str(error))
    if state is None:
        return PhaseStatus("not started")
    if state.status == "running":
        return PhaseStatus("running" if is_running else "interrupted", state)
    if state.status == "unloading" and not is_running:
        output_dir = folder.path.parent.parent
        finish = terminal.command("unload", state.task_id, *options.elsewhere(output_dir), "--yes")
        return PhaseStatus("unloading", problem=f"interrupted; {finish} finishes it")
    if state.status in ("unloading", "unloaded"):
        return PhaseStatus(state.status, state)
    made_from = {asset: state.inputs[asset] for asset in FOLDERS.values() if asset in state.inputs}
    # What an older extract made still serves.
    is_own = name == EXTRACT.name or state.inputs.get("code_version", FACTS[name].version) == FACTS[name].version
    is_current = is_own and (before is None or before.fingerprint in made_from.values())
    done = "partial" if UNREADABLE in state.counts() else "complete"
    return PhaseStatus(done if is_current else "outdated", state)


def _tasks(output_dir: Path) -> list[str]:
    """Tasks in a folder, and those that ``clean`` was removing."""
    from skype_assets.etl.tasks.layout import folders

    return [folder.name for folder, kind in folders(output_dir) if kind in ("task", "being removed")]


def _check(task: str, output_dir: Path, phases: dict[str, PhaseStatus]) -> None:
    from skype_assets.etl.task import check_task_id

    if not (output_dir / check_task_id(task)).is_dir():
        raise UsageError(f"there is no task {task} in {output_dir}; see {terminal.command('status')}")
    if damaged := [phase for phase in phases.values() if phase.status == "damaged"]:
        raise CheckpointError(damaged[0].problem)


def _as_json(phases: dict[str, PhaseStatus], folder: Path | None) -> dict[str, Any]:
    """Of a task that is named, whose folder this is, members are told as well."""
    members = _members(folder) if folder is not None else None
    counted = {"members": {"seen": members.seen, **members.kinds}} if members is not None else {}
    return {
        name: {
            "status": phase.status,
            "percent": phase.percent,
            **({"problem": phase.problem} if phase.problem else {}),
            **_details(phase),
            **(counted if name == EXTRACT.name else {}),
        }
        for name, phase in phases.items()
    }


def _members(folder: Path) -> "Members | None":
    """The members of a task's export by kind, if they can be told."""
    from skype_assets.etl.checkpoints.directory import Directory
    from skype_assets.etl.tasks.media import members_of

    try:
        return members_of(Directory(folder))
    except (CheckpointError, OSError):  # what is wrong with it is said of the phase, or by `verify`
        return None


def _details(phase: PhaseStatus) -> dict[str, Any]:
    state = phase.state
    if state is None:
        return {}
    counts = state.counts()
    media = {"media_objects": counts["objects"], "media_kept": counts["objects_kept"]} if "objects" in counts else {}
    return {
        "messages": counts.get("messages", 0),
        **media,
        "started_at": state.started_at.isoformat(),
        "updated_at": state.updated_at.isoformat(),
        "attempts": state.attempts,
        "parts": len(state.parts),
        "bytes": state.bytes,
        "fingerprint": state.fingerprint,
        "source_name": state.source_name,
        "source_size": int(state.inputs["source_size"]),
        "source_sha256": state.inputs["source_sha256"],
    }


def _show(task: str, output_dir: Path, phases: dict[str, PhaseStatus], *, in_detail: bool) -> None:
    from skype_assets.etl.tasks.retention import remove_left_over

    details = {name: _details(phase) for name, phase in phases.items()}
    source = next((d for d in details.values() if "source_name" in d), None)
    print(task + (f"  ({terminal.printable(source['source_name'])})" if source else ""))
    if in_detail and source:
        print(f"  source: {quantities.size(source['source_size'])}, SHA-256 {source['source_sha256']}")
    for name, phase in phases.items():
        print(_line(name, phase, details[name]).rstrip())
        if in_detail and phase.state:
            print(f"{_more(details[name])}\n{_INDENT}fingerprint {details[name]['fingerprint']}")
        if in_detail and name == EXTRACT.name and (members := _members(output_dir / task)) is not None:
            print(f"{_INDENT}members: {members}")
        if in_detail and details[name].get("media_objects"):
            print(f"{_INDENT}media: {details[name]['media_objects']:,} objects, {details[name]['media_kept']:,} kept")
        if phase.status == "failed" and phase.problem:
            print(f"{_INDENT}{terminal.printable(phase.problem)}")
    if in_detail and (left := remove_left_over(output_dir, task, is_rehearsal=True)).objects:
        print(f"{_INDENT}left over in the store: {left.objects:,} objects, {quantities.size(left.bytes)}")
    if to_do := _to_do(output_dir / task, phases):
        print(f"{_INDENT}{to_do}")


def _to_do(folder: Path, phases: dict[str, PhaseStatus]) -> str:
    """How a task that nobody works on goes on, as a command to type; empty if it is complete or under way."""
    from skype_assets.etl.tasks.layout import manifest_name

    found = {phase.status for phase in phases.values()}
    if found & {"running", "unloading", "damaged", "being removed"}:  # the last three say so themselves
        return ""
    if any(phase.is_final for phase in phases.values()):
        return "run a whole copy of the export, or what is whole of this one (run --salvage)"
    manifest = folder.parent / manifest_name(folder.name)
    if found == {"partial"}:
        return "all is loaded that is whole of a damaged export; a whole copy of it would complete it"
    if found == {"complete"} or not manifest.is_file():
        return ""
    what = "to load it again" if phases["load"].status == "unloaded" else "go on with"
    return f"{what}: {terminal.command('resume', str(manifest))}"


def _line(name: str, phase: PhaseStatus, details: dict[str, Any]) -> str:
    if phase.state is None:
        return (
            f"  {name:<10} {phase.status:<12} {terminal.printable('' if phase.status == 'failed' else phase.problem)}"
        )
    updated = terminal.when(phase.state.updated_at)
    return f"  {name:<10} {phase.status:<12} {phase.percent:>3} %  {details['messages']:>12,} messages  {updated}"


def _more(details: dict[str, Any]) -> str:
    return f"{_INDENT}{details['parts']} parts, {quantities.size(details['bytes'])}, {details['attempts']} attempts"
