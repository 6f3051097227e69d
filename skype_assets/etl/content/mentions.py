"""People addressed with @: ``at`` elements (section 4.1 of the format reference)."""

from collections.abc import Mapping
from typing import Final

import msgspec

from skype_assets.etl.content.markup import unescape
from skype_assets.etl.content.names import mri

EVERYONE: Final = "*"
_EVERYONE_QUOTED: Final = "_*_"


class Mention(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Someone addressed; ``user_id`` is ``*`` for everyone."""

    user_id: str
    label: str | None = None


def mention(own: Mapping[str, str]) -> Mention | None:
    """Return whom the attributes of an ``at`` tag address; None if they do not say."""
    user_id = unescape(own.get("id", "")).strip()
    if user_id in (EVERYONE, _EVERYONE_QUOTED):
        return Mention(EVERYONE)
    mri_ = mri(user_id)
    return None if mri_ is None else Mention(mri_)
