"""Small invented exports for the tests of the reference."""

import io
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.reference import reference_tables

OWNER = "8:live:mara.ostrow"
THEO = "8:tbrannock"
GROUP = "19:5b0c9d51e27f4a6d8e13b7c2f4a09d66@thread.skype"
PHOTO = "0-weu-d4-f08fdde142b15a71193dfd6abe4c0174"
OTHER = "0-neu-d11-e0e3680172ce89910dee15eddacbe855"
SENT = "2024-11-05T18:00:00Z"

Row = dict[str, Any]
Tables = dict[str, list[Row]]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # pyright: ignore[reportArgumentType]


def message(id: Any = "1730829600000", **changes: Any) -> Row:
    plain = {
        "id": id,
        "displayName": None,
        "originalarrivaltime": SENT,
        "messagetype": "RichText",
        "version": 1,
        "content": "hello",
        "conversationid": THEO,
        "from": THEO,
        "properties": None,
        "amsreferences": None,
    }
    return {key: value for key, value in (plain | changes).items() if value != "(missing)"}


def conversation(*messages: Any, id: Any = THEO, **changes: Any) -> Row:
    plain = {"id": id, "displayName": None, "version": 1, "properties": None, "threadProperties": None}
    return plain | {"MessageList": list(messages)} | changes


def export(*conversations: Any, date: str = "2024-11-06T08:12") -> bytes:
    return json.dumps({"userId": OWNER, "exportDate": date, "conversations": list(conversations)}).encode()


def write(path: Path, document: bytes, media: dict[str, bytes] | None = None) -> Path:
    """A bare JSON file, or an archive where there is media."""
    if media is None:
        path = path.with_suffix(".json")
        path.write_bytes(document)
        return path
    with tarfile.open(path.with_suffix(".tar"), "w") as tar:
        for name, data in {"messages.json": document, **media}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path.with_suffix(".tar")


def tables_of(tmp_path: Path, *conversations: Any, media: dict[str, bytes] | None = None) -> Tables:
    return reference_tables(write(tmp_path / "export", export(*conversations), media))


def everything_of(tmp_path: Path, *conversations: Any) -> Tables:
    path = write(tmp_path / "export", export(*conversations))
    return reference_tables(path, {"smile": "\U0001f642"})


def row_of(tmp_path: Path, messagetype: str, content: Any, **changes: Any) -> Row:
    """The row of an export's only message."""
    only = conversation(message(messagetype=messagetype, content=content, **changes))
    [row] = everything_of(tmp_path, only)["messages"]
    return row


def chosen(rows: list[Row], *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in columns) for row in rows]
