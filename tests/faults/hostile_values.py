"""Exports with values that no client writes, each in a message of its own: what PostgreSQL or a decoder may not take.

``every_pair`` has each value in each place; ``drawn`` a few, by a seed, for the campaign. What must become of either
is in ``Hostile``: all messages are accounted for, the ordinary ones between the hostile ones are what they were, and
what had to be replaced is flagged.
"""

import base64
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg2

OWNER: Final = "8:live:mara.ostrow"
_NOISE: Final = random.Random(5).randbytes(40_000).hex()

# JSON text: what is no JSON for some decoders cannot be had otherwise.
VALUES: Final[Mapping[str, str]] = {
    "a number too small": "1e-20000",
    "a number too large": "1e20000",
    "a number larger than a double": "-1e400",
    "an exponent too large": "9e99999999999",
    "an exponent with zeros": "1e-0000000000020000",
    "a large double": "1.7976931348623157e308",
    "a small double": "5e-324",
    "more digits than numeric has": "9" * 131_073,
    "more decimals than numeric has": "0." + "0" * 16_400 + "1",
    "more than 64 bits": "9223372036854775808",
    "less than 64 bits": "-9223372036854775809",
    "a negative zero": "-0.0",
    "no number": "NaN",
    "infinity": "-Infinity",
    "NUL": r'"a\u0000b"',
    "half a pair": r'"a\ud800b"',
    "a control character": '"a\x01b"',
    "a key of an index too long": f'"8:{_NOISE[:3_000]}"',
    "a long text": f'"{_NOISE[:70_000]}"',
    "a long text that compresses": '"' + "ü" * 66_000 + '"',
    "a year too large": '"99999-01-01T00:00:00Z"',
    "a day that is none": '"2024-02-31T00:00:00Z"',
    "milliseconds beyond every year": '"99999999999999999"',
    "a name twice": '{"a":1,"a":1e-20000}',
    "deep arrays": "[" * 500 + "]" * 500,
    "deep objects": '{"a":' * 500 + "1" + "}" * 500,
    "a long name": f'{{"{_NOISE[:70_000]}":1}}',
    "many values": "[" + "0," * 100_001 + "0]",
    "many objects": "[" + "{}," * 60_000 + "{}]",
    "numbers that are long when written out": "[" + "1e308," * 500 + "1e-20000]",
    "numbers in text": r'"1e-20000 \" 1e-20000"',
    "nothing": "null",
    "an empty object": "{}",
    "an empty array": "[]",
}

_LARGE: Final = frozenset({"many values", "many objects", "more digits than numeric has"})

FIELDS: Final = (
    *("id", "displayName", "originalarrivaltime", "messagetype", "version", "content", "conversationid", "from"),
    *("properties", "amsreferences"),
)
PROPERTIES: Final = (
    *("edittime", "deletetime", "emotions", "urlpreviews", "albumId", "forwardMetadata", "isserversidegenerated"),
    *("call-log", "callLog", "poll", "files", "mentions", "unheard"),
)


@dataclass(frozen=True)
class Hostile:
    """An export, and what must become of it.

    Args:
        export: bytes of ``messages.json``.
        messages: elements of its lists.
        ordinary: ids of the messages that are as Skype writes them, each with its text.
        flags: of some messages, by id, a flag that they must have.
    """

    export: bytes
    messages: int
    ordinary: Mapping[str, str]
    flags: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """As a file."""
        path = folder / "messages.json"
        path.write_bytes(self.export)
        return path

    def wrong(self, url: str) -> list[str]:
        """What is not as it must be in a database into which it was loaded."""
        with psycopg2.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT status, messages_seen, messages_loaded + messages_duplicate + messages_rejected, "
                "(SELECT count(*) FROM skype.messages), messages_loaded FROM skype.exports"
            )
            found = cursor.fetchall()
            wrong = [] if found[0][:3] == ("complete", self.messages, self.messages) else [f"exports: {found}"]
            wrong += [] if found[0][3] == found[0][4] else [f"rows: {found}"]
            cursor.execute("SELECT message_id, text, flags FROM skype.messages")
            rows = {id_: (text, flags) for id_, text, flags in cursor.fetchall()}
        for id_, text in self.ordinary.items():
            if rows.get(id_) != (text, []):
                wrong.append(f"message {id_}: {str(rows.get(id_))[:80]}")
        for id_, flag in self.flags.items():
            if flag not in rows.get(id_, ("", []))[1]:
                wrong.append(f"message {id_} lacks {flag}: {str(rows.get(id_))[:80]}")
        return wrong


def every_pair() -> Hostile:
    """Each value in each place."""
    return _export([(place, value) for value in VALUES for place in _PLACES if value not in _LARGE or place in _FEW])


def drawn(seed: int) -> Hostile:
    """Some values in some places."""
    chance = random.Random(seed)
    small = [value for value in VALUES if value not in _LARGE]
    pairs = [(chance.choice(list(_PLACES)), chance.choice(small)) for _ in range(chance.randint(1, 12))]
    if chance.random() < 0.2:
        pairs.append((chance.choice(list(_PLACES)), chance.choice(sorted(_LARGE))))
    return _export(pairs)


