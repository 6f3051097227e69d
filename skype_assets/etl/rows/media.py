"""The archive's media: rows of ``media_files``, and the look-up that joins attachments with them (1.3-1.5)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from skype_assets.etl.content.bounds import LONGEST_NAME
from skype_assets.etl.content.cleaning import clean
from skype_assets.etl.content.names import bounded
from skype_assets.etl.rows.decode import json_value
from skype_assets.etl.schema.tables import MEDIA_FILES


@dataclass(frozen=True)
class StoredObject:
    """What the archive holds for a document id: the object's member, or only its side file (``member`` is None)."""

    member: str | None
    file_name: str | None
    mime_type: str | None


NOTHING_STORED: Final = StoredObject(None, None, None)


def media_files(media: pa.Table, owner_id: str, export_id: str) -> pa.Table:
    """Rows of ``media_files`` from the raw ``media`` table, one per document id and index."""
    side_files = _side_files(media)
    best: dict[tuple[str, int], tuple[int, str]] = {}
    for row in _objects(media):
        key = (row["document_id"], row["media_index"])
        best[key] = max(best.get(key, (-1, "")), (row["size"], row["member"]))
    rows = []
    for (document_id, index), (size, member) in sorted(best.items()):
        side = side_files.get(document_id, {})
        rows.append(
            {
                "owner_id": owner_id,
                "document_id": document_id,
                "media_index": index,
                "member": member,
                "file_name": _text(side.get("filename")),
                "mime_type": _mime_type(side, index),
                "size_bytes": size,
                "export_id": export_id,
            }
        )
    return pa.Table.from_pylist(rows, MEDIA_FILES.schema)


def stored_objects(media: pa.Table) -> Mapping[str, StoredObject]:
    """What the archive holds, by document id. The object itself has index 1; of a preview alone, the smallest."""
    side_files = _side_files(media)
    members: dict[str, tuple[int, int, str]] = {}
    for row in _objects(media):
        index, size, name = row["media_index"], row["size"], row["member"]
        former = members.get(row["document_id"])
        if former is None or index < former[0] or (index == former[0] and (size, name) > former[1:]):
            members[row["document_id"]] = (index, size, name)
    return {
        document_id: StoredObject(
            member=members[document_id][2] if document_id in members else None,
            file_name=_text(side_files.get(document_id, {}).get("filename")),
            mime_type=_mime_type(side_files.get(document_id, {}), 1),
        )
        for document_id in members.keys() | side_files.keys()
    }


def unreadable_side_files(media: pa.Table) -> int:
    """How many side files describe nothing, as they are no JSON object, or none that is decoded."""
    return sum(value is None for _, value in _read_side_files(media))


def _objects(media: pa.Table) -> Iterator[dict[str, Any]]:
    columns = media.select(["member", "size", "document_id", "media_index", "is_side_file"])
    for batch in columns.to_batches():
        for row in batch.to_pylist():
            if not row["is_side_file"]:
                names = {"document_id": bounded(row["document_id"]), "member": clean(row["member"])[0][:LONGEST_NAME]}
                yield row | {"media_index": row["media_index"] or 1, **names}


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


def _mime_type(side: dict[str, Any], index: int) -> str | None:
    contents = side.get("contents")
    entry = contents.get(str(index)) if isinstance(contents, dict) else None
    return _text(entry.get("type")) if isinstance(entry, dict) else None


def _text(value: object) -> str | None:
    return clean(value)[0][:LONGEST_NAME] or None if isinstance(value, str) else None
