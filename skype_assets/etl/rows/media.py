"""The archive's media: rows of ``media_files``, and the look-up that joins attachments with them (1.3-1.5)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import pyarrow as pa

from skype_assets.etl.content.bounds import LONGEST_NAME
from skype_assets.etl.content.cleaning import clean
from skype_assets.etl.content.file_types import contradicts, type_of
from skype_assets.etl.content.names import bounded
from skype_assets.etl.content.spelling import Spelled, folded
from skype_assets.etl.rows.decode import json_value
from skype_assets.etl.schema.flags import COPIES_DIFFER, TYPE_DIFFERS, UNREADABLE
from skype_assets.etl.schema.tables import MEDIA_FILES


@dataclass(frozen=True)
class StoredObject:
    """What the archive holds for a document id: the object's member, or only its side file (``member`` is None)."""

    member: str | None
    file_name: str | None
    mime_type: str | None
    sha256: bytes | None = None
    preview_sha256: bytes | None = None


NOTHING_STORED: Final = StoredObject(None, None, None)

OBJECT: Final = 1
"""Index of the object itself."""

PREVIEW: Final = 2
"""Index of its preview. Whatever has another one is what it is."""


def media_files(media: pa.Table, objects: pa.Table, owner_id: str, export_id: str) -> pa.Table:
    """Rows of ``media_files`` from the raw tables ``media`` and ``objects``, one per document id and index."""
    found = _copies(media, objects)
    side_files = Spelled(_side_files(media), {document_id for document_id, _ in found})
    rows = []
    for (document_id, index), copies in sorted(found.items()):
        side, best = side_files.get(document_id) or {}, copies[-1]
        mime_type, content_type = _mime_type(side, index), type_of(best.head or b"")
        flags = {
            TYPE_DIFFERS: contradicts(mime_type, content_type),
            COPIES_DIFFER: len({copy.sha256 for copy in copies}) > 1,
            UNREADABLE: best.is_unreadable,
        }
        rows.append(
            {
                "owner_id": owner_id,
                "document_id": document_id,
                "media_index": index,
                "member": best.member,
                "file_name": _text(side.get("filename")),
                "mime_type": mime_type,
                "size_bytes": best.size,
                "export_id": export_id,
                "sha256": best.sha256,
                "source_offset": best.offset,
                "content_type": content_type,
                "flags": sorted(flag for flag, is_so in flags.items() if is_so),
                "kept": best.is_kept,
            }
        )
    return pa.Table.from_pylist(rows, MEDIA_FILES.schema)


class Stored:
    """What the archive holds: objects, and side files that describe them. Either is found by the id of a document.

    Args:
        objects: by id and index.
        side_files: by id.
    """

    def __init__(
        self, objects: Mapping[str, Mapping[int, "Copy"]], side_files: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self._objects = Spelled(objects)
        self._side_files = Spelled(side_files, objects)
        self._ids = objects.keys() | side_files.keys()

    def get(self, document_id: str) -> StoredObject:
        """What there is of a document. The object itself has index 1; if it is not there, the smallest index counts."""
        meant = self._objects.meant(document_id) or document_id
        return _stored(self._objects.get(meant) or {}, self._side_files.get(meant) or {})

    def in_lower_case(self) -> Iterator[tuple[str, StoredObject]]:
        """What ids in lower case mean, if they mean anything."""
        found = ((id_, self.get(id_)) for id_ in sorted(set(map(folded, self._ids))))
        return ((id_, one) for id_, one in found if one != NOTHING_STORED)


NOTHING: Final = Stored({}, {})
"""What an archive without media holds."""


def stored_objects(media: pa.Table, objects: pa.Table) -> Stored:
    """What the archive holds, from the raw tables ``media`` and ``objects``."""
    found: dict[str, dict[int, Copy]] = {}
    for (document_id, index), copies in _copies(media, objects).items():
        found.setdefault(document_id, {})[index] = copies[-1]
    return Stored(found, _side_files(media))


def _stored(by_index: Mapping[int, "Copy"], side: Mapping[str, Any]) -> StoredObject:
    first = by_index[min(by_index, key=lambda index: (index != OBJECT, index))] if by_index else None
    preview = by_index.get(PREVIEW)
    return StoredObject(
        member=first.member if first else None,
        file_name=_text(side.get("filename")),
        mime_type=_mime_type(side, OBJECT),
        sha256=first.sha256 if first else None,
        preview_sha256=preview.sha256 if preview else None,
    )


class Copy(NamedTuple):
    """A member that holds an object; the greatest of several is taken."""

    size: int
    member: str
    sha256: bytes | None = None
    offset: int | None = None
    is_kept: bool = False
    is_unreadable: bool = False
    head: bytes | None = None


def _copies(media: pa.Table, objects: pa.Table) -> dict[tuple[str, int], list[Copy]]:
    """By document id and index the members that hold it, the one that is taken last.

    ``objects`` has what extract found of them, in their order; earlier versions found nothing.
    """
    found: dict[tuple[str, int], list[Copy]] = {}
    known = _rows(objects.select(["ordinal", "sha256", "offset", "kept", "problem", "head"]))
    object_ = next(known, None)
    for ordinal, row in enumerate(
        _rows(media.select(["member", "size", "document_id", "media_index", "is_side_file"]))
    ):
        if row["is_side_file"]:
            continue
        of_row = _UNKNOWN
        if object_ is not None and object_["ordinal"] == ordinal:
            of_row, object_ = object_, next(known, None)
        copy = Copy(
            row["size"], clean(row["member"])[0][:LONGEST_NAME], of_row["sha256"], of_row["offset"], of_row["kept"],
            of_row["problem"] is not None, of_row["head"],
        )  # fmt: skip
        found.setdefault((bounded(row["document_id"]), row["media_index"]), []).append(copy)
    for copies in found.values():
        copies.sort(key=lambda copy: (copy.size, copy.member))
    return found


_UNKNOWN: Final[Mapping[str, Any]] = {"sha256": None, "offset": None, "kept": False, "problem": None, "head": None}


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches():
        yield from batch.to_pylist()


def unreadable_side_files(media: pa.Table) -> int:
    """How many side files describe nothing, as they are no JSON object, or none that is decoded."""
    return sum(value is None for _, value in _read_side_files(media))


def _side_files(media: pa.Table) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for document_id, value in _read_side_files(media):
        if value is not None:
            found.setdefault(document_id, value)
    return found


def _read_side_files(media: pa.Table) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """The side files by the document they describe; None for what is no JSON object, or is not to be decoded."""
    for document_id, raw in zip(media["document_id"].to_pylist(), media["raw"].to_pylist(), strict=True):
        if raw is None:
            continue
        try:
            value = json_value(raw)
        except ValueError:
            value = None  # it names nothing; its bytes stay in the raw checkpoint
        yield bounded(document_id), value if isinstance(value, dict) else None


def _mime_type(side: Mapping[str, Any], index: int) -> str | None:
    contents = side.get("contents")
    entry = contents.get(str(index)) if isinstance(contents, dict) else None
    return _text(entry.get("type")) if isinstance(entry, dict) else None


def _text(value: object) -> str | None:
    return clean(value)[0][:LONGEST_NAME] or None if isinstance(value, str) else None
