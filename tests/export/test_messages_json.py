"""The scanner finds every object of messages.json, verbatim, whatever the keys' order and wherever parts end."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export import json_elements as elements
from skype_assets.etl.export.messages_json import NOT_AN_ARRAY, NOT_AN_OBJECT, raw_parts
from skype_assets.etl.export.raw_part import Cursor, RawPart
from skype_assets.etl.export.salvage_messages import salvaged_parts

EXPORT = (
    b'{"userId":"8:live:mara.ostrow","exportDate":"2024-11-06T20:55","conversations":['
    b'{"id":"8:tbrannock","displayName":"Teo \xf0\x9f\x98\x80","MessageList":['
    b'{"id":"3","content":"a } ] , \\" \\\\"},{"id":"2","content":"[{\\u0041"},'
    b'{"id":"1","properties":{"e":[{"u":[]}]}}]},'
    b'{"id":"19:abc@thread.skype","MessageList":[]},'
    b'{"id":"48:calllogs","MessageList":[{"id":"9"}],"version":1.5e3}]}\n'
)


@dataclass(frozen=True)
class Literal:
    """A scalar, as it is written."""

    text: str


@dataclass
class Object:
    """An object that keeps the order of its members, and members of the same name."""

    members: list[tuple[str, Any]]

    def get(self, name: str) -> list[Any]:
        """All values of a name."""
        return [value for key, value in self.members if key == name]


@dataclass
class Found:
    """What the scanner said about a file, put into one list each."""

    messages: list[tuple[int, int, int, int, str | None]] = field(default_factory=list)
    conversations: list[Any] = field(default_factory=list)
    rejects: list[Any] = field(default_factory=list)
    header: Any = None


def parsed(text: bytes) -> Any:
    """A JSON text with the order and repetition of its keys."""
    return json.loads(
        text.decode("utf-8", "replace"),
        object_pairs_hook=Object,
        parse_constant=Literal,
        parse_int=Literal,
        strict=False,
    )


def collected(parts: list[RawPart]) -> Found:
    """The objects of all parts, without where the parts end."""
    found = Found()
    for part in parts:
        rows = [(run, row) for run in part.runs for row in range(run.first, run.first + run.count)]
        assert [row for _, row in rows] == list(range(len(part.offsets))) == list(range(len(part.lengths)))
        found.messages += [
            (part.offsets[row], part.lengths[row], ordinal, run.conversation_index, run.conversation_id)
            for (run, row), ordinal in zip(rows, part.ordinals, strict=True)
        ]
        found.conversations += part.conversations
        found.rejects += part.rejects
    assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
    found.header = parts[-1].header
    return found


def read(text: bytes, max_messages: int = 1000, max_bytes: int = 1 << 20) -> list[RawPart]:
    return list(raw_parts(memoryview(text), max_messages=max_messages, max_bytes=max_bytes))


def joined(text: bytes, spans: tuple[Any, ...]) -> bytes:
    return b"".join(text[span.offset : span.offset + span.length] for span in spans)


SCALARS = st.one_of(
    st.sampled_from(
        ["null", "true", "false", "0", "-1", "12", "1.5e3", "NaN", "-Infinity", "1E+2", '"\\u0000"', '"\\ud83d"']
    ),
    st.text(max_size=8).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.text(alphabet='{}[],:"\\ id', max_size=8).map(json.dumps),
).map(Literal)
NAMES = st.sampled_from(["id", "content", "MessageList", "conversations", "x", "", "\u00e9", 'q"', "userId"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(NAMES, inner), max_size=4).map(Object),
    max_leaves=8,
)
OBJECTS = st.lists(st.tuples(NAMES, VALUES), max_size=5).map(Object)
MESSAGE_LISTS = st.lists(OBJECTS | SCALARS, max_size=6) | st.just(Literal("null")) | SCALARS
CONVERSATIONS = st.lists(
    st.tuples(st.just("id"), SCALARS)
    | st.tuples(st.just("MessageList"), MESSAGE_LISTS)
    | st.tuples(st.sampled_from(["displayName", "properties"]), VALUES),
    max_size=5,
).map(Object)
ROOTS = st.builds(
    lambda before, lists, after: Object([*before, *(("conversations", one) for one in lists), *after]),
    st.lists(st.tuples(st.sampled_from(["userId", "exportDate"]), VALUES), max_size=2),
    st.lists(st.lists(CONVERSATIONS | SCALARS, max_size=4) | st.just(Literal("null")), min_size=1, max_size=2),
    st.lists(st.tuples(st.sampled_from(["userId", "x"]), VALUES), max_size=2),
)


def written(value: Any, blank: str, names_escaped: bool) -> str:
    """A value as JSON, with blanks wherever they may stand."""
    if isinstance(value, Literal):
        return value.text
    if isinstance(value, list):
        return f"[{blank}" + f"{blank},{blank}".join(written(one, blank, names_escaped) for one in value) + f"{blank}]"
    members = (
        (
            f'"\\u{ord(name[0]):04x}{name[1:]}"'
            if names_escaped and name.isalpha()
            else json.dumps(name, ensure_ascii=False)
        )
        + f"{blank}:{blank}"
        + written(one, blank, names_escaped)
        for name, one in value.members
    )
    return f"{{{blank}" + f"{blank},{blank}".join(members) + f"{blank}}}"


def id_text(value: Any) -> str | None:
    """The text of an id."""
    if isinstance(value, str):
        return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in value)
    return value.text if isinstance(value, Literal) and value.text.lstrip("-").isdigit() else None


def expected_id(conversation: Object) -> str | None:
    """The last id before the first list, else the last of all."""
    lists = [
        at for at, (name, value) in enumerate(conversation.members) if name == "MessageList" and isinstance(value, list)
    ]
    before = [value for name, value in conversation.members[: min(lists, default=None)] if name == "id"]
    return id_text((before or conversation.get("id") or [None])[-1])


def emptied(whole: Object, name: str) -> Object:
    return Object([(key, [] if key == name and isinstance(value, list) else value) for key, value in whole.members])


def check(text: bytes, found: Found) -> None:
    """Compare with what Python's json finds."""
    root = parsed(text)
    assert repr(parsed(joined(text, found.header))) == repr(emptied(root, "conversations"))
    messages, conversations, rejects = iter(found.messages), iter(found.conversations), found.rejects.copy()
    all_conversations = [one for value in root.get("conversations") if isinstance(value, list) for one in value]
    ordinal = 0
    for index, conversation in enumerate(all_conversations):
        own_ordinal, ordinal = ordinal, ordinal + 1
        if not isinstance(conversation, Object):
            reject = next(one for one in rejects if one.ordinal == own_ordinal)
            rejects.remove(reject)
            assert repr(parsed(text[reject.offset : reject.offset + reject.length])) == repr(conversation)
            assert (reject.conversation_index, reject.reason) == (index, NOT_AN_OBJECT)
            continue
        lists = conversation.get("MessageList")
        for message in (one for value in lists if isinstance(value, list) for one in value):
            offset, length, *place = next(messages)
            assert repr(parsed(text[offset : offset + length])) == repr(message)
            assert text[offset : offset + length].strip() == text[offset : offset + length]
            assert place == [ordinal, index, expected_id(conversation)]
            ordinal += 1
        raw = next(conversations)
        assert (raw.index, raw.id, raw.ordinal) == (index, expected_id(conversation), own_ordinal)
        assert raw.message_count == ordinal - own_ordinal - 1
        assert repr(parsed(text[raw.offset : raw.offset + raw.length])) == repr(conversation)
        assert repr(parsed(joined(text, raw.spans))) == repr(emptied(conversation, "MessageList"))
        bad = [value for value in lists if value is not None and not isinstance(value, list)]
        if bad:
            reject = next(one for one in rejects if one.ordinal == own_ordinal)
            rejects.remove(reject)
            assert repr(parsed(text[reject.offset : reject.offset + reject.length])) == repr(bad[-1])
            assert (reject.conversation_id, reject.reason) == (raw.id, NOT_AN_ARRAY)
    assert not rejects
    assert not list(messages)
    assert not list(conversations)


