"""Column ``details`` of every kind of message (3.3-3.7), worked out by hand from the format reference."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.reference.small_exports import OWNER, THEO, Row, chosen, conversation, everything_of, message, row_of

STORED = "https://api.asm.skype.com/v1/objects/0-neu-d2-f8fa59af3612e0e82e76c3fe57995059"
SWIFT = (
    "eyJ0eXBlIjoibWVzc2FnZS9jYXJkIiwiYXR0YWNobWVudHMiOlt7ImNvbnRlbnRUeXBlIjoiYXBwbGljYXRpb24vdm5kLm1pY3Jvc29mdC5jYXJk"
    "LmZsZXgiLCJjb250ZW50Ijp7InRpdGxlIjoiT3R0ZXIgd2F2ZSJ9fV19"
)


def details_of(tmp_path: Path, messagetype: str, content: Any, **changes: Any) -> Any:
    return row_of(tmp_path, messagetype, content, **changes)["details"]


def swift(document: Any) -> str:
    encoded = base64.b64encode(json.dumps(document).encode()).decode()
    return f'<URIObject type="SWIFT.1">Card <Title></Title><Swift b64="{encoded}"/><Description/></URIObject>'


@pytest.mark.parametrize(
    ("messagetype", "content"),
    [
        ("RichText", "hello"),
        ("RichText", '<URIObject type="Picture.1"></URIObject>'),
        ("RichText/UriObject", '<URIObject type="Picture.1"></URIObject>'),
        ("RichText/Media_Album", '<c_i id="x" style="0"></c_i>'),
        ("RichText/Media_Card", '<URIObject type="SWIFT.1"><Swift b64="e30"/></URIObject>'),
        ("RichText/Media_Card", '<URIObject type="SWIFT.1"><Swift b64="!"/></URIObject>'),
        ("RichText/Media_CallLogRecording", '<URIObject type="x"></URIObject>'),
        ("Translation", "[]"),
        ("Event/BingBot", "{}"),
        *(
            (messagetype, "")
            for messagetype in (
                "RichText/Media_CallRecording",
                "RichText/Contacts",
                "RichText/Location",
                "RichText/ScheduledCallInvite",
                "RichText/Sms",
                "RichText/Files",
                "RichText/Money",
                "Poll",
                "Notice",
                "PopCard",
                "Translation",
                "TranslationSettings",
                "Event/SkypeVideoMessage",
            )
        ),
    ],
)
def test_there_are_no_details_where_there_is_nothing_to_say(tmp_path: Path, messagetype: str, content: str) -> None:
    assert details_of(tmp_path, messagetype, content) is None


VOTES = [{"key": "pollAnswer", "users": [{"mri": "tbrannock", "time": 1730829600000, "value": "[0,2]"}]}]
VOTED = [{"user_id": THEO, "options": [0, 2], "voted_at": "2024-11-05T18:00:00.000000Z"}]


@pytest.mark.parametrize(
    ("properties", "votes"),
    [
        (None, []),
        ({"poll": VOTES}, VOTED),
        ({"emotions": json.dumps(VOTES)}, VOTED),
        ({"poll": VOTES, "emotions": VOTES}, VOTED),
        ({"emotions": [{"key": "heart", "users": VOTES[0]["users"]}]}, []),
        (
            {"poll": [{"key": "pollAnswer", "users": [{"mri": OWNER, "value": "cut["}, {"value": "[1]"}]}]},
            [{"user_id": OWNER, "options": [], "voted_at": None}],
        ),
    ],
)
def test_a_poll_has_its_options_and_votes(tmp_path: Path, properties: Any, votes: list[Row]) -> None:
    content = (
        '<URIObject type="Poll" title="Where do we meet? " expirationTimeMs="1730995200000"'
        ' optionsEncoded="Quay%203|Caf%C3%A9|Online" allowMultipleVotes="true">Where do we meet? </URIObject>'
    )
    assert details_of(tmp_path, "Poll", content, properties=properties) == {
        "title": "Where do we meet?",
        "options": ["Quay 3", "Café", "Online"],
        "allow_multiple_votes": True,
        "expires_at": "2024-11-07T16:00:00.000000Z",
        "votes": votes,
    }


def test_an_old_poll_is_read_from_its_children(tmp_path: Path) -> None:
    content = (
        '<URIObject type="poll.1" uri=""><Title>Poll</Title>'
        "<Description>Where?\n- Quay &amp; pier\n- Online</Description>"
        '<Settings><MultipleChoice value="true"/></Settings>{}</URIObject>'
    )
    children = '<Question value="Where &amp; when?"/><Answers><Answer value="Quay"/><Answer value="Online"/></Answers>'
    poll = {"allow_multiple_votes": True, "expires_at": None, "votes": []}
    row = row_of(tmp_path, "RichText", content.format(children))
    assert (row["kind"], row["text"]) == ("text", "")
    assert row["details"] == {**poll, "title": "Where & when?", "options": ["Quay", "Online"]}
    assert details_of(tmp_path, "RichText", content.format("")) == {
        **poll,
        "title": "Poll",
        "options": ["Quay & pier", "Online"],
    }


def test_contacts_are_people_or_phones(tmp_path: Path) -> None:
    content = (
        '<contacts><c t="s" s="live:ines.k" f="Ines Karvonen"></c><c t="p" p="+15550107733" f="Plumber"/>'
        '<c s="tbrannock"/><c p="+1555"/></contacts>'
    )
    contacts = details_of(tmp_path, "RichText/Contacts", content)["contacts"]
    assert chosen(contacts, "kind", "user_id", "phone", "name") == [
        ("skype", "8:live:ines.k", None, "Ines Karvonen"),
        ("phone", None, "+15550107733", "Plumber"),
        ("skype", THEO, None, None),
        ("phone", None, "+1555", None),
    ]


def test_a_location_is_in_degrees(tmp_path: Path) -> None:
    content = (
        '<location isUserLocation="0" latitude="57708870" longitude="-11974560" timeStamp="1730830831005"'
        ' timezone="Europe/Stockholm" locale="en-US" language="en" address="Quay 3, Gothenburg"'
        ' addressFriendlyName="The quay" shortAddress="Quay 3" userMri="8:live:mara.ostrow">'
        '<a href="https://maps.example/?cp=57.70887~11.97456&amp;dir=0">Quay 3, Gothenburg</a></location>'
    )
    assert details_of(tmp_path, "RichText/Location", content) == {
        "latitude": 57.70887,
        "longitude": -11.97456,
        "address": "Quay 3, Gothenburg",
        "name": "The quay",
        "url": "https://maps.example/?cp=57.70887~11.97456&dir=0",
        "at": "2024-11-05T18:20:31.005000Z",
        "is_user_location": False,
        "user_id": OWNER,
        "timezone": "Europe/Stockholm",
    }
    old = '<location latitude="1" longitude="" timeStamp="1730830831" horizontalAccuracy="15" isUserLocation="1"/>'
    assert details_of(tmp_path, "RichText/Location", old) == {
        **dict.fromkeys(("longitude", "address", "name", "url", "user_id", "timezone")),
        "latitude": 0.000001,
        "at": "2024-11-05T18:20:31.000000Z",
        "is_user_location": True,
        "accuracy": 15.0,
    }


def test_a_card_is_decoded(tmp_path: Path) -> None:
    empty = {"subtitle": None, "text": None, "images": [], "buttons": []}
    example = f'<URIObject type="SWIFT.1"><Swift b64="{SWIFT}"/></URIObject>'
    flex = "application/vnd.microsoft.card.flex"
    row = row_of(tmp_path, "RichText/Media_Card", example)
    assert (row["text"], row["details"]) == (
        "Otter wave",
        {"cards": [{**empty, "content_type": flex, "title": "Otter wave"}]},
    )
    image = {"alt": "waving otter", "url": "https://media.example/otter.gif", "type": "image/gif"}
    button = {"type": "openUrl", "title": "Open", "value": "https://example.org"}
    content = {"title": "", "subtitle": "<b>otter</b>", "text": "a &amp; b", "images": [image], "buttons": [button, 7]}
    attachments = [{"contentType": flex, "content": content}, {"content": {"title": "Second"}}, None]
    row = row_of(tmp_path, "RichText/Media_Card", swift({"attachments": attachments}))
    assert row["text"] == "otter\na & b\nSecond"
    assert row["details"] == {
        "cards": [
            {
                "content_type": flex,
                "title": None,
                "subtitle": "<b>otter</b>",
                "text": "a &amp; b",
                "images": [image],
                "buttons": [button],
            },
            {**empty, "content_type": None, "title": "Second"},
        ]
    }


def test_what_postgresql_cannot_hold_is_replaced_in_decoded_cards(tmp_path: Path) -> None:
    row = row_of(tmp_path, "RichText/Media_Card", swift({"attachments": [{"content": {"title": "a\0b"}}]}))
    assert (row["text"], row["details"]["cards"][0]["title"], row["flags"]) == (
        "a\ufffdb",
        "a\ufffdb",
        ["nul_replaced"],
    )


def test_a_call_recording_says_how_it_went(tmp_path: Path) -> None:
    content = (
        f'<URIObject type="Video.2/CallRecording.1" uri="{STORED}" version="1.0"><RecordingStatus status="Success"'
        ' code="200"><amsErrorResult /></RecordingStatus><SessionEndReason value="CallEnded" />'
        '<ChunkEndReason value="SessionEnded" /><Title>Video</Title><a href="https://x.example?go=y&am=z">Play</a>'
        '<MeetingOrganizerId value="" /><RecordingInitiatorId value="live:mara.ostrow" /><Identifiers>'
        '<Id type="callId" value="b04f0a52" /><Id type="callLegId" value="5ddc7f8b" /></Identifiers>'
        '<RecordingContent timestamp="2024-11-05T19:12:10.3384120Z" duration="0:00:24.28">'
        f'<item type="video" uri="{STORED}" /><item type="rosterevents" uri="{STORED}/views/rosterevents" />'
        "</RecordingContent></URIObject>"
    )
    assert details_of(tmp_path, "RichText/Media_CallRecording", content) == {
        "call_id": "b04f0a52",
        "call_leg_id": "5ddc7f8b",
        "status": "Success",
        "code": "200",
        "session_end_reason": "CallEnded",
        "chunk_end_reason": "SessionEnded",
        "initiator_id": OWNER,
        "organizer_id": None,
        "recorded_at": "2024-11-05T19:12:10.338412Z",
        "items": [{"type": "video", "uri": STORED}, {"type": "rosterevents", "uri": f"{STORED}/views/rosterevents"}],
    }


def test_a_scheduled_call_keeps_its_attributes(tmp_path: Path) -> None:
    content = (
        '<URIObject type="ScheduledCall.1" uri="" startTime="5 &amp; 6" subject="Budget talk">You\'re invited: '
        '<a href="https://join.skype.com/AbCdEf">https://join.skype.com/AbCdEf</a></URIObject>'
    )
    assert details_of(tmp_path, "RichText/ScheduledCallInvite", content) == {
        "subject": "Budget talk",
        "attributes": {"type": "ScheduledCall.1", "uri": "", "startTime": "5 & 6"},
        "links": ["https://join.skype.com/AbCdEf"],
    }


def test_an_sms_has_its_status_for_each_number(tmp_path: Path) -> None:
    content = (
        '<sms alt="On my way"><type>2</type><status>6</status><failurereason>0</failurereason><targets>'
        '<target status="6">+15550107733</target></targets><body><chunk id="0">On my </chunk><chunk id="1">way</chunk>'
        "<untilnext>151</untilnext></body><encoded_body>On my way</encoded_body>"
        "<sendtimestamp>1730829720640</sendtimestamp></sms>"
    )
    assert details_of(tmp_path, "RichText/Sms", content) == {
        "status": 6,
        "type": 2,
        "failure_reason": "0",
        "targets": [{"phone": "+15550107733", "status": 6}],
        "sent_at": "2024-11-05T18:02:00.640000Z",
    }
    assert details_of(tmp_path, "RichText/Sms", "just text") is None


def test_a_file_transfer_names_its_files(tmp_path: Path) -> None:
    content = (
        '<files alt="x"><file size="84" index="0" tid="9000000001">a &amp; plan.txt</file><file index="1"/></files>\n'
    )
    files = details_of(tmp_path, "RichText/Files", content)["files"]
    assert chosen(files, "name", "size", "index", "tid") == [
        ("a & plan.txt", 84, 0, 9000000001),
        (None, None, 1, None),
    ]


def test_notices_and_popups_have_items(tmp_path: Path) -> None:
    button = {"actionUri": "skype:?action=settings", "title": "Open", "actionTarget": "inappbrowser"}
    body = {"title": "New sounds", "text": "Hi {userFirstName}, try them.", "buttons": [button]}
    item = {
        "title": "New sounds",
        "text": "Hi {userFirstName}, try them.",
        "uri": "skype:?action=settings",
        "buttons": [{"title": "Open", "uri": "skype:?action=settings"}],
        "valid_until": "2024-12-01T00:00:00.000000Z",
    }
    until = "2024-12-01T00:00:00.0000000Z"
    attachments = [{"content": {**body, "mainActionUri": "skype:?action=settings"}}, {"content": {}}]
    nothing = {"title": None, "text": None, "uri": None, "buttons": []}
    notice = json.dumps([{"validUntilTimestamp": until, "attachments": attachments}])
    row = row_of(tmp_path, "Notice", notice)
    assert row["text"] == "New sounds\nHi {userFirstName}, try them."
    assert row["details"] == {"items": [item, {**nothing, "valid_until": item["valid_until"]}]}
    popcard = [{"validUntilTimestamp": until, "cardType": 1, "campaignGuid": "c0ffee", "content": body}, {}]
    assert details_of(tmp_path, "PopCard", json.dumps(popcard)) == {
        "items": [
            {**item, "uri": None, "card_type": 1, "campaign": "c0ffee"},
            {**nothing, "valid_until": None, "card_type": None, "campaign": None},
        ]
    }


@pytest.mark.parametrize(
    ("messagetype", "content", "details"),
    [
        (
            "Translation",
            '{"translations": [{"translation": "God kväll", "loc": "sv"}], "oloc": "en", "oid": "1730829852101"}',
            {
                "original_message_id": "1730829852101",
                "original_locale": "en",
                "translations": [{"locale": "sv", "text": "God kväll"}],
            },
        ),
        (
            "TranslationSettings",
            '{"type": 1, "data": {"newTranslationState": "on"}}',
            {"settings": {"type": 1, "data": {"newTranslationState": "on"}}},
        ),
        (
            "RichText/Money",
            '<URIObject type="Credit.1"><Amount value="5.00"/><Currency value="EUR"/></URIObject>',
            {"amount": "5.00", "currency": "EUR"},
        ),
        (
            "RichText",
            '<URIObject type="Credit.1"><Order value="1"/><Amount value="5.00"/><Currency value="EUR"/></URIObject>',
            {"amount": "5.00", "currency": "EUR"},
        ),
        (
            "RichText",
            '<systemMessage type="ngcUpgradeMessage" users="Ann &amp; Al ##~~ Bo">x</systemMessage>',
            {"system_message": {"type": "ngcUpgradeMessage", "users": ["Ann & Al", "Bo"]}},
        ),
        ("EndToEndEncryption/EncryptedText", "aGk=", {"encrypted": True}),
        (
            "Event/SkypeVideoMessage",
            '<videomessage sid="0123" publiclink="https://login.skype.com/x">x</videomessage>',
            {"sid": "0123", "public_link": "https://login.skype.com/x"},
        ),
    ],
)
def test_other_kinds_have_their_details(tmp_path: Path, messagetype: str, content: str, details: Row) -> None:
    assert details_of(tmp_path, messagetype, content) == details


def test_call_logs_are_kept_and_count_as_no_calls(tmp_path: Path) -> None:
    log = {"callId": "b04f0a52", "callState": "missed", "participants": None}
    said = "Call Logs for Call b04f0a52"
    forms = [
        message("1", messagetype="Text", content=said, properties={"call-log": json.dumps(log)}),
        message("2", messagetype="Text", content=said, properties={"callLog": json.dumps(log), "call-log": "cut{"}),
        message("3", messagetype="Text", content=json.dumps(log)),
        message("4", messagetype="Text", content=said),
        message("5", messagetype="Event/Call", content='<partlist type="missed"><part identity="8:a"/></partlist>'),
    ]
    tables = everything_of(tmp_path, conversation(*forms, id="48:calllogs"))
    assert chosen(tables["messages"], "kind", "text", "details") == [
        ("call_log", said, {"call_log": log}),
        ("call_log", said, {"call_log": log}),
        ("call_log", json.dumps(log), {"call_log": log}),
        ("call_log", said, None),
        ("call_log", "", None),
    ]
    assert tables["call_events"] == tables["call_participants"] == []
    elsewhere = everything_of(tmp_path, conversation(forms[0]))["messages"]
    assert chosen(elsewhere, "kind", "details") == [("text", None)]
