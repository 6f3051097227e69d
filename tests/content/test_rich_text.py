"""What a rich text holds besides its text: mentions, links, quotes, edit markers (sections 4.1 to 4.3)."""

import pytest

from skype_assets.etl.content.edit_markers import EditMarker
from skype_assets.etl.content.links import Link, previewed
from skype_assets.etl.content.mentions import Mention
from skype_assets.etl.content.message_types import MESSAGE_TYPES, parse
from skype_assets.etl.content.quotes import Quote
from skype_assets.etl.content.rich_text import rich_text
from skype_assets.etl.schema.flags import DELETED_BY_EDIT_MARKER, SERVER_GENERATED, URLPREVIEWS_UNREADABLE

MENTIONS = {
    '<at id="8:tbrannock">Theo</at>': Mention("8:tbrannock", "Theo"),
    '<at id="tbrannock">@Theo &amp; Co</at>': Mention("8:tbrannock", "Theo & Co"),
    '<at id="28:concierge"><b>Skype</b></at>': Mention("28:concierge", "Skype"),
    '<at id="*">all</at>': Mention("*", "all"),
    '<at id="_*_">all</at>': Mention("*", "all"),
    '<at id="&#42;"></at>': Mention("*"),
    '<at id="8:x">not closed': Mention("8:x"),
}
QUOTED_AT = [  # message id, timestamp, instant
    ("1730829852101", "1730829852", 1730829852101000),
    ("1730829463879", "1730829464", 1730829463879000),
    ("1730829852101", "", 1730829852101000),
    ("1730829852101", "unknown", 1730829852101000),
    ("1730829852101", "1730829855", 1730829855000000),
    ("", "1730829852", 1730829852000000),
    ("a7f3-9c", "1730829852", 1730829852000000),
    ("98765432109876543210", "1730829852", 1730829852000000),
    ("", "", None),
    ("", "9" * 400, None),
    ("0", "0", None),
]
REPLY = '<blockquote itemtype="http://schema.skype.com/Reply" itemid="{}">{}</blockquote>mine'


@pytest.mark.parametrize(("markup", "mention"), MENTIONS.items())
def test_a_mention_says_who_and_how(markup: str, mention: Mention) -> None:
    assert rich_text(markup).mentions == (mention,)


@pytest.mark.parametrize("markup", ["<at>x</at>", '<at id="">x</at>', '<at id=" ">x</at>', '</at id="8:x">'])
def test_a_mention_of_nobody_is_none(markup: str) -> None:
    assert rich_text(markup).mentions == ()


def test_links_come_in_order_and_as_often_as_they_are_written() -> None:
    link = '<a href="https://example.org/?a=1&amp;b=2">here</a>'
    found = rich_text(f'{link}<a href="tel:+15550107733"/>{link}<a>nowhere</a>').links
    here = Link("https://example.org/?a=1&b=2", "here")
    assert found == (here, Link("tel:+15550107733"), here)


@pytest.mark.parametrize(
    "around", ["quote", "legacyquote", "URIObject", "location", "sms", "contacts", "systemMessage"]
)
def test_what_stands_in_a_quote_or_an_object_is_not_the_writers_own(around: str) -> None:
    inner = '<at id="8:x">x</at><a href="https://y">y</a><e_m a="z" ts_ms="1"/>'
    found = rich_text(f'<{around}>{inner}</{around}><at id="8:me">me</at>')
    assert (found.mentions, found.links, found.edit_marker) == ((Mention("8:me", "me"),), (), None)


def test_a_quote_in_an_object_is_part_of_the_object() -> None:
    found = rich_text('<URIObject><quote author="x">y</quote></URIObject>')
    assert found.quotes == ()
    assert found.objects == ('<URIObject><quote author="x">y</quote></URIObject>',)


@pytest.mark.parametrize(("message_id", "timestamp", "instant"), QUOTED_AT)
def test_the_message_id_tells_when_the_quoted_was_sent_unless_the_timestamp_contradicts(
    message_id: str, timestamp: str, instant: int | None
) -> None:
    (quote,) = rich_text(f'<quote messageid="{message_id}" timestamp="{timestamp}">x</quote>').quotes
    assert (quote.quoted_message_id, quote.quoted_at) == (message_id or None, instant)


def test_the_text_of_a_quote_is_plain_without_what_is_for_old_clients() -> None:
    before, after = "<legacyquote>[18:04:12] sys: </legacyquote>", "<legacyquote>\r\n\r\n&lt;&lt;&lt; </legacyquote>"
    assert rich_text(f"<quote>{before}one\r\n<b>two</b> &amp;lt;{after}</quote>").quotes == (
        Quote(text="one\ntwo &lt;"),
    )


