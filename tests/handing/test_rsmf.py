"""RSMF: every selected message is exactly one event, every file's bytes are there, and readers get what they expect."""

import csv
import hashlib
import re
from collections import Counter
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from skype_assets.etl.handing.media import Kept
from skype_assets.etl.handing.rsmf import events, parts
from skype_assets.etl.handing.rsmf.writing import rsmf
from skype_assets.etl.reading.messages import Attachment
from tests.conftest import NewDatabase
from tests.handing.conftest import HOSTILE, HandOver, Rows
from tests.handing.rsmf_reader import read_all
from tests.reading import texts

RSMF = rsmf(with_load_file=True)


def listed(folder: Path, name: str = "manifest.csv") -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def custom(event: dict[str, Any]) -> dict[str, str]:
    return {pair["name"]: pair["value"] for pair in event["custom"]}


def test_every_message_is_one_event_with_its_text_time_and_sender(write: HandOver, rows: Rows) -> None:
    folder = write(RSMF).folder
    events = [(file, event) for file in read_all(folder) for event in file.events]
    expected = {
        (chat, id): (sent_at, sender or "system", text, kind, sha256, edited)
        for chat, id, sent_at, sender, text, kind, sha256, edited in rows(
            "SELECT conversation_id, message_id, sent_at, sender_id, text, kind, encode(raw_sha256, 'hex'), edited_at "
            "FROM skype.messages WHERE edit_of IS NULL AND sent_at IS NOT NULL"
        )
    }
    assert Counter((e["conversation"], e["id"]) for _, e in events) == Counter(expected.keys())
    for file, event in events:
        sent_at, sender, text, kind, sha256, edited = expected[event["conversation"], event["id"]]
        assert datetime.fromisoformat(event["timestamp"]) == sent_at
        assert file.name[9:19] == f"{sent_at.astimezone(UTC):%Y-%m-%d}"
        assert event["type"] in ("join", "leave") or event["participant"] == sender
        if kind == "text" and edited is None:
            assert event["body"].endswith(text) or f"{text}\n[" in event["body"]
        assert custom(event)["raw_sha256"] == sha256
        assert custom(event)["skype.kind"] == kind
        assert all(pair["value"] for pair in event["custom"])
        assert event["body"] or event["attachments"]


def test_layers_headers_lists_and_hashes_agree(write: HandOver) -> None:
    folder = write(RSMF).folder
    files = read_all(folder)
    by_name = {row["file"]: row for row in listed(folder)}
    assert by_name.keys() == {file.name for file in files}
    for file in files:
        row, mail, events = by_name[file.name], file.mail, file.events
        raw = (folder / file.name).read_bytes()
        assert (int(row["bytes"]), row["sha256"]) == (len(raw), hashlib.sha256(raw).hexdigest())
        assert max(map(len, raw.split(b"\r\n"))) <= 998
        assert raw.count(b"\n") == raw.count(b"\r\n")
        assert int(row["events"]) == len(events) == int(mail["X-RSMF-EventCount"])
        assert sum(len(e.get("attachments", ())) for e in events) == int(mail["X-RSMF-AttachmentCount"])
        assert (mail["X-RSMF-Version"], file.manifest["version"]) == ("2.0.0", "2.0.0")
        begin, end = events[0]["timestamp"], events[-1]["timestamp"]
        assert (row["begin"], row["end"]) == (begin, end) == (mail["X-RSMF-BeginDate"], mail["X-RSMF-EndDate"])
        sent = parsedate_to_datetime(mail["Date"])
        assert sent == datetime.fromisoformat(begin).replace(microsecond=0)
        [conversation] = file.manifest["conversations"]
        people = {one["id"]: one for one in file.manifest["participants"]}
        assert conversation["custodian"] in conversation["participants"]
        assert set(conversation["participants"]) <= people.keys()
        assert all(event["participant"] in people for event in events)
        assert len(mail["From"].addresses) == 1
        assert {one.display_name for one in mail["To"].addresses} <= {one["display"] for one in people.values()}
        assert len(file.text.strip().splitlines()) == len(events)
        assert conversation["display"] in str(mail["Subject"])
        assert re.fullmatch(r"[0-9a-f]{8}_\d{4}-\d\d-\d\d_1of1\.rsmf", file.name)
    collections = {(f.manifest["conversations"][0]["id"], f.manifest["eventcollectionid"]) for f in files}
    assert len(collections) == len({chat for chat, _ in collections}) == len({id for _, id in collections})


