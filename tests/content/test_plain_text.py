"""Plain text of rich text, by sections 4.1 to 4.4 and 4.6 of the format reference."""

import html

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skype_assets.etl.content.cleaning import clean
from skype_assets.etl.content.plain_text import plain_text

PROPERTY = settings(max_examples=150)
WORDS = ["x", "@", " ", "\n", "\r\n", "<", ">", "&amp;", "&lt;b&gt;", "&#0;", "<foo>"]
CUTS = ["<e_m t='1'>", "</e_m>", "<e_m/>", '<quote author="x">', "</quote>", "<legacyquote>", "</legacyquote>"]
SHOWN = [
    '<ss type="smile">',
    '<ss type="1f440_eyes"/>',
    "</ss>",
    '<at id="*">',
    "</at>",
    '<a href="y">',
    "</a>",
    "<br>",
]
FRAGMENTS = st.sampled_from([*WORDS, *CUTS, *SHOWN, "<b>", "</b>"])

TABLE_OF_TAGS = {  # 4.1, row by row
    '<b raw_pre="*" raw_post="*">x</b>': "x",
    '<i raw_pre="_" raw_post="_">x</i>': "x",
    '<s raw_pre="~" raw_post="~">x</s>': "x",
    '<pre raw_pre="{code}" raw_post="{code}">x\n y</pre>': "x\n y",
    '<pre raw_pre="!! ">x</pre>': "x",
    '<b>1</b><i>2</i><u>3</u><s>4</s><font color="red" size="2">5</font><center>6</center><blink>7</blink>': "1234567",
    '<span style="color: red">x</span>': "x",
    "one<br>two<br/>three<br />four<br></br>five": "one\ntwo\nthree\nfour\nfive",
    '<a href="https://example.org/otters">https://example.org/otters</a>': "https://example.org/otters",
    '<a href="https://example.org/otters">otters</a>': "otters (https://example.org/otters)",
    '<a href="mailto:ann@example.org">ann@example.org</a>': "ann@example.org",
    '<a href="tel:+15550107733">+15550107733</a>': "+15550107733",
    '<a href="http://example.org">example.org</a>': "example.org",
    '<a href="https://example.org">example.org</a>': "example.org",
    '<a href="https://example.org/">https://example.org</a>': "https://example.org",
    '<a href="skype:echo?call">call echo</a>': "call echo (skype:echo?call)",
    '<a href="https://example.org/?a=1&b=2">https://example.org/?a=1&amp;b=2</a>': "https://example.org/?a=1&b=2",
    "<a>nowhere</a>": "nowhere",
    '<at id="8:tbrannock">Theo Brannock</at>': "@Theo Brannock",
    '<at id="8:tbrannock">@Theo</at>': "@Theo",
    '<at id="8:tbrannock"><b>@</b>Theo</at>': "@Theo",
    '<at id="*">all</at>': "@all",
    '<ss type="smile">:)</ss>': "🙂",
    '<ss type="laugh" alt="😆">:D</ss>': "😆",
    '<ss type="laugh" alt="">:D</ss>': "😄",
    '<ss type="1f440_eyes">(1f440_eyes)</ss>': "👀",
    '<ss type="2714_heavycheckmark">x</ss>': "✔",
    '<ss type="nosuchthing">(nosuchthing)</ss>': "(nosuchthing)",
    '<ss type="smile"/>': "🙂",
    "(wave) (1f440_eyes)": "(wave) (1f440_eyes)",
    '<flag country="de">(flag:de)</flag>': "(flag:de)",
    '<quote author="tbrannock">old</quote>new': "new",
    'text<e_m a="x" ts_ms="1" ts="0" t="61"></e_m>': "text",
    '<c_i id="5ddc7f8b" style="0"></c_i>': "",
    '<e t="1"/>x<e>y</e>': "xy",
    "<context>c</context><roster>r</roster>": "cr",
    'a<blockquote itemtype="http://schema.skype.com/Reply" itemid="1">old</blockquote>b': "a\nb",
    "a<blockquote>cited</blockquote>b": "a\ncited\nb",
}
QUOTE = (
    '<quote author="tbrannock" authorname="Theo Brannock" timestamp="1730829852" '
    'conversation="19:5b0c9d51e27f4a6d8e13b7c2f4a09d66@thread.skype" '
    'messageid="1730829852101" cuid="3180446729051187436">'
    '<legacyquote>[1730829852] Theo Brannock: </legacyquote>see <at id="_*_">all</at> at noon<legacyquote>\n\n'
    "&lt;&lt;&lt; </legacyquote></quote>"
)
QUOTES = {  # 4.2
    QUOTE + "works for me": "works for me",
    QUOTE: "",
    "first\n" + QUOTE + "second" + QUOTE + " third": "first\nsecond third",
    f"<quote>outer {QUOTE} outer</quote>mine": "mine",
    '<quote><URIObject type="Picture.1">To view <a href="x">x</a></URIObject></quote>mine': "mine",
    '<blockquote itemtype="http://schema.skype.com/Reply">a<blockquote>b</blockquote>c</blockquote>d': "d",
    "<legacyquote>[18:04:12] sys: </legacyquote>hello": "hello",
    "<QUOTE author='x'>old</Quote>new": "new",
    "<quote/>new": "new",
    '<quote author="x">not closed': "not closed",
    "not opened</quote>": "not opened",
}
EDIT_MARKERS = {  # 4.3
    'noon at the quay<e_m a="live:mara.ostrow" ts_ms="1730830022730" ts="1730830022" t="61"></e_m>': "noon at the quay",
    'noon<e_m a="live:mara.ostrow" ts_ms="1730830022730" ts="1730830022" t="61"/>': "noon",
    'Edited previous message: <e_m a="x"></e_m>noon': "Edited previous message: noon",
    '<e_m a="x" ts_ms="1"></e_m>': "",
    'noon <e_m a="x" ts_ms="1">at the quay': "noon at the quay",
}
ENTITIES = {  # 4.4
    "can&apos;t &amp; won&#39;t &quot;&lt;&gt;": "can't & won't \"<>",
    "&lt;b&gt;x&lt;/b&gt;": "<b>x</b>",
    "&amp;lt;": "&lt;",
    "&amp;amp;": "&amp;",
    "one\r\ntwo\nthree": "one\ntwo\nthree",
    "  a\u00a0 b  \n": "a\u00a0 b",
    "wo<b>rd</b>s": "words",
    "fish & chips": "fish & chips",
}
LITERAL = {
    "if (a<b && c>d) {": "if (a<b && c>d) {",
    "List<String> and <foo>bar": "List<String> and <foo>bar",
    "not opened</foo>": "not opened</foo>",
    "I <3 you": "I <3 you",
    "<": "<",
    "a <b": "a <b",
}
DROPPED = {
    "a<URIObject type='File.1'>To view this file, go to: <a href='x'>x</a><Title/></URIObject>b": "ab",
    '<partlist type="ended"><part identity="x"><name>Mara</name></part></partlist>': "",
    '<files alt="x"><file size="84">a plan.txt</file></files>': "",
    '<contacts><c t="s" s="live:ines.k" f="Ines"></c></contacts>': "",
    '<location latitude="1"><a href="x">Quay 3</a></location>': "",
    '<sms alt="x"><body><chunk id="0">On my </chunk></body></sms>': "",
    '<systemMessage type="ngcUpgradeMessage" users="Ann ##~~ Bo">x</systemMessage>': "",
}
BADLY_NESTED = {
    '<at id="*"><quote></at>x</quote>': "@x",
    "<quote><b></quote>mine</b>": "mine",
    '<a href="u">1<a href="v">2</a>3</a>': "12 (v)3",
    '<a href="u">open <a href="v">closed</a>': "open closed (v)",
    "</a></at></ss></b>x": "x",
}


