"""The registry of message types (section 3.1 of the format reference): one entry per type.

To support a further type, add an entry, with the function that parses it. A type that is not here is ``unknown``: its
message is loaded all the same, with its content as exported.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from skype_assets.etl.content.albums import album_id
from skype_assets.etl.content.call_messages import CALL_LOGS, call_log_message, call_message
from skype_assets.etl.content.cards import card_message
from skype_assets.etl.content.contacts import contacts_message
from skype_assets.etl.content.content import Content, Parser, literal, nothing, with_flags
from skype_assets.etl.content.edit_markers import edit_flags, is_deleted
from skype_assets.etl.content.encrypted import encrypted
from skype_assets.etl.content.file_transfers import file_transfer_message
from skype_assets.etl.content.locations import location_message
from skype_assets.etl.content.money import money
from skype_assets.etl.content.notices import notice_message, popcard_message
from skype_assets.etl.content.polls import poll_message
from skype_assets.etl.content.recordings import recording_message
from skype_assets.etl.content.rich_message import rich_message
from skype_assets.etl.content.scheduled_calls import scheduled_call_message
from skype_assets.etl.content.sms import sms_message
from skype_assets.etl.content.thread_activity import thread_activity
from skype_assets.etl.content.translations import translation_message, translation_settings_message
from skype_assets.etl.content.video_messages import video_message
from skype_assets.etl.content.well_formed import is_well_formed
from skype_assets.etl.schema.flags import MARKUP_ILL_FORMED

TextRule = Literal["literal", "markup", "extracted", "none"]
"""How a type's content becomes text: as it is, without its markup, a field of it, or not at all."""

