"""The reference's rules one by one: text, values, messages, conversations and what belongs to them."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.reference import reference_tables
from tests.reference.small_exports import (
    GROUP,
    OTHER,
    OWNER,
    PHOTO,
    THEO,
    Row,
    chosen,
    conversation,
    export,
    message,
    tables_of,
    utc,
    write,
)
from tests.reference.text import plain_text
from tests.reference.values import clean, iso_instant, millisecond_instant, mri, plain_name


def message_row(tmp_path: Path, **changes: Any) -> Row:
    [row] = tables_of(tmp_path, conversation(message(**changes)))["messages"]
    return row


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("plain &amp; simple", "plain & simple"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
        ("wo<b raw_pre='*' raw_post='*'>rd</b>s", "words"),
        ("if (a<b && c>d) {", "if (a<b && c>d) {"),
        ("a <unknown>tag", "a <unknown>tag"),
        ("a <unknown>tag</unknown>", "a tag"),
        ("1 < 2 <i>yes</i>", "1 < 2 yes"),
        ('<span style="a > b">kept</span>', "kept"),
        ("<B>case</b>", "case"),
        ("one<br/>two<br>three", "one\ntwo\nthree"),
        ("  a\r\nb\n ", "a\nb"),
        ('gone<e_m a="x" ts_ms="1" t="61"></e_m>', "gone"),
        ('gone<e_m a="x"/> too', "gone too"),
        ("before<e_m>after", "beforeafter"),
        ('<at id="8:tbrannock">Theo</at> <at id="*">@all</at>', "@Theo @all"),
        ('<a href="https://x.example">https://x.example</a>', "https://x.example"),
        ('<a href="https://x.example/">https://x.example</a>', "https://x.example"),
        ('<a href="http://x.example">x.example</a>', "x.example"),
        ('<a href="mailto:a@x.example">a@x.example</a>', "a@x.example"),
        ('<a href="https://x.example?a=1&amp;b=2">see</a>', "see (https://x.example?a=1&b=2)"),
        ('<a href="https://x.example"><b>bold</b></a>', "bold (https://x.example)"),
        ('<ss type="laugh" alt="&#128514;">:D</ss>', "\U0001f602"),
        ('<ss type="smile">:)</ss>', "\U0001f642"),
        ('<ss type="1f440_eyes">(eyes)</ss>', "\U0001f440"),
        ('<ss type="1f1e9-1f1ea_flag">(de)</ss>', "\U0001f1e9\U0001f1ea"),
        ('<ss type="nowhere">(x)</ss>', "(x)"),
        ('<flag country="de">(flag:de)</flag>', "(flag:de)"),
        ('<quote author="a"><legacyquote>[1] </legacyquote>old<quote>older</quote> end</quote>new', "new"),
        ('<blockquote itemtype="http://schema.skype.com/Reply">old</blockquote>new', "new"),
        ("<blockquote>cited</blockquote>", "cited"),
        ('<URIObject type="Picture.1">To view <a href="https://x">it</a></URIObject>caption', "caption"),
    ],
)
def test_markup_becomes_plain_text(markup: str, text: str) -> None:
    assert plain_text(markup, {"smile": "\U0001f642"}) == text


def test_only_rich_text_loses_its_markup(tmp_path: Path) -> None:
    content = " a<b>b</b> &amp;\r\n"
    assert message_row(tmp_path, messagetype="Text", content=content)["text"] == content
    assert message_row(tmp_path, messagetype="RichText/Html", content=content)["text"] == "ab &"
    assert message_row(tmp_path, messagetype="Poll", content=content)["text"] == ""


@pytest.mark.parametrize(
    ("message_type", "kind"),
    [
        ("InviteFreeRelationshipChanged/Initialized", "text"),
        ("RichText/Media_AudioMsg", "voice"),
        ("ThreadActivity/E2EEHandshakeReject", "thread_activity"),
        ("ThreadActivity/Unheard", "unknown"),
        ("EndToEndEncryption/EncryptedMedia", "encrypted"),
        ("Control/LiveState", "control"),
        ("Nudge", "nudge"),
        ("richtext", "unknown"),
        (None, "unknown"),
    ],
)
def test_kinds_of_messages_follow_from_their_types(tmp_path: Path, message_type: str | None, kind: str) -> None:
    assert message_row(tmp_path, messagetype=message_type)["kind"] == kind


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2024-11-05T18:04:11.482Z", utc(2024, 11, 5, 18, 4, 11, 482000)),
        ("2024-11-05T18:06:40Z", utc(2024, 11, 5, 18, 6, 40)),
        ("2020-07-06T20:55", utc(2020, 7, 6, 20, 55)),
        ("2024-11-05 18:06:40.12345678+02:00", utc(2024, 11, 5, 16, 6, 40, 123456)),
        ("3017-03-08T11:42:19.4410276Z", utc(3017, 3, 8, 11, 42, 19, 441027)),
        ("2023-02-29T00:00:00Z", None),
        ("9999-12-31T23:59:00-05:00", None),
        ("yesterday", None),
        (1730829852101, None),
    ],
)
def test_iso_times_are_instants(value: Any, instant: datetime | None) -> None:
    assert iso_instant(value) == instant


@pytest.mark.parametrize("value", [1730829852101, 1730829852101.9, "1730829852101", " 1730829852101.5 "])
def test_milliseconds_are_instants_in_every_form(value: Any) -> None:
    assert millisecond_instant(value) == utc(2024, 11, 5, 18, 4, 12, 101000)


@pytest.mark.parametrize("value", [True, None, "", "x1", "-5", 0, 253402300800000, [1]])
def test_other_milliseconds_are_no_instant(value: Any) -> None:
    assert millisecond_instant(value) is None


def test_names_and_ids_are_normalised() -> None:
    assert [mri(" live:mara "), mri("8:a:b"), mri("ALL"), mri("  ")] == ["8:live:mara", "8:a:b", "ALL", None]
    assert plain_name(" <b>Tom</b> &amp; Ada <3 ") == "Tom & Ada <3"
    assert plain_name("<i></i>") is None
    flags: set[str] = set()
    assert clean({"a\0": ["\ud83d", float("nan")]}, flags) == {"a\ufffd": ["\ufffd", None]}
    assert flags == {"nul_replaced", "surrogate_replaced", "not_finite"}


def test_time_falls_back_to_id_then_version(tmp_path: Path) -> None:
    def fallback(**changes: Any) -> tuple[Any, ...]:
        row = message_row(tmp_path, originalarrivaltime=None, **changes)
        return row["sent_at"], row["flags"]

    assert fallback(id="1730829852101") == (utc(2024, 11, 5, 18, 4, 12, 101000), ["sent_at_from_id"])
    assert fallback(id="x", version="1730829852101") == (
        utc(2024, 11, 5, 18, 4, 12, 101000),
        ["sent_at_from_version"],
    )
    assert fallback(id="x", version=None) == (None, ["sent_at_missing"])


def test_senders_are_people(tmp_path: Path) -> None:
    address = "https://host.example/v1/users/ME/contacts/8:live:mara.ostrow"
    assert message_row(tmp_path, **{"from": address})["sender_id"] == OWNER
    assert message_row(tmp_path, **{"from": "tbrannock"})["sender_id"] == THEO
    assert message_row(tmp_path, **{"from": GROUP})["sender_id"] is None
    assert message_row(tmp_path, **{"from": "(missing)"})["sender_id"] is None


def test_odd_messages_are_kept_with_flags(tmp_path: Path) -> None:
    row = message_row(tmp_path, id=None, content={"a": ["é", 1]}, messagetype="New/Thing", version="17.9")
    assert row["message_id"] == "unknown:" + row["raw_sha256"].hex()[:16]
    assert (row["content"], row["text"], row["kind"], row["version"]) == ('{"a":["é",1]}', "", "unknown", 17)
    assert row["flags"] == ["content_not_text", "id_missing"]
    row = message_row(tmp_path, content="(missing)", properties={"albumId": "x", "forwardMetadata": "y"})
    assert (row["content"], row["text"], row["flags"]) == (None, "", ["content_missing"])
    assert (row["album_id"], row["is_forwarded"]) == ("x", True)


def test_bytes_that_are_not_utf8_are_replaced_and_positions_stay_those_of_bytes(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + export(conversation(message(content="é BAD", displayName="Zoë")))
    data = data.replace(b"BAD", b"\xff").replace(b"\\u00e9", "é".encode())
    [row] = reference_tables(write(tmp_path / "export", data))["messages"]
    assert (row["content"], row["flags"]) == ("é \ufffd", ["invalid_utf8"])
    assert data[row["source_offset"] :].startswith(b'{"id": "1730829600000"')
    assert data[row["source_offset"] + row["source_length"] - 1 :].startswith(b"}]}]}")


@pytest.mark.parametrize(
    "members",
    [
        json.dumps([OWNER, "tbrannock", THEO]),
        json.dumps([{"MemberMri": OWNER}, {"MemberMri": THEO}]),
        [{"mri": OWNER}, THEO, 5, None],
        [{"id": OWNER}, {"id": THEO}],
    ],
)
def test_members_are_decoded_in_every_form(tmp_path: Path, members: Any) -> None:
    tables = tables_of(tmp_path, conversation(id=GROUP, threadProperties={"members": members}))
    [row] = tables["conversations"]
    assert row["thread_properties"] == {"members": [OWNER, THEO]}
    assert (row["member_count"], row["title"]) == (2, THEO)
    assert chosen(tables["participants"], "user_id", "is_member") == [(OWNER, True), (THEO, True)]


def test_members_that_cannot_be_decoded_stay_as_they_are(tmp_path: Path) -> None:
    tables = tables_of(tmp_path, conversation(id=GROUP, threadProperties={"members": "[cut", "membercount": "3"}))
    [row] = tables["conversations"]
    assert (row["thread_properties"]["members"], row["member_count"], row["title"]) == ("[cut", 3, GROUP)


def test_kinds_of_conversations_follow_from_their_ids(tmp_path: Path) -> None:
    ids = [THEO, GROUP, "19:a@oneToOne.skype", "19:a@cast.skype", "28:x", "48:notes", "ALL", "4:+1555", None]
    tables = tables_of(tmp_path, *(conversation(id=id) for id in ids))
    assert [row["kind"] for row in tables["conversations"]] == (
        ["direct", "group", "direct", "special", "bot", "special", "special", "phone", "special"]
    )
    assert tables["conversations"][8]["conversation_id"] == "unknown:8"
    between = [(OWNER, THEO), (OWNER,), ("28:x", OWNER), ("4:+1555", OWNER)]
    assert [row["user_id"] for row in tables["participants"]] == [user_id for two in between for user_id in two]


def test_the_newest_copy_of_a_message_is_loaded_and_the_others_are_counted(tmp_path: Path) -> None:
    heart = {"emotions": [{"key": "heart", "users": [{"mri": OWNER, "time": 1730829600000}]}]}
    tables = tables_of(
        tmp_path,
        conversation(message(version=5, content="old", properties=heart), message(version=7, content="new")),
        conversation(message(version=None, content="oldest"), displayName="Theo B.", version=3),
    )
    assert chosen(tables["messages"], "content", "version") == [("new", 7)]
    assert tables["reactions"] == []
    assert chosen(tables["conversations"], "title", "message_count") == [("Theo B.", 1)]
    columns = ("messages_seen", "messages_loaded", "messages_duplicate", "messages_rejected", "conversation_count")
    assert chosen(tables["exports"], *columns) == [(3, 1, 2, 0, 1)]


def test_what_is_no_object_is_rejected_with_its_number_and_place(tmp_path: Path) -> None:
    data = export("odd", conversation(message(), 17), conversation(id="8:b", MessageList={"a": 1}), conversation())
    tables = reference_tables(write(tmp_path / "export", data))
    columns = ("ordinal", "source_member", "source_offset", "source_length", "conversation_id", "reason")
    assert chosen(tables["rejects"], *columns) == [
        (0, "export.json", data.index(b'"odd"'), 5, None, "not an object"),
        (3, "export.json", data.index(b"17]"), 2, THEO, "not an object"),
        (4, "export.json", data.index(b'{"a": 1}'), 8, "8:b", "MessageList is not an array"),
    ]
    assert chosen(tables["exports"], "messages_seen", "messages_loaded", "messages_rejected") == [(2, 1, 1)]


def test_reactions_are_one_per_person_and_emotion(tmp_path: Path) -> None:
    def user(**values: Any) -> Row:
        return {"mri": "tbrannock"} | values

    emotions = [
        {"key": "heart", "users": [user(), user(time=1730829600000), user(value="1730829500000")]},
        {"key": "sad", "users": []},
        {"key": "reactionsConsumptionHorizon", "users": [user()]},
        {"key": "like", "users": [user(time=None, value="1730829852101"), {"time": 1}]},
    ]
    for form in (emotions, json.dumps(emotions)):
        tables = tables_of(tmp_path, conversation(message(properties={"emotions": form})))
        assert chosen(tables["reactions"], "emotion", "user_id", "reacted_at") == [
            ("heart", THEO, utc(2024, 11, 5, 18)),
            ("like", THEO, utc(2024, 11, 5, 18, 4, 12, 101000)),
        ]


@pytest.mark.parametrize(
    ("attributes", "children", "kind", "document_id"),
    [
        (f'type="File.1" doc_id="{PHOTO.upper()}"', "", "file", PHOTO.upper()),
        (f'type="Audio.1/Message.1" uri="https://x.example/v1//objects/{PHOTO}/views/audio"', "", "voice", PHOTO),
        (f'type="Video.1/Message.1" url_thumbnail="https://x.example/s/i?{PHOTO}"', "", "video", PHOTO),
        ("", f'<meta type="photo"/><a href="https://x.example?go=y?pic={PHOTO}">x</a>', "photo", PHOTO),
        (
            'type="Video.2/CallRecording.1"',
            f'<Identifiers><Id type="callId" value="{OTHER}"/><Id type="AMSDocumentID" value="{PHOTO}"/></Identifiers>',
            "recording",
            PHOTO,
        ),
        ('type="Video.1/Flik.1" uri="https://static.asm.skype.com/pes/v1/items/x"', "", "moji", None),
        ('type="SWIFT.1"', "", "card", None),
    ],
)
def test_an_object_has_a_kind_and_a_document(
    tmp_path: Path, attributes: str, children: str, kind: str, document_id: str | None
) -> None:
    content = f"<URIObject {attributes}>{children}</URIObject>"
    tables = tables_of(tmp_path, conversation(message(content=content)))
    assert chosen(tables["attachments"], "kind", "document_id") == [(kind, document_id)]


def test_polls_and_literal_text_carry_no_attachment(tmp_path: Path) -> None:
    poll = message("1", messagetype="Poll", content='<URIObject type="Poll" title="Where?">x</URIObject>')
    text = message("2", messagetype="Text", content='<URIObject type="Picture.1"></URIObject>')
    assert tables_of(tmp_path, conversation(poll, text))["attachments"] == []


def test_references_complete_the_attachments(tmp_path: Path) -> None:
    voice = '<URIObject type="Audio.1/Message.1" duration_ms="12480"></URIObject>'
    tables = tables_of(
        tmp_path,
        conversation(
            message("1", content=voice, amsreferences=[PHOTO]),
            message("2", messagetype="RichText/UriObject", content="", amsreferences=[PHOTO, OTHER]),
            message("3", messagetype="RichText/UriObject", content="", amsreferences=None),
        ),
    )
    assert chosen(
        tables["attachments"], "message_id", "ordinal", "kind", "document_id", "duration_seconds", "present"
    ) == [
        ("1", 0, "voice", PHOTO, 12.48, False),
        ("2", 0, "photo", PHOTO, None, False),
        ("2", 1, "photo", OTHER, None, False),
    ]


def test_old_file_transfers_are_attachments(tmp_path: Path) -> None:
    content = '<files alt="x"><file size="84" index="0">a &amp; b.txt</file><file size="90211" tid="2"/></files>'
    tables = tables_of(tmp_path, conversation(message(messagetype="RichText/Files", content=content)))
    assert chosen(tables["attachments"], "ordinal", "kind", "file_name", "file_size", "document_id") == [
        (0, "file_transfer", "a & b.txt", 84, None),
        (1, "file_transfer", None, 90211, None),
    ]


def test_media_get_name_and_type_from_their_side_file(tmp_path: Path) -> None:
    side = {"filename": "quay.mp4", "contents": {"1": {"type": "video/mp4"}, "2": {"type": "image/jpeg"}}}
    media = {
        f"media/{OTHER}.2.jpeg": b"preview",
        f"media/{OTHER}.json": json.dumps(side).encode(),
        f"media/{OTHER}.1.mp4": b"",
        "media/stray.bin": b"12",
        "endpoints.json": b"{}",
    }
    content = f'<URIObject type="Video.1/Message.1" doc_id="{OTHER}"><FileSize v=""/></URIObject>'
    tables = tables_of(tmp_path, conversation(message(content=content)), media=media)
    assert chosen(
        tables["media_files"], "document_id", "media_index", "member", "file_name", "mime_type", "size_bytes"
    ) == [
        (OTHER, 2, f"media/{OTHER}.2.jpeg", "quay.mp4", "image/jpeg", 7),
        (OTHER, 1, f"media/{OTHER}.1.mp4", "quay.mp4", "video/mp4", 0),
        ("stray", 1, "media/stray.bin", None, None, 2),
    ]
    assert chosen(tables["attachments"], "file_name", "mime_type", "media_member", "present", "file_size") == [
        ("quay.mp4", "video/mp4", f"media/{OTHER}.1.mp4", True, None)
    ]


def test_calls_are_read_in_their_odd_forms(tmp_path: Path) -> None:
    contents = [
        '<partlist alt=""></partlist>',
        '<partlist type="Missed" callId=""><part identity="tbrannock"><name> Theo &amp; Co </name></part></partlist>',
        '<ended/><partlist type="ended"><part identity="4:+1"><name/><duration>84</duration></part>\n'
        '<part identity=""><duration>long</duration></part></partlist>',
    ]
    messages = [message(str(n), messagetype="Event/Call", content=content) for n, content in enumerate(contents)]
    tables = tables_of(tmp_path, conversation(*messages, message("3", messagetype="Event/Call", content="")))
    assert chosen(tables["call_events"], "message_id", "event", "call_id", "duration_seconds") == [
        ("0", "started", None, None),
        ("1", "missed", None, None),
        ("2", "ended", None, 84.0),
    ]
    assert chosen(tables["call_participants"], "message_id", "user_id", "display_name", "duration_seconds") == [
        ("1", THEO, "Theo & Co", None),
        ("2", "4:+1", None, 84.0),
        ("2", None, None, None),
    ]
