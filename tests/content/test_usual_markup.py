"""Content as Skype's clients spell it takes a short way, which leads to what the general one finds."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skype_assets.etl.content.elements import any_elements, usual_elements
from skype_assets.etl.content.embedded_json import decoded
from skype_assets.etl.content.markup import attributes, tags, usual_tags
from skype_assets.etl.content.rich_text import any_rich_text, usual_rich_text
from skype_assets.etl.content.uri_object import attachments
from skype_assets.etl.content.well_formed import is_well_formed

LINK = '<a href="https://example.org/?a=1&amp;b=2">https://example.org/?a=1&amp;b=2</a>'
QUOTE = (
    '<quote author="tbrannock" authorname="Theo" timestamp="1730829852" messageid="1730829852101">'
    "<legacyquote>[1730829852] Theo: </legacyquote>it &amp; that<legacyquote>\n\n"
    "&lt;&lt;&lt; </legacyquote></quote>mine"
)
USUAL = [
    LINK,
    QUOTE,
    f"see {LINK} and {LINK}",
    'hello <ss type="smile">:)</ss>',
    'hello <ss type="heart" alt="\u2764">(h)</ss> there',
    '<at id="8:tbrannock">Theo</at> come',
    'changed<e_m a="tbrannock" ts_ms="1730829852101" ts="1730829852" t="61"></e_m>',
    '<b raw_pre="*" raw_post="*">loud</b>',
]
FRAGMENTS = st.sampled_from(
    [
        *USUAL,
        "text",
        " ",
        "&amp;",
        "&",
        "<",
        ">",
        '"',
        "'",
        "\n",
        "</",
        "/>",
        "<b>",
        "</b>",
        "<B>",
        "</a>",
        "<a>",
        "<i/>",
    ]
    + [
        '<a href="x>y">',
        "<a href='x'>z</a>",
        '<a href="1" HREF="2">z</a>',
        '<a  href="1">',
        '<a href ="1">',
        '<ss alt="<">',
    ]
    + ["<quote>", "</quote>", '<quote author="x">', "<legacyquote>", "<e_m/>", '<e_m ts_ms="5"/>', "<c_i></c_i>"]
    + [
        "<sms>",
        "</sms>",
        '<chunk id="1">',
        "</chunk>",
        "<status>6</status>",
        "<body>",
        '<part identity="8:x">',
        "</part>",
    ]
    + ["<name>N</name>", '<URIObject type="File.1" uri="u">', "</URIObject>", '<OriginalName v="n"/>', "</uriobject>"]
)
CONTENTS = st.lists(FRAGMENTS, max_size=8).map("".join) | st.text(alphabet="<>/ab='\" &", max_size=20)
NAMES = frozenset({"sms", "chunk", "status", "part", "name", "a", "uriobject", "originalname"})


@pytest.mark.parametrize("markup", USUAL)
def test_what_clients_write_takes_the_short_way(markup: str) -> None:
    found = usual_rich_text(markup)
    assert found is not None
    assert found == any_rich_text(markup)


@given(CONTENTS.filter(lambda content: "<" in content))
def test_rich_text_reads_the_same_either_way(markup: str) -> None:
    assert usual_rich_text(markup) in (None, any_rich_text(markup))


@given(CONTENTS)
def test_elements_are_the_same_either_way(content: str) -> None:
    usual, general = usual_elements(content, NAMES), any_elements(content, NAMES)
    if usual is not None:
        assert [(e.name, e.markup, e.attributes()) for e in usual] == [
            (e.name, e.markup, e.attributes()) for e in general
        ]


@given(CONTENTS)
def test_attachments_are_the_same_either_way(content: str) -> None:
    # An unclosed bracket behind it sends the same content the general way.
    if usual_tags(content) is not None:
        assert attachments(content, "RichText", None) == attachments(content + "<", "RichText", None)


@given(CONTENTS)
def test_usual_tags_are_those_of_the_general_expression(content: str) -> None:
    class AnyName:
        def __contains__(self, name: object) -> bool:
            return True

    usual = usual_tags(content)
    if usual is not None:
        names: list[str] = []
        for end, name, _, _, _, closing, _ in usual:
            names += [f"/{end}"] if end else [name, f"/{name}"] if closing else [name]
        found = tags(content, AnyName())
        assert [name.lower() for name in names] == [f"/{tag.name}" if tag.is_end else tag.name for tag in found]


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


@given(st.lists(st.sampled_from(["&amp;", "&lt;", "&quot;", "&", "&#39;", "&foo;", "a", "amp;"]), max_size=6))
def test_entities_are_told_from_bare_ampersands(parts: list[str]) -> None:
    content = "".join(parts)
    bare = content
    for entity in ("&amp;", "&lt;", "&quot;", "&#39;"):
        bare = bare.replace(entity, " ")
    assert is_well_formed(content) == ("&" not in bare)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(JSON.filter(lambda value: "\\u0000" not in json.dumps(value)), st.booleans())
def test_json_in_a_string_is_read_as_python_reads_it(value: Any, ascii_only: bool) -> None:
    try:
        text = json.dumps(value, ensure_ascii=ascii_only)
        text.encode()
    except UnicodeEncodeError:
        return
    if "\\ud" not in text:
        assert decoded(text) == json.loads(text)
