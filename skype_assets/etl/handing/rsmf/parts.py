"""A part of a conversation's day: events are collected, and become a file when it is known how many parts there are."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

import msgspec

from skype_assets.etl.handing.handover import Spoken
from skype_assets.etl.handing.media import Kept
from skype_assets.etl.handing.output import Output
from skype_assets.etl.handing.rsmf import checks, envelope
from skype_assets.etl.handing.rsmf.events import SYSTEM, Event, Presence, collection_id, instant, named
from skype_assets.etl.handing.rsmf.manifest import VERSION
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.version import PACKAGE

MOST_EVENTS: Final = 10_000
MOST_BYTES: Final = 200_000_000

Stream = IO[bytes]

_DIRECT: Final = ("direct", "bot", "phone")


@dataclass(frozen=True)
class Day:
    """What the parts of a day have in common.

    Attributes:
        of: the conversation.
        day: in the zone of the hand-over, as ``2019-03-05``.
        name: how the names of its files begin.
        presence: who was there.
        people: what those who take part are called, by id.
        exports: hashes (hex) of the exports, by id.
        selection: the headers that say what was selected.
        is_whole: whether the whole conversation is.
    """

    of: Conversation
    day: str
    name: str
    presence: Presence
    people: dict[str, str]
    exports: dict[str, str]
    selection: list[tuple[str, str]]
    is_whole: bool


@dataclass(frozen=True)
class Listed:
    """A file that was written, as it stands in the list beside the files."""

    file: str
    bytes: int
    sha256: str
    conversation: str
    title: str
    begin: str
    end: str
    events: int
    attachments: int
    missing: int


@dataclass
class Part:
    """Events of one file; when it is closed, what is large of it lies in files of ``folder`` that have no names.

    Without a folder, in those of the system, which nothing needs that is done in memory.
    """

    of_day: Day
    folder: Path | None = None
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    lines: list[str] = field(default_factory=list[str])
    names: dict[str, str] = field(default_factory=dict[str, str])
    exports: set[str] = field(default_factory=set[str])
    files: dict[str, Kept] = field(default_factory=dict[str, Kept])
    attachments: int = 0
    missing: int = 0
    bytes: int = 0
    count: int = 0
    begin: datetime | None = None
    end: datetime | None = None
    sender: str = SYSTEM
    members: list[str] = field(default_factory=list[str])
    sha256: str = ""
    manifest: Stream | None = None
    text: Stream | None = None

    def has_room_for(self, event: Event) -> bool:
        """Whether one more event goes into the same file."""
        size = sum(kept.size for kept in event.files.values())
        return not self.events or (len(self.events) < MOST_EVENTS and self.bytes + size <= MOST_BYTES)

    def add(self, event: Event, spoken: Spoken) -> None:
        """Put an event at its end."""
        if not self.events:
            self.begin, self.sender = event.at, spoken.message.sender_id or SYSTEM
        self.end = event.at
        self.events.append(event.document)
        self.lines.append(event.line)
        for id in event.people:
            self.names.setdefault(id, self.of_day.people.get(id) or spoken.speaker.name(id))
        self.exports.add(spoken.source.export_id)
        self.bytes += sum(kept.size for id, kept in event.files.items() if id not in self.files)
        self.files |= event.files
        self.attachments += len(event.document.get("attachments", ()))
        self.missing += event.missing

    def close(self) -> None:
        """Write the manifest and the text beside, and forget the events."""
        of = self.of_day.of
        acting = [id for id in self.names if id != SYSTEM]
        assert self.begin is not None
        there = self.of_day.presence.at(self.begin) if of.kind not in _DIRECT else self.of_day.presence.all()
        self.members = list(dict.fromkeys([of.owner_id, *there, *(acting if of.kind in _DIRECT else ())]))
        for id in self.members:
            self.names.setdefault(id, self.of_day.people.get(id, id))
        manifest = msgspec.json.encode(self._manifest())
        self.sha256, self.count = hashlib.sha256(manifest).hexdigest(), len(self.events)
        self.manifest, self.text = self._beside(), self._beside()
        self.manifest.write(manifest)
        self.text.write("".join(f"{line}\r\n" for line in self.lines).encode())
        self.events, self.lines = [], []

    def _beside(self) -> Stream:
        return checks.beside(self.folder)

    def _manifest(self) -> dict[str, Any]:
        of = self.of_day.of
        people = [
            {
                "id": id,
                "display": display,
                "account_id": id,
                **({"custom": named(("is owner", "true"))} if id == of.owner_id else {}),
            }
            for id, display in sorted(self.names.items())
        ]
        exports = [
            pair
            for id in sorted(self.exports)
            for pair in (("export", id), (f"SHA-256 of export {id}", self.of_day.exports.get(id)))
        ]
        conversation = {
            "id": of.conversation_id,
            "platform": "skype",
            "participants": sorted(self.members),
            "display": of.title,
            "type": "direct" if of.kind in _DIRECT else "channel",
            "custodian": of.owner_id,
            "custom": named(
                ("kind", of.kind),
                ("conversation", of.conversation_id),
                *exports,
                (f"messages {'in' if self.of_day.is_whole else 'selected of'} the conversation", str(of.message_count)),
            ),
        }
        return {
            "version": VERSION,
            "participants": people,
            "conversations": [conversation],
            "events": self.events,
            "eventcollectionid": collection_id(of.owner_id, of.conversation_id),
        }

    def name(self, number: int, parts: int) -> str:
        """What the file is called."""
        return f"{self.of_day.name}_{self.of_day.day}_{number}of{parts}.rsmf"

    def write(self, out: BinaryIO, number: int, parts: int, media: Output | None = None) -> Listed:
        """Write the file, which can be read, too, and read it back.

        Args:
            out: where to; it stays open.
            number: which part of its day it is.
            parts: how many there are.
            media: where the files of messages are, if there are any.

        Raises:
            VerificationFailed: it is not what it should be.
        """
        assert self.begin is not None
        assert self.end is not None
        assert self.manifest is not None
        assert self.text is not None
        files = {id: media.path(kept.name) for id, kept in self.files.items()} if media is not None else {}
        with self.manifest, self.text, self._beside() as packed:
            envelope.pack(packed, self.manifest, files)
            envelope.envelope(out, self._headers(number, parts), self.sha256, self.text, packed)
        file, of = self.name(number, parts), self.of_day.of
        checked = checks.checked(file, out, self.folder)
        described = (of.conversation_id, of.title, instant(self.begin), instant(self.end))
        return Listed(file, checked.size, checked.sha256, *described, checked.events, self.attachments, self.missing)

    def _headers(self, number: int, parts: int) -> list[tuple[str, str]]:
        of, day = self.of_day.of, self.of_day.day
        assert self.begin is not None
        assert self.end is not None
        members = dict.fromkeys([self.sender, *self.members])
        people = [(self.names[id], id) for id in members]
        named = [name.replace(",", " ") for id, name in sorted(self.names.items()) if id != SYSTEM]
        exports = [self.of_day.exports[id] for id in sorted(self.exports) if id in self.of_day.exports]
        part = f" ({number}/{parts})" if parts > 1 else ""
        own: list[tuple[str, str]] = [
            ("X-RSMF-Version", VERSION),
            ("X-RSMF-Generator", f"skype-assets {PACKAGE}"),
            ("X-RSMF-BeginDate", instant(self.begin)),
            ("X-RSMF-EndDate", instant(self.end)),
            ("X-RSMF-EventCount", str(self.count)),
            ("X-RSMF-Application", "Skype"),
            ("X-RSMF-Custodian", self.names[of.owner_id]),
            ("X-RSMF-Participants", ", ".join(named)),
            ("X-RSMF-AttachmentCount", str(self.attachments)),
            ("X-RSMF-EventCollectionID", collection_id(of.owner_id, of.conversation_id)),
            ("X-RSMF-ExportSHA256", ", ".join(exports)),
            ("X-RSMF-Part", f"{number}/{parts}"),
            ("X-RSMF-ManifestSHA256", self.sha256),
            *self.of_day.selection,
        ]
        date = envelope.date(self.begin)
        return [
            ("From", envelope.mailboxes(people[:1])),
            ("To", envelope.mailboxes(people)),
            ("Subject", envelope.header(f"{of.title}, {day}{part}")),
            *([("Date", date)] if date is not None else ()),
            ("Message-ID", f"<{self.sha256[:32]}@{envelope.DOMAIN}>"),
            *((name, envelope.header(value)) for name, value in own if value),
        ]
