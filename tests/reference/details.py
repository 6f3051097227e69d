"""The structured fields of rarer messages, column ``details`` (3.3-3.7)."""

import re
from collections.abc import Callable
from typing import Any

from tests.reference import announcements
from tests.reference.markup import Element, elements, own_elements
from tests.reference.message_types import RICH_TEXT
from tests.reference.polls import old_poll, poll
from tests.reference.values import digits, iso_instant, iso_text, millisecond_instant, mri, old_instant

Row = dict[str, Any]

BIG = 2**63


def details(row: Row) -> Row | None:
    """The details of a message's row, null where its kind has none."""
    content, kind = row["content"] or "", row["kind"]
    if kind == "call_log":
        return announcements.call_log(content, row["properties"])
    if row["message_type"] in RICH_TEXT:
        return old_poll(content, row["properties"]) or _credit(content) or _system_message(content)
    if kind == "poll":
        return poll(content, row["properties"])
    return READERS[kind](content) if kind in READERS else None


def _contacts(content: str) -> Row | None:
    found: list[Row] = []
    for contact in elements(content, "c"):
        is_phone = contact.get("t") == "p" or (contact.get("t") != "s" and contact.get("p") is not None)
        found.append(
            {
                "kind": "phone" if is_phone else "skype",
                "user_id": mri(contact.get("s")),
                "phone": _attribute(contact, "p"),
                "name": _attribute(contact, "f"),
            }
        )
    return {"contacts": found} if found else None


def _location(content: str) -> Row | None:
    location = _first(content, "location")
    if location is None:
        return None
    links = [link.get("href") for link in location.children("a")]
    own = location.get("isUserLocation")
    accuracy = _decimal(location.get("horizontalAccuracy"))
    return {
        "latitude": _degrees(location.get("latitude")),
        "longitude": _degrees(location.get("longitude")),
        "address": _attribute(location, "address"),
        "name": _attribute(location, "addressFriendlyName"),
        "url": next((link for link in links if link), None),
        "at": iso_text(old_instant(location.get("timeStamp"))),
        "is_user_location": None if own is None else own.lower() in ("1", "true"),
        "user_id": mri(location.get("userMri")),
        "timezone": _attribute(location, "timezone"),
        **({"accuracy": accuracy} if accuracy else {}),  # 0 means that it is not known
    }


def _recording(content: str) -> Row | None:
    recording = _first(content, "URIObject")
    if recording is None:
        return None
    identifiers = {id.get("type"): _attribute(id, "value") for id in reversed(recording.children("Id"))}
    items = [{"type": _attribute(item, "type"), "uri": _attribute(item, "uri")} for item in recording.children("item")]
    return {
        "call_id": identifiers.get("callId"),
        "call_leg_id": identifiers.get("callLegId"),
        "status": _child(recording, "RecordingStatus", "status"),
        "code": _child(recording, "RecordingStatus", "code"),
        "session_end_reason": _child(recording, "SessionEndReason", "value"),
        "chunk_end_reason": _child(recording, "ChunkEndReason", "value"),
        "initiator_id": mri(_child(recording, "RecordingInitiatorId", "value")),
        "organizer_id": mri(_child(recording, "MeetingOrganizerId", "value")),
        "recorded_at": iso_text(iso_instant(_child(recording, "RecordingContent", "timestamp"))),
        "items": items,
    }


def _scheduled_call(content: str) -> Row | None:
    call = _first(content, "URIObject")
    if call is None:
        return None
    names = [name for name in call.spelled or {} if name.lower() != "subject"]
    links = [link.get("href") for link in elements(content, "a")]
    return {
        "subject": _attribute(call, "subject"),
        "attributes": {name: call.get(name) or "" for name in names},
        "links": [link for link in links if link],
    }


def _sms(content: str) -> Row | None:
    sms = _first(content, "sms")
    if sms is None:
        return None
    return {
        "status": digits(_text(sms, "status"), BIG),
        "type": digits(_text(sms, "type"), BIG),
        "failure_reason": _text(sms, "failurereason"),
        "targets": [
            {"phone": target.text.strip() or None, "status": digits(_attribute(target, "status"), BIG)}
            for target in sms.children("target")
        ],
        "sent_at": iso_text(millisecond_instant(_text(sms, "sendtimestamp"))),
    }


def _file_transfer(content: str) -> Row | None:
    found = [
        {
            "name": file.text.strip() or None,
            "size": digits(_attribute(file, "size"), BIG),
            "index": digits(_attribute(file, "index"), BIG),
            "tid": digits(_attribute(file, "tid"), BIG),
        }
        for file in elements(content, "file")
    ]
    return {"files": found} if found else None


def _money(content: str) -> Row | None:
    amounts = [_attribute(amount, "value") for amount in elements(content, "Amount")]
    currencies = [_attribute(currency, "value") for currency in elements(content, "Currency")]
    if not amounts and not currencies:
        return None
    return {"amount": next(iter(amounts), None), "currency": next(iter(currencies), None)}


def _credit(content: str) -> Row | None:
    gifts = [gift for gift in elements(content, "URIObject") if (gift.get("type") or "").startswith("Credit")]
    return _money(gifts[0].inner) if gifts else None


def _system_message(content: str) -> Row | None:
    messages = own_elements(content, lambda tag: tag.name == "systemmessage")
    if not messages:
        return None
    users = [user.strip() for user in (messages[0].get("users") or "").split("##~~")]
    return {"system_message": {"type": _attribute(messages[0], "type"), "users": [user for user in users if user]}}


def _video_message(content: str) -> Row | None:
    video = _first(content, "videomessage")
    if video is None:
        return None
    return {"sid": _attribute(video, "sid"), "public_link": _attribute(video, "publiclink")}


def _encrypted(_content: str) -> Row:
    return {"encrypted": True}


READERS: dict[str, Callable[[str], Row | None]] = {
    "contacts": _contacts,
    "location": _location,
    "card": announcements.card,
    "recording": _recording,
    "scheduled_call": _scheduled_call,
    "sms": _sms,
    "file_transfer": _file_transfer,
    "notice": announcements.notice,
    "popcard": announcements.popcard,
    "translation": announcements.translation,
    "translation_settings": announcements.translation_settings,
    "money": _money,
    "video_message": _video_message,
    "encrypted": _encrypted,
}


def _first(content: str, name: str) -> Element | None:
    return next(iter(elements(content, name)), None)


def _attribute(element: Element, name: str) -> str | None:
    return (element.get(name) or "").strip() or None


def _child(element: Element, name: str, attribute: str) -> str | None:
    return next((_attribute(child, attribute) for child in element.children(name)), None)


def _text(element: Element, name: str) -> str | None:
    return next((child.text.strip() or None for child in element.children(name)), None)


def _degrees(value: str | None) -> float | None:
    millionths = _decimal(value)
    return None if millionths is None else millionths / 1_000_000


def _decimal(value: str | None) -> float | None:
    match = re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]*)?", (value or "").strip())
    return float(match[0]) if match else None
