"""The account of a run: what was seen, where it went, and how long it took."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from skype_assets.etl.command_line.options import elsewhere
from skype_assets.etl.command_line.terminal import command, duration, printable
from skype_assets.etl.rows import edits
from skype_assets.etl.task import Task, export_id_for
from skype_assets.etl.tasks.doubts import doubts
from skype_assets.etl.tasks.findings import is_partial, whole

if TYPE_CHECKING:
    from skype_assets.etl.checkpoints.parts import PhaseTables
    from skype_assets.etl.engine.journal import PhaseResult


_MEDIA_COUNTS: Final = ("objects", "objects_kept", "objects_unreadable")


@dataclass(frozen=True)
class PhaseRun:
    """A complete phase. ``share_before`` is the part of its work that an earlier run had done."""

    result: "PhaseResult"
    share_before: float


@dataclass(frozen=True)
class _Account:
    """What became of the messages of an export, and the rows by table: in this export, and in the database.

    ``in_database`` has the rows of the export's conversations, and of its account where a table has no conversations,
    whichever export brought them. ``edit_copies`` are those of the loaded messages that an edit left beside another;
    ``replaced`` are the rows that newer code made others, by table: added, changed, removed. ``media`` are extract's
    counts. ``warnings`` is what somebody should know who thinks that all is well.
    """

    source_name: str
    export_id: str
    conservation: dict[str, int]
    conversations: int
    loaded: dict[str, int]
    in_database: dict[str, int]
    edit_copies: int
    replaced: dict[str, dict[str, int]]
    media: dict[str, int]
    warnings: list[str]
    unreadable: dict[str, int]


def as_json(task: Task, phases: Sequence[PhaseRun]) -> dict[str, Any]:
    """The account for programs."""
    account = _account(phases)
    return {
        "task_id": task.task_id,
        "export_id": account.export_id,
        "phases": {
            phase.result.phase: {
                "status": phase.result.state.status,
                "seconds": round(phase.result.seconds, 3),
                "from_checkpoint": phase.result.from_checkpoint,
                "counts": phase.result.state.counts(),
            }
            for phase in phases
        },
        "conservation": account.conservation,
        "conversations": account.conversations,
        "rows": account.loaded,
        "rows_in_database": account.in_database,
        "edit_copies": account.edit_copies,
        "replaced": account.replaced,
        "media": {name: account.media.get(name, 0) for name in ("members", *_MEDIA_COUNTS)},
        "warnings": account.warnings,
        "status": "partial" if account.unreadable else "complete",
        **({"unreadable": account.unreadable} if account.unreadable else {}),
        "checkpoint_dir": str(task.folder.path),
    }


def show(console: Console, task: Task, phases: Sequence[PhaseRun]) -> None:
    """The account for people, and what to do next."""
    account = _account(phases)
    if all(phase.result.from_checkpoint for phase in phases):
        what = f"what is whole of {printable(account.source_name)}" if account.unreadable else account.source_name
        console.print(f"nothing to do: {printable(what)} is loaded already (task {task.task_id})")
    else:
        console.print(_times(account, phases), "")
        console.print(_rows(account))
        console.print(*_meaning(account), "", sep="\n")
        if account.replaced:
            console.print(_replaced(account), "")
    console.print(_conservation(account), "")
    for warning in account.warnings:
        console.print(f"warning: {warning}\n", style="bold yellow")
    console.print(f"{_media(task, account)}\n")
    _show_next(console, task)


def _account(phases: Sequence[PhaseRun]) -> _Account:
    extract, transform, load = (phase.result.tables for phase in phases)
    export = transform.summary("exports").to_pylist()[0]
    loaded: dict[str, int] = {}
    for row in load["loaded_parts"].to_table().to_pylist():
        loaded[row["table"]] = loaded.get(row["table"], 0) + row["rows"]
    in_database = {row["table"]: row["rows"] for row in load.summary("database_state").to_pylist()}
    return _Account(
        source_name=export["source_name"],
        export_id=export_id_for(transform.state.inputs["source_sha256"]),
        conservation={name: export[f"messages_{name}"] for name in ("seen", "loaded", "duplicate", "rejected")},
        conversations=export["conversation_count"],
        loaded={table: loaded[table] for table in in_database if table in loaded},
        in_database=in_database,
        edit_copies=edits.copies(transform.summary("edits")),
        replaced={row.pop("table"): row for row in load.summary("replaced").to_pylist()},
        media=extract.state.counts(),
        warnings=doubts(transform),
        unreadable=_unreadable(transform),
    )


def _unreadable(transform: "PhaseTables") -> dict[str, int]:
    """What is missing of a damaged export: places and bytes that could not be read, conversations cut short."""
    if not is_partial(transform):
        return {}
    figures = whole(transform).figures
    return {name.removeprefix("unreadable_"): count for name, count in figures.items() if isinstance(count, int)}


def _times(account: _Account, phases: Sequence[PhaseRun]) -> Table:
    table = _table("phase", "time", "messages/s", "")
    for phase in phases:
        result = phase.result
        done_now = account.conservation["seen"] * (1 - phase.share_before)
        rate = f"{done_now / result.seconds:,.0f}" if result.seconds > 0 and not result.from_checkpoint else ""
        note = f"{int(100 * phase.share_before)} % from checkpoint" if phase.share_before else ""
        taken = "" if result.from_checkpoint else duration(result.seconds)
        table.add_row(result.phase, taken, rate, "from checkpoint" if result.from_checkpoint else note)
    return table


def _rows(account: _Account) -> Table:
    table = _table("table", "rows loaded", "in the database")
    for name, rows in account.loaded.items():
        table.add_row(name, f"{rows:,}", f"{account.in_database[name]:,}")
    return table


def _replaced(account: _Account) -> Table:
    table = _table("made anew by newer code", "rows added", "changed", "removed")
    for name, rows in account.replaced.items():
        table.add_row(name, *(f"{count:,}" for count in rows.values()))
    return table


def _meaning(account: _Account) -> Iterator[str]:
    """What a person who counts rows in the database has to know."""
    yield "in the database: of these conversations and this account, whichever export brought them;"
    yield "SELECT count(*) counts all conversations of all exports."
    if account.edit_copies:
        yield f"{account.edit_copies:,} of the messages are copies that edits left: those with edit_of."


def _conservation(account: _Account) -> Table:
    table = _table("messages", "seen", "=  loaded", "+  duplicate", "+  rejected")
    counts = account.conservation
    table.add_row(
        f"in {account.conversations:,} conversations",
        *(f"{counts[name]:,}" for name in ("seen", "loaded", "duplicate", "rejected")),
    )
    if missing := account.unreadable:
        table.add_row(f"not read: {missing['bytes']:,} bytes in {missing['places']:,} places")
    return table


def _media(task: Task, account: _Account) -> str:
    """Where the bytes of media are, and whether the export is needed for them."""
    name, counts = printable(account.source_name), account.media
    if not counts.get("members") and counts.get("media"):  # as older releases extracted them
        gone = "" if task.source is not None else " It is not where it was."
        return f"Keep {name}: its media files are in no checkpoint and no table.{gone}"
    objects, kept, unreadable = (counts.get(key, 0) for key in _MEDIA_COUNTS)
    lost = f" {unreadable:,} could not be read: the archive is damaged there." if unreadable else ""
    if kept == objects - unreadable:
        if not objects:
            return f"{name} has no media objects."
        return (
            f"All {kept:,} media objects of {name} are kept; `skype-assets media extract` writes them to files.{lost}"
        )
    return f"Keep {name}: {objects - kept:,} of its {objects:,} media objects are nowhere else.{lost}"


def _show_next(console: Console, task: Task) -> None:
    steps = {
        command("read", *elsewhere(task.output_dir)): "read it and search it, in the browser",
        command("db", "psql"): "look at the tables, in the schema skype",
        command("status", task.task_id, *elsewhere(task.output_dir)): "the task in detail",
        command("dev"): "the web UI",
    }
    width = max(map(len, steps))
    console.print("Next:")
    for step, purpose in steps.items():
        console.print(f"  {step:<{width}}  {purpose}")


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(Text(first))
    for name in others:
        table.add_column(Text(name), justify="right")
    return table
