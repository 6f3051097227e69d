"""Stored objects, and what attachments say of them, compared with what an export says: other archives have a say."""

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa

from skype_assets.etl.content import spelling
from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.matching import Comparison, Expected, found_rows
from skype_assets.etl.database.refreshing import folded
from skype_assets.etl.database.session import Session
from skype_assets.etl.schema.flags import ARCHIVES_DIFFER
from skype_assets.etl.schema.tables import TABLES

OF_ARCHIVES: Final = (
    "media_member", "present", "media_export_id", "mime_type", "media_sha256", "preview_sha256"
)  # fmt: skip
"""Columns of attachments that are filled in from every loaded archive."""

OBJECT: Final = [*TABLES["attachments"].key, "document_id", *OF_ARCHIVES]
"""The columns of attachments that ``compare_objects`` takes."""


def compare_objects(session: Session, pairs: Sequence[tuple[pa.Table, pa.Table]], comparison: Comparison) -> None:
    """What attachments say of their objects: what was exported, or an object of that id in any loaded archive.

    Which of several it is, and whether all have found theirs, depends on what else is being loaded; so does whether
    they have its hash, which an archive that an earlier release loaded gets later.

    Args:
        session: with the database.
        pairs: rows that were found and the same as they were exported.
        comparison: is told of those that name an object which is nowhere.
    """
    unequal = [pair for pair in pairs if not _are_equal(*pair)]
    both = [zip(found.to_pylist(), exported.to_pylist(), strict=True) for found, exported in unequal]
    others = [(one, other) for pair in both for one, other in pair if one != other]
    ids = sorted({spelling.folded(one["document_id"]) for one, _ in others if one["document_id"] is not None})
    objects, types, hashes = set[tuple[Any, ...]](), set[tuple[str, str]](), set[tuple[str, bytes | None]]()
    for document_id, member, export_id, mime_type, sha256 in session.rows(_OBJECTS, ids) if ids else ():
        objects.update((document_id, member, export_id, known) for known in (sha256, None))
        types.add((document_id, mime_type))
        hashes.add((document_id, sha256))
    for one, other in others:
        document_id = spelling.folded(one["document_id"] or "")
        named = (document_id, one["media_member"], one["media_export_id"], one["media_sha256"])
        has_object = one["present"] and named in objects
        has_type = one["mime_type"] == other["mime_type"] or (document_id, one["mime_type"]) in types
        has_preview = one["preview_sha256"] is None or (document_id, one["preview_sha256"]) in hashes
        if not (has_object and has_type and has_preview):
            row = pa.Table.from_pylist([one], unequal[0][0].schema)
            comparison.note_wrong("attachments", row, "names an object that is in no loaded archive")


def _are_equal(found: pa.Table, exported: pa.Table) -> bool:
    return all(found[name].equals(exported[name]) for name in OF_ARCHIVES)


def compare_media_files(session: Session, of: tuple[str, str], rows: pa.Table, comparison: Comparison) -> None:
    """Objects of an export, whose account and id ``of`` are, with what it says of them.

    Where the account has other exports, whether the flag that several archives make is right is for ``explained``.
    """
    found = found_rows(session, "media_files", "WHERE t.owner_id = $1 AND t.export_id = $2", *of)
    if has_company(session, *of):
        found = map(_with_own_flags, found)
    Expected("media_files", rows).compare(found, comparison)


def has_company(session: Session, owner_id: str, export_id: str) -> bool:
    """Whether the account has other exports in the database."""
    return session.rows(_HAS_COMPANY, owner_id, export_id)[0][0]


def _with_own_flags(objects: pa.Table) -> pa.Table:
    """Objects without the flag that several archives make."""
    own = [[flag for flag in flags if flag != ARCHIVES_DIFFER] for flags in objects["flags"].to_pylist()]
    place = objects.schema.get_field_index("flags")
    return objects.set_column(place, objects.schema.field(place), pa.array(own, objects.schema.field(place).type))


_OBJECTS: Final = f"""
SELECT {folded("document_id")}, member, export_id, mime_type, sha256 FROM {SCHEMA}.media_files
WHERE {folded("document_id")} = ANY($1)"""

_HAS_COMPANY: Final = f"SELECT EXISTS (SELECT FROM {SCHEMA}.exports WHERE owner_id = $1 AND export_id <> $2)"
