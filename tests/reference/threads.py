"""Changes to a conversation: members, title, picture, roles (3.5)."""

import html
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from tests.reference.attachments import DOCUMENT_ID
from tests.reference.markup import elements
from tests.reference.message_types import THREAD_EVENTS
from tests.reference.values import json_object, mri, old_instant, plain_name, text_of

Row = dict[str, Any]

SWITCHES = ("history_disclosed", "joining_enabled", "moderation_changed")


def thread_events(message_type: str | None, content: str) -> list[Row]:
    """A row for each target, and one where there is none."""
    event = THREAD_EVENTS.get(message_type or "")
    if event is None:
        return []
    document = json_object(content)
    if document is not None:
        return list(_from_json(event, document))
    initiator_id = mri(_text(content, "initiator"))
    value = _value(event, content)
    occurred_at = old_instant(_text(content, "eventtime"))
    targets = elements(content, "target")
    target_ids = [mri(_text(target.inner, "id") if target.children("id") else target.text) for target in targets]
    names, initiator_name = _infos(content, target_ids)
    initiator_name = initiator_name or names.get(initiator_id)
    rows: list[Row] = []
    for target, target_id in zip(targets, target_ids, strict=True):
        role = (_text(target.inner, "role") or "").strip().lower() if event == "role_changed" else ""
        row = _row(event, initiator_id, target_id, role or value, occurred_at)
        rows.append({**row, "initiator_name": initiator_name, "target_name": names.get(target_id)})
    return rows or [{**_row(event, initiator_id, None, value, occurred_at), "initiator_name": initiator_name}]


def _infos(content: str, target_ids: Sequence[str | None]) -> tuple[dict[str | None, str], str | None]:
    """What the elements with details call people: by id, and the initiator where no id stands there (10).

    Targets without any id there are told apart by their order.
    """
    names: dict[str | None, str] = {}
    initiator_name: str | None = None
    for element, ids in (("detailedinitiatorinfo", ()), ("detailedtargetinfo", target_ids)):
        infos = elements(content, element)
        told = [mri(_text(info.inner, "id")) for info in infos]
        if not any(told) and len(ids) == len(infos):
            told = list(ids)
        for info, user_id in zip(infos, told, strict=True):
            name = plain_name(_text(info.inner, "friendlyName"))
            if name and user_id:
                names.setdefault(user_id, name)
            elif name and element == "detailedinitiatorinfo":
                initiator_name = initiator_name or name
    return names, initiator_name


def _from_json(event: str, document: Row) -> Iterator[Row]:
    """The form of the Teams era."""
    initiator_id = mri(text_of(document.get("initiator")))
    occurred_at = old_instant(document.get("eventtime"))
    members = document.get("members")
    members = [member for member in members if isinstance(member, dict)] if isinstance(members, list) else []
    named = [(mri(text_of(member.get("id"))), plain_name(member.get("friendlyname"))) for member in members]
    names = {user_id: name for user_id, name in reversed(named) if user_id and name}
    for target_id in [user_id for user_id, _ in named] or [None]:
        row = _row(event, initiator_id, target_id, None, occurred_at)
        yield {**row, "initiator_name": names.get(initiator_id or ""), "target_name": names.get(target_id or "")}


def _row(
    event: str, initiator_id: str | None, target_id: str | None, value: str | None, occurred_at: datetime | None
) -> Row:
    return {
        "event": event,
        "initiator_id": initiator_id,
        "target_id": target_id,
        "value": value,
        "occurred_at": occurred_at,
        "initiator_name": None,
        "target_name": None,
    }


def _value(event: str, content: str) -> str | None:
    values = elements(content, "value")
    if not values:
        return None
    inner = values[0].inner
    if event == "topic_changed":
        return plain_name(inner)
    if event == "picture_changed":
        picture = html.unescape(inner).strip()
        match = DOCUMENT_ID.search(picture)
        return match[0] if match else picture.removeprefix("URL@") or None
    if event in SWITCHES:
        return "false" if html.unescape(inner).strip().lower() == "false" else "true"
    return None


def _text(content: str, name: str) -> str | None:
    return next((element.text for element in elements(content, name)), None)
