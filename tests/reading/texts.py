"""A database with messages of which the texts, files and links are chosen."""

from dataclasses import dataclass, field
from datetime import datetime

import psycopg2
from psycopg2.extras import execute_values

from skype_assets.etl.database import completion, ddl
from skype_assets.etl.database.session import Session

OWNER, CHAT, THEO = "8:live:mara.ostrow", "8:tbrannock", "8:tbrannock"


@dataclass(frozen=True)
class Said:
    """A message; ``at`` is None if nothing tells when it was sent."""

    text: str
    at: datetime | None
    files: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    sender: str = THEO
    edit_of: str | None = None
    columns: dict[str, object] = field(default_factory=dict[str, object])


def prepare(url: str) -> None:
    """Make the tables, one conversation, its two people."""
    with Session(url) as session:
        ddl.create(session)
        completion.complete(session)
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO skype.exports (export_id, task_id, owner_id, source_name, source_size, source_sha256, "
            "messages_seen, messages_loaded, messages_duplicate, messages_rejected, conversation_count, code_version, "
            "status) VALUES ('e', 't', %s, 'e.tar', 1, 's', 0, 0, 0, 0, 1, '1', 'complete')",
            [OWNER],
        )
        cursor.execute(
            "INSERT INTO skype.conversations (owner_id, conversation_id, title, kind, message_count, export_id) "
            "VALUES (%s, %s, 'Theo Brannock', 'direct', 0, 'e')",
            [OWNER, CHAT],
        )
        for user, name in ((OWNER, "Mara Ostrow"), (THEO, "Theo Brannock")):
            cursor.execute(
                "INSERT INTO skype.participants (owner_id, conversation_id, user_id, display_name, is_owner, "
                "is_member, message_count) VALUES (%s, %s, %s, %s, %s, true, 0)",
                [OWNER, CHAT, user, name, user == OWNER],
            )


def fill(url: str, messages: list[Said]) -> None:
    """Replace all messages; their ids are their numbers, as texts of five digits."""
    rows, files, links = [], [], []
    for number, said in enumerate(messages):
        id = f"{number:05}"
        columns = {"kind": "text", "flags": [], "edited_at": None, "version": number, **said.columns}
        rows.append(
            (OWNER, CHAT, id, said.at, said.sender, columns["kind"], said.text, False, columns["flags"], "m", 0, 1,
             b"x", "e", said.edit_of, columns["edited_at"], columns["version"])
        )  # fmt: skip
        files += [(OWNER, CHAT, id, n, "file", name, False) for n, name in enumerate(said.files)]
        links += [(OWNER, CHAT, id, n, address) for n, address in enumerate(said.links)]
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM skype.attachments; DELETE FROM skype.links; DELETE FROM skype.messages")
        execute_values(
            cursor,
            "INSERT INTO skype.messages (owner_id, conversation_id, message_id, sent_at, sender_id, kind, text, "
            "is_forwarded, flags, source_member, source_offset, source_length, raw_sha256, export_id, edit_of, "
            "edited_at, version) VALUES %s",
            rows,
        )
        if files:
            execute_values(
                cursor,
                "INSERT INTO skype.attachments (owner_id, conversation_id, message_id, ordinal, kind, file_name, "
                "present) VALUES %s",
                files,
            )
        if links:
            execute_values(
                cursor, "INSERT INTO skype.links (owner_id, conversation_id, message_id, ordinal, url) VALUES %s", links
            )