@settings(max_examples=250)
@given(root=ROOTS, blank=st.sampled_from(["", "", " ", "\n  ", "\r\n\t"]), escaped=st.booleans(), bom=st.booleans())
def test_every_object_is_found_verbatim_whatever_the_layout(root: Object, blank: str, escaped: bool, bom: bool) -> None:
    text = written(root, blank, escaped).encode()
    found = collected(read(text))
    check(text, found)
    if bom:
        shifted = collected(read(b"\xef\xbb\xbf" + text))
        assert [message[0] - 3 for message in shifted.messages] == [message[0] for message in found.messages]


@settings(max_examples=150)
@given(
    root=ROOTS,
    blank=st.sampled_from(["", " ", "\n"]),
    max_messages=st.integers(1, 4),
    max_bytes=st.integers(1, 200),
    window=st.sampled_from([1, 30, 100]),
)
def test_neither_part_size_nor_windows_nor_resuming_change_what_is_found(
    root: Object, blank: str, max_messages: int, max_bytes: int, window: int
) -> None:
    text = written(root, blank, names_escaped=False).encode()
    whole = collected(read(text))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elements, "_WINDOW", window)
        parts = read(text, max_messages, max_bytes)
    assert collected(parts) == whole
    for number, part in enumerate(parts):
        assert len(part.offsets) <= max_messages
        cursor = msgspec.json.decode(msgspec.json.encode(part.cursor), type=Cursor)
        assert cursor == part.cursor
        if part.last:
            break
        rest = list(raw_parts(text, cursor, max_messages=max_messages, max_bytes=max_bytes))
        assert rest == parts[number + 1 :]


