"""An open export: where its ``messages.json`` is and which media it holds (format reference, 1.2 to 1.5).

What a file is, its content says, not its name (``form``): tar (plain or compressed), zip, a bare ``messages.json``; or
it is a folder into which one was unpacked (``source``), or such an archive in an archive, as mail and cloud programs
make. Nothing is ever extracted to a path: ``messages.json`` is mapped into memory where it lies, or from a private file
if it is compressed, and so are its media where somebody wants them. Links, devices and sparse members are not read.
Every member is counted, by its kind.
"""

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.form import Form, form_of
from skype_assets.etl.export.json_syntax import DAMAGED
from skype_assets.etl.export.members import (
    KINDS,
    MAX_SIDE_FILE,
    MediaMember,
    Member,
    MemberKind,
    clean_name,
    is_archive,
    is_document,
    is_endpoints,
    is_media,
    is_messages,
    is_side_file,
    printable,
)
from skype_assets.etl.export.objects import Place, in_range, open_entry
from skype_assets.etl.export.opening import Opening
from skype_assets.etl.export.source import NOT_A_FILE, folder_files, is_folder, unreadable
from skype_assets.etl.export.unpacking import (
    TarInput,
    all_blocks,
    decompressor,
    readable,
    spool,
    stream_blocks,
    tar_headers,
)
from skype_assets.etl.export.zip_entries import (
    require_alone,
    require_apart,
    require_readable,
    stored_at,
    unpacked_entry,
)

_ENCRYPTED: Final = 1


