"""The rows of the view ``calls``: what started and ended, put together (3.4.1)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.reference.values import EARLIEST

Row = dict[str, Any]

ENDS = ("ended", "cancelled")


def calls(tables: Mapping[str, Sequence[Row]]) -> list[dict[str, Any]]:
    """A row for each call, in the order of its first event."""
    messages = {_key(row): row for row in tables["messages"]}
    events: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for event in tables["call_events"]:
        message = messages[_key(event)]
        events[event["owner_id"], event["conversation_id"]].append(
            {**event, "at": message["sent_at"], "sender_id": message["sender_id"]}
        )
    found: list[tuple[Any, Row]] = []
    for place in sorted(events):
        in_order = sorted(events[place], key=lambda event: (event["at"] or EARLIEST, event["message_id"]))
        for group in _calls_of_a_conversation(in_order):
            found.append(((*place, group[0]["at"] or EARLIEST, group[0]["message_id"]), _call(group)))
    return [row for _, row in sorted(found, key=lambda item: item[0])]


def _calls_of_a_conversation(events: Sequence[Row]) -> Iterator[list[Row]]:
    """The events of each call; ``events`` is in the order of time."""
    by_id: dict[str, list[Row]] = defaultdict(list)
    waiting: list[Row] = []  # started, without an id, and not yet ended
    for event in events:
        if event["event"] == "missed":
            yield [event]
        elif event["event"] not in ("started", *ENDS):
            continue
        elif event["call_id"] is not None:
            by_id[event["call_id"]].append(event)
        elif event["event"] == "started":
            waiting.append(event)
        else:
            yield [waiting.pop(), event] if waiting else [event]
    yield from by_id.values()
    yield from ([event] for event in waiting)


def _call(events: Sequence[Row]) -> Row:
    started = [event for event in events if event["event"] == "started"]
    ended = [event for event in events if event["event"] in ENDS]
    missed = [event for event in events if event["event"] == "missed"]
    durations = [event["duration_seconds"] for event in events if event["duration_seconds"] is not None]
    if missed:
        status = "missed"
    elif not ended:
        status = "no end"
    else:
        answered = any(event["event"] == "ended" and event["duration_seconds"] is not None for event in ended)
        cancelled = any(event["event"] == "cancelled" for event in ended)
        status = "ended" if answered else "cancelled" if cancelled else "not answered"
    return {
        "owner_id": events[0]["owner_id"],
        "conversation_id": events[0]["conversation_id"],
        "call_id": events[0]["call_id"],
        "started_at": started[0]["at"] if started else None,
        "ended_at": (ended or missed)[-1]["at"] if ended or missed else None,
        "duration_seconds": max(durations, default=None),
        "initiator_id": (started or ended or missed)[0]["sender_id"],
        "status": status,
    }


def _key(row: Row) -> tuple[str, str, str]:
    return row["owner_id"], row["conversation_id"], row["message_id"]
