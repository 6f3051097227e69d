"""Emoji for the types of Skype's emoticons."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skype_assets.etl.content.emoticons import EMOJI, emoji


@pytest.mark.parametrize(
    ("type_", "shown"),
    [
        ("smile", "🙂"),
        ("Smile", "🙂"),
        ("heart", "❤️"),
        ("1f440_eyes", "👀"),
        ("1F440_eyes", "👀"),
        ("1f1e9-1f1ea_flag", "🇩🇪"),
        ("2714_heavycheckmark", "✔"),
        ("1f468-200d-1f4bb_technologist", "👨‍💻"),
        ("0023-fe0f-20e3_keycap", "#️⃣"),
    ],
)
def test_a_name_or_code_points_give_the_emoji(type_: str, shown: str) -> None:
    assert emoji(type_) == shown


@pytest.mark.parametrize(
    ("type_", "shown"),
    [
        ("yes-tone1", "👍🏻"),
        ("yes-tone5", "👍🏿"),
        ("1f44d_thumbsup-tone3", "👍🏽"),
        ("victory-tone2", "✌🏼"),
        ("1f468-200d-1f4bb_technologist-tone4", "👨🏾‍💻"),
    ],
)
def test_a_skin_tone_follows_the_person_or_hand(type_: str, shown: str) -> None:
    assert emoji(type_) == shown


@pytest.mark.parametrize("type_", ["", "nosuch", "face_palm", "1f440", "0000_nul", "0d800_x", "9ffffff_x", "yes-tone6"])
def test_an_unknown_type_has_no_emoji(type_: str) -> None:
    assert emoji(type_) is None


def test_every_name_is_lower_case_and_every_emoji_is_one() -> None:
    assert all(name == name.lower() and "_" not in name for name in EMOJI)
    assert all(ord(shown[0]) > 0x2100 and len(shown) <= 2 for shown in EMOJI.values())


@settings(derandomize=True, deadline=None, database=None)
@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("0123456789abcdef-_tone"))))
def test_no_type_gives_what_a_database_refuses(type_: str) -> None:
    shown = emoji(type_) or ""
    assert "\0" not in shown
    assert shown.encode().decode() == shown
