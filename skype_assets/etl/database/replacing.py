"""Rows of older code: when newer code has made an export anew, its rows take their place, and what is left over goes.

Part by part each is replaced where it stands, so that no row is missing meanwhile; what newer code no longer makes is
known, and removed, when all parts are in. How many rows became others is counted in the same transactions, in
``replacements``: an attempt that goes on with what an earlier one began counts on.

Where a copy of another export may have to take the place of what is gone, the ledger of that export is made invalid:
its next run loads it again, and the better copies win.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.merging import CHILDREN, LESSER_THAN_BEFORE, delete_messages, list_messages
from skype_assets.etl.database.refreshing import own_flags
from skype_assets.etl.database.session import Session
from skype_assets.etl.database.superseding import hand_on
from skype_assets.etl.schema.tables import TABLES

_OF_JOIN: Final = {
    "attachments": ("mime_type", "media_member", "present", "media_export_id", "media_sha256", "preview_sha256")
}
"""Columns that are filled in from every loaded archive afterwards: they tell nothing of the code."""
_ACCOUNT_TABLES: Final = ("conversations", "participants")


@dataclass(frozen=True)
class Made:
    """What newer code makes of an export, by its keys.

    Attributes:
        messages: tables of ``conversation_id`` and ``message_id``, made when they are asked for.
        offsets: tables of ``source_offset``, likewise, of all copies: messages and duplicates.
        rejects: tables of ``ordinal``, likewise.
        media_files: a table of ``document_id`` and ``media_index``.
    """

    messages: Callable[[], Iterable[pa.Table]]
    offsets: Callable[[], Iterable[pa.Table]]
    rejects: Callable[[], Iterable[pa.Table]]
    media_files: pa.Table


@dataclass(frozen=True)
class Change:
    """How many rows of a table became others."""

    table: str
    added: int
    changed: int
    removed: int


@dataclass(frozen=True)
class Replacement:
    """The rows of one export being replaced, within transactions that are alone with the account."""

    session: Session
    export_id: str
    owner_id: str
    code_version: str

    def count_messages(self) -> None:
        """Compare the staged tables of a part of messages, which are about to be merged, with what is there."""
        key = ", ".join(TABLES["messages"].key)
        merged = f"JOIN (SELECT {key} FROM pg_temp.staging_messages) m USING ({key})"
        for name in ("messages", *CHILDREN):
            self._count(
                name,
                f"SELECT t.* FROM {SCHEMA}.{name} t {merged}",
                f"SELECT t.* FROM pg_temp.staging_{name} t {merged}",
            )

    def count_staged(self, name: str) -> None:
        """Compare a staged table with the rows under its keys."""
        key = ", ".join(TABLES[name].key)
        mine = f"SELECT t.* FROM {SCHEMA}.{name} t JOIN (SELECT {key} FROM pg_temp.staging_{name}) s USING ({key})"
        self._count(name, mine, f"SELECT * FROM pg_temp.staging_{name}")

    def prepare_head(self, *, is_alone: bool) -> None:
        """Before the staged head is merged: count, and remove what would stand in its way.

        Conversations and participants are counted, and people who take part no more are removed, only if the export
        ``is_alone`` in the account; else they are made anew of all exports.
        """
        for name in ("media_files", "given_names", "rejects", *(_ACCOUNT_TABLES if is_alone else ())):
            self.count_staged(name)
        if is_alone:
            self._remove(
                "participants",
                f"DELETE FROM {SCHEMA}.participants t USING pg_temp.staging_conversations c WHERE t.owner_id = $1 "
                f"AND {_same('t', 'c', ('owner_id', 'conversation_id'))} AND NOT EXISTS (SELECT FROM "
                f"pg_temp.staging_participants s WHERE {_same('t', 's', TABLES['participants'].key)})",
                self.owner_id,
            )

    def lets_others_win(self) -> bool:
        """Whether a staged message is less than what older code made of it, so that another export's may be better."""
        return self.session.rows(LESSER_THAN_BEFORE)[0][0]

    def recall_others(self) -> None:
        """Let the other exports of the account be loaded again by their next runs."""
        self.session.execute(
            f"UPDATE {SCHEMA}.load_parts p SET checksum = '' FROM {SCHEMA}.exports e "
            "WHERE e.export_id = p.export_id AND e.owner_id = $1 AND e.export_id <> $2",
            self.owner_id,
            self.export_id,
        )

    def remove_left_over(self, made: Made) -> None:
        """Remove what older code had made of the export, and newer code does not make.

        ``touched`` has the conversations that newer code knows; afterwards also those that it does not know.
        """
        self.session.execute(
            "CREATE TEMPORARY TABLE pg_temp.made_conversations ON COMMIT DROP AS TABLE pg_temp.touched"
        )
        gone = self._remove_messages(made)
        self._stage("made_copies", "source_offset bigint PRIMARY KEY", made.offsets())
        self._remove(
            "superseded_copies",
            f"DELETE FROM {SCHEMA}.superseded_copies t WHERE t.export_id = $1 "
            "AND NOT EXISTS (SELECT FROM pg_temp.made_copies s WHERE s.source_offset = t.source_offset)",
            self.export_id,
        )
        self._stage("made_rejects", "ordinal bigint PRIMARY KEY", made.rejects())
        self._remove(
            "rejects",
            f"DELETE FROM {SCHEMA}.rejects t WHERE t.export_id = $1 "
            "AND NOT EXISTS (SELECT FROM pg_temp.made_rejects s WHERE s.ordinal = t.ordinal)",
            self.export_id,
        )
        self._remove_media_files(made)
        self._remove_conversations()
        if gone:
            self.recall_others()
        # In the same transaction: from now on no other export leaves to this one what it does not have itself.
        self.session.execute(
            f"UPDATE {SCHEMA}.exports SET code_version = $2 WHERE export_id = $1", self.export_id, self.code_version
        )

    def _remove_messages(self, made: Made) -> int:
        columns = 'conversation_id text COLLATE "C", message_id text COLLATE "C"'
        self._stage("made_messages", f"{columns}, PRIMARY KEY (conversation_id, message_id)", made.messages())
        list_messages(
            self.session,
            f"FROM {SCHEMA}.messages m WHERE m.owner_id = $1 AND m.export_id = $2 AND NOT EXISTS (SELECT FROM "
            "pg_temp.made_messages s WHERE s.conversation_id = m.conversation_id AND s.message_id = m.message_id)",
            self.owner_id,
            self.export_id,
        )
        hand_on(self.session, self.owner_id)
        removed = delete_messages(self.session, self.owner_id)
        for name, count in removed.items():
            self._enter(name, 0, 0, count)
        self.session.execute(
            "INSERT INTO pg_temp.touched SELECT DISTINCT conversation_id FROM pg_temp.taken ON CONFLICT DO NOTHING"
        )
        return sum(removed.values())

    def _remove_media_files(self, made: Made) -> None:
        """Remove objects that are none any more; while it is not sure whose they were, they become another's.

        Rows of the first release do not say whose archive an object came from. What this export does not have, one may
        have of which older code has made the rows: the last of these removes what none has.
        """
        columns = 'document_id text COLLATE "C", media_index integer, PRIMARY KEY (document_id, media_index)'
        self._stage("made_media_files", columns, [made.media_files])
        not_made = (
            "t.export_id = $1 AND NOT EXISTS (SELECT FROM pg_temp.made_media_files s "
            "WHERE s.document_id = t.document_id AND s.media_index = t.media_index)"
        )
        if (older := self._least_of_older_code()) is not None:
            self.session.execute(
                f"UPDATE {SCHEMA}.media_files t SET export_id = $2 WHERE {not_made}", self.export_id, older
            )
            return
        removed = self._remove("media_files", f"DELETE FROM {SCHEMA}.media_files t WHERE {not_made}", self.export_id)
        if removed:
            self.session.execute(
                f"UPDATE {SCHEMA}.attachments a SET media_member = NULL, present = false, media_export_id = NULL, "
                "media_sha256 = NULL, preview_sha256 = NULL "
                f"WHERE a.media_export_id = $1 AND NOT EXISTS (SELECT FROM {SCHEMA}.media_files f "
                "WHERE f.member = a.media_member AND f.export_id = $1)",
                self.export_id,
            )

    def _remove_conversations(self) -> None:
        """What the export does not say any more of conversations; and those of which nobody says anything."""
        self.session.execute(
            "INSERT INTO pg_temp.touched SELECT conversation_id FROM ("
            f"SELECT conversation_id FROM {SCHEMA}.conversation_copies WHERE export_id = $1 "
            f"UNION SELECT conversation_id FROM {SCHEMA}.conversations WHERE export_id = $1) c ON CONFLICT DO NOTHING",
            self.export_id,
        )
        self.session.execute(
            f"DELETE FROM {SCHEMA}.conversation_copies t WHERE t.export_id = $1 AND NOT EXISTS ("
            "SELECT FROM pg_temp.made_conversations s WHERE s.conversation_id = t.conversation_id)",
            self.export_id,
        )
        for name in reversed(_ACCOUNT_TABLES):
            removed = self._changed(
                f"DELETE FROM {SCHEMA}.{name} t USING pg_temp.touched WHERE t.owner_id = $1 "
                "AND t.conversation_id = touched.conversation_id AND NOT EXISTS ("
                f"SELECT FROM {SCHEMA}.conversation_copies c JOIN {SCHEMA}.exports e USING (export_id) "
                "WHERE c.conversation_id = t.conversation_id AND e.owner_id = $1) "
                f"AND NOT EXISTS (SELECT FROM {SCHEMA}.messages m "
                "WHERE m.owner_id = t.owner_id AND m.conversation_id = t.conversation_id)",
                self.owner_id,
            )
            self._enter(name, 0, 0, removed)

    def _stage(self, name: str, columns: str, tables: Iterable[pa.Table]) -> None:
        self.session.execute(f"CREATE TEMPORARY TABLE pg_temp.{name} ({columns}) ON COMMIT DROP")
        for rows in tables:
            self.session.copy(name, rows)
        self.session.execute(f"ANALYZE pg_temp.{name}")

    def _least_of_older_code(self) -> str | None:
        """Of the account's other exports whose rows older code has made, that with the least id."""
        return self.session.rows(
            f'SELECT min(e.export_id COLLATE "C") FROM {SCHEMA}.exports e '
            "WHERE e.owner_id = $1 AND e.export_id <> $2 AND e.code_version <> $3",
            self.owner_id,
            self.export_id,
            self.code_version,
        )[0][0]

    def _count(self, name: str, before: str, after: str) -> None:
        """Compare two queries for rows of a table, by key."""
        table = TABLES[name]
        key = table.key
        values = [column for column in table.digest_columns if column not in (*key, *_OF_JOIN.get(name, ()))]
        before_and_after = (", ".join(_own(name, row, value) for value in values) for row in ("b", "a"))
        is_other = " IS DISTINCT FROM ".join(f"({row})" for row in before_and_after)
        is_new, is_gone = f"b.{key[0]} IS NULL", f"a.{key[0]} IS NULL"
        counted = self.session.rows(
            f"SELECT count(*) FILTER (WHERE {is_new}), "
            f"count(*) FILTER (WHERE NOT {is_new} AND NOT {is_gone} AND {is_other if values else 'false'}), "
            f"count(*) FILTER (WHERE {is_gone}) "
            f"FROM ({before}) b FULL JOIN ({after}) a ON {_same('b', 'a', key)}"
        )
        self._enter(name, *counted[0])

    def _remove(self, name: str, statement: str, *parameters: str) -> int:
        removed = self._changed(statement, *parameters)
        self._enter(name, 0, 0, removed)
        return removed

    def _changed(self, statement: str, *parameters: str) -> int:
        counted = f"WITH changed AS ({statement} RETURNING 1) SELECT count(*) FROM changed"
        return self.session.rows(counted, *parameters)[0][0]

    def _enter(self, name: str, added: int, changed: int, removed: int) -> None:
        if added or changed or removed:
            self.session.execute(_ENTER, self.export_id, self.code_version, name, added, changed, removed)