def test_files_of_messages_are_in_the_zip_byte_for_byte_and_missing_ones_are_named(write: HandOver, rows: Rows) -> None:
    exact = {path.stem: path.read_bytes() for path in _sheet_files(write)}
    files = read_all(write(RSMF).folder)
    names = 0
    for file in files:
        carried = {one["id"]: one for event in file.events for one in event.get("attachments", ())}
        assert carried.keys() == file.files.keys()
        for id, content in file.files.items():
            sha256 = hashlib.sha256(content).hexdigest()
            assert id.startswith(sha256[:16])
            assert len(id.encode()) <= 120
            assert content == exact[sha256]
            assert carried[id]["size"] == len(content)
            if content.startswith(b"\xff\xd8\xff"):
                assert carried[id]["display"].lower().endswith((".jpg", ".jpeg"))
            names += 1
    assert names
    missing = [event for file in files for event in file.events if "missing" in custom(event)]
    [(absent,)] = rows(
        "SELECT count(DISTINCT (conversation_id, message_id)) FROM skype.attachments JOIN skype.messages "
        "USING (owner_id, conversation_id, message_id) WHERE NOT present AND attachments.kind <> 'card' "
        "AND edit_of IS NULL"
    )
    assert len(missing) == absent
    assert all("not in the export]" in event["body"] for event in missing)


def _sheet_files(write: HandOver) -> list[Path]:
    from skype_assets.etl.handing.sheets import sheets

    return list((write(sheets(is_raw=True), "sheets").folder / "files").iterdir())


def test_who_came_and_went_edits_deletions_and_reactions(write: HandOver, rows: Rows) -> None:
    events = [event for file in read_all(write(RSMF, media=False).folder) for event in file.events]
    kinds = Counter(event["type"] for event in events)
    for ours, theirs in (("member_added", "join"), ("member_removed", "leave")):
        [(count,)] = rows("SELECT count(DISTINCT message_id) FROM skype.thread_events WHERE event = %s", ours)
        assert kinds[theirs] == count > 0
    [(deleted,)] = rows(
        "SELECT count(*) FROM skype.messages WHERE edit_of IS NULL "
        "AND (deleted_at IS NOT NULL OR 'deleted_by_edit_marker' = ANY (flags))"
    )
    assert sum(event.get("deleted", False) for event in events) == deleted > 0
    [(edited,)] = rows(
        "SELECT count(*) FROM skype.messages m WHERE edit_of IS NULL AND (edited_at IS NOT NULL OR EXISTS ("
        "SELECT FROM skype.superseded_copies c WHERE c.text <> '' AND c.text <> m.text AND "
        "(c.owner_id, c.conversation_id, c.message_id) = (m.owner_id, m.conversation_id, m.message_id)))"
    )
    assert sum("edits" in event for event in events) == edited > 0
    [(reactions,)] = rows(
        "SELECT count(*) FROM skype.reactions JOIN skype.messages USING (owner_id, conversation_id, message_id) "
        "WHERE edit_of IS NULL"
    )
    assert sum(one["count"] for event in events for one in event.get("reactions", ())) == reactions > 0
    assert {one["value"] for event in events for one in event.get("reactions", ())} & {"thumbsup", "laughing", "cry"}


def test_an_edit_has_what_the_message_said_before_and_after(write: HandOver, new_database: NewDatabase) -> None:
    url = new_database()
    texts.prepare(url)
    at, later = datetime(2020, 3, 1, tzinfo=UTC), datetime(2020, 3, 2, tzinfo=UTC)
    copy = texts.Said("first", at, edit_of="00000")
    texts.fill(url, [texts.Said("then", at, columns={"edited_at": later, "version": 9}), copy])
    [file] = read_all(write(RSMF, url=url).folder)
    [event] = file.events
    assert event["body"] == "then"
    assert event["edits"] == [
        {"participant": texts.THEO, "timestamp": "2020-03-02T00:00:00.000Z", "previous": "first", "new": "then"}
    ]


