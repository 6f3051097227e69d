"""The registry of message types (section 3.1 of the format reference)."""

import pytest

from skype_assets.etl.content.message_types import MESSAGE_TYPES, kind_of, message_type
from skype_assets.etl.schema.tables import TABLES

KINDS = {
    "text": "Text RichText RichText/Html InviteFreeRelationshipChanged/Initialized",
    "photo": "RichText/UriObject",
    "file": "RichText/Media_GenericFile",
    "video": "RichText/Media_Video",
    "voice": "RichText/Media_AudioMsg",
    "album": "RichText/Media_Album",
    "card": "RichText/Media_Card",
    "moji": "RichText/Media_FlikMsg",
    "recording": "RichText/Media_CallRecording",
    "file_transfer": "RichText/Files",
    "contacts": "RichText/Contacts",
    "location": "RichText/Location",
    "scheduled_call": "RichText/ScheduledCallInvite",
    "sms": "RichText/Sms",
    "money": "RichText/Money",
    "call_transcript": "RichText/Media_CallTranscript",
    "call_log": "RichText/Media_CallLogRecording",
    "poll": "Poll",
    "popcard": "PopCard",
    "notice": "Notice",
    "call": "Event/Call",
    "bot_event": "Event/BingBot",
    "video_message": "Event/SkypeVideoMessage",
    "audio_message": "Event/SkypeAudioMessage",
    "thread_activity": """
        ThreadActivity/AddMember ThreadActivity/DeleteMember ThreadActivity/TopicUpdate ThreadActivity/PictureUpdate
        ThreadActivity/RoleUpdate ThreadActivity/HistoryDisclosedUpdate ThreadActivity/JoiningEnabledUpdate
        ThreadActivity/ModeratedThreadUpdate ThreadActivity/LegacyMemberAdded ThreadActivity/LegacyMemberUpgraded
        ThreadActivity/E2EEHandshakeInvite ThreadActivity/E2EEHandshakeAccept ThreadActivity/E2EEHandshakeComplete
        ThreadActivity/E2EEHandshakeReject ThreadActivity/MemberJoined ThreadActivity/MemberLeft
        ThreadActivity/DeleteUser
    """,
    "encrypted": "EndToEndEncryption/EncryptedText EndToEndEncryption/EncryptedMedia",
    "translation": "Translation",
    "translation_settings": "TranslationSettings",
    "guest": "Guest/NameUpdate",
    "signal": "Signal/Flamingo Signal/Call",
    "control": "Control/Typing Control/ClearTyping Control/LiveState",
    "nudge": "Nudge",
}


def test_every_type_of_the_reference_has_its_kind() -> None:
    expected = {name: kind for kind, names in KINDS.items() for name in names.split()}
    assert {name: type_.kind for name, type_ in MESSAGE_TYPES.items()} == expected


@pytest.mark.parametrize("messagetype", [None, "", "RichText/Unheard", "text", "ThreadActivity/", "richtext"])
def test_any_other_type_is_unknown(messagetype: str | None) -> None:
    assert kind_of(messagetype) == "unknown"


def test_text_is_what_people_type_or_a_field_that_says_it() -> None:
    by_rule: dict[str, set[str]] = {}
    for type_ in MESSAGE_TYPES.values():
        by_rule.setdefault(type_.text, set()).add(type_.name)
    assert by_rule["literal"] == {"Text"}
    assert by_rule["markup"] == {"RichText", "RichText/Html", "InviteFreeRelationshipChanged/Initialized"}
    assert {MESSAGE_TYPES[name].kind for name in by_rule["extracted"]} == {
        *("card", "contacts", "location", "scheduled_call", "sms", "poll", "popcard", "notice", "thread_activity")
    }


def test_a_type_feeds_tables_below_messages() -> None:
    fed = {table for type_ in MESSAGE_TYPES.values() for table in type_.feeds}
    below = {table.name for table in TABLES.values() if table.parent == "messages"}
    assert fed == below - {"reactions"}


def test_a_text_in_the_call_log_is_an_entry_of_it() -> None:
    assert message_type("Text", "48:calllogs").kind == "call_log"
    assert message_type("Text", "8:tbrannock").kind == "text"
    assert message_type("RichText", "48:calllogs").kind == "text"


def test_every_entry_says_what_the_type_is_and_how_sure_that_is() -> None:
    assert all(type_.name == name and type_.meaning for name, type_ in MESSAGE_TYPES.items())
    assert {type_.grade for type_ in MESSAGE_TYPES.values()} == {"A", "B", "C"}
