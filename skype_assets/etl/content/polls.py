"""Polls: of today as ``Poll`` messages, of old clients within ``RichText`` (section 3.3.13 of the format reference)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from skype_assets.etl.content.cleaning import clean
from skype_assets.etl.content.content import Content
from skype_assets.etl.content.elements import Element, elements, first, first_text, first_value
from skype_assets.etl.content.embedded_json import decoded, objects, string
from skype_assets.etl.content.integers import integer
from skype_assets.etl.content.markup import unescape
from skype_assets.etl.content.names import mri
from skype_assets.etl.content.times import iso_text, milliseconds

_NAMES: Final = frozenset({"uriobject", "title", "description", "multiplechoice", "question", "answer"})
_VOTES: Final = "pollAnswer"


def poll_message(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse ``Poll``."""
    details = poll(content, properties)
    title = details["title"] if details else None
    return Content(text=title or "", details=details)


def poll(content: str, properties: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the first poll of a content with the votes of the properties; None if there are neither."""
    found = elements(content, _NAMES)
    votes = _votes(properties)
    if first(found, "uriobject") is None and not votes:
        return None

    def own(attribute: str) -> str | None:
        return first_value(found, "uriobject", attribute)

    several = own("allowmultiplevotes") or first_value(found, "multiplechoice") or ""
    return {
        "title": own("title") or first_value(found, "question") or first_text(found, "title"),
        "options": _options(own("optionsencoded"), found),
        "allow_multiple_votes": several.lower() == "true",
        "expires_at": iso_text(milliseconds(own("expirationtimems"))),
        "votes": votes,
    }


def _options(encoded: str | None, found: Sequence[Element]) -> list[str]:
    """Return the options in the order by which votes number them: an empty one keeps its number."""
    if encoded:
        # Percent signs can hide what PostgreSQL refuses.
        return [clean(unquote(option))[0] for option in encoded.split("|")]
    answers = [element.get("value") or "" for element in found if element.name == "answer"]
    if answers:
        return answers
    description = first(found, "description")
    lines = unescape(description.markup).splitlines() if description else []
    return [line.strip()[2:].strip() for line in lines if line.strip().startswith("- ")]


def _votes(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    for source in ("poll", "emotions"):
        votes = [
            {
                "user_id": user_id,
                "options": _numbers(user.get("value")),
                "voted_at": iso_text(milliseconds(user.get("time"))),
            }
            for answer in objects(properties.get(source))
            if answer.get("key") == _VOTES
            for user in objects(answer.get("users"))
            if (user_id := mri(string(user.get("mri"))))
        ]
        if votes:
            return votes
    return []


def _numbers(value: object) -> list[int]:
    """Return the numbers of options in an array, or in a string that holds one."""
    if isinstance(value, str):
        value = decoded(value)
    numbers = map(integer, value if isinstance(value, list) else [value])
    return [number for number in numbers if number is not None]
