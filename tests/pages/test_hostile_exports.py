"""A hostile export is shown as text: nothing of it becomes an element, an attribute or an address that acts."""

import re
from html.parser import HTMLParser

import pytest

from tests.pages import hostile
from tests.pages.reader import Reader

OURS = re.compile(r"/(?![/\\])|#|\?")
FOREIGN = re.compile(r"https?://[^/]|mailto:", re.IGNORECASE)
ELEMENTS = set(
    re.findall(
        r"\w+",
        """html head meta title link script body a header nav form input button main div h1 h2 h3 p span bdi ul ol li
        details summary article figure img video audio figcaption blockquote time footer dialog dl dt dd kbd aside label
        section table thead tbody tr th td pre meter svg rect line text mark br strong""",
    )
)


class Page(HTMLParser):
    """What a browser would find in a page, in so far as it could do something."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: set[tuple[str, str]] = set()
        self.said: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name in ("href", "src", "action", "cite", "poster", "data", "formaction", "srcdoc"):
                self.addresses.add((tag, value or ""))

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def all_pages(reader: Reader) -> dict[str, str]:
    """All pages, found by their links from the first one; each message's evidence only once in a while."""
    pages: dict[str, str] = {}
    left = ["/", "/media", "/stats", "/search?q=alert", "/search?q=%3Cscript%3E"]
    while left:
        path = left.pop()
        if path in pages or "/file/" in path or path.startswith(("/static", "#")):
            continue
        kind = "evidence" if "/evidence/" in path else "m" if "/m/" in path else "search" if "/search?" in path else ""
        if kind and sum(1 for known in pages if f"/{kind}" in known) > 25:
            continue
        answer = reader.get(path)
        assert answer.status in (200, 404, 400), path
        pages[path] = answer.text
        found = Page(answer.text).addresses
        left += sorted(address for tag, address in found if tag == "a" and address.startswith("/"))
    return pages


@pytest.fixture(scope="module")
def pages(attacked: Reader) -> dict[str, str]:
    return all_pages(attacked)


def test_nothing_of_it_becomes_an_element_or_attribute_and_no_address_does_anything(pages: dict[str, str]) -> None:
    assert len(pages) > 80
    for path, text in pages.items():
        page = Page(text)
        assert page.elements <= ELEMENTS, path
        assert not {name for name in page.attributes if name.startswith("on") or name in ("style", "srcdoc")}, path
        for tag, address in page.addresses:
            assert OURS.match(address) or (tag == "a" and FOREIGN.match(address)), (path, tag, address)
        assert text.count("<script") == 1, path


def test_links_that_lead_elsewhere_tell_nobody_where_from(pages: dict[str, str]) -> None:
    links = re.findall(r"<a [^>]*href=\"(?:https?:|mailto:)[^>]*>", "".join(pages.values()), re.IGNORECASE)
    assert len(links) > 10
    assert all('rel="noreferrer noopener"' in link for link in links)


def test_every_payload_is_shown_as_the_text_that_it_is(pages: dict[str, str]) -> None:
    said = re.sub(r"\s+", " ", " ".join("".join(Page(text).said) for text in pages.values()))
    shown = [payload for payload in hostile.PAYLOADS if re.sub(r"\s+", " ", payload) in said]
    assert len(hostile.PAYLOADS) >= 100
    assert len(shown) > 90


def test_files_that_are_not_what_they_say_are_downloaded_in_a_sandbox(attacked: Reader, pages: dict[str, str]) -> None:
    addresses = sorted(set(re.findall(r"/c/[0-9a-f]{16}/file/\d+/\d+", "".join(pages.values()))))
    assert len(addresses) == len(hostile.POLYGLOTS)
    for address, (name, content) in zip(addresses, hostile.POLYGLOTS.items(), strict=True):
        answer = attacked.get(address)
        assert answer.content == content
        shown = answer.headers["content-type"]
        expected = {"gif and script": "image/gif", "jpeg and html": "image/jpeg", "png and html": "image/png"}
        assert shown == expected.get(name, "application/octet-stream")
        assert answer.headers["content-disposition"].startswith("inline" if name in expected else "attachment")
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
