"""A written conversation: messages planted one by one, with what a loader should make of them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from skype_assets.etl.sample.document import Element, compact, iso
from skype_assets.etl.sample.people import PLANTED, Person

_STEP_MS = 97_313


class Fact(NamedTuple):
    """What column `column` of table ``messages`` must hold for a planted message."""

    conversation_id: str
    message_id: str
    column: str
    value: Any


class Script:
    """Messages of one conversation, written oldest first; `elements` has them newest first, as an export does."""

    def __init__(self, conversation_id: str, owner: Person, start_ms: int) -> None:
        self.id, self.owner = conversation_id, owner
        self.friends = tuple(person for person in PLANTED if person.mri != owner.mri)
        self.facts: list[Fact] = []
        self.now = start_ms
        self._elements: list[Element] = []

    @property
    def elements(self) -> list[Element]:
        """The MessageList: newest first."""
        return self._elements[::-1]

    def say(
        self,
        sender: Person | None,
        type: str,
        content: Any,
        facts: Mapping[str, Any] | None = None,
        *,
        ascii_only: bool = False,
        **changes: Any,
    ) -> dict[str, Any]:
        """Plant a message of `sender`, None being the thread itself; `changes` replace keys (`from_` is ``from``)."""
        at = self.wait(_STEP_MS)
        message: dict[str, Any] = {
            "id": str(at + 2),
            "displayName": None if sender is None or sender == self.owner else sender.name,
            "originalarrivaltime": iso(at),
            "messagetype": type,
            "version": at + 2,
            "content": content,
            "conversationid": self.id,
            "from": self.id if sender is None else sender.mri,
            "properties": None,
            "amsreferences": None,
        }
        if "from_" in changes:
            changes["from"] = changes.pop("from_")
        if unknown := changes.keys() - message.keys():
            raise TypeError(f"a message has no {sorted(unknown)}")
        message |= changes
        self._elements.append(Element(type, compact(message, ascii_only=ascii_only)))
        self.facts += [Fact(self.id, message["id"], column, value) for column, value in (facts or {}).items()]
        return message

    def rich(
        self, sender: Person, content: str, text: str, facts: Mapping[str, Any] | None = None, **changes: Any
    ) -> dict[str, Any]:
        """Plant a RichText message whose plain text must be `text`."""
        return self.say(sender, "RichText", content, {"text": text, **(facts or {})}, **changes)

    def again(self, message: Mapping[str, Any], **changes: Any) -> None:
        """Plant a further copy of `message`: a duplicate."""
        self.wait(_STEP_MS)
        self._elements.append(Element(message["messagetype"], compact({**message, **changes}), duplicate=True))

    def reject(self, value: Any) -> None:
        """Plant an element that is no message."""
        self._elements.append(Element(None, compact(value)))

    def wait(self, ms: int) -> int:
        """Let time pass; return the time."""
        self.now += ms
        return self.now
