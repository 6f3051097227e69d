"""Rows of ``conversations``, ``conversation_copies`` and ``participants`` (format reference, 2.2-2.5)."""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.content.bounds import shortened, storable_json
from skype_assets.etl.content.cleaning import clean_json
from skype_assets.etl.content.integers import integer
from skype_assets.etl.content.names import OLD_CHAT, conversation_key, conversation_kind, members, proper_name
from skype_assets.etl.rows.arrays import table_from_rows
from skype_assets.etl.rows.decode import json_fields, json_text
from skype_assets.etl.rows.people import Activity, People
from skype_assets.etl.schema.tables import CONVERSATION_COPIES, CONVERSATIONS, FROM_ACCOUNT, PARTICIPANTS

_NAMES_IN_TITLE: Final = 8
_NO_PEOPLE: Final = ("19:", "48:", "unknown:", "ALL", OLD_CHAT)
_OF_TWO: Final = ("direct", "bot", "phone")
_ROWS_AT_A_TIME: Final = 4_096
_LARGEST_COUNT: Final = 2**31 - 1


@dataclass(frozen=True)
class Conversation:
    """What the conversation's own object says. ``rank`` decides between several objects with one id.

    ``without_list`` counts the objects that have no ``MessageList``.
    """

    conversation_id: str
    rank: tuple[int, bytes]
    display_name: str | None
    topic: str | None
    kind: str
    version: int | None
    member_count: int | None
    members: tuple[str, ...] | None
    without_list: int
    properties: str | None
    thread_properties: str | None


class ConversationTables(NamedTuple):
    """The tables, what people are called in the account, by id, and how many objects lack a ``MessageList``."""

    conversations: pa.Table
    conversation_copies: pa.Table
    participants: pa.Table
    account_names: Mapping[str, str]
    without_list: int


Batches = Callable[[list[str]], Iterable[pa.RecordBatch]]
"""Reads some columns of the raw ``conversations`` table."""


def rows(
    raw: Batches,
    people: People,
    *,
    owner_id: str,
    export_id: str,
    owner_name: str | None = None,
    given_names: Mapping[str, str] | None = None,
    partial: Container[str] = (),
) -> ConversationTables:
    """The tables: of several objects with one id each field is taken from the best that has it (2.2).

    Args:
        raw: the conversations.
        people: all that the messages tell of people; gets what conversations are called that are of two.
        owner_id: the account.
        export_id: the export.
        owner_name: what the owner is called, whatever the export says.
        given_names: what people are called whom nothing in the export names.
        partial: ids of conversations of which the export, which is damaged, has not all.
    """
    present = people.by_conversation()
    found = {schema: _Rows(schema) for schema in (_UNTITLED, CONVERSATION_COPIES.schema, PARTICIPANTS.schema)}
    conversation_rows, copy_rows, participant_rows = found.values()
    without_list = 0
    for c in _distinct(raw):
        without_list += c.without_list
        there = _present(c, present.get(c.conversation_id, ()), owner_id)
        partner = _partner(c, there, owner_id)
        if partner is not None and c.display_name is not None:
            people.call("conversation", (c.conversation_id, partner), c.display_name)
        activity = people.conversations.get(c.conversation_id, Activity())
        conversation_rows.add(
            owner_id, c.conversation_id, c.display_name, c.display_name or c.topic, c.kind, c.topic, c.member_count,
            activity.first, activity.last, activity.count, c.version, c.properties, c.thread_properties, export_id,
        )  # fmt: skip
        copy_rows.add(
            export_id, c.conversation_id, c.display_name, c.topic, c.member_count, c.members, c.version, c.properties,
            c.thread_properties, c.conversation_id in partial,
        )  # fmt: skip
        for user_id in sorted(there):
            sent = people.senders.get((c.conversation_id, user_id), Activity())
            name, source = people.name(c.conversation_id, user_id) or (None, None)
            participant_rows.add(
                owner_id, c.conversation_id, user_id, name, source, user_id == owner_id, user_id in (c.members or ()),
                sent.count, sent.first, sent.last,
            )  # fmt: skip
    names = people.account_names(given_names or {}, owner_id)
    if owner_name is not None:
        names[owner_id] = owner_name
    participants = _named(participant_rows.table(), names)
    return ConversationTables(
        _titled(conversation_rows.table(), participants), copy_rows.table(), participants, names, without_list
    )


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


_TITLE: Final = CONVERSATIONS.schema.get_field_index("title")
_UNTITLED: Final = CONVERSATIONS.schema.set(_TITLE, pa.field("title", pa.string()))


def _distinct(raw: Batches) -> Iterator[Conversation]:
    """One conversation for each id; few ids stand more than once, and only those of these are held in memory."""
    counted = Counter(
        conversation_key(row["conversation_id"], row["conversation_index"])
        for batch in raw(["conversation_index", "conversation_id"])
        for row in batch.to_pylist()
    )
    copies: defaultdict[str, list[Conversation]] = defaultdict(list)
    for batch in raw(["conversation_index", "conversation_id", "sha256", "raw"]):
        for row in batch.to_pylist():
            conversation = _conversation(row)
            if counted[conversation.conversation_id] == 1:
                yield conversation
            else:
                copies[conversation.conversation_id].append(conversation)
    yield from map(_merged, copies.values())


