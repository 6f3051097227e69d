"""A copy of what is whole of a damaged archive, which can be opened as any export.

Members up to the damage and behind it, whatever the archive is kept in, and messages that are cut short as far as they
go, are put into a tar archive. What could not be read is listed.
"""

import io
import mmap
import os
import re
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final, cast

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.archive import Export, open_export
from skype_assets.etl.export.form import form_of
from skype_assets.etl.export.members import is_archive, is_endpoints, is_messages, media_member, printable
from skype_assets.etl.export.raw_part import Unreadable
from skype_assets.etl.export.salvage_streams import begins_stream, unpack_all
from skype_assets.etl.export.salvage_tar import next_header, tar_members
from skype_assets.etl.export.salvage_zip import LOCAL_MARK, zip_members
from skype_assets.etl.export.salvaged import MESSAGES_MEMBER, Salvaged, holds_messages

_BLOCK: Final = 1 << 20
_GZIP_HEADER: Final = 10
_json_begins = re.compile(rb"\A(?:\xef\xbb\xbf)?[ \t\r\n]*+[{\[]")


@dataclass(frozen=True)
class Damage:
    """What could not be read of an archive; within its messages, extract finds that.

    ``believed_from`` is that of ``Salvaged``, of the messages.
    """

    unreadable: tuple[Unreadable, ...] = ()
    believed_from: int = 0


def copied(path: Path, scratch: Path, resources: ExitStack, *, only_messages: bool) -> tuple[Export, Damage] | None:
    """Open a damaged archive by way of the copy of what is whole in it; None if that is nothing of an export.

    Args:
        path: the archive.
        scratch: folder for the copy, which is as large as what is whole; and for what is unpacked meanwhile.
        resources: what ends with the export.
        only_messages: whether nothing beside the messages is wanted.

    Raises:
        InvalidExport: there are several members with messages, or a decompression bomb.
    """
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = printable(path.name)
    copy = resources.enter_context(tempfile.NamedTemporaryFile(dir=scratch, suffix=".tar"))  # noqa: SIM115 - it is one
    with ExitStack() as within, path.open("rb") as file:
        rescue = _Rescue(name, scratch, within, only_messages=only_messages)
        form = rescue.copy(file, cast(BinaryIO, copy))
    copy.flush()
    if not rescue.copied:
        return None
    try:
        export = resources.enter_context(open_export(Path(copy.name), scratch))
    except InvalidExport as error:
        if rescue.messages > 1:
            raise InvalidExport(error.problem, member=name) from error
        return None
    export.format, export.is_copy = form, True
    return export, Damage(tuple(rescue.unreadable), rescue.believed_from)


def seems_damaged(path: Path) -> bool:
    """Whether a file seems to be an export, whatever is wrong with it."""
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return bool(_form(file, data, printable(path.name)))


