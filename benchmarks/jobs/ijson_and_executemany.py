"""For a file that does not fit into memory: ``ijson`` conversation by conversation, psycopg2's ``execute_batch``."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import ijson
import psycopg2
from psycopg2.extras import execute_batch

from benchmarks.jobs.flat import COLUMNS, CREATE_TABLE, row


def prepare(messages_json: str, database: str) -> Callable[[], object]:
    insert = f"INSERT INTO messages VALUES ({', '.join(['%s'] * len(COLUMNS))})"

    def load() -> None:
        with closing(psycopg2.connect(database)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(CREATE_TABLE)
            execute_batch(cursor, insert, _rows(Path(messages_json)), page_size=1_000)

    return load


def _rows(path: Path) -> Iterator[tuple[Any, ...]]:
    with path.open("rb") as file:
        for conversation in ijson.items(file, "conversations.item", use_float=True):
            for message in conversation["MessageList"] or ():
                yield row(conversation["id"], message)
