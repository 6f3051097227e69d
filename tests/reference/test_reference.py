"""The reference on section 8 of the format reference, on several exports, and its comparisons.

Every expected row was worked out by hand from the format reference and the decisions about the tables.
"""

import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.reference import difference, digest, merged_tables, reference_tables
from tests.reference.small_exports import (
    GROUP,
    OWNER,
    PHOTO,
    THEO,
    Tables,
    chosen,
    conversation,
    export,
    message,
    utc,
    write,
)

EXAMPLE = Path(__file__).with_name("example.json")


@pytest.fixture(scope="module")
def example() -> Tables:
    return reference_tables(EXAMPLE, {"smile": "\U0001f642"})


def test_the_export_is_counted(example: Tables) -> None:
    data = EXAMPLE.read_bytes()
    assert example["exports"] == [
        {
            "export_id": hashlib.sha256(data).hexdigest()[:16],
            "owner_id": OWNER,
            "owner_name": "Mara Ostrow",
            "exported_at": utc(2024, 11, 6, 8, 12),
            "source_size": len(data),
            "source_sha256": hashlib.sha256(data).digest(),
            "messages_seen": 8,
            "messages_loaded": 8,
            "messages_duplicate": 0,
            "messages_rejected": 0,
            "conversation_count": 3,
            "unreadable_bytes": None,
        }
    ]
    assert example["rejects"] == example["media_files"] == []


def test_messages_have_their_columns(example: Tables) -> None:
    assert chosen(
        example["messages"], "conversation_id", "message_id", "sent_at", "sender_id", "sender_name", "kind", "text"
    ) == [
        (THEO, "1730878860904", utc(2024, 11, 6, 7, 41, 0, 900000), THEO, "Theo Brannock", "text", "can't wait 🙂"),
        (THEO, "1730834027920", utc(2024, 11, 5, 19, 13, 47, 914000), OWNER, None, "call", ""),
        (THEO, "1730833868203", utc(2024, 11, 5, 19, 11, 8, 200000), OWNER, None, "call", ""),
        (THEO, "1730830195318", utc(2024, 11, 5, 18, 7, 2, 730000), OWNER, None, "text", "noon at the quay"),
        (THEO, "1730830022735", utc(2024, 11, 5, 18, 7, 2, 730000), OWNER, None, "text", "noon at the quay"),
        (THEO, "1730830000000", utc(2024, 11, 5, 18, 6, 40), THEO, "Theo Brannock", "photo", ""),
        (THEO, "1730829852101", utc(2024, 11, 5, 18, 4, 11, 482000), THEO, "Theo Brannock", "text", ""),
        (GROUP, "1730829720640", utc(2024, 11, 5, 18, 2, 0, 640000), None, None, "thread_activity", ""),
    ]


def test_a_message_has_every_column(example: Tables) -> None:
    data = EXAMPLE.read_bytes()
    start = data.index(b'{"id": "1730829852101"')
    end = data.index(b'"amsreferences": null}', start) + len(b'"amsreferences": null}')
    [row] = [row for row in example["messages"] if row["message_id"] == "1730829852101"]
    assert row == {
        "owner_id": OWNER,
        "conversation_id": THEO,
        "message_id": "1730829852101",
        "sent_at": utc(2024, 11, 5, 18, 4, 11, 482000),
        "sender_id": THEO,
        "sender_name": "Theo Brannock",
        "message_type": "RichText",
        "kind": "text",
        "text": "",
        "content": "",
        "edited_at": None,
        "deleted_at": utc(2024, 11, 5, 19, 13, 47, 914000),
        "edit_of": None,
        "album_id": None,
        "is_forwarded": False,
        "version": 1730834027914,
        "details": None,
        "properties": {"deletetime": "1730834027914"},
        "flags": [],
        "source_member": "example.json",
        "source_offset": start,
        "source_length": end - start,
        "raw_sha256": hashlib.sha256(data[start:end]).digest(),
        "export_id": hashlib.sha256(data).hexdigest()[:16],
    }


def test_both_rows_of_an_edited_message_keep_its_time(example: Tables) -> None:
    edited = {row["message_id"]: row["edited_at"] for row in example["messages"] if row["edited_at"]}
    assert edited == dict.fromkeys(["1730830022735", "1730830195318"], utc(2024, 11, 5, 18, 9, 55, 318000))


