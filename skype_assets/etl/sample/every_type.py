"""One message at least of every messagetype of section 3.1, in every shape that the reference gives.

Types whose shape has no source (``Event/BingBot``, ``Guest/NameUpdate`` …) come with empty content, as deleted ones do.
"""

from typing import Final

from skype_assets.etl.sample import content, events
from skype_assets.etl.sample.events import Call, Part
from skype_assets.etl.sample.media import MediaObject
from skype_assets.etl.sample.mix import Traces
from skype_assets.etl.sample.people import CONCIERGE, GUEST, OTTERBOT, PLUMBER, Person
from skype_assets.etl.sample.script import Script

UNKNOWN: Final = ("Event/Unheard", "RichText/Media_Hologram", "ThreadActivity/PinUpdate", "")
"""Invented messagetypes that no loader can know."""

_PHOTO: Final = "0-weu-d4-f08fdde142b15a71193dfd6abe4c0174"
_VIDEO: Final = "0-neu-d11-e0e3680172ce89910dee15eddacbe855"
_VOICE: Final = "0-neu-d8-74271fd347ca261c8c7ad10d00117bc8"
_FILE: Final = "0-weu-d3-53293b07f2c6f66f763c032f79c1aa1d"
_RECORDING: Final = "0-neu-d2-f8fa59af3612e0e82e76c3fe57995059"
_PICTURE: Final = "0-neu-d9-d1b1d6e6abd2537cd39bb5beb4f8b291"
_MISSING: Final = "0-eus-d15-00c0ffee00c0ffee00c0ffee00c0ffee"
_CALL: Final = "b04f0a52-5f1c-4a7e-8a70-6b1a0c5de711"
_ALBUM: Final = "2f0b7c1e-64d4-4b0a-9a43-0e5d0c7a9b12"


def attachments(script: Script, traces: Traces) -> None:
    """Plant every kind of attachment: with its object, with half of it, with none."""
    theo, ines, *_ = script.friends
    me, now = script.owner, script.now
    keep = traces.media.keep
    keep(MediaObject(_PHOTO, "garden gate.jpg", "jpeg", now))
    keep(MediaObject(_VIDEO, "launch.mp4", "mp4", now, preview=True))
    keep(MediaObject(_VOICE, "audio.m4a", "m4a", now, side_file=False))
    keep(MediaObject(_FILE, "minutes 3.docx", "plain", now, file=False))
    keep(MediaObject(_RECORDING, "Video.mp4", "mp4", now, empty=True))
    keep(MediaObject(_PICTURE, "", "png", now))
    keep(MediaObject("0-jhb-d14-1d1d1d1d2e2e2e2e3f3f3f3f40404040", "../../nobody asked.png", "png", now))
    photo = content.photo(_PHOTO, "garden gate.jpg", 259114, 1020, 765)
    script.say(theo, "RichText/UriObject", photo, {"kind": "photo", "text": ""}, amsreferences=[_PHOTO])
    script.say(me, "RichText/UriObject", photo, properties={"forwardMetadata": "fwd-7f"}, amsreferences=[_PHOTO])
    script.say(me, "RichText/UriObject", content.old_photo(_PHOTO, "ImportedPhoto_1530000000000.jpg"))
    script.say(ines, "RichText/UriObject", "", {"kind": "photo"}, amsreferences=[_PHOTO])
    missing = content.photo(_MISSING, "gone.jpg", 1, 10, 10)
    script.say(ines, "RichText/UriObject", missing, {"kind": "photo"}, amsreferences=[_MISSING])
    script.say(
        theo, "RichText/Media_Video", content.video(_VIDEO, "launch.mp4", 48_000_113, 1280, 720), {"kind": "video"}
    )
    script.say(
        theo, "RichText/Media_AudioMsg", content.voice(_VOICE, 12_480), {"kind": "voice"}, amsreferences=[_VOICE]
    )
    for ampersand in ("&amp;", "&"):
        body = content.file(_FILE, "minutes 3.docx", 44_710, ampersand=ampersand)
        script.say(ines, "RichText/Media_GenericFile", body, {"kind": "file"}, amsreferences=[_FILE])
    recorded = content.recording(_RECORDING, _CALL, me, now, 24.28)
    script.say(me, "RichText/Media_CallRecording", recorded, {"kind": "recording"}, amsreferences=[_RECORDING])
    script.say(me, "RichText/Media_Album", content.album(_ALBUM), {"kind": "album"}, properties={"albumId": _ALBUM})
    for docid in (_PHOTO, _MISSING):
        body = content.photo(docid, "album.jpg", 5_000, 640, 480)
        script.say(me, "RichText/UriObject", body, {"album_id": _ALBUM}, properties={"albumId": _ALBUM})
    script.say(theo, "RichText/Media_FlikMsg", content.moji("otter_dance"), {"kind": "moji"})
    script.say(theo, "RichText/Media_Card", content.card("", "otter", image="otter"), {"kind": "card"})
    script.say(theo, "RichText/Media_CallTranscript", "", {"kind": "call_transcript"})
    script.say(theo, "RichText/Media_CallLogRecording", "", {"kind": "call_log"})


