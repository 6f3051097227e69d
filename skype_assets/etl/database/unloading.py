"""Taking an export out of schema ``skype``: afterwards the tables are as if it had never been loaded.

Of a message that several exports of the account have, only one copy is in the tables with all that hangs on it: what
the export was better at comes back from the checkpoints of the others (``Kept``).
Conversations, participants and names are made anew of the rows that are left (``REFRESH``). All of it is one
transaction, alone with the account, in memory for one part of one export.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import pyarrow as pa

from skype_assets.etl.database import completion, ddl
from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.loading import HEAD, ledger, lock_owner
from skype_assets.etl.database.merging import CHILDREN, delete_messages, list_messages, merge_messages, stage
from skype_assets.etl.database.refreshing import FLAG_DIFFERING, REFRESH, folded, touch
from skype_assets.etl.database.registered import Registered, registered
from skype_assets.etl.database.rejoining import lock_of_account, rejoin
from skype_assets.etl.database.session import Session
from skype_assets.etl.database.superseding import OF_TAKEN
from skype_assets.etl.rows.duplicates import KEY, only
from skype_assets.etl.schema.tables import TABLES

_KEYS: Final = pa.schema([pa.field(name, pa.string()) for name in KEY])


class Kept(Protocol):
    """What another export was loaded from, part by part."""

    @property
    def checksums(self) -> Mapping[int, str]:
        """Of every part what the ledger has for it; part 0 is the head."""
        ...

    def messages(self, part: int) -> pa.Table:
        """The columns ``KEY`` of the messages of a part, and of their duplicates in it."""
        ...

    def attachments(self, part: int) -> pa.Table:
        """The attachments of a part."""
        ...

    def tables(self, part: int) -> Mapping[str, pa.Table]:
        """All tables of a part of messages."""
        ...


class Needed(Exception):
    """Exports whose checkpoints are needed, and are not among those given. The transaction is of no use any more.

    Attributes:
        exports: what the database knows of them, each with its ledger.
    """

    def __init__(self, exports: Sequence[tuple[Registered, Mapping[int, str]]]) -> None:
        super().__init__()
        self.exports = exports


@dataclass(frozen=True)
class Changes:
    """Rows by table: that go, and that come into their place from other exports. The difference is what is lost."""

    removed: Mapping[str, int]
    restored: Mapping[str, int]


@contextmanager
def rehearsal(session: Session, owner_id: str) -> Generator[None]:
    """A transaction that is alone with the account, like that of a ``Loader``, and is rolled back at its end."""
    try:
        with session.transaction():
            completion.hold_off_completion(session)
            lock_owner(session, owner_id)
            yield
            raise _TakenBack
    except _TakenBack:
        pass


class _TakenBack(Exception):
    pass


def require(session: Session, record: Registered, kept: Mapping[str, Kept]) -> None:
    """Within a transaction that is alone with the account: whether all that ``take_out`` needs is ``kept``.

    Raises:
        Needed: it is not.
    """
    _Unloading(session, record, kept).prepare()


def take_out(session: Session, record: Registered, kept: Mapping[str, Kept]) -> Changes:
    """Within a transaction that is alone with the account: take out an export.

    Args:
        session: in which the transaction is.
        record: the export.
        kept: of other exports, by their ids, what they were loaded from.

    Raises:
        Needed: further exports have to be in ``kept``.
    """
    return _Unloading(session, record, kept).run()


class _Unloading:
    """The steps, within a transaction that is alone with the account."""

    def __init__(self, session: Session, record: Registered, kept: Mapping[str, Kept]) -> None:
        self._session = session
        self._record = record
        self._export_id = record.export_id
        self._owner_id = record.owner_id
        self._kept = kept
        self._parts: dict[str, list[int]] = {}
        self._removed: dict[str, int] = {}
        self._restored: dict[str, int] = {}

    def prepare(self) -> tuple[list[str], list[str]]:
        """Find the other exports of the account, and those of others whose attachments have objects of this one."""
        ddl.compare(self._session)
        others = self._require("e.owner_id = $1 AND e.export_id <> $2", self._owner_id, self._export_id)
        self._execute(
            'CREATE TEMPORARY TABLE pg_temp.changed_media (document_id text COLLATE "C" PRIMARY KEY) ON COMMIT DROP'
        )
        self._execute(_CHANGED_MEDIA, self._export_id)
        return others, self._require(_WITH_CHANGED_MEDIA, self._owner_id)

    def run(self) -> Changes:
        others, elsewhere = self.prepare()
        lock_of_account(self._session, self._owner_id)
        self._find_messages()
        self._removed.update(delete_messages(self._session, self._owner_id))
        self._delete_head()
        self._removed["superseded_copies"] = self._changed(_SUPERSEDED, self._owner_id, self._export_id)
        for export_id in others:
            restore_messages(self._session, self._kept[export_id], self._parts[export_id])
        if self._session.rows("SELECT EXISTS (SELECT FROM pg_temp.changed_media)")[0][0]:
            self._change_media(others, elsewhere)
        rejoin(self._session, self._owner_id, after_changes=True)
        for statement in (FLAG_DIFFERING, *REFRESH):
            self._execute(statement, self._owner_id)
        self._count_restored()
        self._forget()
        return Changes(
            {name: self._removed[name] for name in TABLES if name in self._removed},
            {name: self._restored[name] for name in TABLES if name in self._restored},
        )

    def _require(self, condition: str, *parameters: str) -> list[str]:
        """The ids of the exports for which a condition holds. Each is kept as it was loaded."""
        exports = registered(self._session, condition, *parameters)
        needed: list[tuple[Registered, Mapping[int, str]]] = []
        for export in exports:
            kept, entries = self._kept.get(export.export_id), ledger(self._session, export.export_id)
            if kept is None or not export.fits(kept.checksums, entries):
                needed.append((export, entries))
            else:
                self._parts[export.export_id] = sorted(kept.checksums.keys() & entries.keys())
        if needed:
            raise Needed(needed)
        return [export.export_id for export in exports]

    def _find_messages(self) -> None:
        those = f"FROM {SCHEMA}.messages m WHERE m.owner_id = $1 AND m.export_id = $2"
        list_messages(self._session, those, self._owner_id, self._export_id)
        touch(self._session, _KEYS.empty_table().select(KEY[:1]))
        self._execute(_TOUCHED, self._export_id)
        self._execute(
            'CREATE TEMPORARY TABLE pg_temp.took_part (conversation_id text COLLATE "C", user_id text COLLATE "C") '
            "ON COMMIT DROP"
        )
        self._execute(f"INSERT INTO pg_temp.took_part {_TAKE_PART}", self._owner_id)

    def _delete_head(self) -> None:
        """What the export says of conversations and people; of conversations that others have, REFRESH makes the rest.

        The export's own row has to stay as long as conversations refer to it, but names the owner no more.
        """
        for name in ("conversation_copies", "given_names", "rejects"):
            statement = f"DELETE FROM {SCHEMA}.{name} WHERE export_id = $1"
            self._removed[name] = self._changed(statement, self._export_id)
        self._execute(f"UPDATE {SCHEMA}.exports SET owner_name = NULL WHERE export_id = $1", self._export_id)
        self._execute(without_copies("participants"), self._owner_id)
        gone = self._changed(without_copies("conversations"), self._owner_id)
        restored = self._count(f"SELECT FROM {SCHEMA}.conversations WHERE export_id = $1", self._export_id)
        self._removed["conversations"], self._restored["conversations"] = restored + gone, restored

    def _change_media(self, others: list[str], elsewhere: list[str]) -> None:
        """No media files of its own; attachments as they were exported: who finds no object says so."""
        statement = f"DELETE FROM {SCHEMA}.media_files WHERE export_id = $1"
        self._removed["media_files"] = self._changed(statement, self._export_id)
        for export_id in (*others, *elsewhere):
            for part in self._parts[export_id]:
                if part != HEAD:
                    stage(self._session, "attachments", self._kept[export_id].attachments(part))
                    self._execute(_AS_EXPORTED, export_id)

    def _count_restored(self) -> None:
        for name in ("messages", "superseded_copies", *CHILDREN):
            self._restored[name] = self._count(
                f"SELECT FROM {SCHEMA}.{name} c JOIN pg_temp.taken t USING (conversation_id, message_id) "
                "WHERE c.owner_id = $1",
                self._owner_id,
            )
        before, now = "SELECT * FROM pg_temp.took_part", _TAKE_PART
        self._removed["participants"] = self._count(f"{before} EXCEPT {now}", self._owner_id)
        self._restored["participants"] = self._count(f"{now} EXCEPT {before}", self._owner_id)

    def _forget(self) -> None:
        """The ledger's rows and the export's own go; what stays is that it was here, and the number of its attempt."""
        self._removed["load_parts"] = self._changed(
            f"DELETE FROM {SCHEMA}.load_parts WHERE export_id = $1", self._export_id
        )
        if self._session.rows("SELECT to_regclass($1) IS NOT NULL", f"{SCHEMA}.unloads")[0][0]:
            self._execute(_UNLOADED, self._export_id)
        self._removed["exports"] = self._changed(f"DELETE FROM {SCHEMA}.exports WHERE export_id = $1", self._export_id)

    def _execute(self, statement: str, *parameters: str | int) -> None:
        self._session.execute(statement, *parameters)

    def _count(self, query: str, *parameters: str) -> int:
        return self._session.rows(f"SELECT count(*) FROM ({query}) counted", *parameters)[0][0]

    def _changed(self, statement: str, *parameters: str | int) -> int:
        """Run a DELETE; how many rows it was about."""
        counted = f"WITH changed AS ({statement} RETURNING 1) SELECT count(*) FROM changed"
        return self._session.rows(counted, *parameters)[0][0]


def restore_messages(session: Session, kept: Kept, parts: Iterable[int]) -> None:
    """Merge what some parts of an export have of the messages in ``taken``: of several the best copy comes back."""
    session.execute(
        'CREATE TEMPORARY TABLE IF NOT EXISTS pg_temp.candidates (conversation_id text COLLATE "C", '
        'message_id text COLLATE "C") ON COMMIT DROP'
    )
    for part in parts:
        if part == HEAD:
            continue
        session.execute("TRUNCATE pg_temp.candidates")
        session.copy("candidates", kept.messages(part))
        wanted = pa.Table.from_batches(session.batches(_WANTED), _KEYS)
        if wanted.num_rows:
            tables = {name: only(rows, wanted) for name, rows in kept.tables(part).items() if name != "rejects"}
            merge_messages(session, "", {**tables, "rejects": TABLES["rejects"].schema.empty_table()})


def without_copies(table: str) -> str:
    """DELETE of what belongs to conversations of which no export says anything any more."""
    return (
        f"DELETE FROM {SCHEMA}.{table} t USING pg_temp.touched WHERE t.owner_id = $1 "
        "AND t.conversation_id = touched.conversation_id AND NOT EXISTS ("
        f"SELECT FROM {SCHEMA}.conversation_copies c JOIN {SCHEMA}.exports e USING (export_id) "
        "WHERE c.conversation_id = t.conversation_id AND e.owner_id = $1)"
    )


_UNLOADED: Final = f"""
INSERT INTO {SCHEMA}.unloads (export_id, owner_id, task_id, loaded_at, unloaded_at)
SELECT export_id, owner_id, task_id, loaded_at, clock_timestamp()
FROM {SCHEMA}.exports WHERE export_id = $1"""

_CHANGED_MEDIA: Final = f"""
INSERT INTO pg_temp.changed_media SELECT DISTINCT document_id FROM {SCHEMA}.media_files WHERE export_id = $1"""

_HAS_CHANGED_MEDIA: Final = f"{folded('a.document_id')} IN (SELECT {folded('document_id')} FROM pg_temp.changed_media)"

# Attachments find their objects in the archives of every account.
_WITH_CHANGED_MEDIA: Final = f"""
e.owner_id <> $1 AND e.export_id IN (
    SELECT m.export_id FROM {SCHEMA}.messages m JOIN {SCHEMA}.attachments a
      ON (a.owner_id, a.conversation_id, a.message_id) = (m.owner_id, m.conversation_id, m.message_id)
    WHERE a.owner_id <> $1 AND {_HAS_CHANGED_MEDIA})"""

# Those of other exports may have left to what goes what they say.
_SUPERSEDED: Final = f"""
DELETE FROM {SCHEMA}.superseded_copies t WHERE t.owner_id = $1 AND (t.export_id = $2 OR {OF_TAKEN})"""

_TOUCHED: Final = f"""
INSERT INTO pg_temp.touched SELECT conversation_id FROM {SCHEMA}.conversation_copies WHERE export_id = $1"""

_TAKE_PART: Final = f"""
SELECT conversation_id, user_id FROM {SCHEMA}.participants JOIN pg_temp.touched USING (conversation_id)
WHERE owner_id = $1"""

_WANTED: Final = f"SELECT {', '.join(KEY)} FROM pg_temp.candidates JOIN pg_temp.taken USING ({', '.join(KEY)})"

_AS_EXPORTED: Final = f"""
UPDATE {SCHEMA}.attachments a
SET (media_member, present, media_export_id, media_sha256, preview_sha256, mime_type)
    = ROW(s.media_member, s.present, s.media_export_id, s.media_sha256, s.preview_sha256, s.mime_type)
FROM pg_temp.staging_attachments s, {SCHEMA}.messages m
WHERE (a.owner_id, a.conversation_id, a.message_id, a.ordinal)
      = (s.owner_id, s.conversation_id, s.message_id, s.ordinal)
  AND (m.owner_id, m.conversation_id, m.message_id) = (a.owner_id, a.conversation_id, a.message_id)
  AND m.export_id = $1 AND {_HAS_CHANGED_MEDIA}"""
