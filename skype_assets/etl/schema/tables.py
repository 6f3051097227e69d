"""The tables of the platform: one place for every column's name, type, meaning and source.

From this list come the Arrow schemas of the Parquet checkpoints, the DDL of schema ``skype`` in PostgreSQL and
``docs/tables.md``. What a column holds is said here and nowhere else; how it is computed is in ``transform``.

Section numbers in the column texts are those of the export format reference (``docs/format.md``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import pyarrow as pa

TEXT: Final = pa.string()
INTEGER: Final = pa.int32()
BIGINT: Final = pa.int64()
DOUBLE: Final = pa.float64()
BOOLEAN: Final = pa.bool_()
BYTES: Final = pa.binary()
INSTANT: Final = pa.timestamp("us", tz="UTC")
JSON: Final = pa.json_()
TEXTS: Final = pa.list_(pa.string())


@dataclass(frozen=True)
class Column:
    """One column. ``run`` marks what depends on the run and not on the export: it stays out of the digest."""

    name: str
    type: pa.DataType
    meaning: str
    source: str = ""
    required: bool = False
    run: bool = False


@dataclass(frozen=True)
class Table:
    """One table: the key comes first in ``columns``; ``parent`` is the table whose key this key begins with."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    meaning: str
    parent: str | None = None

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema; key columns and required ones are not nullable."""
        return pa.schema(
            [pa.field(c.name, c.type, nullable=not (c.required or c.name in self.key)) for c in self.columns]
        )

    @property
    def digest_columns(self) -> tuple[str, ...]:
        """The columns over which two loads of the same exports must agree."""
        return tuple(c.name for c in self.columns if not c.run)


NAME_SOURCES: Final = ("message", "call", "conversation", "event", "quote", "mention")
"""What names people in a conversation, the most credible first: words of ``participants.name_source``."""

FROM_ACCOUNT: Final = "account"
"""The word there for a name that none of these gives in the conversation itself."""

_OWNER = Column(
    "owner_id", TEXT, "account that made the export, as MRI", "userId, with `8:` put before it if bare (2.5)"
)
_CONVERSATION = Column("conversation_id", TEXT, "conversation, as MRI", "conversation.id (2.5)")
_MESSAGE = Column("message_id", TEXT, "message, unique within its conversation", "message.id (2.6)")
_ORDINAL = Column("ordinal", INTEGER, "position within the message, from 0")
MESSAGE_KEY = (_OWNER, _CONVERSATION, _MESSAGE)
_MESSAGE_KEY_NAMES = ("owner_id", "conversation_id", "message_id")
_EXPORT = Column("export_id", TEXT, "export that this row was taken from", "see exports", required=True)


def _of_message(name: str, meaning: str, key: tuple[Column, ...], columns: tuple[Column, ...]) -> Table:
    return Table(
        name,
        (*_MESSAGE_KEY_NAMES, *(c.name for c in key)),
        (*MESSAGE_KEY, *key, *columns),
        meaning,
        parent="messages",
    )


EXPORTS: Final = Table(
    "exports",
    ("export_id",),
    (
        Column("export_id", TEXT, "first 16 hex digits of the source's SHA-256", "the export file"),
        Column("task_id", TEXT, "task that loaded it", required=True, run=True),
        Column("owner_id", TEXT, "account that made the export", "userId", required=True),
        Column("owner_name", TEXT, "owner's display name, null if no source names it", "2.6, own messages"),
        Column("exported_at", INSTANT, "when the export was made; without a zone it is taken as UTC", "exportDate"),
        Column("source_name", TEXT, "file name of the export", "the export file", required=True, run=True),
        Column("source_size", BIGINT, "size of the export in bytes", "the export file", required=True),
        Column("source_sha256", BYTES, "SHA-256 of the export", "the export file", required=True),
        Column("messages_seen", BIGINT, "elements of every MessageList", "MessageList", required=True),
        Column("messages_loaded", BIGINT, "distinct messages", required=True),
        Column("messages_duplicate", BIGINT, "further copies of a message in the same export", required=True),
        Column("messages_rejected", BIGINT, "elements that are no message, kept in rejects", required=True),
        Column("conversation_count", BIGINT, "distinct conversations", "conversations", required=True),
        Column("code_version", TEXT, "version of the phases that made the rows", required=True, run=True),
        Column("started_at", INSTANT, "start of the first load", run=True),
        Column("loaded_at", INSTANT, "end of the load", run=True),
        Column(
            "status",
            TEXT,
            "`loading`, `complete`, or `partial`: all is loaded that could be read of a damaged export",
            required=True,
            run=True,
        ),
        Column("unreadable_bytes", BIGINT, "bytes that could not be read, see rejects; null if the export is whole"),
    ),
    "One row per loaded export, with its conservation: seen = loaded + duplicate + rejected.",
)

CONVERSATIONS: Final = Table(
    "conversations",
    ("owner_id", "conversation_id"),
    (
        _OWNER,
        _CONVERSATION,
        Column("display_name", TEXT, "name without markup, null if empty", "displayName (2.2)"),
        Column("title", TEXT, "display name, else topic, else names of those in it, else id", "2.2", required=True),
        Column("kind", TEXT, "`direct`, `group`, `bot`, `phone` or `special`", "the id (2.5)", required=True),
        Column("topic", TEXT, "group title without markup", "threadProperties.topic (2.4)"),
        Column("member_count", INTEGER, "members at export time", "threadProperties.membercount, else members (2.4)"),
        Column("first_message_at", INSTANT, "earliest sent_at of its messages but server_generated ones"),
        Column("last_message_at", INSTANT, "latest sent_at of its messages but server_generated ones"),
        Column("message_count", BIGINT, "messages but server_generated ones; an edited one counts once", required=True),
        Column("version", BIGINT, "version in ms since 1970", "version (2.2)"),
        Column("properties", JSON, "as exported", "properties (2.3)"),
        Column("thread_properties", JSON, "as exported, members decoded to a list of MRIs", "threadProperties (2.4)"),
        _EXPORT,
    ),
    "One row per conversation of an account, field by field from the best copy that says it.",
)

CONVERSATION_COPIES: Final = Table(
    "conversation_copies",
    ("export_id", "conversation_id"),
    (
        Column("export_id", TEXT, "export"),
        _CONVERSATION,
        Column("display_name", TEXT, "as in conversations", "displayName (2.2)"),
        Column("topic", TEXT, "as in conversations", "threadProperties.topic (2.4)"),
        Column("member_count", INTEGER, "as in conversations", "threadProperties.membercount (2.4)"),
        Column("members", TEXTS, "member list at export time, as MRIs", "threadProperties.members (2.4)"),
        Column("version", BIGINT, "as in conversations", "version (2.2)"),
        Column("properties", JSON, "as in conversations", "properties (2.3)"),
        Column("thread_properties", JSON, "as in conversations", "threadProperties (2.4)"),
        Column("is_partial", BOOLEAN, "the export is damaged, and has not all of it", "see rejects", required=True),
    ),
    "What each export says of a conversation: conversations is made of it. "
    "The copy with the greatest (version, exported_at, export_id) is the best.",
    parent="exports",
)

PARTICIPANTS: Final = Table(
    "participants",
    ("owner_id", "conversation_id", "user_id"),
    (
        _OWNER,
        _CONVERSATION,
        Column("user_id", TEXT, "person, bot or phone number, as MRI", "members, from, call parts (2.4-2.6)"),
        Column("display_name", TEXT, "latest known name, here or else anywhere in the account", "see name_source"),
        Column(
            "name_source",
            TEXT,
            "who gives the name: here `message`, `call`, `conversation` (of two), `event`, `quote` or `mention`, "
            "the first that does; `account` = one of them elsewhere, else a name that was given",
            "2.2, 2.6, 3.4.1, 3.5, 4.1, 4.2",
        ),
        Column("is_owner", BOOLEAN, "the account that made the export", required=True),
        Column("is_member", BOOLEAN, "in the member list at export time", "threadProperties.members", required=True),
        Column("message_count", BIGINT, "messages this person sent here, as in conversations", required=True),
        Column("first_seen", INSTANT, "sent_at of their first message here, as in conversations"),
        Column("last_seen", INSTANT, "sent_at of their last message here, as in conversations"),
    ),
    "Who took part in a conversation; in a conversation of two these are the owner and the other, whoever wrote.",
    parent="conversations",
)

GIVEN_NAMES: Final = Table(
    "given_names",
    ("export_id", "user_id"),
    (
        Column("export_id", TEXT, "export"),
        Column("user_id", TEXT, "person, bot or phone number, as MRI", "the names file"),
        Column("name", TEXT, "what they are called", "the names file", required=True),
    ),
    "Names that were given beside an export, for people whom nothing in the account names.",
    parent="exports",
)

MESSAGES: Final = Table(
    "messages",
    _MESSAGE_KEY_NAMES,
    (
        *MESSAGE_KEY,
        Column(
            "sent_at",
            INSTANT,
            "when it was sent; of an edited message, when the original was",
            "originalarrivaltime, else id, else version (2.6); e_m@ts_ms if that is earlier (4.3)",
        ),
        Column("sender_id", TEXT, "who sent it; null where Skype names the thread itself", "from (2.6)"),
        Column("sender_name", TEXT, "sender's name at that time, plain; null if it is the id", "displayName (2.6)"),
        Column("message_type", TEXT, "Skype's type", "messagetype (3.1)"),
        Column("kind", TEXT, "ours, see docs/message-types.md", "messagetype", required=True),
        Column("text", TEXT, "what a person wrote, plain; empty if it was deleted", "content (4.6)", required=True),
        Column("content", TEXT, "content as exported", "content"),
        Column(
            "edited_at",
            INSTANT,
            "last edit",
            "properties.edittime (2.7), else arrival of the edit (5.3)",
        ),
        Column("deleted_at", INSTANT, "deletion", "properties.deletetime (2.7)"),
        Column("edit_of", TEXT, "message_id of the original, on the copy that an edit left", "5.3"),
        Column(
            "album_id", TEXT, "ties the photos of one album", "properties.albumId, else MediaAlbum@albumId (3.3.6, 10)"
        ),
        Column("is_forwarded", BOOLEAN, "was forwarded", "properties.forwardMetadata (2.7)", required=True),
        Column("version", BIGINT, "version in ms since 1970", "version (2.6)"),
        Column("details", JSON, "structured fields of rarer types", "content (3.3-3.6)"),
        Column("properties", JSON, "as exported", "properties (2.7)"),
        Column("flags", TEXTS, "what had to be changed or guessed, sorted", "docs/flags.md", required=True),
        Column("source_member", TEXT, "member of the export", required=True),
        Column("source_offset", BIGINT, "first byte of the object within the member", required=True),
        Column("source_length", INTEGER, "length of the object in bytes", required=True),
        Column("raw_sha256", BYTES, "SHA-256 of the object's bytes", required=True),
        _EXPORT,
    ),
    "One row per message.",
    parent="conversations",
)

COPY: Final = ("version", "source_member", "source_length", "raw_sha256")
"""The columns of ``messages`` that say which copy one is, beside export and offset."""
WORDING: Final = tuple(
    c.name for c in MESSAGES.columns if c.name not in (*MESSAGES.key, *COPY, "source_offset", "export_id")
)
"""Those that say what a copy says."""
EDIT: Final = ("edit_of", "edited_at")
"""Those of them that a copy's own bytes do not say alone: the rest of its export may say when it was edited."""

