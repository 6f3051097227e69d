"""Who did what in which conversation, and who is called what, over all parts of an export.

Each part has small aggregates in a table of its own; ``People`` adds them up. Names are what a person was called at the
time: of those that one source gives the latest counts, of two at one instant the greater.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.content.mentions import EVERYONE
from skype_assets.etl.rows.arrays import array
from skype_assets.etl.rows.proper_names import proper_names
from skype_assets.etl.schema.flags import SERVER_GENERATED
from skype_assets.etl.schema.tables import INSTANT, NAME_SOURCES

Name = tuple[int, str]
"""A name and when it was in use; as everywhere here, in microseconds since 1970."""

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
        pa.field("named_at", INSTANT),
        pa.field("count", pa.int64(), False),
        pa.field("first", INSTANT),
        pa.field("last", INSTANT),
    ]
)
"""What the messages of a part say of people: one row for each name that a source gives somebody in a conversation.

``named_at`` is when the last message was sent that says so. ``count``, ``first`` and ``last`` are of the messages that
somebody sent, also of those whom Skype does not name, without those that nobody wrote.
"""


PEOPLE_OF: Final[Mapping[str, list[str]]] = {
    "messages": [*_MESSAGE, "sent_at", "sender_id", "sender_name", "flags"],
    "call_participants": [*_MESSAGE, "user_id", "display_name"],
    "thread_events": [*_MESSAGE, "initiator_id", "target_id", "initiator_name", "target_name"],
    "quotes": [*_MESSAGE, "author_id", "author_name"],
    "mentions": [*_MESSAGE, "user_id", "label"],
}
"""The tables, and their columns, that it is taken from."""

_NAMING: Final = (
    ("call", "call_participants", "user_id", "display_name"),
    ("event", "thread_events", "initiator_id", "initiator_name"),
    ("event", "thread_events", "target_id", "target_name"),
    ("quote", "quotes", "author_id", "author_name"),
    ("mention", "mentions", "user_id", "label"),
)
_ADDRESSING: Final = frozenset({"quote", "mention"})
"""Sources that name people, but do not make them take part."""


def people_rows(tables: Mapping[str, pa.Table]) -> pa.Table:
    """The ``PEOPLE`` of some messages, given the tables of ``PEOPLE_OF`` that they feed."""
    messages = tables["messages"]
    named = [_naming(place, tables) for place in range(len(_NAMING))]
    return pa.concat_tables([_sent(messages), _named(pa.concat_tables(named), messages)])


def _sent(messages: pa.Table) -> pa.Table:
    written = _written(messages["flags"])
    instants = pc.if_else(written, messages["sent_at"], pa.scalar(None, INSTANT))
    keys = ["conversation_id", "sender_id", "sender_name"]
    table = messages.select([*keys, "sent_at"]).append_column("written_at", instants).append_column("written", written)
    aggregates = [("sent_at", "max"), ("written", "sum"), ("written_at", "min"), ("written_at", "max")]
    grouped = table.group_by(keys, use_threads=False).aggregate(aggregates)
    return _rows(
        pa.repeat("message", grouped.num_rows),
        [grouped[name] for name in (*keys, *("_".join(of) for of in aggregates))],
    )


def _written(flags: pa.ChunkedArray) -> pa.Array:
    """Which messages somebody wrote: the others are rows that the server made and left empty."""
    flags = flags.combine_chunks()
    generated = pc.equal(pc.list_flatten(flags), SERVER_GENERATED)
    written = np.ones(len(flags), np.bool_)
    written[pc.list_parent_indices(flags).filter(generated).to_numpy()] = False
    return pa.array(written)


def _naming(place: int, tables: Mapping[str, pa.Table]) -> pa.Table:
    """Whom messages name in one of the ways of ``_NAMING``, and how: its place there, with ``user_id`` and ``name``."""
    source, table, id_column, name_column = _NAMING[place]
    rows = tables[table].select([*_MESSAGE, id_column, name_column])
    rows = rows.rename_columns([*_MESSAGE, "user_id", "name"]).filter(rows[id_column].is_valid())
    rows = rows.set_column(rows.num_columns - 1, "name", proper_names(rows["name"], rows["user_id"]))
    if source in _ADDRESSING:
        rows = rows.filter(pc.and_(rows["name"].is_valid(), pc.not_equal(rows["user_id"], EVERYONE)))
    return rows.append_column("place", pa.repeat(pa.scalar(place, pa.int8()), rows.num_rows))


def _named(rows: pa.Table, messages: pa.Table) -> pa.Table:
    # A join makes a table of its right side: only what can match is given to it.
    near = pc.is_in(messages["message_id"], value_set=rows["message_id"].combine_chunks())
    timed = rows.join(messages.select([*_MESSAGE, "sent_at"]).filter(near), _MESSAGE, use_threads=False)
    keys = ["conversation_id", "user_id", "name"]
    grouped = timed.group_by(["place", *keys], use_threads=False).aggregate([("sent_at", "max")])
    sources = pa.array([source for source, *_ in _NAMING], pa.string()).take(grouped["place"].combine_chunks())
    return _rows(sources, [grouped[name] for name in (*keys, "sent_at_max")])


def _rows(sources: pa.Array, columns: list[pa.ChunkedArray]) -> pa.Table:
    """Rows of ``PEOPLE`` from its columns; without activity, the last are missing."""
    count = len(sources)
    activity = [] if len(columns) == len(PEOPLE) - 1 else [pa.repeat(pa.scalar(0, pa.int64()), count), None, None]
    every = [sources, *columns, *activity]
    return pa.table([array(column, f.type, count) for column, f in zip(every, PEOPLE, strict=True)], schema=PEOPLE)


@dataclass
class People:
    """Activity per conversation, per person in it, and the names people had.

    ``names`` are by source, and there by conversation and person; ``present`` are those who took part.
    """

    conversations: dict[str, Activity] = field(default_factory=lambda: defaultdict(Activity))
    senders: dict[tuple[str, str], Activity] = field(default_factory=lambda: defaultdict(Activity))
    names: dict[str, dict[tuple[str, str], Name]] = field(
        default_factory=lambda: {source: {} for source in NAME_SOURCES}
    )
    present: set[tuple[str, str]] = field(default_factory=set)

    def add(self, people: pa.Table) -> None:
        """Add what a part says: ``people`` is of ``PEOPLE``."""
        # Python's datetimes take longer to make than everything else here.
        types = (pa.int64() if field.type == INSTANT else field.type for field in PEOPLE)
        columns = (people[name].cast(type_).to_pylist() for name, type_ in zip(PEOPLE.names, types, strict=True))
        for source, conversation_id, user_id, name, named_at, count, first, last in zip(*columns, strict=True):
            if source == "message":
                self.conversations[conversation_id].add(count, first, last)
            if user_id is None:
                continue
            key = conversation_id, user_id
            if source == "message":
                self.senders[key].add(count, first, last)
            if source not in _ADDRESSING:
                self.present.add(key)
            if name is not None:
                self.call(source, key, name, named_at)

    def call(self, source: str, key: tuple[str, str], name: str, named_at: int | None = None) -> None:
        """Note what a source calls a person in a conversation."""
        candidate = (_LONG_AGO if named_at is None else named_at, name)
        names = self.names[source]
        names[key] = max(names.get(key, candidate), candidate)

    def leave_out_copies(self, edits: pa.Table) -> None:
        """Count messages that an edit left several rows of once; ``edits`` is of ``EDITS``."""
        copies = edits.filter(edits["edit_of"].is_valid()).group_by(["conversation_id", "sender_id"], use_threads=False)
        for row in copies.aggregate([([], "count_all")]).to_pylist():
            self.conversations[row["conversation_id"]].count -= row["count_all"]
            if row["sender_id"] is not None:
                self.senders[row["conversation_id"], row["sender_id"]].count -= row["count_all"]

    def name(self, conversation_id: str, user_id: str) -> tuple[str, str] | None:
        """What a person is called in a conversation, and by which source; None if nothing there names them."""
        key = (conversation_id, user_id)
        return next(((names[key][1], source) for source, names in self.names.items() if key in names), None)

    def account_names(self, given: Mapping[str, str], owner_id: str) -> dict[str, str]:
        """What people are called by the most credible source that names them anywhere, else by ``given``.

        Skype puts no name on the owner's own messages: where there is one all the same, it is believed last.
        """
        latest: dict[str, dict[str, Name]] = {}
        for source, names in self.names.items():
            of_source = latest.setdefault(source, {})
            for (_, user_id), name in names.items():
                of_source[user_id] = max(of_source.get(user_id, name), name)
        known = dict(given)
        for of_source in reversed(latest.values()):
            known.update((user_id, name) for user_id, (_, name) in of_source.items())
        others = (latest[source][owner_id][1] for source in NAME_SOURCES[1:] if owner_id in latest[source])
        if (name := next(others, None)) is not None:
            known[owner_id] = name
        return known

    def by_conversation(self) -> dict[str, list[str]]:
        """Who took part in each conversation."""
        present: dict[str, list[str]] = {}
        for conversation_id, user_id in self.present:
            present.setdefault(conversation_id, []).append(user_id)
        return present
