"""What the tables do not take is replaced, and nothing else is (section 5.8 of the format reference)."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skype_assets.etl.content.bounds import (
    FREE_ROWS,
    LARGEST_JSON,
    LONGEST_NUMBER,
    LONGEST_TEXT,
    MOST_VALUES,
    Allowance,
    fits,
    shortened,
    storable_json,
)

LONG = ["1e-20000", "-1E+20000", "9e99999999999", "1e0000000401", "9" * 401, "0." + "0" * 400 + "1", "1.5e-399"]
SHORT = ["0", "-0.0", "1e5", "1.7976931348623157e308", "5e-324", "2.2250738585072014e-308", "1e0000000399", "9" * 400]


@pytest.mark.parametrize("number", LONG)
def test_a_number_that_is_long_when_written_out_becomes_null_and_the_rest_stays(number: str) -> None:
    flags: list[str] = []
    text = f'{{"a": [{number}, 1.10, "{number} \\" {number}"], "{number}":{number}}}'
    assert storable_json(text, flags.append) == f'{{"a": [null, 1.10, "{number} \\" {number}"], "{number}":null}}'
    assert flags == ["number_too_long"]


@pytest.mark.parametrize("number", SHORT)
def test_a_number_of_a_double_stays_as_it_is_spelled(number: str) -> None:
    assert storable_json(f"[{number}]", pytest.fail) == f"[{number}]"


NUMBERS = st.from_regex(r"\A-?(0|[1-9][0-9]{0,500})(\.[0-9]{1,500})?([eE][-+]?[0-9]{1,4})?\Z")


@given(NUMBERS)
def test_a_number_stays_if_no_more_digits_are_needed_to_write_it_out(number: str) -> None:
    kept = storable_json(number, lambda flag: None) == number
    digits = sum(character.isdigit() for character in format(Decimal(number), "f"))
    if kept:
        assert digits <= LONGEST_NUMBER
    else:
        # Zeros in front, and before an exponent, count.
        assert digits > LONGEST_NUMBER - len(number) or not Decimal(number)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(JSON, st.booleans())
def test_ordinary_json_is_left_alone(value: Any, ascii_only: bool) -> None:
    try:
        text = json.dumps(value, ensure_ascii=ascii_only)
        text.encode()
    except UnicodeEncodeError:
        return
    assert storable_json(text, pytest.fail) == text


def test_json_of_too_many_bytes_or_values_is_not_stored() -> None:
    flags: list[str] = []
    assert fits("[" + "0," * (MOST_VALUES - 2) + "0]")
    assert storable_json("[" + "0," * MOST_VALUES + "0]", flags.append) is None
    assert storable_json('"' + "x" * LARGEST_JSON + '"', flags.append) is None
    assert storable_json('"' + "ü" * (LARGEST_JSON // 2) + '"', flags.append) is None
    assert flags == ["json_too_large"] * 3


def test_a_text_is_shortened_only_if_it_is_too_long() -> None:
    flags: list[str] = []
    text = "x" * LONGEST_TEXT
    assert shortened(None, pytest.fail) is None
    assert shortened(text, pytest.fail) is text
    assert shortened(text + "y", flags.append) == text
    assert flags == ["text_shortened"]


def test_rows_are_taken_as_long_as_a_message_of_that_size_may_have_them() -> None:
    flags: list[str] = []
    allowance = Allowance(0, 52, flags.append)
    row = (0, "x" * 100, None, 1.5)
    taken = [allowance.take(row) for _ in range(FREE_ROWS // 200 + 1)]
    assert taken == [row] * (FREE_ROWS // 200) + [None]
    assert flags == ["rows_left_out"]


def test_the_texts_of_a_row_are_shortened() -> None:
    flags: list[str] = []
    assert Allowance(LONGEST_TEXT, 0, flags.append).take(("x" * (LONGEST_TEXT + 1), 7)) == ("x" * LONGEST_TEXT, 7)
    assert flags == ["text_shortened"]
