"""Are exactly these rows in the database? Answered in bytes, as the server sends them, without making columns of them.

Most questions end here: of a load that went well every row is as it was sent. Whatever is otherwise, or cannot be said
in this way, is for ``comparison`` to look at, which says what differs.
"""

import pyarrow as pa

from skype_assets.etl import compiled
from skype_assets.etl.compiled.records import Sought
from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.jsonb import normal_texts
from skype_assets.etl.database.session import Session
from skype_assets.etl.schema.tables import JSON, TABLES


def are_there(session: Session, table: str, rows: pa.Table, condition: str, *parameters: str | list[str]) -> bool:
    """Within a transaction: whether a table, which is ``t`` in the condition, has these rows there and no others.

    False says nothing: without the compiled reader it is the only answer.
    """
    if compiled.reader is None:
        return False
    names = TABLES[table].schema.names
    sought = Sought(_spelled(rows.select(names)), len(TABLES[table].key))
    columns = ", ".join(f"t.{name}" for name in names)
    query = f"SELECT record_send(ROW({columns})) FROM {SCHEMA}.{table} t {condition}"
    # All are looked at: the driver has to come to the end of what it has asked for.
    are_sought = [sought.find(batch.column(0)) for batch in session.batches(query, *parameters)]
    return all(are_sought) and not sought.left


def _spelled(rows: pa.Table) -> pa.Table:
    """Rows with their JSON as PostgreSQL spells it."""
    for place, field in enumerate(rows.schema):
        if field.type == JSON:
            texts = pa.chunked_array([chunk.storage for chunk in rows.column(place).chunks], pa.string())
            chunks = [pa.ExtensionArray.from_storage(JSON, chunk) for chunk in normal_texts(texts).chunks]
            rows = rows.set_column(place, field, pa.chunked_array(chunks, JSON))
    return rows
