"""Hostile contents of a megabyte cost no more than long ones: no quadratic time, no recursion."""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

import pytest

from skype_assets.etl.content.call import call
from skype_assets.etl.content.message_types import MESSAGE_TYPES, parse
from skype_assets.etl.content.names import document_id, plain_name
from skype_assets.etl.content.uri_object import attachments

SIZE = 1_000_000
# Linear readers take at most a second of processor time, quadratic ones minutes or hours.
LIMIT_SECONDS = 3


def fill(unit: str) -> str:
    return (unit * (SIZE // len(unit) + 1))[:SIZE]


MARKUP = {
    "<": fill("<"),
    "<a": fill("<a"),
    "</": fill("</"),
    "<a b=": fill("<a b="),
    "&": fill("&"),
    "&amp;": fill("&amp;"),
    "&#0;": fill("&#0;"),
    "half an entity": fill("&" + "a" * 32),
    "an endless character reference": "&#" + "9" * SIZE + ";",
    "a tag that never ends": "<a" + " b='c'" * (SIZE // 6),
    "blanks in tags that never end": fill("<a" + " " * 1000),
    "quotes that never end": fill('<a x="'),
    "two interleaved readings of the quotes": fill("""<a k=" x="' m='<a k=" n="' """),
    "three interleaved readings of the quotes": '<a x="' + fill("""<a y=' <a z=" w=' """),
    "100,000 nested quotes": "<quote>" * 100_000 + "x" + "</quote>" * 100_000,
    "quotes that are not closed": fill("<quote>"),
    "ends that close nothing": "<quote>" * 70_000 + "</a>" * 120_000,
    "nested links": '<a href="https://x.y">' * 20_000 + "z" * 300_000 + "</a>" * 20_000,
    "100,000 nested objects": "<URIObject>" * 50_000 + "</URIObject>" * 50_000,
    "objects in quotes": fill("<quote><URIObject type='poll.1'></URIObject><a href='x'>y</a></quote>"),
    "polls": fill("<URIObject type='poll.1'></URIObject>"),
    "replies": fill("<blockquote itemtype='/Reply'>") + "</blockquote>" * 30_000,
    "edit markers": fill("<e_m ts_ms='1'>"),
    "links in open quotes": fill("<quote><a href='x'></a>"),
    "comments that do not end": fill("<!--"),
    "comments": fill("<!---->"),
    "elements unheard of": fill("<x>"),
    "nested elements unheard of": "<x>" * 140_000 + "</x>" * 140_000,
    "nested mentions of Teams": "<span itemtype='/Mention' itemid='1'>" * 15_000 + "z" * 300_000 + "</span>" * 15_000,
    "nested emoji of Teams": "<span itemtype='/Emoji'>" * 15_000 + "<img alt='z'>" * 25_000 + "</span>" * 15_000,
    "nested emoji": "<emoji alt='z'>" * 40_000 + "</emoji>" * 40_000,
    "pictures": fill("<img itemtype='/AMSImage'>"),
    "blocks": fill("<p><pre><td>"),
    "blanks in a block": "<p>" + " " * 900_000 + "<p>",
    "crossed mentions and links": "<at><a href=x>" * 40_000 + "</at></a>" * 40_000,
}
STRUCTURED = {
    "chunks": ("RichText/Sms", "<sms>" + "<chunk id='1'>x" * 60_000),
    "targets": ("ThreadActivity/RoleUpdate", "<target><id>x</id><role>" * 40_000),
    "contacts": ("RichText/Contacts", fill("<c s='x'>")),
    "cards": ("RichText/Media_Card", fill("<Swift b64='e30='>")),
    "one large card": ("RichText/Media_Card", f"<Swift b64='{fill('A')}'>"),
    "options": ("Poll", f"<URIObject optionsEncoded='{fill('%41|')}'>"),
    "lines": ("Poll", "<URIObject><Description>" + fill("- x\n")),
    "deep JSON": ("Notice", fill("[")),
    "deep objects": ("Translation", fill('{"a":')),
    "a long number": ("TranslationSettings", fill("9")),
    "many empty arrays": ("TranslationSettings", "[" + "[]," * 300_000 + "[]]"),
    "recordings": ("RichText/Media_CallRecording", fill("<Id type='callId' value='1'/>")),
    "attributes": ("RichText/ScheduledCallInvite", "<URIObject" + " a='&amp;'" * 100_000 + ">"),
    "links": ("RichText/Location", fill("<a href='x'>")),
}
OTHERS = {
    "nested elements": (attachments, "<URIObject type='File.1'>" * 30_000 + "</URIObject>" * 20_000),
    "children": (attachments, "<URIObject type='File.1'>" + "<a href='0-weu-d4'>" * 40_000 + "<meta type=''>" * 15_000),
    "files": (attachments, fill("<file>")),
    "parts": (call, "<partlist>" + "<part identity='x'>" * 30_000 + "<name>" * 50_000),
    "names": (call, "<partlist><part>" + "<name>x</name>" * 60_000),
    "tags in a name": (plain_name, fill("<a")),
    "almost an id": (document_id, fill("0-aaaaa-d111-" + "f" * 19)),
}


@contextmanager
def processor_time_limit(seconds: float) -> Generator[None]:
    """Fails in the middle of whatever takes longer; other processes on the machine do not count."""

    def fail(_signal: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"took more than {seconds} s of processor time")

    previous = signal.signal(signal.SIGVTALRM, fail)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)


@pytest.mark.parametrize("markup", MARKUP.values(), ids=MARKUP.keys())
def test_rich_text_of_a_hostile_megabyte_takes_linear_time(markup: str) -> None:
    with processor_time_limit(LIMIT_SECONDS):
        parse(MESSAGE_TYPES["RichText"], markup)


@pytest.mark.parametrize(("messagetype", "content"), STRUCTURED.values(), ids=STRUCTURED.keys())
def test_structured_content_of_a_hostile_megabyte_takes_linear_time(messagetype: str, content: str) -> None:
    with processor_time_limit(LIMIT_SECONDS):
        parse(MESSAGE_TYPES[messagetype], content)


@pytest.mark.parametrize(("read", "content"), OTHERS.values(), ids=OTHERS.keys())
def test_reading_a_hostile_megabyte_takes_linear_time(read: Callable[..., object], content: str) -> None:
    with processor_time_limit(LIMIT_SECONDS):
        if read is attachments:
            read(content, "RichText/Files", None)
        else:
            read(content)
