"""Who did what in which conversation, counted over all parts of an export.

Each part has small aggregates in a table of its own; ``People`` adds them up. Names are what a person was called at the
time: the latest one counts, of two at one instant the greater.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.rows.arrays import array, table_from_rows
from skype_assets.etl.schema.tables import INSTANT

Name = tuple[int, str]
"""A name and when it was in use; as everywhere here, in microseconds since 1970."""

Place = tuple[int, str, str, int]
"""Where a name stands: time, conversation and id of the message; of several in one message the first counts most."""

_LONG_AGO: Final = -(2**63)
_MESSAGE: Final = ["conversation_id", "message_id"]


@dataclass
class Activity:
    """Messages: how many, and when the first and the last were sent, in microseconds since 1970."""

    count: int = 0
    first: int | None = None
    last: int | None = None

    def add(self, count: int, first: int | None, last: int | None) -> None:
        """Add another part's messages."""
        self.count += count
        self.first = min((t for t in (self.first, first) if t is not None), default=None)
        self.last = max((t for t in (self.last, last) if t is not None), default=None)


PEOPLE: Final = pa.schema(
    [
        pa.field("source", pa.string(), False),
        pa.field("conversation_id", pa.string(), False),
        pa.field("user_id", pa.string()),
        pa.field("name", pa.string()),
        pa.field("count", pa.int64(), False),
        pa.field("first", INSTANT),
        pa.field("last", INSTANT),
        pa.field("message_id", pa.string()),
        pa.field("ordinal", pa.int32()),
    ]
)
"""What the messages of a part say of people.

``source`` is ``sender``, ``call``, ``event``, ``quote`` or ``mention``; ``first`` and ``last`` are when its messages
were sent. Senders are counted, also those that Skype does not name. Of quotes and mentions only those that name the
owner: of a part the last one, with its message and its place there.
"""


PEOPLE_OF: Final[Mapping[str, list[str]]] = {
    "messages": [*_MESSAGE, "sent_at", "sender_id", "sender_name", "kind"],
    "call_participants": [*_MESSAGE, "user_id", "display_name"],
    "thread_events": [*_MESSAGE, "initiator_id", "target_id"],
    "quotes": [*_MESSAGE, "ordinal", "author_id", "author_name"],
    "mentions": [*_MESSAGE, "ordinal", "user_id", "label"],
}
"""The tables, and their columns, that it is taken from."""


def people_rows(tables: Mapping[str, pa.Table], owner_id: str) -> pa.Table:
    """The ``PEOPLE`` of some messages, given the tables of ``PEOPLE_OF`` that they feed."""
    messages = tables["messages"]
    found = [
        _rows("sender", _activity(messages, ["conversation_id", "sender_id", "sender_name"])),
        _rows("call", _calls(messages, tables["call_participants"])),
    ]
    for name in ("initiator_id", "target_id"):
        named = tables["thread_events"].filter(tables["thread_events"][name].is_valid())
        named = named.select(["conversation_id", name]).group_by(["conversation_id", name], use_threads=False)
        found.append(_rows("event", named.aggregate([])))
    for source, table, id_column, name_column in (
        ("quote", tables["quotes"], "author_id", "author_name"),
        ("mention", tables["mentions"], "user_id", "label"),
    ):
        addressed = table.filter(pc.and_(pc.equal(table[id_column], owner_id), table[name_column].is_valid()))
        if addressed.num_rows:
            found.append(_last(source, addressed.rename_columns({name_column: "name"}), messages, owner_id))
    return pa.concat_tables(found)


def _rows(source: str, grouped: pa.Table) -> pa.Table:
    """Groups of a conversation, a person and perhaps a name, with their activity."""
    keys = [name for name in grouped.column_names if not name.startswith(("sent_at", "count"))]
    columns: dict[str, Any] = dict(
        zip(("conversation_id", "user_id", "name"), (grouped[key] for key in keys), strict=False)
    )
    for name, aggregate in (("count", "count_all"), ("first", "sent_at_min"), ("last", "sent_at_max")):
        if aggregate in grouped.column_names:
            columns[name] = grouped[aggregate]
    count = grouped.num_rows
    columns = {"source": pa.repeat(source, count), "count": pa.repeat(pa.scalar(0, pa.int64()), count), **columns}
    return pa.table([array(columns.get(field.name), field.type, count) for field in PEOPLE], schema=PEOPLE)


def _activity(messages: pa.Table, keys: list[str]) -> pa.Table:
    aggregates = [("sent_at", "min"), ("sent_at", "max"), ([], "count_all")]
    return messages.group_by(keys, use_threads=False).aggregate(aggregates)


