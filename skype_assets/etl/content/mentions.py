"""People addressed with @: ``at`` elements (section 4.1 of the format reference)."""

from typing import Final

import msgspec

from skype_assets.etl.content.markup import Tag, unescape
from skype_assets.etl.content.names import mri

EVERYONE: Final = "*"
_EVERYONE_QUOTED: Final = "_*_"


class Mention(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Someone addressed; ``user_id`` is ``*`` for everyone."""

    user_id: str
    label: str | None = None


def mention(tag: Tag) -> Mention | None:
    """Return whom an ``at`` tag addresses; None if it does not say."""
    user_id = unescape(tag.attributes().get("id", "")).strip()
    if user_id in (EVERYONE, _EVERYONE_QUOTED):
        return Mention(EVERYONE)
    mri_ = mri(user_id)
    return None if mri_ is None else Mention(mri_)
