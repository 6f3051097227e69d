"""What is handed over is what the reader's query selects, and can be proved to be the same."""

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pyarrow.parquet as pq
import pytest

from skype_assets.etl.database import search_index
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import UsageError
from skype_assets.etl.handing.parquet import PARQUET
from skype_assets.etl.handing.selection import Wanted, select
from skype_assets.etl.reading.find import find
from skype_assets.etl.reading.query import QueryError, parse
from skype_assets.etl.reading.snapshots import Snapshots
from tests.conftest import NewDatabase
from tests.handing.conftest import HandOver, Rows, psql
from tests.reading import texts

QUERIES = (
    "otters",
    "otters -from:mara",
    "from:mara date:2024..2025",
    "has:photo before:2025",
    "is:edited",
    '"see the otters" OR',
    "kind:call",
    "-has:link -kind:text",
    "in:theo",
)


def selected(folder: Path) -> set[tuple[str, str]]:
    table = pq.read_table(folder / "messages.parquet", columns=["conversation_id", "message_id", "edit_of"])
    return {(row["conversation_id"], row["edit_of"] or row["message_id"]) for row in table.to_pylist()}


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_selects_what_the_reader_finds(write: HandOver, sample_url: str, query: str) -> None:
    snapshots = Snapshots(lambda: sample_url)
    with snapshots.snapshot() as session:
        found = find(session, parse(query), limit=1_000)
    snapshots.close()
    assert found.total <= 1_000
    hits = {(hit.conversation_id, hit.message_id) for hit in found.hits}
    if not hits:
        with pytest.raises(UsageError, match="nothing is selected"):
            write(PARQUET, query=query)
        return
    handed = write(PARQUET, query=query)
    assert selected(handed.folder) == hits
    assert handed.document["selection"]["messages"] == len(hits)


def test_without_a_query_every_message_is_selected(write: HandOver, rows: Rows) -> None:
    handed = write(PARQUET)
    [(originals, all_rows)] = rows("SELECT count(*) FILTER (WHERE edit_of IS NULL), count(*) FROM skype.messages")
    assert handed.document["selection"]["messages"] == originals
    assert handed.document["figures"]["messages"] == all_rows
    assert json.loads((handed.folder / "selection.json").read_text()) == handed.document


def test_the_digest_is_what_plain_sql_makes_of_the_selected_rows(write: HandOver, rows: Rows) -> None:
    handed = write(PARQUET, query="from:mara")
    hashes = rows(
        "SELECT sha256(convert_to(ROW(owner_id, conversation_id, message_id, raw_sha256)::text, 'UTF8')) "
        "FROM skype.messages WHERE sender_id = '8:live:mara.ostrow' AND edit_of IS NULL "
        "ORDER BY owner_id, conversation_id, sent_at NULLS FIRST, message_id"
    )
    expected = hashlib.sha256(b"".join(bytes(row[0]) for row in hashes)).hexdigest()
    assert handed.document["selection"]["sha256"] == expected


TITLE = 'Theo\'s "best" \\ $1 :name 会話'
SAID = (
    "水獭在河里游泳",
    "カワウソ and Σίσυφος",
    'O\'Brien said "hi"; DROP TABLE x; --',
    "back\\slash E'\\x41' $1 $2 :name :'name' %s 50%_",
    "ΣΊΣΥΦΟΣ 😀",
    "\u202edecnavda\u200b",
)
OF_SQL = (
    ("", "UTC"),
    *(
        (query, "UTC")
        for query in ("水獭", "カワウソ", "σίσυφος", "😀", "O'Brien", "\\slash", "$1", ":name", "%s", "50%_ -hi")
    ),
    *((query, "UTC") for query in ("E'\\x41'", "DROP -水獭", "'", "--", '"said"', "\u202edecnavda")),
    *(
        (query, "UTC")
        for query in ("from:O'Br", "-from:O'Br", "in:Theo's", "in:会話", "-in:nobody", "from:theo 'name'")
    ),
    *((query, "UTC") for query in ("has:link", "-has:photo", "is:edited", "is:mine", "kind:text", "edited")),
    *((query, "Pacific/Auckland") for query in ("date:2020-03-02", "-date:2020-03-02", "before:2020-03-03 水獭")),
    *((query, "America/New_York") for query in ("date:2020-03-01", "after:2019", "date:2020..")),
)
OTHERWISE = (
    "-c bytea_output=escape -c standard_conforming_strings=off -c TimeZone=Asia/Tokyo -c DateStyle=German "
    "-c escape_string_warning=off -c client_encoding=LATIN1"
)


