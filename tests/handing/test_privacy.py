"""What is not selected is nowhere in a hand-over: not its texts, not who wrote it, not what it is called, in no format.

A word of its own stands in everything of each thing that is left out: of another account, of another conversation of
the account (and of an export that has only that), and of other messages of the same conversation; and in what each said
before, which another export has.
"""

import html
import json
import urllib.parse
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from skype_assets.etl import engine
from skype_assets.etl.handing.handover import Format, hand_over
from skype_assets.etl.handing.html import HTML
from skype_assets.etl.handing.parquet import PARQUET
from skype_assets.etl.handing.rsmf.writing import rsmf
from skype_assets.etl.handing.selection import Wanted
from skype_assets.etl.handing.sheets import sheets
from skype_assets.etl.handing.text import MARKDOWN, TEXT
from skype_assets.etl.task import Task
from tests.cases.chats import INES, OWNER, THEO, conversation, tar_of
from tests.conftest import NewDatabase
from tests.handing.rsmf_reader import read_all
from tests.pages import hostile

OTHER_ACCOUNT, OTHER_CHAT, OTHER_MESSAGE = PLANTS = ("numbat", "quokka", "wombat")
KEPT = "19:kept@thread.skype"
SELECTED = "kept"
EARLIER = "at the beginning"

SELECTIONS = {
    "account": (Wanted(owner=OWNER), {OTHER_ACCOUNT}),
    "conversation": (Wanted(conversations=(KEPT,), owner=OWNER), {OTHER_ACCOUNT, OTHER_CHAT}),
    "query": (Wanted(query=SELECTED, owner=OWNER), {OTHER_ACCOUNT, OTHER_CHAT, OTHER_MESSAGE}),
    "everything": (Wanted(), set[str]()),
}

FORMATS = [HTML, TEXT, MARKDOWN, sheets(is_raw=True), PARQUET, rsmf(with_load_file=True)]


def said(word: str, ids: Iterator[int], *, sender: str | None = None) -> Iterator[dict[str, Any]]:
    """Messages of every kind, in everything of which the word stands; and something that is no message."""
    words = (f"{word} {number}" for number in count())
    for message in hostile.messages(words):
        id = next(ids)
        yield {
            "id": str(id),
            "displayName": f"{word} {id}" if sender is None else "Ines",
            "originalarrivaltime": "2025-01-01T10:00:00Z",
            "version": id,
            "from": sender or f"8:{word}{id % 3}",
            "amsreferences": None,
            **message,
        }
    yield {"id": None, "content": word, "messagetype": word, "displayName": word}


def photo(word: str, number: int, ids: Iterator[int], media: dict[str, bytes]) -> dict[str, Any]:
    """A message with a photo that is in the export."""
    document, id = f"0-weu-d1-{number:032x}", next(ids)
    media[f"media/{document}.1.jpg"] = b"\xff\xd8\xff" + word.encode()
    media[f"media/{document}.json"] = json.dumps({"filename": f"{word}.jpg", "contents": {"imgpsh": "x"}}).encode()
    uri = f'<URIObject uri="https://x/{document}" type="Picture.1" doc_id="{document}"><OriginalName v="{word}.jpg"/>'
    return {
        **{"id": str(id), "displayName": "Ines", "originalarrivaltime": "2025-01-02T10:00:00Z", "version": id},
        **{"from": INES, "messagetype": "RichText/UriObject", "content": f"{uri}</URIObject>"},
        **{"properties": {"albumId": word}, "amsreferences": [document]},
    }


def reworded(number: int, version: int, text: str) -> dict[str, Any]:
    """A message that says something else in each export."""
    at = {"id": f"{1_600_000_000_000 + number}", "originalarrivaltime": "2025-01-03T10:00:00Z", "version": version}
    return {**at, "displayName": "Ines", "from": INES, "messagetype": "Text", "content": text, "amsreferences": None}


def chat(id: str, title: str, people: list[str], *messages: dict[str, Any]) -> dict[str, Any]:
    return conversation(
        id,
        *messages,
        displayName=title,
        properties={"consumptionhorizon": title},
        threadProperties={"topic": title, "membercount": len(people), "members": json.dumps(people)},
    )


