"""A hand-over from beginning to end: select, ask for room, write in a format, say what it is, give it its name."""

import json
import os
import pickle
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import tzinfo
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from skype_assets.etl.database.session import Session
from skype_assets.etl.engine.workers import SYSTEM_MEMORY, in_order
from skype_assets.etl.errors import WorkerLost
from skype_assets.etl.handing import report as reports
from skype_assets.etl.handing.media import Media
from skype_assets.etl.handing.output import DOCUMENT, Output, output
from skype_assets.etl.handing.plain import Speaker
from skype_assets.etl.handing.selection import Passage, Selection, Wanted, select
from skype_assets.etl.pages.message import Renderer
from skype_assets.etl.process_wide import FEW_COLLECTIONS
from skype_assets.etl.reading import evidence
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.reading.evidence import Origin
from skype_assets.etl.reading.files import Files
from skype_assets.etl.reading.messages import Message
from skype_assets.etl.reading.snapshots import Snapshots
from skype_assets.etl.version import PACKAGE, SCHEMA

_FEW: Final = 20_000
"""Messages of which a process alone makes something nearly as soon, as others need a second to begin."""

_MOST_WORKERS: Final = 2
"""Processes that help, at most: all together must not take 300 MB."""

_CHATS: Final = 50
"""Conversations of which something is read at once."""

T = TypeVar("T")

Progress = Callable[[int, int], None]
"""Called with the messages that are written, and how many there are."""


@dataclass(frozen=True)
class Spoken:
    """A message in its conversation, where it was taken from, and whoever can say what it is."""

    of: Conversation
    message: Message
    source: Origin
    speaker: Speaker


class _Packed(Generic[T]):
    """Work, which may go to another process: it is packed by C, which what packs functions does not do."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work

    def __call__(self) -> T:
        """Do it."""
        with FEW_COLLECTIONS:
            return self._work()

    def __reduce__(self) -> tuple[Callable[[bytes], object], tuple[bytes]]:
        return _unpacked, (pickle.dumps(self._work, pickle.HIGHEST_PROTOCOL),)


def _unpacked(packed: bytes) -> _Packed[Any]:
    return _Packed(pickle.loads(packed))  # noqa: S301 - this program's own


@dataclass
class HandOver:
    """What a format writes: a selection, read by a session, into an output.

    ``workers`` are the processes that help; None = as many as there are cores for, if it takes long.
    """

    session: Session
    selection: Selection
    output: Output
    media: Media
    progress: Progress
    workers: int | None = None
    done: int = 0
    figures: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def zone(self) -> tzinfo:
        """The zone of days and of times that are shown."""
        return self.selection.wanted.zone

    def read(self) -> Iterator[list[Passage]]:
        """All messages, some at once; says how far it is."""
        for passages in self.selection.read(self.session):
            yield passages
            self.have_done(sum(len(passage.messages) for passage in passages))

    def have_done(self, messages: int) -> None:
        """Say that so many more messages are written."""
        self.done += messages
        self.progress(self.done, self.selection.messages)

    def of_each(self, read: Callable[[Session, str, list[str]], dict[str, T]]) -> Iterator[T]:
        """What can be read of each conversation of an account, of all in their order; of some at once it is read."""
        for owner_id, chapters in groupby(self.selection.chapters, lambda chapter: chapter.of.owner_id):
            while ids := [chapter.of.conversation_id for chapter in islice(chapters, _CHATS)]:
                found = read(self.session, owner_id, ids)
                yield from (found[id] for id in ids)

    def made(self, work: Iterable[Callable[[], T]]) -> Generator[T]:
        """What comes of work that needs neither the session nor the output, in its order.

        Other processes do it, if there are cores for them and enough to do; this one reads and writes meanwhile.

        Raises:
            WorkerLost: one of them was killed.
        """
        helpers = min(os.cpu_count() or 1, _MOST_WORKERS) if self.selection.messages > _FEW else 0
        workers = helpers if self.workers is None else self.workers
        packed = (_Packed(part) for part in work)
        with SYSTEM_MEMORY, FEW_COLLECTIONS:
            try:
                with closing(in_order(packed, workers, waiting=workers, helps=True)) as made:
                    yield from made
            except WorkerLost:
                raise WorkerLost(
                    "a worker process was killed, perhaps by the system for lack of memory; run the same command again"
                ) from None

    def spoken(self) -> Iterator[Spoken]:
        """The same, one by one, to be said without markup."""
        for passages in self.read():
            owner_id = passages[0].of.owner_id
            keys = [(of.conversation_id, message.message_id) for of, found, _ in passages for message in found]
            origins = evidence.origins(self.session, owner_id, keys)
            for of, found, names in passages:
                speaker = Speaker(Renderer(of, names, self.zone, ()), names)
                for message in found:
                    yield Spoken(of, message, origins[of.conversation_id, message.message_id], speaker)


@dataclass(frozen=True)
class Format:
    """A form in which a selection is handed over.

    Attributes:
        name: what it is called.
        write: writes it.
        message_bytes: room that a message takes at most, beside its text and its files.
        has_media: whether files can be handed over with it.
        media_factor: room that these take, in times of their bytes.
    """

    name: str
    write: Callable[[HandOver], None]
    message_bytes: int
    has_media: bool = True
    media_factor: float = 1.0


@dataclass(frozen=True)
class Handed:
    """What was handed over, and where to."""

    folder: Path
    document: dict[str, Any]


def hand_over(
    database: Callable[[], str],
    format_: Format,
    target: Path,
    wanted: Wanted,
    output_dir: Path,
    *,
    with_media: bool,
    progress: Progress,
    workers: int | None = None,
) -> Handed:
    """Write a selection into a folder, which has its name when it is complete.

    Args:
        database: URL of it.
        format_: how.
        target: the folder; what a hand-over wrote there before is replaced.
        wanted: what is selected.
        output_dir: where the manifests and checkpoints of tasks are: they know where the files of messages lie.
        with_media: whether they are handed over as well.
        progress: told how far it is.
        workers: processes that help; None = as many as there are cores for, if it takes long.

    Raises:
        UsageError: the selection cannot be understood or is empty, or something else is in the folder.
        NotEnoughSpace: there is not enough room; nothing was written, or what was is gone again.
        TaskBusy: another process writes the same folder.
    """
    snapshots = Snapshots(database, wanted.time_zone, is_patient=True)
    try:
        with (
            output(target) as filled,
            tempfile.TemporaryDirectory(prefix=".keys-", dir=filled.folder) as beside,
            snapshots.snapshot() as session,
        ):
            selection = select(session, wanted, Path(beside) / "keys")
            media_bytes = int(selection.media_bytes * format_.media_factor) if with_media else 0
            filled.require_room(selection.messages * format_.message_bytes + 3 * selection.text_bytes + media_bytes)
            media = Media(session, Files(output_dir) if with_media else None, filled)
            progress(0, selection.messages)
            hand = HandOver(session, selection, filled, media, progress, workers)
            format_.write(hand)
            document = {
                "format": format_.name,
                "program": f"skype-assets {PACKAGE}",
                "schema": SCHEMA,
                "selection": selection.document(),
                "files": {"handed_over": media.kept, "not_handed_over": media.missing},
                **({"figures": hand.figures} if hand.figures else {}),
            }
            filled.put(DOCUMENT, (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())
            about = reports.report(session, output_dir, owners=selection.owners, selection=selection)
            filled.put(reports.PAGE, reports.page(about).encode())
    finally:
        snapshots.close()
    return Handed(target, document)