def test_conversations_have_their_columns(example: Tables) -> None:
    export_id = hashlib.sha256(EXAMPLE.read_bytes()).hexdigest()[:16]
    direct, group, bot = example["conversations"]
    assert direct == {
        "owner_id": OWNER,
        "conversation_id": THEO,
        "display_name": "Theo Brannock",
        "title": "Theo Brannock",
        "kind": "direct",
        "topic": None,
        "member_count": None,
        "first_message_at": utc(2024, 11, 5, 18, 4, 11, 482000),
        "last_message_at": utc(2024, 11, 6, 7, 41, 0, 900000),
        "message_count": 6,
        "version": 1730878861001,
        "properties": {
            "conversationblocked": False,
            "lastimreceivedtime": "2024-11-06T07:41:00.9Z",
            "consumptionhorizon": "1730878860900;1730878905004;7226180934417205518",
            "conversationstatus": None,
        },
        "thread_properties": None,
        "export_id": export_id,
    }
    assert (group["kind"], group["title"], group["member_count"]) == ("group", "Harbour walk & tea", 2)
    assert group["thread_properties"]["members"] == [OWNER, THEO]
    assert group["thread_properties"]["topic"] == "Harbour walk &amp; tea"
    assert (bot["kind"], bot["title"], bot["message_count"]) == ("bot", "Skype", 0)
    assert (bot["first_message_at"], bot["last_message_at"]) == (None, None)


def test_participants_are_known_from_what_they_did(example: Tables) -> None:
    columns = ("conversation_id", "user_id", "display_name", "is_owner", "is_member", "message_count")
    assert chosen(example["participants"], *columns) == [
        (THEO, OWNER, "Mara Ostrow", True, False, 3),
        (THEO, THEO, "Theo Brannock", False, False, 3),
        (GROUP, OWNER, "Mara Ostrow", True, True, 0),
        (GROUP, THEO, "Theo Brannock", False, True, 0),
        ("28:concierge", "28:concierge", "Skype", False, False, 0),
        ("28:concierge", OWNER, "Mara Ostrow", True, False, 0),
    ]
    assert example["participants"][0]["first_seen"] == utc(2024, 11, 5, 18, 7, 2, 730000)
    assert example["participants"][0]["last_seen"] == utc(2024, 11, 5, 19, 13, 47, 914000)


def test_calls_and_reactions_are_taken_apart(example: Tables) -> None:
    assert chosen(example["call_events"], "message_id", "event", "call_id", "duration_seconds") == [
        ("1730834027920", "ended", "1730833868113", 152.26),
        ("1730833868203", "started", "1730833868113", None),
    ]
    assert chosen(
        example["call_participants"], "message_id", "ordinal", "user_id", "display_name", "duration_seconds"
    ) == [
        ("1730834027920", 0, OWNER, "Mara Ostrow", 152.26),
        ("1730834027920", 1, THEO, "Theo Brannock", 152.26),
        ("1730833868203", 0, OWNER, "Mara Ostrow", None),
    ]
    assert example["reactions"] == [
        {
            "owner_id": OWNER,
            "conversation_id": THEO,
            "message_id": "1730878860904",
            "emotion": "heart",
            "user_id": OWNER,
            "reacted_at": utc(2024, 11, 6, 7, 41, 0, 990000),
        }
    ]


def test_the_photo_is_an_attachment(example: Tables) -> None:
    assert example["attachments"] == [
        {
            "owner_id": OWNER,
            "conversation_id": THEO,
            "message_id": "1730830000000",
            "ordinal": 0,
            "document_id": PHOTO,
            "kind": "photo",
            "file_name": "garden gate.jpg",
            "file_size": 259114,
            "mime_type": None,
            "width": 1020,
            "height": 765,
            "duration_seconds": None,
            "uri": f"https://api.asm.skype.com/v1/objects/{PHOTO}",
            "media_member": None,
            "present": False,
            "media_export_id": None,
            "media_sha256": None,
            "preview_sha256": None,
        }
    ]


