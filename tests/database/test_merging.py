"""Of several copies of a message the better one stays, with its children, in whatever order they come (I10)."""

from typing import Any

import pytest

from skype_assets.etl.database.session import Session
from tests.database.small_loads import CONVERSATION, OWNER, export, head, messages, query, register

WINNER = "SELECT export_id, text, (SELECT array_agg(emotion ORDER BY emotion) FROM skype.reactions) FROM skype.messages"


def _load(url: str, export_id: str, days: int, *ids: str, code_version: str = "1", **changes: Any) -> None:
    with Session(url) as session:
        row = export(export_id, days=days, code_version=code_version)
        loader = register(session, row)
        loader.commit_head(0, "h", head(export_id))
        loader.commit_part(1, code_version, messages(*ids, export_id=export_id, **changes))
        loader.finish(row, head()["conversations"].select(["conversation_id"]))


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"version": 2, "days": 0, "raw_sha256": b"a"}, {"version": 1, "days": 1, "raw_sha256": b"b"}),
        ({"version": 1, "days": 1, "raw_sha256": b"a"}, {"version": 1, "days": 0, "raw_sha256": b"b"}),
        ({"version": 1, "days": 0, "raw_sha256": b"b"}, {"version": 1, "days": 0, "raw_sha256": b"a"}),
        ({"version": 0, "days": 0, "raw_sha256": b"a"}, {"version": None, "days": 1, "raw_sha256": b"b"}),
    ],
    ids=["greater version", "later export", "greater hash", "a version at all"],
)
@pytest.mark.parametrize("first", ["better", "worse"])
def test_the_better_copy_of_a_message_stays_with_its_children(
    first: str, better: dict[str, Any], worse: dict[str, Any], postgres_url: str
) -> None:
    # Ids of exports that would decide the other way: they are the last resort.
    loads = [("better", "e1", dict(better), 2), ("worse", "e2", dict(worse), 3)]
    for text, export_id, copy, reactions in sorted(loads, key=lambda load: load[0] != first):
        _load(postgres_url, export_id, copy.pop("days"), "1", text=text, reactions=reactions, **copy)
    assert query(postgres_url, WINNER) == [("e1", "better", ["e1-0", "e1-1"])]


def test_messages_of_all_exports_are_there(postgres_url: str) -> None:
    _load(postgres_url, "e1", 0, "1", "2")
    _load(postgres_url, "e2", 1, "2", "3")
    assert query(postgres_url, "SELECT message_id, export_id FROM skype.messages ORDER BY 1") == [
        ("1", "e1"),
        ("2", "e2"),
        ("3", "e2"),
    ]
    assert query(postgres_url, "SELECT message_count FROM skype.conversations") == [(3,)]
    assert query(postgres_url, f"SELECT message_count FROM skype.participants WHERE user_id = '{CONVERSATION}'") == [
        (3,)
    ]
    assert query(postgres_url, f"SELECT message_count FROM skype.participants WHERE user_id = '{OWNER}'") == [(0,)]


def test_newer_code_replaces_its_own_rows(postgres_url: str) -> None:
    _load(postgres_url, "e1", 0, "1", text="old code", reactions=3)
    _load(postgres_url, "e1", 0, "1", text="new code", reactions=1, code_version="2")
    assert query(postgres_url, WINNER) == [("e1", "new code", ["e1-0"])]


def test_the_same_code_replaces_nothing(postgres_url: str) -> None:
    _load(postgres_url, "e1", 0, "1")
    before = query(postgres_url, "SELECT xmin::text FROM skype.messages")
    _load(postgres_url, "e1", 0, "1", "2")
    assert query(postgres_url, "SELECT xmin::text FROM skype.messages WHERE message_id = '1'") == before


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 1, 0)])
def test_the_conversation_with_the_greatest_version_and_date_stays(order: tuple[int, ...], postgres_url: str) -> None:
    loads = [("e3", 0, 1, "old"), ("e2", 1, 1, "later"), ("e1", 0, 2, "newest")]
    for number in order:
        export_id, days, version, name = loads[number]
        with Session(postgres_url) as session:
            loader = register(session, export(export_id, days=days))
            loader.commit_head(0, "h", head(export_id, version=version, display_name=name))
            loader.finish(export(export_id, days=days), head()["conversations"].select(["conversation_id"]))
    found = query(postgres_url, "SELECT export_id, display_name, title FROM skype.conversations")
    assert found == [("e1", "newest", "newest")]
