"""The media parts of extract: objects of an export by hash and place, and their bytes in the store.

They come after the messages. An object is durable before the part that names it is recorded; bytes that are in the
store are not written again. One that cannot be read - of a damaged entry of a zip, say - is recorded with the reason,
and costs nobody the messages. Nothing is decoded.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import msgspec
import pyarrow as pa

from skype_assets.etl.checkpoints import parts
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.media_store import MediaStore
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.state import PartRecord
from skype_assets.etl.content.file_types import LOOKED_AT
from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.archive import Export
from skype_assets.etl.export.members import object_of, printable
from skype_assets.etl.export.objects import Place, Places, blocks
from skype_assets.etl.export.source import Digest, mark
from skype_assets.etl.export.unpacking import readable
from skype_assets.etl.phases.phase import Done, PartFiles, Work
from skype_assets.etl.schema import raw_tables

TABLE: Final = "objects"
"""The raw table that media parts have, and no others."""

_LONGEST_PROBLEM: Final = 500


class Object(NamedTuple):
    """A media object of an export: its row in ``media``, where it is, its place in the export, its digest if known."""

    ordinal: int
    name: str
    size: int
    place: Place | None
    offset: int | None
    digest: Digest | None


def is_media_part(part: PartRecord) -> bool:
    """Whether a part of extract has objects and no messages."""
    return TABLE in part.files


def media_of(raw: PhaseTables) -> pa.Table:
    """The raw table ``media``, with ids and indexes as the names of its members say them.

    Older extracts spelled ids in lower case, and took an index that they could not hold for the object's own.
    """
    media = raw["media"].to_table()
    found = [object_of(name) for name in media["member"].to_pylist()]
    for place, column in enumerate(("document_id", "media_index")):
        field = media.schema.get_field_index(column)
        values = pa.array([one[place] for one in found], media.schema.field(field).type)
        media = media.set_column(field, media.schema.field(field), values)
    return media


def recorded(folder: Directory, part: PartRecord, columns: list[str]) -> list[dict[str, Any]]:
    """Rows of a media part.

    Raises:
        CheckpointDamaged: its file is gone, or not what was written.
    """
    return parts.read(folder.path, part.files[TABLE]).read(columns, use_threads=False).to_pylist()


def media_parts(
    export: Export,
    path: Path,
    digests: Mapping[int | str, Digest],
    done: Sequence[PartRecord],
    number: int,
    store: MediaStore | None,
    files: PartFiles,
    most: tuple[int, int],
) -> Iterator[Work]:
    """The media parts that are not done.

    Args:
        export: the open export.
        path: where it lies.
        digests: what is known of its objects: those of its ``Source``.
        done: the media parts that are recorded.
        number: of the next part.
        store: where bytes are kept; None = they are not.
        files: where the parts go.
        most: objects, and their bytes, in a part; a larger object makes a part of its own.
    """
    members = [(ordinal, member.size) for ordinal, member in enumerate(export.media) if not member.is_side_file]
    first = msgspec.json.decode(done[-1].cursor, type=int) if done else 0
    progress = done[-1].progress if done else (export.messages.size if export.messages else 0)
    while first < len(members):
        last, size = first, 0
        while last < len(members):
            if last > first and (last - first == most[0] or size + members[last][1] > most[1]):
                break
            size += members[last][1]
            last += 1
        progress += size
        objects = [_object(export, path, digests, ordinal) for ordinal, _ in members[first:last]]
        part = _ObjectsPart(number, objects, store, files, progress, last)
        if all(one.digest is not None for one in objects):
            yield Done(part())  # the system copies what is known: other processes would wait for the same disk
        elif all(one.place is not None for one in objects):
            yield part
        else:  # what was unpacked lies in a file without a name: no other process can read that
            yield Done(part.done_with(lambda one: export.content(export.media[one.ordinal])))
        first, number = last, number + 1


def put_back(export: Export, ordinal: int, store: MediaStore) -> bytes:
    """Write an object into the store again, durable after its ``sync``; returns the SHA-256 of its bytes.

    Raises:
        InvalidExport: it cannot be read.
    """
    member = export.media[ordinal]
    with readable(printable(member.name)), export.content(member) as stream:
        return store.put(blocks(stream, member.size, member.name))


def _object(export: Export, path: Path, digests: Mapping[int | str, Digest], ordinal: int) -> Object:
    member = export.media[ordinal]
    place = export.place(member)
    if place is None or export.is_copy:
        return Object(ordinal, member.name, member.size, place, None, None)
    return Object(ordinal, member.name, member.size, place, place.offset, digests.get(_key(path, place)))


def _key(export: Path, place: Place) -> int | str:
    """What the digests of a ``Source`` call a place."""
    if place.path == export:
        return -1 if place.offset is None else place.offset
    return place.path.relative_to(export).as_posix()


def _place(one: Object) -> Place:
    assert one.place is not None, "else this process has done the part"
    return one.place


@dataclass(frozen=True)
class _ObjectsPart:
    number: int
    objects: Sequence[Object]
    store: MediaStore | None
    files: PartFiles
    progress: int
    next: int

    def __call__(self) -> PartRecord:
        with Places() as places:
            return self.done_with(lambda one: places.open(_place(one)))

    def done_with(self, content: Callable[[Object], BinaryIO]) -> PartRecord:
        """Do the part, given what opens an object."""
        began = time.monotonic()
        rows = [self._row(one, content) for one in self.objects]
        if self.store is not None:
            self.store.sync()
        return self.files.write(
            self.number,
            {TABLE: pa.Table.from_pylist(rows, raw_tables.OBJECTS)},
            began=began,
            progress=self.progress,
            counts={
                "objects": len(rows),
                "objects_kept": sum(row["kept"] for row in rows),
                "objects_unreadable": sum(row["problem"] is not None for row in rows),
            },
            cursor=self.next,
        )

    def _row(self, one: Object, content: Callable[[Object], BinaryIO]) -> dict[str, Any]:
        row = {
            "ordinal": one.ordinal,
            "member": one.name,
            "size": one.size,
            "offset": one.offset,
            "kept": False,
            "problem": None,
        }
        try:
            reading = _Reading(one, content)
            sha256 = reading.digest(self.store)
        except InvalidExport as damage:
            return {**row, "problem": damage.problem[:_LONGEST_PROBLEM]}
        if one.digest is not None and one.digest.sha256 != sha256:
            raise InvalidExport("was changed while it was read", member=printable(one.name), remedy="Run it again")
        return {**row, "sha256": sha256, "head": reading.head, "kept": self.store is not None}


class _Reading:
    """One reading of an object; ``head`` are its first bytes."""

    def __init__(self, one: Object, content: Callable[[Object], BinaryIO]) -> None:
        self.head = b""
        self._one = one
        self._content = content

    def digest(self, store: MediaStore | None) -> bytes:
        """Its SHA-256; its bytes are in the store afterwards, if there is one.

        What is known is not read again, and what has not changed since it was hashed is copied by the system.
        """
        one = self._one
        if one.digest is not None and (store is None or store.holds(one.digest.sha256, one.size) or self._copy(store)):
            if not self.head:
                with readable(printable(one.name)), self._opened() as stream:
                    self.head = stream.read(LOOKED_AT)
            return one.digest.sha256
        if store is not None:
            return store.put(self._blocks(one))
        digest = hashlib.sha256()
        for block in self._blocks(one):
            digest.update(block)
        return digest.digest()

    def _copy(self, store: MediaStore) -> bool:
        """Copy it into the store; False, and nothing is there, if it may not be what was hashed.

        Entries of a zip are read as such, as they have checksums of their own.
        """
        place, known = self._one.place, self._one.digest
        if place is None or known is None or place.entry is not None or place.offset is None:
            return False
        with place.path.open("rb", buffering=0) as file:
            is_copied = store.copy(
                file.fileno(), place.offset, place.size, known.sha256, lambda: mark(file.fileno()) == known.mark
            )
            if is_copied:
                self.head = os.pread(file.fileno(), min(LOOKED_AT, place.size), place.offset)
            return is_copied

    def _opened(self) -> BinaryIO:
        with readable(printable(self._one.name)):
            return self._content(self._one)

    def _blocks(self, one: Object) -> Iterator[bytes]:
        with self._opened() as stream:
            for block in blocks(stream, one.size, one.name):
                self.head = self.head or block[:LOOKED_AT]
                yield block
