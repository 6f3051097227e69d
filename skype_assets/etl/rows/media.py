"""The archive's media: rows of ``media_files``, and the look-up that joins attachments with them (1.3-1.5)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import pyarrow as pa

from skype_assets.etl.content.bounds import LONGEST_NAME
from skype_assets.etl.content.cleaning import clean
from skype_assets.etl.content.file_types import contradicts, type_of
from skype_assets.etl.content.names import bounded
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

_OBJECT: Final = 1
_PREVIEW: Final = 2


def media_files(media: pa.Table, objects: pa.Table, owner_id: str, export_id: str) -> pa.Table:
    """Rows of ``media_files`` from the raw tables ``media`` and ``objects``, one per document id and index."""
    side_files = _side_files(media)
    rows = []
    for (document_id, index), copies in sorted(_copies(media, objects).items()):
        side, best = side_files.get(document_id, {}), copies[-1]
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


def stored_objects(media: pa.Table, objects: pa.Table) -> Mapping[str, StoredObject]:
    """What the archive holds, by document id. The object itself has index 1; of a preview alone, the smallest."""
    side_files = _side_files(media)
    found: dict[str, dict[int, _Copy]] = {}
    for (document_id, index), copies in _copies(media, objects).items():
        found.setdefault(document_id, {})[index] = copies[-1]
    return {
        document_id: _stored(found.get(document_id, {}), side_files.get(document_id, {}))
        for document_id in found.keys() | side_files.keys()
    }


def _stored(by_index: Mapping[int, "_Copy"], side: Mapping[str, Any]) -> StoredObject:
    first = by_index[min(by_index)] if by_index else None
    preview = by_index.get(_PREVIEW)
    return StoredObject(
        member=first.member if first else None,
        file_name=_text(side.get("filename")),
        mime_type=_mime_type(side, _OBJECT),
        sha256=first.sha256 if first else None,
        preview_sha256=preview.sha256 if preview else None,
    )


class _Copy(NamedTuple):
    """A member that holds an object; the greatest of several is taken."""

    size: int
    member: str
    sha256: bytes | None
    offset: int | None
    is_kept: bool
    is_unreadable: bool
    head: bytes | None


def _copies(media: pa.Table, objects: pa.Table) -> dict[tuple[str, int], list[_Copy]]:
    """By document id and index the members that hold it, the one that is taken last.

    ``objects`` has what extract found of them, in their order; earlier versions found nothing.
    """
    found: dict[tuple[str, int], list[_Copy]] = {}
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
        copy = _Copy(
            row["size"], clean(row["member"])[0][:LONGEST_NAME], of_row["sha256"], of_row["offset"], of_row["kept"],
            of_row["problem"] is not None, of_row["head"],
        )  # fmt: skip
        found.setdefault((bounded(row["document_id"]), row["media_index"] or _OBJECT), []).append(copy)
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
