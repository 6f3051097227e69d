"""Are the rows that an export must have in the database there, column by column? Questions only, nothing is written.

What must be there is handed in: the rows as they are sent when they are loaded. A message that another export has won
must be there in a better copy, by the rules of ``merging``; whether that is what the other one says is asked when that
one is compared.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.database import as_sent, instants
from skype_assets.etl.database.comparing_objects import (
    OBJECT,
    OF_ARCHIVES,
    compare_media_files,
    compare_objects,
    has_company,
)
from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.matching import (
    NAMED,
    NOT_EXPORTED,
    Comparison,
    Expected,
    Mask,
    found_rows,
    joined,
    where,
)
from skype_assets.etl.database.merging import CHILDREN
from skype_assets.etl.database.session import Session
from skype_assets.etl.rows.superseded import say_the_same, superseded, without_wording
from skype_assets.etl.schema.tables import TABLES

_MESSAGE: Final = TABLES["messages"].key[1:]
_OF_ALL_EXPORTS: Final = [name for name in TABLES["conversations"].schema.names if name != "kind"]
_BEFORE_ALL: Final = -(2**62)
NOT_SUPERSEDED: Final = "is no superseded copy of the export"


@dataclass(frozen=True)
class Ours:
    """The export whose rows are compared."""

    export_id: str
    owner_id: str
    exported_at: int
    """In half microseconds since 1970, one more if it is whole; of one that does not say it, before all others."""

    @classmethod
    def of(cls, exports: pa.Table) -> "Ours":
        """The export of a row of ``exports``."""
        is_whole = not exports["unreadable_bytes"][0].is_valid
        at = exports["exported_at"].cast(pa.int64())[0].as_py()
        return cls(
            exports["export_id"][0].as_py(),
            exports["owner_id"][0].as_py(),
            2 * (_BEFORE_ALL if at is None else at) + is_whole,
        )


def server_version(session: Session) -> str:
    """Version of PostgreSQL."""
    with session.transaction():
        return session.rows("SELECT current_setting('server_version')")[0][0]


def compare_head(session: Session, ours: Ours, tables: Callable[[str], pa.Table], most: int = NAMED) -> Comparison:
    """Compare what messages refer to; ``tables`` gives those of the head by name, ``most`` rows that differ are named.

    Conversations and participants are made of the rows of all exports of the account: only where there is no other one
    they are what this one says.
    """
    comparison = Comparison(most=most)
    with session.transaction(snapshot=True):
        for name in ("conversation_copies", "given_names"):
            found = found_rows(session, name, "WHERE t.export_id = $1", ours.export_id)
            Expected(name, tables(name)).compare(found, comparison)
        _find_rejects(session, ours, tables("rejects"), comparison)
        compare_media_files(session, (ours.owner_id, ours.export_id), tables("media_files"), comparison)
        if has_company(session, ours.owner_id, ours.export_id):
            conversations = Expected("conversations", tables("conversations"))
            for found in found_rows(session, "conversations", "WHERE t.owner_id = $1", ours.owner_id):
                places = conversations.places(found)
                conversations.meet(where(found, places >= 0), places[places >= 0], comparison, apart=_OF_ALL_EXPORTS)
            conversations.note_missing(comparison)
        else:
            for name in ("conversations", "participants"):
                found = found_rows(session, name, "WHERE t.owner_id = $1", ours.owner_id)
                Expected(name, tables(name)).compare(found, comparison)
    return comparison


def compare_messages(session: Session, ours: Ours, part: Callable[[str], pa.Table], most: int = NAMED) -> Comparison:
    """Compare the messages of a part, and what hangs on them.

    Args:
        session: with the database.
        ours: the export.
        part: gives the tables of the part by name; each is asked for once, so that not all need be in memory.
        most: how many of the rows that differ are named.
    """
    comparison = Comparison(most=most)
    messages = Expected("messages", part("messages"))
    ranges = _ranges(messages.rows)
    aside = [part("superseded_copies")]
    with session.transaction(snapshot=True):
        _find_rejects(session, ours, part("rejects"), comparison)
        # Of an account with other exports, their rows are found as well.
        is_alone = not has_company(session, ours.owner_id, ours.export_id)
        if is_alone and as_sent.are_there(session, "messages", messages.rows, _IN_RANGES, ours.owner_id, *ranges):
            is_ours = messages.note_equal(comparison)
        else:
            is_ours = _compare_found(session, ours, messages, ranges, aside, comparison)
        comparison.messages = int(np.count_nonzero(is_ours))
        messages.note_missing(comparison)
        _compare_superseded(session, ours, messages.rows, is_ours, pa.concat_tables(aside), comparison)
        keys = cache(lambda: joined(where(messages.rows, is_ours), _MESSAGE))
        for name in CHILDREN:
            children = part(name)
            if not is_ours.all():
                children = where(children, _is_among(children, keys()))
            expected = Expected(name, children)
            if is_alone and as_sent.are_there(session, name, children, _IN_RANGES, ours.owner_id, *ranges):
                expected.note_equal(comparison)
            else:
                found = found_rows(session, name, _IN_RANGES, ours.owner_id, *ranges)
                _compare_children(session, expected, found, keys(), comparison)
    return comparison


def _compare_found(
    session: Session,
    ours: Ours,
    messages: Expected,
    ranges: tuple[list[str], list[str], list[str]],
    aside: list[pa.Table],
    comparison: Comparison,
) -> Mask:
    """Which messages of a part are there as ours; ``aside`` gets the copies that better ones of others have won."""
    exported_at = dict(session.rows(_EXPORTED_AT, ours.owner_id))
    is_ours: Mask = np.zeros(messages.rows.num_rows, np.bool_)
    for found in found_rows(session, "messages", _IN_RANGES, ours.owner_id, *ranges):
        places = messages.places(found)
        of_us = pc.equal(found["export_id"], ours.export_id).to_numpy() & (places >= 0)
        of_others = ~of_us & (places >= 0)
        is_ours[places[of_us]] = True
        messages.meet(where(found, of_us), places[of_us], comparison)
        messages.note_seen(places[of_others])
        copies = messages.rows.take(pa.array(places[of_others]))
        aside += _compare_copies(ours, where(found, of_others), copies, exported_at, comparison)
    return is_ours


def compare_rejects(session: Session, ours: Ours, rejects: pa.Table, most: int = NAMED) -> Comparison:
    """Compare the rejects of all parts; which are missing their parts say."""
    comparison, expected = Comparison(most=most), Expected("rejects", rejects)
    with session.transaction(snapshot=True):
        for found in found_rows(session, "rejects", "WHERE t.export_id = $1", ours.export_id):
            expected.meet_all(found, comparison)
    return comparison


def compare_records(session: Session, export: pa.Table, ledger: pa.Table, status: str, most: int = NAMED) -> Comparison:
    """Compare what the database records of an export: its row, and the rows of its ledger.

    When and by which attempt it was loaded no checkpoint says: these must only be possible.

    Args:
        session: with the database.
        export: the row of ``exports``.
        ledger: rows of ``load_parts``, but for the columns that no checkpoint says.
        status: what the row must say.
        most: how many of the rows that differ are named.
    """
    comparison, expected = Comparison(most=most), Expected("exports", export)
    export_id = export["export_id"][0].as_py()
    with session.transaction(snapshot=True):
        for found in found_rows(session, "exports", "WHERE t.export_id = $1", export_id):
            expected.meet(found, expected.places(found), comparison, apart=_OF_RUN)
        expected.note_missing(comparison)
        parts = found_rows(session, "load_parts", "WHERE t.export_id = $1", export_id)
        Expected("load_parts", ledger).compare(parts, comparison)
        for table, condition, what in (
            ("exports", f"({_IS_POSSIBLE}) IS NOT TRUE", "status or times are impossible"),
            ("load_parts", f"({_IS_POSSIBLE_PART}) IS NOT TRUE", "attempt or time is impossible"),
        ):
            key = ", ".join(f"t.{name}" for name in TABLES[table].key)
            impossible = f"SELECT {key} FROM {SCHEMA}.{table} t WHERE t.export_id = $1 AND {condition}"
            for batch in session.batches(impossible, export_id, status):
                comparison.note_wrong(table, pa.Table.from_batches([batch]), what)
    return comparison


def count_messages(session: Session, export_id: str) -> int:
    """How many messages the database says are an export's."""
    return session.rows(f"SELECT count(*) FROM {SCHEMA}.messages WHERE export_id = $1", export_id)[0][0]


