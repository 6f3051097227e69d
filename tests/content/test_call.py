"""Calls, by section 3.4.1 of the format reference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skype_assets.etl.content.call import Call, Part, call

STARTED = (
    '<partlist type="started" alt="" callId="1730833868113"><part identity="8:live:mara.ostrow"><name>Mara Ostrow'
    '</name></part><part identity="8:tbrannock"><name>Theo Brannock</name></part></partlist>'
)
ENDED = (
    '<partlist type="ended" alt="" callId="1730833868113"><part identity="live:mara.ostrow"><name>Mara Ostrow</name>'
    '<duration>157.26</duration></part><part identity="8:tbrannock"><name>Theo Brannock</name><duration>155</duration>'
    "</part></partlist>"
)
MISSED = '<partlist type="missed" alt="" callId="1730878215004"><part identity="8:tbrannock"><name/></part></partlist>'


def only_part(content: str) -> Part:
    found = call(f"<partlist>{content}</partlist>")
    assert found is not None
    (part,) = found.parts
    return part


def test_a_started_call_names_who_was_called() -> None:
    parts = (Part("8:live:mara.ostrow", "Mara Ostrow", None), Part("8:tbrannock", "Theo Brannock", None))
    assert call(STARTED) == Call("started", "1730833868113", parts)


def test_an_ended_call_lasts_as_long_as_its_longest_part() -> None:
    found = call(ENDED)
    assert found is not None
    assert found.event == "ended"
    assert [part.duration_seconds for part in found.parts] == [157.26, 155.0]
    assert found.duration_seconds == 157.26


def test_a_missed_call_has_no_duration() -> None:
    found = call(MISSED)
    assert found is not None
    assert (found.event, found.duration_seconds) == ("missed", None)
    assert found.parts == (Part("8:tbrannock", None, None),)


@pytest.mark.parametrize(
    ("content", "event", "call_id"),
    [
        ('<partlist alt=""></partlist>', "started", None),
        ('<partlist type="" callId=""/>', "started", None),
        ('<partlist type="Ended" callId="b04f0a52">', "ended", "b04f0a52"),
        ('<partlist callid="1" TYPE="Declined"/>', "Declined", "1"),
        ('<ended/><partlist type="ended">', "ended", None),
    ],
)
def test_type_and_call_id_may_be_missing_or_new(content: str, event: str, call_id: str | None) -> None:
    assert call(content) == Call(event, call_id, ())


@pytest.mark.parametrize("content", ["", "x", '<part identity="8:tbrannock"/>', "</partlist>", "&lt;partlist&gt;"])
def test_without_a_list_there_is_no_call(content: str) -> None:
    assert call(content) is None


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ('<part identity="bob">', Part("8:bob", None, None)),
        ("<part>", Part(None, None, None)),
        ("<part identity='4:+15550107733'><name> Tom &amp; Ada\n</name>", Part("4:+15550107733", "Tom & Ada", None)),
        ("<part identity='1'><name><b>Ada</b></name>", Part("8:1", "Ada", None)),
        ("<part>\n <name>Ada\n <duration> 12 </duration>\n</part>", Part(None, "Ada", 12.0)),
        ("<part><duration>nan</duration>", Part(None, None, None)),
        ("<part><duration>1e3</duration>", Part(None, None, None)),
        ("<part><duration>84.82</duration>", Part(None, None, 84.82)),
        ("<part><duration></duration>", Part(None, None, None)),
        ("<part><duration>1" + "0" * 400 + "</duration>", Part(None, None, None)),
    ],
)
def test_a_part_is_read_however_it_is_written(content: str, part: Part) -> None:
    assert only_part(content) == part


@given(
    st.lists(st.sampled_from(["<partlist>", "<part>", "<name>", "</name>", "<duration>", "1", "<", "&#0;"])).map(
        "".join
    )
)
def test_any_content_can_be_read(content: str) -> None:
    found = call(content)
    assert (found is None) == ("<partlist>" not in content)
