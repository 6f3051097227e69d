"""The odd conversations: every oddity of section 7.2 in a conversation of its own kind, and those of 2.2 - 2.5.

`everything` is for a sample of one conversation: the same messages, all in one group.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from skype_assets.etl.sample import every_type, oddities
from skype_assets.etl.sample.conversations import properties, thread
from skype_assets.etl.sample.document import Conversation
from skype_assets.etl.sample.mix import Traces
from skype_assets.etl.sample.people import CONCIERGE, GUEST, OTTERBOT, PLUMBER, Person
from skype_assets.etl.sample.script import Fact, Script

_HOUR = 3_600_000
_GROUP = "19:5b0c9d51e27f4a6d8e13b7c2f4a09d66@thread.skype"
_OLD_GROUP = "19:I3Ricm9ubmFyZC8kbWFyYS5vc3Ryb3c7N2UxMDJiYTljM2Q0@p2p.thread.skype"


def everything(script: Script, traces: Traces) -> None:
    """Plant every oddity that is about messages into one conversation."""
    for scene in _SCENES:
        scene(script)
    every_type.attachments(script, traces)
    every_type.calls(script, traces)


_SCENES: tuple[Callable[[Script], None], ...] = (
    oddities.copies,
    oddities.rejects,
    every_type.activity,
    every_type.announcements,
    every_type.short_messages,
    every_type.shared,
    every_type.silent,
    oddities.texts,
    oddities.times,
    oddities.edits,
    oddities.quotes,
    oddities.properties,
)


def conversations(owner: Person, traces: Traces, end_ms: int) -> tuple[list[Conversation], list[Fact]]:
    """Return the odd conversations, and what a loader should make of their messages."""
    stage = _Stage(owner, end_ms)
    theo, ines, teo, ruta, elpida, aoi, *_ = stage.friends
    stage.direct(theo, oddities.texts, oddities.quotes)
    stage.direct(ines, oddities.edits, oddities.properties)
    stage.direct(teo, lambda script: every_type.calls(script, traces), oddities.times, topped=True)
    stage.direct(ruta, lambda script: every_type.attachments(script, traces))
    members = (owner, theo, ines, teo)
    harbour = {"threadProperties": thread(members, "Harbour walk &amp; tea")}
    stage.play(_GROUP, None, every_type.activity, every_type.shared, every_type.silent, head=harbour)
    stage.direct(CONCIERGE, every_type.announcements)
    stage.direct(PLUMBER, every_type.short_messages)
    for conversation_id, name in (("48:notes", None), ("ALL", None), ("19:cb07aa15d2@cast.skype", "Cast")):
        stage.play(conversation_id, name, _one("note to self"), head={"properties": None})
    stage.direct(GUEST, _one("joined by link"))
    _groups(stage, members)
    _shapes(stage, elpida, aoi)
    return stage.conversations, stage.facts


def _groups(stage: "_Stage", members: tuple[Person, ...]) -> None:
    """Groups whose members are null, objects, a real array, or of people without a name."""
    as_objects = [{"MemberMri": person.mri} for person in members]
    in_text = thread(members, "Members as objects")
    in_text["members"] = in_text["members"].replace('"8:', '{"MemberMri":"8:').replace('",', '"},').replace('"]', '"}]')
    stage.play(_OLD_GROUP, "Old &lt;group&gt;", oddities.rejects, _one("old group"), head={"threadProperties": in_text})
    for number, other in enumerate(
        (
            {"members": None, "membercount": None, "topic": None},
            {"members": as_objects, "membercount": "4"},
            {"members": '["8:cut', "topic": "<b>Bold</b> &amp; <i>brave</i>"},
            {"picture": "URL@https://api.asm.skype.com/v1/objects/0-neu-d9-d1b1d6e6abd2537cd39bb5beb4f8b291"},
        )
    ):
        head = {"threadProperties": thread(members, f"Odd members {number}") | other}
        stage.play(f"19:{number:032x}@thread.skype", None, _one("who is here?"), head=head)
    teams = thread(members, "After the move") | {"members": as_objects}
    moved = {"threadProperties": teams, "messages": None}
    stage.play("19:meeting_c2FtcGxl@thread.v2", "After the move", _teams, head=moved)


def _shapes(stage: "_Stage", elpida: Person, aoi: Person) -> None:
    """Conversations that lack a key, have it elsewhere, or come twice."""
    stage.direct(elpida, oddities.copies)
    stage.direct(elpida, _one("the same conversation again"))
    stage.play(aoi.mri, "Tom &amp; <b>Ada</b>", _one("id after the list"), id_last=True)
    stage.play(OTTERBOT.mri, OTTERBOT.name, _one("no threadProperties"), without=("threadProperties", "version"))
    stage.empty("8:live:never.wrote", {"MessageList": []})
    stage.empty("8:live:list.null", {"MessageList": None})
    stage.empty("8:live:list.missing", {})


def _one(text: str) -> Callable[[Script], None]:
    """A scene of one message."""

    def scene(script: Script) -> None:
        script.rich(script.owner, text, text)

    return scene


def _teams(script: Script) -> None:
    """What a conversation looks like that the successor has exported again (5.6)."""
    theo, *_ = script.friends
    script.say(theo, "RichText/Html", "<div>moved</div>", from_=None, displayName="Unknown User")
    script.say(theo, "Text", {"type": "card", "title": "an object"}, {"flags": ["content_not_text"]})


class _Stage:
    """Where the scripts play: one after the other, half a day apart, back from the end of the export."""

    def __init__(self, owner: Person, end_ms: int) -> None:
        self.owner, self.now = owner, end_ms
        self.conversations: list[Conversation] = []
        self.facts: list[Fact] = []
        self.friends = Script("", owner, 0).friends

    def direct(self, person: Person, *scenes: Callable[[Script], None], topped: bool = False) -> None:
        """Play with one person; since 2023 such a conversation can have threadProperties (2.4)."""
        topping = {"membercount": 2, "members": None, "topic": None, "picture": None}
        self.play(person.mri, person.name, *scenes, head={"threadProperties": topping} if topped else {})

    def play(
        self,
        conversation_id: str,
        name: str | None,
        *scenes: Callable[[Script], None],
        head: Mapping[str, Any] = MappingProxyType({}),
        without: tuple[str, ...] = (),
        id_last: bool = False,
    ) -> None:
        """Play scenes as one conversation; `head` replaces or adds keys, `without` leaves keys out."""
        self.now -= 12 * _HOUR
        script = Script(conversation_id, self.owner, self.now - 3 * _HOUR)
        for scene in scenes:
            scene(script)
        before = {
            "id": conversation_id,
            "displayName": name,
            "version": script.now + 97,
            "properties": properties(script.now),
            "threadProperties": None,
        }
        before = {key: value for key, value in {**before, **head}.items() if key not in without}
        after = {"id": before.pop("id")} if id_last else {}
        self.conversations.append(Conversation(conversation_id, before, script.elements, after, script.now))
        self.facts += script.facts

    def empty(self, conversation_id: str, message_list: Mapping[str, Any]) -> None:
        """Add a conversation without messages: its list is empty, null or missing."""
        self.now -= 12 * _HOUR
        head = {"id": conversation_id, "displayName": None, "version": self.now, "properties": properties()}
        before = head | {"threadProperties": None} | dict(message_list)
        self.conversations.append(Conversation(conversation_id, before, None, latest=self.now))
