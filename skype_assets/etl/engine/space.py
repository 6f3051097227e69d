"""Is there room for a phase? Asked before it begins, so that a full disk ends no run half-way (promise I11).

Estimates, from what samples and real exports took: raw parts are half of ``messages.json``, transformed tables at most
one and a half times the raw parts. A disk that fills up all the same ends the phase resumably.
"""

import os
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import BinaryIO, Final

from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.state import PhaseState
from skype_assets.etl.errors import InvalidExport, NotEnoughSpace
from skype_assets.etl.export.members import is_messages, printable
from skype_assets.etl.export.source import folder_files, is_folder
from skype_assets.etl.export.unpacking import TarInput, decompressor, readable, tar_headers
from skype_assets.etl.phases import KINDS
from skype_assets.etl.task import Task

_LOAD: Final = 16_000_000


def check(task: Task, phase: str, begun: PhaseState | None) -> None:
    """Compare the free space of a task's folder with what a phase needs.

    Args:
        task: the task.
        phase: name of the phase.
        begun: what is there of it, if it goes on.

    Raises:
        NotEnoughSpace: it needs more; nothing was begun.
    """
    done = _bytes(begun) if begun is not None else 0
    needed = {"extract": _for_extract, "transform": _for_transform, "load": _for_load}[phase](task, done)
    free = shutil.disk_usage(task.output_dir).free
    if free < needed:
        raise NotEnoughSpace(
            f"{phase} needs about {_megabytes(needed)} in {task.output_dir}, {_megabytes(free)} are free; "
            "make room and run the same again. Nothing was begun"
        )


def _for_extract(task: Task, done: int) -> int:
    if task.source is None:
        return 0
    size, is_compressed = _messages(task.source)
    return max(0, size // 2 - done) + (size if is_compressed else 0)


def _for_transform(task: Task, done: int) -> int:
    raw = states.read(task.folder.folder(KINDS["extract"].asset))
    return max(0, _bytes(raw) * 3 // 2 - done) if raw is not None else 0


def _for_load(task: Task, done: int) -> int:
    return _LOAD


def _bytes(state: PhaseState) -> int:
    return sum(file.bytes for record in state.records for file in record.files.values())


def _messages(path: Path) -> tuple[int, bool]:
    """Size of an export's ``messages.json``, and whether it must be unpacked; nothing behind its header is read."""
    try:
        if is_folder(path):
            return sum(file.stat().st_size for name, file in folder_files(path) if is_messages(name)), False
        name = printable(path.name)
        with path.open("rb") as file, readable(name):
            return _member(file, name)
    except InvalidExport:
        return 0, False  # extract refuses it, and says why


def _member(file: BinaryIO, name: str) -> tuple[int, bool]:
    start = file.read(tarfile.BLOCKSIZE)
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if start.startswith(b"PK"):
        with zipfile.ZipFile(file) as archive:
            entries = (entry for entry in archive.infolist() if is_messages(entry.filename))
            return next(((entry.file_size, entry.compress_type != zipfile.ZIP_STORED) for entry in entries), (0, False))
    stream = decompressor(file, start)
    if stream is None and start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        return size, False
    headers = tar_headers(TarInput(file, stream, name), name)
    return next((header.size for header in headers if is_messages(header.name)), 0), stream is not None


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"