Form = Literal["text", "markup", "json", "opaque"]
"""What a type's content is written in; only ``markup`` can be ill-formed."""

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
        parse: reads its content and properties.
        form: what its content is written in.
    """

    name: str
    kind: str
    grade: str
    meaning: str
    text: TextRule = "none"
    feeds: tuple[str, ...] = ()
    parse: Parser = nothing
    form: Form = "markup"


_ATTACHMENTS: Final = ("attachments",)
_CALL: Final = ("call_events", "call_participants")
_RICH: Final = ("attachments", "mentions", "links", "quotes")


def _rich(name: str, grade: str, meaning: str) -> MessageType:
    return MessageType(name, "text", grade, meaning, "markup", _RICH, rich_message)


def _encrypted(name: str, meaning: str) -> MessageType:
    return MessageType(name, "encrypted", "A", meaning, parse=encrypted, form="opaque")


def _activity(name: str, grade: str, meaning: str, event: str, form: Form = "markup") -> MessageType:
    text: TextRule = "extracted" if event == "topic_changed" else "none"
    feeds, parser = ("thread_events",), thread_activity(event)
    return MessageType(f"ThreadActivity/{name}", "thread_activity", grade, meaning, text, feeds, parser, form)


def _json(name: str, kind: str, grade: str, meaning: str, parser: Parser, text: TextRule = "none") -> MessageType:
    return MessageType(name, kind, grade, meaning, text, parse=parser, form="json")


MESSAGE_TYPES: Final[Mapping[str, MessageType]] = {
    type_.name: type_
    for type_ in (
        # What people write
        MessageType("Text", "text", "A", "plain text or code", "literal", parse=literal, form="text"),
        _rich("RichText", "A", "normal message"),
        _rich("RichText/Html", "C", "message of the Teams era"),
        _rich("InviteFreeRelationshipChanged/Initialized", "A", "first greeting"),
        MessageType("RichText/Sms", "sms", "C", "SMS through Skype", "extracted", parse=sms_message),
        # What people send
        MessageType("RichText/UriObject", "photo", "A", "photo", feeds=_ATTACHMENTS),
        MessageType("RichText/Media_GenericFile", "file", "A", "file", feeds=_ATTACHMENTS),
        MessageType("RichText/Media_Video", "video", "A", "video", feeds=_ATTACHMENTS),
        MessageType("RichText/Media_AudioMsg", "voice", "A", "voice message", feeds=_ATTACHMENTS),
        MessageType("RichText/Media_FlikMsg", "moji", "A", "Moji, an animated clip", feeds=_ATTACHMENTS),
        MessageType(
            "RichText/Media_Card", "card", "A", "GIF or card of a bot", "extracted", _ATTACHMENTS, card_message
        ),
        MessageType("RichText/Media_Album", "album", "A", "header of a photo album", feeds=_ATTACHMENTS),
        MessageType(
            "RichText/Files",
            "file_transfer",
            "A",
            "old peer-to-peer file transfer",
            feeds=_ATTACHMENTS,
            parse=file_transfer_message,
        ),
        MessageType("RichText/Contacts", "contacts", "A", "shared contacts", "extracted", parse=contacts_message),
        MessageType("RichText/Location", "location", "A", "shared location", "extracted", parse=location_message),
        MessageType(
            "RichText/ScheduledCallInvite",
            "scheduled_call",
            "A",
            "scheduled call",
            "extracted",
            parse=scheduled_call_message,
        ),
        MessageType("RichText/Money", "money", "C", "gift of money or credit", parse=money),
        MessageType("Poll", "poll", "A", "poll", "extracted", parse=poll_message),
        MessageType("Event/SkypeVideoMessage", "video_message", "C", "old video message", parse=video_message),
        MessageType("Event/SkypeAudioMessage", "audio_message", "C", "old voice message"),
        _encrypted("EndToEndEncryption/EncryptedText", "message of a private conversation"),
        _encrypted("EndToEndEncryption/EncryptedMedia", "media of a private conversation"),
        # Calls
        MessageType("Event/Call", "call", "A", "call started, ended or missed", feeds=_CALL, parse=call_message),
        MessageType(
            "RichText/Media_CallRecording",
            "recording",
            "A",
            "call recording",
            feeds=_ATTACHMENTS,
            parse=recording_message,
        ),
        MessageType("RichText/Media_CallTranscript", "call_transcript", "C", "call transcript", feeds=_ATTACHMENTS),
        MessageType("RichText/Media_CallLogRecording", "call_log", "C", "recording in a call log", feeds=_ATTACHMENTS),
        # Changes to a conversation
        _activity("AddMember", "A", "joined or was added", "member_added"),
        _activity("DeleteMember", "A", "left or was removed", "member_removed"),
        _activity("TopicUpdate", "A", "conversation renamed", "topic_changed"),
        _activity("PictureUpdate", "A", "conversation's picture changed", "picture_changed"),
        _activity("RoleUpdate", "A", "role changed", "role_changed"),
        _activity("HistoryDisclosedUpdate", "A", "history visible to joiners", "history_disclosed"),
        _activity("JoiningEnabledUpdate", "A", "join link on or off", "joining_enabled"),
        _activity("ModeratedThreadUpdate", "C", "moderation on or off", "moderation_changed"),
        _activity("LegacyMemberAdded", "C", "member of an old client added", "legacy_member_added"),
        _activity("LegacyMemberUpgraded", "C", "member of an old client migrated", "legacy_member_upgraded"),
        _activity("E2EEHandshakeInvite", "A", "private conversation offered", "e2ee_invited"),
        _activity("E2EEHandshakeAccept", "A", "private conversation accepted", "e2ee_accepted"),
        _activity("E2EEHandshakeComplete", "A", "private conversation set up", "e2ee_completed"),
        _activity("E2EEHandshakeReject", "A", "private conversation refused", "e2ee_rejected"),
        _activity("MemberJoined", "C", "joined, Teams era", "member_joined", "json"),
        _activity("MemberLeft", "C", "left, Teams era", "member_left", "json"),
        _activity("DeleteUser", "C", "account deleted, Teams era", "user_deleted", "json"),
        MessageType("Guest/NameUpdate", "guest", "B", "guest renamed", form="opaque"),
        # What Skype and its bots write
        _json("PopCard", "popcard", "A", "promotion", popcard_message, "extracted"),
        _json("Notice", "notice", "A", "announcement", notice_message, "extracted"),
        MessageType("Event/BingBot", "bot_event", "B", "event of a bot", form="opaque"),
        _json("Translation", "translation", "B", "translation of another message", translation_message),
        _json("TranslationSettings", "translation_settings", "B", "translator switched", translation_settings_message),
        # Signals between clients, transient
        MessageType("Signal/Flamingo", "signal", "C", "call signalling", form="json"),
        MessageType("Signal/Call", "signal", "C", "call signalling", form="json"),
        MessageType("Control/Typing", "control", "C", "is typing", form="opaque"),
        MessageType("Control/ClearTyping", "control", "C", "stopped typing", form="opaque"),
        MessageType("Control/LiveState", "control", "C", "live state", form="opaque"),
        MessageType("Nudge", "nudge", "C", "nudge", form="opaque"),
    )
}

CALL_LOG: Final = MessageType(
    "Text", "call_log", "A", "entry of the call log", "literal", parse=call_log_message, form="text"
)
"""What a ``Text`` is in the conversation ``48:calllogs``."""

UNKNOWN_TYPE: Final = MessageType("", UNKNOWN, "C", "any other type", form="opaque")


def message_type(messagetype: str | None, conversation_id: str | None = None) -> MessageType:
    """Return the entry of a message, by its type and, for the call log, its conversation."""
    if conversation_id == CALL_LOGS and messagetype == CALL_LOG.name:
        return CALL_LOG
    return MESSAGE_TYPES.get(messagetype or "", UNKNOWN_TYPE)


def kind_of(messagetype: str | None) -> str:
    """Return our kind of a type of Skype's."""
    return message_type(messagetype).kind


def parse(type_: MessageType, content: str | None, properties: object = None) -> Content:
    """Return everything that a message of this type says; never raises. Expects clean content and properties.

    A deleted message says nothing, whatever is left of it.
    """
    content = content or ""
    own: Mapping[str, Any] = properties if isinstance(properties, dict) else {}
    if is_deleted(own):
        return type_.parse("", {})
    found = type_.parse(content, own)
    flags = edit_flags(content, own) if own or found.edit_marker else ()
    if type_.form == "markup" and not is_well_formed(content):
        flags = (*flags, MARKUP_ILL_FORMED)
    # What people write can only quote one.
    if type_.form == "markup" and type_.text != "markup" and (album := album_id(content)):
        found = msgspec.structs.replace(found, album_id=album)
    return with_flags(found, *flags)
