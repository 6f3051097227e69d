"""A file that is no export, or was made to hurt, is refused with the byte, the member and flat memory."""

import random
import subprocess
import sys

import pytest

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export import json_elements as elements
from skype_assets.etl.export.messages_json import raw_parts
from skype_assets.etl.export.raw_part import RawPart

FIRST = b'{"conversations":[{"id":"a","MessageList":[{"id":"1"},{"id":"2"}'
SMALL = (
    FIRST + b',{"id":"3","content":"a\\u0041\\n","properties":{"e":[1,-2.5e3,true,null]}}]},{"id":"b"}],"userId":"8:m"}'
)


def read(text: bytes) -> list[RawPart]:
    return list(raw_parts(text, max_messages=1, max_bytes=1 << 20, member="export/messages.json"))


@pytest.mark.parametrize(
    ("text", "offset", "problem"),
    [
        (b"", 0, "empty"),
        (b" \n", 2, "empty"),
        (b"[]", 0, "not a JSON object"),
        (b'\xef\xbb\xbf"a"', 3, "not a JSON object"),
        ('{"conversations":[]}'.encode("utf-16"), 0, "UTF-16"),
        ('{"conversations":[]}'.encode("utf-16-le"), 0, "UTF-16"),
        ('{"conversations":[]}'.encode("utf-16-be"), 0, "UTF-16"),
        (b'{"userId":"8:m"}', 0, '"conversations" is missing'),
        (b"{}", 0, '"conversations" is missing'),
        (b'{"conversations":{}}', 17, '"conversations" is not an array'),
        (b'{"conversations":[]} x', 21, "something follows"),
        (b'{"conversations":[]}{}', 20, "something follows"),
        (b'{"conversations":[1,]}', 19, "another element"),
        (b'{"conversations":[,1]}', 18, "value"),
        (b'{"conversations":[1}', 19, "another element"),
        (b'{"conversations":[1 2]}', 20, "comma"),
        (b'{"conversations":[]]', 19, "wrong kind"),
        (b'{"conversations":[],}', 20, "name"),
        (b'{,"conversations":[]}', 1, "name"),
        (b'{"conversations" []}', 17, "colon"),
        (b"{conversations:[]}", 1, "name"),
        (b'{"conversations":[01]}', 19, "comma"),
        (b'{"conversations":[tru]}', 18, "value"),
        (b'{"conversations":[{"id":"a\\q"}]}', 26, "escape"),
        (b'{"conversations":[{"id":"a\\u00g0"}]}', 26, "escape"),
        (FIRST + b"}]}]}", len(FIRST), "another element"),
        (FIRST + b',{"a":[1}}]}]}', len(FIRST) + 8, "wrong kind"),
        (FIRST + b',{"a":1,}]}]}', len(FIRST) + 8, "name"),
        (FIRST + b",'a']}]}", len(FIRST) + 1, "value"),
    ],
)
def test_the_error_names_the_member_the_exact_byte_and_the_problem(text: bytes, offset: int, problem: str) -> None:
    with pytest.raises(InvalidExport) as caught:
        read(text)
    assert str(caught.value).startswith("export/messages.json: ")
    assert f"at byte {offset}" in str(caught.value)
    assert problem in str(caught.value)


def test_a_member_name_cannot_reach_a_terminal_as_a_command() -> None:
    with pytest.raises(InvalidExport) as caught:
        list(raw_parts(b"", max_messages=1, max_bytes=1, member="a\x1b[2J\u202e.json"))
    assert str(caught.value).startswith("a\\x1b[2J\\u202e.json: ")


def test_the_parts_before_an_error_are_still_had() -> None:
    parts = raw_parts(FIRST + b',{"id":"3",]', max_messages=1, max_bytes=1 << 20)
    assert [[*next(parts).offsets], [*next(parts).offsets]] == [[43], [54]]
    with pytest.raises(InvalidExport):
        next(parts)