@pytest.mark.parametrize(("markup", "text"), TABLE_OF_TAGS.items())
def test_every_tag_of_the_reference_becomes_the_text_it_stands_for(markup: str, text: str) -> None:
    assert plain_text(markup) == text


@pytest.mark.parametrize(("markup", "text"), QUOTES.items())
def test_quotes_are_cut_out_and_what_is_around_them_stays(markup: str, text: str) -> None:
    assert plain_text(markup) == text


@pytest.mark.parametrize(("markup", "text"), EDIT_MARKERS.items())
def test_edit_markers_leave_no_trace(markup: str, text: str) -> None:
    assert plain_text(markup) == text


@pytest.mark.parametrize(("markup", "text"), ENTITIES.items())
def test_entities_are_unescaped_once_and_blanks_trimmed(markup: str, text: str) -> None:
    assert plain_text(markup) == text


@pytest.mark.parametrize(("markup", "text"), LITERAL.items())
def test_what_is_no_known_tag_stays_as_typed(markup: str, text: str) -> None:
    assert plain_text(markup) == text


@pytest.mark.parametrize(("markup", "text"), DROPPED.items())
def test_structured_elements_go_with_their_fallback_text(markup: str, text: str) -> None:
    assert plain_text(markup) == text


@pytest.mark.parametrize(("markup", "text"), BADLY_NESTED.items())
def test_badly_nested_elements_lose_no_text_of_others(markup: str, text: str) -> None:
    assert plain_text(markup) == text


def test_the_message_of_the_complete_example() -> None:
    assert plain_text('can&apos;t wait <ss type="smile">:)</ss>') == "can't wait 🙂"


@PROPERTY
@given(st.text())
def test_any_text_survives_escaping(text: str) -> None:
    text, _ = clean(text)
    assert plain_text(html.escape(text)) == text.replace("\r\n", "\n").strip()


@PROPERTY
@given(st.text(alphabet=st.characters(exclude_characters="<&\0")))
def test_trimmed_text_without_markup_and_carriage_returns_is_its_own_plain_text(text: str) -> None:
    text = text.replace("\r\n", "\n").strip()
    assert plain_text(text) == text


@PROPERTY
@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("<>&;#/=\"' abquote"))))
def test_any_string_has_a_plain_text(markup: str) -> None:
    assert plain_text(markup) == plain_text(markup).strip()


@PROPERTY
@given(st.lists(FRAGMENTS, max_size=12).map("".join))
def test_clean_markup_gives_clean_text(markup: str) -> None:
    assert clean(plain_text(markup))[1] == frozenset()


@PROPERTY
@given(st.lists(FRAGMENTS, max_size=8).map("".join), st.lists(FRAGMENTS, max_size=8).map("".join))
def test_a_complete_quote_changes_nothing_around_it(before: str, after: str) -> None:
    before, after = before.replace("quote", "q"), after.replace("quote", "q")
    assert plain_text(f"x{before}<quote>old</quote>{after}x") == plain_text(f"x{before}{after}x")
