"""What a materialization says about itself: numbers, instants and digests.

Nothing here comes from the content of messages, and what does come from outside (the export's file name) is plain text:
Dagster would render Markdown, and make links of URLs and paths. The one Markdown value is a picture drawn from figures
alone (``picture``). It is kept small, as Dagster keeps it for ever.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg
import pyarrow as pa

from skype_assets.etl import compiled
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.engine.journal import PhaseResult
from skype_assets.etl.phases import EXTRACT, LOAD, TRANSFORM
from skype_assets.etl.phases.load import REPLACED
from skype_assets.etl.phases.transform_parts import CONSERVATION
from skype_assets.etl.rows import edits
from skype_assets.etl.schema.tables import MESSAGES, TABLES
from skype_assets.shown import picture
from skype_assets.shown.statistics import Statistics

Metadata = dict[str, Any]

_UNKNOWN_TYPES = 20
_DATABASE_COUNTS = (
    "The rows of this export's conversations, and of its account where a table has no conversations, whichever export "
    "brought them. SELECT count(*) counts all conversations of all exports. Copies of a message that edits left are "
    "rows, too: those with edit_of."
)
_TO_READ_IT = "skype-assets read: conversations, search, media and statistics in the browser, at http://127.0.0.1:8420"


def definition(schemas: Mapping[str, pa.Schema], types: Callable[[pa.DataType], str] = str) -> Metadata:
    """Metadata of an asset itself: its tables, and the columns of each.

    The UI has one list of columns for an asset, with a filter: so each column has its table's name before its own, and
    ``messages`` comes first.

    Args:
        schemas: the tables; what they and their columns mean is told of those in ``TABLES``.
        types: names a type as it is called where the tables are.
    """
    names = sorted(schemas, key=lambda name: name != MESSAGES.name)
    columns = [
        dg.TableColumn(
            f"{name}.{field.name}",
            types(field.type),
            description=_meaning(name, field.name),
            constraints=dg.TableColumnConstraints(nullable=field.nullable),
        )
        for name in names
        for field in schemas[name]
    ]
    meanings = [(name, TABLES[name].meaning) for name in names if name in TABLES]
    return {
        "dagster/column_schema": dg.TableSchema(columns),
        **({"tables": _table(("table", "meaning"), meanings)} if meanings else {}),
    }


def _meaning(table: str, column: str) -> str | None:
    known = TABLES[table].columns if table in TABLES else ()
    return next((each.meaning for each in known if each.name == column), None)


def of_result(result: PhaseResult, figures: Statistics | None) -> Metadata:
    """Metadata of a materialization: what the phase made, and whether it had been made before.

    Args:
        result: the phase.
        figures: those of ``figures_of``.
    """
    tables = result.tables
    rows = _ROWS[tables.state.phase](tables)
    return {
        "dagster/partition_row_count": rows.get("messages", 0),
        "rows": _table(("table", "rows"), rows.items()),
        **_SPECIFIC[tables.state.phase](tables),
        **(_of_messages(figures) if figures is not None else {}),
        **_effort(tables, rows.get("messages", 0)),
        "source": dg.MetadataValue.text(tables.state.source_name),
        "fingerprint": tables.state.fingerprint,
        "from_checkpoint": result.from_checkpoint,
    }


def _effort(tables: PhaseTables, messages: int) -> Metadata:
    """Of the work that is in the checkpoint, whenever and by however many attempts it was done."""
    state = tables.state
    seconds = sum(part.seconds for part in state.records)
    return {
        "parts": len(state.parts),
        "bytes": sum(file.bytes for part in state.records for file in part.files.values()),
        "seconds": round(seconds, 3),
        "messages_per_second": round(messages / seconds) if seconds else 0,
        "attempts": state.attempts,
    }


def _extracted(tables: PhaseTables) -> Metadata:
    stored = sum(file.bytes for part in tables.state.records for file in part.files.values())
    messages = sum(tables["header"].to_table(["size"])["size"].to_pylist())
    members, counts = tables["members"].to_table(), tables.state.counts()
    return {
        "source_bytes": int(tables.state.inputs["source_size"]),
        "messages_json_bytes": messages,
        "compression": round(messages / stored, 2) if stored else 0.0,
        "members": _table(members.column_names, (tuple(row.values()) for row in members.to_pylist())),
        "media_objects": counts.get("objects", 0),
        "media_objects_kept": counts.get("objects_kept", 0),
        "media_objects_unreadable": counts.get("objects_unreadable", 0),
    }


def _of_messages(figures: Statistics) -> Metadata:
    return {
        "picture": dg.MetadataValue.md(picture.as_markdown(figures)),
        "people": figures.people,
        "unknown_types": _table(("type", "messages"), list(figures.unknown_types.items())[:_UNKNOWN_TYPES]),
    }


def _transformed(tables: PhaseTables) -> Metadata:
    account = tables.summary("conservation")
    totals = [sum(account[name].to_pylist()) for name in CONSERVATION.names[1:]]
    conversations = tables.summary("conversations")
    first, last = (
        [instant for instant in conversations[name].to_pylist() if instant]
        for name in ("first_message_at", "last_message_at")
    )
    unreadable = tables.summary("exports")["unreadable_bytes"][0].as_py()
    return {
        "conservation": _table(CONSERVATION.names[1:], [tuple(totals)]),
        **({"status": "partial", "unreadable_bytes": unreadable} if unreadable is not None else {}),
        "messages_that_are_copies_left_by_edits": edits.copies(tables.summary("edits")),
        **_instant("first_message_at", min(first, default=None)),
        **_instant("last_message_at", max(last, default=None)),
        "compiled_reader": compiled.reader is not None,
    }


def _loaded(tables: PhaseTables) -> Metadata:
    state = tables.summary("database_state")
    replaced = [tuple(row.values()) for row in tables.summary("replaced").to_pylist()]
    return {
        "database": _table(state.column_names, (tuple(row.values()) for row in state.to_pylist())),
        "database_counts": _DATABASE_COUNTS,
        **({"made_anew_by_newer_code": _table(REPLACED.names, replaced)} if replaced else {}),
        "to_read_it": dg.MetadataValue.text(_TO_READ_IT),
    }


def _transformed_rows(tables: PhaseTables) -> dict[str, int]:
    # Copies of one message in different parts are told apart at the end: the parts still have them, the load does not.
    return {**tables.rows(), "messages": tables.summary("exports")["messages_loaded"][0].as_py()}


_ROWS = {
    EXTRACT.name: PhaseTables.rows,
    TRANSFORM.name: _transformed_rows,
    LOAD.name: lambda tables: tables.state.counts(),
}
_SPECIFIC = {EXTRACT.name: _extracted, TRANSFORM.name: _transformed, LOAD.name: _loaded}


def _table(names: Sequence[str], rows: Iterable[tuple[str | int, ...]]) -> dg.TableMetadataValue:
    records = [dict(zip(names, row, strict=True)) for row in rows]
    types = {
        name: "int" if isinstance(value, int) else "string" for record in records for name, value in record.items()
    }
    columns = [dg.TableColumn(name, types.get(name, "string")) for name in names]
    return dg.MetadataValue.table([dg.TableRecord(record) for record in records], dg.TableSchema(columns))


def _instant(name: str, value: datetime | None) -> Metadata:
    return {} if value is None else {name: dg.MetadataValue.timestamp(value)}
