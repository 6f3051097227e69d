"""Extract: the export, verbatim, as Parquet parts (``raw_tables``).

Part 0 holds the media members and side files, the parts behind it a run of conversations and messages each, the last
of these also the header. Each object keeps its exact bytes, its position and its SHA-256, so that an auditor can go
from a row back to the bytes, and the later phases do without the export. Then come the parts of media
(``media_parts``).
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import ClassVar, Final

import msgspec
import pyarrow as pa

from skype_assets.etl import compiled, interruption
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.media_store import MediaStore
from skype_assets.etl.checkpoints.phase_checkpoint import damaged_file
from skype_assets.etl.checkpoints.state import PartRecord, read
from skype_assets.etl.errors import START_AGAIN, CheckpointMismatch, InvalidExport, UsageError
from skype_assets.etl.export import salvage
from skype_assets.etl.export.archive import Export
from skype_assets.etl.export.members import printable
from skype_assets.etl.export.messages_json import raw_parts
from skype_assets.etl.export.raw_part import Cursor
from skype_assets.etl.export.salvage_copy import Damage
from skype_assets.etl.export.size import export_size
from skype_assets.etl.export.source import Source, fingerprint
from skype_assets.etl.phases import EXTRACT, UNREADABLE, PhaseFacts
from skype_assets.etl.phases.extract_parts import MembersPart, MessagesPart, unreadable_rows
from skype_assets.etl.phases.media_parts import is_media_part, media_parts, put_back, recorded
from skype_assets.etl.phases.phase import PartFiles, Told, Work
from skype_assets.etl.process_wide import FEW_COLLECTIONS
from skype_assets.etl.processes import Tenure
from skype_assets.etl.schema import raw_tables
from skype_assets.etl.task import Task

_WELCOME: Final = (
    "If that is meant, say so: --media-only (ETLPipeline(media_only=True); in Dagster SKYPE_MEDIA_ONLY=on). "
    "Else give the archive that has the messages"
)


SALVAGE: Final = "salvage"
"""Name of the input that says that a damaged export was to be read as far as it is whole."""


class Extract:
    """The first phase: export → raw checkpoint."""

    facts: ClassVar[PhaseFacts] = EXTRACT
    version: ClassVar[str] = EXTRACT.version
    superseded: ClassVar[Mapping[str, str]] = {"1": "media have no hashes, and their bytes are not kept"}
    schemas: ClassVar[Mapping[str, pa.Schema]] = raw_tables.RAW_TABLES
    outdated: ClassVar[str] = "bytes of media that are to be kept are not"

    def __init__(self, task: Task) -> None:
        self._task = task

    @cached_property
    def source(self) -> Source:
        """The export; if it is not at hand, as the complete checkpoint names it."""
        if self._task.source is not None:
            return self._task.fingerprint or fingerprint(self._task.source, salvage=self._task.settings.salvage)
        state = read(self._task.folder.folder(self.facts.asset))
        if state is None or state.status != "complete":
            raise UsageError(
                f"task {self._task.task_id}: the export is needed until extract is complete; name its file"
            )
        recorded = state.inputs
        return Source(state.source_name, int(recorded["source_size"]), recorded["source_sha256"])

    @property
    def source_name(self) -> str:
        """File name of the export, for people."""
        return self.source.name

    @property
    def parts_total(self) -> None:
        """Not known: the export is cut while it is read."""
        return None

    def inputs(self) -> dict[str, str]:
        """The source: its size and SHA-256; and whether damage in it is read around."""
        source = self.source
        asked = {SALVAGE: "on"} if self._salvages else {}
        return {"source_size": str(source.size), "source_sha256": source.sha256, **asked}

    @cached_property
    def _salvages(self) -> bool:
        """Whether damage is read around. Of what is complete and whole, nobody is asked again.

        Raises:
            CheckpointMismatch: it was read around, and is not to be any more.
        """
        asked, task_id = self._task.settings.salvage, self._task.task_id
        recorded = read(self._task.folder.folder(self.facts.asset))
        if recorded is None or recorded.status != "complete":
            return asked
        if SALVAGE in recorded.inputs and not asked and UNREADABLE in recorded.counts():
            raise CheckpointMismatch(
                f"task {task_id}: its export is damaged, and was read as far as it is whole: say so again "
                f"(--salvage), use another task id, or {START_AGAIN}"
            )
        return SALVAGE in recorded.inputs

    def bytes_needed(self, done: int) -> int:
        """Raw parts are half of ``messages.json``, as samples and real exports show; media are copied as they are.

        What is compressed is unpacked beside them.
        """
        if self._task.source is None:
            return 0
        size = export_size(self._task.source)
        if self._salvages and not (size.messages or size.media):  # a damaged archive, of which a copy is made
            return 2 * self.source.size
        kept = max(0, size.media - self._kept_bytes()) if self._task.settings.keep_media else 0
        return max(0, size.messages // 2 - done) + size.unpacked + kept

    def _kept_bytes(self) -> int:
        """Bytes of the export's media that are here already, as far as their hashes are known."""
        folder = self._task.folder.folder(self.facts.asset)
        known = {digest.sha256 for digest in self.source.digests.values()}
        state = read(folder)
        for part in state.parts if state is not None else ():
            if is_media_part(part) and damaged_file(folder, part) is None:
                known |= {row["sha256"] for row in recorded(folder, part, ["sha256"])} - {None}
        store = MediaStore(self._task.output_dir)
        return sum(store.size_here(sha256) or 0 for sha256 in known)

    @contextmanager
    def open(self, task_folder: Directory) -> "Generator[_OpenExtract | _Extracted]":
        """Open the export once it is asked for; compressed members are unpacked into the task's folder meanwhile."""
        if self._task.source is None:
            yield _Extracted()
            return
        with FEW_COLLECTIONS, ExitStack() as resources:
            yield _OpenExtract(self._task, self.source, task_folder, resources, salvages=self._salvages)


