"""JSON within JSON (sections 2.7, 3.3.7 and 3.6 of the format reference)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skype_assets.etl.content.bounds import LARGEST_JSON, MOST_VALUES
from skype_assets.etl.content.embedded_json import decoded, identifier, objects


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1,]", "nothing", "\ufeff[]", "[" * 100_000, "[" + "1," * MOST_VALUES + "1]", f'"{"x" * LARGEST_JSON}"'],
)
def test_what_is_no_json_too_deep_or_too_long_is_nothing(text: str) -> None:
    assert decoded(text) is None


def test_what_is_decoded_is_clean() -> None:
    assert decoded('{"a\\u0000": ["\\ud83d", NaN, -Infinity, 1e999, "line\n"]}') == {
        "a\ufffd": ["\ufffd", None, None, None, "line\n"]
    }


def test_numbers_keep_their_digits_as_long_as_they_can_be_written_again() -> None:
    assert decoded("12345678901234567890123") == 12345678901234567890123
    assert decoded("9" * 100_000) is None


def test_objects_come_from_an_array_a_string_or_alone() -> None:
    assert objects([{"a": 1}, None, "x"]) == objects('[{"a": 1}, 2]') == objects({"a": 1}) == [{"a": 1}]
    assert objects(None) == objects("cut [") == objects(7) == []


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (7, "7"), (True, None), (1.5, None), ("", None), (None, None)])
def test_an_id_is_a_string_or_an_integer(value: object, text: str | None) -> None:
    assert identifier(value) == text


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(JSON.filter(lambda value: "\\u0000" not in json.dumps(value)), st.booleans())
def test_json_in_a_string_is_read_as_python_reads_it(value: Any, ascii_only: bool) -> None:
    try:
        text = json.dumps(value, ensure_ascii=ascii_only)
        text.encode()
    except UnicodeEncodeError:
        return
    if "\\ud" not in text:
        assert decoded(text) == json.loads(text)
