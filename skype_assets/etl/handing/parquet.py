"""The tables as Parquet, with their own schemas: all rows, or those of a selection and of what it belongs to."""

from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from skype_assets.etl.database.counting import COUNTED
from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.handing.handover import Format, HandOver
from skype_assets.etl.handing.selection import ORIGINALS, Selection
from skype_assets.etl.schema.tables import MESSAGES, TABLES, Table

_GROUP_BYTES: Final = 32 << 20

# What is selected, and the copies that edits left of it.
_CHOSEN: Final = f"""
WITH found AS MATERIALIZED (
    SELECT m.owner_id, m.conversation_id, m.message_id FROM {SCHEMA}.messages m WHERE {ORIGINALS} AND {{condition}}
), chosen AS MATERIALIZED (
    SELECT * FROM found UNION
    SELECT c.owner_id, c.conversation_id, c.message_id FROM {SCHEMA}.messages c
    JOIN found f ON (f.owner_id, f.conversation_id, f.message_id) = (c.owner_id, c.conversation_id, c.edit_of)
), chats AS MATERIALIZED (SELECT DISTINCT owner_id, conversation_id FROM found)
"""

_OF_EXPORTS: Final = "t.export_id IN (SELECT e.export_id FROM skype.exports e JOIN chats USING (owner_id))"
_OF_CHATS: Final = f"{_OF_EXPORTS} AND t.conversation_id IN (SELECT conversation_id FROM chats)"

_BELONGING: Final = {
    "exports": "t.owner_id IN (SELECT owner_id FROM chats)",
    "conversations": "(t.owner_id, t.conversation_id) IN (SELECT * FROM chats)",
    "participants": "(t.owner_id, t.conversation_id) IN (SELECT * FROM chats)",
    "conversation_copies": _OF_CHATS,
    "rejects": _OF_CHATS,
    "given_names": f"{_OF_EXPORTS} AND t.user_id IN "
    "(SELECT p.user_id FROM skype.participants p JOIN chats USING (owner_id, conversation_id))",
    "media_files": "(t.export_id, t.document_id, t.member) IN (SELECT a.media_export_id, a.document_id, a.media_member "
    "FROM skype.attachments a JOIN chosen USING (owner_id, conversation_id, message_id))",
}
"""Of tables that are not of messages: the rows that belong to what is selected."""

_OF_COPIES: Final = (
    f"{_OF_EXPORTS} AND (t.conversation_id, t.message_id) IN (SELECT conversation_id, message_id FROM chosen)"
)
"""Of tables of messages whose rows name the export, and not the account."""

_OF_MESSAGES: Final = (
    "(t.owner_id, t.conversation_id, t.message_id) IN (SELECT owner_id, conversation_id, message_id FROM chosen)"
)


def _write(hand: HandOver) -> None:
    hand.progress(0, hand.selection.messages)
    for name in COUNTED:
        table = TABLES[name]
        with (
            hand.output.create(f"{name}.parquet") as file,
            pq.ParquetWriter(file, table.schema, compression="zstd") as writer,
        ):
            hand.figures[name] = _copy(hand, table, writer)
        if table is MESSAGES:
            hand.progress(hand.selection.messages, hand.selection.messages)


def _copy(hand: HandOver, table: Table, writer: pq.ParquetWriter) -> int:
    rows, collected = 0, list[pa.RecordBatch]()
    for batch in hand.session.batches(_query(table, hand.selection), *hand.selection.parameters):
        rows += batch.num_rows
        collected.append(batch)
        if sum(one.nbytes for one in collected) >= _GROUP_BYTES:
            writer.write_table(pa.Table.from_batches(collected).cast(table.schema))
            collected = []
    if collected:
        writer.write_table(pa.Table.from_batches(collected).cast(table.schema))
    return rows


def _query(table: Table, selection: Selection) -> str:
    columns = ", ".join(f"t.{name}" for name in table.schema.names)
    order = ", ".join(f"t.{name}" for name in table.key)
    query = f"SELECT {columns} FROM {SCHEMA}.{table.name} t"
    if selection.condition is None:
        return f"{query} ORDER BY {order}"
    belonging = _BELONGING.get(table.name) or (_OF_MESSAGES if "owner_id" in table.key else _OF_COPIES)
    return f"{_CHOSEN.format(condition=selection.condition)} {query} WHERE {belonging} ORDER BY {order}"


PARQUET: Final = Format("parquet", _write, 600, has_media=False)
