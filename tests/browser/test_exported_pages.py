"""The reader as files, opened from a folder that was moved: reading, photos, permalinks and search, and no request.

Not part of `make test`, which must run on machines without a browser: `make test-browser`, and `.ci/run`.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg2
import pytest
from playwright.sync_api import Browser, Page, expect

from skype_assets.etl import engine
from skype_assets.etl.reading.find import find
from skype_assets.etl.reading.keys import slug
from skype_assets.etl.reading.query import QueryError, parse
from skype_assets.etl.reading.snapshots import Snapshots
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Task
from tests.browser.browsers import Watched, watched
from tests.conftest import NewDatabase
from tests.pages import hostile
from tests.pages.reader import PROJECT

ZONE = "Europe/Berlin"

expect.set_options(timeout=60_000)

QUERIES = (
    "otters",
    "OTTERS -shelf",
    '"see the otters"',
    "ott",
    "from:mara",
    "from:theo -from:mara otters",
    "in:theo date:2024",
    "in:thread before:2025",
    "date:2018..2024-06",
    "date:2024-02-29",
    "after:2025-05",
    "-date:2024",
    *(f"has:{name}" for name in ("photo", "video", "voice", "file", "link", "call", "reaction", "quote")),
    *("is:edited", "is:deleted", "is:mine has:photo", "kind:call", "-kind:text -has:link"),
    "garden gate.jpg",
    "https://",
    "月",
    "я",
    "ς",
    "e",
    "[",
    "%",
    "zzzzzz",
)

HITS = """
query => find(parse(query)).hits.map(
    hit => [index.chats[rowOf(shards[hit.number], hit.row)[CHAT]].id, hit.slug])"""

WRONG = ("otters form:zofia", 'a "phrase', "date:2019-13", "has:nothing", "from:", "date:..x", "after:2019-02-30")


def export(place: Path, database: str, folder: Path, *options: str) -> Path:
    kept = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME" and not name.startswith("PG")}
    environment = {**kept, "SKYPE_HOME": str(place), "SKYPE_DATABASE_URL": database, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "skype_assets.etl.command_line", "export", "html", str(folder), *options]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def exported(place: Path, database: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample as files, in another folder than it was written to."""
    folder = tmp_path_factory.mktemp("exported")
    export(place, database, folder / "written", "--time-zone", ZONE)
    (folder / "a stick, näher").mkdir()
    return Path(shutil.move(folder / "written", folder / "a stick, näher" / "moved"))


def opened(browser: Browser, folder: Path) -> AbstractContextManager[Watched]:
    """A browser at a folder's pages."""
    return watched(browser, f"{folder.as_uri()}/index.html")


@pytest.fixture
def at(browser: Browser, exported: Path) -> Iterator[Watched]:
    with opened(browser, exported) as at:
        yield at


def open_with(page: Page, title: str) -> None:
    page.locator("#conversations a").filter(has_text=title).first.click()
    page.locator("#feed > article").first.wait_for()


def test_a_conversation_is_read_from_its_end_month_by_month(at: Watched) -> None:
    page = at.page
    assert page.title() == "Conversations – Skype reader"
    expect(page.locator("p.hint")).to_contain_text("SHA-256 of the selection")
    open_with(page, "Release train")
    last = page.url
    page.locator(".more a[rel=prev]").first.click()
    page.wait_for_url(lambda url: url != last)
    page.locator("#feed > article").first.wait_for()
    page.locator(".more a[rel=next]").click()
    page.wait_for_url(f"{last.split('#')[0]}**")
    page.get_by_role("link", name="Beginning").click()
    page.wait_for_url(lambda url: url.split("#")[0] != last.split("#")[0])
    assert page.locator(".more a[rel=prev]:visible").count() == 0
    assert page.locator("a.evidence:visible").count() == 0


def test_a_date_leads_to_its_day(at: Watched) -> None:
    page = at.page
    open_with(page, "Release train")
    page.locator("#at").fill("2024-03-01")
    page.locator("form.jump button").click()
    page.wait_for_url("**#day-2024-03-01")
    day = page.evaluate(
        "() => [...document.querySelectorAll('#feed .day time')].map(t => [t.dateTime, t.getBoundingClientRect().top])"
        ".filter(([d]) => d >= '2024-03-01')[0]"
    )
    assert day is not None
    assert -5 <= day[1] < 300


def test_photos_are_shown_and_what_is_missing_says_so(at: Watched) -> None:
    page = at.page
    page.goto(f"{at.origin}/search.html?q=has%3Aphoto")
    page.locator(".hits li").first.wait_for()
    for link in page.locator(".hits .hit > a").evaluate_all("links => links.map(link => link.href)")[:30]:
        page.goto(link)
        if page.locator("#feed img").count():
            break
    image = page.locator("#feed img").first
    image.scroll_into_view_if_needed()
    page.wait_for_function("() => [...document.querySelectorAll('#feed img')].some(i => i.naturalWidth > 0)")
    assert "/files/" in (image.get_attribute("src") or "")
    assert not [one for one in page.locator("#feed img").all() if (one.get_attribute("src") or "").startswith("/")]
    page.goto(f"{at.origin}/search.html?q=has%3Aphoto")
    page.locator(".hits li").last.locator(".hit > a").click()
    page.locator("#feed").wait_for()
    assert page.locator("figure.file").count()


