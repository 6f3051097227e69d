"""Rows of those messages that the compiled reader takes: its columns, completed by what is cheap for whole columns."""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl import compiled
from skype_assets.etl.compiled.columns import Columns, read
from skype_assets.etl.content.call_messages import CALL_LOGS
from skype_assets.etl.content.message_types import kind_of
from skype_assets.etl.content.names import conversation_key, plain_name, sender
from skype_assets.etl.rows.arrays import mapped, table_from_columns
from skype_assets.etl.rows.message_tables import EDIT_MARKS, MESSAGE_TABLES, Export, MessageRows
from skype_assets.etl.rows.proper_names import with_proper_names
from skype_assets.etl.schema.tables import REJECTS, TABLES

_BELOW_MESSAGES: Final = {name: TABLES[name].schema for name in MESSAGE_TABLES if name != "messages"} | {
    "edit_marks": EDIT_MARKS
}
_NULL: Final = {
    "messages": {"edit_of": None},
    "thread_events": {"value": None, "initiator_name": None, "target_name": None},
}
"""Columns that are null in what is read: edits are known when all parts are, events with a value or names are left."""


def compiled_rows(raw: pa.RecordBatch, export: Export) -> MessageRows:
    """Rows of every table fed by the usual messages of a batch; of the others there is none.

    Without the compiled reader every message is one of the others.
    """
    if compiled.reader is None:
        return _none()
    conversation_ids = _conversation_ids(raw)
    # A Text of the call log is none.
    excluded = pc.equal(conversation_ids, CALL_LOGS).to_numpy(zero_copy_only=False)
    longest = pc.max(pc.utf8_length(conversation_ids.dictionary)).as_py() or 0
    found = read(raw["raw"], excluded, len(export.owner_id) + longest)
    rows = {name: columns["row"].to_numpy() for name, columns in found.items()}
    messages = _messages(raw, conversation_ids, found["messages"], export)
    tables = {"messages": messages, "rejects": REJECTS.schema.empty_table()}
    # Where the messages stand that the rows of other tables hang on.
    places = {name: pa.array(np.searchsorted(rows["messages"], rows_)) for name, rows_ in rows.items()}
    for name, schema in _BELOW_MESSAGES.items():
        keys = messages.select(["owner_id", "conversation_id", "message_id", "sender_id"]).take(places[name])
        columns = {**found[name], **{column: keys[column] for column in keys.column_names}, **_NULL.get(name, {})}
        if name == "attachments":
            columns |= _stored(columns, export)
        tables[name] = table_from_columns(schema, columns, len(rows[name]))
    return MessageRows(with_proper_names(tables), rows)


def _none() -> MessageRows:
    tables = {"messages": TABLES["messages"].schema, "rejects": REJECTS.schema, **_BELOW_MESSAGES}
    empty = {name: schema.empty_table() for name, schema in tables.items()}
    return MessageRows(empty, {"messages": np.empty(0, np.int64)})


def _messages(raw: pa.RecordBatch, conversation_ids: pa.DictionaryArray, found: Columns, export: Export) -> pa.Table:
    rows, count = found["row"], len(found["row"])
    columns: dict[str, pa.Array | None] = {
        **found,
        **_NULL["messages"],
        "owner_id": pa.repeat(export.owner_id, count),
        "conversation_id": conversation_ids.take(rows).cast(pa.string()),
        "sender_id": mapped(sender, found["from"]),
        "sender_name": mapped(plain_name, found["display_name"]),
        "kind": mapped(kind_of, found["message_type"]),
        "flags": _empty_lists(count),
        "source_member": pa.repeat(export.member, count),
        "source_offset": raw["offset"].take(rows),
        "source_length": raw["length"].take(rows),
        "raw_sha256": raw["sha256"].take(rows).cast(pa.binary()),
        "export_id": pa.repeat(export.export_id, count),
    }
    return table_from_columns(TABLES["messages"].schema, columns, count)


def _empty_lists(count: int) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), pa.array([], pa.string()))


def _stored(attachments: Columns, export: Export) -> Columns:
    """What the archive holds of them."""
    stored = export.stored_table
    places = pc.index_in(attachments["document_id"], stored["document_id"].combine_chunks())
    file_name, mime_type, member, sha256, preview_sha256 = (
        stored[name].take(places) for name in ("file_name", "mime_type", "member", "sha256", "preview_sha256")
    )
    return {
        "file_name": pc.coalesce(attachments["file_name"], file_name.combine_chunks()),
        "mime_type": mime_type,
        "media_member": member,
        "present": member.is_valid(),
        "media_export_id": pc.if_else(member.is_valid(), export.export_id, pa.scalar(None, pa.string())),
        "media_sha256": sha256,
        "preview_sha256": preview_sha256,
    }


def _conversation_ids(raw: pa.RecordBatch) -> pa.DictionaryArray:
    """The conversation of each message; those of one conversation follow each other."""
    indexes = raw["conversation_index"].to_numpy()
    first = np.flatnonzero(np.diff(indexes, prepend=-1))
    ids = raw["conversation_id"].take(pa.array(first)).to_pylist()
    keys = [conversation_key(id_, index) for id_, index in zip(ids, indexes[first].tolist(), strict=True)]
    which = np.repeat(np.arange(len(first)), np.diff(first, append=len(indexes)))
    return pa.DictionaryArray.from_arrays(pa.array(which), pa.array(keys, pa.string()))