def test_a_quote_that_does_not_end_still_names_what_it_quotes() -> None:
    found = rich_text('<quote author="tbrannock">not closed')
    assert (found.text, found.quotes) == ("not closed", (Quote("8:tbrannock"),))


def test_a_reply_of_the_teams_era_is_a_quote() -> None:
    author = '<strong itemprop="mri" itemid="live:ines.k">Ines &amp; Co</strong>'
    found = rich_text(REPLY.format("1730829852101", f"{author}<p>at noon</p>"))
    assert found.text == "mine"
    assert found.quotes == (Quote("8:live:ines.k", "Ines & Co", "1730829852101", None, 1730829852101000, "at noon"),)


@pytest.mark.parametrize(
    ("body", "text"),
    [("<strong>no</strong> author", "no author"), ("at noon", "at noon"), ("<b>at</b> noon", "at noon")],
)
def test_a_reply_may_not_name_its_author(body: str, text: str) -> None:
    assert rich_text(REPLY.format("not a number", body)).quotes == (Quote(text=text),)


@pytest.mark.parametrize(
    ("marker", "found"),
    [
        (
            '<e_m a="live:mara.ostrow" ts_ms="1526383417250" ts="1526383416"/>',
            EditMarker("8:live:mara.ostrow", 1526383417250000),
        ),
        ('<e_m ts="1526383416"></e_m>', EditMarker(None, 1526383416000000)),
        ('<e_m ts="then"></e_m>', EditMarker()),
        ('<e_m a="x" ts_ms="soon">', EditMarker("8:x")),
        ('<E_M TS_MS="1730830022730"></E_M>', EditMarker(None, 1730830022730000)),
    ],
)
def test_an_edit_marker_says_when_the_original_was_sent(marker: str, found: EditMarker) -> None:
    assert rich_text(f"noon{marker}").edit_marker == found


@pytest.mark.parametrize(
    ("content", "properties", "flags"),
    [
        (' <e_m a="x" ts_ms="1"></e_m>\n', None, (DELETED_BY_EDIT_MARKER,)),
        ("<e_m/><e_m></e_m>", {}, (DELETED_BY_EDIT_MARKER,)),
        ("<e_m></e_m>", {"deletetime": "1730834027914"}, ()),
        ("<e_m></e_m><b></b>", None, ()),
        ("<e_m></e_m><quote></quote>", None, ()),
        ("", {"isserversidegenerated": "True"}, (SERVER_GENERATED,)),
        (None, {"isserversidegenerated": "true"}, (SERVER_GENERATED,)),
        ("", {"isserversidegenerated": True, "edittime": "1730830195318"}, ()),
        ("", {"isserversidegenerated": True, "deletetime": 1730830195318}, ()),
        ("", {"isserversidegenerated": "False"}, ()),
        ("", {"isserversidegenerated": 1}, ()),
        ("text", {"isserversidegenerated": True}, ()),
    ],
)
def test_rows_that_nobody_has_written_are_flagged(
    content: str | None, properties: object, flags: tuple[str, ...]
) -> None:
    assert parse(MESSAGE_TYPES["RichText"], content, properties).flags == flags


def test_previews_belong_to_every_link_of_their_address() -> None:
    links = (Link("https://example.org", "a"), Link("https://example.org/", "b"), Link("https://example.org/x", "c"))
    entry = {
        "key": "https://example.org/",
        "value": {"url": "https://example.org/moved", "title": "T", "description": ""},
    }
    found, flags = previewed(links, [entry, {"key": "https://example.org", "value": {"title": "later"}}])
    assert found == (Link("https://example.org", "a", "T"), Link("https://example.org/", "b", "T"), links[2])
    assert flags == ()


def test_previews_of_what_is_no_link_are_links_without_a_label() -> None:
    entries = [{"key": "https://a", "value": {"url": "https://b", "title": "T"}}, {"key": "https://c", "value": ""}]
    entries += [{"key": "https://b/", "value": None}, {"key": "", "value": {"title": "nowhere"}}]
    assert previewed((), entries)[0] == (Link("https://b", None, "T"), Link("https://c"))


@pytest.mark.parametrize("cut", ['[{"key"', "x", "7", {"key": "https://a"}, "[" * 100_000])
def test_previews_that_cannot_be_read_are_flagged(cut: object) -> None:
    assert previewed((), cut) == ((), (URLPREVIEWS_UNREADABLE,))


@pytest.mark.parametrize("nothing", [None, "", "  ", "[]", [], [None, 1, "x", {}]])
def test_no_previews_are_no_fault(nothing: object) -> None:
    assert previewed((), nothing) == ((), ())
