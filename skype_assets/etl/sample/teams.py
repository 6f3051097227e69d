"""What people write into Skype's chats from Teams: HTML, in the same message store (sections 5.6 and 10).

Shapes and actions of the profile ``teams``. What Teams has no shape of its own for, such as thread activity, is as in
the other profiles.
"""

import base64
import functools
from typing import Any, Final

from skype_assets.etl.sample import content, events
from skype_assets.etl.sample.content import OBJECTS, markup
from skype_assets.etl.sample.document import NULL, compact
from skype_assets.etl.sample.mix import Action, Session, table
from skype_assets.etl.sample.people import Person
from skype_assets.etl.sample.words import POOL

_SCHEMA: Final = "http://schema.skype.com/"
_EMOJI: Final = (("smile", "🙂"), ("heart", "❤️"), ("1f440_eyes", "👀"))
_CODE: Final = "for x in range(3):&nbsp;print(x &lt; 2)"

# Shapes


def emoji(name: str, alt: str, number: int) -> str:
    """An emoji, in one of its spellings."""
    source = f"https://statics.example/{name}.png"
    image = f'<img itemscope="" itemtype="{_SCHEMA}Emoji" itemid="{name}" src="{source}"'
    return (
        f'<span title="{name}" type="({name})" class="animated-emoticon-20-{name}" itemscope="">'
        f'{image} title="{name}" alt="{alt}" style="width:20px;height:20px"></span>',
        f'<span itemscope="" itemtype="{_SCHEMA}Emoji"><img src="{source}" alt="{alt}"></span>',
        f'<emoji id="{name}" alt="{alt}" title="{name}"></emoji>',
        f'{image} alt="{alt}"/>',
    )[number % 4]


def picture(docid: str, width: int, height: int) -> str:
    """A pasted picture: it is in the archive as others are."""
    return (
        f'<img src="{OBJECTS}{docid}/views/imgo" itemscope="png" width="{width}" height="{height}" itemid="{docid}" '
        f'itemtype="{_SCHEMA}AMSImage" alt="image">'
    )


def mention(person: Person, number: int) -> str:
    """A mention; whom the number stands for is in the properties."""
    return f'<span itemtype="{_SCHEMA}Mention" itemscope="" itemid="{number}">{markup(person.name)}</span>'


def reply(author: Person, message_id: int, body: str) -> str:
    """A message that is answered, before the answer."""
    return (
        f'<blockquote itemscope="" itemtype="{_SCHEMA}Reply" itemid="{message_id}">\n'
        f'<strong itemprop="mri" itemid="{author.mri}">{markup(author.name)}</strong>'
        f'<span itemprop="time" itemid="{message_id}"></span>\n<p itemprop="preview">{body}</p>\n</blockquote>\n'
    )


def partlist(event: str, parts: list[tuple[Person, str]]) -> str:
    """A call's list: an element before it says what happened, and names are ids where Teams knows no other."""
    listed = "".join(
        f'<part identity="{person.mri}"><name>{person.mri}</name><displayName>{markup(person.name)}</displayName>'
        f"{f'<duration>{seconds}</duration>' if seconds else ''}</part>"
        for person, seconds in parts
    )
    return (
        f'<{event}/><partlist alt="" count="{len(parts)}">{listed}</partlist>'
        f"<callEventType>call{event.title()}</callEventType>"
    )


def receipt(number: int) -> str:
    """A card of a shop."""
    card: dict[str, Any] = {
        "title": "Your order",
        "facts": [{"key": "Order", "value": str(number)}],
        "items": [{"title": "Otter mug", "price": "9.50 EUR", "quantity": "2"}],
        "total": "19.00 EUR",
        "tax": "3.03 EUR",
    }
    attachment = {"contentType": "application/vnd.microsoft.card.receipt", "content": card}
    b64 = base64.b64encode(compact({"type": "message/card", "attachments": [attachment]}).encode()).decode()
    return f'<URIObject type="SWIFT.1">Card <Title></Title><Swift b64="{b64}"/></URIObject>'


def of_teams(conversation: dict[str, Any], members: tuple[Person, ...]) -> dict[str, Any]:
    """Return a conversation as such exports have it: a key more, and members that are no JSON in a string."""
    thread = conversation["threadProperties"]
    if thread is not None:
        thread = {**thread, "members": [{"MemberMri": member.mri} for member in members]}
    return {**conversation, "messages": None, "threadProperties": thread}