class _Extracted:
    """A complete extract whose export is not at hand: there is nothing to do, and nothing to do it with."""

    total = 0

    def confirmed(self, done: Sequence[PartRecord]) -> Sequence[PartRecord]:
        """All of them: files are what they are."""
        return done

    def holds(self) -> bool:
        """What it left is its folder alone."""
        return True

    def claim(self, tenure: Tenure | None) -> None:
        """Nothing: the phase writes to its folder only."""

    def work(self, done: Sequence[PartRecord], files: PartFiles) -> Iterator[Work]:
        """Cannot be done without the export."""
        return self.message_parts(done, files)

    def message_parts(self, done: Sequence[PartRecord], files: PartFiles) -> Iterator[Work]:
        """Cannot be done, either."""
        raise UsageError("extract needs the export; name its file")

    def summary(self, done: Sequence[PartRecord], tell: Told) -> tuple[Mapping[str, pa.Table], dict[str, int]]:
        """Not reached."""
        return {}, {}


class _OpenExtract:
    def __init__(
        self, task: Task, source: Source, task_folder: Directory, resources: ExitStack, *, salvages: bool
    ) -> None:
        self._task = task
        self._settings = task.settings
        self._source = source
        self._name = printable(source.name)
        self._folder = task_folder
        self._resources = resources
        self._salvages = salvages
        self._store = MediaStore(task.output_dir) if task.settings.keep_media else None
        self._is_sharing = False

    @cached_property
    def _opened(self) -> tuple[Export, Damage]:
        assert self._task.source is not None, "else there is nothing to open"
        return self._resources.enter_context(
            salvage.opened(self._task.source, self._folder.path, salvage=self._salvages, with_objects=True)
        )

    @property
    def _export(self) -> Export:
        return self._opened[0]

    @property
    def _damage(self) -> Damage | None:
        return self._opened[1] if self._salvages else None

    @property
    def total(self) -> int:
        """Bytes of messages.json and of media objects."""
        messages = self._export.messages.size if self._export.messages else 0
        return messages + self._export.kinds["media"][1]

    def confirmed(self, done: Sequence[PartRecord]) -> Sequence[PartRecord]:
        """Those whose objects are in the store, where they are to be kept; what is missing there is put back before.

        So a phase that is complete stays so while its media are mended, and what there is of them can be had.
        """
        store, folder = self._store, self._folder.folder(EXTRACT.asset)
        if store is None:
            return done
        try:
            for index, part in enumerate(done):
                if is_media_part(part) and not self._are_kept(folder, part, store):
                    return done[:index]
        finally:
            store.sync()
        return done

    def _are_kept(self, folder: Directory, part: PartRecord, store: MediaStore) -> bool:
        rows = [
            row for row in recorded(folder, part, ["ordinal", "sha256", "size", "kept"]) if row["sha256"] is not None
        ]
        if not all(row["kept"] for row in rows):
            return False
        there = store.sizes(row["sha256"] for row in rows)
        for row in rows:
            interruption.check()
            if there.get(row["sha256"]) != row["size"]:
                self._share(store)
                if put_back(self._export, row["ordinal"], store) != row["sha256"]:
                    return False
        return True

    def _share(self, store: MediaStore) -> None:
        """Let nobody remove objects until the export is closed."""
        if not self._is_sharing:
            self._resources.enter_context(store.shared())
            self._is_sharing = True

    def holds(self) -> bool:
        """What it left elsewhere was looked for part by part."""
        return True

    def claim(self, tenure: Tenure | None) -> None:
        """Nothing: the phase writes to its folder only."""

    def work(self, done: Sequence[PartRecord], files: PartFiles) -> Iterator[Work]:
        """What members there are, then messages.json from the last part's cursor on, then media objects."""
        media = [part for part in done if is_media_part(part)]
        number, has_message = len(done), _have_message(done)
        for part in self.message_parts(done[: len(done) - len(media)], files):
            number += 1
            has_message = has_message or (isinstance(part, MessagesPart) and part.has_message)
            yield part
        if not has_message:  # before its media are copied
            self._refuse_without_message("no message")
        if self._export.kinds["media"][0] and self._store is not None:
            self._share(self._store)
        most = (self._settings.chunk_size, self._settings.part_bytes)
        assert self._task.source is not None, "it is open"
        yield from media_parts(
            self._export, self._task.source, self._source.digests, media, number, self._store, files, most
        )

    def message_parts(self, done: Sequence[PartRecord], files: PartFiles) -> Iterator[Work]:
        """The parts before those of media objects."""
        if self._export.messages is None:
            self._refuse_without_message("media, but no messages.json")
        if not done:
            yield MembersPart(self._export, files)
        messages = self._export.messages
        if messages is None or (done and "header" in done[-1].files):  # which the last part has
            return
        cursor = msgspec.json.decode(done[-1].cursor, type=Cursor | None) if done else None
        limits = {"max_messages": self._settings.chunk_size, "max_bytes": self._settings.part_bytes}
        if self._damage is None:
            whole = compiled.reader.elements if compiled.reader is not None else None
            read_on = raw_parts(messages.buffer, cursor, member=messages.name, whole=whole, **limits)
        else:
            read_on = salvage.parts(self._export, self._damage, cursor, **limits)
        for number, part in enumerate(read_on, start=max(len(done), 1)):
            yield MessagesPart(number, part, messages.buffer, messages.name, self._export.format, files)

    def summary(self, done: Sequence[PartRecord], tell: Told) -> tuple[Mapping[str, pa.Table], dict[str, int]]:
        """What could not be read of the archive. An export without a message is refused, unless it is welcome."""
        if not _have_message(done):
            self._refuse_without_message("no message")
        self._look_again(done)
        if self._damage is None or not self._damage.unreadable:
            return {}, {}
        return {UNREADABLE: unreadable_rows(self._damage.unreadable)}, {UNREADABLE: len(self._damage.unreadable)}

    def _look_again(self, done: Sequence[PartRecord]) -> None:
        """Look, now that all parts are recorded, whether their objects are in the store (``store_media`` says why).

        Raises:
            InvalidExport: one has gone, and the export does not give it any more.
        """
        if self._store is not None and self._store.in_store is not None and len(self.confirmed(done)) < len(done):
            raise InvalidExport("was changed while it was read", member=self._name, remedy="Run it again")

    def _refuse_without_message(self, held: str) -> None:
        if not self._settings.media_only:
            raise InvalidExport(f"the export holds {held}", member=self._name, remedy=_WELCOME)


def _have_message(parts: Sequence[PartRecord]) -> bool:
    return any(part.counts.get("messages") or "rejects" in part.files for part in parts)
