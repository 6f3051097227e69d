"""What people take for an export is named for what it is, by its content; what is an export never is."""

import contextlib
import gzip
import io
import json
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import pytest

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.archive import open_export
from skype_assets.etl.export.source import fingerprint

DOCUMENT = "0-weu-d4-f08fdde142b15a71193dfd6abe4c0174"


def database(*tables: str) -> bytes:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        for table in tables:
            connection.execute(f"CREATE TABLE {table} (id)")
        return connection.serialize()


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return out.getvalue()


def tarred(*names: str, mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # pyright: ignore[reportCallIssue, reportArgumentType]
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return out.getvalue()


FOREIGN: dict[str, tuple[bytes, str]] = {
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\0", "a PDF document"),
    "Telegram": (
        json.dumps({"about": "Here is the data", "chats": {"about": "x", "list": [{"name": "Mara"}]}}).encode(),
        "an export of Telegram",
    ),
    "one chat of Telegram": (
        json.dumps({"name": "Mara", "type": "personal_chat", "messages": [{"date_unixtime": "1"}]}).encode(),
        "an export of Telegram",
    ),
    "a page of Telegram": (
        b'<!DOCTYPE html>\n<html><head><title>Exported Data</title></head><body><div class="page_wrap">',
        "an export of Telegram",
    ),
    "Telegram, zipped": (zipped("ChatExport/result.json", "ChatExport/photos/a.jpg"), "an export of Telegram"),
    "pages of Telegram, zipped": (zipped("x/messages.html", "x/css/style.css"), "an export of Telegram"),
    "Slack": (zipped("channels.json", "users.json", "general/2020-01-01.json"), "an export of Slack"),
    "Slack, as a tar": (tarred("./channels.json", "./users.json", "./general/2020-01-01.json"), "an export of Slack"),
    "Slack, as a tar.gz": (tarred("s/channels.json", "s/users.json", mode="w:gz"), "an export of Slack"),
    "a channel of Slack": (b'[{"client_msg_id": "a", "type": "message", "ts": "1"}]', "a channel of a Slack export"),
    "WhatsApp on Android": (b"12/01/20, 09:15 - Messages and calls are end-to-end encrypted.\n", "a chat of WhatsApp"),
    "WhatsApp, a day first": (b"12.01.20 09:15 - Mara: hi\n", "a chat of WhatsApp"),
    "WhatsApp on an iPhone": ("\u200e[12.01.20, 09:15:33] Mara: hi\n".encode(), "a chat of WhatsApp"),
    "WhatsApp at noon": ("[1/12/20, 9:15:33\u202fPM] Mara: hi\n".encode(), "a chat of WhatsApp"),
    "WhatsApp, zipped": (zipped("_chat.txt", "00000001-PHOTO.jpg"), "a chat of WhatsApp"),
    "WhatsApp of Android, zipped": (zipped("WhatsApp Chat with Mara.txt"), "a chat of WhatsApp"),
    "copied from Skype": (b"[12/1/2014 9:12:05 AM] Mara Ostrow: hi\n", "a chat that was copied as text"),
    "main.db": (database("Accounts", "Messages", "Conversations"), r"database of Skype up to version 7 \(main.db\)"),
    "s4l": (database("messagesv12", "conversationsv14"), "database of Skype 8"),
    "WhatsApp's database": (database("message", "chat", "jid"), "a database of WhatsApp"),
    "another database": (database("notes"), "an SQLite database"),
    "a damaged database": (b"SQLite format 3\0" + b"\xff" * 1000, "an SQLite database"),
    "a profile of Skype": (
        zipped("mara.ostrow/main.db", "mara.ostrow/config.xml"),
        "a folder of Skype up to version 7",
    ),
    "a profile of Skype 8": (tarred("Skype/s4l-live#3amara.db"), "a folder of Skype 8"),
    "PST": (b"!BDN\0\0\0\0SM", r"an Outlook data file \(PST\), as compliance exports of Teams are"),
    "a compliance export": (zipped("Exchange/mara@example.org.pst", "Results.csv"), "a compliance export"),
    "RSMF": (zipped("rsmf_manifest.json"), "a conversation for e-discovery"),
    "Teams": (b'{"@odata.context": "https://graph", "value": []}', "an answer of Microsoft Graph"),
    "an e-mail": (b"Received: by x\r\nSubject: hi\r\n\r\n", "an e-mail"),
    "Skype's page": (b"<html><head><title>Skype data export request</title>", "a web page about Skype"),
    "a page": (b"\xef\xbb\xbf\n<!doctype html><title>x</title>", "a web page"),
    "XML": (b"<?xml version='1.0'?><smses>", "a backup of text messages"),
    "contacts": (b"type,id,display_name,blocked\nSkype,8:a,A,false\n", "Skype's list of contacts"),
    "JPEG": (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "an image"),
    "PNG": (b"\x89PNG\r\n\x1a\n\0", "an image"),
    "HEIC": (b"\0\0\0\x24ftypheic\0\0", "an image"),
    "MP4": (b"\0\0\0\x20ftypisom\0\0", "a video"),
    "Word": (zipped("[Content_Types].xml", "word/document.xml", "word/media/image1.png"), "a Word document"),
    "Excel": (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook"),
    "OpenDocument": (zipped("mimetype", "content.xml", "media/image1.png"), "an OpenDocument file"),
    "old Word": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", "an old Office document"),
    "RTF": (b"{\\rtf1\\ansi", "an RTF document"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4", "a 7z archive"),
    "RAR": (b"Rar!\x1a\x07\1\0", "a RAR archive"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04", "a Zstandard file"),
    "a compressed text": (gzip.compress(b"Dear reader"), "a compressed file, not an archive"),
    "an export in a 7z in a zip": (zipped("8_live_mara.ostrow_export.7z"), "an archive of archives"),
    "Discord": (zipped("messages/c123/messages.json", "messages/c124/messages.json"), "a data package of Discord"),
    "a side file": (b'{"expiry_date":"3017","filename":"a","contents":{"1":{}}}', "the side file of one object"),
    "a program": (b"MZ\x90\0\3", "a program for Windows"),
    "one chat of an old Telegram": (
        json.dumps(
            {
                "name": "Mara",
                "type": "personal_chat",
                "id": 1,
                "messages": [{"id": 1, "type": "message", "date": "2018-05-01T10:00:00", "from_id": 2, "text": "hi"}],
            }
        ).encode(),
        "an export of Telegram",
    ),
    "a chat of an old Telegram that was begun": (
        b'{"name": "x", "messages": [{"id": 1, "date": "2018-05-01", "actor_id": 2, "action": "create_group"}]}',
        "an export of Telegram",
    ),
    "a channel of an old Slack": (b'[{"type": "message", "user": "U1", "text": "hi", "ts": "1.0"}]', "a channel of a"),
    "mbox": (b"From mara@example.org Mon May  1 10:00:00 2017\nReceived: by x\nSubject: hi\n\nhi\n", "a mailbox"),
    "a dump of PostgreSQL": (b"PGDMP\1\x0e\0", "a dump of a PostgreSQL database"),
    "a dump of PostgreSQL in SQL": (b"--\n-- PostgreSQL database dump\n--\n", "a dump of a PostgreSQL database"),
    "a dump of all databases": (b"--\n-- PostgreSQL database cluster dump\n--\n", "a dump of a PostgreSQL database"),
    "gpg, for a key": (b"\x85\x01\x0c\x03" + bytes(range(200)), "an encrypted or signed file"),
    "gpg, for a short key": (b"\x84\x5e\x03" + bytes(range(200)), "an encrypted or signed file"),
    "gpg, with a password": (b"\x8c\x0d\x04\x09\x03\x0a" + bytes(range(200)), "an encrypted or signed file"),
    "OpenPGP in new packets": (b"\xc1\xc0\x4c\x03" + bytes(range(200)), "an encrypted or signed file"),
    "a table": (b'"id","sender","text"\r\n1,Mara,hi\r\n', r"a table \(CSV\)"),
    "a table with semicolons": (b"id;sender;sent at\n1;Mara;2018\n", r"a table \(CSV\)"),
}


@pytest.mark.parametrize(("content", "what"), FOREIGN.values(), ids=FOREIGN.keys())
def test_a_foreign_file_is_named_in_one_line_that_says_what_would_be_needed(
    content: bytes, what: str, tmp_path: Path
) -> None:
    path = tmp_path / "8_live_mara.ostrow_export.tar"
    path.write_bytes(content)
    with pytest.raises(InvalidExport, match=f"^{path.name}: this is .*{what}.*, not a Skype export. [A-Z]") as refused:
        open_export(path, tmp_path / "scratch")
    assert "\n" not in str(refused.value)
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == [path.name]  # nothing beside a database


@pytest.mark.parametrize("name", [name for name in FOREIGN if "tar" not in name and name != "a profile of Skype 8"])
def test_it_is_named_before_it_is_hashed(name: str, tmp_path: Path) -> None:
    path = tmp_path / "export.tar"
    path.write_bytes(FOREIGN[name][0])
    with pytest.raises(InvalidExport, match="not a Skype export"):
        fingerprint(path, lambda _: pytest.fail("it was hashed"))


@pytest.mark.parametrize(
    "content",
    [
        zipped(f"media/{DOCUMENT}.1.zip", "channels.json", "users.json"),
        tarred(f"media/{DOCUMENT}.1.pst"),
        zipped("messages.json", "word/a", "[Content_Types].xml"),
        b'{"expiry_date":1,"contents":2,"date_unixtime":3,"conversations":[]}',
        b'{"userId":"8:a"',
    ],
)
def test_what_may_be_an_export_is_not_taken_for_anything_else(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "export.bin"
    path.write_bytes(content)
    open_export(path, tmp_path).close()


FOLDERS: dict[str, tuple[tuple[str, ...], str]] = {
    "Telegram": (("result.json", "photos/a.jpg"), "an export of Telegram"),
    "Telegram in the one folder": (("ChatExport_2024-01-01/result.json",), "an export of Telegram"),
    "pages of Telegram": (("messages.html", "css/style.css", "js/script.js"), "an export of Telegram"),
    "Slack": (("channels.json", "users.json", "general/2020-01-01.json"), "an export of Slack"),
    "WhatsApp": (("_chat.txt", "00000001-PHOTO.jpg"), "a chat of WhatsApp"),
    "WhatsApp of Android": (("WhatsApp Chat with Mara.txt",), "a chat of WhatsApp"),
    "Discord": (("messages/c123/channel.json", "messages/index.json"), "a data package of Discord"),
    "Google": (("Takeout/Hangouts/Hangouts.json",), "an export of Google"),
    "a profile of Skype": (("mara.ostrow/main.db", "mara.ostrow/config.xml"), "a folder of Skype up to version 7"),
}


@pytest.mark.parametrize(("names", "what"), FOLDERS.values(), ids=FOLDERS.keys())
def test_a_foreign_folder_is_named_as_well(names: tuple[str, ...], what: str, tmp_path: Path) -> None:
    for name in names:
        (tmp_path / "given" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "given" / name).touch()
    with pytest.raises(InvalidExport, match=f"^given: this is {what}.*, not a Skype export. [A-Z]"):
        fingerprint(tmp_path / "given")


@pytest.mark.parametrize(
    "names",
    [
        ("build/result.json", "src/main.py"),
        ("letters/a.eml", "b.zip"),
        ("a/b/_chat.txt", "notes.txt"),
    ],
    ids=" ".join,
)
def test_a_folder_of_anything_is_not_taken_for_one_of_these(names: tuple[str, ...], tmp_path: Path) -> None:
    for name in names:
        (tmp_path / "given" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "given" / name).touch()
    with pytest.raises(InvalidExport, match="^given: is no export: neither messages.json"):
        fingerprint(tmp_path / "given")


def test_prose_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("Hello, my dear, how are you, old friend?\nWell, I hope, and, so, on.\n")
    with pytest.raises(InvalidExport, match="this is neither a tar or zip archive nor JSON"):
        fingerprint(tmp_path / "a")
