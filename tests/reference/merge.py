"""The tables of a database that has loaded some exports, in whatever order."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.reference.attachments import meant
from tests.reference.edits import mark_edits
from tests.reference.messages import Message
from tests.reference.people import Chat, account_names, counted, is_written, owner_name, participants, title
from tests.reference.quotes import match_old_quotes
from tests.reference.rows import Conversation, Export, combined, read_export
from tests.reference.values import EARLIEST

Row = dict[str, Any]
Key = tuple[str, ...]


Loaded = Mapping[str, Mapping[Key, Message]]
Given = Mapping[str, Mapping[str, str]]


def reference_tables(path: Path, emoticons: Mapping[str, str] | None = None) -> dict[str, list[Row]]:
    """The rows of every table that comes from an export, run columns left out.

    ``emoticons`` gives the emoji of an emoticon's type. It is data, not a rule, and therefore handed in.
    """
    return merged_tables([path], emoticons)


def merged_tables(
    paths: Sequence[Path], emoticons: Mapping[str, str] | None = None, given: Given | None = None
) -> dict[str, list[Row]]:
    """The rows of a database that holds all these exports; the same export twice counts once.

    ``given`` are the names of names files: by export id, and there by user id.
    """
    given = given or {}
    read = [read_export(path, emoticons or {}) for path in paths]
    by_id = {export.export_id: export for export in read}
    exports = [by_id[export_id] for export_id in sorted(by_id)]
    loaded = {export.export_id: _distinct(export.messages) for export in exports}
    for found in loaded.values():
        mark_edits((message.edit_mark, message.arrived_at, message.row) for message in found.values())
        rows = [message.row for message in found.values()]
        match_old_quotes([quote for message in found.values() for quote in message.quotes], rows)

    newest: dict[Key, tuple[Any, Message]] = {}
    for export in exports:
        for key, message in loaded[export.export_id].items():
            _keep_greatest(newest, key, _across(export, message), message)
    messages = [message for _, message in newest.values()]
    superseded = [
        _superseded(message.row, newest[key][1].row, loaded[export.export_id][key].row)
        for export in exports
        for key, message in ((_key(message), message) for message in export.messages)
        if message is not newest[key][1]
    ]

    sent: dict[Key, list[Message]] = defaultdict(list)
    for message in messages:
        sent[message.row["owner_id"], message.row["conversation_id"]].append(message)
    chats: dict[str, list[Chat]] = defaultdict(list)
    for (owner_id, conversation_id), copies in _conversation_copies(exports).items():
        best = combined(copies)
        members = {member for copy in copies for member in copy.members or ()}
        chats[owner_id].append(Chat(best.row, sent[owner_id, conversation_id], best.members or [], members))
    accounts = {
        owner_id: account_names(of_owner, _given(exports, owner_id, given)) | _owner(exports, owner_id, loaded, given)
        for owner_id, of_owner in chats.items()
    }
    people = [(chat, participants(chat, accounts[owner_id])) for owner_id, some in chats.items() for chat in some]
    media = _media(exports)
    return {
        "exports": [_export_row(export, loaded[export.export_id], given) for export in exports],
        "conversations": [_conversation_row(chat, rows) for chat, rows in people],
        "conversation_copies": [_copy_row(export, copy) for export in exports for copy in _by_id(export).values()],
        "participants": [row for _, rows in people for row in rows],
        "given_names": [
            {"export_id": export.export_id, "user_id": user_id, "name": name}
            for export in exports
            for user_id, name in given.get(export.export_id, {}).items()
        ],
        "messages": [message.row for message in messages],
        "superseded_copies": superseded,
        "attachments": [_with_media(row, media) for message in messages for row in message.attachments],
        "call_events": [row for message in messages for row in message.call_events],
        "call_participants": [row for message in messages for row in message.call_participants],
        "reactions": [row for message in messages for row in message.reactions],
        "mentions": [row for message in messages for row in message.mentions],
        "links": [row for message in messages for row in message.links],
        "quotes": [row for message in messages for row in message.quotes],
        "thread_events": [row for message in messages for row in message.thread_events],
        "media_files": media,
        "rejects": [row for export in exports for row in export.rejects],
    }


def _distinct(messages: Iterable[Message]) -> dict[Key, Message]:
    """One of the copies of each message in an export; of equal ones the first."""
    found: dict[Key, tuple[Any, Message]] = {}
    for message in messages:
        _keep_greatest(found, _key(message), message.rank, message)
    return {key: message for key, (_, message) in found.items()}


def _key(message: Message) -> Key:
    return message.row["owner_id"], message.row["conversation_id"], message.row["message_id"]


_OF_COPY = (
    "export_id", "source_offset", "owner_id", "conversation_id", "message_id", "version", "raw_sha256",
    "source_member", "source_length",
)  # fmt: skip


def _superseded(row: Row, winner: Row, best_of_export: Row) -> Row:
    """A copy beside the messages; what the message says as well, of another export, is not said twice."""
    is_duplicate = row is not best_of_export
    is_said = not is_duplicate and all(row[name] == winner[name] for name in ("raw_sha256", "edit_of", "edited_at"))
    said = {name: None if is_said and name not in _OF_COPY else value for name, value in row.items()}
    return {**said, "is_duplicate": is_duplicate}


def _keep_greatest(found: dict[Key, tuple[Any, Any]], key: Key, rank: Any, item: Any) -> None:
    if key not in found or rank > found[key][0]:
        found[key] = (rank, item)


def _across(export: Export, item: Message) -> tuple[int, datetime, bytes, str]:
    version, sha256 = item.rank
    return version, export.exported_at or EARLIEST, sha256, export.export_id


def _by_id(export: Export) -> dict[str, Conversation]:
    """One conversation for each id: of several objects the best, with what it lacks from the next."""
    found: dict[str, list[Conversation]] = defaultdict(list)
    for conversation in export.conversations:
        found[conversation.row["conversation_id"]].append(conversation)
    return {
        conversation_id: combined(sorted(copies, key=lambda copy: copy.rank, reverse=True))
        for conversation_id, copies in found.items()
    }


def _conversation_copies(exports: Sequence[Export]) -> dict[tuple[str, str], list[Conversation]]:
    """What the exports say of each conversation, the best first."""
    found: dict[tuple[str, str], list[tuple[Any, Conversation]]] = defaultdict(list)
    for export in exports:
        for conversation_id, copy in _by_id(export).items():
            rank = (copy.rank[0], export.exported_at or EARLIEST, export.export_id)
            found[export.owner_id, conversation_id].append((rank, copy))
    return {
        key: [copy for _, copy in sorted(copies, key=lambda ranked: ranked[0], reverse=True)]
        for key, copies in found.items()
    }


def _given(exports: Sequence[Export], owner_id: str, given: Given) -> dict[str, str]:
    """The names given beside an account's exports: the latest, of equal times the greatest."""
    names: dict[str, str] = {}
    own = [export for export in exports if export.owner_id == owner_id]
    ranked = sorted(
        (export.exported_at or EARLIEST, name, user_id)
        for export in own
        for user_id, name in given.get(export.export_id, {}).items()
    )
    for _, name, user_id in ranked:
        names[user_id] = name
    return names


