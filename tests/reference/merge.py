"""The tables of a database that has loaded some exports, in whatever order."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.reference.edits import mark_edits
from tests.reference.messages import Message
from tests.reference.quotes import match_old_quotes
from tests.reference.rows import Conversation, Export, read_export
from tests.reference.values import EARLIEST

Row = dict[str, Any]
Key = tuple[str, ...]


def reference_tables(path: Path, emoticons: Mapping[str, str] | None = None) -> dict[str, list[Row]]:
    """The rows of every table that comes from an export, run columns left out.

    ``emoticons`` gives the emoji of an emoticon's type. It is data, not a rule, and therefore handed in.
    """
    return merged_tables([path], emoticons)


def merged_tables(paths: Sequence[Path], emoticons: Mapping[str, str] | None = None) -> dict[str, list[Row]]:
    """The rows of a database that holds all these exports; the same export twice counts once."""
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

    latest: dict[Key, tuple[Any, Conversation]] = {}
    for export in exports:
        for conversation in export.conversations:
            key = (export.owner_id, conversation.row["conversation_id"])
            _keep_greatest(latest, key, _across(export, conversation), conversation)

    sent: dict[Key, list[Message]] = defaultdict(list)
    for message in messages:
        sent[message.row["owner_id"], message.row["conversation_id"]].append(message)
    participants = {
        key: _participants(conversation, sorted(sent[key], key=_time)) for key, (_, conversation) in latest.items()
    }
    media = _media(exports)
    objects = _objects(media)
    return {
        "exports": [_export_row(export, list(loaded[export.export_id].values())) for export in exports],
        "conversations": [
            _conversation_row(conversation, sent[key], participants[key]) for key, (_, conversation) in latest.items()
        ],
        "participants": [row for rows in participants.values() for row in rows],
        "messages": [message.row for message in messages],
        "attachments": [_with_media(row, objects) for message in messages for row in message.attachments],
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
        key = (message.row["owner_id"], message.row["conversation_id"], message.row["message_id"])
        _keep_greatest(found, key, message.rank, message)
    return {key: message for key, (_, message) in found.items()}


def _keep_greatest(found: dict[Key, tuple[Any, Any]], key: Key, rank: Any, item: Any) -> None:
    if key not in found or rank > found[key][0]:
        found[key] = (rank, item)


def _across(export: Export, item: Message | Conversation) -> tuple[int, datetime, bytes, str]:
    version, sha256 = item.rank
    return version, export.exported_at or EARLIEST, sha256, export.export_id


def _time(message: Message) -> tuple[datetime, str, str]:
    row = message.row
    return row["sent_at"] or EARLIEST, row["conversation_id"], row["message_id"]


def _call_names(messages: Iterable[Message]) -> Row:
    """How people are called in their latest call; ``messages`` is in the order of time."""
    return _latest_names([(part["user_id"], part["display_name"]) for part in m.call_participants] for m in messages)


def _latest_names(by_message: Iterable[list[tuple[str, str | None]]]) -> Row:
    """The names that each message gives to people, the later message's before the earlier's."""
    names: Row = {}
    for pairs in by_message:
        names |= {user_id: name for user_id, name in reversed(pairs) if name is not None}
    return names


def _owner_name(owner_id: str, messages: list[Message]) -> str | None:
    """The owner's name, which their own messages do not carry (2.6); ``messages`` is in the order of time."""
    sources = [
        _call_names(messages),
        _latest_names([(quote["author_id"], quote["author_name"]) for quote in m.quotes] for m in messages),
        _latest_names([(mention["user_id"], mention["label"]) for mention in m.mentions] for m in messages),
        _latest_names([(m.row["sender_id"], m.row["sender_name"])] for m in messages),
    ]
    return next((names[owner_id] for names in sources if owner_id in names), None)


