"""Search finds the same with and without the index, in any language, and what SQL says it must."""

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skype_assets.etl.database import search_index
from skype_assets.etl.database.session import Session
from skype_assets.etl.reading import find as finding
from skype_assets.etl.reading.find import find
from skype_assets.etl.reading.query import Query, Term, parse
from skype_assets.etl.reading.snapshots import Snapshots
from tests.conftest import NewDatabase
from tests.reading.texts import OWNER, Said, fill, prepare

BEGIN = datetime(2020, 1, 1, tzinfo=UTC)

Searched = tuple[str, Snapshots]


@pytest.fixture(scope="module")
def searched(new_database: NewDatabase) -> Iterator[Searched]:
    """A database with the index, and what reads from it."""
    url = new_database()
    yield from _searched(url)


def _searched(url: str) -> Iterator[Searched]:
    prepare(url)
    with Session(url) as session:
        assert list(search_index.build(session))
        assert search_index.is_built(session)
    snapshots = Snapshots(lambda: url)
    yield url, snapshots
    snapshots.close()


def said(*texts: str) -> list[Said]:
    return [Said(text, BEGIN + timedelta(minutes=n)) for n, text in enumerate(texts)]


def found(
    snapshots: Snapshots, query: str | Query, *, indexed: bool = True, limit: int = 50, offset: int = 0
) -> tuple[list[str], int]:
    """The ids of what is found, and how much it is."""
    with pytest.MonkeyPatch.context() as patch, snapshots.snapshot() as session:
        if not indexed:
            patch.setattr(search_index, "is_built", lambda session: False)
        result = find(session, parse(query) if isinstance(query, str) else query, limit=limit, offset=offset)
    return [hit.message_id for hit in result.hits], result.total


