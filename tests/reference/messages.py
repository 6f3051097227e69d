"""A message's row and the rows that belong to it (2.6, 2.7, 3.1, 3.4)."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.reference.attachments import SideFiles, attachments
from tests.reference.reader import Span
from tests.reference.text import Element, elements, plain_text
from tests.reference.values import (
    big_integer,
    clean,
    iso_instant,
    json_array,
    millisecond_instant,
    mri,
    plain_name,
    text_of,
)

Row = dict[str, Any]

RICH_TEXT = frozenset(["RichText", "RichText/Html", "InviteFreeRelationshipChanged/Initialized"])
THREAD_ACTIVITIES = [
    "ThreadActivity/AddMember",
    "ThreadActivity/DeleteMember",
    "ThreadActivity/TopicUpdate",
    "ThreadActivity/PictureUpdate",
    "ThreadActivity/RoleUpdate",
    "ThreadActivity/HistoryDisclosedUpdate",
    "ThreadActivity/JoiningEnabledUpdate",
    "ThreadActivity/ModeratedThreadUpdate",
    "ThreadActivity/LegacyMemberAdded",
    "ThreadActivity/LegacyMemberUpgraded",
    "ThreadActivity/E2EEHandshakeInvite",
    "ThreadActivity/E2EEHandshakeAccept",
    "ThreadActivity/E2EEHandshakeComplete",
    "ThreadActivity/E2EEHandshakeReject",
    "ThreadActivity/MemberJoined",
    "ThreadActivity/MemberLeft",
    "ThreadActivity/DeleteUser",
]
KINDS = {
    "Text": "text",
    **dict.fromkeys(RICH_TEXT, "text"),
    "RichText/UriObject": "photo",
    "RichText/Media_GenericFile": "file",
    "RichText/Media_Video": "video",
    "RichText/Media_AudioMsg": "voice",
    "RichText/Media_Album": "album",
    "RichText/Media_Card": "card",
    "RichText/Media_FlikMsg": "moji",
    "RichText/Media_CallRecording": "recording",
    "RichText/Files": "file_transfer",
    "RichText/Contacts": "contacts",
    "RichText/Location": "location",
    "RichText/ScheduledCallInvite": "scheduled_call",
    "RichText/Sms": "sms",
    "RichText/Money": "money",
    "RichText/Media_CallTranscript": "call_transcript",
    "RichText/Media_CallLogRecording": "call_log",
    "Poll": "poll",
    "PopCard": "popcard",
    "Notice": "notice",
    "Event/Call": "call",
    "Event/BingBot": "bot_event",
    "Event/SkypeVideoMessage": "video_message",
    "Event/SkypeAudioMessage": "audio_message",
    **dict.fromkeys(THREAD_ACTIVITIES, "thread_activity"),
    "EndToEndEncryption/EncryptedText": "encrypted",
    "EndToEndEncryption/EncryptedMedia": "encrypted",
    "Translation": "translation",
    "TranslationSettings": "translation_settings",
    "Guest/NameUpdate": "guest",
    "Signal/Flamingo": "signal",
    "Signal/Call": "signal",
    "Control/Typing": "control",
    "Control/ClearTyping": "control",
    "Control/LiveState": "control",
    "Nudge": "nudge",
}
NO_REACTIONS = ("reactionsConsumptionHorizon", "pollAnswer")


@dataclass
class Message:
    """A message's row with the rows that belong to it."""

    row: Row
    attachments: list[Row]
    call_events: list[Row]
    call_participants: list[Row]
    reactions: list[Row]

    @property
    def rank(self) -> tuple[int, bytes]:
        """Of two copies of a message in one export the one with the greater rank is loaded."""
        version = self.row["version"]
        return -1 if version is None else version, self.row["raw_sha256"]


