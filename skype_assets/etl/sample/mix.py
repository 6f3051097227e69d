"""What happens in an ordinary conversation: actions drawn by weight, each adding one or more messages (section 7.2).

This is the hot path: a sample of a million messages is made in seconds, because random draws come from tables made once
and the usual message is two pooled phrases.
"""

import functools
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from statistics import NormalDist
from typing import Final, NamedTuple

from skype_assets.etl.sample import content, events
from skype_assets.etl.sample.document import NULL, Message, compact
from skype_assets.etl.sample.events import Call, Part
from skype_assets.etl.sample.media import Attachment, Media
from skype_assets.etl.sample.people import Person
from skype_assets.etl.sample.words import POOL, phrases

_DRAWS: Final = 1024
_GAPS_MS: Final = tuple(
    int(25_000 * 2.718281828 ** NormalDist(0, 1.2).inv_cdf((i + 0.5) / _DRAWS)) for i in range(_DRAWS)
)
_ARRIVAL_MS: Final = (*(i % 3 for i in range(800)), *range(100, 10_000, 55), *range(10_000, 60_000, 2500))
"""By how much the id is later than the time: 0-2 ms for 80 %, up to 10 s for 18 %, up to a minute for 2 %."""

_EMOTICONS: Final = tuple(
    content.emoticon(*emoticon)
    for emoticon in (
        ("smile", ":)"),
        ("laugh", ":D", "😆"),
        ("1f440_eyes", "(1f440_eyes)"),
        ("heart", "(h)", "❤"),
        ("2714_heavycheckmark", "(2714_heavycheckmark)", "✔"),
    )
)
_REACTIONS: Final = ("heart", "like", "laugh", "surprised", "1f440_eyes", "1f44d_thumbsup-tone3")
_PLACES: Final = (
    (57.70887, 11.97456, "Quay 3, Gothenburg"),
    (-33.8571, 151.2153, "Ferry stop 4"),
    (38.71, -9.14, "Rua 12 <back yard>"),
)


@dataclass(frozen=True)
class Traces:
    """What messages leave behind elsewhere in the archive: media objects, and calls for the call log."""

    media: Media
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=200))


