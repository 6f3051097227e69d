"""Text, Markdown and CSV: every message once, as it is, and no text that passes for anything else."""

import csv
import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from skype_assets.etl.handing.sheets import sheets
from skype_assets.etl.handing.text import MARKDOWN, TEXT
from tests.handing.conftest import HOSTILE, HandOver, Rows

HEAD = re.compile(r"^(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|no time)  [^:\n]+: ", re.MULTILINE)


def whole(folder: Path, ending: str) -> str:
    return "\n".join(path.read_text() for path in sorted((folder / "conversations").glob(f"*{ending}")))


def lines(path: Path, encoding: str = "utf-8") -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file))


def test_text_has_every_message_once(write: HandOver, rows: Rows) -> None:
    handed = write(TEXT, media=False)
    [(count,)] = rows("SELECT count(*) FROM skype.messages WHERE edit_of IS NULL")
    said = whole(handed.folder, ".txt")
    assert len(HEAD.findall(said)) == count
    for (text,) in rows("SELECT text FROM skype.messages WHERE kind = 'text' AND text <> '' AND edit_of IS NULL"):
        first = str(text).split("\n")[0]
        assert first in said or not first.isprintable()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", said)


def test_no_text_passes_for_a_message_of_its_own(write: HandOver, hostile_url: str) -> None:
    text = whole(write(TEXT, "text", url=hostile_url).folder, ".txt")
    assert len(HEAD.findall(text)) == len(HOSTILE) + 1
    assert not re.search("[\r\u2028]", text)


def test_markdown_is_shown_as_it_was_written(write: HandOver, hostile_url: str) -> None:
    [path] = (write(MARKDOWN, "markdown", url=hostile_url).folder / "conversations").iterdir()
    tokens = MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(path.read_text())
    kinds = [token.type for token in tokens]
    assert not {"fence", "code_block", "html_block", "ordered_list_open", "blockquote_open", "table_open"} & {*kinds}
    assert kinds.count("bullet_list_open") == 1
    headings = [tokens[n + 1].content for n, kind in enumerate(kinds) if kind == "heading_open"]
    assert headings == ["Theo Brannock", "2020\\-03\\-01".replace("\\", "")]
    inline = [child for token in tokens for child in token.children or ()]
    assert not {"image", "html_inline", "code_inline"} & {child.type for child in inline}
    assert {child.attrs["href"] for child in inline if child.type == "link_open"} == {
        "http://x/",
        "http://x",
        "https://example.org/a_b_(c)*d*",
    }
    shown = "".join(child.content if child.type == "text" else "\n" for child in inline)
    for text in (
        "# a heading",
        "**Theo Brannock** 10:00",
        "1. one",
        "> three",
        "<script>alert(1)</script>",
        "$x$ &lt;",
    ):
        assert text in shown


def test_a_spreadsheet_runs_no_cell(write: HandOver, hostile_url: str) -> None:
    folder = write(sheets(is_raw=False), url=hostile_url).folder
    for name in ("messages.csv", "conversations.csv", "people.csv", "files.csv"):
        assert (folder / name).read_bytes().startswith(b"\xef\xbb\xbf")
        for row in lines(folder / name, "utf-8-sig"):
            for cell in row.values():
                assert not cell.lstrip().startswith(tuple("=+-@＝＋－＠"))
    assert '\'=HYPERLINK("http://x")' in [row["text"] for row in lines(folder / "messages.csv", "utf-8-sig")]


def test_raw_csv_is_exact(write: HandOver, hostile_url: str) -> None:
    folder = write(sheets(is_raw=True), url=hostile_url).folder
    assert [row["text"] for row in lines(folder / "messages.csv")] == ["nobody knows when", *HOSTILE]


def test_csv_has_every_message_and_where_it_was_taken_from(write: HandOver, rows: Rows) -> None:
    folder = write(sheets(is_raw=True), zone="Europe/Berlin").folder
    found = {
        (r["conversation_id"], r["message_id"]): (r["text"], r["raw_sha256"], r["source_offset"], r["sender_id"])
        for r in lines(folder / "messages.csv")
    }
    expected = rows(
        "SELECT conversation_id, message_id, text, encode(raw_sha256, 'hex'), source_offset::text, "
        "coalesce(sender_id, '') FROM skype.messages WHERE edit_of IS NULL"
    )
    assert found.keys() == {row[:2] for row in expected}
    texts = {row[:2]: row[2:] for row in expected}
    different = [key for key in found if found[key] != texts[key]]
    assert all(found[key][1:] == texts[key][1:] for key in different)  # but for what a later copy says
    assert len(different) < 20
    noon = next(r for r in lines(folder / "messages.csv") if r["sent_at"].startswith("2024-07-"))
    assert int(noon["local_time"][11:13]) == (int(noon["sent_at"][11:13]) + 2) % 24


def test_files_are_handed_over_under_the_hash_of_their_bytes(write: HandOver, rows: Rows) -> None:
    folder = write(sheets(is_raw=True)).folder
    listed = [row for row in lines(folder / "files.csv") if row["file"]]
    [(present,)] = rows("SELECT count(*) FROM skype.attachments WHERE present")
    assert len(listed) == present > 0
    assert {path.name for path in (folder / "files").iterdir()} == {
        row["file"].removeprefix("files/") for row in listed
    }
    assert all(row["file"].startswith(f"files/{row['sha256']}.") for row in listed)


@pytest.mark.parametrize("format_", [TEXT, MARKDOWN, sheets(is_raw=False)], ids=lambda f: f.name)
def test_twice_the_same_bytes(write: HandOver, format_: object) -> None:
    one, two = write(format_, "one").folder, write(format_, "two").folder
    assert (one / "SHA256SUMS").read_bytes() == (two / "SHA256SUMS").read_bytes()
