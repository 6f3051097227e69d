"""Promises that hold for every type: nothing raises, everything can be stored, nothing of a plain text is lost."""

import base64
import html
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skype_assets.etl.content.cleaning import clean, clean_json
from skype_assets.etl.content.message_types import MESSAGE_TYPES, UNKNOWN_TYPE, MessageType, message_type, parse
from skype_assets.etl.content.rich_text import rich_text

PROPERTY = settings(derandomize=True, deadline=None, database=None, max_examples=120)
TYPES = st.sampled_from([*MESSAGE_TYPES.values(), message_type("Text", "48:calllogs"), UNKNOWN_TYPE])

NAMES = st.sampled_from(
    ["attachments", "content", "title", "text", "buttons", "images", "url", "value", "key", "users", "mri", "time"]
    + ["members", "id", "initiator", "eventtime", "translations", "oid", "media", "pollAnswer", "validUntilTimestamp"]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["[0]", "1e9", "8:x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
PROPERTIES = st.dictionaries(
    st.sampled_from(["urlpreviews", "poll", "emotions", "call-log", "callLog", "edittime", "isserversidegenerated"]),
    JSON | JSON.map(json.dumps),
)
ATTRIBUTES = (
    "id itemid type value author timestamp messageid conversation href users itemtype ts_ms a s p t f latitude"
    " longitude timeStamp isUserLocation altitude optionsEncoded expirationTimeMs allowMultipleVotes duration size tid"
)
ELEMENTS = (
    "quote blockquote at a e_m URIObject systemMessage legacyquote Title Answer Description location c sms chunk target"
    " role value initiator eventtime partlist part name file Amount Id RecordingContent item videomessage Swift"
)
VALUES = st.sampled_from(
    [
        "",
        "1730829852101",
        "-1",
        "9" * 30,
        "1e9",
        "nan",
        "8:x",
        "*",
        "%00|%ff|",
        "&#0;",
        "&#xd800;",
        "poll.1",
        "Credit.1",
    ]
    + ["true", "http://schema.skype.com/Reply", "\u0661", "1\u00b2", "e30=", "3017-03-08T11:42:19.4410276Z"]
)
TAGS = st.builds(
    lambda end, name, attributes, empty: (
        f"<{'/' * end}{name}{''.join(f' {n}={chr(34)}{v}{chr(34)}' for n, v in attributes)}{'/' * empty}>"
    ),
    st.booleans(),
    st.sampled_from(ELEMENTS.split()),
    st.lists(st.tuples(st.sampled_from(ATTRIBUTES.split()), VALUES), max_size=3),
    st.booleans(),
)
MARKUP = st.lists(TAGS | VALUES | st.text(max_size=4), max_size=10).map("".join).map(lambda text: clean(text)[0])


def assert_storable(value: object) -> None:
    """PostgreSQL takes every string, number and JSON object of it."""
    stored = msgspec.to_builtins(value)
    assert clean_json(json.loads(json.dumps(stored)))[1] == set()
    assert all(-(2**63) <= number < 2**63 for number in integers(stored))


def integers(value: Any) -> list[int]:
    if isinstance(value, int):
        return [value]
    if isinstance(value, dict):
        # Details are jsonb, which has no such limit.
        return [number for name, inner in value.items() if name != "details" for number in integers(inner)]
    return [number for inner in value for number in integers(inner)] if isinstance(value, list | tuple) else []


@PROPERTY
@given(TYPES, st.text() | MARKUP | JSON.map(json.dumps), PROPERTIES | JSON)
def test_whatever_a_message_holds_can_be_read_and_stored(type_: MessageType, content: str, properties: Any) -> None:
    content, properties = clean(content)[0], clean_json(properties)[0]
    assert_storable(parse(type_, content, properties))


@PROPERTY
@given(MARKUP)
def test_whatever_a_rich_text_holds_can_be_stored(content: str) -> None:
    assert_storable(parse(MESSAGE_TYPES["RichText"], content))


@PROPERTY
@given(JSON)
def test_whatever_a_card_holds_can_be_stored(value: Any) -> None:
    card = {"attachments": [{"contentType": "x", "content": value}]}
    b64 = base64.b64encode(json.dumps(card).encode()).decode()
    assert_storable(parse(MESSAGE_TYPES["RichText/Media_Card"], f'<Swift b64="{b64}"/>'))


@PROPERTY
@given(
    st.sampled_from(["RichText", "RichText/Html", "RichText/Sms", "Notice"]), st.text().map(lambda text: clean(text)[0])
)
def test_escaped_text_is_its_own_text(messagetype: str, text: str) -> None:
    # What is put between tags is no JSON.
    found = parse(MESSAGE_TYPES[messagetype], f"<b>{html.escape(text)}</b>")
    assert found.text == text.replace("\r\n", "\n").strip()
    assert found.flags == ()


@PROPERTY
@given(st.text().map(lambda text: clean(text)[0]))
def test_what_has_no_markup_is_nothing_but_its_text(content: str) -> None:
    content = content.replace("<", "").replace("&", "").replace("\r", "")
    found = rich_text(content)
    assert found == type(found)(content.strip())


@PROPERTY
@given(st.text().map(lambda text: clean(text)[0]), PROPERTIES)
def test_literal_text_stays_as_it_is(content: str, properties: Any) -> None:
    assert parse(MESSAGE_TYPES["Text"], content, clean_json(properties)[0]).text == content


@pytest.mark.parametrize("type_", MESSAGE_TYPES.values(), ids=lambda type_: type_.name)
def test_a_deleted_message_says_nothing(type_: MessageType) -> None:
    found = parse(type_, "", {"deletetime": "1730834027914"})
    assert (found.text, found.mentions, found.links, found.quotes, found.call, found.flags) == (
        "",
        (),
        (),
        (),
        None,
        (),
    )
    assert parse(type_, None) == found


@pytest.mark.parametrize("properties", [None, [], "text", 0, {"urlpreviews": {}}, {"poll": {"users": 1}}])
def test_properties_of_the_wrong_type_are_none(properties: object) -> None:
    found = parse(MESSAGE_TYPES["RichText"], "hello", properties)
    assert found.text == "hello"
    assert found.links == ()


def test_numbers_that_are_not_finite_become_null() -> None:
    details = parse(MESSAGE_TYPES["TranslationSettings"], '{"data": [NaN, Infinity, 1e999, 2.5]}').details
    assert details == {"settings": {"data": [None, None, None, 2.5]}}
