"""Of every copy of a message there is one row, and each wording is kept once, in whatever order exports are loaded."""

from itertools import permutations
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skype_assets.etl.database import ddl
from skype_assets.etl.database.loading import Loader
from skype_assets.etl.database.session import Session
from skype_assets.etl.rows.superseded import superseded
from tests.database.small_loads import OWNER, export, head, messages, query, register

Copy = dict[str, Any]

COPIES = """
SELECT export_id, source_offset, message_id, is_duplicate, text, content, edited_at::text, properties::text, flags
FROM skype.superseded_copies ORDER BY 1, 2"""
WINNERS = "SELECT message_id, export_id, source_offset FROM skype.messages ORDER BY 1"

# What is drawn is one of a few wordings: bytes say everything but an edit that the rest of the export tells of.
EDITED = st.sampled_from([None, "2025-05-21T08:00:00+00:00"])
HASHES = st.sampled_from([b"a", b"b", b"c"])
VERSIONS = {b"a": 1, b"b": 1, b"c": 2}


@st.composite
def exports(draw: st.DrawFn) -> list[list[Copy]]:
    """Three exports, each with copies of two messages: the first of each is the best, the others duplicates."""
    made: list[list[Copy]] = []
    for number in range(3):
        copies: list[Copy] = []
        for message_id in ("1", "2"):
            drawn = draw(st.lists(HASHES, max_size=3))
            best_first = sorted(drawn, key=lambda raw: (VERSIONS[raw], raw), reverse=True)
            copies += [
                {
                    "message_id": message_id,
                    "raw_sha256": raw,
                    "version": VERSIONS[raw],
                    "edited_at": draw(EDITED) if place == 0 else None,
                    "is_duplicate": place > 0,
                    "source_offset": 100 * int(message_id) + place,
                    "export_id": f"e{number}",
                }
                for place, raw in enumerate(best_first)
            ]
        made.append(copies)
    return made


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(drawn=exports())
def test_in_any_order_each_superseded_copy_is_there_once_and_says_what_no_message_says(
    drawn: list[list[Copy]], postgres_url: str
) -> None:
    copies = [copy for some in drawn for copy in some]
    best = {
        message_id: max(
            (copy for copy in copies if copy["message_id"] == message_id and not copy["is_duplicate"]),
            key=lambda copy: (copy["version"], copy["export_id"]),
            default=None,
        )
        for message_id in ("1", "2")
    }
    for order in permutations(range(3)):
        with Session(postgres_url) as session:
            _empty(session)
            for number in order:
                _load(session, number, drawn[number])
        winners = [(key, copy["export_id"], copy["source_offset"]) for key, copy in best.items() if copy]
        assert query(postgres_url, WINNERS) == winners
        found = {(row[0], row[1]): row[2:] for row in query(postgres_url, COPIES)}
        expected = {
            (copy["export_id"], copy["source_offset"]): _row(copy, best[copy["message_id"]])
            for copy in copies
            if copy is not best[copy["message_id"]]
        }
        assert found == expected


def _row(copy: Copy, best: Copy | None) -> tuple[Any, ...]:
    assert best
    same = all(copy[name] == best[name] for name in ("raw_sha256", "edited_at"))
    key = (copy["message_id"], copy["is_duplicate"])
    if same and not copy["is_duplicate"]:
        return (*key, None, None, None, None, None)
    edited_at = copy["edited_at"] and copy["edited_at"].replace("T", " ").replace("+00:00", "+00")
    said = copy["raw_sha256"].decode()
    return (*key, f"text {said}", f"content {said}", edited_at, f'{{"said": "{said}"}}', [said])


def _load(session: Session, number: int, copies: list[Copy]) -> None:
    row = export(f"e{number}", days=number)
    loader = Loader.register(session, row)
    loader.commit_head(0, "h", head(f"e{number}"))
    tables = messages(export_id=f"e{number}")
    rows = [_table(copy) for copy in copies]
    kept = [rows[place] for place, copy in enumerate(copies) if not copy["is_duplicate"]]
    duplicates = [rows[place] for place, copy in enumerate(copies) if copy["is_duplicate"]]
    if kept:
        tables["messages"] = pa.concat_tables(kept)
    if duplicates:
        tables["superseded_copies"] = superseded(pa.concat_tables(duplicates), is_duplicate=True)
    loader.commit_part(1, "p", tables)
    loader.finish(row, head()["conversations"].select(["conversation_id"]))


def _table(copy: Copy) -> pa.Table:
    said = copy["raw_sha256"].decode()
    values = {name: value for name, value in copy.items() if name not in ("message_id", "is_duplicate", "edited_at")}
    made = messages(
        copy["message_id"],
        reactions=0,
        **values,
        text=f"text {said}",
        content=f"content {said}",
        properties=f'{{"said": "{said}"}}',
        flags=[said],
    )["messages"]
    place = made.schema.get_field_index("edited_at")
    edited_at = pa.array([copy["edited_at"]]).cast(pa.timestamp("us", tz="UTC"))
    return made.set_column(place, made.schema.field(place), edited_at)


def _empty(session: Session) -> None:
    ddl.create(session)
    with session.transaction():
        session.execute("TRUNCATE skype.exports CASCADE")


STORY = {
    "e1": (0, b"a", 1, "see you at eight", None),
    "e2": (1, b"a", 1, "see you at eight", None),
    "e3": (2, b"b", 2, "see you at nine", None),
    "e4": (3, b"c", 3, "", "2025-06-01T08:00:00+00:00"),
    "e5": (4, b"d", 3, "", "2025-06-01T08:00:00+00:00"),
}
TOLD = [
    (1, "e1", "first", False, "see you at eight", "e5", "version"),
    (2, "e2", "none", False, "see you at eight", "e5", "version"),
    (3, "e3", "text", False, "see you at nine", "e5", "version"),
    (4, "e4", "deleted", False, "", "e5", "exported_at"),
    (5, "e5", "other", True, "", None, None),
]


@pytest.mark.parametrize("order", ["e1 e2 e3 e4 e5", "e5 e4 e3 e2 e1", "e3 e5 e1 e4 e2"])
def test_the_view_tells_what_a_message_said_in_one_export_after_the_other(order: str, postgres_url: str) -> None:
    for export_id in order.split():
        days, raw_sha256, version, text, deleted_at = STORY[export_id]
        tables = messages("1", export_id=export_id, raw_sha256=raw_sha256, version=version, text=text)
        place = tables["messages"].schema.get_field_index("deleted_at")
        field = tables["messages"].schema.field(place)
        deleted = pa.array([deleted_at], pa.string()).cast(field.type)
        tables["messages"] = tables["messages"].set_column(place, field, deleted)
        with Session(postgres_url) as session:
            row = export(export_id, days=days)
            loader = register(session, row)
            loader.commit_head(0, "h", head(export_id))
            loader.commit_part(1, "p", tables)
            loader.finish(row, head()["conversations"].select(["conversation_id"]))
    told = query(
        postgres_url,
        "SELECT place, export_id, change, is_current, text, superseded_by, decided_by FROM skype.message_history "
        f"WHERE owner_id = '{OWNER}' AND message_id = '1' ORDER BY place",
    )
    assert told == TOLD
    texts = "SELECT count(*) FROM skype.superseded_copies WHERE text IS NOT NULL"
    assert query(postgres_url, texts) == [(4,)]
