"""Both implementations make the same of HTML bodies (section 10 of the format reference)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from skype_assets.etl.content.emoticons import EMOJI
from skype_assets.etl.content.rich_text import rich_text
from skype_assets.etl.content.uri_object import attachments
from tests.reference.addressed import links, mentions
from tests.reference.attachments import SideFiles
from tests.reference.attachments import attachments as reference_attachments
from tests.reference.markup import COMMENT
from tests.reference.quotes import quotes
from tests.reference.text import plain_text
from tests.reference.values import millisecond_instant

SCHEMA = "http://schema.skype.com/"
STORED = "0-weu-d1-38edc4c5c8e47c0460ce1244583a2dc3"
PEOPLE = {"0": "8:tbrannock", "1": "8:live:mara.ostrow"}
WORDS = st.sampled_from(
    ["word", " two ", "\n", "&nbsp;", "&amp;", "&lt;i&gt;", "<br>", "<hr/>", "<!-- c -->", "<int>", "<x/>"]
    + [f'<img itemtype="{SCHEMA}Emoji" alt="🙂">', f'<img itemtype="{SCHEMA}Emoji" itemid="heart">', '<img alt="x">']
    + ['<emoji alt="🎉"></emoji>', '<emoji id="smile"/>', '<ss type="laugh">:D</ss>']
    + [f'<img src="https://x/v1/objects/{STORED}/views/imgo" width="250.5" height="139">']
    + [f'<img itemtype="{SCHEMA}AMSImage" itemid="{STORED}">', f'<video itemtype="{SCHEMA}AMSVideo"></video>']
)


def within(tags: list[tuple[str, str]], inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(st.sampled_from(tags), st.lists(inner, max_size=3)).map(
        lambda found: found[0][0] + "".join(found[1]) + found[0][1]
    )


STYLED = WORDS | within([(f"<{name}>", f"</{name}>") for name in ("b", "em", "font", "unheard-of")], WORDS)
INLINE = STYLED | within(
    [(f'<span itemtype="{SCHEMA}Mention" itemid="{number}">', "</span>") for number in (0, 1, 2)]
    + [(f'<span itemtype="{SCHEMA}Emoji" title="t">', "</span>"), ('<at id="1">', "</at>")]
    + [('<a href="https://example.org/">', "</a>"), ('<pre raw_pre="!! ">', "</pre>")],
    STYLED,
)
BLOCK = within(
    [(f"<{name}>", f"</{name}>") for name in ("p", "div", "h2", "li", "td", "tr", "blockquote", "pre", "codeblock")],
    INLINE,
)
REPLY = within(
    [
        (
            f'<blockquote itemtype="{SCHEMA}Reply" itemid="1730829852101">'
            '<strong itemprop="mri" itemid="8:tbrannock">Theo</strong>',
            "</blockquote>",
        ),
        (f'<blockquote itemtype="{SCHEMA}Reply"><span itemprop="time" itemid="1730829852102"></span>', "</blockquote>"),
    ],
    BLOCK,
)
BODY = st.lists(INLINE | BLOCK | REPLY | within([("<div>", "</div>"), ("<ul>", "</ul>")], BLOCK), max_size=4).map(
    "".join
)


@settings(max_examples=400)
@given(BODY)
def test_text_mentions_links_and_replies_of_html_are_the_same(content: str) -> None:
    found = rich_text(content, PEOPLE)
    markup = COMMENT.sub("", content)
    assert found.text == plain_text(content, EMOJI)
    assert [(one.user_id, one.label) for one in found.mentions] == [
        (row["user_id"], row["label"]) for row in mentions(markup, PEOPLE, EMOJI)
    ]
    assert [(one.url, one.label) for one in found.links] == [
        (row["url"], row["label"]) for row in links(markup, [], EMOJI)
    ]
    assert [(one.author_id, one.author_name, one.quoted_message_id, one.text) for one in found.quotes] == [
        (row["author_id"], row["author_name"], row["quoted_message_id"], row["text"]) for row in quotes(markup, EMOJI)
    ]
    assert all(millisecond_instant(one.quoted_message_id) for one in found.quotes)


@given(BODY)
def test_pictures_of_html_are_the_same(content: str) -> None:
    columns = ("kind", "document_id", "width", "height", "uri")
    row = {"content": content, "message_type": "RichText/Html", "kind": "text"}
    assert [tuple(getattr(one, name) for name in columns) for one in attachments(content, "RichText/Html", None)] == [
        tuple(one[name] for name in columns) for one in reference_attachments(row, None, None, SideFiles())
    ]
