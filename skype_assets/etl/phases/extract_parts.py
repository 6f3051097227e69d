"""The parts of extract but those of media objects: what members there are, and runs of messages and conversations.

A part knows the bytes that it is about, so that another process can do it.
"""

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict

import numpy as np
import pyarrow as pa

from skype_assets.etl.checkpoints.state import PartRecord
from skype_assets.etl.errors import NotConserved
from skype_assets.etl.export.archive import Export
from skype_assets.etl.export.raw_part import RawPart, Span, Unreadable
from skype_assets.etl.phases import UNREADABLE, raw_columns
from skype_assets.etl.phases.phase import PartFiles
from skype_assets.etl.schema import raw_tables


class MembersPart:
    """Members of the export by their kind: those of media/, with the bytes of side files, and the lists of devices."""

    def __init__(self, export: Export, files: PartFiles) -> None:
        self._media = export.media
        self._kinds = export.kinds
        self._members = export.members
        self._contents = dict(export.side_files())  # by member: an archive may have a name twice
        self._endpoints = [(member, export.read(member)) for member in export.endpoints]
        self._alone = None if export.messages else export.format
        self._files = files

    def __call__(self) -> PartRecord:
        """Write the part."""
        began = time.monotonic()
        contents = self._contents
        rows = [
            {
                "member": member.name,
                "size": member.size,
                "document_id": member.document_id,
                "media_index": member.media_index,
                "is_side_file": member.is_side_file,
                "sha256": hashlib.sha256(contents[member]).digest() if member in contents else None,
                "raw": contents.get(member),
            }
            for member in self._media
        ]
        tables = {
            "media": pa.Table.from_pylist(rows, raw_tables.MEDIA),
            "members": self._conserved(),
            "endpoints": self._endpoint_rows(),
        }
        if self._alone is not None:
            tables["header"] = _header(None, 0, self._alone, (), b"{}")
        counts = {"media": len(rows), "members": self._members}
        return self._files.write(0, tables, began=began, progress=0, counts=counts)

    def _conserved(self) -> pa.Table:
        """Members by kind, which must be all that were seen."""
        rows = [{"kind": kind, "members": count, "bytes": size} for kind, (count, size) in self._kinds.items() if count]
        counted = sum(count for count, _ in self._kinds.values())
        if counted != self._members:
            raise NotConserved(
                f"{self._members} members in the export, but {counted} are messages, media, side files, endpoints, "
                "others or no files; please report this"
            )
        return pa.Table.from_pylist(rows, raw_tables.MEMBERS)

    def _endpoint_rows(self) -> pa.Table:
        rows = [
            {"member": member.name, "size": member.size, "sha256": hashlib.sha256(raw).digest(), "raw": raw}
            for member, raw in self._endpoints
        ]
        return pa.Table.from_pylist(rows, raw_tables.ENDPOINTS)


class MessagesPart:
    """A run of messages and conversations; knows the bytes it is about, not the export they lie in."""

    def __init__(
        self, number: int, part: RawPart, buffer: memoryview, member: str, format_: str, files: PartFiles
    ) -> None:
        self._number = number
        self._part = part
        self._member = member
        self._format = format_
        self._size = len(buffer)
        self._files = files
        self._conversations = [
            b"".join([c.opened_by, *(buffer[o : o + n] for o, n in c.spans), c.closed_by]) for c in part.conversations
        ]
        self._rejects = [bytes(buffer[r.offset : r.offset + r.length]) for r in part.rejects]
        self._document = part.document or b"".join(buffer[o : o + n] for o, n in part.header)
        self._first = part.offsets[0] if part.offsets else 0
        self._bytes = buffer[self._first : part.end] if part.offsets else buffer[:0]

    @property
    def has_message(self) -> bool:
        """Whether there is a message in it, or something in the place of one."""
        return bool(self._part.offsets or self._part.rejects)

    def __getstate__(self) -> dict[str, object]:
        # A mapped file cannot go to another process; its bytes can.
        return {**self.__dict__, "_bytes": bytes(self._bytes)}

    def __call__(self) -> PartRecord:
        """Write the part."""
        began = time.monotonic()
        tables = {
            "messages": self._messages(),
            "conversations": self._conversation_rows(),
            "rejects": self._reject_rows(),
            UNREADABLE: unreadable_rows(self._part.unreadable),
        }
        part = self._part
        counts = {"messages": len(part.offsets), "conversations": len(part.conversations)}
        if part.last:
            tables["header"] = _header(self._member, self._size, self._format, part.header, self._document)
        return self._files.write(
            self._number,
            tables,
            began=began,
            progress=self._size if part.last else part.cursor.offset,
            counts={**counts, UNREADABLE: len(part.unreadable)} if part.unreadable else counts,
            cursor=part.cursor,
        )

    def _messages(self) -> pa.Table:
        part, runs = self._part, self._part.runs
        counts = [run.count for run in runs]
        of_run = np.repeat(np.arange(len(runs)), counts)
        ordinals = np.array([run.first_ordinal - run.first for run in runs], np.int64)[of_run]
        taken = pa.array(of_run)
        columns = {
            "conversation_index": pa.array([run.conversation_index for run in runs], pa.int64()).take(taken),
            "conversation_id": pa.array([run.conversation_id for run in runs], pa.string()).take(taken),
            "ordinal": pa.array(ordinals + np.arange(len(of_run))),
            "offset": pa.array(np.asarray(part.offsets)),
            "length": pa.array(np.asarray(part.lengths), pa.int32()),
            **raw_columns.of(memoryview(self._bytes), self._first, part, runs),
        }
        return pa.table(columns, schema=raw_tables.MESSAGES)

    def _conversation_rows(self) -> pa.Table:
        rows = [
            {
                "conversation_index": c.index,
                "conversation_id": c.id,
                "ordinal": c.ordinal,
                "offset": c.offset,
                "length": c.length,
                "sha256": hashlib.sha256(raw).digest(),
                "spans": _spans(c.spans),
                "message_count": c.message_count,
                "raw": raw,
            }
            for c, raw in zip(self._part.conversations, self._conversations, strict=True)
        ]
        return pa.Table.from_pylist(rows, raw_tables.CONVERSATIONS)

    def _reject_rows(self) -> pa.Table:
        rows = [{**asdict(reject), "raw": raw} for reject, raw in zip(self._part.rejects, self._rejects, strict=True)]
        return pa.Table.from_pylist(rows, raw_tables.REJECTS)


def _header(member: str | None, size: int, format_: str, spans: Sequence[Span], raw: bytes) -> pa.Table:
    row = {"member": member, "size": size, "format": format_, "spans": _spans(spans), "raw": raw}
    return pa.Table.from_pylist([row], raw_tables.HEADER)


def unreadable_rows(found: Iterable[Unreadable]) -> pa.Table:
    """Places of a damaged export, as rows of the raw table of that name."""
    return pa.Table.from_pylist([asdict(one) for one in found], raw_tables.UNREADABLE)


def _spans(spans: Iterable[Span]) -> list[dict[str, int]]:
    return [{"offset": offset, "length": length} for offset, length in spans]