class Export:
    """An open export, as ``open_export`` gives it; after ``close`` nothing of it can be read.

    ``format`` is ``tar``, ``tar.gz`` (whatever the compression), ``zip``, ``json`` or ``folder``; ``members`` is the
    number of files in it, ``kinds`` how many of each kind and their bytes; ``messages`` is None in a files-only export;
    ``media`` are its media objects and side files in the order of the archive, ``endpoints`` the lists of devices.
    ``is_copy`` says that this is a copy of what is whole of a damaged export, in which members lie elsewhere.
    """

    def __init__(self, opening: "Opening") -> None:
        self.format = opening.format
        self.members = opening.members
        self.messages = opening.messages
        self.media: Sequence[MediaMember] = opening.media
        self.endpoints: Sequence[Member] = opening.endpoints
        self.kinds: Mapping[MemberKind, tuple[int, int]] = {
            kind: (opening.counts[kind], opening.bytes[kind]) for kind in KINDS
        }
        self.is_copy = False
        self._content = opening.content
        self._place = opening.place
        self._resources = opening.resources.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files and the mapping."""
        self._resources.close()

    def side_files(self) -> Iterator[tuple[MediaMember, bytes]]:
        """The side files and their bytes, in the order of the archive."""
        for member in self.media:
            if member.is_side_file:
                yield member, self.read(member)

    def read(self, member: Member) -> bytes:
        """The bytes of a side file, or of a list of devices; they are few (``MAX_SIDE_FILE``)."""
        with readable(printable(member.name)), self.content(member) as stream:
            content = stream.read(member.size + 1)
            if len(content) != member.size:
                raise EOFError
            return content

    def content(self, member: Member) -> BinaryIO:
        """The bytes of a member, as a stream that the caller closes."""
        return self._content(member)

    def place(self, member: MediaMember) -> Place | None:
        """Where another process finds the bytes of an object; None if they were unpacked."""
        return self._place(member)


def open_export(path: Path, scratch: Path, *, with_objects: bool = False) -> Export:
    """Open an export; what is compressed in it is unpacked to a file without a name in the folder ``scratch``.

    Of a compressed archive these are the messages and the side files; media objects only ``with_objects``, else they
    cannot be read.
    """
    opening = Opening(printable(path.name), scratch, with_objects)
    with opening.resources:
        if is_folder(path):
            _open_folder(opening, path)
        else:
            _open_file(opening, path)
        if not opening.messages and not opening.media:
            _open_nested(opening)
        if not opening.messages and not any(is_document(member.name) for member in opening.media):
            raise opening.nothing_found()
        return Export(opening)


def _open_folder(opening: Opening, folder: Path) -> None:
    opening.format = "folder"
    files: list[Path] = []
    for name, path in folder_files(folder):
        opening.members += 1
        if is_messages(name):
            file = opening.open(path)
            opening.add_messages(clean_name(name), file, 0, os.fstat(file.fileno()).st_size)
        elif opening.add(clean_name(name), path.lstat().st_size, len(files)):
            files.append(path)
    opening.content = lambda member: _opened(files[member.position])
    opening.place = lambda member: Place(files[member.position], member.size, 0)


def _open_file(opening: Opening, path: Path) -> None:
    file = opening.open(path)
    with readable(opening.name):
        form = form_of(file, opening.name, path)
        _open_content(opening, file, clean_name(path.name), form)
        if form == "tar":
            opening.place = lambda member: Place(path, member.size, member.position)
        elif form == "zip":
            entries = zipfile.ZipFile(file).infolist()
            opening.place = lambda member: Place(
                path, member.size, stored_at(file, entries[member.position]), member.position
            )


def _open_content(opening: Opening, file: BinaryIO, name: str, form: Form) -> None:
    opening.format = form
    stream = decompressor(file) if form in ("tar.gz", "compressed") else None
    if stream:
        opening.resources.callback(stream.close)
    if form == "zip":
        _open_zip(opening, file)
    elif form == "json":
        opening.members += 1
        opening.add_messages(name, file, 0, os.fstat(file.fileno()).st_size)
    elif form == "compressed":
        assert stream, "that is what the form says"
        unpacked = opening.private_file()
        spool(all_blocks(stream, file, opening.name), unpacked)
        unpacked.seek(0)
        _open_content(opening, unpacked, name.rpartition(".")[0] or name, form_of(unpacked, opening.name))
    else:
        _open_tar(opening, TarInput(file, stream, opening.name), opening.private_file() if stream else None)


def _open_nested(opening: Opening) -> None:
    """Open the archive in an archive that holds nothing else of an export: one, and one step deep."""
    archives, opening.archives = opening.archives, []
    opening.place = lambda member: None
    opening.endpoints.clear()  # they are not of the archive whose members are read from here on
    names = ", ".join(printable(name) for name, _ in archives)
    if len(archives) > 1:
        raise InvalidExport(f"holds several archives: {names}", member=opening.name, remedy="Give one of them")
    for name, unpack in archives:
        outer, opening.within, opening.name = opening.format, f"{name}/", f"{opening.name}/{names}"
        with readable(opening.name):
            file = unpack()
            _open_content(opening, file, name, form_of(file, opening.name))
        opening.format = outer
        if opening.archives and not opening.messages and not opening.media:
            inner = ", ".join(printable(within) for within, _ in opening.archives)
            raise InvalidExport(f"holds {inner}", member=opening.name, remedy=f"Unpack it and give {names}")


def _open_tar(opening: Opening, tar: TarInput, unpacked: BinaryIO | None) -> None:
    """Go through a tar archive once. A compressed one leaves what is needed of it in ``unpacked``."""
    data = unpacked or tar.file
    for header in tar_headers(tar, opening.name):
        name = clean_name(header.name)
        if header.isdir():
            continue
        opening.members += 1
        if not header.isreg() or header.issparse():
            if is_messages(name):
                raise _no_file(name)
            opening.count("no file", 0)
            continue
        offset = header.offset_data
        if unpacked and _is_unpacked(opening, name, header.size):
            offset = spool(tar.blocks(header.size), unpacked)
        if is_messages(name):
            opening.add_messages(name, data, offset, header.size)
        elif not opening.add(name, header.size, offset) and is_archive(name):
            if unpacked:
                offset = spool(tar.blocks(header.size), unpacked)
            opening.archives.append((name, partial(_copied, opening, data, offset, header.size)))
    opening.content = lambda member: in_range(os.dup(data.fileno()), member.position, member.size)


def _is_unpacked(opening: Opening, name: str, size: int) -> bool:
    """Whether a member of a compressed archive is needed once this has been gone through."""
    if is_messages(name) or is_side_file(name, size):
        return True
    return is_endpoints(name) and size <= MAX_SIDE_FILE or opening.with_objects and is_media(opening.within + name)


def _open_zip(opening: Opening, file: BinaryIO) -> None:
    archive = opening.resources.enter_context(zipfile.ZipFile(file))
    entries = archive.infolist()
    require_alone(archive, file, opening.name)
    require_apart(entries, file, opening.name)
    for position, entry in enumerate(entries):
        name = clean_name(entry.filename)
        if name.endswith("/"):
            continue
        opening.members += 1
        if entry.flag_bits & _ENCRYPTED:
            remedy = "Unpack it with its password and give the folder"
            raise InvalidExport("is encrypted", member=printable(name), remedy=remedy)
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
            if is_messages(name):
                raise _no_file(name)
            opening.count("no file", 0)
        elif not is_messages(name):
            member = opening.add(name, entry.file_size, position)
            if isinstance(member, MediaMember) and member.is_side_file:
                require_readable(entry, name)
            elif not member and is_archive(name):
                opening.archives.append((name, partial(unpacked_entry, archive, entry, name, opening.private_file)))
        elif entry.compress_type == zipfile.ZIP_STORED:
            _map_stored(opening, name, file, archive, entry)
        else:
            _unpack_zipped(opening, name, archive, entry)
    opening.content = lambda member: open_entry(archive, entries[member.position])


def _map_stored(opening: Opening, name: str, file: BinaryIO, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Map messages where they lie in a zip, as they are not compressed."""
    archive.open(entry).close()  # this checks the local header
    offset = stored_at(file, entry)
    assert offset is not None, "it is stored"
    if zlib.crc32(opening.add_messages(name, file, offset, entry.file_size)) != entry.CRC:
        raise InvalidExport("the checksum does not match", member=printable(name), remedy=DAMAGED)


def _unpack_zipped(opening: Opening, name: str, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Unpack messages from a zip, then map them."""
    opening.add_messages(name, unpacked_entry(archive, entry, name, opening.private_file), 0, entry.file_size)


def _copied(opening: Opening, file: BinaryIO, offset: int, size: int) -> BinaryIO:
    """A range of a file as a file of its own."""
    copy = opening.private_file()
    file.seek(offset)
    spool(stream_blocks(file, size, lambda count: None), copy)
    copy.seek(0)
    return copy


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error


def _no_file(name: str) -> InvalidExport:
    return InvalidExport(NOT_A_FILE, member=printable(name), remedy="Put the file itself in its place")
