"""Small exports with what matters here, and what to ask of the database about them."""

import io
import json
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent
OWNER, THEO, INES, SAM = "8:live:mara.ostrow", "8:tbrannock", "8:live:ines.k", "8:live:.cid.3fa91c07be52d684"
GROUP = "19:5b0c9d51e27f4a6d8e13b7c2f4a09d66@thread.skype"
PHOTO = "0-weu-d4-f08fdde142b15a71193dfd6abe4c0174"

Row = dict[str, Any]
Query = Callable[[str], list[tuple[Any, ...]]]


def written(path: Path, conversations: Iterable[Row], day: int = 1) -> Path:
    document = {"userId": OWNER, "exportDate": f"2025-06-0{day}T08:00", "conversations": list(conversations)}
    path.write_text(json.dumps(document))
    return path


def conversation(identity: str, *messages: Row, **changes: Any) -> Row:
    plain = {"id": identity, "displayName": None, "version": 1, "properties": None, "threadProperties": None}
    return {**plain, "MessageList": list(messages), **changes}


def message(number: int, sender: str | None, name: str | None = None, **changes: Any) -> Row:
    plain = {
        "id": f"173572560{number}000", "displayName": name, "originalarrivaltime": f"2025-01-01T10:00:0{number}Z",
        "messagetype": "RichText", "version": number, "content": "hello", "from": sender, "properties": None,
        "amsreferences": None,
    }  # fmt: skip
    return {**plain, **changes}


def call(number: int, *parts: tuple[str, str]) -> Row:
    people = "".join(f'<part identity="{who}"><name>{name}</name></part>' for who, name in parts)
    content = f'<partlist type="ended" alt="">{people}</partlist>'
    return message(number, OWNER, messagetype="Event/Call", content=content)


def activity(number: int, kind: str, content: str) -> Row:
    return message(number, GROUP, messagetype=f"ThreadActivity/{kind}", content=content)


def members(*user_ids: str) -> Row:
    return {"members": json.dumps(user_ids), "topic": None}


def names_of(query: Query, conversation_id: str = GROUP) -> dict[str, str | None]:
    found = query(f"SELECT user_id, display_name FROM skype.participants WHERE conversation_id = '{conversation_id}'")
    return dict(found)


def titles(query: Query) -> dict[str, str]:
    return dict(query("SELECT conversation_id, title FROM skype.conversations"))


def archive(path: Path, owner_id: str, chat: Row, media: dict[str, bytes]) -> Path:
    document = {"userId": owner_id, "exportDate": "2025-06-01T08:00", "conversations": [chat]}
    return tar_of(path, {"messages.json": json.dumps(document).encode(), **media})


def tar_of(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path
