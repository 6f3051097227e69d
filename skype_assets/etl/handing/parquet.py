"""The tables as Parquet, with their own schemas: all rows, or those of a selection and of what it belongs to."""

from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from skype_assets.etl.database import instants
from skype_assets.etl.database.counting import COUNTED
from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.handing.handover import Format, HandOver
from skype_assets.etl.handing.selection import Selection
from skype_assets.etl.reading.messages import NAMING
from skype_assets.etl.schema.tables import MESSAGES, TABLES, Table

_GROUP_BYTES: Final = 32 << 20

_OWNER: Final = f"(SELECT e.owner_id FROM {SCHEMA}.exports e WHERE e.export_id = t.export_id)"
_OF_CHATS: Final = f"({_OWNER}, t.conversation_id) IN (SELECT * FROM chats)"

_NAMED: Final = " UNION ALL ".join(
    f"SELECT owner_id, conversation_id, {column} FROM {SCHEMA}.{table} "
    "JOIN chosen USING (owner_id, conversation_id, message_id)"
    for table, columns in NAMING.items()
    for column in columns
)

# Those of whom it is told that they are in a conversation (``Selection.tells_of``), and whom selected messages name.
_PEOPLE: Final = (
    f"SELECT p.owner_id, p.conversation_id, p.user_id FROM {SCHEMA}.participants p "
    "JOIN chats USING (owner_id, conversation_id) WHERE {is_whole} OR p.is_owner OR p.is_member "
    f"OR p.user_id = p.conversation_id OR (p.owner_id, p.conversation_id, p.user_id) IN ({_NAMED})"
)

_BELONGING: Final = {
    "exports": "t.export_id = ANY ({exports})",
    "conversations": "(t.owner_id, t.conversation_id) IN (SELECT * FROM chats)",
    "participants": f"(t.owner_id, t.conversation_id, t.user_id) IN ({_PEOPLE})",
    "conversation_copies": _OF_CHATS,
    "rejects": f"{_OF_CHATS} AND {{is_whole}}",
    "given_names": f"t.export_id = ANY ({{exports}}) AND ({_OWNER}, t.user_id) IN "
    f"(SELECT owner_id, user_id FROM ({_PEOPLE}) AS people)",
    "media_files": "(t.export_id, t.member) IN (SELECT a.media_export_id, a.media_member "
    "FROM skype.attachments a JOIN chosen USING (owner_id, conversation_id, message_id))",
}
"""Of tables that are not of messages: the rows that belong to what is selected."""

_TOLD: Final = {
    "exports": {"conversation_count": "(SELECT count(*) FROM chats c WHERE c.owner_id = t.owner_id)"},
}
"""What stands in columns that would tell how much there is besides what is selected, and that prove nothing."""

_OF_MESSAGES: Final = (
    "(t.owner_id, t.conversation_id, t.message_id) IN (SELECT owner_id, conversation_id, message_id FROM chosen)"
)


def _write(hand: HandOver) -> None:
    hand.progress(0, hand.selection.messages)
    exports = list(hand.selection.exports(hand.session))
    for name in COUNTED:
        table = TABLES[name]
        with (
            hand.output.create(f"{name}.parquet") as file,
            pq.ParquetWriter(file, table.schema, compression="zstd") as writer,
        ):
            hand.figures[name] = _copy(hand, table, exports, writer)
        if table is MESSAGES:
            hand.progress(hand.selection.messages, hand.selection.messages)


def _copy(hand: HandOver, table: Table, exports: list[str], writer: pq.ParquetWriter) -> int:
    rows, collected = 0, list[pa.RecordBatch]()
    for batch in hand.session.batches(_query(table, hand.selection), *hand.selection.parameters, exports):
        rows += batch.num_rows
        collected.append(batch)
        if sum(one.nbytes for one in collected) >= _GROUP_BYTES:
            writer.write_table(pa.Table.from_batches(collected).cast(table.schema))
            collected = []
    if collected:
        writer.write_table(pa.Table.from_batches(collected).cast(table.schema))
    return rows


def _query(table: Table, selection: Selection) -> str:
    order = ", ".join(f"t.{name}" for name in table.key)
    told = {} if selection.condition is None else _TOLD.get(table.name, {})
    columns = ", ".join(f"{told.get(field.name) or _value(field)} AS {field.name}" for field in table.schema)
    query = f"SELECT {columns} FROM {SCHEMA}.{table.name} t"
    if selection.condition is None:
        return f"{query} ORDER BY {order}"
    belonging = _BELONGING.get(table.name, _OF_MESSAGES).format(
        exports=f"${len(selection.parameters) + 1}", is_whole=selection.has_whole_conversations
    )
    return f"{selection.chosen} {query} WHERE {belonging} ORDER BY {order}"


def _value(field: pa.Field) -> str:
    """A column; of instants those that a file can hold, and its readers can read."""
    column = f"t.{field.name}"
    return instants.nearest(column) if pa.types.is_timestamp(field.type) else column


PARQUET: Final = Format("parquet", _write, 600, has_media=False)
