"""Changes to a conversation: members, title, picture, roles (section 3.5 of the format reference).

The message comes from the thread itself; who did it is the initiator within the content. There is one event for each
person concerned, at least one, and one even if the content cannot be read.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from skype_assets.etl.content.content import Content, Parser, ThreadEvent
from skype_assets.etl.content.elements import Element, elements, first, first_text
from skype_assets.etl.content.embedded_json import decoded, identifier
from skype_assets.etl.content.markup import unescape
from skype_assets.etl.content.names import document_id, mri, plain_name
from skype_assets.etl.content.times import milliseconds_or_seconds

_OF_TARGET: Final = "detailedtargetinfo"
_INFOS: Final = frozenset({"detailedinitiatorinfo", _OF_TARGET})
_NAMES: Final = frozenset({"eventtime", "initiator", "target", "id", "role", "value", "friendlyname", *_INFOS})
_SWITCHES: Final = frozenset({"history_disclosed", "joining_enabled", "moderation_changed"})
WITH_VALUE: Final = _SWITCHES | {"topic_changed", "picture_changed", "role_changed"}
"""Events that say more than who, whom and when."""


class _Info(msgspec.Struct):
    """What an element of ``_INFOS`` tells of somebody."""

    about: str
    user_id: str | None = None
    name: str | None = None


def thread_activity(event: str) -> Parser:
    """Return the parser of the ``ThreadActivity`` type that tells of an event."""
    return partial(_parse, event)


def event_of(parser: Parser) -> str:
    """Return the event that a parser of ``thread_activity`` tells of."""
    assert isinstance(parser, partial)
    return parser.args[0]


def _parse(event: str, content: str, properties: Mapping[str, Any]) -> Content:
    found = decoded(content) if content.lstrip()[:1] == "{" else None
    events = _from_json(event, found) if isinstance(found, dict) else _from_markup(event, content)
    text = events[0].value if event == "topic_changed" else None
    return Content(text=text or "", thread_events=tuple(events))


def _from_markup(event: str, content: str) -> list[ThreadEvent]:
    found = elements(content, _NAMES)
    initiator_id = mri(first_text(found, "initiator"))
    occurred_at = milliseconds_or_seconds(first_text(found, "eventtime"))
    value = _value(event, first(found, "value"))
    targets = _targets(found) or [(None, None)]
    names, initiator_name = _people(found, [target_id for target_id, _ in targets])
    return [
        ThreadEvent(
            event, initiator_id, target_id, role if event == "role_changed" else value, occurred_at,
            initiator_name or names.get(initiator_id), names.get(target_id),
        )
        for target_id, role in targets
    ]  # fmt: skip


def _people(found: list[Element], target_ids: Sequence[str | None]) -> tuple[dict[str | None, str], str | None]:
    """Return the names of those whom an event tells more of, by id, and that of the initiator.

    Where no id stands with the names of the targets, they come in the order of the targets.
    """
    infos: list[_Info] = []
    is_within = False
    for element in found:
        if element.name in _INFOS:
            infos.append(_Info(element.name))
            is_within = True
        elif element.name in ("target", "initiator"):
            is_within = False
        elif is_within and element.name == "id":
            infos[-1].user_id = mri(element.text)
        elif is_within and element.name == "friendlyname":
            infos[-1].name = infos[-1].name or element.text
    of_targets = [info for info in infos if info.about == _OF_TARGET]
    if len(of_targets) == len(target_ids) and not any(info.user_id for info in of_targets):
        for info, target_id in zip(of_targets, target_ids, strict=True):
            info.user_id = target_id
    named = [info for info in infos if info.name]
    names: dict[str | None, str] = {info.user_id: info.name for info in reversed(named) if info.user_id and info.name}
    initiator = next((info for info in named if info.about != _OF_TARGET and not info.user_id), None)
    return names, initiator and initiator.name


def _targets(found: list[Element]) -> list[tuple[str | None, str | None]]:
    """Return whom it concerns and their new role: in a role update, id and role are children of the target."""
    targets: list[tuple[str | None, str | None]] = []
    is_in_target = False
    for element in found:
        if element.name == "target":
            targets.append((mri(element.text), None))
            is_in_target = True
        elif element.name in _INFOS:
            is_in_target = False
        elif element.name == "id" and is_in_target:
            targets[-1] = mri(element.text), targets[-1][1]
        elif element.name == "role" and targets:
            targets[-1] = targets[-1][0], (element.text or "").lower() or None
    return [target for target in targets if any(target)]


def _value(event: str, element: Element | None) -> str | None:
    if element is None or element.text is None:
        return None
    if event == "topic_changed":
        return element.text
    if event == "picture_changed":
        picture = unescape(element.markup).strip()
        return document_id(picture) or picture.removeprefix("URL@") or None
    if event in _SWITCHES:
        return "false" if element.text.lower() == "false" else "true"
    return None


def _from_json(event: str, found: Mapping[str, Any]) -> list[ThreadEvent]:
    initiator_id = mri(identifier(found.get("initiator")))
    occurred_at = milliseconds_or_seconds(found.get("eventtime"))
    members = found.get("members")
    targets = [_member(member) for member in members] if isinstance(members, list) else []
    names = {user_id: name for user_id, name in reversed(targets) if user_id and name}
    return [
        ThreadEvent(
            event, initiator_id, target, None, occurred_at, names.get(initiator_id or ""), names.get(target or "")
        )
        for target in [user_id for user_id, _ in targets if user_id] or [None]
    ]


def _member(member: object) -> tuple[str | None, str | None]:
    """Return id and name of a member."""
    if not isinstance(member, dict):
        return mri(identifier(member)), None
    names = (member.get(key) for key in ("friendlyname", "friendlyName"))
    name = next((name for name in names if isinstance(name, str) and name.strip()), None)
    return mri(identifier(member.get("id"))), plain_name(name)
