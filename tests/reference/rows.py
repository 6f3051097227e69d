"""The rows that one export gives by itself, before anything is merged or counted over a conversation."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.reference.attachments import SideFiles, media_files, side_files
from tests.reference.messages import Message, read_message
from tests.reference.people import is_name
from tests.reference.reader import Member, Span, array_elements, object_members, read_source, root
from tests.reference.values import big_integer, cleaned, iso_instant, json_array, mri, plain_name, text_of, whole_number

Row = dict[str, Any]


@dataclass
class Conversation:
    """A conversation object without its messages, or the best of several; ``members`` is None without a list."""

    row: Row
    members: list[str] | None
    sha256: bytes

    @property
    def rank(self) -> tuple[int, bytes]:
        """Of several objects for one conversation in an export the one with the greatest rank gives the row."""
        version = self.row["version"]
        return -1 if version is None else version, self.sha256


@dataclass
class Export:
    """All that one export says."""

    export_id: str
    owner_id: str
    exported_at: datetime | None
    size: int
    sha256: bytes
    seen: int = 0
    messages: list[Message] = field(default_factory=list[Message])
    conversations: list[Conversation] = field(default_factory=list[Conversation])
    media_files: list[Row] = field(default_factory=list[Row])
    rejects: list[Row] = field(default_factory=list[Row])
    rejected_messages: int = 0


def read_export(path: Path, emoticons: Mapping[str, str]) -> Export:
    """Everything in the export, each object once for each time it stands there."""
    source = read_source(path)
    export = Export(source.export_id, f"unknown:{source.export_id}", None, source.size, source.sha256)
    sides = side_files(source)
    if source.messages is not None:
        _read_document(export, source.messages, sides, emoticons)
    found = media_files(source, export.owner_id, sides)
    export.media_files = [{**row, "export_id": export.export_id} for row in found]
    return export


def conversation_kind(conversation_id: str) -> str:
    """The kind of a conversation by its id (2.5)."""
    if conversation_id.startswith("#"):
        return "group"
    if conversation_id.startswith("19:"):
        if conversation_id.endswith("@oneToOne.skype"):
            return "direct"
        return "special" if conversation_id.endswith("@cast.skype") else "group"
    if conversation_id.startswith(("48:", "unknown:")) or conversation_id == "ALL":
        return "special"
    return {"28": "bot", "4": "phone"}.get(conversation_id.split(":")[0], "direct")


def _read_document(export: Export, member: Member, sides: SideFiles, emoticons: Mapping[str, str]) -> None:
    top = root(member.data)
    if not top.is_object:
        raise ValueError(f"{member.name} is not a JSON object")
    keys = object_members(top)
    if "userId" in keys:
        export.owner_id = mri(cleaned(text_of(keys["userId"].value))) or export.owner_id
    if "exportDate" in keys:
        export.exported_at = iso_instant(keys["exportDate"].value)
    conversations = keys.get("conversations")
    if conversations is None or conversations.bytes == b"null":
        return
    if not conversations.is_array:
        raise ValueError(f"conversations in {member.name} is not an array")
    source_member = cleaned(member.name)
    ordinal = -1

    def reject(span: Span, conversation_id: str | None, reason: str) -> None:
        export.rejects.append(
            {
                "export_id": export.export_id,
                "ordinal": ordinal,
                "source_member": source_member,
                "source_offset": span.start,
                "source_length": span.end - span.start,
                "conversation_id": conversation_id,
                "reason": reason,
            }
        )

    for index, span in enumerate(array_elements(conversations)):
        ordinal += 1
        if not span.is_object:
            reject(span, None, "not an object")
            continue
        message_list = object_members(span).get("MessageList")
        conversation = _conversation(export, span, message_list, index)
        conversation_id = conversation.row["conversation_id"]
        export.conversations.append(conversation)
        place = {name: conversation.row[name] for name in ("owner_id", "conversation_id", "export_id")}
        place["source_member"] = source_member
        if message_list is None or message_list.bytes == b"null":
            continue
        if not message_list.is_array:
            reject(message_list, conversation_id, "MessageList is not an array")
            continue
        for element in array_elements(message_list):
            ordinal += 1
            export.seen += 1
            if element.is_object:
                export.messages.append(read_message(place, element, sides, emoticons))
            else:
                export.rejected_messages += 1
                reject(element, conversation_id, "not an object")


def _conversation(export: Export, span: Span, message_list: Span | None, index: int) -> Conversation:
    value = span.value
    value.pop("MessageList", None)
    value = cleaned(value)
    without = span.bytes
    if message_list is not None and message_list.is_array:
        data = span.document.data
        without = data[span.start : message_list.start] + b"[]" + data[message_list.end : span.end]
    conversation_id = mri(text_of(value.get("id"))) or f"unknown:{index}"
    thread = value.get("threadProperties")
    is_thread = isinstance(thread, dict)
    members = _members(thread.get("members")) if is_thread else None
    if members is not None:
        thread = {**thread, "members": members}
    row: Row = {
        "owner_id": export.owner_id,
        "conversation_id": conversation_id,
        "display_name": _title_of(value.get("displayName"), conversation_id),
        "kind": conversation_kind(conversation_id),
        "topic": _title_of(thread.get("topic"), conversation_id) if is_thread else None,
        "member_count": _member_count(thread.get("membercount") if is_thread else None, members),
        "version": big_integer(value.get("version")),
        "properties": value.get("properties"),
        "thread_properties": thread,
        "export_id": export.export_id,
    }
    return Conversation(row, members, hashlib.sha256(without).digest())


def combined(copies: list[Conversation]) -> Conversation:
    """The first of several objects, field by field with what it lacks from the next that has it."""
    best = copies[0]
    fields = ("display_name", "topic", "member_count", "properties", "thread_properties")
    found = {name: next((copy.row[name] for copy in copies if copy.row[name] is not None), None) for name in fields}
    members = next((copy.members for copy in copies if copy.members is not None), None)
    return Conversation({**best.row, **found}, members, best.sha256)


def _title_of(value: Any, conversation_id: str) -> str | None:
    name = plain_name(value)
    return name if is_name(name, conversation_id) else None


def _members(value: Any) -> list[str] | None:
    """The distinct members in order (2.4), None if there is no list."""
    array = json_array(value)
    if array is None:
        return None
    found: dict[str, None] = {}
    for element in array:
        names = [element.get(key) for key in ("MemberMri", "mri", "id")] if isinstance(element, dict) else [element]
        member = next((mri(name) for name in names if isinstance(name, str) and mri(name)), None)
        if member is not None:
            found[member] = None
    return list(found)


def _member_count(value: Any, members: list[str] | None) -> int | None:
    count = None if isinstance(value, float) else whole_number(value)
    if count is not None and -(2**31) <= count < 2**31:
        return count
    return None if members is None else len(members)
