"""Content of messages that Skype writes: calls, thread activity and content that is JSON (sections 3.4 - 3.7)."""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

from skype_assets.etl.sample.content import OBJECTS, markup
from skype_assets.etl.sample.document import compact, iso7
from skype_assets.etl.sample.people import Person

# Calls (3.4)


class Part(NamedTuple):
    """One participant of a call; an empty `duration` means that none is given."""

    person: Person
    duration: str = ""
    bare: bool = False


def partlist(type: str, call_id: str | None, parts: Iterable[Part]) -> str:
    """A call's start, end or miss; old messages have no `callId`, some not even a type."""
    attributes = (f'type="{type}" ' if type else "") + 'alt=""' + ("" if call_id is None else f' callId="{call_id}"')
    return f"<partlist {attributes}>{''.join(map(_part, parts))}</partlist>"


def _part(part: Part) -> str:
    person, duration, bare = part
    seconds = f"<duration>{duration}</duration>" if duration else ""
    return f'<part identity="{person.bare if bare else person.mri}"><name>{markup(person.name)}</name>{seconds}</part>'


class Call(NamedTuple):
    """A call that took place, as the call log knows it; `end_ms` None is a missed one."""

    call_id: str
    caller: Person
    callee: Person
    start_ms: int
    end_ms: int | None


def call_log(call: Call, owner: Person) -> dict[str, Any]:
    """The value of `call-log`, before it becomes a string within the JSON."""

    def participant(person: Person) -> dict[str, str]:
        return {"id": person.mri, "type": "default", "displayName": person.name}

    answered = call.end_ms is not None
    return {
        "startTime": iso7(call.start_ms),
        "connectTime": iso7(call.start_ms + 4_000) if answered else None,
        "endTime": iso7(call.start_ms + 30_000 if call.end_ms is None else call.end_ms),
        "callDirection": "outgoing" if call.caller == owner else "incoming",
        "callType": "twoParty",
        "callState": "accepted" if answered else "missed",
        "originator": call.caller.mri,
        "target": call.callee.mri,
        "originatorParticipant": participant(call.caller),
        "targetParticipant": participant(call.callee),
        "callId": call.call_id,
        "participants": None,
        "threadId": None,
    }


# Thread activity (3.5)


def activity(root: str, at_ms: int, initiator: Person | None, *children: str) -> str:
    """The common form: time, who did it (may be empty), then targets or a value."""
    who = initiator.mri if initiator else ""
    return f"<{root}><eventtime>{at_ms}</eventtime><initiator>{who}</initiator>{''.join(children)}</{root}>"


def add_member(at_ms: int, initiator: Person | None, targets: Iterable[Person]) -> str:
    """Somebody joined or was added."""
    return activity("addmember", at_ms, initiator, *map(target, targets))


def add_named_members(at_ms: int, initiator: Person, targets: Sequence[Person]) -> str:
    """The same with the names of all, as the Teams era has it (10)."""

    def info(element: str, person: Person, identity: str = "") -> str:
        name = escape(person.name, quote=False)
        return f"<detailed{element}info>{identity}<friendlyName>{name}</friendlyName></detailed{element}info>"

    details = (info("target", person, f"<id>{person.mri}</id>") for person in targets)
    return activity("addmember", at_ms, initiator, *map(target, targets), info("initiator", initiator), *details)


def delete_member(at_ms: int, initiator: Person | None, member: Person) -> str:
    """Somebody left (initiator and member are one) or was removed."""
    return activity("deletemember", at_ms, initiator, target(member))


def topic_update(at_ms: int, initiator: Person, topic: str) -> str:
    """The group was renamed; `topic` is markup already, empty if the title was removed."""
    return activity("topicupdate", at_ms, initiator, f"<value>{topic}</value>" if topic else "<value />")


def picture_update(at_ms: int, initiator: Person, docid: str) -> str:
    """The group has a new picture."""
    return activity("pictureupdate", at_ms, initiator, f"<value>URL@{OBJECTS}{docid}</value>")


def role_update(at_ms: int, initiator: Person, member: Person, role: str) -> str:
    """A member's role changed; letter case varies."""
    return activity("roleupdate", at_ms, initiator, f"<target><id>{member.mri}</id><role>{role}</role></target>")


def switch(root: str, at_ms: int, initiator: Person, value: str) -> str:
    """History disclosed, joining enabled, moderation: on or off, letter case varies."""
    return activity(root, at_ms, initiator, f"<value>{value}</value>")