def test_a_part_ends_before_the_message_that_would_be_too_much_and_a_large_one_is_alone() -> None:
    messages = [b'{"id":"%d","content":"%s"}' % (number, b"x" * size) for number, size in enumerate([10, 10, 500, 10])]
    text = b'{"conversations":[{"id":"a","MessageList":[' + b",".join(messages) + b"]}]}"
    begin = text.index(messages[0])
    limit = begin + len(messages[0]) + 1 + len(messages[1])
    assert [[*part.lengths] for part in read(text, max_bytes=limit)] == [
        [len(messages[0]), len(messages[1])],
        [len(messages[2])],
        [len(messages[3])],
    ]
    assert [len(part.offsets) for part in read(text, max_messages=3)] == [3, 1]


def test_conversations_without_messages_fill_parts_too() -> None:
    text = b'{"conversations":[' + b",".join([b'{"id":"a"}', b"7"] * 50) + b"]}"
    assert [len(part.conversations) + len(part.rejects) for part in read(text, max_messages=30)] == [30, 30, 30, 10]


def test_the_id_is_known_for_messages_that_stand_before_it() -> None:
    text = b'{"conversations":[{"MessageList":[{"id":"1"},{"id":"2"}],"MessageList":[3],"id":"x","id":"y"}]}'
    for max_messages in (1, 2, 10):
        found = collected(read(text, max_messages))
        assert [message[4] for message in found.messages] == ["y", "y", "y"]
        assert found.conversations[0].id == "y"


def test_an_id_after_the_messages_does_not_move_messages_that_have_one_before() -> None:
    text = b'{"conversations":[{"id":"w","id":"x","MessageList":[{}],"id":"y"}]}'
    assert collected(read(text)).messages[0][4] == collected(read(text)).conversations[0].id == "x"