SUPERSEDED_COPIES: Final = Table(
    "superseded_copies",
    ("export_id", "source_offset"),
    (
        Column("export_id", TEXT, "export that the copy is in"),
        Column("source_offset", BIGINT, "first byte of the object within the member"),
        *(replace(column, required=True) for column in MESSAGE_KEY),
        Column("is_duplicate", BOOLEAN, "the same export has a better copy", required=True),
        *(column for column in MESSAGES.columns if column.name in COPY),
        *(replace(column, required=False) for column in MESSAGES.columns if column.name in WORDING),
    ),
    "Copies of messages that are not in messages: those that another export has won, and duplicates within an export. "
    "What one says (sent_at and all after it) is null if the message says exactly that: same bytes, same edit.",
    parent="exports",
)

ATTACHMENTS: Final = _of_message(
    "attachments",
    "Photos, files, videos and the like that a message carries.",
    (_ORDINAL,),
    (
        Column("document_id", TEXT, "id of the stored object; null where there is none", "1.5, img (10)"),
        Column(
            "kind", TEXT, "`photo`, `file`, `video`, `voice`, `recording`, `moji`, `card`, ...", "3.3", required=True
        ),
        Column("file_name", TEXT, "sender's file name", "OriginalName, meta, properties.files, side file (3.3.1, 10)"),
        Column("file_size", BIGINT, "bytes", "FileSize (3.3.1)"),
        Column("mime_type", TEXT, "from the side file", "contents (1.4)"),
        Column("width", INTEGER, "pixels", "URIObject@width, img@width, img@style (10)"),
        Column("height", INTEGER, "pixels", "URIObject@height, img@height, img@style (10)"),
        Column("duration_seconds", DOUBLE, "seconds", "duration_ms, RecordingContent@duration"),
        Column("uri", TEXT, "address it had in Skype's cloud", "URIObject@uri, img@src, properties.files (10)"),
        Column("media_member", TEXT, "member of an archive that holds the object", "media/ (1.3)"),
        Column("present", BOOLEAN, "the object is in a loaded archive", "media/ (1.3)", required=True),
        Column("media_export_id", TEXT, "export whose archive that is: the account's, else another's", "media/ (1.3)"),
        Column("media_sha256", BYTES, "SHA-256 of the object", "media/ (1.3)"),
        Column("preview_sha256", BYTES, "SHA-256 of its preview", "media/, index 2 (1.3)"),
    ),
)