def target(person: Person) -> str:
    """One member concerned."""
    return f"<target>{person.mri}</target>"


def teams_members(at_ms: int, initiator: Person, members: Iterable[Person]) -> str:
    """MemberJoined and MemberLeft of the Teams era are JSON."""
    return compact(
        {
            "eventtime": at_ms,
            "initiator": initiator.mri,
            "members": [{"id": member.mri, "friendlyname": member.name} for member in members],
        }
    )


# JSON content (3.6) and the rest (3.7)


def notice(title: str, text: str, valid_until_ms: int) -> str:
    """An announcement by Skype."""
    button = {"actionUri": "skype:?action=settings", "title": "Open", "actionTarget": "inappbrowser"}
    content = {"title": title, "modalTitle": "", "text": text, "mainActionUri": "skype:?action=settings"}
    attachment = {
        "contentType": "application/vnd.microsoft.notice",
        "iconUrl": "https://assets.example/i.png",
        "content": content | {"buttons": [button]},
    }
    head = {"type": "message/engagement", "schemaVersion": "1", "validUntilTimestamp": iso7(valid_until_ms)}
    return compact([head | {"attachments": [attachment]}])


def pop_card(title: str, text: str, valid_until_ms: int) -> str:
    """A promotion that pops up in the client."""
    button = {"actionUri": "https://example.org/offer", "title": "Look", "actionTarget": "browser"}
    media = {"url": "https://assets.example/card.png", "mediaType": "image", "width": 320}
    return compact(
        [
            {
                "clientVersion": "8.110",
                "contentType": "application/vnd.microsoft.card.popup",
                "cardType": 2,
                "quietCard": False,
                "iconUrl": "https://assets.example/i.png",
                "campaignGuid": "5b7a1f0e-2c44-4d1b-9a67-3f0e8d2c6b15",
                "language": "en",
                "platformList": [1, 4, 12],
                "validUntilTimestamp": iso7(valid_until_ms),
                "persistencyMode": "session",
                "content": {"title": title, "text": text, "media": media, "buttons": [button]},
                "telemetry": {"campaignId": "c-71", "variantId": "b", "iteration": 1},
                "experimentName": "",
                "userTagging": {"durationInSeconds": 86400},
            }
        ]
    )


def translation(message_id: str, text: str, language: str) -> str:
    """The translation of another message."""
    return compact({"translations": [{"translation": text, "loc": language}], "oloc": "en", "oid": message_id})


def translation_settings(state: str, language: str) -> str:
    """The translator was switched on or off."""
    data = {
        "newTranslationState": state,
        "messageTranslationLocale": language,
        "isUpdate": False,
        "isOldVersion": False,
    }
    return compact({"type": 1, "data": data})


def opaque(payload: bytes) -> str:
    """Something that cannot be read, such as the ciphertext of a private conversation."""
    return base64.b64encode(payload).decode()


def video_message(sid: str) -> str:
    """An old video message."""
    return f'<videomessage sid="{sid}" publiclink="https://login.skype.com/vm/{sid}"></videomessage>'


# Properties (2.7)


def reactions(reacted: Iterable[tuple[str, Sequence[Person], int]]) -> list[dict[str, Any]]:
    """The value of `emotions`: key, who, and when the first of them did."""
    return [
        {
            "key": key,
            "users": [
                {"mri": user.mri, "time": at_ms + 124 + 1000 * index, "value": str(at_ms + 1000 * index)}
                for index, user in enumerate(users)
            ],
        }
        for key, users, at_ms in reacted
    ]


def votes(ballots: Iterable[tuple[Person, str]], at_ms: int) -> list[dict[str, Any]]:
    """The value of `poll`: who chose which options, as a JSON array of indexes in a string."""
    return [
        {"key": "pollAnswer", "users": [{"mri": who.mri, "time": at_ms, "value": answer} for who, answer in ballots]}
    ]


def url_previews(url: str, title: str | None) -> str:
    """The value of `urlpreviews`: JSON in a string; without a title the address could not be previewed."""
    value = None
    if title is not None:
        value = {
            "url": url,
            "title": title,
            "description": "A field guide.",
            "site": "example.org",
            "category": "generic",
            "content_type": "text/html; charset=utf-8",
            "status_code": "200",
            "size": "48211",
            "favicon": None,
            "favicon_meta": {"width": 16, "height": 16},
            "thumbnail": "https://media.example/thumb.jpg",
            "thumbnail_meta": {"width": 640, "height": 360},
        }
    return compact([{"key": url, "value": value}])