@pytest.mark.parametrize(
    ("written_id", "text"),
    [
        ('"a\\u0062"', "ab"),
        ("12", "12"),
        ("-0", "-0"),
        ("1.5", None),
        ("null", None),
        ("true", None),
        ('"\\ud800"', "\ufffd"),
    ],
)
def test_an_id_is_a_string_or_the_digits_of_an_integer(written_id: str, text: str | None) -> None:
    document = f'{{"conversations":[{{"id":{written_id},"MessageList":[1]}}]}}'.encode()
    assert collected(read(document)).conversations[0].id == text


@pytest.mark.parametrize(
    "text", [b'{"conversations":[]}', b'{"conversations":null}', b'{ "a":1 , "conversations" : [ ] } ']
)
def test_an_export_without_conversations_has_one_empty_part(text: bytes) -> None:
    (part,) = read(text)
    assert ([*part.offsets], part.conversations, part.rejects) == ([], [], [])
    assert parsed(joined(text, part.header)) == parsed(text)


@pytest.mark.parametrize("is_salvaged", [False, True])
def test_an_export_that_is_cut_short_is_so_from_whatever_part_it_is_read_on(is_salvaged: bool) -> None:
    message = b'{"id":"1","messagetype":"Text","version":1,"content":"here","conversationid":"8:t"}'
    two = b'"MessageList":[%b,%b]' % (message, message)
    document = b'{"userId":"8:a","conversations":[{"id":"8:t",%b},{"id":"8:u",%b}]}' % (two, two)
    read_on = salvaged_parts if is_salvaged else raw_parts
    for size in range(60, len(document)):
        parts, problem = as_far_as_it_goes(read_on, document[:size], None)
        assert is_salvaged or "cut short" in problem
        for number, part in enumerate(parts[:-1] if is_salvaged else parts, start=1):
            assert as_far_as_it_goes(read_on, document[:size], part.cursor) == (parts[number:], problem)


def as_far_as_it_goes(
    read_on: Callable[..., Iterator[RawPart]], document: bytes, cursor: Cursor | None
) -> tuple[list[RawPart], str]:
    parts: list[RawPart] = []
    try:
        parts.extend(read_on(document, cursor, max_messages=1, max_bytes=1 << 20))
    except InvalidExport as error:
        return parts, str(error)
    return parts, ""


@pytest.mark.parametrize("tail", [b"", b"\n", b" \r\n\t", b"\0" * 600, b"\n\0"])
def test_blanks_and_nul_bytes_after_the_end_are_padding(tail: bytes) -> None:
    assert len(collected(read(EXPORT + tail)).messages) == 4


@pytest.mark.parametrize(
    "content",
    [b'"\xff\xc3"', b'"\x01\n"', b'"\\ud83d"', b"NaN", b"-Infinity", b'"' + b"\\n" * 3000 + b'"', b"1" * 5000],
)
def test_what_a_strict_decoder_would_refuse_is_found_verbatim(content: bytes) -> None:
    odd = b'{"content":' + content + b"}"
    text = b'{"conversations":[{"id":"a","MessageList":[{"id":"1"},' + odd + b',{"id":"3"}]}]}'
    assert [text[offset : offset + length] for offset, length, *_ in collected(read(text)).messages] == [
        b'{"id":"1"}',
        odd,
        b'{"id":"3"}',
    ]


def test_a_long_conversation_is_split_like_a_short_one() -> None:
    messages = [
        b'{"id":"%d","content":"},{\\"id\\":","e":[{"id":"x"}],"p":%s}' % (n, b"NaN" if n % 997 == 5 else b"null")
        for n in range(30_000)
    ]
    text = b'{"conversations":[{"id":"a","MessageList":[' + b" ,\n".join(messages) + b"]}]}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elements, "_WINDOW", 1 << 16)
        found = collected(read(text, 7000))
    assert [text[offset : offset + length] for offset, length, *_ in found.messages] == messages


@pytest.mark.parametrize("size", range(len(EXPORT) - 1))
def test_a_file_cut_short_anywhere_is_refused_at_its_end(size: int) -> None:
    with pytest.raises(InvalidExport) as caught:
        read(EXPORT[:size])
    assert f"at byte {size}" in str(caught.value)