def export(path: Path, owner: str, day: int, chats: list[dict[str, Any]], media: dict[str, bytes]) -> Path:
    document = {"userId": owner, "exportDate": f"2025-06-0{day}T08:00", "conversations": chats}
    return tar_of(path, {"messages.json": json.dumps(document).encode(), **media})


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> tuple[str, Path]:
    """Four exports of two accounts, loaded: the database, and the folder of the checkpoints."""
    folder = tmp_path_factory.mktemp("planted")
    output_dir, url, ids = folder / "output", new_database(), count(1_700_000_000_000)
    media: dict[str, bytes] = {}
    mention = {"content": f'<at id="8:elsewhere">someone</at> {SELECTED}', "messagetype": "RichText"}
    named_elsewhere = {"from": "8:elsewhere", "displayName": OTHER_CHAT, "content": "hello", "messagetype": "RichText"}
    kept = [
        *list(said(SELECTED, ids))[:-1],
        *list(said(OTHER_MESSAGE, ids, sender=INES)),
        photo(SELECTED, 1, ids, media),
        photo(OTHER_MESSAGE, 2, ids, media),
        {**photo(SELECTED, 3, ids, media), **mention},
        reworded(1, 2, f"{SELECTED} in the end"),
        reworded(2, 2, f"{OTHER_MESSAGE} in the end"),
    ]
    others = [
        *said(OTHER_CHAT, ids),
        *said(OTHER_CHAT, ids, sender=INES),
        {**photo(OTHER_CHAT, 4, ids, media), "displayName": f"Ines {OTHER_CHAT}"},
        {**photo(OTHER_CHAT, 5, ids, media), **named_elsewhere},
        reworded(3, 2, f"{OTHER_CHAT} in the end"),
    ]
    before = [
        chat(
            *(KEPT, "The kept ones", [OWNER, INES, THEO]),
            *(reworded(1, 1, f"{SELECTED} {EARLIER}"), reworded(2, 1, f"{SELECTED} and {OTHER_MESSAGE} {EARLIER}")),
        ),
        chat(f"19:{OTHER_CHAT}@thread.skype", OTHER_CHAT, [OWNER, INES], reworded(3, 1, f"{OTHER_CHAT} {EARLIER}")),
    ]
    people = [OWNER, INES, THEO]
    left_out = chat(f"19:{OTHER_CHAT}@thread.skype", OTHER_CHAT, [*people, f"8:{OTHER_CHAT}"], *others)
    direct = chat(f"8:{OTHER_CHAT}", f"Miss {OTHER_CHAT}", [], *said(OTHER_CHAT, ids))
    ours = [chat(KEPT, "The kept ones", people, *kept), left_out, direct]
    foreign = [
        chat(KEPT, OTHER_ACCOUNT, [f"8:{OTHER_ACCOUNT}"], *said(OTHER_ACCOUNT, ids), photo(OTHER_ACCOUNT, 6, ids, {})),
        chat(left_out["id"], OTHER_ACCOUNT, [f"8:{OTHER_ACCOUNT}"], *said(OTHER_ACCOUNT, ids)),
    ]
    exports = [
        export(folder / f"{OTHER_CHAT}.tar", OWNER, 1, [left_out], {}),
        export(folder / "earlier.tar", OWNER, 1, before, {}),
        export(folder / "export.tar", OWNER, 2, ours, media),
        export(folder / f"{OTHER_ACCOUNT}.tar", f"8:live:{OTHER_ACCOUNT}", 3, foreign, {}),
    ]
    for path in exports:
        engine.run(Task(path.stem, output_dir, path, url))
    return url, output_dir


def everything_in(folder: Path) -> Iterator[tuple[str, str]]:
    """Names and contents of all files, with what is packed or escaped in them, as text."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        yield name, name
        if path.is_file():
            content = path.read_bytes().decode("utf-8", "replace")
            yield name, content
            yield name, html.unescape(urllib.parse.unquote(content))
            if path.suffix == ".parquet":
                yield name, repr(pq.read_table(path).to_pylist())
                yield name, repr(pq.read_metadata(path).to_dict())
    for file in read_all(folder):
        yield file.name, "\n".join(f"{header}: {value}" for header, value in file.mail.items())
        yield file.name, file.text
        yield file.name, json.dumps(file.manifest, ensure_ascii=False)
        yield file.name, repr(file.files)


@pytest.mark.parametrize("format_", FORMATS, ids=lambda format_: format_.name)
@pytest.mark.parametrize("selection", SELECTIONS)
def test_of_what_is_not_selected_no_format_tells_anything(
    tmp_path: Path, planted: tuple[str, Path], format_: Format, selection: str
) -> None:
    url, output_dir = planted
    wanted, left_out = SELECTIONS[selection]
    handed = hand_over(
        lambda: url, format_, tmp_path / "handed", wanted, output_dir, with_media=format_.has_media, progress=print
    )
    texts = [(name, content.casefold()) for name, content in everything_in(handed.folder)]
    found = {(plant, name) for plant in PLANTS for name, content in texts if plant in content}
    assert {(plant, name) for plant, name in found if plant in left_out} == set()
    assert {plant for plant, _ in found} == {*PLANTS} - left_out
    assert any(f"{SELECTED} {EARLIER}" in content for _, content in texts)
    assert "export.tar" in (handed.folder / "report.html").read_text()


def test_the_report_of_a_part_proves_where_it_was_taken_from_and_counts_only_that(
    tmp_path: Path, planted: tuple[str, Path]
) -> None:
    url, output_dir = planted
    whole, part, some = (
        hand_over(
            *(lambda: url, TEXT, tmp_path / name, SELECTIONS[name][0], output_dir),
            with_media=False,
            progress=lambda *_: None,
        )
        for name in ("account", "conversation", "query")
    )
    assert whole.document["selection"]["messages"] > part.document["selection"]["messages"]
    assert part.document["selection"]["messages"] > some.document["selection"]["messages"]
    for handed in (part, some):
        page = (handed.folder / "report.html").read_text()
        count = f"{handed.document['selection']['messages']:,}"
        assert f"Messages of the selection that are of this export: {count}." in page
        assert handed.document["selection"]["sha256"] in page
        assert "Digests of the tables" not in page
        assert page.count("<section>") == 2  # that which has the rows, and that which has what one said before
        assert [path in page for path in ("export.tar", "earlier.tar", f"{OTHER_CHAT}.tar")] == [True, True, False]
        earlier = 1 if handed is some else 2
        assert f"has another text than the better copy: {earlier}." in page
    assert "The kept ones" in (part.folder / "report.html").read_text()
    assert "The kept ones" not in (some.folder / "report.html").read_text()
