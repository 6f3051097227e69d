"""Of a damaged export every message is read whose bytes are whole and reachable; none is invented, none is read twice.

Few damages are drawn of each container, or with ``SKYPE_SALVAGE_DRAWS=200,500`` so many places at which it is cut, and
so many bytes that are changed (``make test-salvage``).
"""

import gzip
import os
import random
from pathlib import Path

import pytest

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export import salvage
from skype_assets.etl.export.messages_json import raw_parts
from skype_assets.etl.export.raw_part import Cursor, RawPart, Unreadable
from skype_assets.etl.export.salvage_messages import salvaged_parts
from tests.export.damaged import Container, containers, document, messages_in, stands_whole, tar, zipped

CUTS, FLIPS = map(int, os.environ.get("SKYPE_SALVAGE_DRAWS", "20,30").split(","))
TEXT = document()
WHOLE = messages_in(TEXT)
CONTAINERS = dict(containers(TEXT))


def read(path: Path, scratch: Path, *, max_messages: int = 1000) -> tuple[bytes, list[RawPart], list[Unreadable]]:
    """The member with the messages, its parts, and what could not be read."""
    with salvage.opened(path, scratch, salvage=True) as (export, damage):
        if export.messages is None:
            return b"", [], list(damage.unreadable)
        parts = list(salvage.parts(export, damage, max_messages=max_messages, max_bytes=1 << 20))
        unreadable = [*damage.unreadable, *(one for part in parts for one in part.unreadable)]
        return bytes(export.messages.buffer), parts, unreadable


def read_strictly(path: Path, scratch: Path) -> None:
    with salvage.opened(path, scratch, salvage=False) as (export, _):
        assert export.messages
        list(raw_parts(export.messages.buffer, max_messages=9, max_bytes=1 << 20))


def ranges(parts: list[RawPart]) -> list[tuple[int, int]]:
    return [pair for part in parts for pair in zip(part.offsets, part.lengths, strict=True)]


def check(path: Path, scratch: Path, kind: Container, at: int | None) -> int:
    """Read a damaged export, and compare with what the independent reader finds; returns how many messages that are."""
    expected, may_go_on = kind.still(path.read_bytes(), at)
    wanted = messages_in(expected)
    try:
        text, parts, unreadable = read(path, scratch)
    except InvalidExport:
        assert not wanted
        return 0
    found = ranges(parts)
    assert found == sorted(found)
    assert all(before[0] + before[1] <= after[0] for before, after in zip(found, found[1:], strict=False))
    assert set(wanted.items()) <= set(found), "a whole message was not found"
    assert all(stands_whole(text, begin, length) for begin, length in found)
    others = {place: length for place, length in found if place not in wanted}
    if not may_go_on:
        assert len(others) <= (at is not None), "more than the message that was changed"
    assert unreadable or len(found) == len(WHOLE)
    assert sum(c.message_count for part in parts for c in part.conversations) == len(found)
    for one in unreadable:
        if one.member == "messages.json":
            assert not any(begin < one.offset + one.length and one.offset < begin + n for begin, n in found)
    return len(found)


@pytest.mark.parametrize("name", CONTAINERS)
def test_of_an_export_that_is_cut_every_whole_message_is_read(name: str, tmp_path: Path) -> None:
    kind, drawn = CONTAINERS[name], random.Random(f"cut {name}")
    path, total = tmp_path / f"export{kind.ending}", 0
    for _ in range(CUTS):
        path.write_bytes(kind.whole[: drawn.randrange(len(kind.whole))])
        total += check(path, tmp_path / "scratch", kind, None)
    assert total or name == "tar.bz2"  # that one is a single block


