"""People addressed in a message (4.1, 10) and the links in it, with their previews (4.1, 2.7)."""

import json
from collections.abc import Mapping
from typing import Any

from tests.reference.markup import own_elements
from tests.reference.text import plain_text
from tests.reference.values import cleaned, json_array, mri, text_of

Row = dict[str, Any]


def mentions(markup: str, people: Mapping[str, str], emoticons: Mapping[str, str]) -> list[Row]:
    """``people`` are the ids behind the numbers that Teams uses."""
    found: list[Row] = []
    for element in own_elements(markup, lambda tag: tag.is_mention):
        said = (element.get("id" if element.name == "at" else "itemid") or "").strip()
        is_number = element.name != "at" and said not in people and ":" not in said
        user_id = None if is_number else people.get(said) or mri(said)
        if user_id is not None:
            label = plain_text(element.inner, emoticons).removeprefix("@").strip()
            everyone = user_id in ("8:*", "8:_*_") or user_id.startswith("19:") and said in people
            found.append({"user_id": "*" if everyone else user_id, "label": label or None})
    return found


def numbered_people(value: Any) -> dict[str, str]:
    """Whom ``properties.mentions`` names, by number (10)."""
    found: dict[str, str] = {}
    for mention in json_array(value) or []:
        if isinstance(mention, dict):
            number, user_id = text_of(mention.get("itemid")), mri(text_of(mention.get("mri")))
            if number is not None and user_id is not None:
                found.setdefault(number.strip(), user_id)
    return found


def links(markup: str, previews: list[Any], emoticons: Mapping[str, str]) -> list[Row]:
    """The links of the markup, then the previewed addresses that are none of them."""
    found: list[Row] = []
    for element in own_elements(markup, lambda tag: tag.name == "a"):
        url = element.get("href")
        if url is not None:
            found.append(_link(url, plain_text(element.inner, emoticons) or None))
    written = list(found)
    for preview in previews:
        value = preview.get("value") if isinstance(preview, dict) else None
        value = value if isinstance(value, dict) else {}
        urls = [url for url in (value.get("url"), preview.get("key") if isinstance(preview, dict) else None) if url]
        urls = [url for url in urls if isinstance(url, str)]
        if not urls:
            continue
        rows = [row for row in written if any(_is_same(row["url"], url) for url in urls)]
        if not rows:
            rows = [_link(urls[0], None)]
            found += rows
        for row in rows:
            for column in ("title", "description"):
                text = value.get(column)
                if row[column] is None and isinstance(text, str):
                    row[column] = text or None
    return found


def url_previews(value: Any, flags: set[str]) -> list[Any]:
    """The decoded previews; ``flags`` is told where there is something else than a list of them."""
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except ValueError:
            flags.add("urlpreviews_unreadable")
            return []
    if isinstance(value, list):
        return cleaned(value)
    if value is not None and value != "":
        flags.add("urlpreviews_unreadable")
    return []


def _link(url: str, label: str | None) -> Row:
    return {"url": url, "label": label, "title": None, "description": None}


def _is_same(url: str, other: str) -> bool:
    return url.removesuffix("/") == other.removesuffix("/")
