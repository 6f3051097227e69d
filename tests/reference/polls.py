"""Polls, in their own message type and as old clients put them into rich text (3.3.13)."""

from typing import Any
from urllib.parse import unquote

from tests.reference.markup import Element, elements
from tests.reference.values import iso_text, json_array, millisecond_instant, mri, text_of, whole_number

Row = dict[str, Any]

VOTES = "pollAnswer"


def poll(content: str, properties: Any) -> Row | None:
    objects = elements(content, "URIObject")
    return _poll(objects[0], properties) if objects else None


def old_poll(content: str, properties: Any) -> Row | None:
    objects = [found for found in elements(content, "URIObject") if (found.get("type") or "").startswith("poll.")]
    return _poll(objects[0], properties) if objects else None


def poll_title(content: str) -> str:
    objects = elements(content, "URIObject")
    return (objects[0].get("title") or "").strip() if objects else ""


def _poll(element: Element, properties: Any) -> Row:
    titles = [
        element.get("title"),
        *(question.get("value") for question in element.children("Question")),
        *(title.text for title in element.children("Title")),
    ]
    several = [
        element.get("allowMultipleVotes"),
        *(choice.get("value") for choice in element.children("MultipleChoice")),
    ]
    return {
        "title": next((title.strip() for title in titles if title and title.strip()), None),
        "options": _options(element),
        "allow_multiple_votes": next((value.lower() == "true" for value in several if value), False),
        "expires_at": iso_text(millisecond_instant(element.get("expirationTimeMs"))),
        "votes": _votes(properties),
    }


def _options(element: Element) -> list[str]:
    encoded = element.get("optionsEncoded")
    if encoded is not None:
        return [unquote(option) for option in encoded.split("|")]
    answers = [answer.get("value") for answer in element.children("Answer")]
    if any(answers):
        return [answer for answer in answers if answer]
    lines = [line.strip() for text in element.children("Description") for line in text.text.splitlines()]
    return [line.removeprefix("- ").strip() for line in lines if line.startswith("- ")]


def _votes(properties: Any) -> list[Row]:
    """From the poll's own list, else from the reactions."""
    properties = properties if isinstance(properties, dict) else {}
    for name in ("poll", "emotions"):
        found = [
            vote
            for entry in json_array(properties.get(name)) or []
            if isinstance(entry, dict) and entry.get("key") == VOTES and isinstance(entry.get("users"), list)
            for vote in entry["users"]
            if isinstance(vote, dict) and mri(text_of(vote.get("mri"))) is not None
        ]
        if found:
            return [_vote(vote) for vote in found]
    return []


def _vote(vote: Row) -> Row:
    chosen = json_array(vote.get("value")) or []
    options = [whole_number(option) for option in chosen if not isinstance(option, float)]
    return {
        "user_id": mri(text_of(vote.get("mri"))),
        "options": [option for option in options if option is not None],
        "voted_at": iso_text(millisecond_instant(vote.get("time"))),
    }
