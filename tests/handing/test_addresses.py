"""Addresses of the reader become places in the folder; what stands in an archive is never taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from skype_assets.etl.handing.addresses import Here, Site

SITE = Site({"k1": ["undated.html", "2019-03.html", "2019-03-part2.html"], "k2": ["2020-01.html"]}, True, frozenset())


def here(path: str = "c/k1/2019-03.html") -> Here:
    return Here(
        path,
        SITE,
        {"100", "~YQ"},
        {("k2", "7"): "c/k2/2020-01.html#m-7"},
        {("k1", "100", "0"): "files/ab.jpg"},
    )


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("/", "../../index.html"),
        ("/static/reader.css", "../../static/reader.css"),
        ("/report", "../../report.html"),
        ("/search", "../../search.html"),
        ("/search?q=a%26b&c=k1", "../../search.html?q=a%26b&c=k1"),
        ("/c/k1/", "../../c/k1/2019-03-part2.html"),
        ("/c/k1/?first=1", "../../c/k1/undated.html#content"),
        ("/c/k1/?at=2019-03", "../../c/k1/2019-03.html#content"),
        ("/c/k1/?at=2019-03-05", None),
        ("/c/k1/?before=100", "../../c/k1/undated.html#end"),
        ("/c/k1/?after=100", "../../c/k1/2019-03-part2.html#content"),
        ("/c/k1/m/100", "#m-100"),
        ("/c/k1/m/~YQ", "#m-~YQ"),
        ("/c/k1/m/101", None),
        ("/c/k2/m/7", "../../c/k2/2020-01.html#m-7"),
        ("/c/k3/m/100", None),
        ("/c/k3/", None),
        ("/c/k1/evidence/100", None),
        ("/c/k1/file/100/0", "../../files/ab.jpg"),
        ("/c/k1/file/100/1", None),
        ("/c/k2/file/100/0", None),
        ("/c/k1/media", None),
        ("/media", None),
        ("/stats?c=k1", None),
        ("/p/abc", "../../p/abc.html"),
        ("/elsewhere", None),
    ],
)
def test_an_address_of_the_reader_leads_to_a_file_or_nowhere(address: str, target: str | None) -> None:
    assert here().target(address) == target
    attribute = f'<a href="{escape(address)}">x</a>'
    assert here().placed(attribute) == (f'<a href="{escape(target)}">x</a>' if target is not None else "<a>x</a>")


def test_at_the_top_nothing_goes_up() -> None:
    assert here("index.html").target("/c/k1/") == "c/k1/2019-03-part2.html"


@given(st.text() | st.sampled_from([' href="/c/k1/"', "' src='/p/x'", ' action="/search"', "<a href=/>", '"/c/k1/']))
def test_what_somebody_wrote_stays_as_it_is(text: str) -> None:
    page = (
        f'<p title="{escape(text)}">{escape(text)}</p><a href="https://example.org/{escape(text)}">{escape(text)}</a>'
    )
    assert here().placed(page) == page
