"""What is handed over: the messages that a query selects, in the order of conversation and time, counted and hashed.

The keys are read once and kept in a file, so that memory does not depend on how many there are; whatever is written of
the selection is read by them, within the same snapshot.

The digest of a selection is that of a table (``database.digests``): the SHA-256 over the SHA-256 of each row's text
form, here of ``(owner_id, conversation_id, message_id, raw_sha256)``, in the order of owner, conversation, time and id.
Each selection has the SQL by which anybody computes its digest again.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa

from skype_assets.etl.database import instants
from skype_assets.etl.database.session import Session, spelled
from skype_assets.etl.errors import DatabaseError, UsageError
from skype_assets.etl.reading import accounts, conversations, find, messages, people
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.reading.messages import Fetched, Message, Place
from skype_assets.etl.reading.people import Participant
from skype_assets.etl.reading.query import Query, parse

BATCH: Final = 2_000
"""Messages that are read at once."""

MANY: Final = 2_000
"""Messages of a month that are shown on one page."""

_ROW: Final = "ROW(m.owner_id, m.conversation_id, m.message_id, m.raw_sha256)"
_ORDER: Final = "m.owner_id, m.conversation_id, m.sent_at NULLS FIRST, m.message_id"

# A copy that an edit left goes with its original.
ORIGINALS: Final = (
    "(m.edit_of IS NULL OR NOT EXISTS (SELECT FROM skype.messages o WHERE (o.owner_id, o.conversation_id, o.message_id)"
    " = (m.owner_id, m.conversation_id, m.edit_of)))"
)

_KEYS: Final = f"""
SELECT m.owner_id, m.conversation_id, m.message_id, m.sent_at, {instants.month("m.sent_at")},
       sha256(convert_to({_ROW}::text, 'UTF8')), octet_length(m.text)
FROM skype.messages m WHERE {ORIGINALS}"""

# The same as text whatever ``bytea_output`` is.
_ROW_AS_TEXT: Final = _ROW.replace("m.raw_sha256", r"E'\\x' || encode(m.raw_sha256, 'hex')") + "::text"

DIGEST: Final = f"""\
SELECT encode(sha256(coalesce(string_agg(
         sha256(convert_to({_ROW_AS_TEXT}, 'UTF8')),
         ''::bytea ORDER BY {_ORDER}), ''::bytea)), 'hex'), count(*)
