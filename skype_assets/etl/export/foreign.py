"""What people take for a Skype export, known by its content; and what would be needed instead.

Tables of signatures, most telling first. A refusal says in one line what the file is. It never quotes from it.
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.members import is_document

GIVE_EXPORT: Final = "Give the .tar that Skype's export page gave, or the folder or messages.json unpacked from it"
UNPACK: Final = "Unpack it, and give the .tar or the folder that was in it"

LOOKED_AT: Final = 64 << 10
"""Bytes at the beginning of a file that are looked at."""

MAX_NAMES: Final = 10_000
"""Members of an archive whose names are looked at."""

_ONLY_SKYPE: Final = f"Only exports of Skype can be read. {GIVE_EXPORT}"
_OLD_SKYPE: Final = (
    "It is no export, and other messages may be in it: keep it, and read it with a program for Skype's databases, "
    "such as Skyperious. For the messages of the cloud: " + GIVE_EXPORT[0].lower() + GIVE_EXPORT[1:]
)
_COMPLIANCE: Final = (
    "Exports of Microsoft 365 hold other messages, in other forms; they need a program for mailboxes or for e-discovery"
)


@dataclass(frozen=True)
class Foreign:
    """Something that is no export: what it is, and what would be needed."""

    what: str
    needed: str = GIVE_EXPORT

    def refusal(self, name: str) -> InvalidExport:
        """What to raise for the file of that name."""
        return InvalidExport(f"this is {self.what}, not a Skype export", member=name, remedy=self.needed)


_SQLITE: Final = b"SQLite format 3\0"

_PACKED: Final = {
    "a 7z archive": b"7z\xbc\xaf\x27\x1c",
    "a RAR archive": b"Rar!\x1a\x07",
    "a Zstandard file": b"\x28\xb5\x2f\xfd",
    "an LZ4 file": b"\x04\x22\x4d\x18",
    "an lzip file": b"LZIP\x01",
    "an LZMA file": b"\x5d\0\0\x80\0",
    "a file of compress": b"\x1f\x9d",
    "a cabinet file": b"MSCF\0\0\0\0",
    "a split zip archive": b"PK\7\10",
}

STARTS: Final[tuple[tuple[int, bytes, Foreign], ...]] = (
    *((0, start, Foreign(what, UNPACK)) for what, start in _PACKED.items()),
    (0, b"!BDN", Foreign("an Outlook data file (PST), as compliance exports of Teams are", _COMPLIANCE)),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Foreign("an old Office document or an Outlook message")),
    (0, b"{\\rtf", Foreign("an RTF document")),
    (0, b"\x89PNG", Foreign("an image (PNG)")),
    (0, b"\xff\xd8\xff", Foreign("an image (JPEG)")),
    (0, b"GIF8", Foreign("an image (GIF)")),
    (0, b"II*\0", Foreign("an image (TIFF)")),
    (0, b"MM\0*", Foreign("an image (TIFF)")),
    (8, b"WEBP", Foreign("an image (WebP)")),
    (4, b"ftyphei", Foreign("an image (HEIC)")),
    (4, b"ftypmif1", Foreign("an image (HEIF)")),
    (4, b"ftypavif", Foreign("an image (AVIF)")),
    (4, b"ftyp", Foreign("a video or a sound (MP4)")),
    (0, b"\x1a\x45\xdf\xa3", Foreign("a video (Matroska or WebM)")),
    (8, b"AVI ", Foreign("a video (AVI)")),
    (8, b"WAVE", Foreign("a sound (WAV)")),
    (0, b"OggS", Foreign("a sound (Ogg)")),
    (0, b"fLaC", Foreign("a sound (FLAC)")),
    (0, b"ID3", Foreign("a sound (MP3)")),
    (0, b"\x7fELF", Foreign("a program")),
    (0, b"MZ", Foreign("a program for Windows")),
    (0, b"PAR1", Foreign("a Parquet file")),
    (0, b"-----BEGIN PGP", Foreign("an encrypted message (PGP)", "Decrypt it first")),
    (0, b"PGDMP", Foreign("a dump of a PostgreSQL database")),
    (0, b"Salted__", Foreign("an encrypted file (OpenSSL)", "Decrypt it first")),
    (0, b"age-encryption.org/", Foreign("an encrypted file (age)", "Decrypt it first")),
    (0, b"version https://git-lfs", Foreign("a pointer of Git LFS", "Fetch the file itself: git lfs pull")),
)
"""Where a file has which bytes, and what it is then."""

# Packets of a session key (RFC 9580, 5.1 and 5.3) with their versions, or the compressed one of what is only signed.
_OPENPGP: Final = re.compile(
    rb"\x84.\x03|\x85..\x03|\xc1(.|[\xc0-\xdf].)[\x03\x06]|[\x8c\xc3].[\x04-\x06]|\xa3[\x01-\x03]", re.DOTALL
)
_ENCRYPTED: Final = Foreign("an encrypted or signed file (OpenPGP)", "Decrypt it first: gpg --decrypt")

_WHATSAPP: Final = Foreign("a chat of WhatsApp (text)", _ONLY_SKYPE)
_MARK: Final = "[\u200e\u200f]?"
_DATE: Final = r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4}"
_TIME: Final = r"\d{1,2}[:.]\d{2}([:.]\d{2})?([ \u202f][AaPp]\.? ?[Mm]\.?)?"
_FIELD: Final = r"\"?\w[\w .()/#-]{0,40}\"?"
_MAILBOX: Final = Foreign("a mailbox (mbox)", _COMPLIANCE)
_TELEGRAM: Final = Foreign("an export of Telegram (JSON)", _ONLY_SKYPE)
_TELEGRAM_PAGE: Final = Foreign("an export of Telegram (HTML)", _ONLY_SKYPE)

TEXTS: Final[tuple[tuple[tuple[str, ...], Foreign], ...]] = (
    ((r"\A\s*%PDF-",), Foreign("a PDF document")),
    ((r"\A\s*<(!doctype html|html)", r"class=\"page_(wrap|header|body)", r"Exported Data|from_name"), _TELEGRAM_PAGE),
    (
        (r"\A\s*<(!doctype html|html)", r"skype"),
        Foreign(
            "a web page about Skype: the page of a request or of a viewer",
            "The export is the .tar that the page offered to download, <your name>_export.tar",
        ),
    ),
    ((r"\A\s*<(!doctype html|html)",), Foreign("a web page (HTML)")),
    ((r"\A\s*<\?xml", r"<smses"), Foreign("a backup of text messages (XML)", _ONLY_SKYPE)),
    ((r"\A\s*<(\?xml|[A-Za-z!])",), Foreign("an XML document")),
    ((r"\A\s*BEGIN:VCARD",), Foreign("a list of contacts (vCard)")),
    ((r"\A\s*BEGIN:VCALENDAR",), Foreign("a calendar (iCalendar)")),
    (
        (r"\A\"?type\"?,\"?id\"?,\"?display_name",),
        Foreign("Skype's list of contacts (CSV)", "It holds no messages. " + GIVE_EXPORT),
    ),
    (
        (r"\A(From|To|Received|MIME-Version|Return-Path|Delivered-To|Date|Message-ID|X-[\w-]+):", r"^Subject:"),
        Foreign("an e-mail", _COMPLIANCE),
    ),
    ((r"\AFrom [^\n]{1,200}\d{4}", r"^(From|To|Received|Message-ID|Date|Subject|X-[\w-]+):"), _MAILBOX),
    ((r"\A[-\s]*PostgreSQL database (cluster )?dump",), Foreign("a dump of a PostgreSQL database (SQL)")),
    ((r"\A[-/*!\s\d]*(MySQL|MariaDB) dump",), Foreign("a dump of a database (SQL)")),
    ((rf"\A{_MARK}\[{_DATE}, {_TIME}\] ",), _WHATSAPP),
    ((rf"\A{_MARK}{_DATE},? {_TIME} - ",), _WHATSAPP),
    (
        (rf"\A\[({_DATE},? )?{_TIME}\] [^\n]{{1,200}}:",),
        Foreign("a chat that was copied as text", "Its messages have no ids or exact times. " + GIVE_EXPORT),
    ),
    ((rf"\A{_FIELD}([,;\t]{_FIELD}){{2,}}\r?\n[^\n]*[,;\t][^\n]*[,;\t]",), Foreign("a table (CSV)")),
)
"""Regular expressions that all occur in the beginning of a text, whatever the case of its letters."""

_SLACK_CHANNEL: Final = Foreign("a channel of a Slack export (JSON)", _ONLY_SKYPE)

JSON: Final[tuple[tuple[tuple[str, ...], Foreign], ...]] = (
    (("about", "chats", "list"), _TELEGRAM),
    (("about", "personal_information"), _TELEGRAM),
    (("date_unixtime",), _TELEGRAM),
    (("from_id", "date", "text"), _TELEGRAM),
    (("actor_id", "action", "date"), _TELEGRAM),
    (("guild", "channel", "exportedAt"), Foreign("a chat of Discord (JSON)", _ONLY_SKYPE)),
    (("sender_name", "timestamp_ms"), Foreign("a chat of Facebook or Instagram (JSON)", _ONLY_SKYPE)),
    (("client_msg_id", "ts"), _SLACK_CHANNEL),
    (("user", "type", "text", "ts"), _SLACK_CHANNEL),
    (("is_general", "is_archived"), Foreign("a list of a Slack export (JSON)", _ONLY_SKYPE)),
    (("conversation_state",), Foreign("an export of Google Hangouts (JSON)", _ONLY_SKYPE)),
    (("@odata.context",), Foreign("an answer of Microsoft Graph, as of Teams (JSON)", _COMPLIANCE)),
    (("room_name", "messages"), Foreign("a chat of Matrix (JSON)", _ONLY_SKYPE)),
    (
        ("expiry_date", "contents"),
        Foreign("the side file of one object in an export's media folder", "Give the whole export. " + GIVE_EXPORT),
    ),
    (
        ("endpointId",),
        Foreign("the endpoints.json of an export, the list of devices", "Give the messages.json beside it"),
    ),
)
"""Names that all occur in the beginning of a JSON file, of which ``conversations`` is none."""

_SLACK: Final = Foreign("an export of Slack", _ONLY_SKYPE)

NAMES: Final[tuple[tuple[tuple[str, ...], Foreign], ...]] = (
    ((r"\[Content_Types\]\.xml", r"word/.*"), Foreign("a Word document")),
    ((r"\[Content_Types\]\.xml", r"xl/.*"), Foreign("an Excel workbook")),
    ((r"\[Content_Types\]\.xml", r"ppt/.*"), Foreign("a PowerPoint presentation")),
    ((r"\[Content_Types\]\.xml",), Foreign("an Office document")),
    ((r"META-INF/container\.xml",), Foreign("an e-book (EPUB)")),
    ((r"mimetype", r"content\.xml"), Foreign("an OpenDocument file")),
    ((r"AndroidManifest\.xml",), Foreign("a program for Android")),
    ((r"META-INF/MANIFEST\.MF",), Foreign("a Java program")),
    ((r"(.*/)?rsmf_manifest\.json",), Foreign("a conversation for e-discovery (RSMF)", _COMPLIANCE)),
    ((r"(.*/)?[^/]*\.(pst|ost)",), Foreign("a compliance export of Microsoft 365 (PST)", _COMPLIANCE)),
    ((r"(.*/)?(Export_)?(Items|Results|Summary)[^/]*\.csv",), Foreign("a compliance export", _COMPLIANCE)),
    ((r"(.*/)?channels\.json", r"(.*/)?users\.json"), _SLACK),
    ((r"(.*/)?integration_logs\.json",), _SLACK),
    ((r"(.*/)?(_chat|WhatsApp Chat[^/]*|.*WhatsApp[^/]*)\.txt",), Foreign("a chat of WhatsApp", _ONLY_SKYPE)),
    ((r"(.*/)?(msgstore|wa)\.db(\.crypt\d+)?",), Foreign("a backup of WhatsApp", _ONLY_SKYPE)),
    ((r"(.*/)?result\.json",), Foreign("an export of Telegram", _ONLY_SKYPE)),
    ((r"(.*/)?messages\.html", r"(.*/)?(css/style\.css|js/script\.js|export_results\.html)"), _TELEGRAM_PAGE),
    ((r"(.*/)?export_results\.html",), _TELEGRAM_PAGE),
    ((r"(.*/)?messages/c?\d+/(channel|messages)\.(json|csv)",), Foreign("a data package of Discord", _ONLY_SKYPE)),
    ((r"(.*/)?messages/inbox/.*",), Foreign("an export of Facebook or Instagram", _ONLY_SKYPE)),
    ((r"Takeout/.*",), Foreign("an export of Google", _ONLY_SKYPE)),
    ((r"(.*/)?main\.db",), Foreign("a folder of Skype up to version 7, with its database main.db", _OLD_SKYPE)),
    ((r"(.*/)?s4l-[^/]*\.db.*",), Foreign("a folder of Skype 8, with its database s4l-*.db", _OLD_SKYPE)),
    ((r"(.*/)?SkypeParser[^/]*",), Foreign("Microsoft's viewer for exports, without an export")),
)
"""Regular expressions each of which is the name of some member of an archive, or of a file in a folder."""

ARCHIVES: Final[tuple[tuple[tuple[str, ...], Foreign], ...]] = (
    *NAMES,
    ((r"(.*/)?[^/]*\.(msg|eml)",), Foreign("an archive of e-mails", _COMPLIANCE)),
    ((r"(.*/)?[^/]*\.(7z|rar)",), Foreign("an archive of archives", UNPACK)),
)
"""The same for archives alone: many a folder has such files."""

_ANYWHERE: Final = "(.*/)?"

TABLES: Final[tuple[tuple[frozenset[str], Foreign], ...]] = (
    (
        frozenset({"messages", "conversations", "accounts"}),
        Foreign("the database of Skype up to version 7 (main.db)", _OLD_SKYPE),
    ),
    (frozenset({"messagesv12"}), Foreign("the database of Skype 8 (s4l-*.db)", _OLD_SKYPE)),
    (frozenset({"conversationsv14"}), Foreign("the database of Skype 8 (s4l-*.db)", _OLD_SKYPE)),
    (frozenset({"message", "jid"}), Foreign("a database of WhatsApp", _ONLY_SKYPE)),
    (frozenset({"message", "handle", "chat"}), Foreign("a database of Apple's Messages", _ONLY_SKYPE)),
)
"""Tables that an SQLite database has, in lower case."""


def by_beginning(start: bytes, path: Path | None) -> Foreign | None:
    """What a file is that is no archive of a kind that is read and no JSON; ``path`` tells databases apart."""
    if start.startswith(_SQLITE):
        return _database(path)
    found = next((foreign for offset, magic, foreign in STARTS if start.startswith(magic, offset)), None)
    return found or (_ENCRYPTED if _OPENPGP.match(start) else _by_text(start))


def by_json(start: bytes) -> Foreign | None:
    """What a file is that begins like JSON, by the names in its beginning; None if it may be an export's messages."""
    names = {name.decode("utf-8", "replace") for name in re.findall(rb'"([^"\\]{1,40})"\s*+:', start)}
    if "conversations" in names and "conversation_state" not in names:
        return None
    return next((foreign for needed, foreign in JSON if names.issuperset(needed)), _by_text(start))


