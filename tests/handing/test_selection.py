"""What is handed over is what the reader's query selects, and can be proved to be the same."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from skype_assets.etl.errors import UsageError
from skype_assets.etl.handing.parquet import PARQUET
from skype_assets.etl.reading.find import find
from skype_assets.etl.reading.query import QueryError, parse
from skype_assets.etl.reading.snapshots import Snapshots
from tests.conftest import NewDatabase
from tests.handing.conftest import HandOver, Rows
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