def compare_keys(session: Session, ours: Ours, parts: Iterable[pa.Table], most: int = NAMED) -> Comparison:
    """Find the messages that the database says are an export's and that are in none of its parts.

    Args:
        session: with the database.
        ours: the export.
        parts: the keys of the messages of each part, but the owner.
        most: how many of the rows that differ are named.
    """
    columns = TABLES["messages"].key
    query = f"SELECT {', '.join(columns)} FROM {SCHEMA}.messages WHERE export_id = $1"
    with session.transaction(snapshot=True):
        batches = list(session.batches(query, ours.export_id))
    left = pa.Table.from_batches(batches, pa.schema([(name, pa.string()) for name in columns]))
    is_left = np.ones(left.num_rows, np.bool_)
    is_owners = pc.equal(left["owner_id"], ours.owner_id).to_numpy()
    for keys in parts:
        is_left &= ~(_is_among(left, joined(keys, _MESSAGE)) & is_owners)
    comparison = Comparison(most=most)
    comparison.note_wrong("messages", where(left, is_left), NOT_EXPORTED)
    return comparison


def count_superseded(session: Session, export_id: str) -> int:
    """How many copies of an export the database has beside the messages."""
    return session.rows(f"SELECT count(*) FROM {SCHEMA}.superseded_copies WHERE export_id = $1", export_id)[0][0]


