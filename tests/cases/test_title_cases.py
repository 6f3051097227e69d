"""Titles that once came out wrong, and the right ones."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cases.chats import (
    CASES,
    GROUP,
    INES,
    OWNER,
    SAM,
    THEO,
    Query,
    Row,
    call,
    conversation,
    members,
    message,
    names_of,
    titles,
    written,
)


def test_a_chat_without_a_name_is_called_by_whom_it_is_with(load: Callable[..., None], query: Query) -> None:
    load(CASES / "02-title-of-a-nameless-chat" / "messages.json")
    assert titles(query) == {"8:live:ines.k": "Ines Karvonen", "8:zed": "Zed Ziani"}


@pytest.mark.parametrize(
    ("chat", "title"),
    [
        (conversation(THEO, call(1, (THEO, "Theo"))), "Theo"),
        (conversation(THEO, message(1, OWNER, content=f'<at id="{THEO}">Theo</at>')), "Theo"),
        (conversation(THEO, displayName="8:tbrannock"), THEO),
        (conversation(OWNER, message(1, OWNER), call(2, (OWNER, "Mara"))), "Mara"),
        (conversation("19:a_b@oneToOne.skype", message(1, OWNER), message(2, THEO, "Theo")), "Theo"),
        (conversation(GROUP, message(1, THEO, "Theo"), message(2, INES, "Ines")), "Ines, Theo"),
        (
            conversation(
                GROUP, message(1, THEO, "Theo"), message(2, INES, "Ines"), threadProperties=members(OWNER, INES)
            ),
            "Ines",
        ),
        (conversation(GROUP, displayName=GROUP, threadProperties={"topic": GROUP, "members": None}), GROUP),
        (conversation("48:notes", message(1, OWNER), message(2, THEO, "Theo")), "48:notes"),
    ],
    ids=["call", "mention", "id", "oneself", "thread of two", "no list", "list", "id as topic", "special"],
)
def test_titles_use_all_that_names_people(chat: Row, title: str, load: Callable[..., None], query: Query) -> None:
    load([chat])
    assert titles(query) == {chat["id"]: title}


@pytest.mark.parametrize("reverse", [False, True])
def test_titles_and_names_use_all_exports_in_any_order(
    reverse: bool, tmp_path: Path, load: Callable[..., None], query: Query
) -> None:
    exports = [
        written(tmp_path / "a.json", [conversation(GROUP, threadProperties=members(OWNER, SAM, INES))], day=1),
        written(tmp_path / "b.json", [conversation(SAM, displayName="Sam"), conversation(THEO)], day=2),
        written(tmp_path / "c.json", [conversation(INES, call(1, (OWNER, "Mara"), (INES, "Ines")))], day=3),
        written(tmp_path / "d.json", [conversation(THEO, message(1, THEO, "Theo"), version=None)], day=4),
    ]
    load(*(exports[::-1] if reverse else exports))
    assert titles(query) == {GROUP: "Sam, Ines", SAM: "Sam", INES: "Ines", THEO: "Theo"}
    assert names_of(query) == {OWNER: "Mara", SAM: "Sam", INES: "Ines"}


@pytest.mark.parametrize("reverse", [False, True])
def test_of_two_objects_of_a_conversation_each_field_is_taken_from_the_better_that_has_it(
    reverse: bool, load: Callable[..., None], query: Query
) -> None:
    first = conversation(GROUP, displayName="Walkers", properties={"conversationblocked": False})
    second = conversation(GROUP, threadProperties={"topic": "Walks", "members": json.dumps([OWNER, SAM])})
    better = conversation(GROUP, version=7)
    objects = [first, second, better]
    load(objects[::-1] if reverse else objects)
    [row] = query(
        "SELECT display_name, topic, title, member_count, version, properties IS NOT NULL, "
        "thread_properties IS NOT NULL FROM skype.conversations"
    )
    assert row == ("Walkers", "Walks", "Walkers", 2, 7, True, True)
    assert query("SELECT user_id FROM skype.participants WHERE is_member ORDER BY 1") == [(SAM,), (OWNER,)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 1, 0)])
def test_a_field_that_the_better_export_lacks_is_taken_from_the_next(
    order: tuple[int, ...], tmp_path: Path, load: Callable[..., None], query: Query
) -> None:
    exports = [
        written(tmp_path / "old.json", [conversation(GROUP, displayName="Old", version=1)], day=1),
        written(tmp_path / "next.json", [conversation(GROUP, displayName="Next", version=2)], day=2),
        written(tmp_path / "best.json", [conversation(GROUP, version=3)], day=3),
    ]
    load(*(exports[number] for number in order))
    assert query("SELECT title, version FROM skype.conversations") == [("Next", 3)]