CALL_EVENTS: Final = _of_message(
    "call_events",
    "Calls started, ended and missed.",
    (),
    (
        Column(
            "event",
            TEXT,
            "`started`, `ended`, `missed`, `cancelled`, or `unknown` if nothing says it",
            "partlist@type (3.4.1), element of that name (10)",
            required=True,
        ),
        Column("call_id", TEXT, "ties started and ended", "partlist@callId"),
        Column("duration_seconds", DOUBLE, "longest part, seconds", "part/duration"),
    ),
)

CALL_PARTICIPANTS: Final = _of_message(
    "call_participants",
    "People named by a call event.",
    (_ORDINAL,),
    (
        Column("user_id", TEXT, "as MRI", "part@identity (3.4.1)"),
        Column("display_name", TEXT, "name; null if it is the id", "part/name, part/displayName (10)"),
        Column("duration_seconds", DOUBLE, "seconds connected", "part/duration"),
    ),
)

REACTIONS: Final = _of_message(
    "reactions",
    "Emotions people left on a message.",
    (
        Column("emotion", TEXT, "Skype's key", "properties.emotions[].key (2.7)"),
        Column("user_id", TEXT, "who, as MRI", "users[].mri"),
    ),
    (Column("reacted_at", INSTANT, "when", "users[].time, else value"),),
)

