"""Links of a message: ``a`` elements, and the previews that Skype kept of their pages (sections 2.7 and 4.1)."""

from collections.abc import Mapping
from typing import Any

import msgspec

from skype_assets.etl.content.embedded_json import decoded, string
from skype_assets.etl.content.markup import unescape
from skype_assets.etl.schema.flags import URLPREVIEWS_UNREADABLE


class Link(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """An address; without a label it stands in the previews only, or in an empty element."""

    url: str
    label: str | None = None
    title: str | None = None
    description: str | None = None


def link(own: Mapping[str, str]) -> Link | None:
    """Return where the attributes of an ``a`` tag lead; None if they do not say."""
    url = unescape(own.get("href", ""))
    return Link(url) if url else None


def previewed(links: tuple[Link, ...], urlpreviews: object) -> tuple[tuple[Link, ...], tuple[str, ...]]:
    """Return the links with the titles of their previews, then those known from previews only; and flags.

    Addresses are the same if they differ in a trailing slash only. Of several previews of one address the first counts.
    """
    previews, flags = _previews(urlpreviews)
    if not previews:
        return links, flags
    by_address: dict[str, Link] = {}
    for preview in reversed(previews):
        for url in preview[0]:
            by_address[_address(url)] = preview[1]
    shown = [by_address.get(_address(link.url)) for link in links]
    found = [
        link if preview is None else Link(link.url, link.label, preview.title, preview.description)
        for link, preview in zip(links, shown, strict=True)
    ]
    known = {_address(link.url) for link in links}
    for urls, preview in previews:
        if known.isdisjoint(map(_address, urls)):
            found.append(preview)
        known.update(map(_address, urls))
    return tuple(found), flags


def _previews(urlpreviews: object) -> tuple[list[tuple[list[str], Link]], tuple[str, ...]]:
    """Return each preview as a link, with the addresses by which it is known."""
    if isinstance(urlpreviews, str):
        if not urlpreviews.strip():
            return [], ()
        urlpreviews = decoded(urlpreviews)
        if urlpreviews is None:
            return [], (URLPREVIEWS_UNREADABLE,)
    if not isinstance(urlpreviews, list):
        return [], () if urlpreviews is None else (URLPREVIEWS_UNREADABLE,)
    previews: list[tuple[list[str], Link]] = []
    for entry in urlpreviews:
        entry = _object(entry)
        value = _object(entry.get("value"))
        urls = [url for url in (string(value.get("url")), string(entry.get("key"))) if url]
        if urls:
            found = Link(urls[0], None, string(value.get("title")), string(value.get("description")))
            previews.append((urls, found))
    return previews, ()


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _address(url: str) -> str:
    return url.removesuffix("/")
