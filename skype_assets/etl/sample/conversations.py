"""The ordinary conversations: how many, how long, who talks with whom, and when (section 7.2).

Sizes have a heavy tail. A conversation is written newest first, so its sessions are planned from the last one
backwards, each of them forwards in time: memory holds one session, however many messages there are.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from skype_assets.etl.sample.document import Conversation, Element, Message, compact, iso, renderer
from skype_assets.etl.sample.events import Call, call_log
from skype_assets.etl.sample.mix import Chat, Session, Traces, table
from skype_assets.etl.sample.people import THEO, TOPICS, Person, acquaintances, phone
from skype_assets.etl.sample.teams import of_teams, teams_table

FIRST_MS: Final = 1_492_300_800_000
"""Mid-April 2017: the cloud store has nothing older (1.1)."""
FIRST_GROUP: Final = "19:a4c81d07e95b4f3296d0b8e7215c3fa6@thread.skype"
"""The first ordinary conversation: all there is in a sample of one conversation."""

DAY: Final = 86_400_000
_HOUR: Final = 3_600_000
_LARGEST: Final = 50_000
_HOURS: Final = (*range(6, 23), *range(7, 12), *range(16, 22), *range(18, 21), 23, 0)
_KINDS: Final = {
    "private": {"direct": 70, "group": 20, "bot": 5, "phone": 3},
    "group": {"direct": 30, "group": 65, "bot": 3, "phone": 2},
    "teams": {"direct": 60, "group": 35, "bot": 5},
}
PROFILES: Final = tuple(_KINDS)
"""What people write: the two mixes of section 7.2, and what is written since Teams."""

_TEXT_MEDIANS: Final = {"private": 22, "group": 62, "teams": 40}
_SIZES: Final = {"private": (0.15, 40, 1.9), "group": (0.08, 35, 2.0), "teams": (0.12, 40, 1.9)}


@dataclass(frozen=True)
class _Plan:
    """A conversation before it is written."""

    chat: Chat
    topic: str
    size: int
    begin_ms: int
    end_ms: int
    ascii_only: bool


def ordinary(
    rng: Random, *, owner: Person, messages: int, count: int, profile: str, traces: Traces, end_ms: int
) -> list[Conversation]:
    """Return `count` conversations with `messages` messages in all; the messages are made when they are read."""
    plans = []
    kinds = _kinds(rng, count, profile)
    people = [person for person in acquaintances(max(12, len(kinds)), rng) if person.mri != owner.mri]
    for number, (kind, size) in enumerate(zip(kinds, _sizes(rng, count, messages, profile), strict=True)):
        chat, topic = _chat(rng, kind, number, owner, people, profile)
        newest = end_ms - int(rng.expovariate(1 / (40 if size < 500 else 4)) * DAY) % ((end_ms - FIRST_MS) // 2)
        newest -= rng.randrange(6 * _HOUR)
        oldest = FIRST_MS + int((newest - FIRST_MS) * rng.random() / (1 + size / 100))
        plans.append(_Plan(chat, topic, size, oldest, newest, number % 16 == 5))
    return [_conversation(rng, plan, profile, traces) for plan in plans]


def call_log_conversation(owner: Person, traces: Traces, size: int, end_ms: int) -> Conversation:
    """Return ``48:calllogs``: calls that are messages elsewhere already (3.4.2). To be read after all the others."""
    before = {"id": "48:calllogs", "displayName": None, "version": end_ms, "properties": properties()}
    return Conversation(
        "48:calllogs", before | {"threadProperties": None}, _call_logs(owner, traces, size, end_ms), latest=0
    )


def properties(last_ms: int | None = None, status: str | None = None, *, blocked: bool = False) -> dict[str, Any]:
    """Return a conversation's four properties (2.3)."""
    horizon = None if last_ms is None else f"{last_ms};{last_ms + 44_001};{7226180934417205518 + last_ms % 99_991}"
    return {
        "conversationblocked": blocked,
        "lastimreceivedtime": None if last_ms is None else iso(last_ms),
        "consumptionhorizon": horizon,
        "conversationstatus": status,
    }


def thread(members: Sequence[Person], topic: str | None) -> dict[str, Any]:
    """Return a group's threadProperties; the members are JSON in a string (2.4)."""
    return {
        "membercount": len(members),
        "members": compact([member.mri for member in members]),
        "topic": topic,
        "picture": None,
        "description": None,
        "guidelines": None,
    }


def _kinds(rng: Random, count: int, profile: str) -> list[str]:
    """Return the kind of each conversation; the first is a group, so that `count=1` has every kind of message."""
    kinds, weights = list(_KINDS[profile]), list(_KINDS[profile].values())
    fixed = ["group", "direct", "notes", "bot"][:count]
    return fixed + rng.choices(kinds, weights, k=count - len(fixed))


