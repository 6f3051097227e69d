"""A message's row and the rows that belong to it (2.6, 2.7, 3.1, 3.4)."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.reference.addressed import links, mentions, numbered_people, url_previews
from tests.reference.attachments import SideFiles, attachments
from tests.reference.details import details
from tests.reference.edits import edit_mark, has_edit_mark, is_only_edit_mark, without_words
from tests.reference.markup import COMMENT, Element, elements
from tests.reference.message_types import CALL_LOGS, KINDS, RICH_TEXT
from tests.reference.quotes import quotes
from tests.reference.reader import Span
from tests.reference.text import plain_text
from tests.reference.text_by_type import message_text
from tests.reference.threads import thread_events
from tests.reference.values import (
    big_integer,
    clean,
    cleaned,
    iso_instant,
    json_array,
    millisecond_instant,
    mri,
    plain_name,
    property_instant,
    text_of,
)

Row = dict[str, Any]

EVENTS = ("started", "ended", "missed", "cancelled")
NO_REACTIONS = ("reactionsConsumptionHorizon", "pollAnswer")


@dataclass
class Message:
    """A message's row with the rows that belong to it, and when the original was sent if it was edited."""

    row: Row
    attachments: list[Row]
    call_events: list[Row]
    call_participants: list[Row]
    reactions: list[Row]
    mentions: list[Row] = field(default_factory=list[Row])
    links: list[Row] = field(default_factory=list[Row])
    quotes: list[Row] = field(default_factory=list[Row])
    thread_events: list[Row] = field(default_factory=list[Row])
    edit_mark: int | None = None
    arrived_at: datetime | None = None

    @property
    def rank(self) -> tuple[int, bytes]:
        """Of two copies of a message in one export the one with the greater rank is loaded."""
        version = self.row["version"]
        return -1 if version is None else version, self.row["raw_sha256"]


def read_message(place: Row, span: Span, sides: SideFiles, emoticons: Mapping[str, str]) -> Message:
    """``place`` has the columns that the object itself does not say: owner, conversation, member and export."""
    value = span.value
    flags: set[str] = set()
    anywhere: set[str] = set()
    clean(value, anywhere)
    flags |= anywhere & {"not_finite"}
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
        "edited_at": property_instant(named.get("edittime")),
        "deleted_at": property_instant(named.get("deletetime")),
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
    key = _key(row)
    is_deleted = row["deleted_at"] is not None
    said = {**row, "content": "", "properties": {}} if is_deleted else row
    events, participants = _call(said, key)
    found = attachments(said, value.get("amsreferences"), None if is_deleted else named.get("files"), sides)
    message = Message(row, _numbered(key, found), events, participants, list(_reactions(named.get("emotions"), key)))
    message.arrived_at = sent_at
    _complete(message, said, named, emoticons)
    return message


def _complete(message: Message, said: Row, properties: Row, emoticons: Mapping[str, str]) -> None:
    """All that a message holds beside who sent what and when; ``said`` is its row as far as it still says something."""
    row, key, content = message.row, _key(message.row), said["content"] or ""
    flags = set(row["flags"])
    if row["conversation_id"] == CALL_LOGS:  # these repeat what the calls' own messages say
        row["kind"] = "call_log"
        message.call_events, message.call_participants = [], []
    said["kind"] = row["kind"]
    row["text"] = clean(message_text(said, emoticons), flags)
    row["details"] = clean(details(said), flags)
    is_rich_text = row["message_type"] in RICH_TEXT
    markup = COMMENT.sub("", content) if is_rich_text else ""
    previews = url_previews(properties.get("urlpreviews"), flags) if said is row else []
    message.mentions = _numbered(key, mentions(markup, numbered_people(properties.get("mentions")), emoticons))
    message.links = _numbered(key, links(markup, previews, emoticons))
    message.quotes = _numbered(key, quotes(markup, emoticons))
    message.thread_events = _numbered(key, thread_events(row["message_type"], content))
    message.edit_mark = edit_mark(markup)
    original = millisecond_instant(message.edit_mark)
    if original is not None:
        row["sent_at"] = original if message.arrived_at is None else min(original, message.arrived_at)
    if has_edit_mark(markup):
        row["text"] = without_words(row["text"])
    if row["album_id"] is None and row["message_type"] not in (*RICH_TEXT, "Text"):
        row["album_id"] = next((album.get("albumId") for album in elements(content, "MediaAlbum")), None)
    if is_only_edit_mark(markup) and row["deleted_at"] is None:
        flags.add("deleted_by_edit_marker")
    is_generated = str(properties.get("isserversidegenerated")).lower() == "true"
    if is_generated and not content.strip() and row["deleted_at"] is None and row["edited_at"] is None:
        flags.add("server_generated")
    row["flags"] = sorted(flags)
    _drop_ids(message)


def _drop_ids(message: Message) -> None:
    """A name that only repeats the id says nothing (10)."""
    for rows, who, name in (
        ([message.row], "sender_id", "sender_name"),
        (message.call_participants, "user_id", "display_name"),
        (message.quotes, "author_id", "author_name"),
        (message.thread_events, "initiator_id", "initiator_name"),
        (message.thread_events, "target_id", "target_name"),
    ):
        for row in rows:
            bare = re.sub(r"^[0-9]+:", "", row[who] or "")
            if not row[name] or row[name] in (row[who], bare):
                row[name] = None


def _key(row: Row) -> Row:
    return {name: row[name] for name in ("owner_id", "conversation_id", "message_id")}


def _numbered(key: Row, rows: list[Row]) -> list[Row]:
    return [{**key, "ordinal": ordinal, **cleaned(row)} for ordinal, row in enumerate(rows)]


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
    if row["message_type"] != "Event/Call":
        return [], []
    calls = elements(content, "partlist")
    happened = [name for name in EVENTS if elements(content, name)]
    if not calls and not happened:
        return [], []
    call = calls[0] if calls else Element({}, "")
    participants = [
        {
            **key,
            "ordinal": ordinal,
            "user_id": mri(part.get("identity")),
            "display_name": _part_name(part),
            "duration_seconds": next((_number(duration.text) for duration in part.children("duration")), None),
        }
        for ordinal, part in enumerate(elements(content, "part"))
    ]
    kind = (happened[0] if happened else call.get("type")) or _event_type(content)
    durations = [part["duration_seconds"] for part in participants if part["duration_seconds"] is not None]
    if not kind:  # an empty list is a start, so old clients wrote it; another one says whether people were connected
        kind = "started" if not participants else "ended" if durations else "unknown"
    event = {
        **key,
        "event": kind.lower() if kind.lower() in EVENTS else kind,
        "call_id": call.get("callId"),
        "duration_seconds": max(durations, default=None),
    }
    return [event], participants


def _part_name(part: Element) -> str | None:
    """The first name that does not only repeat the id (10)."""
    user_id = mri(part.get("identity")) or ""
    found = [plain_name(name.inner) for tag in ("name", "displayName") for name in part.children(tag)]
    return next((name for name in found if name and name not in (user_id, re.sub("^[0-9]+:", "", user_id))), None)


def _event_type(content: str) -> str:
    return next((element.text.strip() for element in elements(content, "callEventType")), "").removeprefix("call")


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
