"""``skype-assets clean``: remove checkpoints that nobody needs any more."""

from dataclasses import dataclass
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
    cleaned = _Cleaned(found, removed, busy, media, left, is_done)
    if as_json:
        terminal.write_json(_as_json(cleaned))
    else:
        _show(cleaned)
        _show_rows_left(output_dir, cleaned)
    if not is_told:
        raise UsageError("nothing was removed: say what may go, with --keep N or --older-than DAYS")


@dataclass(frozen=True)
class _Cleaned:
    """What went of what was found, or would go unless it ``is_done``; ``busy`` says why some did not that were to."""

    found: "list[Entry]"
    removed: "list[Entry]"
    busy: dict[str, str]
    media: "Unreferenced"
    left: "LeftOver"
    is_done: bool

    @property
    def stays(self) -> "list[Entry]":
        """What does not go."""
        gone = {entry.name for entry in self.removed}
        return [entry for entry in self.found if entry.name not in gone]

    @property
    def bytes(self) -> int:
        """How much room it makes."""
        return sum(entry.bytes for entry in self.removed) + self.media.bytes + self.left.bytes

    def reason(self, entry: "Entry") -> str | None:
        """Why something stays that might have gone."""
        return self.busy.get(entry.name) or entry.kept or None


def _as_json(cleaned: _Cleaned) -> dict[str, Any]:
    media, left = cleaned.media, cleaned.left
    return {
        "removed" if cleaned.is_done else "would_remove": [_details(entry) for entry in cleaned.removed],
        "media": {"objects": media.objects, "bytes": media.bytes, "kept_because": media.reason or None},
        "left_over": {"objects": left.objects, "bytes": left.bytes},
        "freed_bytes": cleaned.bytes if cleaned.is_done else 0,
        "kept": [{**_details(entry), "reason": cleaned.reason(entry)} for entry in cleaned.stays],
    }


def _details(entry: "Entry") -> dict[str, Any]:
    return {
        "name": entry.name,
        "kind": entry.kind,
        "is_complete": entry.is_complete,
        "updated_at": entry.updated_at.isoformat(),
        "bytes": entry.bytes,
    }


def _show(cleaned: _Cleaned) -> None:
    media, left, did = cleaned.media, cleaned.left, "removed" if cleaned.is_done else "would remove"
    for entry in cleaned.removed:
        print(f"{did}: {_line(entry)}")
    for entry in cleaned.stays:
        if reason := cleaned.reason(entry):
            print(f"kept: {_line(entry)}, {terminal.printable(reason)}")
    if media.objects:
        print(f"{did}: {media.objects:,} media objects that no task refers to, {quantities.size(media.bytes)}")
    if left.objects:
        print(f"{did}: {left.objects:,} files that nobody recorded or needs any more, {quantities.size(left.bytes)}")
    if media.reason:
        print(f"kept: all media objects, {terminal.printable(media.reason)}")
    if not cleaned.removed and not media.objects and not left.objects:
        print("nothing to remove")
    else:
        print(f"{'freed' if cleaned.is_done else 'would free'}: {quantities.size(cleaned.bytes)}")


def _show_rows_left(output_dir: Path, cleaned: _Cleaned) -> None:
    """How the rows are taken out that no task which stays is about, one export each."""
    from skype_assets.etl.task import export_id_for

    stays = {entry.source_sha256 for entry in cleaned.stays if entry.kind == "task"}
    left: dict[str, str] = {}
    for entry in cleaned.removed:
        if entry.has_rows and entry.source_sha256 is not None and entry.source_sha256 not in stays:
            # By its id: the database may know the export by another task that has loaded it as well.
            export = ("--export", export_id_for(entry.source_sha256), *options.elsewhere(output_dir))
            left.setdefault(entry.source_sha256, terminal.command("unload", entry.name, *export))
    if left:
        print("rows stay in the database; to take them out:", *left.values(), sep="\n  ")


def _line(entry: "Entry") -> str:
    what = {"task": "" if entry.is_complete else ", not complete"}.get(entry.kind, f", {entry.kind}")
    return f"{terminal.printable(entry.name)}{what}, {quantities.size(entry.bytes)}, {terminal.when(entry.updated_at)}"
