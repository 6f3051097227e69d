"""A person at the reader: reads, jumps, searches, looks at photos, figures and paper. In a real browser.

Not part of `make test`, which must run on machines without a browser: `make test-browser`, and `.ci/run`.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.browsers import Watched, watched
from tests.browser.conftest import LONG
from tests.pages.reader import Reader

FIRST = "#feed > article"

expect.set_options(timeout=60_000)


@pytest.fixture
def at(browser: Browser, reader: Reader) -> Iterator[Watched]:
    with watched(browser, reader.url) as at:
        yield at


@pytest.fixture
def at_long(browser: Browser, long: Reader) -> Iterator[Watched]:
    with watched(browser, long.url) as at:
        yield at


def open_conversation(page: Page, title: str) -> None:
    page.locator("#conversations a").filter(has_text=title).first.click()
    page.locator(FIRST).first.wait_for()


def open_largest(page: Page) -> None:
    """Open the conversation with most messages."""
    counts = page.locator("#conversations .row > .facts:nth-of-type(3)").all_inner_texts()
    numbers = [int(re.sub(r"\D", "", count)) for count in counts]
    page.locator("#conversations a").nth(numbers.index(max(numbers))).click()
    page.locator(FIRST).first.wait_for()


def photograph(page: Page, name: str) -> None:
    """Keep what is to be seen, if somebody wants the pictures (SCREENSHOTS=folder)."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.wait_for_load_state("networkidle")
        page.screenshot(path=Path(folder) / f"{name}.png", animations="disabled")


def test_the_secret_is_gone_from_the_address_and_titles_are_filtered_as_they_are_typed(at: Watched) -> None:
    page = at.page
    assert page.url == f"{at.origin}/"
    photograph(page, "reader-conversations")
    page.get_by_label("Filter by title").fill("BOOK circle")
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^[1-9]\d* shown$"))
    shown = page.locator("#conversations > li:visible")
    assert all("book circle" in title.lower() for title in shown.all_inner_texts())


def test_from_a_conversation_to_one_message_in_its_context_and_back(at: Watched) -> None:
    page = at.page
    open_largest(page)
    there = page.url
    photograph(page, "reader")
    message = page.locator("article.message").nth(-5)
    text = message.locator(".text").first.inner_text() if message.locator(".text").count() else ""
    message.get_by_role("link", name="Link to this message").click()
    expect(page).to_have_url(re.compile("/m/"))
    target = page.locator("article.target")
    expect(target).to_be_in_viewport()
    expect(target).to_be_focused()
    assert text in target.inner_text()
    page.go_back()
    expect(page).to_have_url(there)


def test_a_date_in_the_middle_is_where_reading_goes_on(at_long: Watched) -> None:
    page = at_long.page
    open_largest(page)
    page.get_by_label("Go to a date").fill("2020-03-05")
    page.get_by_role("button", name="Go", exact=True).click()
    first = page.locator(f"{FIRST} time[datetime]").first
    expect(first).to_be_in_viewport()
    assert (first.get_attribute("datetime") or "") >= "2020-03-05"


def test_a_conversation_opens_at_its_end(at_long: Watched) -> None:
    open_largest(at_long.page)
    expect(at_long.page.locator(FIRST).last).to_be_in_viewport()


def test_by_keys_from_the_end_to_the_beginning_every_message_once(chromium: Browser, long: Reader) -> None:
    with watched(chromium, long.url) as at:
        page = at.page
        open_largest(page)
        expect(page.locator(FIRST).last).to_be_in_viewport()
        ids, most = read_by_key(page, "[", "prev")
        assert len(ids) > LONG / 2
        assert most < 1_000, "what is far behind goes"
        back, _ = read_by_key(page, "]", "next")
        assert back == ids


LOOK = """async rel => {
    do await new Promise(over => setTimeout(over, 10)); while (document.querySelector("#feed[aria-busy]"));
    const all = [...document.querySelectorAll("#feed > article")];
    const days = [...document.querySelectorAll("#feed .day")];
    const [goal, at] = [rel === "prev" ? all[0] : days.at(-1), document.activeElement];
    const isLink = document.querySelector(`.more > a[rel=${rel}]`)?.checkVisibility();
    const shown = {
        ids: all.map(one => one.id),
        noFiles: all.filter(one => !one.querySelector(".file")).map(one => one.id),
        headings: days.map(day => day.textContent),
    };
    const before = window.shownBefore;
    window.shownBefore = JSON.stringify(shown);
    return [!isLink && (goal.contains(at) || at.contains(goal)), window.shownBefore === before ? null : shown];
}"""
"""Whether there is no more and the focus is where a key leads at last; and what is shown, unless that is as before.

One question a key: a long conversation has thousands of days.
"""


