"""Messages as clients spell them, and what becomes of them when somebody else has had them."""

import base64
import json
from typing import Any, Final

from hypothesis import strategies as st

MESSAGE: Final[dict[str, Any]] = {
    "id": "1730829901774",
    "displayName": "Theo",
    "originalarrivaltime": "2024-11-05T18:05:01.774Z",
    "messagetype": "RichText",
    "version": 1730829901774,
    "content": "hello",
    "conversationid": "8:tbrannock",
    "from": "8:tbrannock",
    "properties": None,
    "amsreferences": None,
}

_STORED: Final = "0-weu-d4-f08fdde142b15a71193dfd6abe4c0174"
_URI: Final = f"https://api.asm.skype.com/v1/objects/{_STORED}"
_CARD: Final = {
    "type": "message/card",
    "attachments": [
        {
            "contentType": "application/vnd.microsoft.card.hero",
            "content": {
                "title": "Otter <b>wave</b>",
                "subtitle": 'a "quoted" \\ one\n\u0001\u007f',
                "text": "",
                "images": [{"url": "https://example.org/o.gif", "alt": "otter"}],
                "buttons": [{"type": "openUrl", "title": "Open", "value": "https://example.org"}],
            },
        }
    ],
}


def swift(card: object) -> str:
    encoded = base64.b64encode(json.dumps(card, ensure_ascii=False).encode()).decode()
    return (
        f'<URIObject type="SWIFT.1" url_thumbnail="https://example.org/x.png">Card<Swift b64="{encoded}"/></URIObject>'
    )


PHOTO: Final = (
    f'<URIObject uri="{_URI}" url_thumbnail="{_URI}/views/imgt1_anim" type="Picture.1" doc_id="{_STORED}" width="1020" '
    f'height="765">To view this shared photo, go to: <a href="https://login.skype.com/login/sso?go=x?pic={_STORED}">x</a>'
    '<OriginalName v="garden &amp; gate.jpg"></OriginalName><FileSize v="259114"></FileSize>'
    '<meta type="photo" originalName="garden gate.jpg"></meta></URIObject>'
)
VOICE: Final = (
    f'<URIObject type="Audio.1/Message.1" uri="{_URI}" duration_ms="12480"><Title>Voice</Title>'
    '<a href="https://example.org">Play</a><OriginalName v="" /></URIObject>'
)
LINK: Final = '<a href="https://example.org/?a=1&amp;b=2">https://example.org/?a=1&amp;b=2</a>'
QUOTE: Final = (
    '<quote author="tbrannock" authorname="Theo" timestamp="1730829852" conversation="8:tbrannock" '
    'messageid="1730829852101"><legacyquote>[1730829852] Theo: </legacyquote>it &amp; <at id="_*_">all</at>'
    f"{LINK}<legacyquote>\n\n&lt;&lt;&lt; </legacyquote></quote>mine"
)
CALL: Final = (
    '<partlist type="ended" alt="" callId="1730833868113"><part identity="live:mara.ostrow"><name>Mara</name>'
    '<duration>157.26</duration></part><part identity="8:tbrannock"><name>Theo</name><duration>155</duration></part>'
    "</partlist>"
)
SMS: Final = (
    '<sms alt="On my way"><type>2</type><status>6</status><failurereason>0</failurereason><targets>'
    '<target status="6">+15550107733</target></targets><body><chunk id="0">On my </chunk><chunk id="1">way</chunk>'
    "<untilnext>151</untilnext></body><encoded_body>On my way</encoded_body>"
    "<sendtimestamp>1730829720640</sendtimestamp></sms>"
)
ADDED: Final = (
    "<addmember><eventtime>1730829720515</eventtime><initiator>8:live:mara.ostrow</initiator><target>8:a</target>"
    "<target>b</target></addmember>"
)
USUAL_CONTENTS: Final = (
    "", "hello", " hello\n", "can&apos;t &lt;3", PHOTO, VOICE, LINK, QUOTE, CALL, SMS, ADDED, swift(_CARD), swift({}),
    '<a href="https://example.org/">example.org</a>', '<a href="">nowhere</a>', '<at id="8:tbrannock">Theo</at> come',
    '<at id="*">@all</at>', 'hi <ss type="smile">:)</ss>', '<ss type="laugh" alt="\U0001f606">:D</ss>',
    '<ss type="nothing-like-it">(x)</ss>', 'noon<e_m a="tbrannock" ts_ms="1730829852101" ts="1730829852" t="61"></e_m>',
    '<e_m a="tbrannock" ts_ms="1730829852101"></e_m>', '<b raw_pre="*" raw_post="*">loud</b>', "<quote>bare</quote>",
    '<c_i id="x" style="0"></c_i>',
)  # fmt: skip
FRAGMENTS: Final = (
    *USUAL_CONTENTS, "<", ">", "&", '"', "'", "</", "/>", "]]>", "<b>", "</b>", "<B>", "<i/>", "<br/>", "&amp;",
    "&#39;", "\r\n", "\u2003", "\u0085", '<a href="1" href="2">z</a>', '<a href="1" HREF="2">z</a>',
    "<a href='x'>z</a>",
    '<part identity="8:x">', "</part>", "<name>N</name>", "<duration>9e9</duration>", "<target>8:t</target>",
    "<id>x</id>", '<URIObject type="File.1">', "</URIObject>", '<meta type="photo"/>', '<Swift b64="e30="/>',
    "<quote>", "</quote>",
    "<eventtime>1730829720</eventtime>", "<status>6</status>", '<chunk id="1">c</chunk>', "<file>f</file>", "{",
    "<sms>", "<p>", "</p>", "<pre>x</pre>", '<img alt="i" itemtype="http://schema.skype.com/Emoji"/>', "<x>y</x>",
    f'<img itemid="{_STORED}" src="s"/>', "<ended/>", "<displayName>D</displayName>", "<name>8:x</name>",
    '<partlist alt="">', "</partlist>", '<MediaAlbum albumId="a"/>', "Edited previous message: ", '<e_m ts="5"/>',
    '<quote conversation="#a/$b;c">', '<span itemtype="x/Mention" itemid="0">M</span>', '<at id="0">N</at>',
)  # fmt: skip
CONTENTS: Final = st.sampled_from(USUAL_CONTENTS) | st.lists(st.sampled_from(FRAGMENTS), max_size=6).map("".join)

