"""Reactions, by section 2.7 of the format reference."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skype_assets.etl.content.reactions import Reaction, reactions

EXAMPLE = [
    {"key": "heart", "users": [{"mri": "8:tbrannock", "time": 1730829901774, "value": "1730829901650"}]},
    {"key": "1f44d_thumbsup", "users": []},
]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["key", "users", "mri", "time", "value"]), inner),
)


def one(*users: Any) -> list[Reaction]:
    return reactions([{"key": "heart", "users": list(users)}])


def test_each_person_and_emotion_is_a_reaction_and_a_key_without_people_is_none() -> None:
    assert reactions(EXAMPLE) == [Reaction("heart", "8:tbrannock", 1730829901774_000)]


def test_the_array_may_stand_in_a_string() -> None:
    assert reactions(json.dumps(EXAMPLE)) == reactions(EXAMPLE)


@pytest.mark.parametrize("key", ["reactionsConsumptionHorizon", "pollAnswer"])
def test_pseudo_emotions_are_no_reactions(key: str) -> None:
    assert reactions([{"key": key, "users": [{"mri": "8:tbrannock"}]}]) == []


@pytest.mark.parametrize(
    ("user", "reacted_at"),
    [
        ({"time": 2, "value": "3"}, 2000),
        ({"time": None, "value": "3"}, 3000),
        ({"time": 0, "value": "3"}, 3000),
        ({"time": True}, None),
        ({}, None),
    ],
)
def test_the_time_comes_before_the_value(user: dict[str, Any], reacted_at: int | None) -> None:
    assert one({"mri": "8:a", **user}) == [Reaction("heart", "8:a", reacted_at)]


def test_of_one_persons_equal_emotions_the_latest_stays() -> None:
    users = [
        {"mri": "8:a"},
        {"mri": "a", "time": 5},
        {"mri": "8:a", "time": 9},
        {"mri": "8:a", "time": 7},
        {"mri": "8:a"},
    ]
    assert one(*users) == [Reaction("heart", "8:a", 9000)]


@pytest.mark.parametrize("user", [None, "8:a", {}, {"mri": None}, {"mri": ""}, {"mri": 8}])
def test_a_user_without_an_id_is_no_person(user: Any) -> None:
    assert one(user) == []


@pytest.mark.parametrize(
    "emotions", [None, 1, "", "{", "null", {}, [None, "x", {"key": 1}, {"key": "like"}], "[" * 9999]
)
def test_what_is_no_list_of_emotions_gives_no_reactions(emotions: Any) -> None:
    assert reactions(emotions) == []


def test_a_string_within_the_string_is_cleaned() -> None:
    assert reactions('[{"key": "a\\u0000", "users": [{"mri": "\\ud83d"}]}]') == [Reaction("a\ufffd", "8:\ufffd", None)]


@settings(derandomize=True, deadline=None, database=None, max_examples=50)
@given(JSON_VALUES)
def test_any_json_value_can_be_read(emotions: Any) -> None:
    found = reactions(emotions)
    assert len({(reaction.emotion, reaction.user_id) for reaction in found}) == len(found)