class _Rescue:
    """Copies what is whole of a damaged archive; of one that holds nothing but an archive, what is whole of that."""

    def __init__(self, name: str, scratch: Path, resources: ExitStack, *, only_messages: bool) -> None:
        self._only_messages = only_messages
        self._name = name
        self._scratch = scratch
        self._resources = resources
        self.unreadable: list[Unreadable] = []
        self.believed_from = 0
        self.copied = 0
        self.messages = 0

    def copy(self, file: BinaryIO, target: BinaryIO) -> str:
        """Copy the members into a tar archive; returns the form that the file has."""
        form, members = self._members(file, self._name)
        with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT) as archive:
            archives = [one for one in self._sorted_out(members, archive) if is_archive(one.name)]
            if not self.copied and len(archives) == 1 and archives[0].size:
                inner = self._private_file()
                _copy(archives[0], inner)
                inner.flush()
                within = f"{self._name}/{printable(archives[0].name)}"
                members = _believed(self._members(inner, within)[1], archives[0].believed_from)
                for _ in self._sorted_out(members, archive):
                    """Archives in it are not looked into."""
        return form

    def _sorted_out(self, members: Iterator[Salvaged | Unreadable], archive: tarfile.TarFile) -> Iterator[Salvaged]:
        """Copy messages and what belongs to them; the other members that are there are handed on."""
        for one in members:
            if isinstance(one, Unreadable):
                self.unreadable.append(one)
            elif is_messages(one.name) or (one.is_whole and self._belongs(one.name)):
                header = tarfile.TarInfo(one.name)
                header.size = one.size
                archive.addfile(header, io.BufferedReader(_Range(one)))
                self.copied += 1
                if is_messages(one.name):
                    self.messages, self.believed_from = self.messages + 1, one.believed_from
            else:
                yield one

    def _belongs(self, name: str) -> bool:
        """Whether a member beside the messages is of the export, and wanted."""
        if self._only_messages:
            return False
        return is_endpoints(name) or media_member(name, 0, 0) is not None

    def _is_wanted(self, name: str) -> bool:
        return is_messages(name) or is_archive(name) or self._belongs(name)

    def _members(
        self, file: BinaryIO, name: str, *, is_unpacked: bool = False
    ) -> tuple[str, Iterator[Salvaged | Unreadable]]:
        data = self._resources.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        form = _form(file, data, name)
        if form == "zip":
            return form, zip_members(file, data, name, self._private_file, self._is_wanted)
        if form == "tar":
            return form, tar_members(file, data, name)
        if form == "json":
            return form, iter([Salvaged(MESSAGES_MEMBER, file, 0, len(data))])
        if form == "stream" and not is_unpacked:
            return "tar.gz", self._unpacked(data, name)
        return "", iter(())

    def _unpacked(self, data: mmap.mmap, name: str) -> Iterator[Salvaged | Unreadable]:
        """What a compressed file holds: an archive, or messages."""
        file = self._private_file()
        believed_from = damaged_at = 0
        problem = ""
        for begin, done in unpack_all(data, file, name, 0 if begins_stream(data) else _headless_begin(data)):
            if problem:
                yield Unreadable(name, min(damaged_at, begin), max(begin - damaged_at, 0), problem)
            problem, damaged_at = done.problem, done.end
            if done.is_garbled:
                believed_from = file.tell()
        if problem:
            yield Unreadable(name, damaged_at, len(data) - damaged_at, problem)
        file.flush()
        if not file.tell():
            return
        yield from _believed(self._members(file, name, is_unpacked=True)[1], believed_from)

    def _private_file(self) -> BinaryIO:
        return cast(BinaryIO, self._resources.enter_context(tempfile.TemporaryFile(dir=self._scratch)))


def _form(file: BinaryIO, data: mmap.mmap, name: str) -> str:
    """What a damaged file seems to be; empty if nothing of an export."""
    if begins_stream(data):
        return "stream"
    if data[:4] == LOCAL_MARK or zipfile.is_zipfile(file):
        return "zip"
    if data[257:262] == b"ustar" or (next_header(data, 0) < len(data) and not _json_begins.match(data)):
        return "tar"
    if holds_messages(data, 0, len(data)):
        return "json"
    try:
        return {"compressed": "stream", "tar.gz": "stream"}.get(form := form_of(file, name), form)
    except InvalidExport:
        return "zip" if data.find(LOCAL_MARK, 0, _BLOCK) >= 0 else "stream" if _headless_begin(data) else ""


def _headless_begin(data: mmap.mmap) -> int:
    """Where the data of a gzip file begins whose header is damaged; 0 if this is none."""
    name_end = data.find(b"\0", _GZIP_HEADER, _GZIP_HEADER + 512) + 1
    for begin in (_GZIP_HEADER, name_end):
        if begin < _GZIP_HEADER:
            continue
        try:
            start = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[begin : begin + _BLOCK], _BLOCK)
        except zlib.error:
            continue
        if start[257:262] == b"ustar" or (_json_begins.match(start) and b'"' in start[:64]):
            return begin
    return 0


def _believed(members: Iterator[Salvaged | Unreadable], believed_from: int) -> Iterator[Salvaged | Unreadable]:
    """The members of a file of which, behind damage, nothing before an offset is believed."""
    for one in members:
        if isinstance(one, Salvaged) and believed_from > one.offset:
            yield replace(one, believed_from=max(one.believed_from, min(one.size, believed_from - one.offset)))
        else:
            yield one


def _copy(one: Salvaged, target: BinaryIO) -> None:
    for offset in range(0, one.size, _BLOCK):
        target.write(os.pread(one.file.fileno(), min(_BLOCK, one.size - offset), one.offset + offset))


class _Range(io.RawIOBase):
    """A member, to be read from its beginning on; the position of its file stays where it is."""

    def __init__(self, one: Salvaged) -> None:
        self._one = one
        self._position = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Read what is left, or as much as there is room for."""
        one = self._one
        view = memoryview(buffer)[: max(0, one.size - self._position)]
        count = os.preadv(one.file.fileno(), [view], one.offset + self._position) if len(view) else 0
        self._position += count
        return count