def test_a_permalink_and_a_quote_lead_to_their_messages(at: Watched) -> None:
    page = at.page
    page.goto(f"{at.origin}/search.html?q=has%3Aquote")
    page.locator(".hits .hit > a").first.click()
    target = page.locator("article:target")
    expect(target).to_have_count(1)
    expect(target).to_be_in_viewport()
    quoted = page.locator("#feed blockquote a[href]")
    assert quoted.count()
    quoted.first.click()
    expect(page.locator("article:target, figure:target")).to_have_count(1)


def test_people_have_pages_with_links_to_what_is_there(at: Watched) -> None:
    page = at.page
    open_with(page, "Release train")
    page.locator("details.people summary").click()
    page.locator("details.people a").first.click()
    expect(page.locator("main h2")).to_have_text("Takes part in")
    page.get_by_role("link", name="Messages of").click()
    page.locator(".hits li").first.wait_for()


def test_the_search_finds_what_the_reader_finds(at: Watched, database: str) -> None:
    page, snapshots = at.page, Snapshots(lambda: database, ZONE)
    page.goto(f"{at.origin}/search.html?q=otters")
    page.locator("#found .lead").wait_for()
    with snapshots.snapshot() as session:
        for query in QUERIES:
            found = find(session, parse(query, ZoneInfo(ZONE)), limit=1_000)
            hits = page.evaluate(HITS, query)
            if found.is_more:
                assert len(hits) == 1_000, query
                continue
            expected = {(hit.conversation_id, slug(hit.message_id)) for hit in found.hits}
            assert {tuple(hit) for hit in hits} == expected, query
    snapshots.close()


@pytest.mark.parametrize("query", WRONG)
def test_a_wrong_query_is_explained_as_by_the_reader(at: Watched, query: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse(query)
    assert refused.value.problem
    at.page.goto(f"{at.origin}/search.html")
    at.page.locator("main form.search input").fill(query)
    at.page.locator("main form.search button").click()
    expect(at.page.locator("#found .box.bad")).to_have_count(1)


def test_a_further_query_loads_nothing_and_the_way_back_leads_to_the_one_before(at: Watched) -> None:
    page, counted = at.page, at.page.locator("#found [role=status]")
    page.goto(f"{at.origin}/search.html?q=otters")
    first = counted.text_content()
    loaded: list[str] = []
    page.on("request", lambda sent: loaded.append(sent.url) if sent.resource_type == "script" else None)
    field = page.locator("main form.search input[type=search]")
    for query in ("zzzzzz", "is:mine"):
        field.fill(query)
        field.press("Enter")
        page.wait_for_url(f"**/search.html?q={query.replace(':', '%3A')}")
        expect(page).to_have_title(re.compile(f"^{query} – Search"))
        assert counted.text_content() != first
        assert field.input_value() == query
    page.go_back()
    page.go_back()
    expect(counted).to_have_text(first or "")
    expect(page).to_have_title(re.compile("^otters – Search"))
    assert loaded == []


def test_a_long_month_is_several_pages(browser: Browser, tmp_path: Path, new_database: NewDatabase) -> None:
    url = new_database()
    write_sample(tmp_path / "long.tar", messages=300, conversations=1, oddities=False)
    engine.run(Task("long", tmp_path / "output", tmp_path / "long.tar", url))
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO skype.messages (owner_id, conversation_id, message_id, sent_at, kind, text, is_forwarded, "
            "flags, source_member, source_offset, source_length, raw_sha256, export_id) "
            "SELECT owner_id, conversation_id, 'x' || n, '2020-06-01'::timestamptz + n * interval '1 second', 'text', "
            "'number ' || n, false, '{}', 'm', 0, 1, 'x', export_id "
            "FROM (SELECT * FROM skype.messages WHERE kind = 'text' LIMIT 1) AS m, generate_series(1, 4500) AS n"
        )
    folder = export(tmp_path, url, tmp_path / "files", "--time-zone", "UTC")
    [chat] = {path.parent for path in folder.glob("c/*/2020-06.html")}
    assert sorted(path.name for path in chat.glob("2020-06*")) == [
        "2020-06-part2.html",
        "2020-06-part3.html",
        "2020-06.html",
    ]
    with opened(browser, folder) as at:
        page = at.page
        page.goto(f"{at.origin}/search.html?q=%22number+4321%22")
        page.locator(".hits .hit > a").first.click()
        expect(page.locator("article:target")).to_contain_text("number 4321")
        assert "2020-06-part3.html" in page.url


def test_nothing_in_a_hostile_export_runs_or_leaves_the_folder(
    browser: Browser, tmp_path: Path, new_database: NewDatabase
) -> None:
    url = new_database()
    engine.run(Task("hostile", tmp_path / "output", hostile.write(tmp_path / "hostile.tar"), url))
    folder = export(tmp_path, url, tmp_path / "files")
    with opened(browser, folder) as at:
        for path in sorted(folder.rglob("*.html")):
            at.page.goto(path.as_uri())
            at.page.wait_for_load_state()
        at.page.goto(f"{at.origin}/search.html?q=-zzzz")
        at.page.locator(".hits li").first.wait_for()
        assert at.page.locator(".hits .hit").count() > 20
