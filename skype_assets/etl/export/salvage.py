"""A damaged export, opened as far as it is whole.

What can be read of a damaged archive is copied into a tar archive of its own, in the folder for temporary files, and
that is opened as any export: members up to the damage and behind it, messages that are cut short as far as they go.
Whatever could not be read is listed. An export that is not damaged is opened as it is.
"""

import io
import mmap
import os
import re
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final, cast

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.archive import Export, open_export
from skype_assets.etl.export.form import form_of
from skype_assets.etl.export.members import is_archive, is_endpoints, is_messages, media_member, printable
from skype_assets.etl.export.messages_json import Unreadable
from skype_assets.etl.export.salvage_streams import KINDS, unpack_all
from skype_assets.etl.export.salvage_tar import next_header, tar_members
from skype_assets.etl.export.salvage_zip import LOCAL_MARK, zip_members
from skype_assets.etl.export.salvaged import MESSAGES_MEMBER, Salvaged, holds_messages
from skype_assets.etl.export.source import is_folder

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


@contextmanager
def opened(path: Path, scratch: Path) -> Generator[tuple[Export, Damage]]:
    """Open an export as far as it is whole.

    Raises:
        InvalidExport: nothing of an export is found in it.
    """
    with ExitStack() as resources:
        refusal: InvalidExport | None = None
        try:
            export = resources.enter_context(open_export(path, scratch))
        except InvalidExport as error:
            export, refusal = None, error
        if export is None or (export.messages is None and not is_folder(path)):
            problem = refusal.problem if refusal is not None else "holds no messages.json"
            found = None if is_folder(path) else _rescued(path, scratch, resources, problem)
            if found is not None and (export is None or found[0].messages is not None):
                yield found
                return
        if export is None:
            assert refusal is not None, "one of both"
            raise refusal
        yield export, Damage()


def _rescued(path: Path, scratch: Path, resources: ExitStack, problem: str) -> tuple[Export, Damage] | None:
    """A damaged archive by way of a copy of what is whole in it; None if that is nothing.

    ``problem`` is why it cannot be opened as it is.
    """
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = printable(path.name)
    with ExitStack() as within, path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return None
        copy = resources.enter_context(tempfile.NamedTemporaryFile(dir=scratch, suffix=".tar"))
        rescue = _Rescue(name, scratch, within)
        form = rescue.copy(file, cast(BinaryIO, copy))
        copy.flush()
        if not rescue.copied:
            return None
        try:
            export = resources.enter_context(open_export(Path(copy.name), scratch))
        except InvalidExport as error:
            if rescue.copied > 1 and error.member == Path(copy.name).name:  # several messages.json, say
                raise InvalidExport(error.problem, member=name) from error
            return None
    export.format = form
    unreadable = rescue.unreadable or [Unreadable(name, 0, 0, problem)]
    return export, Damage(tuple(unreadable), rescue.believed_from)


class _Rescue:
    """Copies what is whole of a damaged archive; of one that holds nothing but an archive, what is whole of that."""

    def __init__(self, name: str, scratch: Path, resources: ExitStack) -> None:
        self._name = name
        self._scratch = scratch
        self._resources = resources
        self.unreadable: list[Unreadable] = []
        self.believed_from = 0
        self.copied = 0

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
            elif is_messages(one.name) or (
                one.is_whole and (is_endpoints(one.name) or media_member(one.name, one.size, 0))
            ):
                header = tarfile.TarInfo(one.name)
                header.size = one.size
                archive.addfile(header, io.BufferedReader(_Range(one)))
                self.copied += 1
                if is_messages(one.name):
                    self.believed_from = one.believed_from
            else:
                yield one

    def _members(self, file: BinaryIO, name: str) -> tuple[str, Iterator[Salvaged | Unreadable]]:
        data = self._resources.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        form = _form(file, data, name)
        if form == "zip":
            return form, zip_members(file, data, name, self._private_file)
        if form == "tar":
            return form, tar_members(file, data, name)
        if form == "json":
            return form, iter([Salvaged(MESSAGES_MEMBER, file, 0, len(data))])
        return ("tar.gz", self._unpacked(data, name)) if form == "stream" else ("", iter(()))

    def _unpacked(self, data: mmap.mmap, name: str) -> Iterator[Salvaged | Unreadable]:
        """What a compressed file holds: an archive, or messages."""
        file = self._private_file()
        believed_from = damaged_at = 0
        problem = ""
        for begin, done in unpack_all(data, file, name, 0 if _begins_stream(data) else _headless_begin(data)):
            if problem:
                yield Unreadable(name, damaged_at, begin - damaged_at, problem)
            problem, damaged_at = done.problem, done.end
            if done.is_garbled:
                believed_from = file.tell()
        if problem:
            yield Unreadable(name, damaged_at, len(data) - damaged_at, problem)
        file.flush()
        if not file.tell():
            return
        yield from _believed(self._members(file, name)[1], believed_from)

    def _private_file(self) -> BinaryIO:
        return cast(BinaryIO, self._resources.enter_context(tempfile.TemporaryFile(dir=self._scratch)))


def _form(file: BinaryIO, data: mmap.mmap, name: str) -> str:
    """What a damaged file seems to be; empty if nothing of an export."""
    if _begins_stream(data):
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


def _begins_stream(data: mmap.mmap) -> bool:
    return any(data[: len(mark)] == mark for mark, _ in KINDS)


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
