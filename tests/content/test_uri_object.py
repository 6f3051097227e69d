"""Attachments, by sections 1.5 and 3.3 of the format reference."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skype_assets.etl.content.uri_object import Attachment, attachments

PHOTO_ID = "0-weu-d4-f08fdde142b15a71193dfd6abe4c0174"
FILE_ID = "0-weu-d3-53293b07f2c6f66f763c032f79c1aa1d"
VOICE_ID = "0-neu-d8-74271fd347ca261c8c7ad10d00117bc8"
RECORDING_ID = "0-neu-d2-f8fa59af3612e0e82e76c3fe57995059"
OBJECTS = "https://api.asm.skype.com/v1/objects/"

PHOTO = (
    f'<URIObject uri="{OBJECTS}{PHOTO_ID}" url_thumbnail="{OBJECTS}{PHOTO_ID}/views/imgt1_anim" type="Picture.1" '
    f'doc_id="{PHOTO_ID}" width="1020" height="765">To view this shared photo, go to: <a href="https://login.skype.com/'
    f'login/sso?go=xmmfallback?pic={PHOTO_ID}">https://login.skype.com/login/sso?go=xmmfallback?pic={PHOTO_ID}</a>'
    '<OriginalName v="garden gate.jpg"></OriginalName><FileSize v="259114"></FileSize>'
    '<meta type="photo" originalName="garden gate.jpg"></meta></URIObject>'
)
FILE = (
    f'<URIObject uri="{OBJECTS}{FILE_ID}" url_thumbnail="{OBJECTS}{FILE_ID}/views/original" type="File.1" '
    f'doc_id="{FILE_ID}">To view this file, go to: <a href="https://login.skype.com/login/sso?go=webclient.xmm&docid='
    f'{FILE_ID}">x</a><OriginalName v="minutes 3.docx"></OriginalName><FileSize v="44710"></FileSize></URIObject>'
)
VOICE = (
    f'<URIObject type="Audio.1/Message.1" url_thumbnail="{OBJECTS}{VOICE_ID}/views/thumbnail" '
    f'uri="{OBJECTS}{VOICE_ID}" duration_ms="12480"><Title>Voice message</Title><a href="https://login.skype.com/login/sso?go=webclient.xmm&amp;'
    f'am={VOICE_ID}">Play</a><OriginalName v="audio.m4a" /></URIObject>'
)
RECORDING = (
    f'<URIObject type="Video.2/CallRecording.1" uri="" version="1.0"><RecordingStatus status="Success" code="200">'
    '<amsErrorResult /></RecordingStatus><Title>Video</Title><OriginalName v="Video.mp4" /><Identifiers>'
    f'<Id type="callId" value="b04f0a52" /><Id type="AMSDocumentID" value="{RECORDING_ID}" /></Identifiers>'
    '<RecordingContent timestamp="2024-11-05T19:12:10.3384120Z" duration="0:00:24.28"><item type="video" uri="x" />'
    "</RecordingContent></URIObject>"
)


def only(content: str, messagetype: str | None = "RichText", amsreferences: Any = None) -> Attachment:
    (found,) = attachments(content, messagetype, amsreferences)
    return found


def test_a_photo_has_an_id_a_name_a_size_and_pixels() -> None:
    assert only(PHOTO, "RichText/UriObject", [PHOTO_ID]) == Attachment(
        document_id=PHOTO_ID,
        kind="photo",
        file_name="garden gate.jpg",
        file_size=259114,
        width=1020,
        height=765,
        uri=OBJECTS + PHOTO_ID,
    )


def test_a_file_is_read_in_spite_of_a_raw_ampersand() -> None:
    assert only(FILE, "RichText/Media_GenericFile") == Attachment(
        document_id=FILE_ID, kind="file", file_name="minutes 3.docx", file_size=44710, uri=OBJECTS + FILE_ID
    )


def test_a_voice_message_lasts_its_milliseconds() -> None:
    assert only(VOICE, "RichText/Media_AudioMsg") == Attachment(
        document_id=VOICE_ID, kind="voice", file_name="audio.m4a", duration_seconds=12.48, uri=OBJECTS + VOICE_ID
    )


def test_a_recording_is_found_by_its_identifiers_and_lasts_what_its_clock_says() -> None:
    assert only(RECORDING, "RichText/Media_CallRecording") == Attachment(
        document_id=RECORDING_ID, kind="recording", file_name="Video.mp4", duration_seconds=24.28
    )


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("Picture.1", "photo"),
        ("picture.1", "photo"),
        ("File.1", "file"),
        ("Video.1/Message.1", "video"),
        ("Video.1/Flik.1", "moji"),
        ("Video.2/CallRecording.1", "recording"),
        ("Audio.1/Message.1", "voice"),
        ("SWIFT.1", "card"),
        ("Sticker", "sticker"),
    ],
)
def test_the_kind_follows_the_type(type_: str, kind: str) -> None:
    assert only(f'<URIObject type="{type_}"/>').kind == kind


@pytest.mark.parametrize("type_", ["Poll", "poll.1", "ScheduledCall.1", "Credit.1", "Pictures"])
def test_other_types_are_no_attachments(type_: str) -> None:
    assert attachments(f'<URIObject type="{type_}"></URIObject>', "RichText/UriObject", None) == []


@pytest.mark.parametrize(
    ("type_", "kind"), [("photo", "photo"), ("file", "file"), ("video", "video"), ("audio", "voice")]
)
def test_without_a_type_the_meta_element_decides(type_: str, kind: str) -> None:
    assert only(f'<URIObject><meta type="{type_}"/></URIObject>', "RichText/Media_Card").kind == kind


@pytest.mark.parametrize(
    ("messagetype", "kinds"),
    [("RichText/Media_Video", ["video"]), ("RichText/Media_FlikMsg", ["moji"]), ("RichText", []), ("New/Type", [])],
)
def test_without_type_and_meta_the_message_decides(messagetype: str, kinds: list[str]) -> None:
    assert [found.kind for found in attachments("<URIObject>", messagetype, None)] == kinds


@pytest.mark.parametrize(
    "content",
    [
        f'<URIObject type="File.1" doc_id="{FILE_ID}" uri="{OBJECTS}{PHOTO_ID}"/>',
        f'<URIObject type="File.1" doc_id="" uri="{OBJECTS}{FILE_ID}/views/original" url_thumbnail="{PHOTO_ID}"/>',
        f'<URIObject type="File.1" uri="https://api.asm.skype.com/v1//objects/{FILE_ID}"/>',
        f'<URIObject type="File.1" uri="https://api.asm.skype.com/s/i?{FILE_ID}"/>',
        f'<URIObject type="File.1" url_thumbnail="{OBJECTS}{FILE_ID}/views/thumbnail"/>',
        f'<URIObject type="File.1"><a href="https://x/?go=webclient.xmm&amp;docid={FILE_ID}">x</a></URIObject>',
        f'<URIObject type="File.1"><a href="#"/><a href="https://x/?go=xmmfallback?vim={FILE_ID}"/></URIObject>',
        f'<URIObject type="File.1"><Id type="AMSDocumentID" value="{FILE_ID}"/></URIObject>',
    ],
)
def test_the_id_is_taken_from_wherever_it_stands_first(content: str) -> None:
    assert only(content).document_id == FILE_ID


def test_an_id_stays_as_it_is_spelled() -> None:
    assert only(f'<URIObject type="File.1" doc_id="{FILE_ID.upper()}"/>').document_id == FILE_ID.upper()


@pytest.mark.parametrize(
    "content",
    [
        "<uriobject TYPE='File.1' URI='x&amp;y'><originalname V='a.txt'/><filesize v=7></uriobject>",
        '<URIObject\n  uri="x&y"\n  type="File.1"\n><OriginalName v="a.txt"><FileSize v="7">',
        '<URIObject type="File.1" uri="x&y">a < b<OriginalName v=""/><FileSize v="7"/><meta originalName="a.txt"/>',
        '<FileSize v="8"/><URIObject type="File.1" uri="x&y"><FileSize v="7"/><OriginalName v="a.txt"/></URIObject>',
    ],
)
def test_ill_formed_elements_are_read(content: str) -> None:
    assert only(content) == Attachment(kind="file", file_name="a.txt", file_size=7, uri="x&y")


@pytest.mark.parametrize("element", ['<URIObject type="File.1"></URIObject>', '<URIObject type="File.1"/>'])
def test_what_follows_an_element_is_not_its_child(element: str) -> None:
    assert only(element + '<OriginalName v="a.txt"/>').file_name is None


def test_names_and_addresses_are_unescaped_once() -> None:
    found = only('<URIObject type="File.1" uri="?a&amp;b"><OriginalName v="Tom &amp;amp; Ada &lt;3>.txt"/></URIObject>')
    assert (found.uri, found.file_name) == ("?a&b", "Tom &amp; Ada <3>.txt")


@pytest.mark.parametrize("number", ["", "-1", "1,5", "1e3", "x", "²", "0x10", "9" * 30, "9" * 5000])
def test_what_is_no_sensible_number_is_null(number: str) -> None:
    content = (
        f'<URIObject type="Video.1" width="{number}" height="{number}" duration_ms="{number}"><FileSize v="{number}"/>'
    )
    assert only(content) == Attachment(kind="video")


@pytest.mark.parametrize(("pixels", "width"), [("0", None), ("2147483647", 2147483647), ("2147483648", None)])
def test_pixels_are_positive_and_fit_an_integer(pixels: str, width: int | None) -> None:
    assert only(f'<URIObject type="Picture.1" width="{pixels}"/>').width == width


@pytest.mark.parametrize(
    ("clock", "seconds"),
    [
        ("0:00:24.28", 24.28),
        ("1:02:03", 3723.0),
        ("0:01:24.28", 84.28),
        ("9:59:59.", 35999.0),
        ("0:24", None),
        ("", None),
        ("a:b:c", None),
    ],
)
def test_a_clock_is_hours_minutes_and_seconds(clock: str, seconds: float | None) -> None:
    content = f'<URIObject type="Video.2/CallRecording.1"><RecordingContent duration="{clock}"/></URIObject>'
    assert only(content).duration_seconds == seconds


@pytest.mark.parametrize(("milliseconds", "seconds"), [("12480", 12.48), ("0", 0.0), ("1.5", 0.0015), ("", 61.0)])
def test_milliseconds_come_before_the_clock(milliseconds: str, seconds: float) -> None:
    content = (
        f'<URIObject type="Audio.1" duration_ms="{milliseconds}"><RecordingContent duration="0:01:01"/></URIObject>'
    )
    assert only(content).duration_seconds == seconds


def test_several_elements_stay_in_order() -> None:
    assert [found.kind for found in attachments(PHOTO + "and" + FILE, "RichText", None)] == ["photo", "file"]


def test_the_only_element_without_an_id_gets_the_only_reference_without_an_element() -> None:
    content = PHOTO + '<URIObject type="SWIFT.1">'
    found = attachments(content, "RichText/Media_Card", [PHOTO_ID.upper(), FILE_ID, FILE_ID])
    assert [(a.kind, a.document_id) for a in found] == [("photo", PHOTO_ID), ("card", FILE_ID)]


def test_references_that_no_element_has_follow_the_elements() -> None:
    found = attachments('<URIObject type="File.1"/>', "RichText/UriObject", [PHOTO_ID, FILE_ID])
    assert [(a.kind, a.document_id) for a in found] == [("file", None), ("photo", PHOTO_ID), ("photo", FILE_ID)]


@pytest.mark.parametrize(
    ("messagetype", "kind"), [("RichText/UriObject", "photo"), ("RichText", "file"), ("Text", "file"), (None, "file")]
)
def test_a_message_without_content_has_what_it_references(messagetype: str | None, kind: str) -> None:
    assert attachments("", messagetype, [PHOTO_ID]) == [Attachment(kind=kind, document_id=PHOTO_ID)]


def test_an_object_that_no_attachment_shows_is_not_lost() -> None:
    found = attachments(f'<URIObject type="Poll" doc_id="{PHOTO_ID}"/>', "Poll", [PHOTO_ID])
    assert found == [Attachment(kind="file", document_id=PHOTO_ID)]


@pytest.mark.parametrize("amsreferences", [None, [], "x", {}, 1, [None, 1, "", "x", ["y"]]])
def test_references_that_are_no_ids_are_ignored(amsreferences: Any) -> None:
    assert attachments("", "RichText/UriObject", amsreferences) == []


def test_plain_text_has_no_elements() -> None:
    assert attachments(PHOTO, "Text", None) == []


def test_an_old_file_transfer_names_its_files() -> None:
    content = (
        '<files alt="sent files &quot;a plan.txt&quot;, &quot;b.zip&quot;"><file size="84" index="0" tid="1000000001">'
        'a plan.txt</file><file size="" index="1">Tom &amp; Ada.zip</file><file size="1"/></files>\n'
    )
    assert attachments(content, "RichText/Files", None) == [
        Attachment(kind="file_transfer", file_name="a plan.txt", file_size=84),
        Attachment(kind="file_transfer", file_name="Tom & Ada.zip"),
        Attachment(kind="file_transfer", file_size=1),
    ]


FRAGMENTS = ["<URIObject>", "</URIObject>", '<URIObject type="File.1">', "<meta type='photo'>", "<file>", "<", "x", '"']


@settings(derandomize=True, deadline=None, database=None)
@given(st.lists(st.sampled_from(FRAGMENTS)).map("".join), st.sampled_from(["RichText", "RichText/Files", "Text", None]))
def test_any_content_can_be_read(content: str, messagetype: str | None) -> None:
    found = attachments(content, messagetype, None)
    assert len(found) <= content.count("<URIObject") + content.count("<file>")