# What Unicode has that folding, pieces and patterns could stumble over, often enough to meet.
CHARACTERS = st.one_of(
    st.sampled_from("abAB %_\\'\"-:έΣσςİıßée\u0301駅でข้าวกก한국👍🏽\u200d"),
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
)
TEXTS = st.text(CHARACTERS, min_size=1, max_size=12)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    messages=st.lists(
        st.tuples(TEXTS, st.lists(TEXTS, max_size=1), st.lists(TEXTS, max_size=1), st.booleans()),
        min_size=1,
        max_size=8,
    ),
    data=st.data(),
)
def test_index_and_scan_find_the_same(searched: Searched, messages: list[tuple[str, list[str], list[str], bool]],
                                      data: st.DataObject) -> None:  # fmt: skip
    url, snapshots = searched
    rows = [
        Said(text, BEGIN + timedelta(minutes=n) if timed else None, tuple(files), tuple(links))
        for n, (text, files, links, timed) in enumerate(messages)
    ]
    fill(url, rows)
    everything = [text for row in rows for text in (row.text, *row.files, *row.links)]
    # A piece of a text that is there, so that something is found, in upper case or as it is; or anything.
    text = data.draw(st.sampled_from(everything))
    begin = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(begin + 1, len(text)))
    piece = data.draw(st.sampled_from([text[begin:end], text[begin:end].upper(), data.draw(TEXTS)]))
    more = [Term(data.draw(st.one_of(TEXTS, st.sampled_from(everything))), data.draw(st.booleans()))]
    query = Query("", (Term(piece), *(more if data.draw(st.booleans()) else [])))
    with pytest.MonkeyPatch.context() as patch:
        # However few the messages are among which it is looked first, and the hits that are wanted and counted.
        for name in ("PROBED", "RECENT", "FREQUENT", "MOST"):
            patch.setattr(finding, name, data.draw(st.integers(1, 9)))
        limit = data.draw(st.integers(1, 9))
        scan = found(snapshots, query, indexed=False, limit=limit)
        assert found(snapshots, query, limit=limit) == scan
    if piece == text[begin:end] and len(query.terms) == 1:
        assert scan[1] > 0


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("otters", [5, 1, 0]),
        ("OTTERS", [5, 1, 0]),
        ("tter", [5, 1, 0]),
        ('"see the otters"', [0]),
        ("otters -see", [5, 1]),
        ("морж", [2]),
        ("МОРЖ", [2]),
        ("駅", [3]),
        ("駅で", [3]),
        ("で会", [3]),
        ("カ", []),
        ("ข้าว", [4]),
        ("100%", [6]),
        ("%", [6]),
        ("_", [6]),
        ("\\", [6]),
        ("caf\u00e9", [8, 7]),
        ("cafe\u0301", [8, 7]),
        ("ΟΔΟΣ", [9]),
        ("οδος", [9]),
        ("plan.txt", [10]),
        ("harbour plan", [10]),
        ("example.org/guide", [11]),
        ("field guide", [11]),
        ("👍", [12]),
        ("x", [11, 10]),
        ("zzz", []),
        ("-otters plan", [10]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("indexed", [True, False])
def test_contained_is_contained_in_any_language(
    searched: Searched, query: str, expected: list[int], *, indexed: bool
) -> None:
    url, snapshots = searched
    rows = said(
        "did you see the otters?", "otters!", "Это морж.", "51時に駅で会いましょう", "กินข้าวหรือยัง", "Otters",
        "100% of a_b \\o/", "caf\u00e9", "Cafe\u0301", "οδός και ΟΔΟΣ", "harbour", "guide? field", "👍",
    )  # fmt: skip
    rows[10] = Said("the harbour", rows[10].at, files=("a Plan.TXT",))
    rows[11] = Said("read the field notes", rows[11].at, links=("https://Example.org/Guide?a=1",))
    fill(url, rows)
    assert found(snapshots, query, indexed=indexed) == ([f"{n:05}" for n in expected], len(expected))


def test_counting_ends_behind_a_thousand_and_pages_follow_each_other(searched: Searched) -> None:
    url, snapshots = searched
    fill(url, said(*["otters again"] * 1_200, *["nothing"] * 50))
    for indexed in (True, False):
        ids, total = found(snapshots, "otters", indexed=indexed)
        assert total == 1_001
        assert ids == [f"{n:05}" for n in range(1_199, 1_149, -1)]
        more, _ = found(snapshots, "otters", indexed=indexed, limit=50, offset=50)
        assert more == [f"{n:05}" for n in range(1_149, 1_099, -1)]
        last, _ = found(snapshots, "otters", indexed=indexed, limit=50, offset=950)
        assert last[-1] == "00200"


def test_a_rare_term_beyond_the_newest_messages_is_found(searched: Searched, monkeypatch: pytest.MonkeyPatch) -> None:
    url, snapshots = searched
    monkeypatch.setattr(finding, "RECENT", 10)
    fill(url, said("an otter long ago", *["nothing"] * 100))
    assert found(snapshots, "otter") == (["00000"], 1)


def test_copies_that_an_edit_left_are_found_once_or_for_what_they_say_otherwise(searched: Searched) -> None:
    url, snapshots = searched
    rows = [*said("at noon", "at noon", "at three")]
    rows[1] = Said("at noon", rows[0].at, edit_of="00000")
    rows[2] = Said("at three", rows[0].at, edit_of="00000")
    fill(url, rows)
    assert found(snapshots, "noon") == (["00000"], 1)
    assert found(snapshots, "three") == (["00000"], 1), "the original is where it can be read"


def test_each_operator_finds_what_sql_finds(sample: Snapshots, sample_url: str) -> None:
    original = "edit_of IS NULL"
    exists = "EXISTS (SELECT FROM skype.{} x WHERE (x.owner_id, x.conversation_id, x.message_id) = (m.owner_id, m.conversation_id, m.message_id) {})"  # noqa: E501
    cases = {
        "from:wexcombe": "sender_id IN (SELECT user_id FROM skype.participants WHERE display_name ILIKE '%wexcombe%')",
        "in:book": "conversation_id IN (SELECT conversation_id FROM skype.conversations WHERE title ILIKE '%book%')",
        "before:2020": "sent_at < '2019-12-31 23:00Z'",
        "after:2023-05": "sent_at >= '2023-05-31 22:00Z'",
        "date:2019..2020-06": "sent_at >= '2018-12-31 23:00Z' AND sent_at < '2020-06-30 22:00Z'",
        "has:photo": exists.format("attachments", "AND x.kind = 'photo'"),
        "has:link": exists.format("links", ""),
        "has:reaction": exists.format("reactions", ""),
        "has:quote": exists.format("quotes", ""),
        "has:voice": exists.format("attachments", "AND x.kind = 'voice'"),
        "has:call": "kind IN ('call', 'call_log')",
        "is:edited": "edited_at IS NOT NULL",
        "is:mine": "sender_id = owner_id",
        "is:deleted": "(deleted_at IS NOT NULL OR flags @> '{deleted_by_edit_marker}')",
        "kind:poll": "kind = 'poll'",
        "-kind:text": "kind <> 'text'",
        "-from:wexcombe kind:photo": "kind = 'photo' AND (sender_id IS NULL OR sender_id NOT IN (SELECT user_id FROM "
        "skype.participants WHERE display_name ILIKE '%wexcombe%'))",
        "-date:2019 kind:call": "kind = 'call' AND NOT coalesce(sent_at >= '2018-12-31 23:00Z' AND "
        "sent_at < '2019-12-31 23:00Z', false)",
    }  # fmt: skip
    with psycopg2.connect(sample_url) as connection, connection.cursor() as cursor:
        for query, condition in cases.items():
            cursor.execute(f"SELECT count(*) FROM skype.messages m WHERE {original} AND {condition}")
            row = cursor.fetchone()
            assert row is not None
            with sample.snapshot() as session:
                result = find(session, parse(query, ZoneInfo("Europe/Berlin")), limit=1_000)
            assert result.total == min(row[0], 1_001), query
            assert row[0] > 0, query


def test_a_hit_has_its_neighbours_its_names_and_its_files(searched: Searched) -> None:
    url, snapshots = searched
    rows = said("before", "the otters", "after")
    rows[1] = Said("the otters", rows[1].at, files=("otter.jpg",), sender=OWNER)
    fill(url, rows)
    with snapshots.snapshot() as session:
        [hit] = find(session, parse("otters")).hits
    assert (hit.title, hit.sender, hit.files) == ("Theo Brannock", "Mara Ostrow", ["otter.jpg"])
    assert hit.before is not None
    assert hit.after is not None
    assert [(line.sender, line.text) for line in (hit.before, hit.after)] == [
        ("Theo Brannock", "before"),
        ("Theo Brannock", "after"),
    ]


def test_accents_are_found_however_they_are_written() -> None:
    assert finding.forms("e\u0301") == ["e\u0301", "\u00e9"]
    assert finding.forms("plain") == ["plain"]
    assert all(unicodedata.normalize("NFC", form) == "\u00e9" for form in finding.forms("\u00e9"))
