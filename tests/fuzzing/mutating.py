"""Message objects made from others: bytes and texts put in, taken out, doubled, exchanged between two of them."""

import json
from random import Random
from typing import Any, AnyStr, Final

from tests.compiled.spelled import FRAGMENTS

LONGEST: Final = 1 << 12
"""Bytes of an object that is mutated further. Few are longer: what is long costs time, and finds nothing else."""

_BYTES: Final = (
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b":", b",", b" ", b"\n", b"0", b"-", b".", b"e9", b"null", b"true", b"\0"),
    *(
        b"\xff",
        b"\xed\xa0\x80",
        b"\xc3",
        b"\xf0\x9f\xa6\xa6",
        b"\\u0000",
        b"\\ud83d",
        b"\\ud83e\\udda6",
        b"\\u00",
        b"\\/",
    ),
    *(b"99999999999999999999", b'"id":', b'"content":"', b'"properties":{', b'"x":[[[[', b"]]]]"),
)
_TEXTS: Final = FRAGMENTS


def mutated(random: Random, raw: bytes, other: bytes) -> bytes:
    """An object like ``raw``, with something of ``other`` in it perhaps."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 5))):
        raw = _reworded(random, raw, other) if random.random() < 0.6 else _altered(random, raw, other, _BYTES)
    return raw if len(raw) <= LONGEST or random.random() < 0.01 else raw[:LONGEST]


def _reworded(random: Random, raw: bytes, other: bytes) -> bytes:
    """With another value somewhere in the object, which stays one; other bytes if it is none."""
    try:
        message, others = json.loads(raw), json.loads(other)
    except (ValueError, RecursionError):
        return _altered(random, raw, other, _BYTES)
    if not isinstance(message, dict) or not isinstance(others, dict) or not message or not others:
        return _altered(random, raw, other, _BYTES)
    name = random.choice([*message])
    if random.random() < 0.2:
        name = random.choice([*others])
        message[name] = others[name]
    else:
        message[name] = _other_value(random, message[name], others.get(name))
    return json.dumps(message, ensure_ascii=random.random() < 0.3, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def _other_value(random: Random, value: Any, other: Any) -> Any:
    """A value of the same shape with something else in it, or ``other``."""
    if isinstance(value, str):
        if value[:1] in ("[", "{") and random.random() < 0.5:
            try:
                return json.dumps(_other_value(random, json.loads(value), other))
            except (ValueError, RecursionError):
                pass
        text = _altered(random, value, other if isinstance(other, str) else value, _TEXTS)
        return text[:LONGEST]
    if isinstance(value, dict) and value:
        name = random.choice([*value])
        return {**value, name: _other_value(random, value[name], other)}
    if isinstance(value, list) and value:
        place = random.randrange(len(value))
        changed = _other_value(random, value[place], other)
        return [*value[:place], *([value[place]] if random.random() < 0.3 else []), changed, *value[place + 1 :]]
    return random.choice([other, None, "", "8:a", "1730829901774", 0, 1730829901774, -1, 1.5, 10**19, True, [], {}])


def _altered(random: Random, text: AnyStr, other: AnyStr, fragments: tuple[AnyStr, ...]) -> AnyStr:
    """Something put in, taken out, doubled, replaced or exchanged."""
    begin, end = sorted(random.randint(0, len(text)) for _ in range(2))
    if random.random() < 0.6:
        end = min(end, begin + random.randint(0, 8))
    put = random.choice(fragments)
    match random.randrange(6):
        case 0:
            return text[:begin] + put + text[begin:]
        case 1:
            return text[:begin] + put + text[end:]
        case 2:
            return text[:begin] + text[end:]
        case 3:
            return text[:end] + text[begin:]
        case 4:
            first, last = sorted(random.randint(0, len(other)) for _ in range(2))
            return text[:begin] + other[first:last] + text[end:]
        case _:
            return text[:begin] + other[random.randint(0, len(other)) :]
