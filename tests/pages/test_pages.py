"""What the pages show, of one account and of several, and while there is trouble."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from markupsafe import escape

from skype_assets.etl import engine
from skype_assets.etl.database.session import Session
from skype_assets.etl.pages import text
from skype_assets.etl.pages.media_types import OTHER, media_type
from skype_assets.etl.pages.words import REPORT, WORDS
from skype_assets.etl.reading.keys import key, slug
from skype_assets.etl.reading.query import KINDS
from skype_assets.etl.sample import write_overlapping, write_sample
from skype_assets.etl.task import Settings, Task
from tests.conftest import NewDatabase
from tests.engine.database_content import query
from tests.media import exports
from tests.pages.reader import Reader, reading

PAGES = Path(__file__).parents[2] / "skype_assets" / "etl" / "pages"
MARA, THEO = "8:live:mara.ostrow", "8:tbrannock"


def conversations(page: str) -> list[str]:
    return re.findall(r'class="row" href="(/c/[0-9a-f]{16}/)"', page)


def test_of_several_accounts_one_is_chosen_and_an_owner_sees_no_other(
    tmp_path: Path, new_database: NewDatabase
) -> None:
    url = new_database()
    for owner in (MARA, THEO):
        name = owner.rpartition(":")[2]
        export = write_sample(tmp_path / f"{name}.tar", messages=400, owner=owner, seed=len(name)).path
        engine.run(Task(name, tmp_path / "output", export, url))
    with reading(tmp_path, url) as both:
        start = both.get("/").text
        assert f"/?a={key(MARA, '')}" in start
        assert f"/?a={key(THEO, '')}" in start
        assert conversations(start) == []
        maras = both.get(f"/?a={key(MARA, '')}").text
        assert f'href="/stats?a={key(MARA, "")}"' in maras, "other pages stay with the account"
        assert len(conversations(maras)) > 10
        for path in ("/media", "/stats"):
            assert key(THEO, "") in both.get(path).text
            assert both.get(f"{path}?a={key(THEO, '')}").status == 200
        assert both.get("/?a=0000000000000000").status == 404
        [other, *_] = conversations(maras)
    with reading(tmp_path, url, "--owner", "tbrannock") as his:
        shown = conversations(his.get("/").text)
        assert len(shown) > 10
        assert not set(shown) & set(conversations(maras))
        assert his.get(other).status == 404
        assert his.get(f"/p/{key(MARA, MARA)}").status == 404
        assert f"/c/{key(MARA, '')}" not in his.get("/search?q=otters").text


def test_an_export_that_is_gone_leaves_boxes_and_one_that_is_back_shows_its_photos(
    reader: Reader, place: Path, tmp_path: Path
) -> None:
    shown = reader.get("/media").text
    address = re.search(r'<img src="([^"]+)"', shown)
    assert address is not None
    assert reader.get(address[1]).headers["content-type"] == "image/jpeg"
    away = tmp_path / "away.tar"
    shutil.move(place / "sample.tar", away)
    try:
        assert reader.get(address[1]).status == 404
        gone = reader.get("/media").text
        assert "<img" not in gone
        assert "the export that has it is not at hand" in gone
        (place / "sample.tar").write_bytes(b"another file of this name")
        assert reader.get(address[1]).status == 404
    finally:
        shutil.move(away, place / "sample.tar")
    assert reader.get(address[1]).status == 200


def test_files_are_read_in_place_from_tar_zip_and_folder_and_not_from_a_compressed_tar(
    tmp_path: Path, new_database: NewDatabase
) -> None:
    sizes: dict[str, int] = {}
    for form in ("a.tar", "a.zip", "a.tar.gz", "folder"):
        home = tmp_path / form.replace(".", "-")
        home.mkdir()
        export = home / form
        write_sample(home / ("whole.tar" if form == "folder" else form), messages=600)
        if form == "folder":
            export.mkdir()
            subprocess.run(["tar", "-xf", home / "whole.tar", "-C", export], check=True)
        url = new_database()
        engine.run(Task("t", home / "output", export, url, Settings(keep_media=False)))
        with reading(home, url) as running:
            addresses = re.findall(r'(?:src|href)="(/c/[^"]+/file/[^"]+)"', running.get("/media").text)
            sizes[form] = sum(len(running.get(address).content) for address in set(addresses))
    assert sizes["a.tar"] == sizes["a.zip"] == sizes["folder"] > 1_000
    assert sizes["a.tar.gz"] == 0


def test_an_export_that_is_partial_says_so_and_so_does_a_conversation_that_is_cut_short(
    tmp_path: Path, new_database: NewDatabase
) -> None:
    message = '{"id":"1","messagetype":"Text","version":1,"content":"here","conversationid":"8:tbrannock"}'
    document = f'{{"userId":"8:a","conversations":[{{"id":"8:tbrannock","MessageList":[{message},'
    (tmp_path / "messages.json").write_text(document)
    url = new_database()
    settings = Settings(salvage=True, max_workers=1)
    engine.run(Task("t", tmp_path / "output", tmp_path / "messages.json", url, settings))
    with reading(tmp_path, url) as reader:
        page = reader.get("/").text
        assert "partial: the export is damaged" in page
        assert "Not all of this conversation is here" in reader.get(conversations(page)[0]).text


def test_what_a_message_said_in_earlier_exports_is_on_its_page_of_evidence(
    tmp_path: Path, new_database: NewDatabase
) -> None:
    url = new_database()
    for export in write_overlapping(tmp_path, exports=3, messages=400):
        engine.run(Task(export.stem, tmp_path / "output", export, url))
    with reading(tmp_path, url) as reader:
        for change, said in (("deleted", WORDS["deleted"]), ("text", "changed my mind")):
            [(conversation_id, message_id, earlier)] = query(
                url, "SELECT h.conversation_id, h.message_id, f.text FROM skype.message_history h "
                "JOIN skype.message_history f USING (owner_id, conversation_id, message_id) "
                f"WHERE h.change = '{change}' AND f.change = 'first' AND f.text <> '' "
                "AND h.edit_of IS NULL ORDER BY 2 LIMIT 1",
            )  # fmt: skip
            page = reader.get(f"/c/{key(MARA, conversation_id)}/evidence/{slug(message_id)}").text
            history = page.partition(WORDS["e_history"])[2].partition("</section>")[0]
            assert history.index(escape(earlier)) < history.index(said) < history.index(WORDS["e_current"])
        [(conversation_id, message_id)] = query(
            url, "SELECT conversation_id, message_id FROM skype.messages m WHERE edit_of IS NULL AND NOT EXISTS "
            "(SELECT FROM skype.superseded_copies s WHERE s.message_id = m.message_id) ORDER BY 2 LIMIT 1",
        )  # fmt: skip
        alone = reader.get(f"/c/{key(MARA, conversation_id)}/evidence/{slug(message_id)}")
        assert alone.status == 200
        assert WORDS["e_history"] not in alone.text


def test_the_reader_goes_on_when_the_database_was_away(tmp_path: Path, new_database: NewDatabase) -> None:
    url = new_database()
    engine.run(Task("t", tmp_path / "output", write_sample(tmp_path / "a.tar", messages=200).path, url))
    with reading(tmp_path, url) as running, Session(url) as session:
        assert running.get("/").status == 200
        own = "pid <> pg_backend_pid() AND datname = current_database()"
        session.rows(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {own}")
        assert running.get("/").status == 200


@pytest.mark.parametrize("name", sorted(path.name for path in (PAGES / "templates").glob("*.html")))
def test_templates_have_no_words_of_their_own(name: str) -> None:
    template = (PAGES / "templates" / name).read_text(encoding="utf-8")
    shown = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|<style>.*?</style>", "", template, flags=re.DOTALL)
    assert re.findall(r"[A-Za-z]{2,}", re.sub(r"<[^>]*>", " ", shown)) == []
    words = REPORT if name == "report.html" else WORDS
    for named in re.findall(r"\bw\.(\w+)", template):
        assert named in words or named == "get"


def test_every_word_is_used() -> None:
    handing = PAGES.parent / "handing"
    paths = [*PAGES.rglob("*.html"), *PAGES.rglob("*.js"), *PAGES.glob("*.py"), *handing.rglob("*.py")]
    sources = "".join(path.read_text(encoding="utf-8") for path in paths)
    catalogue = (PAGES / "words.py").read_text(encoding="utf-8")
    used = sources.replace(catalogue, "")
    # Those of the data: statuses, events and calls by their names, kinds of messages, files and conversations.
    of_data = re.compile(r"(call|error|member|legacy|e2ee|history|joining|moderation|role|picture|user|topic)_")
    kinds = {*KINDS, "direct", "group", "bot", "special", "phone", "incoming", "outgoing"}
    unused = [name for name in WORDS if not re.search(rf"\b{name}\b", used) and not of_data.match(name)]
    assert set(unused) <= kinds


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("see https://example.org/a, please", ">https://example.org/a</a>, please"),
        ("(https://example.org/a_(b))", ">https://example.org/a_(b)</a>)"),
        ("mailto:a@example.org.", ">mailto:a@example.org</a>."),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("https://", "https://"),
        ("<b>", "&lt;b&gt;"),
    ],
)
def test_links_in_a_text_end_where_they_end(said: str, shown: str) -> None:
    assert str(text.body(said)).endswith(shown)


def test_a_text_of_brackets_takes_no_longer_than_another() -> None:
    said = "https://example.org/" + ")" * 1_000_000
    assert len(text.body(said)) > 1_000_000


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\0\0\0\0WEBP", "image/webp"),
        (b"RIFF\0\0\0\0WAVE", "audio/wav"),
        (b"RIFF\0\0\0\0AVI ", OTHER),
        (b"\0\0\0\x1cftypavif", "image/avif"),
        (b"\0\0\0\x1cftypheic", OTHER),
        (b"\0\0\0\x1cftypM4A ", "audio/mp4"),
        (b"\0\0\0\x1cftypisom", "video/mp4"),
        (b"\x1aE\xdf\xa3", "video/webm"),
        (b"<svg xmlns=", OTHER),
        (b"\xef\xbb\xbf<html>", OTHER),
        (b"%PDF-1.7", OTHER),
        (b"", OTHER),
    ],
)
def test_a_files_type_is_told_by_its_bytes(start: bytes, expected: str) -> None:
    assert media_type(start) == expected


def test_a_quote_leads_only_to_a_message_that_is_there(tmp_path: Path, new_database: NewDatabase) -> None:
    """Exports lack old messages: what was quoted is often none of theirs."""
    there, reply, lost = exports.message(1, ""), exports.message(2, ""), exports.message(3, "")
    there |= {"messagetype": "RichText", "content": "it rains"}
    for message, quoted in ((reply, there["id"]), (lost, "1546300861000")):
        quote = f'<quote author="theo" conversation="{exports.CHAT}" messageid="{quoted}">it rains</quote>indeed'
        message |= {"messagetype": "RichText", "content": quote}
    url = new_database()
    members = {"messages.json": exports.messages(there, reply, lost)}
    engine.run(Task("quotes", tmp_path / "output", exports.write(tmp_path / "quotes.tar", members), url))
    with reading(tmp_path, url) as running:
        [chat] = conversations(running.get("/").text)
        links = re.findall(rf'href="({chat}m/[^"]+)" aria-label="{WORDS["show_quoted"]}"', running.get(chat).text)
        assert len(links) == 1
        assert running.get(links[0]).status == 200
