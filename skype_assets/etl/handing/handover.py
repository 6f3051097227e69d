"""A hand-over from beginning to end: select, ask for room, write in a format, say what it is, give it its name."""

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final

from skype_assets.etl.database.session import Session
from skype_assets.etl.handing import report as reports
from skype_assets.etl.handing.media import Media
from skype_assets.etl.handing.output import Output, output
from skype_assets.etl.handing.plain import Speaker
from skype_assets.etl.handing.selection import Selection, Wanted, select
from skype_assets.etl.pages.message import Renderer
from skype_assets.etl.reading import evidence
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.reading.evidence import Origin
from skype_assets.etl.reading.files import Files
from skype_assets.etl.reading.messages import Message
from skype_assets.etl.reading.snapshots import Snapshots
from skype_assets.etl.version import PACKAGE, SCHEMA

DOCUMENT: Final = "selection.json"
"""The file that says what was selected."""

Progress = Callable[[int, int], None]
"""Called with the messages that are written, and how many there are."""


@dataclass(frozen=True)
class Spoken:
    """A message in its conversation, where it was taken from, and whoever can say what it is."""

    of: Conversation
    message: Message
    source: Origin
    speaker: Speaker


@dataclass
class HandOver:
    """What a format writes: a selection, read by a session, into an output."""

    session: Session
    selection: Selection
    output: Output
    media: Media
    progress: Progress
    done: int = 0
    figures: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def zone(self) -> tzinfo:
        """The zone of days and of times that are shown."""
        return self.selection.wanted.zone

    def read(self) -> Iterator[tuple[Conversation, list[Message], dict[str, str]]]:
        """All messages, some at once, with the names of the people in them; says how far it is."""
        self.progress(0, self.selection.messages)
        for chapter, messages, names in self.selection.read(self.session):
            yield chapter.of, messages, names
            self.done += len(messages)
            self.progress(self.done, self.selection.messages)

    def spoken(self) -> Iterator[Spoken]:
        """The same, one by one, to be said without markup."""
        for of, messages, names in self.read():
            speaker = Speaker(Renderer(of, names, self.zone, ()), names)
            origins = evidence.origins(self.session, of, [message.message_id for message in messages])
            for message in messages:
                yield Spoken(of, message, origins[message.message_id], speaker)


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

    Raises:
        UsageError: the selection cannot be understood or is empty, or something else is in the folder.
        NotEnoughSpace: there is not enough room; nothing was written.
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
            hand = HandOver(session, selection, filled, media, progress)
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