def changes(session: Session, export_id: str, code_version: str) -> list[Change]:
    """How many rows of an export became others when this version of the code made them anew, by table."""
    found = session.rows(
        f"SELECT table_name, added, changed, removed FROM {SCHEMA}.replacements "
        "WHERE export_id = $1 AND code_version = $2",
        export_id,
        code_version,
    )
    by_table: Mapping[str, Change] = {row[0]: Change(*row) for row in found}
    return [by_table[name] for name in TABLES if name in by_table]


def recalled(session: Session, owner_id: str) -> list[str]:
    """The tasks of an account whose exports have to be loaded again."""
    found = session.rows(
        f"SELECT DISTINCT e.task_id FROM {SCHEMA}.load_parts p JOIN {SCHEMA}.exports e USING (export_id) "
        "WHERE e.owner_id = $1 AND p.checksum = '' ORDER BY 1",
        owner_id,
    )
    return [task_id for (task_id,) in found]


def _own(table: str, row: str, column: str) -> str:
    """What a column says of the export alone, as SQL."""
    return own_flags(row) if (table, column) == ("media_files", "flags") else f"{row}.{column}"


def _same(left: str, right: str, columns: Iterable[str]) -> str:
    return " AND ".join(f"{left}.{column} = {right}.{column}" for column in columns)


_ENTER: Final = f"""
INSERT INTO {SCHEMA}.replacements AS r (export_id, code_version, table_name, added, changed, removed)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (export_id, code_version, table_name) DO UPDATE SET
    added = r.added + excluded.added, changed = r.changed + excluded.changed, removed = r.removed + excluded.removed"""