def _export(pairs: Sequence[tuple[str, str]]) -> Hostile:
    listed: list[str] = []
    ordinary: dict[str, str] = {}
    flags: dict[str, str] = {}
    conversations = []
    for number, (place, value) in enumerate(pairs):
        id_ = str(1_600_000_000_000 + 2 * number)
        beside = str(int(id_) + 1)
        ordinary[beside] = f"kept {number}"
        card = _card(_CARD.replace("VALUE", VALUES[value])) if "CARD" in _PLACES[place] else ""
        text = _PLACES[place].replace("VALUE", VALUES[value]).replace("STRING", _string(VALUES[value]))
        text = text.replace("CARD", card)
        if place.startswith("conversation "):
            conversations.append(text.replace("LIST", _message(beside, {"content": json.dumps(ordinary[beside])})))
            continue
        listed += [_message(id_, dict(_fields_of(text))), _message(beside, {"content": f'"{ordinary[beside]}"'})]
        if (place, value) in _FLAGGED:
            flags[id_] = _FLAGGED[place, value]
    first = '{"id":"8:tbrannock","displayName":"Theo","MessageList":[' + ",".join(listed) + "]}"
    head = f'{{"userId":"{OWNER}","exportDate":"2024-11-06T08:12","conversations":['
    text = head + ",".join([first, *conversations]) + "]}"
    return Hostile(text.encode("utf-8"), len(listed) + len(conversations), ordinary, flags)


def _fields_of(text: str) -> Iterator[tuple[str, str]]:
    """The fields of a place: lines of a name and JSON text."""
    for line in text.split("\n\n"):
        name, _, value = line.partition(" ")
        yield name, value


def _message(id_: str, fields: Mapping[str, str]) -> str:
    usual = {
        "id": f'"{id_}"',
        "displayName": '"Theo"',
        "originalarrivaltime": '"2024-11-05T18:05:01.774Z"',
        "messagetype": '"RichText"',
        "version": "1730829901774",
        "content": '"hello"',
        "conversationid": '"8:tbrannock"',
        "from": '"8:tbrannock"',
        "properties": "null",
        "amsreferences": "null",
    }
    return "{" + ",".join(f'"{name}":{value}' for name, value in (usual | dict(fields)).items()) + "}"


def _string(value: str) -> str:
    """JSON text within a string, without its quotes."""
    return json.dumps(value)[1:-1]


_CARD: Final = '{"attachments":[{"contentType":VALUE,"content":{"title":VALUE,"images":VALUE,"x":VALUE}}]}'


def _card(content: str) -> str:
    return base64.b64encode(content.encode("utf-8", "surrogatepass")).decode()


def _places() -> Iterator[tuple[str, str]]:
    for name in FIELDS:
        yield name, f"{name} VALUE"
    for name in PROPERTIES:
        yield f"property {name}", f'properties {{"{name}":VALUE}}'
        yield f"property {name} in a string", f'properties {{"{name}":"STRING"}}'
    yield "reaction", 'properties {"emotions":[{"key":VALUE,"users":[{"mri":"8:a","time":1}]}]}'
    yield "who reacted", 'properties {"emotions":[{"key":"heart","users":[{"mri":VALUE,"time":VALUE,"value":VALUE}]}]}'
    yield "preview", 'properties {"urlpreviews":[{"key":VALUE,"value":{"url":VALUE,"title":VALUE}}]}'
    for type_ in ("Translation", "Notice", "RichText/Contacts", "Event/Call", "ThreadActivity/AddMember"):
        yield f"content of {type_}", f'messagetype "{type_}"\n\ncontent "STRING"'
    swift = "<URIObject type='SWIFT.1'><Swift b64='CARD'/></URIObject>"
    yield "card", f'messagetype "RichText/Media_Card"\n\ncontent "{swift}"'
    for name in ("mri", "itemid"):
        yield f"mention {name}", f'properties {{"mentions":[{{"{name}":VALUE}}]}}'
    yield "reference", "amsreferences [VALUE]"
    yield "conversation displayName", '{"id":"8:a","displayName":VALUE,"MessageList":[LIST]}'
    yield "conversation id", '{"id":VALUE,"MessageList":[LIST]}'
    yield "conversation version", '{"id":"8:b","version":VALUE,"MessageList":[LIST]}'
    yield "conversation properties", '{"id":"8:c","properties":VALUE,"MessageList":[LIST]}'
    yield "conversation property", '{"id":"8:d","properties":{"x":VALUE},"MessageList":[LIST]}'
    for name in ("topic", "members", "membercount", "x"):
        yield (
            f"conversation thread {name}",
            f'{{"id":"19:e@thread.skype","threadProperties":{{"{name}":VALUE}},"MessageList":[LIST]}}',
        )
    yield (
        "conversation members",
        '{"id":"19:f@thread.skype","threadProperties":{"members":[VALUE]},"MessageList":[LIST]}',
    )


_PLACES: Final[Mapping[str, str]] = dict(_places())
_FEW: Final = ("properties", "property unheard", "property emotions in a string", "conversation properties", "content")
"""Places in which values stand that take long to read."""

_FLAGGED: Final[Mapping[tuple[str, str], str]] = {
    **{
        (f"property {name}", value): "number_too_long"
        for name in ("unheard", "forwardMetadata", "poll")
        for value in ("a number too small", "an exponent with zeros", "more decimals than numeric has", "a name twice")
    },
    ("property unheard", "a number too large"): "not_finite",
    ("property unheard", "many values"): "json_too_large",
    ("property unheard", "NUL"): "nul_replaced",
    ("property unheard", "half a pair"): "surrogate_replaced",
    ("property unheard", "numbers that are long when written out"): "number_too_long",
    ("displayName", "a long text"): "text_shortened",
    ("messagetype", "a long text that compresses"): "text_shortened",
    ("content", "many values"): "content_not_text",
}