def _sizes(rng: Random, count: int, messages: int, profile: str) -> list[int]:
    """Return how many messages each conversation has: many none or one, the others a log-normal share."""
    if not count:
        return []
    empty, median, sigma = _SIZES[profile]
    shares = [0.0] * count
    singles = set()
    for index in range(count):
        draw = rng.random()
        if index > 1 and draw < empty:
            continue
        if index > 1 and draw < empty + 0.15:
            singles.add(index)
        else:
            shares[index] = min(_LARGEST, median * rng.lognormvariate(0, sigma)) + 1
    shares[0] = max(shares[0], median)
    left = max(0, messages - len(singles))
    scale = left / sum(shares)
    sizes = [int(share * scale) for share in shares]
    for index in singles:
        sizes[index] = 1
    sizes[0] += messages - sum(sizes)
    for index in singles:
        if sizes[0] < 0:
            sizes[index], sizes[0] = 0, sizes[0] + 1
    return sizes


def _chat(
    rng: Random, kind: str, number: int, owner: Person, people: Sequence[Person], profile: str
) -> tuple[Chat, str]:
    """Return the conversation and its topic."""
    match kind:
        case "group":
            others = rng.sample(people, min(len(people), rng.randint(2, 14)))
            topic = TOPICS[number % len(TOPICS)] + ("" if number < len(TOPICS) else f" {number}")
            thread_id = FIRST_GROUP if number == 0 else f"19:{rng.getrandbits(128):032x}@thread.skype"
            return Chat(thread_id, kind, owner, tuple(others), _TEXT_MEDIANS[profile]), topic
        case "bot":
            bot = Person(f"28:{uuid.UUID(int=rng.getrandbits(128), version=4)}", f"{rng.choice(TOPICS[:4])} bot")
            return Chat(bot.mri, kind, owner, (bot,)), ""
        case "phone":
            return Chat(phone(number).mri, kind, owner, (phone(number),)), ""
        case "notes":
            return Chat("48:notes", kind, owner, ()), ""
        case _:
            partner = people[number % len(people)]
            return Chat(partner.mri, kind, owner, (partner,)), ""


def _conversation(rng: Random, plan: _Plan, profile: str, traces: Traces) -> Conversation:
    chat, group = plan.chat, plan.chat.kind == "group"
    name = (plan.topic if rng.random() < 0.7 else None) if group else chat.others[0].name if chat.others else None
    last_ms = plan.end_ms if plan.size else None
    before = {
        "id": chat.id,
        "displayName": name,
        "version": plan.end_ms + 97,
        "properties": properties(last_ms, None if rng.random() < 0.6 else "Accepted", blocked=rng.random() < 0.02),
        "threadProperties": thread((chat.owner, *chat.others), plan.topic) if group else None,
    }
    if profile == "teams":
        before = of_teams(before, (chat.owner, *chat.others))
    elements = _elements(Random(rng.getrandbits(64)), plan, profile, traces)
    return Conversation(chat.id, before, elements, latest=plan.end_ms if plan.size else plan.begin_ms)


def _elements(rng: Random, plan: _Plan, profile: str, traces: Traces) -> Iterator[Element]:
    """Yield the conversation's messages, newest first."""
    actions = teams_table(plan.chat.kind) if profile == "teams" else table(profile, plan.chat.kind)
    render = renderer(plan.chat.id, ascii_only=plan.ascii_only)
    left, limit = plan.size, plan.end_ms
    while left:
        size = min(left, 1 + int(rng.expovariate(1 / 18)))
        share = (limit - plan.begin_ms) * size // left
        room = max(2 * size, min(share, int(share * (0.3 + 1.2 * rng.random()))))
        length = min(room, size * 90_000)
        session = Session(plan.chat, rng, traces, limit - length, limit, size)
        session.play(actions)
        yield from map(render, reversed(session.messages))
        left, limit = left - size, _daytime(rng, limit - room, limit - length)


def _daytime(rng: Random, earliest: int, latest: int) -> int:
    """Return the end of the session before: at an hour at which people write, if there is room for that."""
    if latest - earliest < 2 * DAY:
        return earliest
    return earliest - earliest % DAY + DAY + rng.choice(_HOURS) * _HOUR + rng.randrange(_HOUR)


def _call_logs(owner: Person, traces: Traces, size: int, end_ms: int) -> Iterator[Element]:
    """Yield `size` call logs, newest first; if fewer calls took place, missed ones make up the number."""
    render, before = renderer("48:calllogs"), end_ms
    calls = sorted(traces.calls, key=lambda call: call.start_ms, reverse=True)[:size]
    oldest = calls[-1].start_ms if calls else end_ms
    calls += [
        Call(str(oldest - number * DAY), THEO, owner, oldest - number * DAY, None)
        for number in range(1, size - len(calls) + 1)
    ]
    for call in calls:
        before = min(before - 1, (call.end_ms or call.start_ms) + 2_000)
        properties = compact({"call-log": compact(call_log(call, owner))})
        text = f"Call Logs for Call {call.call_id}"
        yield render(Message(before, before, owner.mri, None, "Text", text, properties))
