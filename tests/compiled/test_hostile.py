"""Hostile objects cost no more than long ones by the compiled reader, either, and are read or left whole."""

import json
from typing import Any

import pytest

from skype_assets.etl.rows.compiled_messages import compiled_rows
from tests.compiled.spelled import MESSAGE
from tests.compiled.test_same_rows import EXPORT, assert_same, one
from tests.content.test_linear_time import LIMIT_SECONDS, MARKUP, STRUCTURED, fill, processor_time_limit

REACTION = {"mri": "8:tbrannock", "time": 1730829901774}
PROPERTIES: dict[str, Any] = {
    "reactions of one person": {"emotions": [{"key": "heart", "users": [REACTION] * 10_000}]},
    "reactions of many people": {
        "emotions": [{"key": "heart", "users": [{**REACTION, "mri": f"8:{number}"} for number in range(10_000)]}]
    },
    "previews": {"urlpreviews": json.dumps([{"key": f"https://x.example/{number}"} for number in range(10_000)])},
    "deep": {"other": json.loads("[" * 900 + "]" * 900)},
}
READ = (
    "RichText",
    "RichText/UriObject",
    "RichText/Media_Card",
    "Event/Call",
    "RichText/Sms",
    "ThreadActivity/AddMember",
)


def assert_linear_and_same(message: dict[str, Any] | bytes) -> None:
    batch = one(message)
    with processor_time_limit(LIMIT_SECONDS):
        read = compiled_rows(batch, EXPORT)
    if read.tables["messages"].num_rows:
        assert_same(batch)


@pytest.mark.parametrize("content", MARKUP.values(), ids=MARKUP.keys())
@pytest.mark.parametrize("type_", READ)
def test_hostile_markup_takes_linear_time(type_: str, content: str) -> None:
    assert_linear_and_same({**MESSAGE, "messagetype": type_, "content": content})


@pytest.mark.parametrize(("type_", "content"), STRUCTURED.values(), ids=STRUCTURED.keys())
def test_hostile_structures_take_linear_time(type_: str, content: str) -> None:
    assert_linear_and_same({**MESSAGE, "messagetype": type_, "content": content})


@pytest.mark.parametrize("properties", PROPERTIES.values(), ids=PROPERTIES.keys())
def test_hostile_properties_take_linear_time(properties: dict[str, Any]) -> None:
    assert_linear_and_same({**MESSAGE, "properties": properties})


@pytest.mark.parametrize("unit", ["[", "{", '{"a":', '"', "\\", '{"content":"', "9", "-", '{"id":"\\u00', "\xff"])
def test_hostile_bytes_take_linear_time(unit: str) -> None:
    assert_linear_and_same(fill(unit).encode("latin-1"))
    assert_linear_and_same((fill(unit) + "}").encode("latin-1"))