def _calls(messages: pa.Table, participants: pa.Table) -> pa.Table:
    calls = messages.select([*_MESSAGE, "sent_at"]).filter(pc.equal(messages["kind"], "call"))
    named = participants.filter(participants["user_id"].is_valid()).select([*_MESSAGE, "user_id", "display_name"])
    timed = named.join(calls, _MESSAGE, use_threads=False)
    return _activity(timed, ["conversation_id", "user_id", "display_name"])


def _last(source: str, addressed: pa.Table, messages: pa.Table, owner_id: str) -> pa.Table:
    # A join makes a table of its right side: only what can match is given to it.
    near = pc.is_in(messages["message_id"], value_set=addressed["message_id"].combine_chunks())
    timed = addressed.join(messages.select([*_MESSAGE, "sent_at"]).filter(near), _MESSAGE, use_threads=False)
    # The greatest Place, and of two names there the greater.
    latest_first = [(name, "descending") for name in ("sent_at", *_MESSAGE)]
    [row] = timed.sort_by([*latest_first, ("ordinal", "ascending"), ("name", "descending")])[:1].to_pylist()
    last = (source, row["conversation_id"], owner_id, row["name"], 0, None, row["sent_at"], row["message_id"])
    return table_from_rows(PEOPLE, [(*last, row["ordinal"])])


@dataclass
class People:
    """Activity per conversation, per person in it, and the names people had."""

    conversations: dict[str, Activity] = field(default_factory=lambda: defaultdict(Activity))
    senders: dict[tuple[str, str], Activity] = field(default_factory=lambda: defaultdict(Activity))
    sender_names: dict[tuple[str, str], Name] = field(default_factory=dict)
    call_names: dict[tuple[str, str], Name] = field(default_factory=dict)
    named: set[tuple[str, str]] = field(default_factory=set)
    owner_names: dict[str, tuple[Place, str]] = field(default_factory=dict)

    def add(self, people: pa.Table) -> None:
        """Add what a part says: ``people`` is of ``PEOPLE``."""
        # Python's datetimes take longer to make than everything else here.
        types = (pa.int64() if field.type == INSTANT else field.type for field in PEOPLE)
        columns = (people[name].cast(type_).to_pylist() for name, type_ in zip(PEOPLE.names, types, strict=True))
        for source, conversation_id, user_id, name, count, first, last, message_id, ordinal in zip(
            *columns, strict=True
        ):
            key = conversation_id, user_id
            if source == "sender":
                self.conversations[conversation_id].add(count, first, last)
                if user_id is not None:
                    self.senders[key].add(count, first, last)
                    _keep_latest(self.sender_names, key, last, name)
            elif source == "call":
                self.named.add(key)
                _keep_latest(self.call_names, key, last, name)
            elif source == "event":
                self.named.add(key)
            else:
                candidate = (_LONG_AGO if last is None else last, conversation_id, message_id, -ordinal), name
                self.owner_names[source] = max(self.owner_names.get(source, candidate), candidate)

    def leave_out_copies(self, edits: pa.Table) -> None:
        """Count messages that an edit left several rows of once; ``edits`` is of ``EDITS``."""
        copies = edits.filter(edits["edit_of"].is_valid()).group_by(["conversation_id", "sender_id"], use_threads=False)
        for row in copies.aggregate([([], "count_all")]).to_pylist():
            self.conversations[row["conversation_id"]].count -= row["count_all"]
            if row["sender_id"] is not None:
                self.senders[row["conversation_id"], row["sender_id"]].count -= row["count_all"]

    def name(self, conversation_id: str, user_id: str) -> str | None:
        """What a person is called in a conversation: as sender, else as named by a call."""
        key = (conversation_id, user_id)
        latest = self.sender_names.get(key) or self.call_names.get(key)
        return latest[1] if latest else None

    def owner_name(self, owner_id: str) -> str | None:
        """What the owner is called: by calls, else by quotes, else by mentions, else in messages of their own."""
        by_calls = [name for (_, user_id), name in self.call_names.items() if user_id == owner_id]
        if by_calls:
            return max(by_calls)[1]
        for source in ("quote", "mention"):
            if source in self.owner_names:
                return self.owner_names[source][1]
        by_senders = [name for (_, user_id), name in self.sender_names.items() if user_id == owner_id]
        return max(by_senders)[1] if by_senders else None


def _keep_latest(names: dict[tuple[str, str], Name], key: tuple[str, str], time: int | None, name: str | None) -> None:
    if name is not None:
        candidate = (_LONG_AGO if time is None else time, name)
        names[key] = max(names.get(key, candidate), candidate)
