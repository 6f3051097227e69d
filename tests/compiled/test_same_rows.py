"""The compiled reader makes of a message the rows of the general one, or leaves it."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skype_assets.etl import compiled
from skype_assets.etl.compiled.columns import read
from skype_assets.etl.content.message_types import MESSAGE_TYPES
from skype_assets.etl.rows import any_messages, compiled_messages
from skype_assets.etl.rows.any_messages import any_rows
from skype_assets.etl.rows.compiled_messages import compiled_rows
from skype_assets.etl.rows.media import Copy, Stored
from skype_assets.etl.rows.message_tables import EDIT_MARKS, MESSAGE_TABLES, Export, MessageRows
from skype_assets.etl.rows.messages import message_rows
from skype_assets.etl.schema.raw_tables import MESSAGES
from skype_assets.etl.schema.tables import TABLES, TEXT, Column
from tests.compiled.spelled import CONTENTS, MESSAGE, PROPERTIES, mutated, swift
from tests.content.test_golden import FILES, GOLDEN

STORED = "0-weu-d4-f08fdde142b15a71193dfd6abe4c0174"
OTHER = STORED[:-1].upper() + "5"
SIDE_FILE = {"filename": "side.jpg", "contents": {"1": {"type": "image/jpeg"}}}
ARCHIVE = Stored({STORED: {1: Copy(3, "media/x.1.jpeg")}, OTHER: {1: Copy(3, "media/y.1.jpeg")}}, {STORED: SIDE_FILE})
EXPORT = Export("e", "8:live:mara.ostrow", "m", ARCHIVE)
PLACES = st.sampled_from([(0, "8:tbrannock"), (1, "19:x@thread.skype"), (2, "48:calllogs"), (3, None)])


def batch_of(raw: list[bytes], places: list[tuple[int, str | None]]) -> pa.RecordBatch:
    columns: dict[str, list[Any]] = {
        "conversation_index": [index for index, _ in places],
        "conversation_id": [id_ for _, id_ in places],
        "ordinal": list(range(len(raw))),
        "offset": [10_000 * number for number in range(len(raw))],
        "length": [len(found) for found in raw],
        "sha256": [hashlib.sha256(found).digest() for found in raw],
        "id": [None] * len(raw),
        "messagetype": [None] * len(raw),
        "raw": raw,
    }
    return pa.RecordBatch.from_pydict(columns, MESSAGES)


def _sorted(made: list[MessageRows], name: str) -> list[dict[str, Any]]:
    rows = pa.concat_tables([one.tables[name] for one in made]).to_pylist()
    return sorted(rows, key=lambda row: (row.get("source_offset") or 0, json.dumps(row, default=str)))


def assert_same(batch: pa.RecordBatch) -> None:
    made, expected = list(message_rows([batch], EXPORT, 100)), [any_rows(batch, EXPORT)]
    for name in (*MESSAGE_TABLES, "edit_marks", "rejects"):
        assert _sorted(made, name) == _sorted(expected, name), name


def one(message: dict[str, Any] | bytes, place: tuple[int, str | None] = (0, "8:tbrannock")) -> pa.RecordBatch:
    if isinstance(message, dict):
        message = json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return batch_of([message], [place])


@settings(max_examples=400)
@given(st.lists(st.tuples(mutated(), PLACES), min_size=1, max_size=8))
def test_whatever_is_read_is_read_the_same(messages: list[tuple[bytes, tuple[int, str | None]]]) -> None:
    messages.sort(key=lambda message: message[1][0])
    assert_same(batch_of([raw for raw, _ in messages], [place for _, place in messages]))


@pytest.mark.parametrize("type_", sorted(MESSAGE_TYPES))
@given(content=CONTENTS, properties=PROPERTIES)
@settings(max_examples=15)
def test_every_type_is_read_the_same(type_: str, content: str, properties: dict[str, Any] | None) -> None:
    assert_same(one({**MESSAGE, "messagetype": type_, "content": content, "properties": properties}))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(GOLDEN).with_suffix("")))
def test_golden_messages_are_read_the_same(path: Path) -> None:
    assert_same(one({**MESSAGE, **json.loads(path.read_text(encoding="utf-8"))["message"]}))


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["a", "https://x.example"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc") | st.text(), inner, max_size=3),
    max_leaves=6,
)
SHOWN = st.lists(st.dictionaries(st.sampled_from(["url", "alt", "type", "title", "value", "tap"]), JSON), max_size=2)


@settings(max_examples=300)
@given(
    st.dictionaries(st.sampled_from(["title", "subtitle", "text", "facts", "tap", "total", "type"]), JSON),
    st.fixed_dictionaries({}, optional={"images": SHOWN | JSON, "buttons": SHOWN | JSON}),
    st.dictionaries(st.sampled_from(["contentType", "name"]), JSON, max_size=1),
)
def test_any_card_is_read_the_same(content: dict[str, Any], shown: dict[str, Any], outside: dict[str, Any]) -> None:
    body = swift({"attachments": [{"content": {**content, **shown}, **outside}]})
    assert_same(one({**MESSAGE, "messagetype": "RichText/Media_Card", "content": body}))


@given(st.text(), st.sampled_from(["RichText", "Text", "RichText/Sms", "Event/Call"]))
@example(" \u2003 text\u00a0\x1f", "RichText")
@example("a]]>b<b></b>", "RichText")
def test_any_text_is_read_the_same(content: str, type_: str) -> None:
    raw = json.dumps({**MESSAGE, "messagetype": type_, "content": content}).encode()
    assert_same(one(raw))


@given(st.binary(max_size=40), st.integers(0, 400))
def test_bytes_put_into_an_object_are_read_the_same(inserted: bytes, place: int) -> None:
    raw = json.dumps(MESSAGE).encode()
    assert_same(one(raw[:place] + inserted + raw[place:]))


def test_a_slice_of_a_batch_is_read_at_its_place() -> None:
    raw = [json.dumps({**MESSAGE, "id": str(number)}).encode() for number in range(9)]
    batch = batch_of(raw, [(0, "8:tbrannock")] * 9)
    assert_same(batch.slice(4, 3))
    assert compiled_rows(batch.slice(4, 3), EXPORT).tables["messages"]["message_id"].to_pylist() == (
        ["4", "5", "6"] if compiled.reader else []
    )


def test_the_compiled_module_is_there_if_a_compiler_is() -> None:
    assert compiled.reader or shutil.which("g++") is None, "see what `pip install --verbose --editable .` says"


def test_without_the_compiled_module_every_message_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "reader", None)
    batch = one(MESSAGE)
    assert compiled_rows(batch, EXPORT).tables["messages"].num_rows == 0
    assert_same(batch)


def test_the_compiled_module_makes_columns_of_the_tables_only() -> None:
    columns = read(one(MESSAGE)["raw"], np.zeros(1, np.bool_), 0)
    for table, found in columns.items():
        schema = EDIT_MARKS if table == "edit_marks" else TABLES[table].schema
        beside = {"row", "from", "display_name"} if table == "messages" else {"row"}
        assert found.keys() - beside <= set(schema.names), table


@pytest.mark.parametrize("name", ["messages", "reactions"])
def test_a_column_that_a_reader_does_not_make_is_an_error_and_not_null(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = TABLES[name]
    longer = replace(table, columns=(*table.columns, Column("further", TEXT, "unheard of")))
    heart = {"key": "heart", "users": [{"mri": "8:a", "time": 1730829901774}]}
    batch = one({**MESSAGE, "properties": {"emotions": [heart]}})
    assert_same(batch)
    for module in (any_messages, compiled_messages):
        monkeypatch.setattr(module, "TABLES", {**TABLES, name: longer})
    if name != "messages":
        monkeypatch.setitem(compiled_messages._BELOW_MESSAGES, name, longer.schema)
    with pytest.raises((KeyError, ValueError)):
        any_rows(batch, EXPORT)
    if compiled.reader:
        with pytest.raises(KeyError, match="further"):
            compiled_rows(batch, EXPORT)