def compare_offsets(session: Session, ours: Ours, parts: Iterable[pa.Table], most: int = NAMED) -> Comparison:
    """Find the superseded copies that the database says are an export's and that stand nowhere in its parts.

    Args:
        session: with the database.
        ours: the export.
        parts: of each part where its copies stand, column source_offset.
        most: how many of the rows that differ are named.
    """
    comparison, key = Comparison(most=most), TABLES["superseded_copies"].key
    query = f"SELECT {', '.join(key)} FROM {SCHEMA}.superseded_copies WHERE export_id = $1"
    with session.transaction(snapshot=True):
        batches = list(session.batches(query, ours.export_id))
    schema = pa.schema([TABLES["superseded_copies"].schema.field(name) for name in key])
    left = pa.Table.from_batches(batches).cast(schema) if batches else schema.empty_table()
    for offsets in parts:
        left = where(left, ~pc.is_in(left["source_offset"], value_set=offsets["source_offset"]).to_numpy())
    comparison.note_wrong("superseded_copies", left, NOT_EXPORTED)
    return comparison


def _find_rejects(session: Session, ours: Ours, rejects: pa.Table, comparison: Comparison) -> None:
    """Which rejects of a part are missing."""
    if rejects.num_rows:
        expected = Expected("rejects", rejects)
        first, last = (rank(rejects["ordinal"]).as_py() for rank in (pc.min, pc.max))
        within = f"WHERE t.export_id = $1 AND t.ordinal BETWEEN {first} AND {last}"
        for found in found_rows(session, "rejects", within, ours.export_id):
            expected.note_seen(expected.places(found))
        expected.note_missing(comparison)


def _ranges(messages: pa.Table) -> tuple[list[str], list[str], list[str]]:
    """Conversations, and the first and the last message id in each.

    Ids are instants, and an export has them in their order: hardly any other part's lie between.
    """
    found = messages.select(_MESSAGE).group_by("conversation_id", use_threads=False)
    ranges = found.aggregate([("message_id", "min"), ("message_id", "max")])
    first, last, conversations = (
        ranges[name].to_pylist() for name in ("message_id_min", "message_id_max", "conversation_id")
    )
    return conversations, first, last


def _is_among(rows: pa.Table, keys: pa.Array) -> Mask:
    """Of each row, whether the message that it is about is among some."""
    return pc.is_in(joined(rows, _MESSAGE), value_set=keys).to_numpy(zero_copy_only=False)


