"""What the alternatives make of a message: one flat row, as it stands in the export. Shared by them.

They know neither copies, nor children, nor text without markup; nothing is checked, and after an interruption they
begin again. With the oddities of real exports in it - a NUL, half a surrogate pair, an element that is no message -
each of them ends with an error, so the export that they get has none.
"""

import json
from typing import Any

FIELDS = ("id", "originalarrivaltime", "from", "displayName", "messagetype", "content")
COLUMNS = ("conversation_id", *(name.lower() for name in FIELDS), "properties")
CREATE_TABLE = "CREATE TABLE messages (" + ", ".join(f'"{name}" text' for name in COLUMNS) + ")"


def row(conversation_id: str, message: dict[str, Any]) -> tuple[Any, ...]:
    properties = message.get("properties")
    return (
        conversation_id,
        *(message.get(name) for name in FIELDS),
        None if properties is None else json.dumps(properties),
    )
