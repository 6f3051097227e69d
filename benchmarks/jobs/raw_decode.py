"""The limit of extract: every message of ``messages.json`` found, by a decoder in C that has the file in memory."""

from collections.abc import Callable
from pathlib import Path

import msgspec


class _Conversation(msgspec.Struct):
    MessageList: list[msgspec.Raw] | None = None


class _Document(msgspec.Struct):
    conversations: list[_Conversation]


def prepare(messages_json: str) -> Callable[[], object]:
    data = Path(messages_json).read_bytes()
    decoder = msgspec.json.Decoder(_Document)
    return lambda: decoder.decode(data)
