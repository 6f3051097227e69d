"""Content of messages that people write: markup and attachments (sections 3.3 and 4).

One function per shape; each returns the content as the export holds it, before JSON escaping. Calls, thread activity
and content that is JSON are in `events`.
"""

import base64
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote as percent_encode
from xml.sax.saxutils import escape

from skype_assets.etl.sample.document import compact, iso7
from skype_assets.etl.sample.people import Person

OBJECTS: Final = "https://api.asm.skype.com/v1/objects/"
_LOGIN: Final = "https://login.skype.com/login/sso?go="


def markup(text: str) -> str:
    """Return literal text as markup: the five entities of section 4.4."""
    return escape(text, {"'": "&apos;", '"': "&quot;"})


# Inline markup (4.1 - 4.3)


def emoticon(type: str, shortcut: str, alt: str = "") -> str:
    """An emoticon; newer clients add the emoji as `alt`."""
    return f'<ss type="{type}"{f" alt={chr(34)}{alt}{chr(34)}" if alt else ""}>{shortcut}</ss>'


def styled(tag: str, mark: str, body: str) -> str:
    """Bold, italic, strike or monospace, with what the user typed around it."""
    return f'<{tag} raw_pre="{mark}" raw_post="{mark}">{body}</{tag}>'


def link(url: str, label: str = "") -> str:
    """A link; its label is nearly always the address itself."""
    return f'<a href="{markup(url)}">{label or markup(url)}</a>'


def mention(person: Person) -> str:
    """A mention of one person."""
    return f'<at id="{person.mri}">{markup(person.name)}</at>'


def mention_all(*, quoted: bool = False) -> str:
    """A mention of everyone; within a quote the id is another one."""
    return f'<at id="{"_*_" if quoted else "*"}">all</at>'


def quote(author: Person, sent_ms: int, body: str, *, conversation: str, message_id: str = "", cuid: int = 0) -> str:
    """A reply's quotation; old ones name neither the message nor the client id."""
    seconds = (sent_ms + 500) // 1000
    identity = f' messageid="{message_id}" cuid="{cuid}"' if message_id else ""
    name = markup(author.name)
    return (
        f'<quote author="{author.bare}" authorname="{name}" timestamp="{seconds}" '
        f'conversation="{conversation}"{identity}>'
        f"<legacyquote>[{seconds}] {name}: </legacyquote>{body}<legacyquote>\n\n&lt;&lt;&lt; </legacyquote></quote>"
    )


def edit_mark(editor: Person, sent_ms: int, *, closed: bool = False) -> str:
    """The mark at the end of an edited message: who, and when the original was sent."""
    start = f'<e_m a="{editor.bare}" ts_ms="{sent_ms}" ts="{sent_ms // 1000}" t="61"'
    return f"{start}/>" if closed else f"{start}></e_m>"


# Attachments (3.3.1 - 3.3.8)


def photo(docid: str, name: str, size: int, width: int, height: int) -> str:
    """A photo as newer clients send it."""
    page = f"{_LOGIN}xmmfallback?pic={docid}"
    return (
        f'<URIObject uri="{OBJECTS}{docid}" url_thumbnail="{OBJECTS}{docid}/views/imgt1_anim" type="Picture.1" '
        f'doc_id="{docid}" width="{width}" height="{height}">To view this shared photo, go to: '
        f'<a href="{page}">{page}</a>{_name_and_size(name, size)}'
        f'<meta type="photo" originalName="{markup(name)}"></meta></URIObject>'
    )


def old_photo(docid: str, name: str) -> str:
    """A photo of an old client: no `doc_id`, no measures, self-closing tags."""
    page = f"https://api.asm.skype.com/s/i?{docid}"
    return (
        f'<URIObject type="Picture.1" uri="https://api.asm.skype.com/v1//objects/{docid}" '
        f'url_thumbnail="{OBJECTS}{docid}/views/imgt1"><Title/><Description/>To view this shared photo, go to: '
        f'<a href="{page}">{page}</a><OriginalName v="{markup(name)}"/>'
        f'<meta type="photo" originalName="{markup(name)}"/></URIObject>'
    )


def file(docid: str, name: str, size: int, *, ampersand: str = "&amp;") -> str:
    """A file; the ampersand of its link may be raw, and the markup then ill-formed."""
    page = f"{_LOGIN}webclient.xmm{ampersand}docid={docid}"
    return (
        f'<URIObject uri="{OBJECTS}{docid}" url_thumbnail="{OBJECTS}{docid}/views/original" type="File.1" '
        f'doc_id="{docid}">To view this file, go to: <a href="{page}">{page}</a>'
        f"{_name_and_size(name, size)}</URIObject>"
    )


