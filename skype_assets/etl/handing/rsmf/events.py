"""Messages as events of an RSMF manifest, and the people in it. Every message with a time is exactly one event."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Final

from skype_assets.etl.handing.handover import Spoken
from skype_assets.etl.handing.media import Kept
from skype_assets.etl.handing.plain import bracketed, file_named
from skype_assets.etl.handing.rsmf import envelope
from skype_assets.etl.reading.messages import Attachment, Message
from skype_assets.etl.reading.people import Participant
from skype_assets.etl.schema.flags import DELETED_BY_EDIT_MARKER

SYSTEM: Final = "system"
SYSTEM_NAME: Final = "Skype"
"""Who does what no person does."""

LARGEST: Final = 1_400_000_000
"""Bytes of a file: in base64 it must fit into the 2 GB that readers take."""

_REACTIONS: Final = {
    "like": "thumbsup",
    "laugh": "laughing",
    "surprised": "open_mouth",
    "sad": "cry",
    "angry": "angry",
}
"""Skype's keys whose short name elsewhere is another."""

_MEMBERS: Final = {"member_added": "join", "member_removed": "leave"}

_SAME_TYPE: Final = {
    "image/jpeg": (".jpg", ".jpeg"),
    "audio/ogg": (".ogg", ".oga", ".opus"),
    "audio/mp4": (".m4a", ".mp4"),
    "video/mp4": (".mp4", ".m4v", ".mov", ".3gp"),
}
"""Endings that are right for a type, beside its own."""

_SHOWN_AS_PICTURES: Final = (".png", ".jpg", ".jpeg", ".gif")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME: Final = 100


@dataclass(frozen=True)
class Event:
    """An event, as the manifest has it; a line for the text of the e-mail; the files that it carries, by id."""

    at: datetime
    document: dict[str, Any]
    line: str
    people: list[str]
    files: dict[str, Kept]
    missing: int


def event(spoken: Spoken, at: datetime, files: list[tuple[Attachment, Kept | None]]) -> Event:
    """The event of a message that was sent ``at`` some time."""
    message, source, shown = spoken.message, spoken.source, spoken.speaker.shown(spoken.message)
    carried: list[tuple[dict[str, Any], Kept]] = []
    missing: list[str] = []
    lines = spoken.speaker.said(message, shown, ())
    for attachment, kept in files:
        if kept is None or kept.size > LARGEST:
            missing.append(attachment.file_name or attachment.kind)
            lines += bracketed(file_named(attachment, None))
        else:
            carried.append((_attachment(attachment, kept), kept))
    type_, participant = _doing(message)
    document: dict[str, Any] = {
        "type": type_,
        "id": message.message_id,
        "body": "\n".join(lines),
        "participant": participant,
        "conversation": spoken.of.conversation_id,
        "timestamp": instant(at),
    }
    if message.deleted_at is not None or DELETED_BY_EDIT_MARKER in message.flags:
        document["deleted"] = True
    if message.sender_id is not None:
        document["direction"] = "outgoing" if message.sender_id == spoken.of.owner_id else "incoming"
    parts = {
        "reactions": _reactions(message),
        "attachments": [described for described, _ in carried],
        "edits": _edits(message),
        "custom": named(
            *(("skype.kind", message.kind), ("skype.type", message.message_type)),
            *(("skype.deleted_at", instant(message.deleted_at) if message.deleted_at else None),),
            *(("skype.forwarded", "true" if message.is_forwarded else None), ("skype.album", message.album_id)),
            *(("missing", name) for name in missing),
            *(("flags", " ".join(message.flags)), ("export", source.export_id)),
            *(("source", f"{source.member}:{source.offset}+{source.length}"), ("raw_sha256", source.sha256)),
        ),
    }
    document |= {name: part for name, part in parts.items() if part}
    line = " ".join([instant(at), *f"{shown.who}: {' '.join(lines)}".split()])
    carried_files = {described["id"]: kept for described, kept in carried}
    return Event(at, document, line, list(_people(message, participant)), carried_files, len(missing))


