"""An export that is being opened: what is known of it while its members are gone through."""

import io
import mmap
import os
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Final, cast

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export import foreign
from skype_assets.etl.export.foreign import GIVE_EXPORT, MAX_NAMES
from skype_assets.etl.export.json_syntax import CUT_SHORT
from skype_assets.etl.export.members import (
    MAX_SIDE_FILE,
    MediaMember,
    Member,
    MemberKind,
    is_endpoints,
    media_member,
    printable,
)
from skype_assets.etl.export.objects import Place
from skype_assets.etl.export.source import unreadable

MAX_MEDIA: Final = 1_000_000
"""Media members of one export; each costs some 300 bytes of memory."""


@dataclass(frozen=True)
class MessagesMember:
    """The ``messages.json`` of an export; ``buffer`` is its bytes, mapped and read-only."""

    name: str
    size: int
    buffer: memoryview
    _mapping: mmap.mmap | None = field(default=None, repr=False)
    _before: int = 0

    def forget(self, offset: int) -> None:
        """Let go of the memory of what lies before ``offset``; it can still be read, at the cost of reading again."""
        length = (self._before + offset) // mmap.PAGESIZE * mmap.PAGESIZE
        if self._mapping and length:
            self._mapping.madvise(mmap.MADV_DONTNEED, 0, length)


@dataclass
class Opening:
    """What is known of an export while its members are gone through.

    ``archives`` are members that may be the export itself; ``within`` is the one whose members are gone through.
    """

    name: str
    scratch: Path
    with_objects: bool = False
    format: str = ""
    members: int = 0
    counts: Counter[MemberKind] = field(default_factory=Counter)
    bytes: Counter[MemberKind] = field(default_factory=Counter)
    names: list[str] = field(default_factory=list)
    messages: MessagesMember | None = None
    media: list[MediaMember] = field(default_factory=list)
    endpoints: list[Member] = field(default_factory=list)
    archives: list[tuple[str, Callable[[], BinaryIO]]] = field(default_factory=list)
    within: str = ""
    content: Callable[[Member], BinaryIO] = field(default=lambda member: io.BytesIO())
    place: Callable[[Member], Place | None] = field(default=lambda member: None)
    resources: ExitStack = field(default_factory=ExitStack)

    def add(self, name: str, size: int, position: int) -> Member | None:
        """Note a file that has no messages; returns it if its bytes may be asked for."""
        if len(self.names) < MAX_NAMES:
            self.names.append(self.within + name)
        media = media_member(self.within + name, size, position)
        if media:
            if len(self.media) == MAX_MEDIA:
                raise InvalidExport(f"holds more than {MAX_MEDIA} media members", member=self.name)
            self.media.append(media)
            self.count("side file" if media.is_side_file else "media", size)
            return media
        self.count("endpoints" if is_endpoints(name) else "other", size)
        if not is_endpoints(name) or size > MAX_SIDE_FILE:
            return None
        self.endpoints.append(Member(self.within + name, size, position))
        return self.endpoints[-1]

    def count(self, kind: MemberKind, size: int) -> None:
        """Count a member as what it is."""
        self.counts[kind] += 1
        self.bytes[kind] += size

    def add_messages(self, name: str, file: BinaryIO, offset: int, size: int) -> memoryview:
        """Map the messages, which are a range of a file."""
        self.count("messages", size)
        name = self.within + name
        if self.messages:
            problem = f"holds messages twice: {printable(self.messages.name)} and {printable(name)}"
            raise InvalidExport(problem, member=self.name, remedy="Give one export at a time")
        if offset + size > os.fstat(file.fileno()).st_size:
            raise InvalidExport("the archive ends within this member", member=printable(name), remedy=CUT_SHORT)
        if not size:  # nothing cannot be mapped
            self.messages = MessagesMember(name, 0, memoryview(b""))
            return self.messages.buffer
        before = offset % mmap.ALLOCATIONGRANULARITY
        mapping = mmap.mmap(file.fileno(), before + size, access=mmap.ACCESS_READ, offset=offset - before)
        buffer = memoryview(mapping)[before:]
        self.resources.callback(_unmap, buffer, mapping)
        self.messages = MessagesMember(name, size, buffer, mapping, before)
        return buffer

    def nothing_found(self) -> InvalidExport:
        """What to raise if there are neither messages nor media with a document id."""
        if known := foreign.by_names(self.names):
            return known.refusal(self.name)
        return InvalidExport("holds neither messages.json nor media of Skype", member=self.name, remedy=GIVE_EXPORT)

    def open(self, path: Path) -> BufferedReader:
        """Open a file for as long as the export is open."""
        try:
            return self.resources.enter_context(path.open("rb"))
        except OSError as error:
            raise unreadable(path, error) from error

    def private_file(self) -> BinaryIO:
        """A file without a name that only this process can read; it is gone when the export is closed."""
        self.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cast(BinaryIO, self.resources.enter_context(tempfile.TemporaryFile(dir=self.scratch)))


def _unmap(buffer: memoryview, mapping: mmap.mmap) -> None:
    """Unmap now, or, while somebody still holds a slice, when that is gone."""
    with suppress(BufferError):
        buffer.release()
        mapping.close()
