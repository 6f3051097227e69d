"""Whole numbers of 64 bits, however they are spelled."""

from typing import Any

import pytest

from skype_assets.etl.content.integers import digits, integer


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (12, 12),
        (-12, -12),
        (1594056032575.0, 1594056032575),
        (-1.9, -1),
        ("12", 12),
        (" 12. ", 12),
        ("12.99", 12),
        ("0" * 5000 + "7", 7),
        (2**63 - 1, 2**63 - 1),
        (str(2**63 - 1), 2**63 - 1),
        (-(2**63), -(2**63)),
    ],
)
def test_a_number_in_any_spelling_is_truncated(value: Any, number: int) -> None:
    assert integer(value) == number


@pytest.mark.parametrize(
    "value",
    [None, True, False, "", " ", "x", "-1", "1e3", ".5", "1,5", "١", "0x1", [], {}, 2**63, str(2**63), -(2**63) - 1]
    + [float("nan"), float("inf"), -float("inf"), 1e300, "9" * 100_000],
)
def test_anything_else_is_none(value: Any) -> None:
    assert integer(value) is None


@pytest.mark.parametrize(
    ("text", "number"), [("7", 7), ("007", 7), ("", None), (None, None), (" 7", None), ("7.0", None)]
)
def test_digits_are_nothing_but_digits(text: str | None, number: int | None) -> None:
    assert digits(text) == number