FROM skype.messages m
WHERE {ORIGINALS}"""
"""SQL that gives the digest of messages and their number, whatever a session has set: of all, or with conditions."""

# Of a copy that was found its original is taken; of an original that was found, itself.
_FOUND: Final = """
(m.owner_id, m.conversation_id, m.message_id) IN (
    SELECT c.owner_id, c.conversation_id, unnest(ARRAY[c.message_id, c.edit_of])
    FROM ({found}) AS f JOIN skype.messages c USING (owner_id, conversation_id, message_id))"""

_MEDIA: Final = """
SELECT coalesce(sum(size), 0)::bigint FROM (
    SELECT DISTINCT f.export_id, f.member, f.size_bytes AS size
    FROM skype.messages m JOIN skype.attachments a USING (owner_id, conversation_id, message_id)
    JOIN skype.media_files f ON f.export_id = a.media_export_id AND f.member = a.media_member
    WHERE a.present AND {conditions}
) AS files"""

_CHOSEN: Final = f"""
WITH found AS MATERIALIZED (
    SELECT m.owner_id, m.conversation_id, m.message_id FROM skype.messages m WHERE {ORIGINALS} AND {{condition}}
), chosen AS MATERIALIZED (
    SELECT * FROM found UNION
    SELECT c.owner_id, c.conversation_id, c.message_id FROM skype.messages c
    JOIN found f ON (f.owner_id, f.conversation_id, f.message_id) = (c.owner_id, c.conversation_id, c.edit_of)
), chats AS MATERIALIZED (SELECT DISTINCT owner_id, conversation_id FROM found)
"""

# The exports that have something of what is selected: its rows, other copies of it, its files, its conversations.
_EXPORTS: Final = """
SELECT export_id, sum(messages)::bigint FROM (
    SELECT m.export_id, count(*) AS messages FROM skype.messages m
    JOIN found USING (owner_id, conversation_id, message_id) GROUP BY 1
    UNION ALL SELECT c.export_id, 0 FROM skype.superseded_copies c
    JOIN chosen USING (owner_id, conversation_id, message_id) GROUP BY 1
    UNION ALL SELECT a.media_export_id, 0 FROM skype.attachments a
    JOIN chosen USING (owner_id, conversation_id, message_id) GROUP BY 1
    UNION ALL SELECT c.export_id, 0 FROM skype.conversation_copies c JOIN skype.exports USING (export_id)
    JOIN chats USING (owner_id, conversation_id) GROUP BY 1
) AS parts JOIN skype.exports e USING (export_id) WHERE e.owner_id IN (SELECT owner_id FROM chats) GROUP BY 1"""

_SPILLED: Final = pa.schema([("chapter", pa.int32()), ("message_id", pa.string())])


@dataclass(frozen=True)
class Wanted:
    """What somebody asks for: a query as in the reader, conversations by id, key or title, an account, a time zone."""

    query: str = ""
    conversations: tuple[str, ...] = ()
    owner: str | None = None
    time_zone: str = "UTC"

    @property
    def zone(self) -> ZoneInfo:
        """The zone of days and of times that are shown."""
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True)
class Chapter:
    """What is selected of a conversation: messages by month of the zone, under ``""`` those without a time.

    Counts and times of ``of`` are those of the table, or, of a part of a conversation, of what is selected.
    ``marks`` are, of months with many, the first of each further ``MANY`` messages.
    """

    of: Conversation
    months: Counter[str]
    marks: dict[str, list[Place]]

    @property
    def messages(self) -> int:
        """How many."""
        return self.months.total()

    @property
    def untimed(self) -> int:
        """Messages without a time."""
        return self.months[""]


class Passage(NamedTuple):
    """Messages of a conversation that follow each other, and what the people in them are called, by id."""

    of: Conversation
    messages: list[Message]
    names: dict[str, str]


@dataclass(frozen=True)
class Selection:
    """Messages that were selected.

    Attributes:
        wanted: what was asked for.
        chapters: by conversation, in the order of their ids.
        sha256: over all (hex).
        text_bytes: of their texts.
        media_bytes: of the files that they carry, each once.
        spilled: the file with their keys.
        condition: the SQL by which a message ``m`` is one of them; None = all are.
        parameters: those of the condition, texts and arrays of text.
        is_everything: whether nothing of the database is left out.
        sql: what gives its digest and the number of messages, with nothing beside it.
    """

    wanted: Wanted
    chapters: list[Chapter]
    sha256: str
    text_bytes: int
    media_bytes: int
    spilled: Path
    condition: str | None
    parameters: list[str | list[str]]
    is_everything: bool
    sql: str

    @cached_property
    def messages(self) -> int:
        """How many."""
        return sum(chapter.messages for chapter in self.chapters)

    @cached_property
    def untimed(self) -> int:
        """How many of them have no time."""
        return sum(chapter.untimed for chapter in self.chapters)

    @property
    def is_whole(self) -> bool:
        """Whether all conversations of its accounts are whole."""
        return not self.wanted.query.strip() and not self.wanted.conversations

    @property
    def has_whole_conversations(self) -> bool:
        """Whether of each conversation either everything is selected or nothing."""
        return not self.wanted.query.strip()

    @property
    def chosen(self) -> str:
        """SQL before a query: ``found``, keys of what is selected; ``chosen``, with what edits left; ``chats``."""
        return _CHOSEN.format(condition=self.condition or "true")

    @property
    def owners(self) -> list[str]:
        """The accounts that messages are of."""
        return list(dict.fromkeys(chapter.of.owner_id for chapter in self.chapters))

    def tells_of(self, of: Conversation, person: Participant) -> bool:
        """Whether it is told that somebody is in a conversation, if no selected message names them.

        Of a part of it, only who is in the conversation itself: others are known from messages that may be left out.
        """
        is_of_itself = person.is_owner or person.is_member or person.user_id == of.conversation_id
        return self.has_whole_conversations or is_of_itself

    def within(self, owner_id: str) -> list[str] | None:
        """The conversations of an account that may be told of; None = all."""
        return None if self.is_whole else self._chats[owner_id]

    @cached_property
    def _chats(self) -> dict[str, list[str]]:
        of_owner: dict[str, list[str]] = {}
        for chapter in self.chapters:
            of_owner.setdefault(chapter.of.owner_id, []).append(chapter.of.conversation_id)
        return of_owner

    def exports(self, session: Session) -> dict[str, int]:
        """The exports of its accounts that something of it was taken from: how many messages, by the export's id."""
        found: dict[str, int] = {}
        for batch in session.batches(f"{self.chosen} {_EXPORTS}", *self.parameters):
            found |= zip(*map(instants.objects, batch.columns), strict=True)
        return found

    def document(self) -> dict[str, Any]:
        """The selection as it stands in each output."""
        return {
            "query": self.wanted.query,
            "conversations": list(self.wanted.conversations),
            "owner": self.wanted.owner,
            "time_zone": self.wanted.time_zone,
            "messages": self.messages,
            "messages_without_time": self.untimed,
            "conversations_selected": len(self.chapters),
            "sha256": self.sha256,
            "sql": self.sql,
        }

    def read(self, session: Session) -> Iterator[list[Passage]]:
        """All messages with what belongs to them, ``BATCH`` of an account at once, in their order."""
        for owner_id, of_owner in groupby(self.keys(), lambda one: one[0].owner_id):
            while some := list(islice(of_owner, BATCH)):
                rows = messages.fetched(session, owner_id, [(of.conversation_id, id) for of, id in some])
                chats: dict[str, tuple[Conversation, list[Message]]] = {}
                for (of, _), message in zip(some, rows.messages(), strict=True):
                    chats.setdefault(of.conversation_id, (of, []))[1].append(message)
                names = self.names(session, owner_id, rows)
                yield [Passage(of, those, names[chat]) for chat, (of, those) in chats.items()]

    def names(self, session: Session, owner_id: str, rows: Fetched) -> dict[str, dict[str, str]]:
        """What those are called whom messages of an account name by id, by conversation."""
        return people.names(session, owner_id, rows.named(), self.within(owner_id))

    def keys(self) -> Iterator[tuple[Conversation, str]]:
        """Conversation and id of all messages, in their order."""
        with pa.memory_map(str(self.spilled)) as file, pa.ipc.open_stream(file) as keys:
            for batch in keys:
                for number, message_id in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    yield self.chapters[number].of, message_id


