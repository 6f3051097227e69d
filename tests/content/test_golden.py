"""One message per file, and everything that is read from it: written by hand from the format reference.

``message`` has the fields of an exported message, ``expected`` the parts of ``Content`` that are not empty, with the
message's kind, its attachments and its reactions. Instants are microseconds since 1970.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from skype_assets.etl.content.message_types import MESSAGE_TYPES, message_type, parse
from skype_assets.etl.content.reactions import reactions
from skype_assets.etl.content.uri_object import attachments
from skype_assets.etl.schema.flags import FLAGS

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.rglob("*.json"))


def load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def read(message: dict[str, Any]) -> dict[str, Any]:
    properties = message.get("properties")
    type_ = message_type(message["messagetype"], message.get("conversationid"))
    content = parse(type_, message["content"], properties)
    found = attachments(message["content"] or "", message["messagetype"], message.get("amsreferences"), properties)
    children = {
        "attachments": [{k: v for k, v in plain(a).items() if v is not None} for a in found],
        "reactions": plain(reactions((properties or {}).get("emotions"))),
    }
    return {"kind": type_.kind, **plain(content), **{name: rows for name, rows in children.items() if rows}}


def plain(record: object) -> Any:
    return json.loads(msgspec.json.encode(record))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(GOLDEN).with_suffix("")))
def test_a_message_is_read_as_the_reference_says(path: Path) -> None:
    golden = load(path)
    assert read(golden["message"]) == golden["expected"]


def test_every_registered_type_has_a_golden_message() -> None:
    assert set(MESSAGE_TYPES) <= {load(path)["message"]["messagetype"] for path in FILES}


def test_every_table_that_a_type_feeds_is_fed_by_a_golden_message() -> None:
    names = {"call": ("call_events", "call_participants")}
    fed: dict[str, set[str]] = {}
    for path in FILES:
        golden = load(path)
        tables = fed.setdefault(golden["message"]["messagetype"], set())
        for name in golden["expected"]:
            tables.update(names.get(name, (name,)))
    # An album has no attachments of its own; nothing is known of the other two; and rich texts share one parser.
    unseen = {"RichText/Media_Album", "RichText/Media_CallTranscript", "RichText/Media_CallLogRecording"}
    unseen |= {"RichText/Html", "InviteFreeRelationshipChanged/Initialized"}
    for type_ in MESSAGE_TYPES.values():
        assert type_.name in unseen or set(type_.feeds) <= fed[type_.name]


def test_every_flag_of_a_golden_message_is_documented() -> None:
    assert {flag for path in FILES for flag in load(path)["expected"].get("flags", [])} <= set(FLAGS)
