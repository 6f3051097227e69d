"""What PostgreSQL refuses is replaced and reported (section 5.1 of the format reference)."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skype_assets.etl.content.cleaning import DEEPEST, clean, clean_json

PROPERTY = settings(derandomize=True, deadline=None, database=None, max_examples=50)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("text", "cleaned", "flags"),
    [
        ("", "", set()),
        ("noon at the quay", "noon at the quay", set()),
        ("Grüße 😆 \u0001\u000b", "Grüße 😆 \u0001\u000b", set()),
        ("a\0b\0", "a\ufffdb\ufffd", {"nul_replaced"}),
        ("a\ud83db\ude00", "a\ufffdb\ufffd", {"surrogate_replaced"}),
        ("\0\udc00", "\ufffd\ufffd", {"nul_replaced", "surrogate_replaced"}),
    ],
)
def test_nul_and_lone_surrogates_are_replaced_and_reported(text: str, cleaned: str, flags: set[str]) -> None:
    assert clean(text) == (cleaned, flags)


@PROPERTY
@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_can_be_stored_once_it_is_clean(text: str) -> None:
    cleaned, _ = clean(text)
    assert cleaned.encode().decode() == cleaned
    assert "\0" not in cleaned
    assert len(cleaned) == len(text)


def test_clean_text_is_given_back_itself() -> None:
    text = "Grüße" * 100
    assert clean(text)[0] is text


@pytest.mark.parametrize(
    ("value", "cleaned", "flags"),
    [
        (None, None, set()),
        (True, True, set()),
        (10**400, 10**400, set()),
        (1.5, 1.5, set()),
        ("a\0", "a\ufffd", {"nul_replaced"}),
        ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}, set()),
        ({"\ud83d": ["\0", {}]}, {"\ufffd": ["\ufffd", {}]}, {"nul_replaced", "surrogate_replaced"}),
        ([float("nan"), float("inf"), {"x": -float("inf")}], [None, None, {"x": None}], {"not_finite"}),
        ({"a\0": 1, "b": 2, "a\ufffd": 3}, {"a\ufffd": 3, "b": 2}, {"nul_replaced"}),
    ],
)
def test_json_is_cleaned_throughout(value: Any, cleaned: Any, flags: set[str]) -> None:
    assert clean_json(value) == (cleaned, flags)


@PROPERTY
@given(JSON_VALUES)
def test_any_json_value_can_be_stored_once_it_is_clean(value: Any) -> None:
    cleaned, _ = clean_json(value)
    text = json.dumps(cleaned, ensure_ascii=False, allow_nan=False)
    assert text.encode().decode() == text
    assert clean_json(cleaned) == (cleaned, set())


def test_what_is_nested_too_deep_becomes_null() -> None:
    value: Any = "core"
    for _ in range(DEEPEST):
        value = [value]
    assert clean_json(value) == (value, set())
    cleaned, flags = clean_json([value])
    assert flags == {"nested_too_deep"}
    assert json.dumps(cleaned) == "[" * DEEPEST + "null" + "]" * DEEPEST


def test_depth_costs_no_recursion() -> None:
    value: Any = {}
    for _ in range(100_000):
        value = {"a": value}
    assert clean_json(value)[1] == {"nested_too_deep"}


def test_the_value_itself_is_not_changed() -> None:
    value = {"a": ["\0"]}
    clean_json(value)
    assert value == {"a": ["\0"]}