def read_by_key(page: Page, key: str, rel: str) -> tuple[list[str], int]:
    """Press a key until it leads no further.

    Returns the ids seen of what is no file (photos of an album stand together where a page has them all), and the
    most messages at a time.
    """
    page.evaluate("window.shownBefore = null")
    seen: set[str] = set()
    most = 0
    for _ in range(LONG):
        page.keyboard.press(key)
        is_over, shown = page.evaluate(LOOK, rel)
        if shown:
            assert shown["ids"] == sorted(set(shown["ids"]), key=number), "in order, each once"
            assert len(shown["headings"]) == len(set(shown["headings"]))
            seen.update(shown["noFiles"])
            most = max(most, len(shown["ids"]))
        if is_over:
            break
    return sorted(seen, key=number), most


def number(id: str) -> int:
    return int(id.removeprefix("m-"))


def test_j_and_k_go_from_message_to_message_and_letters_in_a_field_are_letters(at: Watched) -> None:
    page = at.page
    open_conversation(page, "Book circle")
    page.keyboard.press("k")
    first = page.evaluate("document.activeElement.id")
    page.keyboard.press("k")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.id") == first
    page.keyboard.press("/")
    page.keyboard.type("jjk?")
    expect(page.get_by_label("Search all messages")).to_have_value("jjk?")
    page.keyboard.press("Escape")
    page.locator("body").click(position={"x": 2, "y": 400})
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()


def test_a_search_leads_to_the_hit_in_its_conversation(at: Watched) -> None:
    page = at.page
    page.get_by_label("Search all messages").fill("otters from:zofia")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text(re.compile(r"\d+ messages? found|More than 1,000 found"))
    photograph(page, "reader-search")
    hits = page.locator(".hits > li")
    assert all("otters" in hit.lower() for hit in hits.all_inner_texts()), "what was found is shown, also of links"
    text = re.compile("otters", re.IGNORECASE)
    hits.locator(".hit a").filter(has_text=text).first.click()
    expect(page.locator("article.target")).to_contain_text(text)


def test_a_wrong_query_shows_its_place(at: Watched) -> None:
    page = at.open("/search?q=otters+form:zofia")
    expect(page.get_by_role("alert")).to_contain_text("form: is no operator")
    expect(page.locator(".pointed mark")).to_have_text("form:zofia")


