"""Which content counts as well-formed (section 3.2 of the format reference)."""

import html

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skype_assets.etl.content.well_formed import LONGEST, is_well_formed

WELL_FORMED = [
    "",
    "plain",
    "a\x07b\x00 <b>c\x1b</b>",
    "can&apos;t &amp; won&#39;t &#x1F600; &lt;&gt;&quot;",
    '<OriginalName v="a"/><FileSize v=""></FileSize>',
    "<at id='*'>all</at> 5 > 4 \"quoted\"",
    'he said "5 inches: 5""',
    'an odd mark " in text',
    '<a href="x/>y">z</a>',
    "one<br>two&nbsp;&hellip; <IMG src='x'> <hr/>",
    "half an emoji \ud83d <b>x</b>",
]
ILL_FORMED = [
    "fish & chips",
    '<a href="?go=webclient.xmm&am=0-neu">Play</a>',
    "&foo;",
    "&amp",
    "unclosed <b>bold",
    "not opened</b>",
    "one<nobr>two",
    "I <3 you",
    "if (a<b && c>d) {",
    '<a href="x>label</a>',
    "<a href='x>label</a> <b>",
]


@pytest.mark.parametrize("content", WELL_FORMED)
def test_xml_without_a_root_is_well_formed(content: str) -> None:
    assert is_well_formed(content)


@pytest.mark.parametrize("content", ILL_FORMED)
def test_bare_ampersands_and_elements_without_an_end_are_not(content: str) -> None:
    assert not is_well_formed(content)


def test_entities_cannot_be_declared_and_so_not_expanded() -> None:
    assert not is_well_formed('<!DOCTYPE r [<!ENTITY a "aaaa">]><b>&a;</b>')
    assert not is_well_formed('</root><!DOCTYPE r [<!ENTITY a "b">]><root>')


def test_what_is_too_long_to_be_judged_is_not_flagged() -> None:
    assert is_well_formed("<b>" * LONGEST)
    assert not is_well_formed("<b>" * 10)


@settings(derandomize=True, deadline=None, database=None)
@given(st.text())
def test_escaped_text_is_well_formed(text: str) -> None:
    assert is_well_formed(f'<a b="{html.escape(text)}">{html.escape(text)}</a>')


@given(st.lists(st.sampled_from(["&amp;", "&lt;", "&quot;", "&", "&#39;", "&foo;", "a", "amp;"]), max_size=6))
def test_entities_are_told_from_bare_ampersands(parts: list[str]) -> None:
    content = "".join(parts)
    bare = content
    for entity in ("&amp;", "&lt;", "&quot;", "&#39;"):
        bare = bare.replace(entity, " ")
    assert is_well_formed(content) == ("&" not in bare)
