"""Media of tasks: what is kept of them and whole, and what in the store nobody refers to any more.

Who refers to an object is nowhere counted: the raw checkpoints of the tasks say it. What one cannot be asked for may
be referred to, so that nothing goes then.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

from skype_assets.etl import interruption
from skype_assets.etl.checkpoints import parts
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.media_store import MediaStore
from skype_assets.etl.checkpoints.store_media import StoreMedia
from skype_assets.etl.checkpoints.working_copy import refresh
from skype_assets.etl.errors import CheckpointError
from skype_assets.etl.phases import EXTRACT
from skype_assets.etl.phases.media_parts import is_media_part, recorded
from skype_assets.etl.tasks import layout

COLUMNS: Final = ["ordinal", "member", "size", "sha256", "kept", "problem"]
"""Columns of the raw table ``objects`` that tell what is kept."""

MEMBERS: Final = "members"
"""The raw table that counts the members of an export by kind."""

_AT_A_TIME: Final = 1_000


@dataclass(frozen=True)
class KeptMedia:
    """What is kept of the media objects of a task.

    Attributes:
        objects: how many its export has, as far as they are recorded.
        bytes: of all of them.
        kept: how many are kept and there; ``kept_bytes`` their bytes.
        not_kept: how many the task does not keep.
        elsewhere: how many of these are in the store all the same, as another task keeps the same bytes.
        unreadable: members that the export itself does not give, each with why.
        missing: members that were kept and are not there.
        damaged: members that were kept and have another size, or other bytes, if the bytes were read.
    """

    objects: int = 0
    bytes: int = 0
    kept: int = 0
    kept_bytes: int = 0
    not_kept: int = 0
    elsewhere: int = 0
    unreadable: Sequence[str] = field(default_factory=tuple[str, ...])
    missing: Sequence[str] = field(default_factory=tuple[str, ...])
    damaged: Sequence[str] = field(default_factory=tuple[str, ...])


def objects(task: Directory) -> Iterator[dict[str, Any]]:
    """The media objects of a task that are recorded: rows of the raw table ``objects``.

    Raises:
        CheckpointError: state or parts cannot be read.
    """
    folder = task.folder(EXTRACT.asset)
    state = states.read(folder)
    for part in state.parts if state is not None else ():
        if is_media_part(part):
            yield from recorded(folder, part, COLUMNS)


@dataclass(frozen=True)
class Members:
    """All members of an export: how many were seen, and how many are of each kind that there is."""

    seen: int
    kinds: Mapping[str, int]

    @property
    def balances(self) -> bool:
        """Whether each that was seen is of one kind."""
        return self.seen == sum(self.kinds.values())

    def __str__(self) -> str:
        return f"{self.seen:,} seen = {' + '.join(f'{count:,} {kind}' for kind, count in self.kinds.items())}"


def members_of(task: Directory) -> Members | None:
    """The members of a task's export, as they were counted; None if they were not, or by a release that did not.

    Raises:
        CheckpointError: state or part cannot be read.
    """
    folder = task.folder(EXTRACT.asset)
    state = states.read(folder)
    for part in state.parts if state is not None else ():
        if MEMBERS in part.files:
            rows = parts.read(folder.path, part.files[MEMBERS]).read(["kind", "members"], use_threads=False).to_pylist()
            return Members(part.counts["members"], {row["kind"]: row["members"] for row in rows})
    return None


def kept_media(rows: Iterable[dict[str, Any]], store: MediaStore, *, quick: bool = False) -> KeptMedia:
    """Look after the objects of ``objects``.

    Args:
        rows: the objects.
        store: where they are kept.
        quick: only look whether they are there; else they are read.
    """
    found, missing, damaged, unreadable = KeptMedia(), list[str](), list[str](), list[str]()
    for row, size_there in _looked_for(rows, store):
        interruption.check()
        sha256, size, is_kept = row["sha256"], row["size"], False
        if row["kept"] and size_there is None:
            missing.append(row["member"])
        elif row["kept"] and (size_there != size or not (quick or store.is_whole(sha256, size))):
            damaged.append(row["member"])
        else:
            is_kept = row["kept"]
        if row["problem"] is not None:
            unreadable.append(f"{row['member']}: {row['problem']}")
        is_left = not row["kept"] and row["problem"] is None
        found = replace(
            found,
            objects=found.objects + 1,
            bytes=found.bytes + size,
            kept=found.kept + is_kept,
            kept_bytes=found.kept_bytes + (size if is_kept else 0),
            not_kept=found.not_kept + is_left,
            elsewhere=found.elsewhere + (is_left and size_there == size),
        )
    return replace(found, missing=missing, damaged=damaged, unreadable=unreadable)


def _looked_for(rows: Iterable[dict[str, Any]], store: MediaStore) -> Iterator[tuple[dict[str, Any], int | None]]:
    """Rows, each with the bytes that are there of its object; some at a time, as a store is slow to say of each."""
    left = iter(rows)
    while some := list(islice(left, _AT_A_TIME)):
        sizes = store.sizes(row["sha256"] for row in some if row["sha256"] is not None)
        for row in some:
            yield row, sizes.get(row["sha256"])


@dataclass(frozen=True)
class Unreferenced:
    """Objects of the store that no task refers to: how many, and their bytes; ``reason`` why they stay, if they do."""

    objects: int = 0
    bytes: int = 0
    reason: str = ""


def remove_unreferenced(output_dir: Path, gone: Collection[str] = (), *, is_rehearsal: bool = False) -> Unreferenced:
    """Remove the objects that no task of an output folder refers to.

    Args:
        output_dir: the folder.
        gone: folders of tasks that count as gone.
        is_rehearsal: only count.
    """
    store = MediaStore(output_dir)
    with store.alone() as is_alone:
        if not is_alone:
            return Unreferenced(reason="an export is being extracted")
        try:
            if store.in_store is not None:
                return _remove_from_store(store, store.in_store, output_dir, gone, is_rehearsal=is_rehearsal)
            if next(store.objects(), None) is None:
                return Unreferenced()
            referred = _referred(output_dir, gone)
        except CheckpointError as error:
            return Unreferenced(reason=f"who needs them cannot be told: {error}")
        found = Unreferenced()
        for sha256, size in store.objects():
            if sha256 not in referred:
                found = replace(found, objects=found.objects + 1, bytes=found.bytes + size)
                if not is_rehearsal:
                    store.remove(sha256)
        return found


def _remove_from_store(
    store: MediaStore, in_store: StoreMedia, output_dir: Path, gone: Collection[str], *, is_rehearsal: bool
) -> Unreferenced:
    """Remove them from the store of a working copy, and from the copy what it has of them."""

    def referred() -> set[bytes]:
        refresh(output_dir)
        return _referred(output_dir, gone)

    swept = in_store.sweep(referred, is_rehearsal=is_rehearsal)
    if not is_rehearsal:
        here = list(store.objects_here())
        there = store.sizes(sha256 for sha256, _ in here)
        for sha256, _ in here:
            if sha256 not in there:
                store.remove_here(sha256)
    return Unreferenced(swept.objects, swept.bytes)


def copy_kept(task: Directory, store: MediaStore, to: MediaStore) -> None:
    """Let another store have what is kept of a task, too."""
    rows = [row for row in objects(task) if row["kept"]]
    if rows:
        with to.shared():
            for row in rows:
                to.take(row["sha256"], row["size"], store)
            to.sync()


def remove_damaged(task: Directory, store: MediaStore) -> int:
    """Remove what is kept of a task and is not whole, so that the next run writes it anew; how many that were.

    Nothing happens while an export is being extracted.
    """
    removed = 0
    with store.alone() as is_alone:
        for row in objects(task) if is_alone else ():
            if row["kept"] and store.sizes([row["sha256"]]):
                interruption.check()
                if not store.is_whole(row["sha256"], row["size"]):
                    store.remove(row["sha256"])
                    removed += 1
    return removed


def _referred(output_dir: Path, gone: Collection[str]) -> set[bytes]:
    return {
        row["sha256"]
        for folder in layout.tasks(output_dir)
        if folder.name not in gone
        for row in objects(Directory(folder))
        if row["kept"]
    }