def video(docid: str, name: str, size: int, width: int, height: int) -> str:
    """A video message or file."""
    page = f"{_LOGIN}xmmfallback?vim={docid}"
    return (
        f'<URIObject uri="{OBJECTS}{docid}" url_thumbnail="{OBJECTS}{docid}/views/thumbnail" type="Video.1/Message.1" '
        f'doc_id="{docid}" width="{width}" height="{height}">To view this video message, go to: '
        f'<a href="{page}">{page}</a>{_name_and_size(name, size)}</URIObject>'
    )


def voice(docid: str, duration_ms: int) -> str:
    """A voice message; no `doc_id`, its id is in `uri` only."""
    return (
        f'<URIObject type="Audio.1/Message.1" url_thumbnail="{OBJECTS}{docid}/views/thumbnail" uri="{OBJECTS}{docid}" '
        f'duration_ms="{duration_ms}"><Title>Voice message</Title>'
        f'<a href="{_LOGIN}webclient.xmm&amp;am={docid}">Play</a><OriginalName v="audio.m4a" /></URIObject>'
    )


def moji(item: str) -> str:
    """A Moji: an item of a public catalogue, never in the archive."""
    uri = f"https://static.asm.skype.com/pes/v1/items/{item}"
    return (
        f'<URIObject type="Video.1/Flik.1" uri="{uri}" url_thumbnail="{uri}/views/thumbnail">To view this Moji, go to: '
        f'<a href="{uri}">{uri}</a><OriginalName v=""/></URIObject>'
    )


def album(item: str) -> str:
    """The header of an album; the photos are messages of their own that share its `albumId`."""
    return f'<c_i id="{item}" style="0"></c_i>'


def card(title: str, subtitle: str, *, kind: str = "flex", image: str = "", sent_ms: int = 0) -> str:
    """A GIF (`flex`) or a bot's card (`hero`): JSON in base64."""
    inner: dict[str, Any] = {"title": title, "subtitle": subtitle, "text": "", "shareable": True}
    if image:
        inner |= {
            "aspect": "498:280",
            "images": [
                {"alt": subtitle, "url": f"https://media.example/{image}.gif", "type": "image/gif", "frames": 0}
            ],
        }
    else:
        inner["buttons"] = [{"type": "openUrl", "title": "Open", "value": "https://example.org/cards"}]
    attachment = {"contentType": f"application/vnd.microsoft.card.{kind}", "content": inner}
    swift = {"type": "message/card", "attachments": [attachment], "recipient": None, "timestamp": iso7(sent_ms)}
    b64 = base64.b64encode(compact(swift).encode()).decode()
    return (
        '<URIObject type="SWIFT.1" url_thumbnail="https://urlp.asm.skype.com/v1/url/content?url=https://media.example/'
        'card-128x128.png">Card - access it on <a href="https://go.skype.com/cards.unsupported">'
        f'https://go.skype.com/cards.unsupported</a>. <Title></Title><Swift b64="{b64}"/><Description></Description>'
        "</URIObject>"
    )


def recording(docid: str, call_id: str, initiator: Person, sent_ms: int, seconds: float) -> str:
    """A call recording; the raw `&am=` makes it ill-formed."""
    duration = f"0:{int(seconds) // 60:02d}:{seconds % 60:05.2f}"
    return (
        f'<URIObject type="Video.2/CallRecording.1" url_thumbnail="{OBJECTS}{docid}/views/thumbnail" '
        f'uri="{OBJECTS}{docid}" version="1.0"><RecordingStatus status="Success" code="200"><amsErrorResult />'
        '</RecordingStatus><SessionEndReason value="CallEnded" /><ChunkEndReason value="SessionEnded" />'
        f'<Title>Video</Title><a href="{_LOGIN}webclient.xmm&am={docid}">Play</a><OriginalName v="Video.mp4" />'
        f'<MeetingOrganizerId value="" /><RecordingInitiatorId value="{initiator.mri}" /><Identifiers>'
        f'<Id type="callId" value="{call_id}" /><Id type="chunkIndex" value="0" />'
        f'<Id type="AMSDocumentID" value="{docid}" /><Id type="StreamVideoId" value="" /></Identifiers>'
        f'<RecordingContent timestamp="{iso7(sent_ms)}" duration="{duration}">'
        f'<item type="video" uri="{OBJECTS}{docid}" />'
        f'<item type="rosterevents" uri="{OBJECTS}{docid}/views/rosterevents" /></RecordingContent></URIObject>'
    )


