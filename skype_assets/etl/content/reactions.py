"""Emotions that people left on a message (section 2.7 of the format reference)."""

from typing import Any, Final

import msgspec

from skype_assets.etl.content.cleaning import clean
from skype_assets.etl.content.embedded_json import decoded
from skype_assets.etl.content.names import bounded, mri
from skype_assets.etl.content.times import milliseconds

_NO_REACTIONS: Final = frozenset({"reactionsConsumptionHorizon", "pollAnswer"})


class Reaction(msgspec.Struct, frozen=True):
    """One person's emotion; ``reacted_at`` in microseconds since 1970."""

    emotion: str
    user_id: str
    reacted_at: int | None


def reactions(emotions: object) -> list[Reaction]:
    """Read ``properties.emotions``: an array, or a string that holds one. The latest of one person and emotion stays.

    A key without people is what the web client leaves of a removed reaction: no row.
    """
    latest: dict[tuple[str, str], int | None] = {}
    for emotion in _objects(emotions):
        key = emotion.get("key")
        if not isinstance(key, str) or key in _NO_REACTIONS:
            continue
        for user in _objects(emotion.get("users")):
            user_id = user.get("mri")
            user_id = mri(clean(user_id)[0]) if isinstance(user_id, str) else None
            if user_id is None:
                continue
            who = bounded(clean(key)[0]), user_id
            reacted_at = _first_known(milliseconds(user.get("time")), milliseconds(user.get("value")))
            latest[who] = max(latest.get(who), reacted_at, key=_null_first)
    return [Reaction(emotion, user_id, reacted_at) for (emotion, user_id), reacted_at in latest.items()]


def _objects(value: object) -> list[dict[str, Any]]:
    if isinstance(value, str):
        value = decoded(value)
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def _first_known(time: int | None, value: int | None) -> int | None:
    return value if time is None else time


def _null_first(instant: int | None) -> int:
    return -1 if instant is None else instant
