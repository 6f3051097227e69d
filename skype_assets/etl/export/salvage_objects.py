"""Objects of a damaged ``messages.json``, as far as they are whole: one at a brace, or what follows a list."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.json_elements import MAX_ELEMENT
from skype_assets.etl.export.json_syntax import JsonText
from skype_assets.etl.export.messages_json import CONVERSATIONS, MESSAGE_LIST, text_of
from skype_assets.etl.export.raw_part import Span

_OF_A_CONVERSATION: Final = ("displayName", "version", "properties")


@dataclass(frozen=True)
class SeenObject:
    """An object, whole from ``begin`` to ``end``; or up to the array of which ``bracket`` is the first byte."""

    begin: int
    fields: dict[str, Span]
    end: int = 0
    list_name: str = ""
    bracket: int = 0


def object_at(text: JsonText, begin: int) -> SeenObject | None:
    """The object that begins at a brace, whole or up to its messages; None if it is damaged before."""
    with suppress(InvalidExport):
        position = text.blanks(begin + 1)
        if text.byte(position) == b"}":
            return SeenObject(begin, {}, position + 1)
        return _members(text, begin, position)
    return None


def object_behind(text: JsonText, bracket: int) -> SeenObject | None:
    """What follows a list in its object, as ``object_at``."""
    with suppress(InvalidExport):
        position = text.after(bracket + 1, text.size)
        mark = text.byte(position - 1)
        if mark == b"}":
            return SeenObject(bracket, {}, position)
        if mark == b",":
            return _members(text, bracket, position)
    return None


def _members(text: JsonText, begin: int, position: int) -> SeenObject | None:
    end = min(text.size, begin + MAX_ELEMENT)
    fields: dict[str, Span] = {}
    while True:
        quoted, position = text.name(position, end)
        name = text_of(quoted)
        if name in (MESSAGE_LIST, CONVERSATIONS) and text.byte(position) == b"[":
            return SeenObject(begin, fields, list_name=name, bracket=position)
        fields[name] = Span(position, text.value(position, end) - position)
        position = text.after(position + fields[name].length, end)
        mark = text.byte(position - 1)
        if mark == b"}":
            return SeenObject(begin, fields, position)
        if mark != b",":
            return None


def is_conversation(seen: SeenObject) -> bool:
    """Whether an object is a conversation without messages."""
    if "id" not in seen.fields or "messagetype" in seen.fields or "conversationid" in seen.fields:
        return False
    return "threadProperties" in seen.fields or all(name in seen.fields for name in _OF_A_CONVERSATION)