# Actions


@functools.cache
def teams_table(kind: str) -> list[Action]:
    """Return the actions of a kind of conversation as ``mix.table`` does."""
    if kind not in ("direct", "group"):
        return table("private", kind)
    weighted = [
        (Action(_html), 640),
        (Action(_reply), 60),
        (Action(_picture), 50),
        (Action(_file), 25),
        (Action(_call, 2), 20),
        (Action(_no_call), 10),
        (Action(_edited), 15),
        (Action(_deleted), 15),
        (Action(_card), 5),
        (Action(_bing), 3),
        (Action(_album, 2), 3),
        (Action(_joined), 5 if kind == "group" else 0),
    ]
    others = table("private", kind)
    own = [action for action, weight in weighted for _ in range(weight)]
    return [*own, *others[:: max(1, len(others) // 150)]]


def _line(session: Session) -> str:
    pool, random = session.phrases, session.rng.random
    return pool.openings[int(random() * POOL)] + pool.endings[int(random() * POOL)]


def _body(session: Session, mentioned: list[Person]) -> str:
    """Return a body of one of the forms that HTML has; whom it mentions is added to a list."""
    one, other, draw = _line(session), _line(session), session.rng.randrange(12)
    if draw == 0:
        name, alt = session.rng.choice(_EMOJI)
        return f"<p>{one} {emoji(name, alt, session.rng.randrange(4))}</p>"
    if draw == 1 and session.chat.others:
        mentioned.append(session.rng.choice(session.chat.others))
        return f"<p>{mention(mentioned[-1], len(mentioned) - 1)}&nbsp;{one}</p>"
    number = session.rng.randrange(10_000)
    link = f'<a href="https://example.org/otters/{number}?a=1&amp;b=2" rel="noreferrer" target="_blank">otters</a>'
    return (
        "",
        f"<div>{one}</div>",
        f"<p>{one}</p><p>{other}</p>",
        f"<div><div>{one}</div>\n<div>{other}</div></div>",
        f"<p>{one}:</p>\n<ul>\n<li>{other}</li><li>tea</li></ul>",
        f"<table><tbody><tr><td>{one}</td><td>1</td></tr><tr><td>{other}</td><td>2</td></tr></tbody></table>",
        f"<p>{one}<br>{other}</p>",
        f"<h2>{one}</h2><blockquote>{other}</blockquote><hr>",
        f'<p>{one}</p><codeblock class="Python"><code>{_CODE}</code></codeblock>',
        f"<p>see {link} <strong>now</strong>&hellip;</p>",
        f"<p>wo<b>rd</b> {one}</p><p>&nbsp;</p><p>{other}</p>",
        f"<body><readonly>{one}</readonly></body>",
    )[draw] or f"<p>{one}</p>"


def _reactions(session: Session, at_ms: int) -> list[dict[str, Any]]:
    """Return the reactions of one message in 25, and the key that is none."""
    if session.rng.random() > 0.04:
        return []
    person = session.rng.choice(session.chat.speakers)
    user = {"mri": person.mri, "time": at_ms, "value": str(at_ms), "DisplayName": person.name}
    return [
        {"key": "like", "users": [user]},
        {"key": "reactionsConsumptionHorizon", "users": [{**user, "value": f"{at_ms};{at_ms}"}]},
    ]


def _properties(
    session: Session, at_ms: int, mentioned: list[Person], files: list[dict[str, Any]] | None = None
) -> str:
    """Return the properties that Teams gives to every message."""
    named = [
        {
            "@type": "http://schema.skype.com/Mention",
            "itemid": str(number),
            "mri": person.mri,
            "displayName": person.name,
        }
        for number, person in enumerate(mentioned)
    ]
    properties: dict[str, Any] = {
        "importance": "",
        "subject": "",
        "mentions": compact(named),
        "files": compact(files or []),
    }
    if reactions := _reactions(session, at_ms):
        properties["emotions"] = reactions
    if session.rng.random() < 0.1:
        properties |= {"importedBy": {"RawValue": session.chat.owner.mri}, "qtdMsgs": "[]"}
    return compact(properties)


def _html(session: Session) -> None:
    mentioned: list[Person] = []
    body = _body(session, mentioned)
    type_ = "RichText" if session.rng.random() < 0.1 else "RichText/Html"
    at = session.tick()
    session.add(type_, body, at, session.speaker(), properties=_properties(session, at[1], mentioned))


def _reply(session: Session) -> None:
    written = [m for m in session.messages[-8:] if m.type == "RichText/Html" and "<blockquote" not in m.content]
    body = f"<p>{_line(session)}</p>"
    if written:
        answered = session.rng.choice(written)
        author = Person(answered.sender, answered.name or session.chat.owner.name)
        body = reply(author, answered.id, _line(session)) + body
    at = session.tick()
    session.add("RichText/Html", body, at, session.speaker(), properties=_properties(session, at[1], []))


def _picture(session: Session) -> None:
    at = session.tick()
    item = session.traces.media.attach("photo", at[0])
    references = f'["{item.docid}"]' if session.rng.random() < 0.5 else NULL
    body = f"<p>{_line(session)}</p><p>{picture(item.docid, item.width, item.height)}</p>"
    session.add("RichText/Html", body, at, session.speaker(), references=references)


def _file(session: Session) -> None:
    at = session.tick()
    item = session.traces.media.attach("file", at[0])
    address = f"{OBJECTS}{item.docid}" if session.rng.random() < 0.5 else "https://example.sharepoint.example/plan.docx"
    file = {"@type": f"{_SCHEMA}File", "title": item.name, "type": "docx", "fileInfo": {"fileUrl": address}}
    if session.rng.random() < 0.5:
        file |= {"fileName": item.name, "objectUrl": address}
    body = f"<p>{_line(session)}</p>"
    session.add("RichText/Html", body, at, session.speaker(), properties=_properties(session, at[1], [], [file]))


def _call(session: Session) -> None:
    caller, callee = session.speaker(), session.rng.choice(session.chat.others)
    start, end = session.tick(session.rng.randrange(20_000, 900_000)), session.tick()
    seconds = str((end[0] - start[0]) // 1000)
    started = partlist("started", [(caller, ""), (callee, "")])
    session.add("Event/Call", started if session.rng.random() < 0.5 else '<partlist alt=""></partlist>', start, caller)
    session.add("Event/Call", partlist("ended", [(caller, seconds), (callee, seconds)]), end, caller)


def _no_call(session: Session) -> None:
    caller = session.rng.choice(session.chat.others)
    event = session.rng.choice(("missed", "cancelled"))
    session.add("Event/Call", partlist(event, [(caller, "")]), session.tick(), caller)


def _edited(session: Session) -> None:
    """Add one half of an edited message: the other one is not in the export."""
    at, sender = session.tick(), session.speaker()
    body = f"{_line(session)}{content.edit_mark(sender, at[0] - 120_000)}"
    if session.rng.random() < 0.5:
        body = f"Edited previous message: {body}"
    session.add("RichText", body, at, sender)


def _deleted(session: Session) -> None:
    at = session.tick()
    properties = compact({"deletetime": str(at[1] + 60_000)})
    session.add("RichText/Html", f"<p>{_line(session)}</p>", at, session.speaker(), properties=properties)


def _card(session: Session) -> None:
    session.add("RichText/Media_Card", receipt(session.rng.randrange(10_000)), session.tick(), session.speaker())


def _bing(session: Session) -> None:
    body = (
        f"<bing-response>{_line(session)}<sup>1</sup>.</bing-response>"
        '<attribution src="x">Learn more: <a href="https://example.org/otter">1. example.org</a></attribution>'
    )
    session.add("RichText", body, session.tick(), session.speaker())


def _album(session: Session) -> None:
    """Add an album whose header alone says which: in its content."""
    sender, item = session.speaker(), f"7d1a0c52-3b1e-4a55-9c7e-{session.rng.getrandbits(48):012x}"
    body = f'<MediaAlbum albumId="{item}"></MediaAlbum>'
    session.add("RichText/Media_Album", body, session.tick(), sender)
    at = session.tick()
    photo = session.traces.media.attach("photo", at[0])
    properties = compact({"albumId": item})
    session.add("RichText/UriObject", content.photo(*photo), at, sender, properties=properties)


def _joined(session: Session) -> None:
    at = session.tick()
    member = session.rng.choice(session.chat.others)
    session.thread("MemberJoined", events.teams_members(at[1] - 125, session.chat.owner, [member]), at)