def by_names(names: Sequence[str]) -> Foreign | None:
    """What an archive is, by the names of its members; None if media of an export are among them."""
    if any(map(is_document, names)):
        return None
    names = names[:MAX_NAMES]
    return next((foreign for needed, foreign in ARCHIVES if all(_some(pattern, names) for pattern in needed)), None)


def by_files(folder: str, names: Sequence[str]) -> Foreign | None:
    """What a folder is that is no export, by the names of the files in it, which stand where they belong."""
    placed = [*names, *(f"{folder}/{name}" for name in names)]
    return next(
        (
            foreign
            for needed, foreign in NAMES
            if all(_some(pattern.removeprefix(_ANYWHERE), placed) for pattern in needed)
        ),
        None,
    )


def _some(pattern: str, names: Iterable[str]) -> bool:
    fits = re.compile(pattern, re.IGNORECASE | re.DOTALL).fullmatch
    return any(fits(name.removeprefix("./")) for name in names)


def _by_text(start: bytes) -> Foreign | None:
    encoding = "utf-16" if start.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    text = start.decode(encoding, "replace")
    if "\0" in text and not text.startswith("%PDF-"):
        return None
    return next((foreign for needed, foreign in TEXTS if all(_occurs(pattern, text) for pattern in needed)), None)


def _occurs(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE | re.MULTILINE) is not None


def _database(path: Path | None) -> Foreign:
    """Whose SQLite database a file is. Opened so that SQLite writes nothing beside it."""
    import sqlite3  # not for every command

    if path is None:
        return Foreign("an SQLite database")
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True)) as database:
            tables = {str(name).lower() for (name,) in database.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error:
        tables = set[str]()
    return next((foreign for names, foreign in TABLES if names <= tables), Foreign("an SQLite database"))
