"""No message is lost for a wrong type or a bad byte: what has to be changed is named in its flags."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skype_assets.etl.content.cleaning import clean
from skype_assets.etl.rows.decode import NOT_AN_OBJECT, NOT_JSON, Message, decode, json_text, json_value

PLAIN = b'{"id":"1","content":"hello","version":7,"from":"8:a","displayName":"A","messagetype":"RichText"}'

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("\ud800\0"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    "id", "displayName", "originalarrivaltime", "messagetype", "version", "content", "from", "properties",
    "amsreferences", "conversationid", "other",
]  # fmt: skip


def _one(raw: bytes) -> tuple[Message, set[str]]:
    decoded = decode([raw])
    [message] = decoded.messages
    assert message
    return message, decoded.flags.get(0, set())


def test_an_ordinary_message_is_read_as_it_is() -> None:
    message, flags = _one(PLAIN)
    assert (message.id, message.content, message.version, message.from_) == ("1", "hello", 7, "8:a")
    assert (message.display_name, message.messagetype, bytes(message.properties)) == ("A", "RichText", b"null")
    assert flags == set()


@pytest.mark.parametrize(
    ("raw", "column", "value", "flags"),
    [
        (rb'{"id":1}', "id", "1", set()),
        (rb'{"id":true}', "id", None, set()),
        (rb'{"id":["1"]}', "id", None, set()),
        (rb'{"content":{"b":1,"a":[]}}', "content", '{"b":1,"a":[]}', {"content_not_text"}),
        (rb'{"content":0}', "content", "0", {"content_not_text"}),
        (rb'{"content":null}', "content", None, set()),
        (rb'{"content":"a\u0000b"}', "content", "a\ufffdb", {"nul_replaced"}),
        (rb'{"content":"a\ud800b"}', "content", "a\ufffdb", {"surrogate_replaced"}),
        (rb'{"content":"\ud83d\udc40"}', "content", "\U0001f440", set()),
        (b'{"content":"a\xffb"}', "content", "a\ufffdb", {"invalid_utf8"}),
        (b'{"content":"a\nb"}', "content", "a\nb", set()),
        (rb'{"version":"12"}', "version", "12", set()),
        (rb'{"version":1.5e3}', "version", 1500.0, set()),
        (rb'{"version":{}}', "version", None, set()),
        (rb'{"version":true}', "version", None, set()),
        (rb'{"from":7}', "from_", None, set()),
        (rb'{"displayName":[]}', "display_name", None, set()),
        (rb'{"amsreferences":["a",1,null]}', "amsreferences", ["a"], set()),
        (rb'{"amsreferences":"a"}', "amsreferences", None, set()),
        (rb'{"properties":{"a":NaN}}', "properties", b'{"a":null}', {"not_finite"}),
        (rb'{"properties":"x\u0000"}', "properties", '"x\ufffd"'.encode(), {"nul_replaced"}),
        (rb'{"id":"1","id":"2"}', "id", "2", set()),
    ],
)
def test_what_is_out_of_the_ordinary_is_kept_and_flagged(
    raw: bytes, column: str, value: object, flags: set[str]
) -> None:
    message, found = _one(raw)
    kept = getattr(message, column)
    assert (bytes(kept) if column == "properties" else kept) == value
    assert found == flags


@pytest.mark.parametrize(
    ("raw", "reason"),
    [(b"null", NOT_AN_OBJECT), (b"[]", NOT_AN_OBJECT), (b'"{}"', NOT_AN_OBJECT), (b"7", NOT_AN_OBJECT)]
    + [(b"{", NOT_JSON), (b'{"a"}', NOT_JSON), (b"{} {}", NOT_JSON)],
)
def test_what_is_no_object_is_rejected_and_its_neighbours_are_not(raw: bytes, reason: str) -> None:
    decoded = decode([PLAIN, raw, PLAIN])
    assert decoded.rejects == {1: reason}
    assert [message.id if message else None for message in decoded.messages] == ["1", None, "1"]


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), values, max_size=6), max_size=4), st.data())
def test_every_object_of_any_values_is_a_message(objects: list[dict[str, Any]], data: st.DataObject) -> None:
    raw = [
        json.dumps(found, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass") for found in objects
    ]
    decoded = decode(raw)
    assert not decoded.rejects
    assert len(decoded.messages) == len(raw)
    for message in decoded.messages:
        assert message
        for text in (message.id, message.content, message.display_name, message.from_, message.messagetype):
            assert clean(text or "") == (text or "", frozenset())
        json.dumps(json.loads(bytes(message.properties)), allow_nan=False)


@given(st.lists(st.sampled_from([PLAIN, b'{"id":5}', b'{"content":"\\u0000"}', b"null", b"{}"]), max_size=6))
def test_a_message_is_read_alike_alone_and_among_others(raw: list[bytes]) -> None:
    together = decode(raw)
    for row, one in enumerate(raw):
        alone = decode([one])
        assert together.messages[row] == alone.messages[0]
        assert together.flags.get(row) == alone.flags.get(0)
        assert together.rejects.get(row) == alone.rejects.get(0)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b"1e999", float("inf")),
        (b"9" * 5000, float("inf")),
        (b'"a\xffb"', "a\ufffdb"),
        (b'{"\xff": 1}', {"\ufffd": 1}),
        (b'"\\ud800"', "\ud800"),
        (b'"a\nb"', "a\nb"),
    ],
)
def test_json_is_read_with_leniency(text: bytes, value: object) -> None:
    assert json_value(text) == value


@pytest.mark.parametrize("text", [b"", b"{", b"{} {}", b"nothing"])
def test_what_is_no_json_is_said_to_be_none(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"Expecting|Extra"):
        json_value(text)


def test_json_text_is_compact_and_readable() -> None:
    assert json_text({"é": [1, None]}) == '{"é":[1,null]}'