MENTIONS: Final = _of_message(
    "mentions",
    "People addressed with @.",
    (_ORDINAL,),
    (
        Column("user_id", TEXT, "as MRI; `*` = everyone", "at@id (4.1), properties.mentions by itemid (10)"),
        Column("label", TEXT, "as written", "at"),
    ),
)

LINKS: Final = _of_message(
    "links",
    "Links in a message, with the preview Skype kept.",
    (_ORDINAL,),
    (
        Column("url", TEXT, "address", "a@href, urlpreviews (4.1, 2.7)"),
        Column("label", TEXT, "text of the link", "a"),
        Column("title", TEXT, "title of the page", "urlpreviews"),
        Column("description", TEXT, "description of the page", "urlpreviews"),
    ),
)

QUOTES: Final = _of_message(
    "quotes",
    "Other messages quoted in a message.",
    (_ORDINAL,),
    (
        Column("author_id", TEXT, "as MRI", "quote@author (4.2)"),
        Column("author_name", TEXT, "name; null if it is the id", "quote@authorname"),
        Column("quoted_message_id", TEXT, "message_id of the quoted message", "quote@messageid"),
        Column(
            "quoted_conversation_id",
            TEXT,
            "its conversation, as MRI; `#...` is an old name",
            "quote@conversation",
        ),
        Column("quoted_at", INSTANT, "when it was sent", "quote@timestamp"),
        Column("text", TEXT, "quoted text, plain", "quote (4.6)"),
    ),
)