_PAGE: Final = {"url": "https://example.org/?a=1&b=2", "title": "Otters", "description": None, "size": "48211"}
_PREVIEWS: Final = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "key": st.sampled_from(["https://example.org", "https://example.org/", "", None, "https://b.example"]),
            "value": st.sampled_from([_PAGE, {}, None, "", "x", 1, {"title": ""}, {"url": 5}, {**_PAGE, "title": "2"}]),
        },
    )
    | st.sampled_from([None, 7]),
    max_size=4,
)
_TIMES: Final = st.sampled_from(
    ["1730830195318", 1730830195318, "", "x", 0, "0", None, True, 1.5, "99999999999999999999"]
)
_USERS: Final = st.lists(
    st.fixed_dictionaries(
        {}, optional={"mri": st.sampled_from(["8:a", "b", "", " 8:c ", None]), "time": _TIMES, "value": _TIMES}
    )
    | st.none(),
    max_size=3,
)
_EMOTIONS: Final = st.lists(
    st.fixed_dictionaries(
        {"key": st.sampled_from(["heart", "like", "", "pollAnswer", None])}, optional={"users": _USERS}
    ),
    max_size=3,
)
PROPERTIES: Final = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "edittime": _TIMES,
        "deletetime": _TIMES,
        "emotions": _EMOTIONS | _EMOTIONS.map(json.dumps) | st.none(),
        "urlpreviews": _PREVIEWS.map(json.dumps) | st.sampled_from([None, "", " ", "[", "[]", [], "null"]),
        "albumId": st.sampled_from(["2f0b7c1e", "", None, 7]),
        "forwardMetadata": st.sampled_from(["fwd", "", None, 0]),
        "isserversidegenerated": st.sampled_from(["True", "False", True, None]),
        "files": st.sampled_from(["[]", [], "", None, '[{"title": "f"}]', [{"title": "f"}], "x"]),
        "mentions": st.sampled_from(["[]", [], "", None, '[{"itemid": "0", "mri": "8:n"}]', "["]),
        "poll": st.just([{"key": "pollAnswer"}]),
        "other": st.sampled_from([1e400, 10**30, [[[]]], {"a": {"b": -0.5}}, "\ud83d", "\0"]),
    },
)

_VALUES: Final[dict[str, st.SearchStrategy[Any]]] = {
    "id": st.sampled_from(["1730829901774", "m1", "", " 7 ", None, 5, "\u0661", "1" * 101]),
    "displayName": st.sampled_from(["Theo", "Tom &amp; <b>Ada</b>", "", " ", None, 7]),
    "originalarrivaltime": st.sampled_from(
        ["2024-11-05T18:05:01.7740001Z", "2024-02-29T00:00:00Z", "2023-02-29T00:00:00Z", "2024-11-05T24:00:00Z", None]
        + ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00.1Z", "9999-12-31T23:59:59.999Z", "2024-11-05T18:05:01.Z", "x"]
        + ["2024-11-05 18:05:01Z", "2024-11-05T18:05:01+01:00", "2024-11-05T18:05:01.12345678Z", 1730829901774]
    ),
    "messagetype": st.sampled_from(
        ["RichText", "Text", "RichText/UriObject", "RichText/Media_Card", "Event/Call", "RichText/Sms", "Unheard", None]
        + ["ThreadActivity/AddMember", "RichText/Media_AudioMsg", "RichText/Media_Album"]
    ),
    "version": st.sampled_from([0, 1730829901774, 1.5, "7", None, -1, 10**18, 10**19, True]),
    "content": CONTENTS | st.sampled_from([None, 7, [], "\ud83d", "\0"]),
    "from": st.sampled_from(
        ["8:tbrannock", "https://x/contacts/8:live:mara.ostrow", "19:x@thread.skype", "", None, {}]
    ),
    "properties": PROPERTIES | st.sampled_from([[], "x", 0]),
    "amsreferences": st.sampled_from(
        [[], [_STORED], [_STORED.upper()], ["x"], [None], "x", [_STORED, _STORED[:-1] + "5"]]
    ),
    "other": st.sampled_from([1, [], {}, "x"]),
}


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """The bytes of a message in which some fields have other values, and sometimes of something else."""
    message = dict(MESSAGE)
    for name in draw(st.lists(st.sampled_from(sorted(_VALUES)), max_size=4)):
        message[name] = draw(_VALUES[name])
    if draw(st.integers(0, 9)) == 0:
        del message[draw(st.sampled_from(sorted(MESSAGE)))]
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")]))
    raw = json.dumps(message, ensure_ascii=draw(st.booleans()), separators=separators).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        place = draw(st.integers(0, len(raw)))
        raw = (
            raw[:place]
            + draw(st.sampled_from([b"\xff", b"\xed\xa0\x80", b"\0", b"\\", b'"', b"1", b" ", b"}"]))
            + raw[place:]
        )
    return raw
