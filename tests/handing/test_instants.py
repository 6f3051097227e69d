"""Instants that no clock shows - forged, infinite, none - hinder no hand-over: each message has the nearest one."""

import csv
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pyarrow.parquet as pq
import pytest

from skype_assets.etl.handing.handover import Format
from skype_assets.etl.handing.html import HTML
from skype_assets.etl.handing.parquet import PARQUET
from skype_assets.etl.handing.rsmf.writing import rsmf
from skype_assets.etl.handing.sheets import sheets
from skype_assets.etl.handing.text import MARKDOWN, TEXT
from tests.conftest import NewDatabase
from tests.handing.conftest import HandOver
from tests.handing.rsmf_reader import read_all
from tests.reading import texts

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
INSTANTS = {
    "-infinity": FIRST,
    "4714-11-24 00:00:00+00 BC": FIRST,
    "0044-03-15 12:00:00+00 BC": FIRST,
    "0001-01-01 00:00:00+00": FIRST,
    "0001-01-01 00:00:01+00": datetime(1, 1, 1, 0, 0, 1, tzinfo=UTC),
    "2020-03-01 12:00:00+00": datetime(2020, 3, 1, 12, tzinfo=UTC),
    "9999-12-31 23:59:59.999999+00": LAST,
    "10000-01-01 00:00:00+00": LAST,
    "294276-12-31 23:59:59.999999+00": LAST,
    "infinity": LAST,
    None: None,
}
TEXTS = [f"said at {instant}" for instant in INSTANTS]
ZONES = ("UTC", "America/New_York", "Pacific/Auckland")
EVERYWHERE = (
    ("messages", "edited_at"),
    ("messages", "deleted_at"),
    ("quotes", "quoted_at"),
    ("exports", "exported_at"),
    ("exports", "loaded_at"),
    ("conversations", "first_message_at"),
    ("conversations", "last_message_at"),
    ("participants", "first_seen"),
    ("participants", "last_seen"),
)


@pytest.fixture(scope="module")
def forged_url(new_database: NewDatabase) -> str:
    url = new_database()
    texts.prepare(url)
    texts.fill(url, [texts.Said(text, None) for text in TEXTS])
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO skype.quotes (owner_id, conversation_id, message_id, ordinal, text) "
            "SELECT owner_id, conversation_id, message_id, 0, 'quoted' FROM skype.messages"
        )
        for text, instant in zip(TEXTS, INSTANTS, strict=True):
            cursor.execute("UPDATE skype.messages SET sent_at = %s WHERE text = %s", [instant, text])
    return url


def said_in_pages(folder: Path) -> Iterator[str]:
    for path in sorted((folder / "c").rglob("*.html")):
        yield from re.findall(r'<p class="text" dir="auto">(said at [^<]*)', path.read_text())


def said_in_files(folder: Path) -> Iterator[str]:
    for path in (folder / "conversations").iterdir():
        yield from re.findall(r"said at .*", path.read_text().replace("\\", ""))


def said_in_sheet(folder: Path) -> Iterator[str]:
    with (folder / "messages.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            expected = INSTANTS[list(INSTANTS)[TEXTS.index(row["text"])]]
            assert (datetime.fromisoformat(row["sent_at"]) if row["sent_at"] else None) == expected
            yield row["text"]


def said_in_tables(folder: Path) -> Iterator[str]:
    for path in folder.glob("*.parquet"):
        pq.read_table(path).to_pylist()  # Python has an object for each value
    for row in pq.read_table(folder / "messages.parquet").to_pylist():
        assert row["sent_at"] == INSTANTS[list(INSTANTS)[TEXTS.index(row["text"])]]
        yield row["text"]


def said_in_events(folder: Path) -> Iterator[str]:
    for file in read_all(folder):
        for event in file.events:
            assert datetime.fromisoformat(event["timestamp"]).year in (1, 2020, 9999)
            yield event["body"].splitlines()[-1]
    with (folder / "without_time.csv").open(newline="") as sheet:
        yield from (row["text"] for row in csv.DictReader(sheet))


FORMATS = [
    (HTML, said_in_pages),
    (TEXT, said_in_files),
    (MARKDOWN, said_in_files),
    (sheets(is_raw=True), said_in_sheet),
    (PARQUET, said_in_tables),
    (rsmf(with_load_file=True), said_in_events),
]


@pytest.mark.parametrize(("format_", "said"), FORMATS, ids=[format_.name for format_, _ in FORMATS])
def test_every_message_is_handed_over_whenever_it_was_sent(
    write: HandOver, forged_url: str, format_: Format, said: Callable[[Path], Iterator[str]]
) -> None:
    for zone in ZONES:
        handed = write(format_, zone.replace("/", "-"), zone=zone, url=forged_url)
        assert sorted(said(handed.folder)) == sorted(TEXTS)


@pytest.mark.parametrize("instant", ["-infinity", "4714-11-24 00:00:00+00 BC", "294276-12-31 23:59:59+00", "infinity"])
def test_no_other_instant_hinders_it_either(write: HandOver, new_database: NewDatabase, instant: str) -> None:
    url = new_database()
    texts.prepare(url)
    texts.fill(url, [texts.Said("hello", datetime(2020, 3, 1, tzinfo=UTC))])
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO skype.quotes (owner_id, conversation_id, message_id, ordinal, text) "
            "SELECT owner_id, conversation_id, message_id, 0, 'quoted' FROM skype.messages"
        )
        for table, column in EVERYWHERE:
            cursor.execute(f"UPDATE skype.{table} SET {column} = %s", [instant])
    for format_, _ in FORMATS:
        handed = write(format_, format_.name, zone="Pacific/Auckland", url=url)
        assert handed.document["selection"]["messages"] == 1
