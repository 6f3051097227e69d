"""What a manifest of RSMF 2.0 may be: its rules as types, independent of what makes the events.

What the format does not name is refused, and so is null: what is empty is left out.
"""

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

VERSION: Final = "2.0.0"

Id = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=0)]
Ids = list[Id]


class Custom(Struct, forbid_unknown_fields=True, gc=False):
    """A property of our own."""

    name: Id
    value: Id


class Participant(Struct, forbid_unknown_fields=True):
    """Somebody."""

    id: Id
    display: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    avatar: str | UnsetType = UNSET
    account_id: str | UnsetType = UNSET
    custom: list[Custom] | UnsetType = UNSET


class Conversation(Struct, forbid_unknown_fields=True):
    """A conversation."""

    id: Id
    platform: Id
    participants: Ids
    display: str | UnsetType = UNSET
    type: Literal["direct", "channel"] | UnsetType = UNSET
    custodian: Id | UnsetType = UNSET
    icon: str | UnsetType = UNSET
    custom: list[Custom] | UnsetType = UNSET


class Reaction(Struct, forbid_unknown_fields=True):
    """A reaction, and whose."""

    value: str
    count: Count | UnsetType = UNSET
    participants: Ids = []


class Attachment(Struct, forbid_unknown_fields=True, gc=False):
    """A file in the zip."""

    id: Id
    display: str | UnsetType = UNSET
    size: Count | UnsetType = UNSET


class Edit(Struct, forbid_unknown_fields=True, gc=False):
    """What an event said before, and after."""

    participant: Id
    timestamp: str | UnsetType = UNSET
    previous: str | UnsetType = UNSET
    new: str | UnsetType = UNSET


class Receipt(Struct, forbid_unknown_fields=True, gc=False):
    """Who has read an event, or got it."""

    participant: Id
    timestamp: str | UnsetType = UNSET
    action: Literal["read", "delivered"] | UnsetType = UNSET


class Event(Struct, forbid_unknown_fields=True):
    """Something that happened; instants are checked by whoever compares them."""

    type: Literal["message", "disclaimer", "join", "leave", "history", "unknown"]
    id: Id | UnsetType = UNSET
    parent: Id | UnsetType = UNSET
    body: str | UnsetType = UNSET
    participant: Id | UnsetType = UNSET
    conversation: Id | UnsetType = UNSET
    timestamp: str | UnsetType = UNSET
    deleted: bool | UnsetType = UNSET
    importance: Literal["normal", "high"] | UnsetType = UNSET
    direction: Literal["incoming", "outgoing"] | UnsetType = UNSET
    reactions: list[Reaction] = []
    attachments: list[Attachment] = []
    edits: list[Edit] = []
    read_receipts: list[Receipt] = []
    custom: list[Custom] | UnsetType = UNSET


class Manifest(Struct, forbid_unknown_fields=True):
    """All of it."""

    version: Literal["2.0.0"]
    participants: list[Participant]
    conversations: list[Conversation]
    events: list[Event]
    eventcollectionid: str | UnsetType = UNSET
