"""An id means what is spelled alike; only where nothing is, the one thing that differs from it in case alone."""

import pytest

from skype_assets.etl.content.spelling import Spelled, folded, unmentioned


@pytest.mark.parametrize(
    ("known", "id_", "meant"),
    [
        (["ab", "AB"], "ab", "ab"),
        (["ab", "AB"], "AB", "AB"),
        (["ab", "AB"], "Ab", None),
        (["AB"], "ab", "AB"),
        (["AB"], "b", None),
        ([], "ab", None),
        (["\u212a"], "k", None),  # the sign of Kelvin, which is a k to those who know more than ASCII
    ],
)
def test_what_is_spelled_alike_comes_first_and_of_several_others_none_is_meant(
    known: list[str], id_: str, meant: str | None
) -> None:
    spelled = Spelled({one: one for one in known})
    assert spelled.meant(id_) == spelled.get(id_) == meant


def test_what_belongs_to_one_id_is_not_meant_by_another() -> None:
    side_files = Spelled({"AB": 1, "C": 2}, taken={"AB", "ab"})
    assert [side_files.get(id_) for id_ in ("AB", "ab", "c")] == [1, None, 2]


@pytest.mark.parametrize(
    ("ids", "mentioned", "left"),
    [
        (["ab"], ["ab"], []),
        (["AB"], ["ab"], []),
        (["ab", "AB"], ["ab"], ["AB"]),
        (["Ab"], ["ab", "AB"], ["Ab"]),
        (["c"], [None, "ab"], ["c"]),
    ],
)
def test_an_id_is_left_unless_one_that_is_mentioned_means_it(
    ids: list[str], mentioned: list[str | None], left: list[str]
) -> None:
    assert unmentioned(ids, mentioned) == left


def test_only_letters_of_ascii_have_a_case() -> None:
    assert folded("0-WEU-d1-AB\u00c4") == "0-weu-d1-ab\u00c4"