def _doing(message: Message) -> tuple[str, str]:
    """What kind of event it is, and whose. Several who came or went at once are named in the body."""
    kinds = {_MEMBERS.get(one.event) for one in message.thread_events}
    targets = [one.target_id for one in message.thread_events if one.target_id]
    if len(kinds) == 1 and targets and (kind := kinds.pop()) is not None:
        return kind, targets[0]
    return "message", message.sender_id or SYSTEM


def _people(message: Message, participant: str) -> Iterator[str]:
    yield participant
    yield message.sender_id or SYSTEM
    yield from (reaction.user_id for reaction in message.reactions)
    for one in message.thread_events:
        yield from (id for id in (one.target_id, one.initiator_id) if id)


def _reactions(message: Message) -> list[dict[str, Any]]:
    people: dict[str, list[str]] = {}
    for reaction in message.reactions:
        people.setdefault(reaction.emotion, []).append(reaction.user_id)
    return [
        {"value": _REACTIONS.get(emotion, emotion), "count": len(ids), "participants": sorted(ids)}
        for emotion, ids in sorted(people.items())
    ]


def _edits(message: Message) -> list[dict[str, Any]]:
    """What it said before each edit, and after; when, of the last one only is known."""
    who = message.sender_id or SYSTEM
    texts = [*message.earlier, message.text]
    edits: list[dict[str, Any]] = [
        {"participant": who, "previous": previous, "new": new}
        for previous, new in zip(texts[:-1], texts[1:], strict=True)
    ]
    if message.edited_at is not None:
        edits = edits or [{"participant": who}]
        edits[-1] = {"participant": who, "timestamp": instant(message.edited_at), **edits[-1]}
    return edits


def _attachment(attachment: Attachment, kept: Kept) -> dict[str, Any]:
    display = _display(attachment.file_name or attachment.kind, kept)
    ending = PurePosixPath(display).suffix[:16]
    safe = _UNSAFE.sub("_", display.removesuffix(ending))[: _LONGEST_NAME - len(ending)]
    return {
        "id": f"{kept.sha256[:16]}-{safe}{_UNSAFE.sub('_', ending)}",
        "display": display,
        "size": kept.size,
    }


def _display(name: str, kept: Kept) -> str:
    """A file's name in a line, with an ending that is true: by it viewers decide what to show as a picture."""
    name = envelope.CONTROL.sub(" ", name)
    ending = PurePosixPath(name.replace("\\", "/")).suffix.lower()
    if kept.is_shown:
        right = ending == kept.ending or ending in _SAME_TYPE.get(kept.media_type, ())
        return name if right else f"{name}{kept.ending}"
    return f"{name}{kept.ending}" if ending in _SHOWN_AS_PICTURES else name


def instant(at: datetime) -> str:
    """A time in ISO 8601, in UTC."""
    precise = "microseconds" if at.microsecond % 1_000 else "milliseconds"
    return at.astimezone(UTC).isoformat(timespec=precise).replace("+00:00", "Z")


def named(*pairs: tuple[str, str | None]) -> list[dict[str, str]]:
    """Properties of our own: pairs of name and value, without those that have none."""
    return [{"name": name, "value": value} for name, value in pairs if value]


class Presence:
    """Who was in a conversation at some time, by what its messages say of who came and who went.

    Args:
        people: all who ever took part.
        changes: who came (True) or went, and when, in the order of time.
    """

    def __init__(self, people: Iterable[Participant], changes: Iterable[tuple[str, datetime, bool]]) -> None:
        self._people = {person.user_id: person for person in people}
        self._changes: dict[str, list[tuple[datetime, bool]]] = {}
        for user_id, at, came in changes:
            self._changes.setdefault(user_id, []).append((at, came))

    def all(self) -> list[str]:
        """The ids of all who ever took part."""
        return list(self._people)

    def at(self, instant: datetime) -> list[str]:
        """The ids of those who were there; somebody of whom nothing is said was there all the time."""
        return [user_id for user_id in self._people if self._is_there(user_id, instant)]

    def _is_there(self, user_id: str, instant: datetime) -> bool:
        changes = self._changes.get(user_id, [])
        before = [came for at, came in changes if at < instant]
        return before[-1] if before else not changes or not changes[0][1]


def collection_id(owner_id: str, conversation_id: str) -> str:
    """What ties the files of a conversation together."""
    return hashlib.sha256(f"{owner_id}\0{conversation_id}".encode()).hexdigest()[:32]
