"""The limit of load: binary COPY of the same rows into bare tables, at will with the same keys and indexes after it.

The rows are in memory before it begins; nothing is checked, merged, recorded or resumed.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl import engine
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.database import completion, ddl
from skype_assets.etl.database.session import Session
from skype_assets.etl.rows.duplicates import without
from skype_assets.etl.rows.message_tables import MESSAGE_TABLES
from skype_assets.etl.schema.tables import TABLES
from skype_assets.etl.task import Task


def prepare(output: str, database: str, with_constraints: bool) -> Callable[[], object]:
    tables = engine.open_phase(Task("bench", Path(output)), "transform")
    assert tables is not None, "transform is complete"
    rows = list(_rows(tables))
    session = Session(database)
    with session.transaction():
        for statement in ddl.statements():
            session.execute(statement)
        for name in TABLES:
            session.execute(f"ALTER TABLE {ddl.SCHEMA}.{name} DROP CONSTRAINT {name}_pkey")

    def copy() -> None:
        with session, session.transaction():
            for name, table in rows:
                session.copy(name, table, schema=ddl.SCHEMA)
            if with_constraints:
                for table in TABLES.values():
                    session.execute(f"ALTER TABLE {ddl.SCHEMA}.{table.name} ADD PRIMARY KEY ({', '.join(table.key)})")
                for statement in completion.completion():
                    session.execute(statement)

    return copy


def _rows(tables: PhaseTables) -> Iterator[tuple[str, pa.Table]]:
    """The rows that the load of these tables copies."""
    for name in ("exports", "conversations", "participants", "rejects"):
        yield name, tables.summary(name)
    duplicates = tables.summary("duplicates")
    for part in tables.state.parts:
        dropped = duplicates.filter(pc.equal(duplicates["part"], part.number))
        for name in (*MESSAGE_TABLES, "rejects", "media_files"):
            rows = tables.part(part, name)
            yield name, without(rows, dropped) if name in MESSAGE_TABLES else rows