def _owner(exports: Sequence[Export], owner_id: str, loaded: Loaded, given: Given) -> dict[str, str]:
    """The owner goes by the name that the latest export with one has for them."""
    own = [export for export in exports if export.owner_id == owner_id]
    in_order = sorted(own, key=lambda export: (export.exported_at or EARLIEST, export.export_id))
    names = [_owner_name(export, loaded[export.export_id], given) for export in in_order]
    known = [name for name in names if name is not None]
    return {owner_id: known[-1]} if known else {}


def _owner_name(export: Export, messages: Mapping[Key, Message], given: Given) -> str | None:
    """The owner's name, which their own messages do not carry (2.6)."""
    chats: list[Chat] = []
    for conversation_id, copy in _by_id(export).items():
        own = [message for message in messages.values() if message.row["conversation_id"] == conversation_id]
        chats.append(Chat(copy.row, own, copy.members or [], set(copy.members or ())))
    return owner_name(export.owner_id, chats, given.get(export.export_id, {}))


def _conversation_row(chat: Chat, people: list[Row]) -> Row:
    written = [message.row for message in chat.messages if is_written(message.row)]
    instants = [row["sent_at"] for row in written if row["sent_at"] is not None]
    return {
        **chat.row,
        "title": title(chat, people),
        "first_message_at": min(instants, default=None),
        "last_message_at": max(instants, default=None),
        "message_count": counted(written),
    }