def select(session: Session, wanted: Wanted, keys: Path) -> Selection:
    """Select messages, within a transaction whose time zone is the wanted one.

    Args:
        session: with the database.
        wanted: what is asked for.
        keys: file to keep the keys in; it is not there yet.

    Raises:
        UsageError: the query cannot be understood, an account or conversation is not there, or nothing is selected.
    """
    query = parse(wanted.query, wanted.zone)
    owner_id = accounts.chosen(session, wanted.owner).owner_id if wanted.owner is not None else None
    chosen = [conversations.chosen(session, owner_id, name) for name in wanted.conversations]
    conditions, parameters = _conditions(session, query, owner_id, chosen)
    hashed, text_bytes = hashlib.sha256(), 0
    found: list[_Found] = []
    statement = " AND ".join([_KEYS, *conditions]) + f" ORDER BY {_ORDER}"
    with pa.OSFile(str(keys), "wb") as file, pa.ipc.new_stream(file, _SPILLED) as spilled:
        # What the driver gives at once would be many objects.
        batches = (
            batch.slice(first, BATCH)
            for batch in session.batches(statement, *parameters)
            for first in range(0, batch.num_rows, BATCH)
        )
        for batch in batches:
            owners, chats, ids, sent, months, hashes, sizes = map(instants.objects, batch.columns)
            hashed.update(b"".join(hashes))
            text_bytes += sum(sizes)
            numbers: list[int] = []
            for row, (owner, chat, month) in enumerate(zip(owners, chats, months, strict=True)):
                if not found or (owner, chat) != found[-1].key:
                    found.append(_Found((owner, chat)))
                found[-1].add(month or "", Place(sent[row], ids[row]))
                numbers.append(len(found) - 1)
            spilled.write(pa.record_batch([pa.array(numbers, pa.int32()), pa.array(ids, pa.string())], _SPILLED))
    if not found:
        raise UsageError("nothing is selected: no message is there that this asks for")
    known = conversations.known(session, [one.key for one in found])
    chapters = [one.chapter(known.get(one.key), is_whole=not query) for one in found]
    media = " AND ".join([ORIGINALS, *conditions])
    media_bytes = next(session.batches(_MEDIA.format(conditions=media), *parameters))[0][0].as_py()
    condition = " AND ".join(conditions) or None
    is_everything = not query and not chosen and (owner_id is None or len(accounts.accounts(session)) == 1)
    selected = (wanted, chapters, hashed.hexdigest(), text_bytes, media_bytes, keys, condition, parameters)
    told = _digest(session, query, owner_id, [chapter.of for chapter in chapters] if chosen else [])
    return Selection(*selected, is_everything, told)