def test_two_exports_give_one_history_in_either_order(tmp_path: Path) -> None:
    photo = f'<URIObject type="Picture.1" doc_id="{PHOTO}"></URIObject>'
    members = {"members": json.dumps([OWNER, THEO])}
    first = write(
        tmp_path / "first",
        export(
            conversation(
                message("1", content="kept"),
                message("2", version=9, content=photo),
                message("3", content="before"),
                id=GROUP,
                threadProperties=members,
            ),
            date="2024-01-01T00:00",
        ),
        {},
    )
    second = write(
        tmp_path / "second",
        export(
            conversation(
                message("2", version=8, content="older version"),
                message("3", content="after", displayName="Theo"),
                message("4", content="added", originalarrivaltime="2024-11-05T19:00:00Z"),
                id=GROUP,
                displayName="Quay",
            ),
            date="2024-02-02T00:00",
        ),
        {f"media/{PHOTO}.1.jpeg": b"123"},
    )
    for paths in ([first, second], [second, first, second]):
        tables = merged_tables(paths)
        texts = sorted(chosen(tables["messages"], "message_id", "content"))
        assert texts == [("1", "kept"), ("2", photo), ("3", "after"), ("4", "added")]
        [row] = tables["conversations"]
        assert (row["title"], row["message_count"]) == ("Quay", 4)
        assert row["thread_properties"] == {"members": [OWNER, THEO]}
        assert (row["first_message_at"], row["last_message_at"]) == (utc(2024, 11, 5, 18), utc(2024, 11, 5, 19))
        columns = ("user_id", "display_name", "is_member", "message_count")
        assert chosen(tables["participants"], *columns) == [(OWNER, None, True, 0), (THEO, "Theo", True, 4)]
        assert chosen(tables["attachments"], "document_id", "media_member", "present") == [
            (PHOTO, f"media/{PHOTO}.1.jpeg", True)
        ]
        assert sorted(row["messages_loaded"] for row in tables["exports"]) == [3, 3]


def test_of_an_object_that_several_exports_have_each_has_a_row(tmp_path: Path) -> None:
    name = f"media/{PHOTO}.1"
    paths = [
        write(tmp_path / str(n), export(date=f"2024-01-0{n}"), {member: data})
        for n, (member, data) in enumerate([(f"{name}.png", b"12"), (f"{name}.jpeg", b"123"), (f"{name}.gif", b"1")], 1)
    ]
    found = chosen(merged_tables(paths)["media_files"], "member", "size_bytes")
    assert sorted(found) == [(f"{name}.gif", 1), (f"{name}.jpeg", 3), (f"{name}.png", 2)]


def test_every_container_gives_the_same_messages(tmp_path: Path) -> None:
    data = export(conversation(message()))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "messages.json").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("messages.json", data)
    with tarfile.open(tmp_path / "export.tar.gz", "w:gz") as tar:
        tar.add(folder / "messages.json", "messages.json")
    write(tmp_path / "export", data, {})
    containers = ("folder", "export.zip", "export.tar.gz", "export.tar")
    found = [reference_tables(tmp_path / name)["messages"] for name in containers]
    without_id = [[{**row, "export_id": ""} for row in rows] for rows in found]
    assert without_id[0] == without_id[1] == without_id[2] == without_id[3]
    assert without_id[0][0]["source_member"] == "messages.json"


def test_a_files_only_archive_has_media_and_an_unknown_owner(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "files.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo(f"media/{PHOTO}.1.jpeg"), io.BytesIO())
    tables = reference_tables(tmp_path / "files.tar")
    owner_id = "unknown:" + tables["exports"][0]["export_id"]
    assert chosen(tables["media_files"], "owner_id", "document_id") == [(owner_id, PHOTO)]
    assert tables["messages"] == []


def test_the_digest_depends_on_values_and_not_on_the_order_of_rows() -> None:
    rows = [
        {"id": "b", "at": utc(2024, 1, 1), "value": {"y": 1.0, "x": [1e22]}, "data": b"\0", "seconds": 2.0},
        {"id": "a", "at": None, "value": None, "data": None, "seconds": 0.5},
    ]
    same = [rows[1], {**rows[0], "value": {"x": [10**22], "y": 1}}]
    columns = ("id", "at", "value", "data", "seconds")
    canonical = (
        '["a",null,null,null,"0.5"]\n'
        '["b","2024-01-01T00:00:00.000000+00:00","{\\"x\\":[10000000000000000000000],\\"y\\":1}","00","2.0"]\n'
    )
    assert digest(rows, ["id"], columns) == (2, hashlib.sha256(canonical.encode()).hexdigest())
    assert digest(same, ["id"], columns) == digest(rows, ["id"], columns)
    assert digest([{**rows[0], "seconds": 2.5}, rows[1]], ["id"], columns) != digest(rows, ["id"], columns)


def test_a_difference_names_row_column_and_values() -> None:
    expected = [{"id": 1, "text": "a", "n": 1}, {"id": 2, "text": "b", "n": 1}]
    actual = [{"id": 1, "text": "A", "n": 1}, {"id": 3, "text": "c", "n": 1}]
    assert difference(expected, actual, ["id"]).splitlines() == [
        "id=1: text should be 'a', is 'A'",
        "missing: id=2",
        "not expected: id=3",
    ]
    assert difference(expected, expected, ["id"]) == ""
