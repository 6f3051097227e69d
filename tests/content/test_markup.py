"""Which strings are tags, and what their attributes are (sections 3.2 and 4.1 of the format reference)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skype_assets.etl.content.markup import attributes, tags, tags_with_text, unescape


class AnyName:
    def __contains__(self, name: Any) -> bool:
        return True


def sources(content: str) -> list[str]:
    return [content[tag.start : tag.end] for tag in tags(content, AnyName())]


@pytest.mark.parametrize(
    "tag",
    [
        "<b>",
        "</b>",
        "<br/>",
        "<br />",
        "<BR>",
        '<a href="https://example.org/?a=1&b=2">',
        "<a href='https://example.org'>",
        "<a href=https://example.org/?a=1>",
        '<a href = "x">',
        '<a href="x"title="y">',
        '<OriginalName v="a > b < c.txt">',
        "<input checked>",
        '<part\n  identity="8:tbrannock"\n>',
    ],
)
def test_a_name_and_attributes_in_angle_brackets_are_a_tag(tag: str) -> None:
    assert sources(f"x{tag}y") == [tag]


@pytest.mark.parametrize(
    "text",
    ["a<b && c>d", "<3", "< b>", "<>", "</>", "<b", '<a href="x>', "<a 'x'>", "<-->", "<http://example.org>", "<b<"],
)
def test_anything_else_in_angle_brackets_is_text(text: str) -> None:
    assert sources(text) == []


def test_a_tag_is_found_within_what_is_no_tag() -> None:
    assert sources("if (a<b && c<i>d</i>") == ["<i>", "</i>"]


def test_only_the_wanted_names_are_given_in_lower_case() -> None:
    assert [tag.name for tag in tags("<URIObject><Title/></uriobject>", {"uriobject"})] == ["uriobject", "uriobject"]


def test_start_end_and_empty_tags_are_told_apart() -> None:
    assert [(t.is_end, t.is_empty) for t in tags("<b></b><b/>", {"b"})] == [
        (False, False),
        (True, False),
        (False, True),
    ]


def test_attributes_are_read_in_any_order_case_and_quoting() -> None:
    (tag,) = tags("""<a HREF='x "1"' title="it's" rel=me hidden data-x="">""", {"a"})
    assert tag.attributes() == {"href": 'x "1"', "title": "it's", "rel": "me", "hidden": "", "data-x": ""}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (' href="x"', {"href": "x"}),
        (' a="1" B="2"', {"a": "1", "b": "2"}),
        (' a="1" A="2"', {"a": "1"}),
        (' a="b=c"', {"a": "b=c"}),
        (' a=\'"\' b="1"', {"a": '"', "b": "1"}),
        (" a=' b=\"1\"'", {"a": ' b="1"'}),
        (' checked a="1"', {"checked": "", "a": "1"}),
        (' a = "1"', {"a": "1"}),
        ("", {}),
    ],
)
def test_attributes_are_read_in_any_spelling(source: str, found: dict[str, str]) -> None:
    assert attributes(source) == found


def test_the_first_of_two_equal_attributes_counts() -> None:
    (tag,) = tags('<a href="first" HREF="second">', {"a"})
    assert tag.attributes() == {"href": "first"}


def test_a_tag_comes_with_the_text_up_to_the_next_wanted_one() -> None:
    found = [(tag.name, text) for tag, text in tags_with_text("0<b>1<i>2</i></b>3", {"b"})]
    assert found == [("b", "1<i>2</i>"), ("b", "3")]


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        ("&amp;&lt;&gt;&quot;&apos;&#39;&#x27;", "&<>\"'''"),
        ("&amp;lt;", "&lt;"),
        ("a & b", "a & b"),
        ("&#0;&#xD800;", "\ufffd\ufffd"),
        ("&#" + "9" * 5000 + ";", "\ufffd"),
    ],
)
def test_entities_are_unescaped_once(escaped: str, text: str) -> None:
    assert unescape(escaped) == text


@settings(derandomize=True, deadline=None, database=None)
@given(st.text(alphabet="<>/ab='\" &"))
def test_tags_do_not_overlap_and_begin_and_end_with_brackets(content: str) -> None:
    end = 0
    for tag in tags(content, AnyName()):
        assert end <= tag.start
        assert content[tag.start] == "<"
        assert content[tag.end - 1] == ">"
        end = tag.end
