"""Rows of ``conversations`` and ``participants`` (format reference, 2.2-2.5)."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from skype_assets.etl.content.cleaning import clean_json
from skype_assets.etl.content.integers import integer
from skype_assets.etl.content.names import OLD_CHAT, conversation_key, conversation_kind, members, plain_name
from skype_assets.etl.rows.arrays import table_from_rows
from skype_assets.etl.rows.decode import json_text, json_value
from skype_assets.etl.rows.people import Activity, People
from skype_assets.etl.schema.tables import CONVERSATIONS, PARTICIPANTS

_NAMES_IN_TITLE: Final = 8
_NO_PEOPLE: Final = ("19:", "48:", "unknown:", "ALL", OLD_CHAT)
_ROWS_AT_A_TIME: Final = 4_096
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


Batches = Callable[[list[str]], Iterable[pa.RecordBatch]]
"""Reads some columns of the raw ``conversations`` table."""


def rows(raw: Batches, people: People, *, owner_id: str, export_id: str) -> tuple[pa.Table, pa.Table]:
    """The tables ``conversations`` and ``participants``: of several objects with one id the best is taken (2.2)."""
    present = _people_by_conversation(people)
    conversation_rows, participant_rows = _Rows(CONVERSATIONS.schema), _Rows(PARTICIPANTS.schema)
    for c in _distinct(raw):
        there = _present(c, present.get(c.conversation_id, ()), owner_id)
        names = {user_id: _name(c, user_id, people) for user_id in sorted(there)}
        activity = people.conversations.get(c.conversation_id, Activity())
        conversation_rows.add(
            owner_id, c.conversation_id, c.display_name, _title(c, names, owner_id), c.kind, c.topic, c.member_count,
            activity.first, activity.last, activity.count, c.version, c.properties, c.thread_properties, export_id,
        )  # fmt: skip
        for user_id, name in names.items():
            sent = people.senders.get((c.conversation_id, user_id), Activity())
            participant_rows.add(
                owner_id, c.conversation_id, user_id, name, user_id == owner_id, user_id in c.members,
                sent.count, sent.first, sent.last,
            )  # fmt: skip
    return conversation_rows.table(), participant_rows.table()


class _Rows:
    """Rows that are Arrow's soon: tuples of them all would take more memory than the rest of the phase."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._waiting: list[tuple[Any, ...]] = []
        self._tables = [schema.empty_table()]

    def add(self, *row: Any) -> None:
        self._waiting.append(row)
        if len(self._waiting) == _ROWS_AT_A_TIME:
            self._tables.append(table_from_rows(self._schema, self._waiting))
            self._waiting = []

    def table(self) -> pa.Table:
        return pa.concat_tables([*self._tables, table_from_rows(self._schema, self._waiting)])


def _distinct(raw: Batches) -> Iterator[Conversation]:
    """One conversation for each id; few ids stand more than once, and only those of these are held in memory."""
    counted = Counter(
        conversation_key(row["conversation_id"], row["conversation_index"])
        for batch in raw(["conversation_index", "conversation_id"])
        for row in batch.to_pylist()
    )
    best: dict[str, Conversation] = {}
    for batch in raw(["conversation_index", "conversation_id", "sha256", "raw"]):
        for row in batch.to_pylist():
            conversation = _conversation(row)
            conversation_id = conversation.conversation_id
            if counted[conversation_id] == 1:
                yield conversation
            elif conversation_id not in best or conversation.rank > best[conversation_id].rank:
                best[conversation_id] = conversation
    yield from best.values()


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


def _people_by_conversation(people: People) -> dict[str, list[str]]:
    present: dict[str, list[str]] = {}
    for conversation_id, user_id in people.senders.keys() | people.named:
        present.setdefault(conversation_id, []).append(user_id)
    return present


def _present(conversation: Conversation, known: Iterable[str], owner_id: str) -> set[str]:
    """Who is or was in a conversation: who is ``known`` to be, its members, and whom it is with."""
    there = {*known, *conversation.members}
    conversation_id = conversation.conversation_id
    if conversation.kind in ("direct", "bot", "phone") and conversation_id != owner_id:
        there.add(conversation_id)
    return {user_id for user_id in there if not user_id.startswith(_NO_PEOPLE)}


def _name(conversation: Conversation, user_id: str, people: People) -> str | None:
    name = people.name(conversation.conversation_id, user_id)
    if name is None and user_id == conversation.conversation_id:
        return conversation.display_name
    return name


def _title(conversation: Conversation, names: dict[str, str | None], owner_id: str) -> str:
    others = [(u, name) for u, name in names.items() if u != owner_id and u in conversation.members]
    listed = ", ".join(name or user_id for user_id, name in others[:_NAMES_IN_TITLE])
    return conversation.display_name or conversation.topic or listed or conversation.conversation_id
