"""What a message said in other exports goes with it, in every form that shows what was edited, the oldest first."""

import csv
import json
from pathlib import Path

import pytest

from skype_assets.etl import engine
from skype_assets.etl.handing.handover import Format, Handed, hand_over
from skype_assets.etl.handing.html import HTML
from skype_assets.etl.handing.rsmf.writing import rsmf
from skype_assets.etl.handing.selection import Wanted
from skype_assets.etl.handing.sheets import sheets
from skype_assets.etl.handing.text import MARKDOWN, TEXT
from skype_assets.etl.reading import conversations, walk
from skype_assets.etl.reading.snapshots import Snapshots
from skype_assets.etl.task import Task
from tests.cases.chats import OWNER, THEO, conversation, message, written
from tests.conftest import NewDatabase
from tests.handing.rsmf_reader import read_all

SAID = (
    ("otters", "otters", "otters"),
    ("at noon", "at one", "at two"),
    ("there", "back", "there"),
    ("a secret", "a secret", ""),
)
"""What each message says in one export after the other."""

SHOWN = {"otters": [], "at two": ["at noon", "at one"], "there": ["back"], "": ["a secret"]}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> tuple[str, Path]:
    folder, url = tmp_path_factory.mktemp("earlier"), new_database()
    for day in (2, 3, 1):
        said = [
            message(number, THEO, content=texts[day - 1], version=day)
            for number, texts in enumerate(SAID)
            if day < 3 or texts[2]
        ]
        if day == 3:
            said.append(message(3, THEO, content="", version=day, properties={"deletetime": "1735725700000"}))
        path = written(folder / f"{day}.json", [conversation(THEO, *said)], day)
        engine.run(Task(f"day-{day}", folder / "output", path, url))
    return url, folder / "output"


def handed(loaded: tuple[str, Path], format_: Format, folder: Path) -> Handed:
    url, output_dir = loaded
    return hand_over(
        lambda: url, format_, folder / "handed", Wanted(), output_dir, with_media=False, progress=lambda *_: None
    )


def test_a_message_has_what_it_said_in_other_exports(loaded: tuple[str, Path]) -> None:
    snapshots = Snapshots(lambda: loaded[0])
    with snapshots.snapshot() as session:
        page = walk.newest(session, conversations.chosen(session, OWNER, THEO), 10)
    snapshots.close()
    assert {one.text: one.earlier for one in page.messages} == SHOWN
    assert all(one.superseded == one.earlier for one in page.messages)


@pytest.mark.parametrize("format_", [TEXT, MARKDOWN], ids=["text", "markdown"])
def test_text_says_it_in_brackets(loaded: tuple[str, Path], tmp_path: Path, format_: Format) -> None:
    [path] = (handed(loaded, format_, tmp_path).folder / "conversations").iterdir()
    said = path.read_text().replace("\\", "")
    for earlier in SHOWN.values():
        for text in earlier:
            assert said.count(f"[What it said before: {text}]") == 1
    assert said.count("What it said before") == 4
    assert said.index("at two") < said.index("at noon") < said.index("at one")


def test_csv_has_it_in_what_is_shown(loaded: tuple[str, Path], tmp_path: Path) -> None:
    with (handed(loaded, sheets(is_raw=True), tmp_path).folder / "messages.csv").open(newline="") as file:
        shown = {row["text"]: row["as_shown"] for row in csv.DictReader(file)}
    assert {
        text: [line[len("[What it said before: ") : -1] for line in lines.splitlines() if "said before" in line]
        for text, lines in shown.items()
    } == SHOWN


def test_rsmf_has_it_as_edits(loaded: tuple[str, Path], tmp_path: Path) -> None:
    events = [
        event for file in read_all(handed(loaded, rsmf(with_load_file=False), tmp_path).folder) for event in file.events
    ]
    edits = [[(edit["previous"], edit["new"]) for edit in event.get("edits", ())] for event in events]
    assert sorted(edits) == sorted(
        [[], [("at noon", "at one"), ("at one", "at two")], [("back", "there")], [("a secret", "")]]
    )


def test_pages_show_it_and_their_search_finds_what_the_reader_finds(loaded: tuple[str, Path], tmp_path: Path) -> None:
    folder = handed(loaded, HTML, tmp_path).folder
    [page] = (folder / "c").rglob("*.html")
    for earlier in SHOWN.values():
        for text in earlier:
            assert f'<p class="text" dir="auto">{text}</p>' in page.read_text()
    [shard] = (folder / "search").glob("0*.js")
    assert "at two" in shard.read_text()
    assert "at noon" not in shard.read_text()


def test_the_report_counts_it_by_export(loaded: tuple[str, Path], tmp_path: Path) -> None:
    report = (handed(loaded, TEXT, tmp_path).folder / "report.html").read_text()
    counted = [
        part.split("</section>")[0].count("another text than the better copy") for part in report.split("<section>")
    ]
    assert counted[1:] == [1, 1, 0]
    assert "better copy: 2." in report
    assert "better copy: 3." in report
    assert json.loads((tmp_path / "handed" / "selection.json").read_text())["selection"]["messages"] == len(SAID)
