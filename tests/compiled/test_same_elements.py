"""Compiled code finds the elements of an array where the exact scanner finds them, or leaves them to it."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skype_assets.etl import compiled
from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export import json_elements
from skype_assets.etl.export.json_elements import Whole
from skype_assets.etl.export.json_syntax import MAX_DEPTH, JsonText
from skype_assets.etl.export.messages_json import raw_parts
from skype_assets.etl.export.raw_part import Elements, RawPart, numbers
from tests.compiled.spelled import MESSAGE, mutated
from tests.content.test_linear_time import LIMIT_SECONDS, fill, processor_time_limit

WHOLE: Whole | None = compiled.reader.elements if compiled.reader else None


def assert_found_as_scanned(text: bytes, whole: Whole) -> Elements:
    """Of a text that begins with an element, and may have more behind commas."""
    found = Elements(*map(numbers, whole(memoryview(text), 0, len(text))))
    scanned, position = JsonText(text, "m"), 0
    for begin, length in zip(found.offsets, found.lengths, strict=True):
        assert begin == scanned.blanks(position)
        position = scanned.value(begin, len(text))
        assert position == begin + length < len(text)
        after = scanned.blanks(position)
        if text[after : after + 1] != b",":
            break
        position = after + 1
    return found


def read(text: bytes, whole: Whole | None, most: int) -> tuple[list[RawPart], str | None]:
    """The parts of an export, and what is wrong with it behind them."""
    parts: list[RawPart] = []
    try:
        parts.extend(raw_parts(text, max_messages=most, max_bytes=1 << 20, whole=whole))
    except InvalidExport as error:
        return parts, str(error)
    return parts, None


def export_of(elements: list[bytes], between: bytes = b",") -> bytes:
    return b'{"conversations": [{"id": "a", "MessageList": [%b], "x": 1}, 7]}' % between.join(elements)


VALUES = st.sampled_from(
    [b"1", b'"x"', b"null", b"[]", b"{}", b"NaN", b"-0", b"01", b"1e5", b"", b"]"]
    + [b'"\\u0000"', b'"\\ud83d"', b'"\xff"', b'"\t"']
    + [b"[" * depth + b"]" * depth for depth in (31, 32, 33, MAX_DEPTH, MAX_DEPTH + 1)]
)  # fmt: skip


@settings(max_examples=300)
@given(
    st.lists(mutated() | VALUES, max_size=8),
    st.sampled_from([b",", b" , ", b"\n,\t", b",,", b" "]),
    st.integers(1, 4),
)
@example([b"1"], b",", 1)
def test_parts_are_the_same_with_compiled_code_and_without(elements: list[bytes], between: bytes, most: int) -> None:
    text = export_of(elements, between)
    assert read(text, WHOLE, most) == read(text, None, most)
    if WHOLE:
        assert_found_as_scanned(between.join([*elements, b""]), WHOLE)


@given(st.binary(max_size=40), st.integers(0, 1000), st.integers(0, 1000))
def test_damaged_exports_are_refused_at_the_same_byte(inserted: bytes, place: int, cut: int) -> None:
    text = export_of([json.dumps(MESSAGE).encode()] * 3)
    damaged = text[: place % len(text)] + inserted + text[place % len(text) :]
    for one in (damaged, damaged[: cut % len(damaged)]):
        assert read(one, WHOLE, 2) == read(one, None, 2)


@pytest.mark.parametrize("window", [40, 100, 300])
def test_elements_that_are_longer_than_what_is_looked_at_are_found(
    window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    elements = [json.dumps({"id": str(size), "content": "x" * size}).encode() for size in (3, 500, 0, 70, 260, 1)]
    text = export_of(elements)
    expected = read(text, None, 100)
    monkeypatch.setattr(json_elements, "_WINDOW", window)
    assert read(text, WHOLE, 100) == expected
    assert len(expected[0][0].offsets) == len(elements)


@pytest.mark.parametrize("unit", ["[", "{", '{"a":', '"', "\\", "9", "-", "1,", "[],", "NaN,", "1,NaN,", "\xff"])
def test_hostile_arrays_take_linear_time(unit: str) -> None:
    # A third of a megabyte: of the least elements, a hundred thousand, which are found one by one.
    text = export_of([fill(unit)[: 300_000 // len(unit) * len(unit)].encode("latin-1")])
    with processor_time_limit(LIMIT_SECONDS):
        _, wrong = read(text, WHOLE, 1_000_000)
    assert (wrong is None) is (unit == "9")


def test_many_small_elements_are_found_a_few_at_a_time() -> None:
    text = b",".join([b"1"] * 100_000) + b"]"
    if WHOLE:
        assert 1_000 < len(WHOLE(memoryview(text), 0, len(text))[0]) // 8 < 20_000
    parts, wrong = read(export_of([text[:-1]]), WHOLE, 1_000_000)
    assert wrong is None
    assert len(parts[0].offsets) == 100_000


def test_usual_messages_are_all_found_by_compiled_code() -> None:
    message: dict[str, Any] = {**MESSAGE, "properties": {"a": [1, {"b": None}]}}
    text = b",".join([json.dumps(message).encode()] * 9) + b"]"
    if WHOLE:
        assert len(assert_found_as_scanned(text, WHOLE).offsets) == 9
        assert WHOLE(memoryview(text), 0, 0) == (b"", b"", b"")
        with pytest.raises(ValueError, match="beyond"):
            WHOLE(memoryview(text), 0, len(text) + 1)
