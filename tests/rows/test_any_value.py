"""Whatever stands in the fields of an export: nothing raises, and no message is lost (promises I1 and I7).

Through the phases themselves, in this process, without a database.
"""

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.compute as pc
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skype_assets.etl import engine
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.content.message_types import MESSAGE_TYPES
from skype_assets.etl.content.plain_text import plain_text
from skype_assets.etl.task import Settings, Task

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["\ud800", "\0", "1730829852101", "-1", "1e999", "8:tbrannock", "19:x@thread.skype", "True"])
    | st.sampled_from(["<", "<a href='x'>y</a>", "<b", "&amp;", "[]", "{}", '[{"key":"x"}]', "2024-11-05T18:04:12Z"])
)  # fmt: skip
KEYS = st.sampled_from(
    ["id", "key", "users", "mri", "time", "value", "url", "title", "type", "attachments", "content", "members", "b64"]
    + ["text", "name", "translations", "poll", "initiator", "eventtime", "a\0", "\udfff"]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
PROPERTIES = (
    *("edittime", "deletetime", "emotions", "urlpreviews", "albumId", "forwardMetadata", "isserversidegenerated"),
    *("call-log", "callLog", "poll", "importance", "counterpartymessageid"),
)
THREAD_PROPERTIES = ("topic", "members", "membercount", "version", "picture", "joiningenabled")
TYPES = st.sampled_from([*MESSAGE_TYPES, "ThreadActivity/Unheard", ""])
CONTENTS = st.lists(
    st.sampled_from(["hello", "<", ">", "&", '"', "<URIObject type='File.1'>", "</URIObject>", "<e_m ts_ms='1'/>"])
    | st.sampled_from(["<partlist><part identity='x'>", "<duration>9e9</duration>", "<name>", "<quote author='x'>"])
    | st.sampled_from(["</quote>", "<sms>", "<target>", "<Swift b64='e30='/>", '{"attachments":[', '[{"a":1}]', "\0"]),
    max_size=6,
).map("".join)


def fields(named: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of these fields, each of its own kind or anything else."""
    return st.fixed_dictionaries({}, optional={name: own | VALUES for name, own in named.items()})


MESSAGES = fields(
    {
        "id": st.sampled_from(["1", "2", "1730829852101", 3]),
        "displayName": st.text(max_size=5),
        "originalarrivaltime": st.just("2024-11-05T18:04:12.5Z"),
        "messagetype": TYPES,
        "version": st.integers(0, 5),
        "content": CONTENTS,
        "conversationid": st.text(max_size=5),
        "from": st.sampled_from(["8:tbrannock", "https://x/contacts/8:live:mara.ostrow"]),
        "properties": fields(dict.fromkeys(PROPERTIES, st.nothing())),
        "amsreferences": st.just(["0-weu-d4-f08fdde142b15a71193dfd6abe4c0174"]),
    }
)
CONVERSATIONS = fields(
    {
        "id": st.sampled_from(["8:tbrannock", "19:x@thread.skype", "48:calllogs"]),
        "displayName": st.text(max_size=5),
        "version": st.integers(0, 5),
        "properties": fields(dict.fromkeys(("conversationblocked", "lastimreceivedtime"), st.nothing())),
        "threadProperties": fields(dict.fromkeys(THREAD_PROPERTIES, st.nothing())),
    }
)
ELEMENTS = st.lists(MESSAGES | VALUES, max_size=12)
HEADERS = fields({"userId": st.just("8:live:mara.ostrow"), "exportDate": st.just("2024-11-06T08:12")})


def transformed(document: dict[str, Any], folder: Path) -> PhaseTables:
    export = folder / "messages.json"
    export.write_bytes(json.dumps(document).encode())
    # Generated exports may be without a message.
    how = Settings(chunk_size=12, batch_size=5, max_workers=1, media_only=True)
    task = Task("any", folder / "output", export, None, how)
    for phase in ("extract", "transform"):
        engine.run_phase(task, phase)
    tables = engine.open_phase(task, "transform")
    assert tables
    return tables


@settings(max_examples=12)
@given(HEADERS, st.lists(st.tuples(CONVERSATIONS, ELEMENTS), min_size=1, max_size=3))
@example({}, [({}, [None, 7, [], {}, {"id": {}, "content": [], "properties": {"emotions": {}}}])])
def test_any_value_in_any_field_raises_nothing_and_loses_no_message(
    header: dict[str, Any], conversations: list[tuple[dict[str, Any], list[Any]]]
) -> None:
    listed = [{**conversation, "MessageList": elements} for conversation, elements in conversations]
    with TemporaryDirectory() as folder:
        tables = transformed({**header, "conversations": listed}, Path(folder))
        account = tables.summary("conservation")
        seen, loaded, duplicate, rejected = (pc.sum(account[n], min_count=0).as_py() for n in account.column_names[1:])
        elements = [element for _, found in conversations for element in found]
        assert seen == len(elements) == loaded + duplicate + rejected
        assert rejected == sum(not isinstance(element, dict) for element in elements)
        in_other_parts = tables["duplicates"].num_rows
        assert tables["messages"].num_rows == loaded + in_other_parts
        assert tables["rejects"].num_rows == rejected


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0")))
def test_the_plain_text_of_escaped_text_is_the_text(text: str) -> None:
    assert plain_text(escape(text)) == text.strip()