def _name_and_size(name: str, size: int) -> str:
    return f'<OriginalName v="{markup(name)}"></OriginalName><FileSize v="{size}"></FileSize>'


# Other things that people send (3.3.9 - 3.3.15)


def files(transfers: Iterable[tuple[str, int, int]]) -> str:
    """An old peer-to-peer transfer: name, size and transfer id of each file."""
    transfers = list(transfers)
    names = ", ".join(f"&quot;{markup(name)}&quot;" for name, _, _ in transfers)
    children = "".join(
        f'<file size="{size}" index="{index}" tid="{tid}">{markup(name)}</file>'
        for index, (name, size, tid) in enumerate(transfers)
    )
    return f'<files alt="sent files {names}">{children}</files>'


def contacts(people: Iterable[Person]) -> str:
    """Shared contacts: Skype names without prefix, or phone numbers."""
    children = "".join(
        f'<c t="p" p="{person.mri.removeprefix("4:")}" f="{markup(person.name)}"/>'
        if person.mri.startswith("4:")
        else f'<c t="s" s="{person.bare}" f="{markup(person.name)}"></c>'
        for person in people
    )
    return f"<contacts>{children}</contacts>"


def location(latitude: float, longitude: float, address: str, person: Person, sent_ms: int) -> str:
    """A shared place; the coordinates are in millionths of a degree."""
    where = markup(address)
    url = f"https://www.bing.com/maps/default.aspx?cp={latitude}~{longitude}&amp;dir=0&amp;lvl=15"
    return (
        f'<location isUserLocation="0" latitude="{round(latitude * 1e6)}" longitude="{round(longitude * 1e6)}" '
        f'timeStamp="{sent_ms}" timezone="Europe/Stockholm" locale="en-US" language="en" address="{where}" '
        f'addressFriendlyName="{where}" shortAddress="{where}" userMri="{person.mri}">'
        f'<a href="{url}">{where}</a></location>'
    )


def scheduled_call(subject: str) -> str:
    """An invitation to a call; its time is in no known attribute."""
    url = "https://join.skype.com/AbCdEf"
    return (
        f'<URIObject type="ScheduledCall.1" uri="" subject="{markup(subject)}">You&apos;re invited: '
        f'<a href="{url}">{url}</a></URIObject>'
    )


def poll(title: str, options: Iterable[str], expires_ms: int, *, several: bool) -> str:
    """A poll; the options are URL-encoded and joined by bars."""
    encoded = "|".join(percent_encode(option) for option in options)
    return (
        f'<URIObject type="Poll" title="{markup(title)} " expirationTimeMs="{expires_ms}" optionsEncoded="{encoded}" '
        f'allowMultipleVotes="{str(several).lower()}">{markup(title)} </URIObject>'
    )


def old_poll(question: str, answers: Iterable[str]) -> str:
    """A poll of an old client, inside a RichText message."""
    answers = list(answers)
    listed = "\n".join(f"- {markup(answer)}" for answer in answers)
    children = "".join(f'<Answer value="{markup(answer)}"/>' for answer in answers)
    return (
        f'<URIObject type="poll.1" uri=""><Title>{markup(question)}</Title><Description>{listed}</Description>'
        f'<Settings><MultipleChoice value="true"/></Settings><Question value="{markup(question)}"/>'
        f"<Answers>{children}</Answers></URIObject>"
    )


def sms(body: str, number: Person, sent_ms: int) -> str:
    """An SMS, in two chunks."""
    half = len(body) // 2
    return (
        f'<sms alt="{markup(body)}"><type>2</type><status>6</status><failurereason>0</failurereason><targets>'
        f'<target status="6">{number.mri.removeprefix("4:")}</target></targets><body>'
        f'<chunk id="0">{markup(body[:half])}</chunk><chunk id="1">{markup(body[half:])}</chunk>'
        f"<untilnext>151</untilnext></body><encoded_body>{markup(body)}</encoded_body><sendtimestamp>{sent_ms}</sendtimestamp></sms>"
    )


def money(amount: str, currency: str) -> str:
    """A gift of Skype credit."""
    return (
        '<URIObject type="Credit.1" uri=""><Order value="71003"/><Personalization value="for the ferry"/>'
        f'<Amount value="{amount}"/><Currency value="{currency}"/></URIObject>'
    )