@pytest.fixture(scope="module")
def awkward_url(new_database: NewDatabase) -> str:
    url = new_database()
    texts.prepare(url)
    at = datetime(2020, 3, 1, 12, tzinfo=UTC)
    said = [texts.Said(text, at, links=("http://x/",), sender=texts.THEO) for text in SAID]
    mine = texts.Said("mine at night", at.replace(hour=2), sender=texts.OWNER)
    edited = texts.Said("now edited", at, columns={"edited_at": at})
    copies = [texts.Said("before, it was edited", at, edit_of=f"{number:05}") for number in (len(said) + 1, 99)]
    texts.fill(url, [*said, mine, edited, *copies, texts.Said("水獭, nobody knows when", None)])
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE skype.conversations SET title = %s", [TITLE])
        cursor.execute(
            "UPDATE skype.participants SET display_name = %s WHERE user_id = %s", ["Theo O'Brien", texts.THEO]
        )
    return url


@pytest.mark.parametrize("has_index", [False, True])
def test_the_sql_of_a_selection_gives_its_digest_in_any_session(
    tmp_path: Path, awkward_url: str, *, has_index: bool
) -> None:
    if has_index:
        with Session(awkward_url) as session:
            list(search_index.build(session))
    for number, (query, zone) in enumerate(OF_SQL):
        snapshots = Snapshots(lambda: awkward_url, zone)
        with snapshots.snapshot() as session:
            wanted = Wanted(query, (TITLE,) if number % 2 else (), "mara" if number % 3 else None, zone)
            selection = select(session, wanted, tmp_path / f"{number}")
        snapshots.close()
        assert re.fullmatch(r"[ -~\n]+", selection.sql)
        options = OTHERWISE if has_index else ""
        assert psql(awkward_url, selection.sql, options=options) == f"{selection.sha256}|{selection.messages}\n", query


def test_the_sql_of_a_selection_names_nobody_whom_the_query_does_not(tmp_path: Path, awkward_url: str) -> None:
    with psycopg2.connect(awkward_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO skype.participants (owner_id, conversation_id, user_id, display_name, is_owner, is_member, "
            "message_count) SELECT owner_id, conversation_id, '8:quokka', 'O''Brien, too', false, true, 0 "
            "FROM skype.conversations"
        )
    snapshots = Snapshots(lambda: awkward_url)
    with snapshots.snapshot() as session:
        sql = select(session, Wanted("from:O'Brien"), tmp_path / "keys").sql
    snapshots.close()
    assert "quokka" not in sql
    assert texts.THEO not in sql


def test_a_copy_that_an_edit_left_selects_its_original_once(write: HandOver, new_database: NewDatabase) -> None:
    url = new_database()
    texts.prepare(url)
    at = datetime(2020, 3, 1, tzinfo=UTC)
    edited = texts.Said("now it says otters", at, columns={"edited_at": at})
    texts.fill(url, [edited, texts.Said("before it said badgers", at, edit_of="00000"), texts.Said("alone", None)])
    for query in ("otters", "badgers", "otters badgers", "it"):
        if query == "otters badgers":
            continue
        handed = write(PARQUET, query, query=query, url=url)
        assert handed.document["selection"]["messages"] == 1
        table = pq.read_table(handed.folder / "messages.parquet")
        assert table["message_id"].to_pylist() == ["00000", "00001"]
    everything = write(PARQUET, "all", url=url).document["selection"]
    assert (everything["messages"], everything["messages_without_time"]) == (2, 1)


def test_a_conversation_is_meant_by_its_id_or_a_part_of_its_title(write: HandOver, rows: Rows) -> None:
    [(chat, title, _)] = rows(
        "SELECT conversation_id, title, message_count FROM skype.conversations WHERE kind = 'direct' "
        "ORDER BY message_count DESC LIMIT 1"
    )
    by_id = write(PARQUET, "1", conversations=(str(chat),)).document["selection"]
    by_title = write(PARQUET, "2", conversations=(str(title),)).document["selection"]
    assert by_id["sha256"] == by_title["sha256"]
    assert by_id["conversations_selected"] == 1
    with pytest.raises(UsageError, match="no conversation"):
        write(PARQUET, "3", conversations=("there is none like this",))
    with pytest.raises(UsageError, match="could be any of"):
        write(PARQUET, "4", conversations=("e",))


def test_days_of_a_query_are_those_of_the_time_zone(write: HandOver, new_database: NewDatabase) -> None:
    url = new_database()
    texts.prepare(url)
    texts.fill(url, [texts.Said("just before midnight in London", datetime(2020, 2, 29, 23, 30, tzinfo=UTC))])
    assert write(PARQUET, "1", query="date:2020-03-01", zone="Europe/Berlin", url=url).document["selection"]["messages"]
    with pytest.raises(UsageError, match="nothing is selected"):
        write(PARQUET, "2", query="date:2020-03-01", url=url)


def test_a_wrong_query_is_refused_and_nothing_is_left(write: HandOver, tmp_path: Path) -> None:
    with pytest.raises(QueryError):
        write(PARQUET, query="form:mara")
    assert list(tmp_path.iterdir()) == []
