"""The beginning of an export, read as extract reads it: whether a run is worth what it costs to begin one.

What an archive's headers and first message tell costs little; an embedded server that is created costs 70 MB.
"""

from pathlib import Path
from typing import Final

from skype_assets.etl import interruption
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.state import PartRecord
from skype_assets.etl.export.form import form_of
from skype_assets.etl.export.members import printable
from skype_assets.etl.export.source import Source, is_folder
from skype_assets.etl.phases.extract import Extract
from skype_assets.etl.phases.phase import PartFiles
from skype_assets.etl.task import Settings, Task

_UNPACKED_AT_MOST: Final = 16 << 20
"""Bytes of a file that may have to be unpacked; of a larger one that takes too long."""


def check_beginning(export: Path, *, media_only: bool = False, salvage: bool = False) -> None:
    """Refuse an export as extract would that finds no message in it, or no end to the first one.

    Raises:
        InvalidExport: see ``phases.extract``.
    """
    if _takes_too_long(export, salvage=salvage):
        return
    with interruption.temporary_folder() as scratch:
        folder = Directory(scratch)
        settings = Settings(chunk_size=1, media_only=media_only, keep_media=False, salvage=salvage)
        task = Task("beginning", folder.path, export, settings=settings, fingerprint=Source(export.name, 0, ""))
        with Extract(task).open(folder) as opened:
            done: list[PartRecord] = []
            for work in opened.message_parts(done, PartFiles(folder, epoch=0)):
                part = work()
                if part.counts.get("messages"):
                    return
                done.append(part)
            opened.summary(done, lambda _share, _doing: None)


def _takes_too_long(export: Path, *, salvage: bool) -> bool:
    """Whether the export is large and has to be unpacked; or copied, as what is whole of a damaged one is."""
    if is_folder(export) or export.stat().st_size <= _UNPACKED_AT_MOST:
        return False
    if salvage:
        return True
    with export.open("rb") as file:
        return form_of(file, printable(export.name), export) in ("tar.gz", "zip")