_FIELDS: Final = ("display_name", "topic", "member_count", "members", "properties", "thread_properties")


def _merged(copies: list[Conversation]) -> Conversation:
    """The best of several objects, with what it lacks from the next one that has it."""
    ranked = sorted(copies, key=lambda copy: copy.rank, reverse=True)
    found = {name: next((v for c in ranked if (v := getattr(c, name)) is not None), None) for name in _FIELDS}
    return replace(ranked[0], **found, without_list=sum(copy.without_list for copy in copies))


_NAMES: Final = ("version", "displayName", "properties", "threadProperties", "MessageList")


def _conversation(row: dict[str, Any]) -> Conversation:
    value, _ = clean_json(json_fields(row["raw"], _NAMES))
    assert isinstance(value, dict), "that is what it is"
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
        display_name=_name(name, conversation_id),
        topic=_name(topic, conversation_id),
        kind=conversation_kind(conversation_id),
        version=version,
        member_count=count,
        members=None if listed is None else tuple(listed),
        without_list="MessageList" not in value,
        properties=_json(properties),
        thread_properties=_json(thread),
    )


def _name(text: object, conversation_id: str) -> str | None:
    return proper_name(shortened(text, _unflagged), conversation_id) if isinstance(text, str) else None


def _json(value: object) -> str | None:
    return None if value is None else storable_json(json_text(value), _unflagged)


def _unflagged(flag: str) -> None:
    """Conversations have no flags."""


def _present(conversation: Conversation, known: Iterable[str], owner_id: str) -> set[str]:
    """Who is or was in a conversation: who is ``known`` to be, its members, and the two whom it is between."""
    there = {*known, *(conversation.members or ())}
    if conversation.kind in _OF_TWO:
        there |= {conversation.conversation_id, owner_id}
    return {user_id for user_id in there if not user_id.startswith(_NO_PEOPLE)}


def _partner(conversation: Conversation, there: set[str], owner_id: str) -> str | None:
    """Whom a conversation of two is with: who has its id, or of a thread the only one beside the owner."""
    if conversation.kind not in _OF_TWO:
        return None
    if conversation.conversation_id in there:
        return conversation.conversation_id
    others = there - {owner_id}
    return min(others) if len(others) == 1 else None


def _named(participants: pa.Table, names: Mapping[str, str]) -> pa.Table:
    """The participants, where nothing in the conversation names them with the name that they have in the account."""
    known = pa.array(list(names), pa.string())
    elsewhere = pa.array(list(names.values()), pa.string()).take(pc.index_in(participants["user_id"], value_set=known))
    lacking = pc.and_(participants["display_name"].is_null(), elsewhere.is_valid())
    for column, value in (("display_name", elsewhere), ("name_source", FROM_ACCOUNT)):
        place = participants.schema.get_field_index(column)
        filled = pc.if_else(lacking, value, participants[column])
        participants = participants.set_column(place, participants.schema.field(place), filled)
    return participants


def _titled(conversations: pa.Table, participants: pa.Table) -> pa.Table:
    """The conversations, where nothing else names them with a title made of the names of those in it."""
    lacking = conversations.filter(conversations["title"].is_null()).select(["conversation_id", "kind"])
    others: defaultdict[str, list[tuple[str, str | None, bool]]] = defaultdict(list)
    partners: dict[str, str | None] = {}
    there = participants.filter(
        pc.is_in(participants["conversation_id"], value_set=lacking["conversation_id"].combine_chunks())
    )
    for batch in there.select(["conversation_id", "user_id", "display_name", "is_owner", "is_member"]).to_batches():
        for conversation_id, user_id, name, is_owner, is_member in zip(
            *(column.to_pylist() for column in batch.columns), strict=True
        ):
            if user_id == conversation_id:
                partners[conversation_id] = name
            if not is_owner:
                others[conversation_id].append((user_id, name, is_member))
    titles = {
        conversation_id: _title(conversation_id, kind, partners, others.get(conversation_id, []))
        for conversation_id, kind in zip(*(column.to_pylist() for column in lacking.columns), strict=True)
    }
    made = [
        title or titles[conversation_id]
        for conversation_id, title in zip(
            conversations["conversation_id"].to_pylist(), conversations["title"].to_pylist(), strict=True
        )
    ]
    return conversations.set_column(_TITLE, CONVERSATIONS.schema.field(_TITLE), pa.array(made, pa.string()))


def _title(
    conversation_id: str,
    kind: str,
    partners: Mapping[str, str | None],
    others: list[tuple[str, str | None, bool]],
) -> str:
    if kind == "special":
        return conversation_id
    if conversation_id in partners:
        return partners[conversation_id] or conversation_id
    listed = [other for other in others if other[2]] or others
    return ", ".join(name or user_id for user_id, name, _ in listed[:_NAMES_IN_TITLE]) or conversation_id