def _compare_copies(
    ours: Ours, theirs: pa.Table, copies: pa.Table, exported_at: Mapping[str, int], comparison: Comparison
) -> Sequence[pa.Table]:
    """Messages that others have won against what we have: each must be the better copy, and ours a superseded one."""

    def ranks(rows: pa.Table, at: Callable[[str], int | None]) -> Iterator[tuple[int, int | None, bytes, str]]:
        columns = (rows[name].to_pylist() for name in ("version", "raw_sha256", "export_id"))
        for version, raw_sha256, export_id in zip(*columns, strict=True):
            yield (-1 if version is None else version, at(export_id), raw_sha256, export_id)

    lesser: Mask = np.zeros(theirs.num_rows, np.bool_)
    for row, (their, our) in enumerate(
        zip(ranks(theirs, exported_at.get), ranks(copies, lambda _: ours.exported_at), strict=True)
    ):
        lesser[row] = their[1] is None or their < our
    comparison.note_missing("messages", where(theirs, lesser), "is a lesser copy than that of the export")
    theirs, copies = where(theirs, ~lesser), where(copies, ~lesser)
    comparison.better_of.update(theirs["export_id"].to_pylist())
    is_said = say_the_same(theirs, copies)
    return superseded(where(copies, ~is_said)), without_wording(superseded(where(copies, is_said)))


def _compare_superseded(
    session: Session, ours: Ours, messages: pa.Table, is_ours: Mask, copies: pa.Table, comparison: Comparison
) -> None:
    """Copies of a part that are not the message; a copy that is the message is not there as well.

    Which of the two a copy is, nobody can tell as long as the message is missing, or only there in a lesser copy.
    """
    offsets = [*messages["source_offset"].chunks, *copies["source_offset"].chunks]
    if not sum(map(len, offsets)):
        return
    first, last = (edge(pa.chunked_array(offsets)).as_py() for edge in (pc.min, pc.max))
    expected, chosen = Expected("superseded_copies", copies), where(messages, is_ours)["source_offset"]
    within = f"WHERE t.export_id = $1 AND t.source_offset BETWEEN {first} AND {last}"
    for found in found_rows(session, "superseded_copies", within, ours.export_id):
        places = expected.places(found)
        comparison.superseded += int(np.count_nonzero(places >= 0))
        expected.meet(where(found, places >= 0), places[places >= 0], comparison)
        # Where nothing at all stands in the export, ``compare_offsets`` finds it.
        is_message = pc.is_in(found["source_offset"], value_set=chosen).to_numpy() & (places < 0)
        comparison.note_wrong("superseded_copies", where(found, is_message), NOT_SUPERSEDED)
    expected.note_missing(comparison)


def _compare_children(
    session: Session, expected: Expected, found: Iterator[pa.Table], keys: pa.Array, comparison: Comparison
) -> None:
    """What hangs on messages that are ours, whose ``keys`` these are."""
    objects: list[tuple[pa.Table, pa.Table]] = []
    for some in found:
        places = expected.places(some)
        known = places >= 0
        there, others, places = where(some, known), where(some, ~known), places[known]
        if expected.table == "attachments":
            expected.meet(there, places, comparison, apart=OF_ARCHIVES)
            objects.append((there.select(OBJECT), expected.rows.take(pa.array(places)).select(OBJECT)))
        else:
            expected.meet(there, places, comparison)
        if others.num_rows:
            comparison.note_wrong(expected.table, where(others, _is_among(others, keys)), NOT_EXPORTED)
    expected.note_missing(comparison)
    compare_objects(session, objects, comparison)


_EXPORTED_AT: Final = f"""
SELECT export_id,
       coalesce((extract(epoch FROM {instants.nearest("exported_at")}) * 1000000)::bigint, {_BEFORE_ALL}) * 2
       + (unreadable_bytes IS NULL)::integer
FROM {SCHEMA}.exports WHERE owner_id = $1"""

_OF_RUN: Final = ("started_at", "loaded_at", "status")

_IS_POSSIBLE: Final = f"""
t.status = $2 AND {instants.is_possible("t.started_at")}
AND CASE WHEN t.status = 'loading' THEN t.loaded_at IS NULL ELSE {instants.is_possible("t.loaded_at")} END"""

_IS_POSSIBLE_PART: Final = f"""
{instants.is_possible("t.committed_at")} AND t.attempt BETWEEN 1 AND
(SELECT a.attempt FROM {SCHEMA}.attempts a WHERE a.export_id = t.export_id)"""

_IN_RANGES: Final = """
JOIN unnest($2, $3, $4) AS r (conversation_id, first, last)
  ON t.conversation_id = r.conversation_id AND t.message_id BETWEEN r.first AND r.last WHERE t.owner_id = $1"""