THREAD_EVENTS: Final = _of_message(
    "thread_events",
    "Changes to a conversation: members, title, picture, roles.",
    (_ORDINAL,),
    (
        Column("event", TEXT, "`member_added`, `topic_changed`, ...", "messagetype (3.5)", required=True),
        Column("initiator_id", TEXT, "who did it, as MRI", "initiator"),
        Column("target_id", TEXT, "to whom, as MRI", "target"),
        Column("value", TEXT, "new value", "value, role"),
        Column("occurred_at", INSTANT, "when", "eventtime"),
        Column("initiator_name", TEXT, "name; null if it is the id", "detailedinitiatorinfo (10)"),
        Column("target_name", TEXT, "name; null if it is the id", "detailedtargetinfo, friendlyname (10, 3.5)"),
    ),
)

MEDIA_FILES: Final = Table(
    "media_files",
    ("owner_id", "document_id", "media_index", "export_id"),
    (
        _OWNER,
        Column("document_id", TEXT, "id of the stored object, as it is spelled", "name before the first dot (1.3)"),
        Column(
            "media_index",
            INTEGER,
            "1 = the object, 2 = its preview, any other is what it is",
            "number in the name (1.3)",
        ),
        Column("member", TEXT, "member of the archive", required=True),
        Column("file_name", TEXT, "sender's file name", "side file: filename (1.4)"),
        Column("mime_type", TEXT, "media type", "side file: contents (1.4)"),
        Column("size_bytes", BIGINT, "bytes", "the archive", required=True),
        Column("export_id", TEXT, "export whose archive it is", "see exports"),
        Column("sha256", BYTES, "SHA-256 of its bytes; null if they could not be read", "the archive"),
        Column("source_offset", BIGINT, "first byte in the export, in a folder in the file; null if compressed"),
        Column("content_type", TEXT, "media type by the first bytes", "the object"),
        Column("flags", TEXTS, "what is odd about it, sorted", "docs/flags.md", required=True),
        Column(
            "kept",
            BOOLEAN,
            "the task of the export keeps its bytes in the store of media; another with this `sha256` has the same",
            required=True,
            run=True,
        ),
    ),
    "Objects in the media/ folders of the loaded archives: of each archive all that it has.",
    parent="exports",
)

LOAD_PARTS: Final = Table(
    "load_parts",
    ("export_id", "part"),
    (
        Column("export_id", TEXT, "export"),
        Column("part", INTEGER, "part of the load, from 0"),
        Column("attempt", BIGINT, "attempt that committed it", required=True, run=True),
        Column("rows", BIGINT, "rows in the part, all tables", required=True, run=True),
        Column("checksum", TEXT, "SHA-256 over the part's files", required=True, run=True),
        Column("committed_at", INSTANT, "when", run=True),
    ),
    "The ledger: one row per committed part, written in the part's own transaction.",
    parent="exports",
)

REJECTS: Final = Table(
    "rejects",
    ("export_id", "ordinal"),
    (
        Column("export_id", TEXT, "export"),
        Column("ordinal", BIGINT, "number of the object in the export, in file order"),
        Column("source_member", TEXT, "member of the export", required=True),
        Column("source_offset", BIGINT, "first byte of the object within the member", required=True),
        Column("source_length", INTEGER, "length of the object in bytes", required=True),
        Column("conversation_id", TEXT, "conversation it stands in, or that it cuts short, as MRI", "conversation.id"),
        Column("reason", TEXT, "why it is no row elsewhere", required=True),
    ),
    "Objects of the export that are no message or conversation, with the reason; and of a damaged one the bytes that "
    "could not be read: their reason begins with `unreadable`.",
    parent="exports",
)

TABLES: Final[Mapping[str, Table]] = {
    table.name: table
    for table in (
        EXPORTS,
        CONVERSATIONS,
        CONVERSATION_COPIES,
        PARTICIPANTS,
        GIVEN_NAMES,
        MESSAGES,
        SUPERSEDED_COPIES,
        ATTACHMENTS,
        CALL_EVENTS,
        CALL_PARTICIPANTS,
        REACTIONS,
        MENTIONS,
        LINKS,
        QUOTES,
        THREAD_EVENTS,
        MEDIA_FILES,
        LOAD_PARTS,
        REJECTS,
    )
}
"""Every table, parents before children."""