@dataclass(frozen=True)
class Chat:
    """A conversation as those who talk in it know it; `text_median` is the median length of their openings."""

    id: str
    kind: str
    owner: Person
    others: tuple[Person, ...]
    text_median: int = 22

    @functools.cached_property
    def speakers(self) -> tuple[Person, ...]:
        """Each person as often as they speak, the first ones most."""
        weights = [max(1, 8 // rank) for rank in range(1, len(self.others) + 1)]
        return (self.owner,) * 6 + tuple(p for p, n in zip(self.others, weights, strict=True) for _ in range(n))


class Session:
    """Messages that follow each other closely; `messages` is in order of time, all within [start, limit)."""

    def __init__(self, chat: Chat, rng: Random, traces: Traces, start_ms: int, limit_ms: int, size: int) -> None:
        self.chat, self.rng, self.traces = chat, rng, traces
        self.phrases = phrases(chat.text_median)
        self.messages: list[Message] = []
        self.left = size
        self._now, self._limit = start_ms, limit_ms
        self._random = rng.random
        self._speaker = chat.owner

    def play(self, actions: "list[Action]") -> None:
        """Draw actions until the session has all its messages."""
        random, count = self._random, len(actions)
        while self.left:
            action = actions[int(random() * count)]
            if action.messages > self.left:
                action = actions[0]
            action.run(self)

    def tick(self, gap_ms: int = 0) -> tuple[int, int]:
        """Take the time and the id of the next message; `gap_ms` is the wish for the time until the one after it.

        The gap is cut so that the messages still to come have room, and the id comes before the next message's time:
        so ids are distinct and in the order of the times.
        """
        random, now = self._random, self._now
        gap = gap_ms or int(_GAPS_MS[int(random() * _DRAWS)] * (0.5 + random()))
        room = (self._limit - now) // (self.left + 1)
        if gap > room:
            gap = room or 1
        self._now = now + gap
        self.left -= 1
        arrival = _ARRIVAL_MS[int(random() * 1000)]
        return now, now + (arrival if arrival < gap else gap - 1)

    def speaker(self) -> Person:
        """Return who speaks next: often the same person again."""
        if self._random() < 0.7:
            speakers = self.chat.speakers
            self._speaker = speakers[int(self._random() * len(speakers))]
        return self._speaker

    def add(
        self,
        type: str,
        body: str,
        at: tuple[int, int],
        sender: Person,
        *,
        properties: str = NULL,
        references: str = NULL,
        version: int = 0,
    ) -> None:
        """Add a message; the owner's own ones have no name."""
        name = None if sender is self.chat.owner else sender.name
        self.messages.append(Message(at[1], at[0], sender.mri, name, type, body, properties, references, version))

    def thread(self, type: str, body: str, at: tuple[int, int]) -> None:
        """Add thread activity: it comes from the thread itself."""
        self.messages.append(Message(at[1], at[0], self.chat.id, None, f"ThreadActivity/{type}", body))


class Action(NamedTuple):
    """Something that happens, and how many messages it needs."""

    run: Callable[[Session], None]
    messages: int = 1


@functools.cache
def table(profile: str, kind: str) -> list[Action]:
    """Return the actions of a kind of conversation, each as often as its weight; the first one needs one message."""
    return [action for action, weight in _weights(profile, kind) for _ in range(weight)]


def _weights(profile: str, kind: str) -> list[tuple[Action, int]]:
    if kind == "bot":
        return [(Action(_text), 60), (Action(_card), 30), (Action(_notice), 8), (Action(_pop_card), 2)]
    if kind == "phone":
        return [(Action(_sms), 80), (Action(_call, 2), 10), (Action(_missed_call), 10)]
    if kind == "notes":
        return [(Action(_text), 80), (Action(_photo), 15), (Action(_file), 5)]
    private = profile == "private"
    weights = [
        (Action(_text), 8130 if private else 9050),
        (Action(_code), 100 if private else 30),
        (Action(_edited, 2), 150 if private else 100),
        (Action(_deleted), 100),
        (Action(_photo), 540 if private else 520),
        (Action(_album, 4), 10),
        (Action(_call, 2), 220 if private else 25),
        (Action(_missed_call), 55 if private else 6),
        (Action(_file), 120 if private else 45),
        (Action(_video), 60 if private else 20),
        (Action(_voice), 50 if private else 10),
        (Action(_card), 40 if private else 20),
        (Action(_moji), 10 if private else 5),
        (Action(_location), 10),
        (Action(_contacts), 8),
        (Action(_poll), 8 if private else 15),
    ]
    if kind == "group":
        weights += [
            (Action(_add_member), 250 if private else 580),
            (Action(_delete_member), 100 if private else 170),
            (Action(_topic_update), 10),
        ]
    return weights


# Text


def _text(session: Session) -> None:
    at, draw = session.tick(), session.rng.random()
    properties = _properties(session, draw, at[1]) if draw < 0.055 else NULL
    session.add("RichText", _rich(session), at, session.speaker(), properties=properties)


def _rich(session: Session) -> str:
    """Return a text: two phrases, and in one of four something more than words."""
    random, pool = session.rng.random, session.phrases
    body = pool.openings[int(random() * POOL)] + pool.endings[int(random() * POOL)]
    draw = random()
    if draw >= 0.26:
        return body
    if draw < 0.12:
        return f"{body} {_EMOTICONS[int(random() * len(_EMOTICONS))]}"
    if draw < 0.20:
        return f"{body} {content.link(_url(session))}"
    if draw < 0.25:
        return _quote(session) + body
    if draw < 0.255:
        mark, tag = (("*", "b"), ("_", "i"), ("~", "s"), ("{code}", "pre"))[int(random() * 4)]
        return content.styled(tag, mark, body)
    if session.chat.kind == "group":
        return f"{content.mention(session.chat.others[int(random() * len(session.chat.others))])} {body}"
    return body


def _url(session: Session) -> str:
    number = session.rng.randrange(10_000)
    return f"https://example.org/otters/{number}?from=chat&page={number % 7}"


def _quote(session: Session) -> str:
    """Return a quotation of one of the latest texts, or nothing if there is none."""
    recent = [m for m in session.messages[-8:] if m.type == "RichText" and m.content and "<quote" not in m.content]
    if not recent:
        return ""
    message = session.rng.choice(recent)
    body = message.content.partition("<e_m")[0]
    author = Person(message.sender, message.name or session.chat.owner.name)
    return content.quote(
        author,
        message.at,
        body,
        conversation=session.chat.id,
        message_id=str(message.id),
        cuid=session.rng.getrandbits(62),
    )


def _properties(session: Session, draw: float, sent_ms: int) -> str:
    """Return the properties of the few messages that have some: reactions on 4 %, 1 % previews, 0.5 % forwarded."""
    rng = session.rng
    if draw < 0.04:
        at = sent_ms + rng.randrange(2_000, 600_000)
        keys = rng.sample(_REACTIONS, rng.choice((1, 1, 1, 2, 3)))
        speakers = sorted(set(session.chat.speakers))
        users = {key: rng.sample(speakers, min(len(speakers), rng.choice((1, 1, 2)))) for key in keys}
        emotions = events.reactions((key, users[key] if rng.random() < 0.9 else (), at) for key in keys)
        return compact({"emotions": emotions})
    if draw < 0.05:
        return compact({"urlpreviews": events.url_previews(_url(session), rng.choice(("Otters", "Tides", None)))})
    return compact({"forwardMetadata": f"fwd-{rng.getrandbits(48):012x}"})


def _code(session: Session) -> None:
    body = session.rng.choice(session.phrases.code)
    session.add("Text", body, session.tick(), session.speaker())


def _edited(session: Session) -> None:
    """Add the two rows of an edited message; either of them carries the properties (5.3)."""
    sender, first, second = session.speaker(), session.tick(), session.tick()
    body = _rich(session).partition("<quote")[0] or "noon at the quay"
    body += content.edit_mark(sender, first[0])
    edited = compact({"edittime": str(second[1]), "isserversidegenerated": "True"})
    on_first = session.rng.random() < 0.5
    session.add("RichText", body, first, sender, properties=edited if on_first else NULL, version=second[1])
    session.add("RichText", body, second, sender, properties=NULL if on_first else edited)


def _deleted(session: Session) -> None:
    at = session.tick()
    deleted = at[1] + 60_000 + session.rng.randrange(3_600_000)
    properties = compact({"deletetime": str(deleted)})
    session.add("RichText", "", at, session.speaker(), properties=properties, version=deleted)


# Media


def _attach(session: Session, kind: str) -> tuple[tuple[int, int], Attachment, str]:
    """Take the time, a new attachment, and the reference to it."""
    at = session.tick()
    attachment = session.traces.media.attach(kind, at[0])
    return at, attachment, f'["{attachment.docid}"]'


def _photo(session: Session, properties: str = NULL, sender: Person | None = None) -> None:
    at, item, references = _attach(session, "photo")
    body = content.photo(*item)
    session.add(
        "RichText/UriObject", body, at, sender or session.speaker(), properties=properties, references=references
    )


def _album(session: Session) -> None:
    """Add an album: its header, and three photos that share its id."""
    sender, item = session.speaker(), str(uuid.UUID(int=session.rng.getrandbits(128), version=4))
    properties = compact({"albumId": item})
    session.add("RichText/Media_Album", content.album(item), session.tick(), sender, properties=properties)
    for _ in range(3):
        _photo(session, properties, sender)


def _file(session: Session) -> None:
    at, item, references = _attach(session, "file")
    body = content.file(item.docid, item.name, item.size)
    session.add("RichText/Media_GenericFile", body, at, session.speaker(), references=references)


def _video(session: Session) -> None:
    at, item, references = _attach(session, "video")
    session.add("RichText/Media_Video", content.video(*item), at, session.speaker(), references=references)


def _voice(session: Session) -> None:
    at, item, references = _attach(session, "voice")
    body = content.voice(item.docid, session.rng.randrange(900, 120_000))
    session.add("RichText/Media_AudioMsg", body, at, session.speaker(), references=references)


def _moji(session: Session) -> None:
    body = content.moji(f"otter_{session.rng.randrange(40)}")
    session.add("RichText/Media_FlikMsg", body, session.tick(), session.speaker())


def _card(session: Session) -> None:
    at, number = session.tick(), session.rng.randrange(100)
    if session.chat.kind == "bot":
        body, sender = content.card("Otter wave", f"card {number}", kind="hero", sent_ms=at[0]), session.chat.others[0]
    else:
        body, sender = content.card("", "otter", image=f"otter{number}", sent_ms=at[0]), session.speaker()
    session.add("RichText/Media_Card", body, at, sender)


# Calls


def _call(session: Session) -> None:
    """Add a call: two messages with one callId, and an entry for the call log."""
    rng, caller, callee = session.rng, session.speaker(), session.rng.choice(session.chat.others)
    if caller is callee:
        callee = session.chat.owner
    start = session.tick(rng.randrange(20_000, 2_400_000))
    end = session.tick()
    call_id = str(start[0]) if start[0] < 1_600_000_000_000 else str(uuid.UUID(int=rng.getrandbits(128), version=4))
    seconds = (end[0] - start[0]) / 1000
    started = [Part(caller), Part(callee)]
    ended = [Part(caller, f"{seconds:.2f}", rng.random() < 0.3), Part(callee, f"{seconds:.0f}")]
    session.add("Event/Call", events.partlist("started", call_id, started), start, caller)
    session.add("Event/Call", events.partlist("ended", call_id, ended), end, caller)
    session.traces.calls.append(Call(call_id, caller, callee, start[0], end[0]))


def _missed_call(session: Session) -> None:
    caller, at = session.rng.choice(session.chat.others), session.tick()
    body = events.partlist("missed", str(at[0]), [Part(caller)])
    session.add("Event/Call", body, at, caller)
    session.traces.calls.append(Call(str(at[0]), caller, session.chat.owner, at[0], None))


# Thread activity and the rest


def _member(session: Session) -> Person:
    return session.rng.choice(session.chat.others)


def _add_member(session: Session) -> None:
    at = session.tick()
    session.thread("AddMember", events.add_member(at[1] - 125, session.chat.owner, [_member(session)]), at)


def _delete_member(session: Session) -> None:
    at, member = session.tick(), _member(session)
    initiator = member if session.rng.random() < 0.6 else session.chat.owner
    session.thread("DeleteMember", events.delete_member(at[1] - 125, initiator, member), at)


def _topic_update(session: Session) -> None:
    at = session.tick()
    topic = f"Trip {session.rng.randrange(90)} &amp; back"
    session.thread("TopicUpdate", events.topic_update(at[1] - 125, _member(session), topic), at)


def _location(session: Session) -> None:
    at, sender = session.tick(), session.speaker()
    session.add("RichText/Location", content.location(*session.rng.choice(_PLACES), sender, at[0]), at, sender)


def _contacts(session: Session) -> None:
    body = content.contacts([_member(session)])
    session.add("RichText/Contacts", body, session.tick(), session.speaker())


def _poll(session: Session) -> None:
    at, voter = session.tick(), _member(session)
    body = content.poll("Where do we meet?", ("Quay 3", "Café", "Online"), at[0] + 86_400_000, several=True)
    votes = events.votes([(voter, "[0,2]"), (session.chat.owner, "[1]")], at[0] + 60_000)
    session.add("Poll", body, at, session.speaker(), properties=compact({"poll": votes}))


def _sms(session: Session) -> None:
    at = session.tick()
    text = f"on my way, {session.rng.randrange(2, 60)} minutes & a bit"
    session.add("RichText/Sms", content.sms(text, session.chat.others[0], at[0]), at, session.speaker())


def _notice(session: Session) -> None:
    at = session.tick()
    body = events.notice("New sounds", "Hi {userFirstName}, try them.", at[0] + 2_592_000_000)
    session.add("Notice", body, at, session.chat.others[0])


def _pop_card(session: Session) -> None:
    at = session.tick()
    body = events.pop_card("Call further", "Half price & more this week.", at[0] + 604_800_000)
    session.add("PopCard", body, at, session.chat.others[0])