def test_any_damaged_byte_gives_another_export_or_a_refusal_with_and_without_the_fast_way() -> None:
    def outcome(text: bytes) -> list[RawPart] | str:
        try:
            return read(text)
        except InvalidExport as error:
            return str(error)

    chance = random.Random(7)
    outcomes: list[list[RawPart] | str] = []
    for _ in range(3000):
        damaged = bytearray(SMALL)
        for _ in range(chance.choice([1, 1, 2])):
            damaged[chance.randrange(len(damaged))] = chance.choice([*b'{}[]",:\\0-e \0\xff', chance.randrange(256)])
        outcomes.append(outcome(bytes(damaged)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(elements, "_WINDOW", 1)  # in which no element is whole
            assert outcome(bytes(damaged)) == outcomes[-1]
    offsets = [int(one.split(" at byte ")[1].split(".")[0]) for one in outcomes if isinstance(one, str)]
    assert 500 < len(offsets) < 2500
    assert 0 <= min(offsets) <= max(offsets) <= len(SMALL)


@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_is_capped_at_the_same_depth_however_it_is_found(brackets: tuple[bytes, bytes]) -> None:
    opening, closing = brackets
    filler = b'{"id":"1"},' * 50

    def nested(depth: int, odd: bytes) -> bytes:
        deep = b'{"a":' + opening * (depth - 1) + odd + closing * (depth - 1) + b"}"
        return b'{"conversations":[{"id":"a","MessageList":[' + filler + deep + b"," + filler[:-1] + b"]}]}"

    for odd in (b"1", b"NaN"):  # msgspec takes the one and leaves the other to the exact scanner
        assert sum(len(part.offsets) for part in read(nested(512, odd))) == 101
        with pytest.raises(InvalidExport, match="nested deeper than 512 levels"):
            read(nested(513, odd))


HOSTILE = {
    "brackets": 'FIRST + b"," + b"[" * SIZE',
    "brackets as the file": 'b\'{"conversations":\' + b"[" * SIZE',
    "brackets before": "b'{\"a\":' + b'{\"a\":' * (SIZE // 5)",
    "a string": 'FIRST + b\',"\' + b"x" * SIZE',
    "a string of escapes": 'FIRST + b\',"\' + b"\\\\n" * (SIZE // 2)',
    "a name": 'b\'{"\' + b"x" * SIZE',
    "a number": 'FIRST + b"," + b"1" * SIZE',
    "blanks": 'FIRST + b"," + b" " * SIZE',
    "scalars": 'FIRST + b",[" + b"1," * (SIZE // 2)',
    "commas": 'FIRST + b"," * SIZE',
    "empty lists": "b'{\"conversations\":[{' + b'\"MessageList\":[],' * (SIZE // 17)",
    "bad lists": "b'{\"conversations\":[{' + b'\"MessageList\":1,' * (SIZE // 160)",
    "closing brackets": 'FIRST + b",{}" + b"}]}" * (SIZE // 3)',
}


@pytest.mark.parametrize("document", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_documents_are_refused_in_flat_memory(document: str) -> None:
    """The process gets the document and 48 MiB beside it."""
    program = f"""
import resource
from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.messages_json import raw_parts
SIZE = 20 << 20
FIRST = {FIRST!r}
document = {document}
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (48 << 20),) * 2)
try:
    list(raw_parts(document, max_messages=1000, max_bytes=1 << 20))
except InvalidExport as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert run.stderr == ""
    assert " at byte " in run.stdout


def test_memory_stays_flat_over_a_long_file() -> None:
    """64 MiB of messages, read by a process that may hold 64 MiB beside them."""
    program = """
import resource
from skype_assets.etl.export.messages_json import raw_parts
message = b'{"id":"1730829852101","content":"' + b"word " * 200 + b'"}'
document = b'{"conversations":[{"MessageList":[' + b",".join([message] * (64000)) + b'],"id":"a"}]}'
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20),) * 2)
print(sum(len(part.offsets) for part in raw_parts(document, max_messages=1000, max_bytes=1 << 20)))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (run.stdout.strip(), run.stderr) == ("64000", "")
