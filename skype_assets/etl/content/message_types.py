"""The registry of message types (section 3.1 of the format reference): one entry per type.

To support a further type, add an entry. A type that is not here is ``unknown``: its message is loaded all the same,
with its content as exported.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

TextRule = Literal["literal", "markup", "none"]
"""How a type's content becomes text: as it is, by ``plain_text``, or not at all."""

UNKNOWN: Final = "unknown"


@dataclass(frozen=True)
class MessageType:
    """One type.

    Args:
        name: Skype's name, in ``message.messagetype``.
        kind: ours, in ``messages.kind``.
        grade: how sure it is that the type occurs in exports: A, B or C (section 0.1).
        meaning: what it is.
        text: how its content becomes ``messages.text``.
        feeds: further tables that its content feeds.
    """

    name: str
    kind: str
    grade: str
    meaning: str
    text: TextRule = "none"
    feeds: tuple[str, ...] = ()


_ATTACHMENTS: Final = ("attachments",)
_CALL: Final = ("call_events", "call_participants")

MESSAGE_TYPES: Final[Mapping[str, MessageType]] = {
    type_.name: type_
    for type_ in (
        # What people write
        MessageType("Text", "text", "A", "plain text or code", "literal"),
        MessageType("RichText", "text", "A", "normal message", "markup", _ATTACHMENTS),
        MessageType("RichText/Html", "text", "C", "message of the Teams era", "markup", _ATTACHMENTS),
        MessageType("InviteFreeRelationshipChanged/Initialized", "text", "A", "first greeting", "markup", _ATTACHMENTS),
        MessageType("RichText/Sms", "sms", "C", "SMS through Skype"),
        # What people send
        MessageType("RichText/UriObject", "photo", "A", "photo", feeds=_ATTACHMENTS),
        MessageType("RichText/Media_GenericFile", "file", "A", "file", feeds=_ATTACHMENTS),
        MessageType("RichText/Media_Video", "video", "A", "video", feeds=_ATTACHMENTS),
        MessageType("RichText/Media_AudioMsg", "voice", "A", "voice message", feeds=_ATTACHMENTS),
        MessageType("RichText/Media_FlikMsg", "moji", "A", "Moji, an animated clip", feeds=_ATTACHMENTS),
        MessageType("RichText/Media_Card", "card", "A", "GIF or card of a bot", feeds=_ATTACHMENTS),
        MessageType("RichText/Media_Album", "album", "A", "header of a photo album", feeds=_ATTACHMENTS),
        MessageType("RichText/Files", "file_transfer", "A", "old peer-to-peer file transfer", feeds=_ATTACHMENTS),
        MessageType("RichText/Contacts", "contacts", "A", "shared contacts"),
        MessageType("RichText/Location", "location", "A", "shared location"),
        MessageType("RichText/ScheduledCallInvite", "scheduled_call", "A", "scheduled call"),
        MessageType("RichText/Money", "money", "C", "gift of money or credit"),
        MessageType("Poll", "poll", "A", "poll"),
        MessageType("Event/SkypeVideoMessage", "video_message", "C", "old video message"),
        MessageType("Event/SkypeAudioMessage", "audio_message", "C", "old voice message"),
        MessageType("EndToEndEncryption/EncryptedText", "encrypted", "A", "message of a private conversation"),
        MessageType("EndToEndEncryption/EncryptedMedia", "encrypted", "A", "media of a private conversation"),
        # Calls
        MessageType("Event/Call", "call", "A", "call started, ended or missed", feeds=_CALL),
        MessageType("RichText/Media_CallRecording", "recording", "A", "call recording", feeds=_ATTACHMENTS),
        MessageType("RichText/Media_CallTranscript", "call_transcript", "C", "call transcript", feeds=_ATTACHMENTS),
        MessageType("RichText/Media_CallLogRecording", "call_log", "C", "recording in a call log", feeds=_ATTACHMENTS),
        # Changes to a conversation
        MessageType("ThreadActivity/AddMember", "thread_activity", "A", "joined or was added"),
        MessageType("ThreadActivity/DeleteMember", "thread_activity", "A", "left or was removed"),
        MessageType("ThreadActivity/TopicUpdate", "thread_activity", "A", "conversation renamed"),
        MessageType("ThreadActivity/PictureUpdate", "thread_activity", "A", "conversation's picture changed"),
        MessageType("ThreadActivity/RoleUpdate", "thread_activity", "A", "role changed"),
        MessageType("ThreadActivity/HistoryDisclosedUpdate", "thread_activity", "A", "history visible to joiners"),
        MessageType("ThreadActivity/JoiningEnabledUpdate", "thread_activity", "A", "join link on or off"),
        MessageType("ThreadActivity/ModeratedThreadUpdate", "thread_activity", "C", "moderation on or off"),
        MessageType("ThreadActivity/LegacyMemberAdded", "thread_activity", "C", "member of an old client added"),
        MessageType("ThreadActivity/LegacyMemberUpgraded", "thread_activity", "C", "member of an old client migrated"),
        MessageType("ThreadActivity/E2EEHandshakeInvite", "thread_activity", "A", "private conversation offered"),
        MessageType("ThreadActivity/E2EEHandshakeAccept", "thread_activity", "A", "private conversation accepted"),
        MessageType("ThreadActivity/E2EEHandshakeComplete", "thread_activity", "A", "private conversation set up"),
        MessageType("ThreadActivity/E2EEHandshakeReject", "thread_activity", "A", "private conversation refused"),
        MessageType("ThreadActivity/MemberJoined", "thread_activity", "C", "joined, Teams era"),
        MessageType("ThreadActivity/MemberLeft", "thread_activity", "C", "left, Teams era"),
        MessageType("ThreadActivity/DeleteUser", "thread_activity", "C", "account deleted, Teams era"),
        MessageType("Guest/NameUpdate", "guest", "B", "guest renamed"),
        # What Skype and its bots write
        MessageType("PopCard", "popcard", "A", "promotion"),
        MessageType("Notice", "notice", "A", "announcement"),
        MessageType("Event/BingBot", "bot_event", "B", "event of a bot"),
        MessageType("Translation", "translation", "B", "translation of another message"),
        MessageType("TranslationSettings", "translation_settings", "B", "translator switched"),
        # Signals between clients, transient
        MessageType("Signal/Flamingo", "signal", "C", "call signalling"),
        MessageType("Signal/Call", "signal", "C", "call signalling"),
        MessageType("Control/Typing", "control", "C", "is typing"),
        MessageType("Control/ClearTyping", "control", "C", "stopped typing"),
        MessageType("Control/LiveState", "control", "C", "live state"),
        MessageType("Nudge", "nudge", "C", "nudge"),
    )
}


def kind_of(messagetype: str | None) -> str:
    """Return our kind of a type of Skype's."""
    known = MESSAGE_TYPES.get(messagetype or "")
    return known.kind if known else UNKNOWN