def _digest(session: Session, query: Query, owner_id: str | None, chosen: list[Conversation]) -> str:
    """The SQL of the digest of what is selected, in ASCII."""
    conditions, parameters = _conditions(session, query, owner_id, chosen, by_itself=True)
    statement = spelled("\n  AND ".join([DIGEST, *conditions]) + ";", *parameters)
    return re.sub(r"'([^\x00-\x7f])'", lambda sign: rf"E'\u{ord(sign[1]):04x}'", statement)


@dataclass
class _Found:
    """What is found of a conversation, given by account and id; its messages come in the order of time."""

    key: tuple[str, str]
    months: Counter[str] = field(default_factory=Counter[str])
    marks: dict[str, list[Place]] = field(default_factory=dict[str, list[Place]])
    first: datetime | None = None
    last: datetime | None = None

    def add(self, month: str, place: Place) -> None:
        """One more message."""
        if self.months[month] and self.months[month] % MANY == 0:
            self.marks.setdefault(month, []).append(place)
        self.months[month] += 1
        self.first, self.last = self.first or place.sent_at, place.sent_at

    def chapter(self, of: Conversation | None, *, is_whole: bool) -> Chapter:
        """What is selected; of a part of a conversation, nothing is told of how much there is besides."""
        if of is None:
            raise DatabaseError("a message belongs to no conversation: skype-assets verify --all says which")
        if not is_whole:
            of = replace(of, message_count=self.months.total(), first=self.first, last=self.last)
        return Chapter(of, self.months, self.marks)


def _conditions(
    session: Session, query: Query, owner_id: str | None, chosen: list[Conversation], *, by_itself: bool = False
) -> tuple[list[str], list[str | list[str]]]:
    conditions: list[str] = []
    parameters: list[str | list[str]] = []
    if query:
        found, parameters = find.every(session, query, owner_id, by_itself=by_itself)
        conditions.append(_FOUND.format(found=found))
    if owner_id is not None:
        parameters.append(owner_id)
        conditions.append(f"m.owner_id = ${len(parameters)}")
    if chosen:
        parameters += [[one.owner_id for one in chosen], [one.conversation_id for one in chosen]]
        owners, chats = f"${len(parameters) - 1}::text[]", f"${len(parameters)}::text[]"
        conditions.append(f"(m.owner_id, m.conversation_id) IN (SELECT * FROM unnest({owners}, {chats}))")
    return conditions, parameters
