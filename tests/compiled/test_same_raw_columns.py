"""What extract keeps of messages is the same with compiled code and without."""

import hashlib
import json
from array import array
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from typing_extensions import Buffer

from skype_assets.etl import compiled
from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.messages_json import raw_parts
from skype_assets.etl.export.raw_part import Elements, RawPart, Run, numbers
from skype_assets.etl.phases import raw_columns
from tests.compiled.spelled import MESSAGE, mutated
from tests.compiled.test_same_elements import VALUES, WHOLE, export_of

HAS_COMPILED = compiled.reader is not None


def kept(data: Buffer, first: int, messages: Elements, *, by_compiled: bool) -> dict[str, list[Any]]:
    with pytest.MonkeyPatch.context() as patch:
        if not by_compiled:
            patch.setattr(compiled, "reader", None)
        runs = [Run(0, None, row, 1, row) for row in range(len(messages.offsets))]
        columns = raw_columns.of(memoryview(data), first, messages, runs)
    for column in columns.values():
        column.validate(full=True)
    return {name: column.to_pylist() for name, column in columns.items()}


def assert_kept_as_read(data: Buffer, first: int, messages: Elements) -> None:
    read = kept(data, first, messages, by_compiled=False)
    assert kept(data, first, messages, by_compiled=HAS_COMPILED) == read
    assert read["sha256"] == [hashlib.sha256(raw).digest() for raw in read["raw"]]


def part_of(elements: list[bytes], between: bytes = b",") -> tuple[bytes, RawPart]:
    text = export_of(elements, between)
    return text, next(raw_parts(text, max_messages=1000, max_bytes=1 << 20, whole=WHOLE))


def of(fields: dict[str, Any], *more: tuple[str, Any]) -> bytes:
    """An object with these fields, and with others that may have the names of these."""
    pairs = [*fields.items(), *more]
    return b"{%b}" % ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in pairs).encode()


NAMED = st.lists(
    st.tuples(
        st.sampled_from(["id", "messagetype", "i", "messagetypes", "\u0131d", "content"]),
        st.none() | st.text(max_size=5) | st.sampled_from([7, True, [], {"id": "inner"}, "x" * 40_000, "\ud83d"]),
    ),
    max_size=4,
).map(lambda pairs: of({}, *pairs))


@settings(max_examples=300)
@given(st.lists(mutated() | VALUES | NAMED, max_size=6), st.sampled_from([b",", b" , ", b"\n,\t"]))
@example([of({"id": "1"}, ("messagetype", "Text"), ("id", "2"))], b",")
@example([of({"x": "y" * 40_000, "id": "1", "messagetype": "Text"})], b",")
@example([b'{"\\u0069d": "1", "messagetype": "Text"}'], b",")
@example([b'{"id": "", "messagetype": ""}'], b",")
def test_columns_are_the_same_with_compiled_code_and_without(elements: list[bytes], between: bytes) -> None:
    try:
        text, part = part_of(elements, between)
    except InvalidExport:
        assume(False)
        raise
    first = part.offsets[0] if part.offsets else 0
    assert_kept_as_read(text[first:], first, part)


def test_what_has_unusual_texts_is_left_alone_among_usual_messages() -> None:
    elements = [of(MESSAGE), of({**MESSAGE, "id": "a\nb"}), of({**MESSAGE, "messagetype": None}), b"7", of(MESSAGE)]
    text, part = part_of(elements)
    usual = [True, False, False, False, True]
    assert [bool(places) for places in part.places] == (usual if HAS_COMPILED else [False] * 5)
    columns = kept(text, 0, part, by_compiled=HAS_COMPILED)
    assert columns["id"] == [MESSAGE["id"], "a\nb", MESSAGE["id"], None, MESSAGE["id"]]
    assert columns["messagetype"] == ["RichText", "RichText", None, None, "RichText"]
    assert columns["raw"] == elements


def test_messages_in_which_nobody_has_looked_are_read() -> None:
    text, part = part_of([of(MESSAGE)] * 3)
    assert_kept_as_read(text, 0, replace(part, places=numbers([0] * 3)))


def test_without_openssl_hashlib_makes_the_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    text, part = part_of([of(MESSAGE)] * 3)
    expected = kept(text, 0, part, by_compiled=False)
    if compiled.reader is not None:
        made = compiled.reader.raw_columns

        def without_digests(*arguments: Any) -> Any:
            raw, _, *rest = made(*arguments)
            return (raw, (0, 0, None), *rest)

        monkeypatch.setattr(compiled.reader, "raw_columns", without_digests)
    assert kept(text, 0, part, by_compiled=HAS_COMPILED) == expected


def test_digests_come_from_the_openssl_of_hashlib() -> None:
    """Else they would be made one by one, and nobody would notice but by the time it takes."""
    maps = Path("/proc/self/maps")
    is_loaded = maps.exists() and "/libcrypto.so.3\n" in maps.read_text()
    if compiled.reader:
        digests = compiled.reader.raw_columns(b"abc", 0, numbers([0]), numbers([3]), numbers([0]))[1]
        assert digests[1] == (hashlib.sha256().digest_size if is_loaded else 0)


@pytest.mark.parametrize(
    ("first", "offset", "length"),
    [(0, 0, 4), (0, 4, 0), (1, 0, 1), (-1, 0, 1), (0, -1, 1), (0, 0, -1), (0, 2**62, 2**62)],
)
def test_what_is_not_in_the_data_is_refused(first: int, offset: int, length: int) -> None:
    if compiled.reader:
        with pytest.raises(ValueError, match="beyond the data"):
            compiled.reader.raw_columns(b"abc", first, numbers([offset]), numbers([length]), numbers([0]))
        with pytest.raises(ValueError, match="beyond the data"):
            compiled.reader.raw_columns(b"abc", 0, numbers([0]), numbers([1, 1]), numbers([0]))


def test_places_beyond_a_message_are_refused() -> None:
    if compiled.reader:
        for places in (4 << 48 | 1, 1 << 16 | 5 << 16, -1):
            with pytest.raises(RuntimeError):
                compiled.reader.raw_columns(b"abc", 0, numbers([0]), numbers([3]), array("q", [places]))