def _copy_row(export: Export, copy: Conversation) -> Row:
    left_out = ("owner_id", "kind", "export_id")
    row = {name: value for name, value in copy.row.items() if name not in left_out}
    return {"export_id": export.export_id, **row, "members": copy.members, "is_partial": False}


def _export_row(export: Export, messages: Mapping[Key, Message], given: Given) -> Row:
    return {
        "export_id": export.export_id,
        "owner_id": export.owner_id,
        "owner_name": _owner_name(export, messages, given),
        "exported_at": export.exported_at,
        "source_size": export.size,
        "source_sha256": export.sha256,
        "messages_seen": export.seen,
        "messages_loaded": len(messages),
        "messages_duplicate": len(export.messages) - len(messages),
        "messages_rejected": export.rejected_messages,
        "conversation_count": len({c.row["conversation_id"] for c in export.conversations}),
        "unreadable_bytes": None,
    }


def _media(exports: Iterable[Export]) -> list[Row]:
    found: dict[Key, tuple[Any, Row]] = {}
    for row in (row for export in exports for row in export.media_files):
        key = (row["owner_id"], row["document_id"], row["media_index"], row["export_id"])
        _keep_greatest(found, key, _media_rank(row), row)
    return [row for _, row in found.values()]


def _media_rank(row: Row) -> tuple[int, str, str, str, str]:
    return row["size_bytes"], row["member"], row["file_name"] or "", row["mime_type"] or "", row["export_id"]


def _alike(attachment: Row, media: Iterable[Row]) -> list[Row]:
    """Objects of an id that differs in case alone, of archives in which no second one does: those of the least id."""
    by_export: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in media:
        by_export[row["export_id"]][row["document_id"]].append(row)
    found: list[Row] = [row for by_id in by_export.values() for row in meant(attachment["document_id"] or "", by_id)]
    least = min((row["document_id"] for row in found), default=None)
    return [row for row in found if row["document_id"] == least]


def _with_media(attachment: Row, media: Iterable[Row]) -> Row:
    """The attachment with the object that a loaded archive holds: the account's own before others'."""
    stored = [row for row in media if row["document_id"] == attachment["document_id"]] or _alike(attachment, media)

    def rank(row: Row) -> tuple[Any, ...]:
        is_own = row["owner_id"] == attachment["owner_id"]
        place = (is_own, row["media_index"] == 1, -row["media_index"])
        return (*place, row["size_bytes"], row["member"], row["export_id"], row["mime_type"] or "")

    found = max(stored, key=rank, default=None)
    preview = max((row for row in stored if row["media_index"] == 2), key=rank, default=None)
    typed = max((row for row in stored if row["media_index"] == 1 and row["mime_type"]), key=rank, default=None)
    return {
        **attachment,
        "mime_type": typed["mime_type"] if typed else attachment["mime_type"],
        "media_member": found["member"] if found else None,
        "present": found is not None,
        "media_export_id": found["export_id"] if found else None,
        "media_sha256": found["sha256"] if found else None,
        "preview_sha256": preview["sha256"] if preview else None,
    }
