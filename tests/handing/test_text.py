"""Text, Markdown and CSV: every message once, as it is, and no text that passes for anything else."""

import ast
import csv
import re
import sys
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from skype_assets.etl.handing.handover import Format
from skype_assets.etl.handing.plain import file_name
from skype_assets.etl.handing.sheets import defused, sheets
from skype_assets.etl.handing.text import MARKDOWN, TEXT
from tests.conftest import NewDatabase
from tests.handing.conftest import HOSTILE, HandOver, Rows
from tests.reading import texts

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


FORMULA = tuple("=+-@|%＝＋－＠｜％﹦﹢﹣﹫﹪−⁺⁻")
BREAKS = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029;；|｜]")


@cache
def unseen() -> str:
    """Everything that Unicode calls a space, a control or a sign of format, or says to be ignored where it is shown."""
    ignored = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180f\u3164\ufe0f\uffa0\U000e0101"
    known = map(chr, range(sys.maxunicode + 1))
    return ignored + "".join(s for s in known if unicodedata.category(s) in ("Zs", "Zl", "Zp", "Cc", "Cf"))


def begins_cells(cell: str) -> Iterator[str]:
    """The beginnings of whatever is a cell to somebody who cuts at other signs as well, without what is not seen."""
    signs = unseen()
    yield from (part.lstrip(signs) for part in (cell, *BREAKS.split(cell)))


def exact(cell: str) -> str:
    """What docs/handing-over.md says of how to get the exact value back."""
    page = (Path(__file__).parents[2] / "docs" / "handing-over.md").read_text()
    [(pattern, replacement)] = re.findall(r'^cell = re\.sub\((r".*"), (r".*"), cell\)$', page, re.MULTILINE)
    return re.sub(ast.literal_eval(pattern), ast.literal_eval(replacement), cell)


def test_a_spreadsheet_runs_no_cell(write: HandOver, hostile_url: str) -> None:
    folder = write(sheets(is_raw=False), url=hostile_url).folder
    for name in ("messages.csv", "conversations.csv", "people.csv", "files.csv"):
        assert (folder / name).read_bytes().startswith(b"\xef\xbb\xbf")
        for row in lines(folder / name, "utf-8-sig"):
            for cell in row.values():
                assert not any(begun.startswith(FORMULA) for begun in begins_cells(cell))
    texts = [row["text"] for row in lines(folder / "messages.csv", "utf-8-sig")]
    assert '\'=HYPERLINK("http://x")' in texts
    assert [exact(text) for text in texts] == ["nobody knows when", *HOSTILE]


def test_what_nobody_sees_before_a_formula_does_not_hide_it() -> None:
    for sign in unseen():
        for formula in ("=1+1", "｜cmd"):
            text = f"{sign}{formula}"
            assert not any(begun.startswith(FORMULA) for begun in begins_cells(defused(text))), ascii(sign)
            assert defused(text).startswith("'")


@given(st.text(st.sampled_from("a=+-@|%＝－'\"\t\n\r;, \u00a0\u200b\u202e\ufeff\u2028")))
@example("safe\n=1")
@example("'=1")
@example("a;'\u200b'＝1")
@example("\n\n- one\n\n- two")
def test_defused_cells_begin_no_formula_and_can_be_made_exact_again(text: str) -> None:
    assert not any(begun.startswith(FORMULA) for begun in begins_cells(defused(text)))
    assert not defused(text).startswith(("\t", "\r", "\n"))
    assert exact(defused(text)) == text
    begin = text[: len(text) - len(text.lstrip(f"{unseen()};；|｜"))]
    if not set(text) & {*FORMULA, "'"} and not set(begin) & set("\t\r\n"):
        assert defused(text) == text


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


TURNING = ("a\u202etxt.exe", "a\u2069\u202eb", "\u2067\u2066a", "\u2068c\u2069", "\u202a\u202b\u202d\u202c")


def depth_behind(line: str) -> int:
    """How many isolates are open behind a text by UAX #9; none may end that is not its own."""
    depth = 0
    for sign in line:
        depth += (sign in "\u2066\u2067\u2068") - (sign == "\u2069")
        assert depth >= 0
    return depth