def shared(script: Script) -> None:
    """Plant transfers, contacts, places, invitations, polls and gifts."""
    theo, ines, *_ = script.friends
    me, now = script.owner, script.now
    transfer = content.files((("a plan.txt", 84, 1_000_000_001), ("b & c.zip", 90_211, 5_000_000_002)))
    script.say(theo, "RichText/Files", transfer + "\n", {"kind": "file_transfer"})
    script.say(me, "RichText/Contacts", content.contacts((ines, PLUMBER)), {"kind": "contacts"})
    place = content.location(57.70887, 11.97456, "Quay 3, Gothenburg", me, now)
    script.say(me, "RichText/Location", place, {"kind": "location"})
    script.say(theo, "RichText/Location", content.location(-33.8571, 151.2153, "Stop 4", theo, now // 1000))
    script.say(theo, "RichText/ScheduledCallInvite", content.scheduled_call("Budget talk"), {"kind": "scheduled_call"})
    poll = content.poll("Where do we meet?", ("Quay 3", "Café", "Online"), now + 86_400_000, several=True)
    script.say(theo, "Poll", poll, {"kind": "poll"})
    script.say(theo, "RichText", content.old_poll("Tea or coffee?", ("tea", "coffee")))
    script.say(me, "RichText", content.money("5.00", "EUR"))
    script.say(me, "RichText/Money", content.money("5.00", "EUR"), {"kind": "money"})
    script.say(
        me, "RichText", '<systemMessage type="ngcUpgradeMessage" users="Ann ##~~ Bo"></systemMessage>', {"text": ""}
    )
    script.say(theo, "RichText/Html", "<p>hello <strong>there</strong></p>", {"kind": "text"})


def calls(script: Script, traces: Traces) -> None:
    """Plant calls: complete, half, missed, not answered, without an id, and in old writing."""
    theo, ines, *_ = script.friends
    me, start = script.owner, script.now
    both = (Part(me), Part(theo))

    def event(sender: Person, body: str) -> None:
        script.say(sender, "Event/Call", body, {"kind": "call", "text": ""})

    event(me, events.partlist("started", "1730833868113", both))
    event(me, events.partlist("ended", "1730833868113", (Part(me, "157.26", bare=True), Part(theo, "155"))))
    traces.calls.append(Call("1730833868113", me, theo, start + 97_313, start + 254_573))
    event(me, events.partlist("started", _CALL, both))
    event(
        theo,
        events.partlist("ended", "c0000000-0000-4000-8000-000000000001", (Part(theo, "84.82"), Part(ines, "80.1"))),
    )
    event(theo, events.partlist("missed", str(script.now), (Part(theo),)))
    traces.calls.append(Call(str(script.now), theo, me, script.now, None))
    event(me, events.partlist("started", None, both))
    event(me, events.partlist("ended", None, (Part(me, "61"), Part(theo, "61"))))
    event(me, events.partlist("ended", "1730878215004", both))
    event(me, '<partlist alt=""></partlist>')
    event(theo, "<ended/>" + events.partlist("ended", "", (Part(theo, "12"),)))
    indented = events.partlist("ended", "1530878215004", (Part(me, "9.5"), Part(theo, "not a number")))
    event(me, indented.replace("><", ">\r\n  <"))


def activity(script: Script) -> None:
    """Plant every kind of thread activity; it comes from the thread itself."""
    theo, ines, teo, *_ = script.friends
    me = script.owner

    def plant(kind: str, body: str) -> None:
        script.say(None, f"ThreadActivity/{kind}", body, {"kind": "thread_activity", "sender_id": None})

    at = script.now
    plant("AddMember", events.add_named_members(at, me, (theo, ines)))
    plant("AddMember", events.add_member(at, None, (teo,)))
    plant("HistoryDisclosedUpdate", events.switch("historydisclosedupdate", at, me, "true"))
    plant("JoiningEnabledUpdate", events.switch("joiningenabledupdate", at, me, "False"))
    plant("TopicUpdate", events.topic_update(at, me, "Harbour walk &amp; tea"))
    plant("TopicUpdate", events.topic_update(at, me, ""))
    plant("PictureUpdate", events.picture_update(at, me, _PICTURE))
    plant("RoleUpdate", events.role_update(at, me, theo, "admin"))
    plant("RoleUpdate", events.role_update(at, me, ines, "User"))
    plant("DeleteMember", events.delete_member(at, me, ines))
    plant("DeleteMember", events.delete_member(at // 1000, None, teo))
    plant("ModeratedThreadUpdate", events.switch("moderatedthreadupdate", at, me, "true"))
    plant("LegacyMemberAdded", events.activity("legacymemberadded", at, None, events.target(theo)))
    plant("LegacyMemberUpgraded", events.activity("legacymemberupgraded", at, None, events.target(theo)))
    for step in ("Invite", "Accept", "Complete", "Reject"):
        body = events.activity(f"e2eehandshake{step.lower()}", at, me, events.target(theo))
        plant(f"E2EEHandshake{step}", body)
    for kind in ("MemberJoined", "MemberLeft", "DeleteUser"):
        plant(kind, events.teams_members(at, me, (theo,)))


def announcements(script: Script) -> None:
    """Plant what Skype and bots send."""
    valid = script.now + 86_400_000
    script.say(
        CONCIERGE, "Notice", events.notice("New sounds", "Hi {userFirstName}, try them.", valid), {"kind": "notice"}
    )
    script.say(CONCIERGE, "PopCard", events.pop_card("Call further", "Half price & more.", valid), {"kind": "popcard"})
    script.say(CONCIERGE, "PopCard", '<URIObject type="SWIFT.1"><Title>Not JSON</Title></URIObject>')
    script.say(CONCIERGE, "RichText", "Welcome to <b>Skype</b>", {"text": "Welcome to Skype"})
    script.say(
        OTTERBOT, "RichText/Media_Card", content.card("Otter wave", "three otters", kind="hero"), {"kind": "card"}
    )


def short_messages(script: Script) -> None:
    """Plant SMS, as markup and as plain text."""
    body = content.sms("On my way", PLUMBER, script.now)
    script.say(script.owner, "RichText/Sms", body, {"kind": "sms"})
    script.say(PLUMBER, "RichText/Sms", "fine, see you", {"kind": "sms"})


def silent(script: Script) -> None:
    """Plant types that say nothing to a reader: translations, ciphertext, signals, and types never heard of."""
    theo, *_ = script.friends
    me = script.owner
    said = script.rich(theo, "Good evening", "Good evening")
    script.say(theo, "Translation", events.translation(said["id"], "God kväll", "sv"), {"kind": "translation"})
    script.say(theo, "Translation", events.translation("1500000000001", "Saknas", "sv"), {"kind": "translation"})
    settings = events.translation_settings("on", "sv")
    script.say(me, "TranslationSettings", settings, {"kind": "translation_settings"})
    for body in ("EncryptedText", "EncryptedMedia"):
        script.say(theo, f"EndToEndEncryption/{body}", events.opaque(body.encode() * 5), {"kind": "encrypted"})
    for kind in ("Signal/Flamingo", "Signal/Call"):
        script.say(theo, kind, f'{{"payload":"{events.opaque(kind.encode())}"}}', {"kind": "signal"})
    video = events.video_message("5c7a0d4e1f2b48d6903e7a6b5c4d3e2f")
    script.say(theo, "Event/SkypeVideoMessage", video, {"kind": "video_message"})
    for type, kind in (
        ("Event/SkypeAudioMessage", "audio_message"),
        ("Event/BingBot", "bot_event"),
        ("Guest/NameUpdate", "guest"),
        ("Control/Typing", "control"),
        ("Control/ClearTyping", "control"),
        ("Control/LiveState", "control"),
        ("Nudge", "nudge"),
    ):
        script.say(GUEST if kind == "guest" else theo, type, "", {"kind": kind})
    for type in UNKNOWN:
        script.say(theo, type, "<something>new &amp; strange</something>", {"kind": "unknown"})
