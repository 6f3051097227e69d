"""People are counted over the parts of an export as if it had one, and are called what they were called last."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from skype_assets.etl.rows.people import PEOPLE_OF, Activity, People, people_rows
from skype_assets.etl.schema.flags import SERVER_GENERATED
from skype_assets.etl.schema.tables import TABLES

Row = dict[str, Any]

messages = st.fixed_dictionaries(
    {
        "conversation_id": st.sampled_from(["8:a", "19:b"]),
        "sent_at": st.none() | st.integers(0, 3).map(lambda day: datetime(2025, 5, 20, tzinfo=UTC) + timedelta(day)),
        "sender_id": st.none() | st.sampled_from(["8:a", "8:x"]),
        "sender_name": st.none() | st.sampled_from(["Ann", "Bob"]),
        "flags": st.sampled_from([[], [SERVER_GENERATED], ["content_missing"]]),
    }
)


def _table(rows: Sequence[Row], name: str) -> pa.Table:
    schema = pa.schema([TABLES[name].schema.field(column) for column in PEOPLE_OF[name]])
    return pa.Table.from_pylist(list(rows), schema)


def _people(parts: Sequence[Sequence[Row]], calls: Sequence[Row] = (), events: Sequence[Row] = ()) -> People:
    people = People()
    for part in parts:
        ids = {(row["conversation_id"], row["message_id"]) for row in part}
        called, told = (
            [row for row in rows if (row["conversation_id"], row["message_id"]) in ids] for rows in (calls, events)
        )
        fed = {"messages": part, "call_participants": called, "thread_events": told, "quotes": [], "mentions": []}
        people.add(people_rows({name: _table(rows, name) for name, rows in fed.items()}))
    return people


def _message(number: int, day: int | None, **changes: Any) -> Row:
    sent_at = None if day is None else datetime(2025, 5, day, tzinfo=UTC)
    plain = {"conversation_id": "8:a", "message_id": str(number), "sent_at": sent_at, "sender_id": "8:a"}
    return {**plain, "sender_name": "Ann", "flags": [], **changes}


@given(st.lists(messages, max_size=12), st.integers(1, 5))
def test_how_the_messages_are_divided_makes_no_difference(rows: list[Row], size: int) -> None:
    rows = [{**row, "message_id": str(number)} for number, row in enumerate(rows)]
    whole = _people([rows])
    divided = _people([rows[begin : begin + size] for begin in range(0, len(rows), size)])
    assert divided == whole
    for conversation_id in ("8:a", "19:b"):
        there = [row for row in rows if row["conversation_id"] == conversation_id]
        own = [row for row in there if SERVER_GENERATED not in row["flags"]]
        times = [int(row["sent_at"].timestamp()) * 1_000_000 for row in own if row["sent_at"]]
        expected = Activity(len(own), min(times, default=None), max(times, default=None))
        assert whole.conversations.get(conversation_id, Activity()) == expected
        for user_id in ("8:a", "8:x"):
            sent = sum(row["sender_id"] == user_id for row in own)
            assert whole.senders.get((conversation_id, user_id), Activity()).count == sent


def test_the_name_of_the_latest_message_counts_and_of_two_at_once_the_greater() -> None:
    people = _people([[_message(1, 2, sender_name="Bob"), _message(2, 1, sender_name="Zoe")], [_message(3, 2)]])
    assert people.name("8:a", "8:a") == ("Bob", "message")
    assert _people([[_message(1, 3, sender_name=None), _message(2, 1)]]).name("8:a", "8:a") == ("Ann", "message")
    assert _people([[_message(1, None, sender_name="Zoe"), _message(2, 1)]]).name("8:a", "8:a") == ("Ann", "message")
    assert people.name("8:a", "8:nobody") is None


def test_the_first_instant_of_1970_is_later_than_none() -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    parts = [[_message(1, None, sender_name="Zoe")], [_message(2, 1, sent_at=epoch, sender_name="Ann")]]
    people = _people(parts)
    assert people.name("8:a", "8:a") == ("Ann", "message")
    assert (people.conversations["8:a"].first, people.conversations["8:a"].last) == (0, 0)


def test_rows_that_nobody_wrote_count_nothing_but_name_their_sender() -> None:
    blank = _message(2, 5, sender_name="Ann B.", flags=[SERVER_GENERATED])
    people = _people([[_message(1, 1), blank, _message(3, 7, sender_id="8:b", flags=[SERVER_GENERATED])]])
    day = int(datetime(2025, 5, 1, tzinfo=UTC).timestamp()) * 1_000_000
    assert people.conversations["8:a"] == Activity(1, day, day)
    assert people.senders["8:a", "8:b"] == Activity(0, None, None)
    assert people.name("8:a", "8:a") == ("Ann B.", "message")
    assert ("8:a", "8:b") in people.present


def test_calls_name_those_who_never_wrote() -> None:
    call = _message(1, 1, sender_id="8:x", sender_name=None)
    later = _message(2, 2, sender_id="8:x", sender_name=None)
    named = [
        {"conversation_id": "8:a", "message_id": "1", "user_id": "8:c", "display_name": "Cleo"},
        {"conversation_id": "8:a", "message_id": "2", "user_id": "8:c", "display_name": "Cleo K."},
        {"conversation_id": "8:a", "message_id": "2", "user_id": "8:d", "display_name": None},
        {"conversation_id": "8:a", "message_id": "2", "user_id": None, "display_name": "?"},
    ]
    people = _people([[call], [later]], named)
    assert people.present == {("8:a", "8:c"), ("8:a", "8:d"), ("8:a", "8:x")}
    assert (people.name("8:a", "8:c"), people.name("8:a", "8:d")) == (("Cleo K.", "call"), None)
    assert people.account_names({}, "8:owner") == {"8:c": "Cleo K."}


def test_a_name_of_their_own_messages_is_better_than_that_of_a_call_but_for_the_owner() -> None:
    named = [{"conversation_id": "8:a", "message_id": "1", "user_id": "8:a", "display_name": "From a call"}]
    people = _people([[_message(1, 9)]], named)
    assert people.name("8:a", "8:a") == ("Ann", "message")
    assert people.account_names({}, "8:owner") == {"8:a": "Ann"}
    assert people.account_names({}, "8:a") == {"8:a": "From a call"}


def test_given_names_are_the_last_resort() -> None:
    people = _people([[_message(1, 9)]])
    assert people.account_names({"8:a": "Given", "8:b": "Given, too"}, "8:owner") == {"8:a": "Ann", "8:b": "Given, too"}


def test_whom_a_thread_event_names_belongs_to_the_conversation() -> None:
    event = {"conversation_id": "8:a", "message_id": "1"}
    events = [
        {**event, "initiator_id": "8:i", "target_id": "8:t"},
        {**event, "initiator_id": None, "target_id": "8:u", "target_name": "Una"},
        {**event, "initiator_id": "8:j", "target_id": None, "initiator_name": "Joe"},
    ]
    people = _people([[_message(1, 1)]], events=events)
    assert people.present == {("8:a", user_id) for user_id in ("8:a", "8:i", "8:t", "8:u", "8:j")}
    assert (people.name("8:a", "8:u"), people.name("8:a", "8:j")) == (("Una", "event"), ("Joe", "event"))