@pytest.mark.parametrize("format_", [TEXT, MARKDOWN], ids=lambda format_: format_.name)
def test_what_turns_text_around_is_exact_and_turns_nothing_beside_it(
    write: HandOver, new_database: NewDatabase, format_: Format
) -> None:
    url = new_database()
    texts.prepare(url)
    at = datetime(2020, 3, 1, tzinfo=UTC)
    texts.fill(url, [texts.Said(text, at, sender=text) for text in (*TURNING, "שלום plain")])
    said = whole(write(format_, url=url).folder, "").split("\n")
    for text in TURNING:
        lines = [line for line in said if text in line]
        assert len(lines) == (1 if format_ is TEXT else 2)
        for line in lines:
            before, _, behind = line.partition(text)
            assert depth_behind(before) >= 1
            assert depth_behind(line) == 0
            assert not re.search("[\u202a-\u202e]", before + behind) or line.count(text) == 2
    assert any("שלום plain" in line and not re.search("[\u2066-\u2069]", line) for line in said)


def test_an_empty_end_of_a_text_leaves_no_sign_of_markdown(write: HandOver, new_database: NewDatabase) -> None:
    url = new_database()
    texts.prepare(url)
    at = datetime(2020, 3, 1, tzinfo=UTC)
    texts.fill(url, [texts.Said(text, at) for text in ("one\n", "two\n\n\n", "three\n\nfour", "five\\")])
    tokens = MarkdownIt("commonmark").parse(whole(write(MARKDOWN, url=url).folder, ".md"))
    shown = ["".join(child.content or "\n" for child in token.children or ()) for token in tokens if token.children]
    assert [text for text in shown if "\\" in text] == ["five\\"]
    assert {"one", "two", "three\n\nfour"} <= {*shown}


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Same", "Same-key.txt"),
        ("CON", "CON-key.txt"),
        ("nul.txt", "_nul.txt-key.txt"),
        ("com1 .x", "_com1 .x-key.txt"),
        ("-rf", "rf-key.txt"),
        ("../../up", "up-key.txt"),
        ("a/b\\c:d\0e\u202ef", "a_b_c_d_e_f-key.txt"),
        ("हिन्दी ไทย", "हिन्दी ไทย-key.txt"),
        ("\u2764\ufe0f \U0001f9a6", "key.txt"),
        ("end... ", "end-key.txt"),
        ("..", "key.txt"),
        ("x" * 300, "x" * 60 + "-key.txt"),
    ],
)
def test_a_conversation_has_a_file_name_of_every_system(title: str, name: str) -> None:
    assert file_name(title, "key", ".txt") == name


@given(st.text())
def test_any_title_makes_a_file_name_of_every_system(title: str) -> None:
    name = file_name(title, "0123456789abcdef", ".txt")
    assert not set(name) & set('<>:"/\\|?*\0')
    assert not name.startswith((".", " ", "-"))
    assert len(name.encode()) <= 200
    assert not any(unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for sign in name)
    assert name.split(".")[0].strip().upper() not in ("CON", "NUL", "PRN", "AUX", "COM1", "LPT1")


def test_the_year_1_has_four_digits(write: HandOver, new_database: NewDatabase) -> None:
    url = new_database()
    texts.prepare(url)
    texts.fill(url, [texts.Said("old", datetime(1, 1, 2, 3, 4, 5, tzinfo=UTC))])
    assert "\n0001-01-02 03:04:05  Theo" in whole(write(TEXT, "text", url=url).folder, ".txt")
    assert "\n## 0001-01-02\n" in whole(write(MARKDOWN, "markdown", url=url).folder, ".md")
    [row] = lines(write(sheets(is_raw=True), "csv", url=url).folder / "messages.csv")
    assert row["local_time"] == "0001-01-02 03:04:05"


@pytest.mark.parametrize("format_", [TEXT, MARKDOWN, sheets(is_raw=False)], ids=lambda f: f.name)
def test_twice_the_same_bytes(write: HandOver, format_: object) -> None:
    one, two = write(format_, "one").folder, write(format_, "two").folder
    assert (one / "SHA256SUMS").read_bytes() == (two / "SHA256SUMS").read_bytes()
