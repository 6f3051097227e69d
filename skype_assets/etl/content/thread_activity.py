"""Changes to a conversation: members, title, picture, roles (section 3.5 of the format reference).

The message comes from the thread itself; who did it is the initiator within the content. There is one event for each
person concerned, at least one, and one even if the content cannot be read.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from skype_assets.etl.content.content import Content, Parser, ThreadEvent
from skype_assets.etl.content.elements import Element, elements, first, first_text
from skype_assets.etl.content.embedded_json import decoded, identifier
from skype_assets.etl.content.markup import unescape
from skype_assets.etl.content.names import document_id, mri
from skype_assets.etl.content.times import milliseconds_or_seconds

_NAMES: Final = frozenset({"eventtime", "initiator", "target", "id", "role", "value"})
_SWITCHES: Final = frozenset({"history_disclosed", "joining_enabled", "moderation_changed"})
WITH_VALUE: Final = _SWITCHES | {"topic_changed", "picture_changed", "role_changed"}
"""Events that say more than who, whom and when."""


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
    return [
        ThreadEvent(event, initiator_id, target_id, role if event == "role_changed" else value, occurred_at)
        for target_id, role in _targets(found) or [(None, None)]
    ]


def _targets(found: list[Element]) -> list[tuple[str | None, str | None]]:
    """Return whom it concerns and their new role: in a role update, id and role are children of the target."""
    targets: list[tuple[str | None, str | None]] = []
    for element in found:
        if element.name == "target":
            targets.append((mri(element.text), None))
        elif element.name == "id" and targets:
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
    user_ids = [mri(_member(member)) for member in members] if isinstance(members, list) else []
    targets: list[str | None] = [user_id for user_id in user_ids if user_id]
    return [ThreadEvent(event, initiator_id, target, None, occurred_at) for target in targets or [None]]


def _member(member: object) -> str | None:
    return identifier(member.get("id") if isinstance(member, dict) else member)
