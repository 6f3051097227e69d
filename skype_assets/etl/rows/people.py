"""Who did what in which conversation, counted over all parts of an export.

Each part gives small aggregates; ``People`` adds them up. Names are what a person was called at the time: the latest
one counts, of two at one instant the greater.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

Name = tuple[datetime, str]
"""A name and when it was in use."""

Place = tuple[datetime, str, str, int]
"""Where a name stands: time, conversation and id of the message; of several in one message the first counts most."""

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass
class Activity:
    """Messages: how many, the first and the last."""

    count: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def add(self, count: int, first: datetime | None, last: datetime | None) -> None:
        """Add another part's messages."""
        self.count += count
        self.first = min((t for t in (self.first, first) if t is not None), default=None)
        self.last = max((t for t in (self.last, last) if t is not None), default=None)


@dataclass
class People:
    """Activity per conversation, per person in it, and the names people had."""

    conversations: dict[str, Activity] = field(default_factory=lambda: defaultdict(Activity))
    senders: dict[tuple[str, str], Activity] = field(default_factory=lambda: defaultdict(Activity))
    sender_names: dict[tuple[str, str], Name] = field(default_factory=dict)
    call_names: dict[tuple[str, str], Name] = field(default_factory=dict)
    named: set[tuple[str, str]] = field(default_factory=set)
    owner_names: dict[str, tuple[Place, str]] = field(default_factory=dict)

    def add(self, messages: pa.Table, call_participants: pa.Table, thread_events: pa.Table) -> None:
        """Add a part: messages with conversation_id, message_id, sent_at, sender_id, sender_name, kind."""
        for row in _activity(messages, ["conversation_id"]):
            self.conversations[row["conversation_id"]].add(*_figures(row))
        sent = messages.filter(messages["sender_id"].is_valid())
        for row in _activity(sent, ["conversation_id", "sender_id", "sender_name"]):
            key = (row["conversation_id"], row["sender_id"])
            self.senders[key].add(*_figures(row))
            _keep_latest(self.sender_names, key, row["sent_at_max"], row["sender_name"])
        self._add_calls(messages, call_participants)
        for name in ("initiator_id", "target_id"):
            named = thread_events.filter(thread_events[name].is_valid()).select(["conversation_id", name])
            named = named.group_by(named.column_names, use_threads=False).aggregate([])
            self.named.update(zip(named["conversation_id"].to_pylist(), named[name].to_pylist(), strict=True))

    def _add_calls(self, messages: pa.Table, call_participants: pa.Table) -> None:
        calls = messages.filter(pc.equal(messages["kind"], "call")).select(["conversation_id", "message_id", "sent_at"])
        named = call_participants.filter(call_participants["user_id"].is_valid())
        named = named.select(["conversation_id", "message_id", "user_id", "display_name"])
        timed = named.join(calls, ["conversation_id", "message_id"], use_threads=False)
        for row in _activity(timed, ["conversation_id", "user_id", "display_name"]):
            key = (row["conversation_id"], row["user_id"])
            self.named.add(key)
            _keep_latest(self.call_names, key, row["sent_at_max"], row["display_name"])

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

    def add_owner_names(self, owner_id: str, messages: pa.Table, quotes: pa.Table, mentions: pa.Table) -> None:
        """Add what others call the owner in a part, whose own messages carry no name (2.6)."""
        for source, table, id_column, name_column in (
            ("quotes", quotes, "author_id", "author_name"),
            ("mentions", mentions, "user_id", "label"),
        ):
            named = table.filter(pc.and_(pc.equal(table[id_column], owner_id), table[name_column].is_valid()))
            if named.num_rows:
                keys = ["conversation_id", "message_id"]
                near = pc.is_in(messages["message_id"], value_set=named["message_id"].combine_chunks())
                joined = named.join(messages.select([*keys, "sent_at"]).filter(near), keys, use_threads=False)
                for row in joined.to_pylist():
                    place = (row["sent_at"] or _LONG_AGO, row["conversation_id"], row["message_id"], -row["ordinal"])
                    candidate = (place, row[name_column])
                    self.owner_names[source] = max(self.owner_names.get(source, candidate), candidate)

    def owner_name(self, owner_id: str) -> str | None:
        """What the owner is called: by calls, else by quotes, else by mentions, else in messages of their own."""
        by_calls = [name for (_, user_id), name in self.call_names.items() if user_id == owner_id]
        if by_calls:
            return max(by_calls)[1]
        for source in ("quotes", "mentions"):
            if source in self.owner_names:
                return self.owner_names[source][1]
        by_senders = [name for (_, user_id), name in self.sender_names.items() if user_id == owner_id]
        return max(by_senders)[1] if by_senders else None


def _activity(messages: pa.Table, keys: list[str]) -> list[dict[str, Any]]:
    aggregates = [("sent_at", "min"), ("sent_at", "max"), ([], "count_all")]
    return messages.group_by(keys, use_threads=False).aggregate(aggregates).to_pylist()


def _figures(row: dict[str, Any]) -> tuple[int, datetime | None, datetime | None]:
    return row["count_all"], row["sent_at_min"], row["sent_at_max"]


def _keep_latest(
    names: dict[tuple[str, str], Name], key: tuple[str, str], time: datetime | None, name: str | None
) -> None:
    if name is not None:
        candidate = (time or _LONG_AGO, name)
        names[key] = max(names.get(key, candidate), candidate)
