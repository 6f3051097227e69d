"""The deliberate dirt within conversations: texts, times, edits, quotes, properties, copies (sections 4, 5 and 7.2).

Each function plants its messages into a script, so that they can play in one conversation or in several.
"""

from skype_assets.etl.sample import content, events
from skype_assets.etl.sample.document import compact, iso
from skype_assets.etl.sample.script import Script

_CODE = "if (a<b && c>d) {"
_EYES, _ROCKET = "\U0001f440", "\U0001f680"


def texts(script: Script) -> None:
    """Plant what people type, and what clients make of it."""
    theo, ines, *_, ruta, elpida, aoi, salim = script.friends
    me = script.owner
    script.say(theo, "Text", _CODE, {"text": _CODE, "kind": "text"})
    script.rich(theo, _CODE, _CODE)
    script.say(me, "Text", "no &amp; markup <b>here</b>\r\n", {"text": "no &amp; markup <b>here</b>\r\n"})
    script.rich(theo, "first line\r\nsecond\nthird", "first line\nsecond\nthird")
    script.rich(theo, "can&apos;t &quot;wait&quot; &#39;til &lt;b&gt; &amp;amp;", "can't \"wait\" 'til <b> &amp;")
    script.rich(me, "bell \x07, tab \x0b, escape \x1b", "bell \x07, tab \x0b, escape \x1b")
    script.rich(ines, "cut \x00 here", "cut \ufffd here", {"flags": ["nul_replaced"]})
    script.rich(ines, "half an emoji \ud83d", "half an emoji \ufffd", {"flags": ["surrogate_replaced"]})
    script.rich(ruta, "встречаемся у причала", "встречаемся у причала")
    script.rich(ruta, "то же самое, escaped", "то же самое, escaped", ascii_only=True)
    script.rich(elpida, f"τα λέμε {_EYES}{_ROCKET}", f"τα λέμε {_EYES}{_ROCKET}", ascii_only=True)
    script.rich(aoi, f"七時に駅で {_EYES}", f"七時に駅で {_EYES}")
    script.rich(salim, "عند الميناء الساعة 7", "عند الميناء الساعة 7")
    script.rich(me, 'wo<b raw_pre="*" raw_post="*">rd</b> and <i>old <u>style</u></i>', "word and old style")
    script.rich(theo, 'two<br/>lines, <font color="#ff0000" size="12">red</font>', "two\nlines, red")
    script.rich(theo, '<pre raw_pre="!! ">x = 1\n  y = 2</pre>', "x = 1\n  y = 2")
    script.say(ines, "RichText", '<ss type="smile">:)</ss> <ss type="laugh" alt="😆">:D</ss> (wave)')
    script.rich(ines, '<flag country="se">(flag:se)</flag> hej', "(flag:se) hej")
    script.rich(me, content.link("https://example.org/a?b=1&c=2"), "https://example.org/a?b=1&c=2")
    script.rich(
        me, content.link("https://example.org/otters", "field guide"), "field guide (https://example.org/otters)"
    )
    script.rich(theo, content.link("mailto:office@example.org", "office@example.org"), "office@example.org")
    script.rich(theo, f"{content.mention(ines)} and {content.mention_all()}", f"@{ines.name} and @all")
    script.rich(me, "unclosed <b>bold & <i>raw ampersand", "unclosed bold & raw ampersand")
    script.rich(ines, "long " + "a very long message. " * 220, ("long " + "a very long message. " * 220).strip())
    script.say(theo, "RichText", None, {"content": None, "text": "", "flags": ["content_missing"]})
    script.say(theo, "RichText", "", {"text": ""})
    script.say(theo, "InviteFreeRelationshipChanged/Initialized", "Hi, I&apos;d like to add you.", {"kind": "text"})


def times(script: Script) -> None:
    """Plant ids, versions and times in all their forms."""
    theo, ines, *_ = script.friends
    for fraction in ("", ".2", ".64", ".482"):
        second = iso(script.now + 97_313)[:19]
        script.rich(
            theo, f"fraction {fraction}", f"fraction {fraction}".strip(), originalarrivaltime=f"{second}{fraction}Z"
        )
    late = script.now + 60_000
    script.rich(theo, "arrived late", "arrived late", originalarrivaltime=iso(late - 47_113))
    script.say(theo, "RichText", "no time", {"flags": ["sent_at_from_id"]}, originalarrivaltime=None)
    script.rich(ines, "float", "float", version=float(script.now + 97_315))
    script.rich(ines, "string", "string", version=str(script.now + 97_315))
    script.say(theo, "RichText", "id with letters", {"text": "id with letters"}, id="a7f3-9c")
    script.say(theo, "RichText", "huge id", {"text": "huge id"}, id="98765432109876543210")
    script.rich(theo, "sender without prefix", "sender without prefix", from_=theo.bare)
    script.rich(
        theo, "live API's sender", "live API's sender", from_=f"https://chat.example/v1/users/ME/contacts/{theo.mri}"
    )
    script.say(theo, "RichText", "name in tags", {"sender_name": "Theo & Co"}, displayName="<b>Theo</b> &amp; Co")
    script.rich(theo, "earlier name", "earlier name", displayName="T. Brannock (old phone)")
    script.rich(script.owner, "own, name empty", "own, name empty", displayName="")
    script.say(None, "RichText", "nobody", {"sender_id": None}, from_=None)


