"""Ids and names, by sections 1.5, 2.2, 2.4, 2.5 and 2.6 of the format reference."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skype_assets.etl.content.names import conversation_kind, document_id, members, mri, plain_name, sender


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ("8:live:mara.ostrow", "8:live:mara.ostrow"),
        ("live:mara.ostrow", "8:live:mara.ostrow"),
        (" tbrannock\n", "8:tbrannock"),
        ("28:concierge", "28:concierge"),
        ("4:+15550107733", "4:+15550107733"),
        ("ALL", "ALL"),
        ("all", "8:all"),
        ("٤:x", "8:٤:x"),
        ("", None),
        ("  ", None),
        (None, None),
    ],
)
def test_an_id_has_a_prefix(text: str | None, id_: str | None) -> None:
    assert mri(text) == id_


@given(st.text())
def test_an_id_keeps_its_prefix(text: str) -> None:
    assert mri(mri(text)) == mri(text)


@pytest.mark.parametrize(
    ("from_", "user_id"),
    [
        ("8:tbrannock", "8:tbrannock"),
        ("tbrannock", "8:tbrannock"),
        ("https://host.example/v1/users/ME/contacts/8:live:mara.ostrow", "8:live:mara.ostrow"),
        ("https://host.example/v1/users/ME/conversations/19:5b0c9d51@thread.skype", None),
        ("19:5b0c9d51@thread.skype", None),
        ("https://host.example/v1/users/ME/contacts/", None),
        ("", None),
        (None, None),
        (8, None),
        ({}, None),
    ],
)
def test_the_sender_is_a_person_not_the_thread(from_: Any, user_id: str | None) -> None:
    assert sender(from_) == user_id


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Theo Brannock", "Theo Brannock"),
        ("Tom &amp; Ada", "Tom & Ada"),
        ("<b>Tom</b> <i x='1'>Ada</i>", "Tom Ada"),
        ("&lt;b&gt;Tom&lt;/b&gt;", "<b>Tom</b>"),
        ("Tom &amp;amp; Ada", "Tom &amp; Ada"),
        ("I <3 Ada", "I <3 Ada"),
        ("  Ada ", "Ada"),
        ("<b></b>", None),
        ("&nbsp;", None),
        ("", None),
        (None, None),
    ],
)
def test_a_name_has_neither_tags_nor_entities(text: str | None, name: str | None) -> None:
    assert plain_name(text) == name


@pytest.mark.parametrize(
    ("conversation_id", "kind"),
    [
        ("8:tbrannock", "direct"),
        ("8:live:.cid.3fa91c07be52d684", "direct"),
        ("8:guest:x", "direct"),
        ("1:ann@example.org", "direct"),
        ("19:5b0c9d51e27f4a6d8e13b7c2f4a09d66@thread.skype", "group"),
        ("19:meeting_x@thread.v2", "group"),
        ("19:I3VzZXIx@p2p.thread.skype", "group"),
        ("19:x@oneToOne.skype", "direct"),
        ("19:x@cast.skype", "special"),
        ("28:concierge", "bot"),
        ("4:+15550107733", "phone"),
        ("48:calllogs", "special"),
        ("48:notes", "special"),
        ("ALL", "special"),
        ("unknown:3", "special"),
    ],
)
def test_the_kind_of_a_conversation_follows_its_id(conversation_id: str, kind: str) -> None:
    assert conversation_kind(conversation_id) == kind


@pytest.mark.parametrize(
    "value",
    [
        '["8:live:mara.ostrow","8:tbrannock"]',
        ["8:live:mara.ostrow", "tbrannock", "8:tbrannock"],
        [{"MemberMri": "8:live:mara.ostrow"}, {"MemberMri": "8:tbrannock"}],
        '[{"MemberMri": "live:mara.ostrow"}, {"mri": "tbrannock"}]',
        [{"id": "8:live:mara.ostrow", "MemberMri": None}, None, 3, "", {}, [], {"name": "x"}, "8:tbrannock"],
    ],
)
def test_members_come_as_string_array_or_objects(value: Any) -> None:
    assert members(value) == ["8:live:mara.ostrow", "8:tbrannock"]


@pytest.mark.parametrize("value", [None, "", "x", "{}", '"8:a"', {}, 3, "[" * 9999])
def test_what_holds_no_array_has_no_members(value: Any) -> None:
    assert members(value) is None


def test_an_empty_array_has_no_members_but_is_one() -> None:
    assert members("[]") == []


def test_a_member_within_the_string_is_cleaned() -> None:
    assert members(json.dumps(["8:a\0", "8:b\ud83d"])) == ["8:a\ufffd", "8:b\ufffd"]


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ("0-eus-d11-d1b1d6e6abd2537cd39bb5beb4f8b291", "0-eus-d11-d1b1d6e6abd2537cd39bb5beb4f8b291"),
        ("URL@https://x/v1/objects/0-NEU-D9-D1B1D6E6ABD2537CD39B/views/a", "0-NEU-D9-D1B1D6E6ABD2537CD39B"),
        ("0-eus-d11-d1b1d6e6", None),
        ("0-e-d11-d1b1d6e6abd2537cd39bb5beb4f8b291", None),
        ("0-eu\u017f-d1-d1b1d6e6abd2537cd39bb5beb4f8b291", None),
        ("", None),
        (None, None),
    ],
)
def test_the_id_of_a_stored_object_is_found_in_any_text(text: str | None, id_: str | None) -> None:
    assert document_id(text) == id_