@pytest.mark.parametrize("name", CONTAINERS)
def test_of_an_export_with_a_changed_byte_every_whole_message_is_read(name: str, tmp_path: Path) -> None:
    kind, drawn = CONTAINERS[name], random.Random(f"flip {name}")
    path, total = tmp_path / f"export{kind.ending}", 0
    for _ in range(FLIPS):
        at = drawn.randrange(len(kind.whole))
        damaged = bytearray(kind.whole)
        damaged[at] = drawn.choice([damaged[at] ^ (1 << drawn.randrange(8)), *b'"{}[],:\\\0', 255])
        path.write_bytes(damaged)
        total += check(path, tmp_path / "scratch", kind, at if bytes(damaged) != kind.whole else None)
    assert total or name == "tar.bz2"


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_whole_export_is_read_as_it_always_is(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"export{CONTAINERS[name].ending}"
    path.write_bytes(CONTAINERS[name].whole)
    for most in (1, 7, 1000):
        text, parts, unreadable = read(path, tmp_path / "scratch", max_messages=most)
        assert text == TEXT
        assert parts == list(raw_parts(TEXT, max_messages=most, max_bytes=1 << 20))
        assert not unreadable


def test_a_folder_with_damaged_messages_is_read_as_far_as_they_are_whole(tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    cut = len(TEXT) * 3 // 5
    (folder / "messages.json").write_bytes(TEXT[:cut])
    _, parts, unreadable = read(folder, tmp_path / "scratch")
    assert ranges(parts) == [(begin, length) for begin, length in WHOLE.items() if begin + length <= cut]
    assert unreadable


def test_another_process_goes_on_behind_any_part_with_the_same_parts() -> None:
    damaged = bytearray(TEXT)
    for place in range(500, len(damaged), 1700):
        damaged[place] = 0x5C

    def parts_from(cursor: Cursor | None) -> list[RawPart]:
        return list(salvaged_parts(bytes(damaged), cursor, max_messages=5, max_bytes=1 << 20))

    parts = parts_from(None)
    assert len(parts) > 10
    assert sum(bool(part.unreadable) for part in parts) > 3
    for number, part in enumerate(parts):
        assert part.last == (number == len(parts) - 1)
        assert part.last or parts_from(part.cursor) == parts[number + 1 :]


def test_many_damages_leave_what_is_between_them() -> None:
    drawn = random.Random(1)
    for _ in range(20):
        damaged = bytearray(TEXT)
        for _ in range(25):
            damaged[drawn.randrange(len(damaged))] = drawn.choice(b'"{}[],:\\x\0')
        found = ranges(list(salvaged_parts(bytes(damaged), max_messages=1000, max_bytes=1 << 20)))
        assert set(messages_in(bytes(damaged)).items()) <= set(found)


def conversations_of(text: bytes) -> dict[str | None, tuple[int, bool]]:
    """The conversations that are read: how many messages each has, and whether it is cut short."""
    parts = list(salvaged_parts(text, max_messages=1000, max_bytes=1 << 20))
    cut = {one.conversation_index for part in parts for one in part.unreadable}
    return {c.id: (c.message_count, c.index in cut) for part in parts for c in part.conversations}


def test_a_message_behind_damage_stands_in_the_conversation_that_it_names() -> None:
    head = TEXT.index(b'{"id":"8:live:person.3","displayName"')
    first = TEXT.index(b'{"id":"17', head)
    lost = TEXT[: head - 40] + b"\0" * (first - head + 40) + TEXT[first:]
    found = conversations_of(lost)
    assert found["8:live:person.2"] == (11, True)
    assert found["8:live:person.3"] == (12, True)
    assert found["8:live:person.4"] == (12, False)


def test_a_message_that_names_no_conversation_is_of_that_around_it_or_of_none() -> None:
    def one(number: int) -> str:
        return f'{{"id":"{number}","messagetype":"Text","content":"x"}}'

    inside = f'{{"userId":"8:a","conversations":[{{"id":"8:b","MessageList":[{one(1)},{{"id":;}},{one(2)}]}}]}}'
    assert conversations_of(inside.encode()) == {"8:b": (2, True)}
    between = inside.replace('{"id":;}', '{"id":;}]},{"id";"8:c","MessageList":[')
    assert conversations_of(between.replace("[,", "[").encode()) == {"8:b": (1, True), None: (1, True)}


def test_what_hangs_on_a_damaged_message_is_no_message() -> None:
    nested = '{"id":"9","properties":{"list":[{"id":"1","version":2}]},"content";"x"}'
    text = f'{{"userId":"8:a","conversations":[{{"id":"8:b","MessageList":[{nested},{{"id":"2","content":""}}]}}]}}'
    found = [
        text[begin : begin + length]
        for begin, length in ranges(list(salvaged_parts(text.encode(), max_messages=9, max_bytes=1 << 20)))
    ]
    assert '{"id":"2","content":""}' in found
    assert nested not in found


def test_the_owner_is_found_also_where_the_beginning_is_damaged() -> None:
    for damaged in (TEXT.replace(b'"exportDate":', b'"exportDate";', 1), TEXT.replace(b'"conversations"', b'"conv', 1)):
        *_, last = salvaged_parts(damaged, max_messages=1000, max_bytes=1 << 20)
        assert last.document
        assert b'"userId":"8:live:mara.ostrow"' in last.document


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7 {} " * 50, b"PK\3\4" + b"\0" * 400, b"\x1f\x8b\x08" * 9])
def test_what_is_no_export_is_refused_as_ever(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "export.tar"
    path.write_bytes(data)
    with pytest.raises(InvalidExport) as strict, salvage.opened(path, tmp_path, salvage=False):
        pass
    with pytest.raises(InvalidExport) as lenient, salvage.opened(path, tmp_path, salvage=True):
        pass
    assert str(strict.value) == str(lenient.value)
    assert "--salvage" not in str(strict.value)


def test_two_exports_in_one_damaged_archive_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    path.write_bytes(zipped({"a/messages.json": TEXT, "b/messages.json": TEXT}, 8)[:-30])
    with pytest.raises(InvalidExport, match="holds messages twice"), salvage.opened(path, tmp_path, salvage=True):
        pass


def test_a_further_gzip_member_is_read_behind_a_damaged_one(tmp_path: Path) -> None:
    packed = tar({"messages.json": TEXT})
    half = len(packed) // 2
    first, second = gzip.compress(packed[:half]), gzip.compress(packed[half:])
    path = tmp_path / "export.tar.gz"
    path.write_bytes(first[: len(first) // 2] + second)
    text, parts, unreadable = read(path, tmp_path)
    assert unreadable
    found = {text[begin : begin + length] for begin, length in ranges(parts)}
    before = TEXT.index(b'{"id":"1730829852000"')
    assert TEXT[before : before + WHOLE[before]] in found
    last = max(WHOLE)
    assert TEXT[last : last + WHOLE[last]] in found


def test_the_refusal_says_how_much_can_be_read(tmp_path: Path) -> None:
    for name, kind in CONTAINERS.items():
        path = tmp_path / f"{name}{kind.ending}"
        if name == "tar.bz2":
            continue  # a single block: of a part of it nothing can be read
        path.write_bytes(kind.whole[: len(kind.whole) * 4 // 10])
        _, parts, _ = read(path, tmp_path / "scratch")
        with pytest.raises(InvalidExport) as refused:
            read_strictly(path, tmp_path / "scratch")
        assert f". {len(ranges(parts))} messages can be read with --salvage" in str(refused.value), name
