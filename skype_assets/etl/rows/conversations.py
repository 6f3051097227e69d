"""Rows of ``conversations`` and ``participants`` (format reference, 2.2-2.5)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from skype_assets.etl.content.cleaning import clean_json
from skype_assets.etl.content.integers import integer
from skype_assets.etl.content.names import conversation_key, conversation_kind, members, plain_name
from skype_assets.etl.rows.arrays import table_from_rows
from skype_assets.etl.rows.decode import json_text, json_value
from skype_assets.etl.rows.people import Activity, People
from skype_assets.etl.tables import CONVERSATIONS, PARTICIPANTS

_NAMES_IN_TITLE: Final = 8
_NO_PEOPLE: Final = ("19:", "48:", "unknown:", "ALL")
_LARGEST_COUNT: Final = 2**31 - 1


@dataclass(frozen=True)
class Conversation:
    """What the conversation's own object says. ``rank`` decides between several objects with one id."""

    conversation_id: str
    rank: tuple[int, bytes]
    display_name: str | None
    topic: str | None
    kind: str
    version: int | None
    member_count: int | None
    members: tuple[str, ...]
    properties: str | None
    thread_properties: str | None


def conversations(raw: Iterable[pa.RecordBatch]) -> dict[str, Conversation]:
    """The conversations of an export by id, from batches of the raw ``conversations`` table."""
    found: dict[str, Conversation] = {}
    for row in _rows(raw):
        conversation = _conversation(row)
        former = found.get(conversation.conversation_id)
        if former is None or conversation.rank > former.rank:
            found[conversation.conversation_id] = conversation
    return found


def rows(found: dict[str, Conversation], people: People, *, owner_id: str, export_id: str) -> tuple[pa.Table, pa.Table]:
    """The tables ``conversations`` and ``participants``, ordered by key."""
    present = _people_by_conversation(found, people, owner_id)
    conversation_rows, participant_rows = [], []
    for conversation_id in sorted(found):
        c = found[conversation_id]
        names = {user_id: _name(c, user_id, people) for user_id in sorted(present.get(conversation_id, ()))}
        activity = people.conversations.get(conversation_id, Activity())
        conversation_rows.append(
            (
                owner_id, conversation_id, c.display_name, _title(c, names, owner_id), c.kind, c.topic, c.member_count,
                activity.first, activity.last, activity.count, c.version, c.properties, c.thread_properties, export_id,
            )
        )  # fmt: skip
        for user_id, name in names.items():
            sent = people.senders.get((conversation_id, user_id), Activity())
            participant_rows.append(
                (
                    owner_id, conversation_id, user_id, name, user_id == owner_id, user_id in c.members,
                    sent.count, sent.first, sent.last,
                )
            )  # fmt: skip
    return table_from_rows(CONVERSATIONS.schema, conversation_rows), table_from_rows(
        PARTICIPANTS.schema, participant_rows
    )


def _rows(raw: Iterable[pa.RecordBatch]) -> Iterator[dict[str, Any]]:
    for batch in raw:
        yield from batch.select(["conversation_index", "conversation_id", "sha256", "raw"]).to_pylist()


def _conversation(row: dict[str, Any]) -> Conversation:
    value, _ = clean_json(json_value(row["raw"]))
    assert isinstance(value, dict), "extract keeps objects only in this table"
    conversation_id = conversation_key(row["conversation_id"], row["conversation_index"])
    version = integer(value.get("version"))
    properties, thread = value.get("properties"), value.get("threadProperties")
    listed: list[str] | None = None
    topic = count = None
    if isinstance(thread, dict):
        listed = members(thread.get("members"))
        topic = thread.get("topic")
        count = integer(thread.get("membercount"))
        if listed is not None:
            thread = {**thread, "members": listed}
    if count is None or not 0 <= count <= _LARGEST_COUNT:
        count = len(listed) if listed is not None else None
    name = value.get("displayName")
    return Conversation(
        conversation_id=conversation_id,
        rank=(-1 if version is None else version, row["sha256"]),
        display_name=plain_name(name) if isinstance(name, str) else None,
        topic=plain_name(topic) if isinstance(topic, str) else None,
        kind=conversation_kind(conversation_id),
        version=version,
        member_count=count,
        members=tuple(listed or ()),
        properties=None if properties is None else json_text(properties),
        thread_properties=None if thread is None else json_text(thread),
    )


def _people_by_conversation(found: dict[str, Conversation], people: People, owner_id: str) -> dict[str, set[str]]:
    present: dict[str, set[str]] = {}
    for conversation_id, user_id in people.senders.keys() | people.named:
        present.setdefault(conversation_id, set()).add(user_id)
    for conversation_id, conversation in found.items():
        there = present.setdefault(conversation_id, set())
        there.update(conversation.members)
        if conversation.kind in ("direct", "bot", "phone") and conversation_id != owner_id:
            there.add(conversation_id)
    return {
        conversation_id: {user_id for user_id in there if not user_id.startswith(_NO_PEOPLE)}
        for conversation_id, there in present.items()
    }


def _name(conversation: Conversation, user_id: str, people: People) -> str | None:
    name = people.name(conversation.conversation_id, user_id)
    if name is None and user_id == conversation.conversation_id:
        return conversation.display_name
    return name


def _title(conversation: Conversation, names: dict[str, str | None], owner_id: str) -> str:
    others = [(u, name) for u, name in names.items() if u != owner_id and u in conversation.members]
    listed = ", ".join(name or user_id for user_id, name in others[:_NAMES_IN_TITLE])
    return conversation.display_name or conversation.topic or listed or conversation.conversation_id
