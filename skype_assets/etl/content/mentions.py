"""People addressed with @: ``at`` elements, and what Teams makes of them (sections 4.1 and 10)."""

from collections.abc import Mapping
from typing import Final

import msgspec

from skype_assets.etl.content.embedded_json import identifier, objects, string
from skype_assets.etl.content.markup import unescape
from skype_assets.etl.content.names import mri

EVERYONE: Final = "*"
_EVERYONE_QUOTED: Final = "_*_"


class Mention(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Someone addressed; ``user_id`` is ``*`` for everyone."""

    user_id: str
    label: str | None = None


Addressed = Mapping[str, str]
"""Ids of people by the number that stands for them in a message of the Teams era."""


def addressed(mentions: object) -> Addressed:
    """Return whom ``properties.mentions`` names: an array, or a string that holds one. A thread is everyone in it."""
    found: dict[str, str] = {}
    for mention in objects(mentions):
        number, user_id = identifier(mention.get("itemid")), mri(string(mention.get("mri")))
        if number is not None and user_id is not None:
            found.setdefault(number.strip(), EVERYONE if user_id.startswith("19:") else user_id)
    return found


def mention(own: Mapping[str, str], people: Addressed) -> Mention | None:
    """Return whom the attributes of an ``at`` tag address; None if they do not say."""
    return _mention(own.get("id", ""), people)


def item_mention(own: Mapping[str, str], people: Addressed) -> Mention | None:
    """Return whom an element of the Teams era addresses, by its number or an id; None if that is not said."""
    number = unescape(own.get("itemid", "")).strip()
    return _mention(number, people) if number in people or ":" in number else None


def _mention(id_: str, people: Addressed) -> Mention | None:
    user_id = unescape(id_).strip()
    if user_id in (EVERYONE, _EVERYONE_QUOTED):
        return Mention(EVERYONE)
    mri_ = people.get(user_id) or mri(user_id)
    return None if mri_ is None else Mention(mri_)