def test_a_day_with_more_events_than_a_file_has_is_several(
    write: HandOver, hostile_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MOST_EVENTS", 4)
    folder = write(RSMF, url=hostile_url).folder
    files = read_all(folder)
    count = -(-len(HOSTILE) // 4)
    assert [file.name[-10:] for file in files] == [f"_{n}of{count}.rsmf" for n in range(1, count + 1)]
    assert [file.mail["X-RSMF-Part"] for file in files] == [f"{n}/{count}" for n in range(1, count + 1)]
    assert [event["body"] for file in files for event in file.events if event["body"]][0] == HOSTILE[0]
    assert len({file.manifest["eventcollectionid"] for file in files}) == 1
    [untimed] = listed(folder, "without_time.csv")
    assert untimed["text"] == "nobody knows when"


def test_the_day_begins_where_the_time_zone_says(write: HandOver, new_database: NewDatabase) -> None:
    url = new_database()
    texts.prepare(url)
    texts.fill(url, [texts.Said("late", datetime(2020, 2, 29, 23, 30, tzinfo=UTC))])
    [utc] = read_all(write(RSMF, "utc", url=url).folder)
    [berlin] = read_all(write(RSMF, "berlin", url=url, zone="Europe/Berlin").folder)
    assert ("2020-02-29" in utc.name, "2020-03-01" in berlin.name) == (True, True)
    assert (utc.mail["X-RSMF-TimeZone"], berlin.mail["X-RSMF-TimeZone"]) == (None, "Europe/Berlin")
    assert utc.events == berlin.events


@pytest.mark.parametrize("year", [1, 9999])
def test_the_ends_of_the_calendar_are_days_like_others(write: HandOver, new_database: NewDatabase, year: int) -> None:
    url = new_database()
    texts.prepare(url)
    texts.fill(url, [texts.Said("long ago", datetime(year, 1, 2, 3, 4, 5, tzinfo=UTC))])
    folder = write(RSMF, url=url).folder
    [file] = read_all(folder)
    assert file.name[9:] == f"{year:04}-01-02_1of1.rsmf"
    assert str(file.mail["Subject"]) == f"Theo Brannock, {year:04}-01-02"
    assert (file.mail["Date"] is None) == (year == 1)
    assert listed(folder)[0]["begin"] == file.mail["X-RSMF-BeginDate"] == f"{year:04}-01-02T03:04:05.000Z"


def test_what_a_file_is_called_stands_in_a_line_and_names_no_folder_in_the_zip() -> None:
    photo = Attachment(0, None, "photo", "line\nbreak\r\n/../x", None, None, None, None, None, True, None, None)
    described = events._attachment(photo, Kept("files/x.jpg", 3, "a" * 64, "image/jpeg"))
    assert described["display"] == "line break /../x.jpg"
    assert described["id"] == f"{'a' * 16}-line_break_.._x.jpg"


NAMES = (
    'a "quoted" name, with \\ and <x@y>',
    "Zoë\r\nBcc: evil@example.org",
    "=?utf-8?q?looks_encoded?=",
    "名" * 400,
    "x" * 2_000,
    "a\x07b\u2028c",
    "=1+1",
)


@pytest.mark.parametrize("name", NAMES)
def test_no_name_and_no_title_breaks_a_header(write: HandOver, new_database: NewDatabase, name: str) -> None:
    import psycopg2

    url = new_database()
    texts.prepare(url)
    texts.fill(url, [texts.Said("hello", datetime(2020, 2, 29, tzinfo=UTC))])
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE skype.conversations SET title = %s", [name])
        cursor.execute("UPDATE skype.participants SET display_name = %s", [name])
    folder = write(RSMF, url=url, query="hello").folder
    [file] = read_all(folder)
    flat = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    assert " ".join(str(file.mail["Subject"]).split()) == f"{flat}, 2020-02-29"
    # Between encoded words Python's reader of addresses keeps the folding, which is nothing (RFC 2047, 6.2).
    assert {"".join(one.display_name.split()) for one in file.mail["To"].addresses} == {flat.replace(" ", "")}
    assert file.mail["Bcc"] is None
    assert {one["display"] for one in file.manifest["participants"]} == {name}
    assert file.mail["X-RSMF-Selection"] == "hello"


def test_two_runs_make_the_same_bytes(write: HandOver) -> None:
    one, two = (write(RSMF, name).folder for name in ("one", "two"))
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in two.iterdir())
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in names)


def test_the_load_file_has_the_columns_and_rows_of_the_list(write: HandOver) -> None:
    folder = write(RSMF, query="from:mara").folder
    raw = (folder / "load.dat").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    lines = raw.decode("utf-8-sig").split("\r\n")
    table = [[cell[1:-1] for cell in line.split("\x14")] for line in lines[:-1]]
    assert lines[-1] == ""
    rows = listed(folder)
    assert table[0] == list(rows[0])
    assert [dict(zip(table[0], row, strict=True))["sha256"] for row in table[1:]] == [row["sha256"] for row in rows]
