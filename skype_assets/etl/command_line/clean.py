"""``skype-assets clean``: remove checkpoints that nobody needs any more."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skype_assets.etl import quantities
from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug
from skype_assets.etl.errors import OnHold, TaskBusy, UsageError

if TYPE_CHECKING:
    from skype_assets.etl.checkpoints.left_over import LeftOver
    from skype_assets.etl.tasks.media import Unreferenced
    from skype_assets.etl.tasks.retention import Entry


@click.command()
@options.output_dir
@click.option("--keep", type=click.IntRange(0), metavar="N", help="Keep the N newest complete tasks.")
@click.option(
    "--older-than",
    type=click.FloatRange(0, 36_500),
    metavar="DAYS",
    help="Remove only what was last changed so many days ago.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@options.as_json
@debug
@options.placed
def clean(output_dir: Path, keep: int | None, older_than: float | None, dry_run: bool, as_json: bool) -> None:
    """Remove checkpoints and their manifests. Rows in the database are never touched.

    With --keep, complete tasks beyond the N newest go. With --older-than, tasks that were last changed more than DAYS
    ago go, complete or not. Given both, a task goes if both say so; one that is not complete, if its age does.

    The newest complete task stays in any case, and so does the newest complete one of each export, what is in use, and
    what is on hold (has a file `hold` in its folder).
    What --reset moved aside and left-over copies of streams go when they are a day old. Media objects go when no task
    refers to them any more, set aside or not. In a store, what attempts have left that were ended goes when it is a day
    old, and what old entries of logs hold.

    A task that was removed can be run again from its export; that changes nothing in the database. What it loaded is
    taken out of the database by `unload`, before or after.
    """
    from skype_assets.etl.tasks import retention
    from skype_assets.etl.tasks.media import remove_unreferenced

    found = retention.entries(output_dir)
    age = None if older_than is None else timedelta(days=older_than)
    is_told = keep is not None or age is not None
    # Told nothing, show what anything could remove.
    chosen = retention.removable(found, keep=keep, older_than=age if is_told else timedelta())
    busy: dict[str, str] = {}
    if is_told and not dry_run:
        for entry in chosen:
            try:
                retention.remove(output_dir, entry)
            except (TaskBusy, OnHold) as error:  # since a moment ago: it stays, the others go
                busy[entry.name] = str(error)
    removed = [entry for entry in chosen if entry.name not in busy]
    is_done = is_told and not dry_run
    media = remove_unreferenced(output_dir, {entry.name for entry in removed}, is_rehearsal=not is_done)
    left = retention.remove_left_over(output_dir, is_rehearsal=not is_done)
    if as_json:
        terminal.write_json(_as_json(found, removed, busy, media, left, is_done=is_done))
    else:
        _show(found, removed, busy, media, left, is_done=is_done)
        _show_rows_left(output_dir, found, removed)
    if not is_told:
        raise UsageError("nothing was removed: say what may go, with --keep N or --older-than DAYS")


def _as_json(
    found: "list[Entry]",
    removed: "list[Entry]",
    busy: dict[str, str],
    media: "Unreferenced",
    left: "LeftOver",
    *,
    is_done: bool,
) -> dict[str, Any]:
    gone = {entry.name for entry in removed}
    return {
        "removed" if is_done else "would_remove": [_details(entry) for entry in removed],
        "media": {"objects": media.objects, "bytes": media.bytes, "kept_because": media.reason or None},
        "left_over": {"objects": left.objects, "bytes": left.bytes},
        "freed_bytes": sum(entry.bytes for entry in removed) + media.bytes + left.bytes if is_done else 0,
        "kept": [
            {**_details(entry), "reason": busy.get(entry.name) or entry.kept or None}
            for entry in found
            if entry.name not in gone
        ],
    }


def _details(entry: "Entry") -> dict[str, Any]:
    return {
        "name": entry.name,
        "kind": entry.kind,
        "is_complete": entry.is_complete,
        "updated_at": entry.updated_at.isoformat(),
        "bytes": entry.bytes,
    }


def _show(
    found: "list[Entry]",
    removed: "list[Entry]",
    busy: dict[str, str],
    media: "Unreferenced",
    left: "LeftOver",
    *,
    is_done: bool,
) -> None:
    for entry in removed:
        print(f"{'removed' if is_done else 'would remove'}: {_line(entry)}")
    gone = {entry.name for entry in removed}
    for entry in found:
        if entry.name not in gone and (reason := busy.get(entry.name) or entry.kept):
            print(f"kept: {_line(entry)}, {terminal.printable(reason)}")
    if media.objects:
        told = f"{media.objects:,} media objects that no task refers to, {quantities.size(media.bytes)}"
        print(f"{'removed' if is_done else 'would remove'}: {told}")
    if left.objects:
        told = f"{left.objects:,} files that nobody recorded or needs any more, {quantities.size(left.bytes)}"
        print(f"{'removed' if is_done else 'would remove'}: {told}")
    if media.reason:
        print(f"kept: all media objects, {terminal.printable(media.reason)}")
    total = quantities.size(sum(entry.bytes for entry in removed) + media.bytes + left.bytes)
    if not removed and not media.objects and not left.objects:
        print("nothing to remove")
    else:
        print(f"freed: {total}" if is_done else f"would free: {total}")


def _show_rows_left(output_dir: Path, found: "list[Entry]", removed: "list[Entry]") -> None:
    """How the rows are taken out that no task which stays is about, one export each."""
    from skype_assets.etl.task import export_id_for

    gone = {entry.name for entry in removed}
    stays = {entry.source_sha256 for entry in found if entry.name not in gone and entry.kind == "task"}
    left: dict[str, str] = {}
    for entry in removed:
        if entry.has_rows and entry.source_sha256 is not None and entry.source_sha256 not in stays:
            # By its id: the database may know the export by another task that has loaded it as well.
            export = ("--export", export_id_for(entry.source_sha256), *options.elsewhere(output_dir))
            left.setdefault(entry.source_sha256, terminal.command("unload", entry.name, *export))
    if left:
        print("rows stay in the database; to take them out:", *left.values(), sep="\n  ")


def _line(entry: "Entry") -> str:
    what = {"task": "" if entry.is_complete else ", not complete"}.get(entry.kind, f", {entry.kind}")
    return f"{terminal.printable(entry.name)}{what}, {quantities.size(entry.bytes)}, {terminal.when(entry.updated_at)}"