def _participants(conversation: Conversation, messages: list[Message]) -> list[Row]:
    """``messages`` are those of the conversation, in the order of time."""
    owner_id, conversation_id = conversation.row["owner_id"], conversation.row["conversation_id"]
    sent: dict[str, list[Row]] = defaultdict(list)
    for message in messages:
        sent[message.row["sender_id"]].append(message.row)
    names: Row = {}  # later ones are better
    people = {*sent, *(conversation.members or [])}
    people |= {part["user_id"] for message in messages for part in message.call_participants}
    events = [event for message in messages for event in message.thread_events]
    people |= {event[column] for event in events for column in ("initiator_id", "target_id")}
    if conversation.row["kind"] in ("direct", "bot", "phone"):
        people.add(conversation_id)
        names[conversation_id] = conversation.row["display_name"]
    names |= _call_names(messages)
    names |= {row["sender_id"]: row["sender_name"] for rows in sent.values() for row in rows if row["sender_name"]}
    rows: list[Row] = []
    for user_id in sorted(person for person in people if person and not person.startswith(("19:", "48:", "#"))):
        own = sent.get(user_id, [])
        instants = [row["sent_at"] for row in own if row["sent_at"] is not None]
        rows.append(
            {
                "owner_id": owner_id,
                "conversation_id": conversation_id,
                "user_id": user_id,
                "display_name": names.get(user_id),
                "is_owner": user_id == owner_id,
                "is_member": user_id in (conversation.members or []),
                "message_count": _counted(own),
                "first_seen": min(instants, default=None),
                "last_seen": max(instants, default=None),
            }
        )
    return rows


def _conversation_row(conversation: Conversation, messages: list[Message], participants: list[Row]) -> Row:
    row = conversation.row
    others = [p for p in participants if p["is_member"] and not p["is_owner"]]
    names = ", ".join(p["display_name"] or p["user_id"] for p in others[:8])
    instants = [message.row["sent_at"] for message in messages if message.row["sent_at"] is not None]
    return {
        **row,
        "title": row["display_name"] or row["topic"] or names or row["conversation_id"],
        "first_message_at": min(instants, default=None),
        "last_message_at": max(instants, default=None),
        "message_count": _counted([message.row for message in messages]),
    }


def _counted(rows: list[Row]) -> int:
    """An edited message counts once."""
    return sum(row["edit_of"] is None for row in rows)


def _export_row(export: Export, messages: list[Message]) -> Row:
    return {
        "export_id": export.export_id,
        "owner_id": export.owner_id,
        "owner_name": _owner_name(export.owner_id, sorted(messages, key=_time)),
        "exported_at": export.exported_at,
        "source_size": export.size,
        "source_sha256": export.sha256,
        "messages_seen": export.seen,
        "messages_loaded": len(messages),
        "messages_duplicate": len(export.messages) - len(messages),
        "messages_rejected": export.rejected_messages,
        "conversation_count": len({c.row["conversation_id"] for c in export.conversations}),
    }


def _media(exports: Iterable[Export]) -> list[Row]:
    found: dict[Key, tuple[Any, Row]] = {}
    for row in (row for export in exports for row in export.media_files):
        _keep_greatest(found, (row["owner_id"], row["document_id"], row["media_index"]), _media_rank(row), row)
    return [row for _, row in found.values()]


def _media_rank(row: Row) -> tuple[int, str, str, str]:
    return row["size_bytes"], row["member"], row["file_name"] or "", row["mime_type"] or ""


def _objects(media: Iterable[Row]) -> dict[str, Row]:
    """The object of each document: index 1, else the smallest; of several owners' the greatest."""
    by_document: dict[str, list[Row]] = defaultdict(list)
    for row in media:
        by_document[row["document_id"]].append(row)
    found: dict[str, Row] = {}
    for document_id, rows in by_document.items():
        indexes = [row["media_index"] for row in rows]
        index = 1 if 1 in indexes else min(indexes)
        found[document_id] = max((row for row in rows if row["media_index"] == index), key=_media_rank)
    return found


def _with_media(attachment: Row, objects: dict[str, Row]) -> Row:
    """The attachment with the object that a loaded archive holds, whoever made that archive."""
    found = objects.get(attachment["document_id"])
    mime_type = found["mime_type"] if found and found["media_index"] == 1 else None
    return {
        **attachment,
        "mime_type": mime_type or attachment["mime_type"],
        "media_member": found["member"] if found else None,
        "present": found is not None,
    }