def read_message(place: Row, span: Span, sides: SideFiles, emoticons: Mapping[str, str]) -> Message:
    """``place`` has the columns that the object itself does not say: owner, conversation, member and export."""
    value = span.value
    flags: set[str] = set()
    everything: set[str] = set()
    clean(value, everything)
    flags |= everything & {"not_finite"}
    try:
        span.bytes.decode("utf-8")
    except UnicodeDecodeError:
        flags.add("invalid_utf8")
    sha256 = hashlib.sha256(span.bytes).digest()

    message_id = (clean(text_of(value.get("id")), flags) or "").strip()
    if not message_id:
        message_id = f"unknown:{sha256.hex()[:16]}"
        flags.add("id_missing")
    message_type = clean(_string(value.get("messagetype")), flags)
    content = clean(_content(value.get("content"), flags), flags)
    properties = clean(value.get("properties"), flags)
    named = properties if isinstance(properties, dict) else {}
    sent_at = _sent_at(value, flags)
    row: Row = {
        **place,
        "message_id": message_id,
        "sent_at": sent_at,
        "sender_id": _sender(clean(_string(value.get("from")), flags)),
        "sender_name": plain_name(clean(_string(value.get("displayName")), flags)),
        "message_type": message_type,
        "kind": KINDS.get(message_type or "", "unknown"),
        "text": _text(message_type, content or "", emoticons),
        "content": content,
        "edited_at": millisecond_instant(named.get("edittime")),
        "deleted_at": millisecond_instant(named.get("deletetime")),
        "edit_of": None,
        "album_id": text_of(named.get("albumId")),
        "is_forwarded": named.get("forwardMetadata") is not None,
        "version": big_integer(value.get("version")),
        "details": None,
        "properties": properties,
        "flags": sorted(flags),
        "source_offset": span.start,
        "source_length": span.end - span.start,
        "raw_sha256": sha256,
    }
    key = {name: row[name] for name in ("owner_id", "conversation_id", "message_id")}
    events, participants = _call(row, key)
    found = attachments(row, value.get("amsreferences"), sides)
    numbered = [{**key, "ordinal": ordinal, **attachment} for ordinal, attachment in enumerate(found)]
    return Message(row, numbered, events, participants, list(_reactions(named.get("emotions"), key)))


def _content(value: Any, flags: set[str]) -> str | None:
    if value is None:
        flags.add("content_missing")
    if value is None or isinstance(value, str):
        return value
    flags.add("content_not_text")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _sent_at(value: Row, flags: set[str]) -> datetime | None:
    sent_at = iso_instant(value.get("originalarrivaltime"))
    if sent_at is not None:
        return sent_at
    for key in ("id", "version"):
        sent_at = millisecond_instant(value.get(key))
        if sent_at is not None:
            flags.add(f"sent_at_from_{key}")
            return sent_at
    flags.add("sent_at_missing")
    return None


def _sender(value: str | None) -> str | None:
    if value and ("/contacts/" in value or "/conversations/" in value):
        value = value.rsplit("/", 1)[-1]
    sender = mri(value)
    return None if sender is None or sender.startswith("19:") else sender


def _text(message_type: str | None, content: str, emoticons: Mapping[str, str]) -> str:
    if message_type == "Text":
        return content
    return plain_text(content, emoticons) if message_type in RICH_TEXT else ""


def _call(row: Row, key: Row) -> tuple[list[Row], list[Row]]:
    content = row["content"] or ""
    if row["message_type"] != "Event/Call" or "<partlist" not in content.lower():
        return [], []
    calls = elements(content, "partlist")
    call = calls[0] if calls else Element({}, "")
    kind = call.get("type") or "started"
    participants = [
        {
            **key,
            "ordinal": ordinal,
            "user_id": mri(part.get("identity")),
            "display_name": next((name.text.strip() for name in part.children("name")), "") or None,
            "duration_seconds": next((_number(duration.text) for duration in part.children("duration")), None),
        }
        for ordinal, part in enumerate(elements(content, "part"))
    ]
    durations = [part["duration_seconds"] for part in participants if part["duration_seconds"] is not None]
    event = {
        **key,
        "event": kind.lower() if kind.lower() in ("started", "ended", "missed") else kind,
        "call_id": call.get("callId"),
        "duration_seconds": max(durations, default=None),
    }
    return [event], participants


def _number(text: str) -> float | None:
    match = re.fullmatch(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)", text.strip())
    return float(match[0]) if match else None


def _reactions(emotions: Any, key: Row) -> Iterator[Row]:
    latest: dict[tuple[str, str], datetime | None] = {}
    for emotion in json_array(emotions) or []:
        name = emotion.get("key") if isinstance(emotion, dict) else None
        if not isinstance(name, str) or name in NO_REACTIONS:
            continue
        users = emotion.get("users")
        for user in users if isinstance(users, list) else []:
            user_id = mri(text_of(user.get("mri"))) if isinstance(user, dict) else None
            if user_id is None:
                continue
            instants = [millisecond_instant(user.get("time")), millisecond_instant(user.get("value"))]
            reacted_at = instants[0] or instants[1]
            earlier = latest.get((name, user_id))
            latest[name, user_id] = max(filter(None, (earlier, reacted_at)), default=None)
    for (name, user_id), reacted_at in latest.items():
        yield {**key, "emotion": name, "user_id": user_id, "reacted_at": reacted_at}


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None