def edits(script: Script) -> None:
    """Plant edits and deletions in every form of 5.3 and 5.4."""
    theo, *_ = script.friends
    me, deleted = script.owner, str(script.now + 3_600_000)
    for on_first in (True, False):
        sent, edited = script.now + 97_313, script.now + 2 * 97_313
        body = f"noon at the quay {on_first}" + content.edit_mark(me, sent)
        marks = {"edittime": str(edited + 2), "isserversidegenerated": "True"}
        text = f"noon at the quay {on_first}"
        script.rich(me, body, text, properties=marks if on_first else None, version=edited + 2)
        script.rich(me, body, text, properties=None if on_first else marks, version=edited + 2)
    script.rich(theo, "edited, no mark", "edited, no mark", properties={"edittime": deleted})
    script.rich(theo, "mark closed" + content.edit_mark(theo, script.now, closed=True), "mark closed")
    script.rich(
        theo,
        "Edited previous message: tea at 5" + content.edit_mark(theo, script.now),
        "tea at 5",
    )
    script.rich(theo, content.edit_mark(theo, script.now), "")
    script.say(theo, "RichText", "", {"text": ""}, properties={"deletetime": deleted}, version=int(deleted))
    script.say(me, "RichText", "left over", properties={"deletetime": deleted, "isserversidegenerated": "False"})
    script.say(theo, "RichText", "", properties={"isserversidegenerated": True})
    script.say(theo, "RichText/UriObject", "", properties={"deletetime": deleted}, amsreferences=None)


def quotes(script: Script) -> None:
    """Plant replies: old and new ones, nested, several, of something that is not there."""
    theo, ines, *_ = script.friends
    me, here, now = script.owner, script.id, script.now
    known = script.rich(theo, "see all at noon", "see all at noon")
    new = content.quote(
        theo,
        now,
        f"see {content.mention_all(quoted=True)} at noon",
        conversation=here,
        message_id=known["id"],
        cuid=31804,
    )
    script.rich(me, f"{new}works for me", "works for me")
    script.rich(me, content.quote(theo, now, "see all at noon", conversation=here) + "old client", "old client")
    nested = content.quote(ines, now, f"{new}and for me", conversation=here, message_id=str(now), cuid=4471)
    script.rich(theo, f"before {nested}after", "before after")
    script.rich(theo, f"{new}one {new}two", "one two")
    script.rich(ines, new, "")
    photo = content.photo("0-weu-d4-f08fdde142b15a71193dfd6abe4c0174", "garden gate.jpg", 259114, 1020, 765)
    missing = content.quote(
        ines, now - 10**9, photo, conversation="8:somebody.else", message_id="1500000000001", cuid=9
    )
    script.rich(me, f"{missing}which gate?", "which gate?")
    local = (
        f'<quote author="{theo.bare}" authorname="{theo.name}" timestamp="{now // 1000}">'
        f"<legacyquote>[05.11.2024 18:04:12] {theo.name}: </legacyquote>with a date"
        "<legacyquote>\r\n\r\n&lt;&lt;&lt; </legacyquote></quote>"
    )
    script.rich(ines, f"{local}in words", "in words")
    teams = '<blockquote itemscope="" itemtype="http://schema.skype.com/Reply" itemid="1"><p>quoted</p></blockquote>'
    script.say(theo, "RichText/Html", f"{teams}<p>a reply of the Teams era</p>")


def properties(script: Script) -> None:
    """Plant reactions, previews, forwards and votes."""
    theo, ines, *_ = script.friends
    me, now = script.owner, script.now
    emotions = events.reactions([("heart", (theo, ines), now), ("1f44d_thumbsup", (), now), ("like", (me,), now)])
    script.rich(me, "reactions", "reactions", properties={"emotions": emotions})
    script.rich(me, "reactions as text", "reactions as text", properties={"emotions": compact(emotions)})
    url = "https://example.org/otters"
    previews = compact(
        [
            {
                "key": url,
                "value": {"url": url, "title": "Otters of the lower river", "description": None, "size": None},
            },
            {"key": "https://example.org/gone", "value": None},
            {"key": "https://example.org/empty", "value": ""},
        ]
    )
    script.rich(theo, content.link(url), url, properties={"urlpreviews": previews})
    script.rich(theo, "preview cut", "preview cut", properties={"urlpreviews": previews[:40]})
    script.say(theo, "RichText", "forwarded", {"is_forwarded": True}, properties={"forwardMetadata": "fwd-0011aa22"})
    script.rich(theo, "no properties", "no properties", properties={})
    for key in ("poll", "emotions"):
        poll = content.poll(f"Where do we meet? ({key})", ("Quay 3", "Café", "A|B"), now + 86_400_000, several=True)
        votes = events.votes([(theo, "[0,2]"), (ines, "[1]")], now)
        script.say(me, "Poll", poll, {"kind": "poll"}, properties={key: votes})


def copies(script: Script) -> None:
    """Plant the same message twice with different versions, and twice unchanged."""
    theo, *_ = script.friends
    first = script.rich(theo, "as first sent", "as corrected")
    script.again(first, content="as corrected", version=int(first["version"]) + 500)
    same = script.rich(theo, "sent twice", "sent twice")
    script.again(same)


def rejects(script: Script) -> None:
    """Plant elements of the MessageList that are no messages."""
    for value in (None, 42, "not a message", [], True):
        script.reject(value)