def test_photos_are_seen_and_files_are_there(at: Watched) -> None:
    page = at.open("/media")
    page.wait_for_load_state("networkidle")
    widths = page.locator(".gallery img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert sum(width > 0 for width in widths) > 3


SEEK = """(audio, second) => new Promise((over, fail) => {
    audio.onerror = () => fail(audio.error.message);
    audio.onseeked = () => over([audio.duration, audio.currentTime]);
    audio.onloadedmetadata = () => { audio.currentTime = second };
    audio.preload = "metadata";
    audio.load();
})"""


def test_a_voice_message_can_be_sought_in(browser: Browser, spoken: Reader) -> None:
    with watched(browser, spoken.url) as at:
        page = at.page
        open_largest(page)
        audio = page.locator("audio")
        assert audio.evaluate(SEEK, 40) == [60, 40]
        source = audio.get_attribute("src") or ""
    whole = spoken.get(source)
    part = spoken.get(source, Range="bytes=4-7")
    assert (part.status, part.content) == (206, whole.content[4:8])
    assert part.headers["content-range"] == f"bytes 4-7/{len(whole.content)}"
    assert spoken.get(source, Range="bytes=-4").content == whole.content[-4:]
    assert spoken.get(source, Range=f"bytes={len(whole.content)}-").status == 416


def test_figures_have_pictures_with_their_tables(at: Watched) -> None:
    page = at.open("/stats")
    expect(page.get_by_role("img", name="Messages per month")).to_be_visible()
    expect(page.get_by_role("img", name="Messages by weekday and hour")).to_be_visible()
    photograph(page, "reader-statistics")
    page.get_by_text("As a table").first.click()
    expect(page.get_by_role("table").first).to_be_visible()


def test_from_a_message_to_its_bytes(at: Watched) -> None:
    page = at.page
    open_conversation(page, "Book circle")
    message = page.locator("article.message").last
    message.hover()
    message.get_by_role("link", name="Evidence").click()
    expect(page.get_by_text("These bytes have the recorded hash.")).to_be_visible()
    assert '"id":"' in page.locator("pre").first.inner_text()


def test_on_paper_there_are_pages_and_no_bubbles(chromium: Browser, reader: Reader) -> None:
    with watched(chromium, reader.url) as at:
        page = at.page
        open_largest(page)
        paper = page.pdf(prefer_css_page_size=True)
        assert paper.startswith(b"%PDF")
        assert len(re.findall(rb"/Type\s*/Page\b", paper)) > 3
        page.emulate_media(media="print")
        expect(page.locator("header.site")).to_be_hidden()
        assert page.locator(".bubble").first.evaluate("one => getComputedStyle(one).borderTopWidth") == "0px"


PATHS = ("CONVERSATION", "MESSAGE", "EVIDENCE", "PERSON", "/", "/media", "/search?q=otters", "/search?q=a:b", "/stats")
SOME = "all => all.slice(0, 30).map(one => one.getAttribute('href'))"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(chromium: Browser, reader: Reader, scheme: str) -> None:
    with watched(chromium, reader.url, color_scheme=scheme, bypass_csp=True) as at:
        page = at.page
        open_conversation(page, "Book circle")
        conversation = page.url.removeprefix(at.origin)
        message = page.locator("article.message a.time").first.get_attribute("href") or ""
        person = page.locator("article.message .by a").first.get_attribute("href") or ""
        named = {
            "CONVERSATION": conversation,
            "MESSAGE": message,
            "EVIDENCE": message.replace("/m/", "/evidence/"),
            "PERSON": person,
        }
        for path in PATHS:
            at.open(named.get(path, path))
            found = Axe().run(page)
            wrong = [(one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]]
            assert wrong == [], path


def test_it_is_read_on_a_narrow_screen_from_right_to_left_and_in_the_dark(chromium: Browser, reader: Reader) -> None:
    with watched(chromium, reader.url, viewport={"width": 320, "height": 640}, color_scheme="dark") as at:
        page = at.page
        for path in ("/", "/stats", "/media", "/search?q=otters"):
            at.open(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
        at.open("/")
        open_largest(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        photograph(page, "reader-narrow")
        at.open("/search?q=%D8%B4%D9%83%D8%B1%D8%A7")
        page.locator(".hits .hit a").first.click()
        text = page.locator("article.target .text").first
        assert text.evaluate("one => one.dir") == "auto"


def test_every_page_works_without_script(chromium: Browser, reader: Reader) -> None:
    with watched(chromium, reader.url, java_script_enabled=False) as at:
        page = at.page
        open_largest(page)
        last = page.locator(FIRST).first.get_attribute("id")
        page.get_by_role("link", name="Older messages").click()
        assert page.locator(FIRST).last.get_attribute("id") != last
        page.get_by_role("link", name="Newer messages").click()
        expect(page.locator(FIRST).first).to_be_attached()


def test_a_hostile_export_does_nothing_on_any_kind_of_page(browser: Browser, attacked: Reader) -> None:
    with watched(browser, attacked.url) as at:
        page = at.page
        paths = page.locator("#conversations a").evaluate_all("all => all.map(one => one.getAttribute('href'))")
        assert len(paths) > 5
        messages: list[str] = []
        people: list[str] = []
        for path in paths:
            at.open(path)
            page.wait_for_timeout(500)  # for what is loaded beyond the ends
            messages += page.locator("a.time").evaluate_all(SOME)[::6]
            people += page.locator(".by a").evaluate_all(SOME)[::6]
        for path in [
            "/media",
            "/stats",
            "/search?q=alert",
            "/search?q=%3Cscript%3Ealert(1)%3C/script%3E",
            "/search?q=%22%3E%3Cimg+src=x+onerror=alert(1)%3E:x",
            *messages[:20],
            *(message.replace("/m/", "/evidence/") for message in messages[:20]),
            *people[:20],
        ]:
            at.open(path)
            page.wait_for_timeout(50)  # for a refresh, an animation: they begin once the page is loaded
        for address in page.locator("a[download]").evaluate_all("all => all.map(one => one.href)"):
            page.request.get(address)
